"""The right values of one tensor at a point, or that there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchgrad.certification.error_model import LARGEST, STRICTER, THRESHOLD, TINY, UNIT
from scratchgrad.certification.exact.balls import balls
from scratchgrad.certification.point import Point
from scratchgrad.certification.specification import Role, Specification

__all__ = ["JUMP", "RADIUS", "Truth", "Undefined", "floats", "truths"]

# TRUST: jumps
JUMP = 2.0**-40

Array = Any

_FLOAT = np.frompyfunc(float, 1, 1)
_IS_FINITE = np.frompyfunc(lambda v: v.is_finite(), 1, 1)
RADIUS = np.frompyfunc(lambda v: v.rad(), 1, 1)


class Undefined(ArithmeticError):
    """The definition has no value at a point."""


@dataclass(frozen=True)
class Truth:
    """The right value of one tensor: exact, and as two floats (high + low); the unit of error; which entries count.

    `slack` is how far a legal value may lie from high + low: 0, but at ties.
    """

    exact: Array
    high: Array
    low: Array
    unit: Array
    judged: Array
    slack: Array
    beside: Any = 0.0
    """For a gradient, the largest upstream gradient of its sample."""

    def units(self, values: Array) -> Array:
        """How many units of error away the values are; infinite where they are not finite, 0 where nobody judges."""
        with np.errstate(all="ignore"):
            error = np.abs((values - self.high) - self.low)
            error = np.where(self.slack > 0, np.maximum(error - self.slack, 0), error) / self.unit
        error = np.where(np.isfinite(error), error, np.inf)
        return np.where(self.judged, error, 0.0)

    def share(self, values: Array, least: float = 0.0) -> Array:
        """The error of every entry, beside its size or this one; 0 where nobody judges."""
        with np.errstate(all="ignore"):
            error = np.maximum(np.abs((values - self.high) - self.low) - self.slack, 0)
            error = np.where(error > 0, error / np.maximum(np.abs(self.high), least), 0.0)
        return np.where(self.judged, np.where(np.isfinite(error), error, np.inf), 0.0)

    def off_by(self, values: Array, part: float, least: float, small: float) -> Array:
        """Where an entry is off by more than this part of it: one that is small beside the upstream gradients.

        Not where it is smaller than `least`, or known too badly.
        """
        size = np.abs(self.high)
        asked = (size >= least) & (size <= small * self.beside) & (self.slack == 0)
        if not asked.any():
            return asked
        return asked & self.nonzero & (self.share(values) > part)

    @property
    def is_rounding(self) -> bool:
        """Whether the rounding of inputs alone may move some value, which is not 0, by all of its size."""
        size = np.abs(self.high)
        return bool((self.judged & (size > 0) & (THRESHOLD * self.unit >= size)).any())

    @property
    def nonzero(self) -> Array:
        """Which right values are not 0, to all the digits that are computed."""
        return floats(RADIUS(self.exact)) <= JUMP * np.abs(self.high)

    def beyond(self, values: Array, error: Array) -> Array:
        """Where the error is larger."""
        with np.errstate(all="ignore"):
            return ~(np.abs((values - self.high) - self.low) <= error)

    def right(self, entry: tuple[int, ...]) -> Any:
        """The right value of an entry: a ball, or the pair of ends of the interval of right values."""
        if self.slack[entry] > 0:
            return float(self.high[entry] - self.slack[entry]), float(self.high[entry] + self.slack[entry])
        return self.exact[entry]


def truths(
    specification: Specification,
    point: Point,
    values: Mapping[str, Array],
    effect: Mapping[str, Array],
    legal: Mapping[str, tuple[Array, Array]],
) -> dict[str, Truth]:
    """The truth about every tensor, from exact values, the effect of noise, and middles and radii of what is legal.

    Raises Undefined where no output has a value.
    """
    roles = {r.name: r for r in specification.outputs}
    roles |= {r.tensor.gradient.name: r for r in specification.differentiable}
    unit, tiny, largest = UNIT[point.dtype], TINY[point.dtype], LARGEST[point.dtype]
    found: dict[str, Truth] = {}
    for name, exact in values.items():
        role = roles[name]
        high = floats(exact)
        low = floats(exact - balls(np.where(np.isfinite(high), high, 0.0)).reshape(high.shape))
        slack = np.zeros(high.shape)
        if name in legal:
            middle, radius = legal[name]
            wide = np.isfinite(middle) & (radius > JUMP * np.maximum(np.abs(middle), tiny))
            high, low, slack = np.where(wide, middle, high), np.where(wide, 0.0, low), np.where(wide, radius, 0.0)
        # TRUST: entries-left-out
        judged = np.isfinite(high) & (np.abs(high) <= largest)
        low = np.where(judged, low, 0.0)
        size = np.where(judged, np.abs(high) + slack, 0.0)
        widest = _row_maximum(size, role)
        beside = _upstream_size(specification, point, role, size.ndim) if role in specification.inputs else 0.0
        widest = widest + beside
        bound = np.where(judged, effect[name], 0.0) + unit * size + unit * widest + tiny
        bound = bound * STRICTER[point.dtype] + np.where(judged, floats(RADIUS(exact)), 0.0)
        found[name] = Truth(exact, high, low, bound, judged, slack, beside)
    outputs = [np.asarray(_IS_FINITE(values[role.name]), dtype=bool) for role in specification.outputs]
    if any(a.size for a in outputs) and not any(a.any() for a in outputs):
        raise Undefined("the definition has no value: no output is finite")
    return found


def _upstream_size(specification: Specification, point: Point, role: Role, axes: int) -> Array:
    """Max |grad| of a sample, shaped to stand beside a gradient with that many axes."""
    found: Array = np.zeros([1] * axes)
    for output in specification.outputs:
        values = point.upstream[output.name]
        if values is None or not values.size:
            continue
        size = np.abs(values.astype(np.float64))
        if role.sample and output.sample:
            rows = size.reshape(size.shape[0], -1).max(axis=1)
            found = np.maximum(found, rows.reshape([-1, *[1] * (axes - 1)]))
        else:
            found = np.maximum(found, size.max())
    return found


def _row_maximum(size: Array, role: Role) -> Array:
    """The largest entry of a sample, over all entries where there are no samples."""
    if not size.size:
        return size
    axes = tuple(range(1, size.ndim)) if role.sample else tuple(range(size.ndim))
    return np.max(size, axis=axes, keepdims=True) if axes else size


def floats(values: Array) -> Array:
    """The nearest floats; infinity beyond their range."""
    return np.asarray(_FLOAT(np.asarray(values, dtype=object)), dtype=np.float64)
