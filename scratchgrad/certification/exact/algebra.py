"""The rules of products of matrices, and of determinants and inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.pointwise import gelu
from scratchgrad.certification.exact.reductions import norm
from scratchgrad.certification.exact.rules import CannotExecute, rule

__all__: list[str] = []

Array = Any


rule("mm", "bmm", "matmul")(lambda on, a, b, **_: on.matmul(on.of(a), on.of(b)))
rule("dot", "vdot")(lambda on, a, b: on.sum(on.mul(a, b)))
rule("mv")(lambda on, a, b: on.sum(on.mul(a, on.of(b)[None, :]), 1))


@rule("addmm", "baddbmm")
def _addmm(on: Arrays, c: Array, a: Array, b: Array, beta: Any = 1, alpha: Any = 1) -> Array:
    return on.add(on.mul(beta, c), on.mul(alpha, on.matmul(on.of(a), on.of(b))))


@rule("addmv")
def _addmv(on: Arrays, c: Array, a: Array, b: Array, beta: Any = 1, alpha: Any = 1) -> Array:
    return on.add(on.mul(beta, c), on.mul(alpha, on.sum(on.mul(a, on.of(b)[None, :]), 1)))


@rule("addr")
def _addr(on: Arrays, c: Array, a: Array, b: Array, beta: Any = 1, alpha: Any = 1) -> Array:
    return on.add(on.mul(beta, c), on.mul(alpha, on.mul(on.of(a)[:, None], on.of(b)[None, :])))


@rule("_addmm_activation")
def _addmm_activation(
    on: Arrays, c: Array, a: Array, b: Array, beta: Any = 1, alpha: Any = 1, use_gelu: bool = False
) -> Array:
    found = _addmm(on, c, a, b, beta, alpha)
    return gelu(on, found) if use_gelu else on.choice(on.greater(found, 0), found, 0)


rule("addcmul")(lambda on, c, a, b, value=1: on.add(c, on.mul(value, on.mul(a, b))))
rule("addcdiv")(lambda on, c, a, b, value=1: on.add(c, on.mul(value, on.div(a, b))))
rule("lerp")(lambda on, a, b, weight: on.add(a, on.mul(weight, on.sub(b, a))))


def _determinant(on: Arrays, a: Array) -> Array:
    """By Laplace's expansion along the first row."""
    if not a.shape[-1]:
        return on.filled(a.shape[:-2], 1)
    total = on.filled(a.shape[:-2])
    for j in range(a.shape[-1]):
        part = on.mul(a[..., 0, j], _determinant(on, np.delete(a[..., 1:, :], j, -1)))
        total = on.add(total, on.mul((-1) ** j, part))
    return total


def _inverse(on: Arrays, a: Array) -> Array:
    """By cofactors."""
    total, found = _determinant(on, a), on.filled(a.shape)
    for i, j in np.ndindex(a.shape[-2:]):
        minor = np.delete(np.delete(a, j, -2), i, -1)
        found[..., i, j] = on.div(on.mul((-1) ** (i + j), _determinant(on, minor)), total)
    return found


rule("linalg_inv_ex")(lambda on, a, check_errors=False: (_inverse(on, a), None))
rule("_linalg_det")(lambda on, a: (_determinant(on, a), None, None))


@rule("_linalg_slogdet")
def _slogdet(on: Arrays, a: Array) -> tuple[Array, Array, None, None]:
    total = _determinant(on, a)
    return on.sign(total), on.log(on.absolute(total)), None, None


@rule("_linalg_solve_ex")
def _solve(on: Arrays, a: Array, b: Array, *, left: bool = True, check_errors: bool = False) -> tuple[Any, ...]:
    a, b = on.of(a), on.of(b)
    vector = b.ndim == a.ndim - 1
    found = on.matmul(_inverse(on, a), b[..., None] if vector else b) if left else on.matmul(b, _inverse(on, a))
    return found[..., 0] if vector else found, None, None, None


@rule("_pdist_forward")
def _pdist(on: Arrays, a: Array, p: float = 2) -> Array:
    first, second = np.triu_indices(len(a), 1)
    return norm(on, on.sub(on.of(a)[first], on.of(a)[second]), p, -1)


@rule("_scaled_dot_product_flash_attention_for_cpu")
def _attention(
    on: Arrays,
    q: Array,
    k: Array,
    v: Array,
    dropout: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Array | None = None,
    scale: float | None = None,
) -> tuple[Array, None]:
    if dropout:
        raise CannotExecute("attention with dropout")
    factor = on.div(1, on.sqrt(q.shape[-1])) if scale is None else scale
    scores = on.mul(on.matmul(on.of(q), np.swapaxes(on.of(k), -1, -2)), factor)
    if attn_mask is not None:
        scores = on.add(scores, attn_mask)
    if is_causal:
        rows, columns = np.indices(scores.shape[-2:])
        scores = on.choice(columns <= rows, scores, on.graph.minus_infinity)
    return on.matmul(on.softmax(scores, -1), on.of(v)), None


@rule("_cdist_forward")
def _cdist(on: Arrays, a: Array, b: Array, p: float, mode: Any = None) -> Array:
    difference = on.sub(on.of(a)[..., :, None, :], on.of(b)[..., None, :, :])
    return norm(on, difference, p, -1)
