"""Building: C source to a shared library, with the compiler that is there, kept by content.

In   source
Out  a loaded library; the next process that has the same source, compiler and processor finds it ready

Beside each library lies its sha256, which is compared before it is loaded: a damaged one is built again.

No flag changes what happens to infinities or to what is not a number: sums may be reordered where the source says so
(`omp simd reduction`), and errno and traps, which nobody reads, are left out.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from scratchgrad import atomic
from scratchgrad.cache import writable_cache_folder

__all__ = ["NoCompiler", "compiler", "library", "product"]

FLAGS = ("-O3", "-march=native", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC", "-w")


SECONDS = 120.0
"""How long a compiler may take."""


class NoCompiler(RuntimeError):
    """No C compiler, or one that refuses the source, takes too long, or writes no library."""


@cache
def compiler() -> str | None:
    """The path of a C compiler: $CC, cc, gcc or clang; None where there is none."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        found = shutil.which(name) if name else None
        if found:
            return found
    return None


def library(source: str) -> ctypes.CDLL:
    """The compiled source, loaded."""
    cc = compiler()
    if cc is None:
        raise NoCompiler("there is no C compiler (cc, gcc or clang); set CC to one")
    key = hashlib.sha256("\n".join((source, cc, _version(cc), " ".join(FLAGS), _processor())).encode()).hexdigest()[:24]
    path = writable_cache_folder("native") / f"{key}.so"
    if not _is_whole(path):
        built = _built(cc, source)
        try:
            atomic.write_bytes(path, built)
            atomic.write_text(path.with_suffix(".sha256"), hashlib.sha256(built).hexdigest())
        except OSError as error:
            raise NoCompiler(f"the library cannot be written: {error}") from error
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise NoCompiler(f"what {cc} has built cannot be loaded: {error}") from error


def _is_whole(path: Path) -> bool:
    """Whether the library lies there as it was written."""
    try:
        written = path.with_suffix(".sha256").read_text(encoding="utf-8")
        return hashlib.sha256(path.read_bytes()).hexdigest() == written
    except (OSError, UnicodeDecodeError):
        return False


def _built(cc: str, source: str) -> bytes:
    """The library that the compiler makes of the source."""
    with tempfile.TemporaryDirectory(prefix="scratchgrad-") as scratch:
        code, built = Path(scratch) / "step.c", Path(scratch) / "step.so"
        code.write_text(source, encoding="utf-8")
        failed, words = _run([cc, *FLAGS, str(code), "-o", str(built), "-lm"])
        if failed:
            raise NoCompiler(f"{cc} refused the source: {(words.strip().splitlines() or ['no message'])[0]}")
        try:
            return built.read_bytes()
        except OSError as error:
            raise NoCompiler(f"{cc} says that all is well, and has written no library") from error


def _run(command: list[str]) -> tuple[bool, str]:
    """Whether the command failed, and what it wrote.  Raises NoCompiler where it cannot be run, or does not end."""
    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                words, _ = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # what it has started, too
                raise NoCompiler(f"{command[0]} was stopped after {SECONDS:g} s") from None
            return bool(process.returncode), words
    except OSError as error:
        raise NoCompiler(f"{command[0]} cannot be run: {error.strerror or error}") from error


@cache
def product(real: str) -> int:
    """The address of torch's own sgemm or dgemm; NoCompiler where torch does not show it."""
    import torch

    folder = Path(torch.__file__).parent / "lib"
    for name in ("libtorch_cpu.so", "libtorch_cpu.dylib"):
        if (folder / name).exists():
            loaded = ctypes.CDLL(str(folder / name))
            function = getattr(loaded, f"{real}gemm_", None)
            if function is not None:
                return ctypes.cast(function, ctypes.c_void_p).value or 0
    raise NoCompiler(f"torch's library does not show {real}gemm_")


@cache
def _version(cc: str) -> str:
    _, words = _run([cc, "--version"])
    return words.splitlines()[0] if words else ""


@cache
def _processor() -> str:
    """What the instructions that -march=native chooses depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(next((line for line in lines if line.startswith(k)), "") for k in ("model name", "flags"))
