"""What a sum over a computed index is called: a correlation, a convolution, a transposed convolution.

Sum(grad_u[i]*x[i + k], i)      the correlation of x with grad_u
Sum(grad_u[i]*w[j - i], i)      the correlation of grad_u with w flipped
Sum(grad_u[i]*w[j - 2*i], i)    the transposed convolution of grad_u with w, with stride 2
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from scratchgrad.notation.binding import bound, free_indices, tensor_name
from scratchgrad.notation.indices import Index

__all__ = ["Correlation", "correlation"]


@dataclass(frozen=True)
class Correlation:
    """Of which tensor with which; `kind` is "correlation", "flipped" or "transposed"; `stride` may be several steps."""

    of: str
    by: str
    kind: str
    stride: int = 1
    spread: int = 1

    def words(self, write: Callable[[str], str] = str) -> str:
        """The name of the operation; `write` writes the name of a tensor."""
        of, by = write(self.of), write(self.by)
        if self.kind == "transposed":
            return f"the transposed convolution of {of} with {by}, with stride {self.stride}"
        flipped = " flipped" if self.kind == "flipped" else ""
        spread = f", whose elements stand {self.spread} apart" if self.spread > 1 else ""
        stride = f", at every place that is a multiple of {self.stride}" if self.stride > 1 else ""
        return f"the correlation of {of} with {by}{flipped}{spread}{stride}"


def correlation(e: sp.Expr) -> Correlation | None:
    """What the only sum of e is; None where it is nothing of the kind."""
    sums = [f for f in sp.Mul.make_args(e) if isinstance(f, sp.Sum)]
    if len(sums) != 1:
        return None
    summed = set(bound(sums[0]))
    factors = sp.Mul.make_args(sums[0].function)
    tensors = [f for f in factors if isinstance(f, sp.Indexed)]
    spread_out = _by_delta(factors, tensors, summed)
    if spread_out is not None:
        return spread_out
    for tensor in tensors:
        slopes = {s for i in tensor.indices for s in _slopes(i, summed)}
        others = [t for t in tensors if t is not tensor and set(t.indices) & summed]
        if len(slopes) == 1 and len(others) == 1:
            return _named(others[0], tensor, *next(iter(slopes)))
    return None


def _slopes(place: sp.Expr, summed: set[Index]) -> list[tuple[int, int]]:
    """How a computed index grows with the summed index and with the free one."""
    letters = free_indices(place)
    inner, outer = [i for i in letters if i in summed], [i for i in letters if i not in summed]
    if len(inner) != 1 or len(outer) != 1:
        return []
    expanded = sp.expand(place)
    slopes = expanded.coeff(inner[0]), expanded.coeff(outer[0])
    return [(int(slopes[0]), int(slopes[1]))] if all(s.is_Integer for s in slopes) else []


def _named(one: sp.Indexed, other: sp.Indexed, inner: int, outer: int) -> Correlation | None:
    """Sum_i one[i] other[inner i + outer j]."""
    a, b = tensor_name(one), tensor_name(other)
    if inner > 0 and outer > 0:
        return Correlation(b, a, "correlation", outer, inner)
    if inner > 0:
        return Correlation(a, b, "correlation", -outer) if inner == 1 else None
    if inner == -1:
        return Correlation(a, b, "flipped", outer)
    return Correlation(a, b, "transposed", -inner) if outer == 1 else None


def _by_delta(factors: tuple[sp.Expr, ...], tensors: list[sp.Indexed], summed: set[Index]) -> Correlation | None:
    """Sum_ik delta(j, s i + d k) one[i] other[k]: every element of one is spread over the places of the other."""
    deltas = [f for f in factors if isinstance(f, sp.KroneckerDelta)]
    if len(tensors) != 2 or not deltas:
        return None
    strides = set()
    for delta in deltas:
        place = next((a for a in delta.args if len(set(free_indices(a)) & summed) == 2), None)
        if place is None:
            return None
        first = next((i for i in free_indices(place) if i in tensors[0].indices), None)
        if first is None:
            return None
        strides.add(int(sp.expand(place).coeff(first)))
    if len(strides) != 1:
        return None
    stride = strides.pop()
    return Correlation(tensor_name(tensors[0]), tensor_name(tensors[1]), "transposed", stride)
