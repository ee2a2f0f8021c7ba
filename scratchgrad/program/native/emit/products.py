"""Products of matrices: torch's own BLAS, once, or once for every matrix of a batch.

In   a call
Out  one call of gemm, or a loop of them; what follows in the same call (bias, ReLU) as a loop over the result
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from scratchgrad.program.native.emit.nests import nest
from scratchgrad.program.native.emit.writer import Form, Unsupported, Writer
from scratchgrad.program.op import Op, View

__all__ = ["FORMS"]

_aten = torch.ops.aten


@dataclass(frozen=True)
class _Product:
    """C <- beta c + alpha a b."""

    c: View
    a: View
    b: View
    alpha: str = "1"
    beta: str = "0"


def _mm(writer: Writer, op: Op) -> None:
    _one(writer, _Product(op.outs[0], op.args[0], op.args[1]))


def _addmm(writer: Writer, op: Op) -> None:
    """The product, then bias, and ReLU if it is that call, in one loop."""
    bias, a, b = op.args[:3]
    out = op.outs[0]
    if op.kwargs or len(op.args) > 3:
        raise Unsupported(f"addmm with factors ({op.why})")
    _one(writer, _Product(out, a, b))
    around = nest(out.shape, [out, bias])
    entry, added = around.entry(writer, out), around.entry(writer, bias)
    relu = op.function is _aten._addmm_activation.default
    body = f"{{ R u = {entry} + {added}; {entry} = u <= 0 ? 0 : u; }}" if relu else f"{entry} += {added};"
    writer.write(around.loops(around.axes[:-1]), *around.side_by_side, around.loops(around.axes[-1:]) + body)


def _addmm_(writer: Writer, op: Op) -> None:
    _one(writer, _Product(*op.args, **_factors(writer, op)))


def _bmm(writer: Writer, op: Op) -> None:
    _many(writer, _Product(op.outs[0], *op.args))


def _baddbmm_(writer: Writer, op: Op) -> None:
    _many(writer, _Product(*op.args, **_factors(writer, op)))


def _factors(writer: Writer, op: Op) -> dict[str, str]:
    return {name: writer.number(op.kwargs.get(name, 1)) for name in ("alpha", "beta")}


def _many(writer: Writer, product: _Product) -> None:
    """The product for every matrix of a batch."""
    views = (product.c, product.a, product.b)
    c, a, b = (View(v.storage, v.shape[1:], v.strides[1:], v.offset) for v in views)
    writer.write(f"for (long n = 0; n < {product.c.shape[0]}; n++)")
    steps = [f" + {v.strides[0]} * n" if v.strides[0] else "" for v in views]
    _one(writer, replace(product, c=c, a=a, b=b), steps)


def _one(writer: Writer, product: _Product, steps: Sequence[str] = ("", "", "")) -> None:
    """A call of BLAS, which counts by columns: so a matrix in rows is its transpose there."""
    c, a, b = product.c, product.a, product.b
    (m, k), n = a.shape, b.shape[1]
    (ta, lda), (tb, ldb), (rows, ldc) = _layout(a), _layout(b), _layout(c)
    if rows is None or ta is None or tb is None:
        raise Unsupported("a product of matrices whose entries lie neither in rows nor in columns")
    pc, pa, pb = (writer.at(v) + step for v, step in zip((c, a, b), steps, strict=True))
    if rows:
        first = (f"'{'N' if tb else 'T'}'", f"'{'N' if ta else 'T'}'", n, m, k, product.alpha, pb, ldb, pa, lda)
    else:
        first = (f"'{'T' if ta else 'N'}'", f"'{'T' if tb else 'N'}'", m, n, k, product.alpha, pa, lda, pb, ldb)
    writer.write(f"gemm({', '.join(map(str, first))}, {product.beta}, {pc}, {ldc});" if m * n else ";")


def _layout(view: View) -> tuple[bool | None, int]:
    """Whether a matrix lies in rows, and the distance from one to the next; None where neither rows nor columns do."""
    (m, n), (row, column) = view.shape, view.strides
    if column == 1 or n == 1:
        if m == 1:
            return True, max(1, n)
        if row >= max(1, n):
            return True, row
    if row == 1 or m == 1:
        if n == 1:
            return False, max(1, m)
        if column >= max(1, m):
            return False, column
    return None, 0


FORMS: dict[object, Form] = {
    _aten.mm.default: _mm,
    _aten.addmm.default: _addmm,
    _aten._addmm_activation.default: _addmm,
    _aten.addmm_.default: _addmm_,
    _aten.bmm.default: _bmm,
    _aten.baddbmm_.default: _baddbmm_,
}
