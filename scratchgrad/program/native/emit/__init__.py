"""Emission: the calls of a plan as C.

In   a Plan
Out  Emitted: source with the functions sg_bind(gemm) and sg_step(pointers, given...), and what its pointers point at

    writer         the lines so far; where the tensors are
    nests          loops over several tensors at once, axes merged where they can be
    fusing         which calls share one loop
    entrywise      one line an entry; the loops of fused calls
    products       BLAS, and loops for what is too small for it
    reductions     sums, means, maxima, dot products
    softmax        softmax and its relatives, line by line
    convolutions   columns of a few samples, then BLAS
    pooling        windows' maxima and means
    indexing       rows at places that integers say
    copying        concatenation, padding
    source         all of it together

Shapes and strides are numbers in the source.  A call without a form here raises Unsupported.
"""

from scratchgrad.program.native.emit.source import Emitted, emit
from scratchgrad.program.native.emit.writer import Unsupported

__all__ = ["Emitted", "Unsupported", "emit"]
