"""The right values: the element form in exact rational or 60-digit arithmetic, and how far a right kernel may be off.

In   a Point
Out  Truth: for every output u and every gradient grad_W, the exact value and the bound of one unit of error

A batch is evaluated with the definition of one sample, and the gradients of shared inputs are summed over the samples:
so the reference does not rest on the derivation of the batched form.  Where the definition has no finite value (log 0),
or its value exceeds the dtype's range, nothing can be compared, and the entry is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from weakref import WeakKeyDictionary

import mpmath
import numpy as np

from scratchgrad.certification.error_model import LARGEST, SIGNIFICAND, TINY, UNIT
from scratchgrad.certification.noise import Noise
from scratchgrad.certification.point import Point
from scratchgrad.certification.samples import evaluate
from scratchgrad.certification.specification import Role, Specification
from scratchgrad.notation.evaluation import exact_array

__all__ = ["DIGITS", "SEED", "Reference", "Truth"]

SEED = 20260101
"""Every draw starts from this number."""

DIGITS = 60
"""Significant digits where the arithmetic is not rational."""

_FINER = 60
"""Noise is 2**-60 ulp, and the effect is scaled up: where it does not shrink, it was a jump (a tie, a kink)."""

_JUMP = 2.0**-40
_FEW = 3
_MORE = 12
"""How often the effect of noise is measured; more often before an error counts as a mistake."""

Array = Any


@dataclass(frozen=True)
class Truth:
    """The right value of one tensor: exact, and as two floats (high + low); the unit of error; which entries count."""

    exact: Array
    high: Array
    low: Array
    unit: Array
    judged: Array

    def units(self, values: Array) -> Array:
        """How many units of error away the values are; infinite where they are not finite, 0 where nobody judges."""
        with np.errstate(all="ignore"):
            error = np.abs((values - self.high) - self.low) / self.unit
        error = np.where(np.isfinite(values), error, np.inf)
        return np.where(self.judged, error, 0.0)


class Reference:
    """The right values of a specification's outputs and gradients at any point; a point is evaluated once."""

    def __init__(self, specification: Specification) -> None:
        """The reference of the specification."""
        self.specification = specification
        self._roles = {r.name: r for r in specification.outputs}
        self._roles |= {_gradient(r): r for r in specification.differentiable}
        self._values: WeakKeyDictionary[Point, dict[str, Array]] = WeakKeyDictionary()
        self._truths: WeakKeyDictionary[Point, dict[str, Truth]] = WeakKeyDictionary()
        self._effects: WeakKeyDictionary[Point, dict[str, Array]] = WeakKeyDictionary()

    def at(self, point: Point) -> dict[str, Truth]:
        """The truth about u for every output, grad_x for every input.  Raises Undefined where there is none."""
        if point not in self._truths:
            self._truths[point] = self._truth(point, self._effect(point, _FEW))
        return self._truths[point]

    def at_length(self, point: Point) -> dict[str, Truth]:
        """As `at`, with the effect of noise measured more often: asked before a kernel is refused."""
        if point not in self._effects:
            self._effects[point] = self._effect(point, _MORE)
            self._truths[point] = self._truth(point, self._effects[point])
        return self._truths[point]

    def values(self, point: Point) -> dict[str, Array]:
        """The exact values, object arrays."""
        if point not in self._values:
            self._values[point] = self._evaluate(point)[0]
        return self._values[point]

    def _evaluate(self, point: Point, noise: Noise | None = None, times: int = 1) -> list[dict[str, Array]]:
        """The exact values; with noise, several times, each moved independently."""
        spec, batch = self.specification, 1 if point.batch is None else point.batch
        shapes = {name: role.shape(point.sizes, point.batch) for name, role in self._roles.items()}
        if batch == 0:
            return [{name: exact_array(np.zeros(shape)) for name, shape in shapes.items()}] * times

        def samples(role: Role, values: Array) -> Array:
            """All samples, as often as wanted; what they share is moved in each of them by itself (few are enough)."""
            rows = values if role.sample else np.repeat(values[None], batch, axis=0)
            return np.concatenate([rows] * times)

        tensors = {role.name: samples(role, point.tensors[role.name]) for role in spec.inputs}
        upstream = {r.name: samples(r, g) for r in spec.outputs if (g := point.upstream[r.name]) is not None}
        stacked = evaluate(spec.gradients, tensors, upstream, point.sizes, digits=DIGITS, noise=noise)
        found: list[dict[str, Array]] = []
        with mpmath.workdps(DIGITS):
            for n in range(times):
                rows = {name: values[n * batch : (n + 1) * batch] for name, values in stacked.items()}
                found.append({name: a if self._roles[name].sample else _total(a) for name, a in rows.items()})
        return found

    def _effect(self, point: Point, times: int) -> dict[str, Array]:
        """The largest effect on every entry that noise of one ulp had."""
        right = self.values(point)
        step = Fraction(1, 2 ** (SIGNIFICAND[point.dtype] + _FINER))
        effect = {name: np.zeros(values.shape) for name, values in right.items()}
        noise = Noise(step, np.random.default_rng([SEED, times]))
        for moved in self._evaluate(point, noise, times):
            with mpmath.workdps(DIGITS):
                for name, values in moved.items():
                    difference = np.abs(_floats(np.asarray(values - right[name], dtype=object)))
                    jumped = ~(difference <= _JUMP * max(_largest(point), _finite_maximum(_floats(right[name]))))
                    effect[name] = np.maximum(effect[name], np.where(jumped, 0.0, difference * 2.0**_FINER))
        return effect

    def _truth(self, point: Point, effect: Mapping[str, Array]) -> dict[str, Truth]:
        unit, tiny, largest = UNIT[point.dtype], TINY[point.dtype], LARGEST[point.dtype]
        found: dict[str, Truth] = {}
        for name, exact in self.values(point).items():
            role = self._roles[name]
            high = _floats(exact)
            with mpmath.workdps(DIGITS):
                low = _floats(_rest(exact, high))
            judged = np.isfinite(high) & (np.abs(high) <= largest)
            size = np.where(judged, np.abs(high), 0.0)
            widest = _row_maximum(size, role)
            if role in self.specification.inputs:
                widest = widest + self._upstream_size(point, role, size.ndim)
            bound = np.where(judged, effect[name], 0.0) + unit * size + unit * widest + tiny
            found[name] = Truth(exact, high, low, bound, judged)
        return found

    def _upstream_size(self, point: Point, role: Role, axes: int) -> Array:
        """Max |grad| of a sample, shaped to stand beside a gradient with that many axes."""
        found: Array = np.zeros([1] * axes)
        for output in self.specification.outputs:
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


def _total(rows: Array) -> Array:
    """The exact sum over the samples."""
    return np.asarray(sum(rows[1:], rows[0]), dtype=object)  # numpy hands out the element of a 0-d array


def _gradient(role: Role) -> str:
    return role.tensor.gradient.name


def _largest(point: Point) -> float:
    """The largest number that the point consists of."""
    arrays = (*point.tensors.values(), *point.upstream.values())
    return max((float(np.abs(a).max()) for a in arrays if a is not None and a.size), default=0.0)


def _finite_maximum(values: Array) -> float:
    size = np.abs(values[np.isfinite(values)])
    return float(size.max()) if size.size else 0.0


def _row_maximum(size: Array, role: Role) -> Array:
    """The largest entry of a sample, over all entries where there are no samples."""
    if not size.size:
        return size
    axes = tuple(range(1, size.ndim)) if role.sample else tuple(range(size.ndim))
    return np.max(size, axis=axes, keepdims=True) if axes else size


def _floats(values: Array) -> Array:
    """The nearest floats; infinity beyond their range."""
    found = np.empty(np.shape(values), dtype=np.float64)
    for place in np.ndindex(found.shape):
        try:
            found[place] = float(values[place])
        except OverflowError:
            found[place] = np.inf if values[place] > 0 else -np.inf
    return found


def _rest(exact: Array, high: Array) -> Array:
    """What the floats leave of the exact values."""
    rest = np.empty(exact.shape, dtype=object)
    for place in np.ndindex(exact.shape):
        near = float(high[place])
        value = exact[place]
        if not np.isfinite(near):
            rest[place] = 0
        else:
            rest[place] = value - (Fraction(near) if isinstance(value, Fraction) else mpmath.mpf(near))
    return rest
