"""Products of matrices, one or one for every matrix of a batch: torch's own BLAS, loops where that is faster.

In   a call
Out  a call of product.h, or a loop of them; bias and ReLU of the same call as a loop over the result
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from scratchgrad.program.native.emit.nests import Nest, nest
from scratchgrad.program.native.emit.writer import Form, Unsupported, Writer
from scratchgrad.program.op import Op, View

__all__ = ["FORMS", "by_loops"]

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
    """The product added to the bias, then ReLU if it is that call.

    As torch does it: the bias is there first, so that a sum near 0 rounds, and ReLU decides, as in the torch program.
    """
    bias, a, b = op.args[:3]
    out = op.outs[0]
    if set(op.kwargs) - {"alpha"} or len(op.args) > 3:
        raise Unsupported(f"addmm with a factor of its first argument ({op.why})")
    around = nest(out.shape, [out, bias])
    entry = around.entry(writer, out)
    _each(writer, around, f"{entry} = {around.entry(writer, bias)};")
    _one(writer, _Product(out, a, b, writer.number(op.kwargs.get("alpha", 1)), beta="1"))
    if op.function is _aten._addmm_activation.default:
        _each(writer, around, f"{{ R u = {entry}; {entry} = u <= 0 ? 0 : u; }}")


def _each(writer: Writer, around: Nest, body: str) -> None:
    writer.write(around.loops(around.axes[:-1]), *around.side_by_side, around.loops(around.axes[-1:]) + body)


def _addmm_(writer: Writer, op: Op) -> None:
    _one(writer, _added(writer, op))


def _bmm(writer: Writer, op: Op) -> None:
    _many(writer, _Product(op.outs[0], *op.args))


def _baddbmm_(writer: Writer, op: Op) -> None:
    _many(writer, _added(writer, op))


def _added(writer: Writer, op: Op) -> _Product:
    """The product of a call that adds to its first argument."""
    alpha, beta = (writer.number(op.kwargs.get(name, 1)) for name in ("alpha", "beta"))
    c, a, b = op.args
    return _Product(c, a, b, alpha, beta)


def _many(writer: Writer, product: _Product) -> None:
    """The product for every matrix of a batch."""
    views = (product.c, product.a, product.b)
    c, a, b = (View(v.storage, v.shape[1:], v.strides[1:], v.offset) for v in views)
    writer.write(f"for (long n = 0; n < {product.c.shape[0]}; n++)")
    steps = [f" + {v.strides[0]} * n" if v.strides[0] else "" for v in views]
    _one(writer, replace(product, c=c, a=a, b=b), steps)


def _one(writer: Writer, product: _Product, steps: Sequence[str] = ("", "", "")) -> None:
    """The product of a result in rows; of one in columns, the product of the transposes."""
    views = [product.c, product.a, product.b]
    for view in views:
        if _rows(view) is None:
            raise Unsupported("a product of matrices whose entries lie neither in rows nor in columns")
    pointers = [writer.at(v) + step for v, step in zip(views, steps, strict=True)]
    if not _rows(product.c):
        views = [product.c.transposed, product.b.transposed, product.a.transposed]
        pointers = [pointers[0], pointers[2], pointers[1]]
    c, a, b = views
    if not c.numel:
        writer.write(";")
        return
    writer.need("product.h")
    (m, k), n = a.shape, b.shape[1]
    described = [m, n, k, product.alpha, pointers[1], *_steps(a), pointers[2], *_steps(b), product.beta, pointers[0]]
    call = "product_loops" if by_loops(m, n, k, in_rows=_steps(b)[1] == 1) else "product_blas"
    writer.write(f"{call}({', '.join(map(str, described))}, {_steps(c)[0]});")


def by_loops(m: int, n: int, k: int, *, in_rows: bool) -> bool:
    """Whether loops are faster than BLAS for the product of [m, k] and [k, n], the latter in rows or in columns.

    BLAS takes 0.15-0.3 us to look at its arguments, and torch's reaches some two thirds of this processor's rate.
    Measured on a Zen 4 core, float, m x n x k, in us, BLAS / loops.  b in rows: 8x32x8 0.18 / 0.05, 16x16x72
    0.50 / 0.32, 32x32x256 6.3 / 4.5, 256x64x32 11.5 / 9.3, 16x512x72 14.7 / 10.3, 512x784x128 1018 / 893; but
    1024x1024x64 1389 / 1417.  b in columns, which the loops have to turn first: 8x8x32 0.28 / 0.07, 32x10x32 1.2 / 0.5,
    256x32x64 11.6 / 10.1; but 32x32x64 1.67 / 1.73, 16x72x16 0.6 / 0.8.  Beyond what the second cache holds BLAS, which
    cuts its matrices into blocks, is better; and long sums are more exact there.
    """
    if k > 1 << 11:
        return False
    if in_rows:
        return k * n <= 1 << 18 and m * n * k < 1 << 26
    return k * n <= 1 << 13 and (n <= 16 or m >= 48)


def _rows(view: View) -> bool | None:
    """Whether a matrix lies in rows or, False, in columns; None where neither do."""
    (m, n), (row, column) = view.shape, view.strides
    if (column == 1 or n == 1) and (m == 1 or row >= max(1, n)):
        return True
    if (row == 1 or m == 1) and (n == 1 or column >= max(1, m)):
        return False
    return None


def _steps(view: View) -> tuple[int, int]:
    """How far it is from row to row and from column to column: 1 of them is 1, the other at least a line's length."""
    (m, n), (row, column) = view.shape, view.strides
    if _rows(view):
        return (row if m > 1 else max(1, n)), 1
    return 1, (column if n > 1 else max(1, m))


FORMS: dict[object, Form] = {
    _aten.mm.default: _mm,
    _aten.addmm.default: _addmm,
    _aten._addmm_activation.default: _addmm,
    _aten.addmm_.default: _addmm_,
    _aten.bmm.default: _bmm,
    _aten.baddbmm_.default: _baddbmm_,
}
