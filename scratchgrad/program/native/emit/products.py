"""Products of matrices: torch's own BLAS, once, or once for every matrix of a batch.

In   a call
Out  one call of gemm, or a loop of them; what follows in the same call (bias, ReLU) as a loop over the result
"""

from __future__ import annotations

import torch

from scratchgrad.program.native.emit.nests import nest
from scratchgrad.program.native.emit.writer import Form, Unsupported, Writer
from scratchgrad.program.op import Op, View

__all__ = ["FORMS"]

_aten = torch.ops.aten


def _mm(writer: Writer, op: Op) -> None:
    _product(writer, op.outs[0], op.args[0], op.args[1], "1", "0")


def _addmm(writer: Writer, op: Op) -> None:
    """The product, then bias, and ReLU if it is that call, in one loop."""
    bias, a, b = op.args[:3]
    out = op.outs[0]
    if op.kwargs or len(op.args) > 3:
        raise Unsupported(f"addmm with factors ({op.why})")
    _product(writer, out, a, b, "1", "0")
    around = nest(out.shape, [out, bias])
    entry, added = around.entry(writer, out), around.entry(writer, bias)
    relu = op.function is _aten._addmm_activation.default
    body = f"{{ R u = {entry} + {added}; {entry} = u <= 0 ? 0 : u; }}" if relu else f"{entry} += {added};"
    *outer, last = around.axes or (None,)
    writer.write(around.loops(outer), "#pragma GCC ivdep", around.loops([last]) + body) if around.sizes else writer.write(body)


def _addmm_(writer: Writer, op: Op) -> None:
    into, a, b = op.args
    alpha, beta = (writer.number(op.kwargs.get(k, 1)) for k in ("alpha", "beta"))
    _product(writer, into, a, b, alpha, beta)


def _bmm(writer: Writer, op: Op) -> None:
    _products(writer, op.outs[0], op.args[0], op.args[1], "1", "0")


def _baddbmm_(writer: Writer, op: Op) -> None:
    into, a, b = op.args
    alpha, beta = (writer.number(op.kwargs.get(k, 1)) for k in ("alpha", "beta"))
    _products(writer, into, a, b, alpha, beta)


def _products(writer: Writer, c: View, a: View, b: View, alpha: str, beta: str) -> None:
    """The product for every matrix of a batch."""
    first = [View(v.storage, v.shape[1:], v.strides[1:], v.offset) for v in (c, a, b)]
    moved = [f" + {v.strides[0]} * n" if v.strides[0] else "" for v in (c, a, b)]
    _product(writer, *first, alpha, beta, head=f"for (long n = 0; n < {c.shape[0]}; n++) ", moved=tuple(moved))


def _product(
    writer: Writer,
    c: View,
    a: View,
    b: View,
    alpha: str,
    beta: str,
    *,
    head: str = "",
    moved: tuple[str, ...] = ("", "", ""),
) -> None:
    """C <- beta c + alpha a b: BLAS counts by columns, so a matrix in rows is its transpose."""
    m, k = a.shape
    n = b.shape[1]
    if not m * n:
        return
    (ta, lda), (tb, ldb), (rows, ldc) = _layout(a), _layout(b), _layout(c)
    if rows is None or ta is None or tb is None:
        raise Unsupported("a product of matrices whose entries lie neither in rows nor in columns")
    pc, pa, pb = (writer.at(v) + more for v, more in zip((c, a, b), moved, strict=True))
    if rows:
        first = (f"'{'N' if tb else 'T'}'", f"'{'N' if ta else 'T'}'", n, m, k, alpha, pb, ldb, pa, lda)
    else:
        first = (f"'{'T' if ta else 'N'}'", f"'{'T' if tb else 'N'}'", m, n, k, alpha, pa, lda, pb, ldb)
    writer.write(f"{head}gemm({', '.join(map(str, first))}, {beta}, {pc}, {ldc});")


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
