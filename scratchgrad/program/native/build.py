"""Building: C source to a shared library, with the compiler that is there, kept by content.

In   source
Out  a loaded library; the next process that has the same source, compiler and processor finds it ready

No flag changes what happens to infinities or to what is not a number: sums may be reordered where the source says so
(`omp simd reduction`), and errno and traps, which nobody reads, are left out.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from scratchgrad.cache import cache_folder

__all__ = ["NoCompiler", "compiler", "library", "product"]

FLAGS = ("-O3", "-march=native", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC", "-w")


class NoCompiler(RuntimeError):
    """No C compiler, or one that refuses the source."""


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
    folder = cache_folder("native")
    path = folder / f"{key}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            code, built = Path(scratch) / "step.c", Path(scratch) / "step.so"
            code.write_text(source, encoding="utf-8")
            done = subprocess.run(
                [cc, *FLAGS, str(code), "-o", str(built), "-lm"], capture_output=True, text=True, check=False
            )
            if done.returncode:
                lines = done.stderr.strip().splitlines() or ["no message"]
                raise NoCompiler(f"{cc} refused the source: {lines[0]}")
            os.replace(built, path)
    return ctypes.CDLL(str(path))


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
    done = subprocess.run([cc, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0] if done.stdout else ""


@cache
def _processor() -> str:
    """What the instructions that -march=native chooses depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(next((line for line in lines if line.startswith(k)), "") for k in ("model name", "flags"))
