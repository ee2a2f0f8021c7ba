"""The two commands of this repository; they need Python 3.11+ with venv and pip, and nothing else.

    python3 dev.py demo     install what is needed into .venv, then run the lab: out/lab/ holds the report
    python3 dev.py test     install the testing tools as well, then lint, types, walls and tests

A second run finds .venv as it left it and installs nothing.

torch comes from the first of these that has the pinned version:
  1. the wheels that pip's configuration names (find-links), without any network;
  2. on Linux, PyTorch's CPU index, because PyPI's wheel brings gigabytes of CUDA libraries along
     (SCRATCHGRAD_CUDA=1 goes straight to 3, for those who want them; with a .venv made before, remove it first);
  3. the index that pip is configured with.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "scratchgrad-setup.json"
CONSTRAINTS = ROOT / "constraints.txt"
INPUTS = ("pyproject.toml", "constraints.txt")

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# An index that does not answer costs one attempt of ten seconds, not pip's usual minutes.
CPU_INDEX_OPTIONS = ["--index-url", CPU_INDEX, "--retries", "0", "--timeout", "10"]

CHECKS = {
    "ruff": ["ruff", "check", "."],
    "mypy": ["mypy"],
    "import-linter": ["lint-imports"],
    "pytest": ["pytest", "-q", "-n", "2"],
}


class SetupFailed(RuntimeError):
    """A step of the set-up that did not succeed; the message says which, and what to try."""


def say(message: str) -> None:
    """One line for the person who waits."""
    print(message, flush=True)


def fingerprint(python: str, inputs: dict[str, bytes], venv_path: str) -> str:
    """What the set-up depends on, as a hash: the interpreter, the files that name the packages, the place of .venv."""
    digest = hashlib.sha256()
    for part in (python.encode(), venv_path.encode(), *(part for item in sorted(inputs.items()) for part in item)):
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def installed_extras(stamp: str | None, wanted: str) -> set[str] | None:
    """The extras that an earlier set-up installed; None where there was none, or for other inputs than these."""
    try:
        record = json.loads(stamp or "")
        return set(record["extras"]) if record["fingerprint"] == wanted else None
    except (ValueError, KeyError, TypeError):
        return None


def pinned(constraints: str, package: str) -> str:
    """The version that constraints.txt pins for a package."""
    match = re.search(rf"^{re.escape(package)}==(\S+)", constraints, re.MULTILINE)
    if match is None:
        raise SetupFailed(f"set-up: {CONSTRAINTS.name} pins no {package}; add a line {package}==VERSION")
    return match[1]


def torch_attempts(version: str, *, linux: bool, cuda: bool) -> list[tuple[str, list[str]]]:
    """The ways to get torch, in order: words for the person who waits, arguments for `pip install`."""
    # Without its dependencies, so that an attempt that fails fetches nothing; they come with the package's own.
    cpu = f"torch=={version}+cpu"
    attempts = []
    if not cuda:
        attempts.append(("wheels at hand", ["--no-index", "--no-deps", cpu]))
    if linux and not cuda:
        attempts.append((f"{CPU_INDEX} (some 200 MB)", ["--no-deps", *CPU_INDEX_OPTIONS, cpu]))
    attempts.append(("pip's own index" + (" (with CUDA, gigabytes)" if linux else ""), [f"torch=={version}"]))
    return attempts


def pip(*arguments: str, quiet: bool = False) -> bool:
    """Whether `pip install` with these arguments succeeded; its words are hidden where failing is expected."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "-qq", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=quiet, check=False).returncode == 0


def install_torch() -> None:
    """The pinned torch stands in .venv; raises SetupFailed where no source has it."""
    version = pinned(CONSTRAINTS.read_text(encoding="utf-8"), "torch")
    cuda = os.environ.get("SCRATCHGRAD_CUDA", "") not in ("", "0")
    have = subprocess.run(
        [str(PYTHON), "-c", "from importlib.metadata import version; print(version('torch'))"],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    if have.partition("+")[0] == version:
        return
    attempts = torch_attempts(version, linux=sys.platform == "linux", cuda=cuda)
    for source, arguments in attempts:
        last = source == attempts[-1][0]
        say(f"set-up: torch {version} from {source}")
        if pip("-c", str(CONSTRAINTS), *arguments, quiet=not last):
            return
        say(f"set-up: torch {version} is not there")
    raise SetupFailed(
        f"set-up: torch {version} could not be installed on Python {sys.version.split()[0]} ({sys.platform}); "
        f"pip's reason stands above. Check the network, or put a wheel of it where pip looks (PIP_FIND_LINKS)."
    )


def make_venv() -> None:
    """.venv holds a Python that runs and has pip; a broken one is made anew."""
    if PYTHON.exists():
        works = subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False)
        if works.returncode == 0:
            return
    say(f"set-up: a virtual environment in {VENV.name}")
    try:
        venv.create(VENV, clear=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupFailed(
            f"set-up: the virtual environment {VENV} could not be made ({error}); "
            "on Debian and Ubuntu, the package python3-venv may be missing"
        ) from error


def set_up(extras: set[str]) -> None:
    """.venv has the package (editable), its dependencies and these extras; does nothing where that is so already."""
    version = f"{sys.version} {sys.platform}"
    wanted = fingerprint(version, {name: (ROOT / name).read_bytes() for name in INPUTS}, str(VENV))
    have = installed_extras(STAMP.read_text(encoding="utf-8") if STAMP.exists() else None, wanted)
    if have is not None and extras <= have and PYTHON.exists():
        return
    start = time.monotonic()
    make_venv()
    install_torch()
    extras = extras | (have or set())
    named = ",".join(sorted(extras))
    say(f"set-up: scratchgrad with its dependencies ({named})")
    if not pip("-c", str(CONSTRAINTS), "--editable", f"{ROOT}[{named}]"):
        raise SetupFailed(
            "set-up: scratchgrad's dependencies could not be installed; pip's reason stands above. "
            "Check the network and run the command again: what is installed already stays."
        )
    unfinished = STAMP.with_suffix(".new")
    unfinished.write_text(json.dumps({"fingerprint": wanted, "extras": sorted(extras)}), encoding="utf-8")
    unfinished.replace(STAMP)
    say(f"set-up: done in {time.monotonic() - start:.0f} s")


def demo() -> int:
    """The lab, end to end: derive, certify, train, report."""
    set_up({"pdf"})
    lab = [str(BIN / "scratchgrad"), "lab", "--out", str(Path("out", "lab"))]
    return subprocess.run(lab, cwd=ROOT, check=False).returncode


def test() -> int:
    """Every check, even after one has failed; 0 where all of them passed."""
    set_up({"pdf", "testing"})
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "ci", "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    failed = []
    for name, command in CHECKS.items():
        say(f"test: {name}")
        start = time.monotonic()
        done = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, env=environment, check=False)
        say(f"test: {name} {'passed' if done.returncode == 0 else 'FAILED'} in {time.monotonic() - start:.1f} s")
        if done.returncode:
            failed.append(name)
    say(f"test: failed: {', '.join(failed)}" if failed else "test: all passed")
    return 1 if failed else 0


def main(arguments: list[str] | None = None) -> int:
    """The exit status of the command named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("demo", "test"))
    command = parser.parse_args(arguments).command
    if sys.version_info < (3, 11):  # noqa: UP036  # this file is what an older Python would run first
        say(f"scratchgrad needs Python 3.11 or newer, this is {sys.version.split()[0]}: try python3.11 dev.py")
        return 2
    try:
        return demo() if command == "demo" else test()
    except SetupFailed as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here")
        return 130


if __name__ == "__main__":
    sys.exit(main())
