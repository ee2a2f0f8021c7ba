"""Reductions: sums, means, largest entries, log-sum-exp along axes; dot products, a matrix times a vector.

In   a call
Out  loops: along memory, so that they can be done side by side

Where the axis that stays lies innermost in memory, rows are added to rows; where it is a summed one, entries are added
side by side and then to each other.
"""

from __future__ import annotations

import torch

from scratchgrad.program.native.emit.nests import Nest, nest
from scratchgrad.program.native.emit.writer import Form, Unsupported, Writer
from scratchgrad.program.op import Op, View

__all__ = ["FORMS"]

_aten = torch.ops.aten
_LANES = 64
_ROW = 4096


def _around(op: Op) -> tuple[Nest, View, View, list[int], list[int]]:
    """The loops over the source; the source, the result broadcast to it; the axes that stay and those that go."""
    source, out = op.args[0], op.outs[0]
    if set(op.kwargs) - {"dtype"} or op.kwargs.get("dtype") not in (None, out.storage.dtype):
        raise Unsupported(f"{op.name} with {', '.join(op.kwargs)} ({op.why})")
    if source.storage.dtype != out.storage.dtype:
        raise Unsupported(f"{op.name} into another type ({op.why})")
    rank = len(source.shape)
    dims = op.args[1] if len(op.args) > 1 else None
    dims = [dims] if isinstance(dims, int) else dims
    gone = {d % max(1, rank) for d in (dims or range(rank))}
    kept = [k for k in range(rank) if k not in gone]
    strides = dict(
        zip(kept, out.strides if len(out.shape) == len(kept) else [out.strides[k] for k in kept], strict=True)
    )
    over = View(out.storage, source.shape, tuple(strides.get(k, 0) for k in range(rank)), out.offset)
    if source.numel and not out.numel:
        raise Unsupported(f"{op.name} into nothing ({op.why})")
    around = nest(source.shape, [source, over])
    # of an axis along which the result has one entry, its stride says nothing: it may be merged with either kind
    stay = [k for k in around.axes if around.strides[over][k]]
    return around, source, over, stay, [k for k in around.axes if k not in stay]


def _sum(writer: Writer, op: Op) -> None:
    around, source, over, kept, gone = _around(op)
    count = 1
    for k in gone:
        count *= around.sizes[k]
    finish = f" / {count}" if op.name == "mean" else ""
    entry, at = around.entry(writer, source), f"{writer.at(over)}[{around.place(over, kept)}]"
    innermost = len(around.sizes) - 1
    if kept and gone and kept[-1] == innermost and around.sizes[innermost] <= _ROW:
        n = around.sizes[innermost]
        row = around.loops([innermost])
        writer.write(
            f"{around.loops(kept[:-1])}{{ R s[{n}]; memset(s, 0, sizeof s);",
            around.loops(gone),
            "#pragma GCC ivdep",
            f"{row}s[i{innermost}] += {entry};",
            f"{row}{at} = s[i{innermost}]{finish}; }}",
        )
    elif len(gone) > 1 and gone[-1] == innermost and around.sizes[innermost] <= _LANES:
        n = around.sizes[innermost]
        lanes = around.loops([innermost])
        writer.write(
            f"{around.loops(kept)}{{ R s[{n}], t = 0; memset(s, 0, sizeof s);",
            f"{around.loops(gone[:-1])}{lanes}s[i{innermost}] += {entry};",
            f"{lanes}t += s[i{innermost}];",
            f"{at} = t{finish}; }}",
        )
    else:
        pragma = ["#pragma omp simd reduction(+ : s)"] if gone else []
        writer.write(
            f"{around.loops(kept)}{{ R s = 0;",
            around.loops(gone[:-1]),
            *pragma,
            f"{around.loops(gone[-1:])}s += {entry};",
            f"{at} = s{finish}; }}",
        )


def _amax(writer: Writer, op: Op) -> None:
    around, source, over, kept, gone = _around(op)
    at = f"{writer.at(over)}[{around.place(over, kept)}]"
    largest = f"{around.loops(gone)}{{ R u = {around.entry(writer, source)}; m = u != u || u > m ? u : m; }}"
    writer.write(f"{around.loops(kept)}{{ R m = -INFINITY; {largest} {at} = m; }}")


def _logsumexp(writer: Writer, op: Op) -> None:
    """Of each line: log of the sum of exp(entry - largest), plus the largest where that is finite."""
    around, source, over, kept, gone = _around(op)
    at, u = f"{writer.at(over)}[{around.place(over, kept)}]", around.entry(writer, source)
    writer.write(
        f"{around.loops(kept)}{{ R m = -INFINITY, s = 0;",
        f"{around.loops(gone)}{{ R u = {u}; m = u != u || u > m ? u : m; }}",
        "if (isinf(m)) m = 0;",
        f"{around.loops(gone)}s += EXP({u} - m);",
        f"{at} = LOG(s) + m; }}",
    )


def _addmv_(writer: Writer, op: Op) -> None:
    """Y <- beta y + alpha A x, row by row, or all rows at once where A lies in columns."""
    y, A, x = op.args
    alpha, beta = (writer.number(op.kwargs.get(k, 1)) for k in ("alpha", "beta"))
    n, m = A.shape
    ones = x.storage.value is not None and bool((x.storage.value == 1).all())
    times = "" if ones else f" * {writer.at(x)}[{x.strides[0]} * j]"
    entry = f"{writer.at(A)}[{A.strides[0]} * i + {A.strides[1]} * j]{times}"
    into = f"{writer.at(y)}[{y.strides[0]} * i]"
    start = f"({beta} == 0 ? 0 : {beta} * {into})"
    if A.strides[0] == 1 and n <= _ROW:
        writer.write(
            f"{{ R s[{n}]; memset(s, 0, sizeof s);",
            f"for (long j = 0; j < {m}; j++) for (long i = 0; i < {n}; i++) s[i] += {entry};",
            f"for (long i = 0; i < {n}; i++) {into} = {start} + {alpha} * s[i]; }}",
        )
    else:
        writer.write(
            f"for (long i = 0; i < {n}; i++) {{ R s = 0;",
            "#pragma omp simd reduction(+ : s)",
            f"for (long j = 0; j < {m}; j++) s += {entry};",
            f"{into} = {start} + {alpha} * s; }}",
        )


def _dot(writer: Writer, op: Op) -> None:
    a, b = op.args
    if a.strides != (1,) or b.strides != (1,):
        raise Unsupported(f"a dot product of vectors with gaps ({op.why})")
    writer.write(f"*{writer.at(op.outs[0])} = (R)dot({writer.at(a)}, {writer.at(b)}, {a.numel});")


FORMS: dict[object, Form] = {
    _aten.sum.default: _sum,
    _aten.sum.dim_IntList: _sum,
    _aten.mean.default: _sum,
    _aten.mean.dim: _sum,
    _aten.amax.default: _amax,
    _aten.logsumexp.default: _logsumexp,
    _aten.addmv_.default: _addmv_,
    _aten.dot.default: _dot,
}
