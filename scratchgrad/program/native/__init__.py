"""The native backend: a plan as one C function, compiled once, called through ctypes.

    emit      calls become C: loops for what is entrywise, calls of torch's own BLAS for products
    build     the C compiler that is there, and a cache by content
    backend   a Program that runs it, after it has been compared with the torch program on this machine

Nothing is compiled unless it is asked for, and nothing is run that was not compared.
"""

from scratchgrad.program.native.backend import NativeProgram, NativeUnavailable, native
from scratchgrad.program.native.build import compiler

__all__ = ["NativeProgram", "NativeUnavailable", "compiler", "native"]
