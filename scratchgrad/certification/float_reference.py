"""The right values in plain float64, for sizes at which exact numbers would take too long.

In   a Point of any size
Out  Truth for every output and every gradient, as the exact reference has it, with wider bounds

A definition and its element forms are evaluated by NumPy, all samples at once.  A torch function that is the
specification is run as it is, and differentiated by torch.  How far a right kernel may be off is measured: the largest
effect on a row that moving every input by 2**-30 has, scaled down to roundings, and a part of the numbers themselves.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import sympy as sp
import torch

from scratchgrad.certification.error_model import LARGEST, TINY, UNIT
from scratchgrad.certification.point import Point
from scratchgrad.certification.reference import SEED, Reference, Truth, Undefined
from scratchgrad.certification.specification import Role, Specification
from scratchgrad.certification.through_autograd import by_autograd
from scratchgrad.notation.binding import bound, element, tensor_name
from scratchgrad.notation.evaluation import EvaluationError, Valuation
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.labelled import Labelled, union

__all__ = ["FloatReference"]

_MOVED = 2.0**-30
# TRUST: larger-sizes
_ROUNDINGS = 256
"""Into how many roundings the effect of one may grow: long sums are added in any order."""

# TRUST: larger-sizes
_PARTS = {"float64": 1e-11, "float32": 1e-6}
"""The part of the largest number of a row that counts as one unit of error."""

_SAMPLE = Index("sample ", Size("n_sample "))

Array = Any


_VERSION = Index("version ", Size("n_version "))
"""The first version of every number is itself, the second is moved."""


class _Versions(Valuation):
    """A valuation in which tensors have two versions, along an axis in front, and some a value for each sample."""

    def __init__(
        self, tensors: Mapping[str, Array], sizes: Mapping[sp.Expr, int], front: Mapping[str, tuple[Index, ...]]
    ) -> None:
        """`front` has the axes in front of every tensor."""
        self.front = front
        super().__init__(tensors, sizes)

    def _element(self, e: sp.Basic) -> Labelled:
        return super()._element(_extended(e, self.front[tensor_name(e)]))

    def _matrix(self, e: sp.Expr) -> Labelled:
        name = e.args[0]
        return super()._matrix(e.func(_extended(name, self.front[tensor_name(name)]), *e.args[1:]))

    def summed(self, e: sp.Expr, indices: tuple[Index, ...]) -> Array:
        """The values of e over the versions and `indices`, summed over the samples of whatever depends on one."""
        every = (_VERSION, *indices)
        total: Array = np.zeros([self.size(i.size) for i in every])
        with np.errstate(all="ignore"):
            for term in sp.Add.make_args(e):
                body, over = (term.function, bound(term)) if isinstance(term, sp.Sum) else (term, ())
                factors = sp.Mul.make_args(body)
                depends = _SAMPLE in union(*map(self.labelled, factors))
                total = total + self._product(factors, (*over, *([_SAMPLE] if depends else []))).over(every)
        return total


@lru_cache(4096)
def _extended(e: sp.Basic, front: tuple[Index, ...]) -> sp.Basic:
    """The element with further indices in front of its own."""
    indices = tuple(getattr(e, "indices", ()))
    if indices[: len(front)] == front:
        return e
    return element(tensor_name(e), (*front, *indices), integer=bool(e.is_integer))


class FloatReference(Reference):
    """The right values of a specification in float64; what is asked for once is remembered."""

    def __init__(self, specification: Specification, *, sharp: bool = False) -> None:
        """The reference of the specification; a sharp one allows no part of the upstream gradients as an error."""
        super().__init__(specification)
        self._sharp = sharp
        self._found: WeakKeyDictionary[Point, dict[str, Truth]] = WeakKeyDictionary()

    def at(self, point: Point) -> dict[str, Truth]:
        """The truth about u for every output, grad_x for every input.  Raises Undefined where there is none."""
        if point not in self._found:
            self._found[point] = self._bounded(point)
        return self._found[point]

    def at_length(self, point: Point) -> dict[str, Truth]:
        """The same: there is nothing to be looked at more closely."""
        return self.at(point)

    def legal(self, point: Point) -> None:
        """Nothing: the points are not tied."""
        return

    def unit(self, dtype: str, effect: Array, scale: Array) -> Array:
        """One unit of error: `effect` is how far a result moves by relative changes of the inputs, `scale` its size."""
        return _ROUNDINGS * UNIT[dtype] * effect + _PARTS[dtype] * scale + TINY[dtype]

    def _bounded(self, point: Point) -> dict[str, Truth]:
        try:
            wide = point.in_dtype("float64")  # its numbers are those of its dtype
            versions = self._of_definition(wide) if self.specification.function is None else self._of_function(wide)
        except (ArithmeticError, EvaluationError, ValueError, IndexError) as error:
            raise Undefined(f"the definition has no value: {error}") from error
        if not any(np.isfinite(versions[role.name][0]).any() for role in self.specification.outputs):
            raise Undefined("the definition has no value: no output is finite")
        arriving = max((float(np.abs(g).max()) for g in point.upstream.values() if g is not None and g.size), default=0)
        found = {}
        for name, (high, moved) in versions.items():
            judged, role = np.isfinite(high) & (np.abs(high) <= LARGEST[point.dtype]), self._roles[name]
            with np.errstate(all="ignore"):
                effect = np.abs(moved - high)
            size = _widest(np.where(judged, np.abs(high), 0.0), role)
            effect = _widest(np.where(np.isfinite(effect), effect, 0.0), role)
            scale = size + (arriving if role in self.specification.inputs and not self._sharp else 0.0)
            unit = self.unit(point.dtype, effect / _MOVED, scale)
            none = np.zeros(high.shape)
            found[name] = Truth(high, high, none, np.broadcast_to(unit, high.shape), judged, none)
        return found

    def _of_definition(self, point: Point) -> dict[str, Array]:
        """The results in both versions, which are the first axis."""
        spec = self.specification
        definition, gradients = spec.definition, spec.gradients
        assert definition is not None and gradients is not None  # else there is a function
        samples = self._with_samples()
        front = {name: (_VERSION, *([_SAMPLE] if name in samples else [])) for name in self._names()}
        moved = _moved(point)
        given: dict[str, Array] = {}
        for role in spec.inputs:
            given[role.name] = np.stack([point.tensors[role.name], moved.tensors[role.name]])
        for role in spec.outputs:
            both = (point.upstream[role.name], moved.upstream[role.name])
            shape = role.shape(point.sizes, point.batch)
            given[role.tensor.gradient.name] = np.stack([np.zeros(shape) if g is None else g for g in both])
        at = _Versions(given, {**point.sizes, _VERSION.size: 2, _SAMPLE.size: point.batch or 0}, front)
        for assignment in definition.assignments:
            target = assignment.target
            at.assign(target.name, at.value(assignment.right, (*front[target.name], *target.indices)))
        found = {role.name: at.tensors[role.name] for role in spec.outputs}
        for role in spec.differentiable:
            form = gradients[role.name]
            own = samples and not role.sample
            found[role.tensor.gradient.name] = (
                at.summed(form.element, form.indices)
                if own
                else at.value(form.element, (*front[role.name], *form.indices))
            )
        return found

    def _names(self) -> list[str]:
        spec = self.specification
        assert spec.definition is not None  # asked before
        names = [role.name for role in spec.inputs] + [role.tensor.gradient.name for role in spec.outputs]
        return names + [a.target.name for a in spec.definition.assignments]

    def _with_samples(self) -> frozenset[str]:
        """The tensors that have a value for each sample."""
        spec = self.specification
        if not spec.batched:
            return frozenset()
        shared = {role.name for role in spec.inputs if not role.sample}
        for role in spec.outputs:
            shared |= set() if role.sample else {role.name, role.tensor.gradient.name}
        return frozenset(self._names()) - shared

    def _of_function(self, point: Point) -> dict[str, Array]:
        """The results in both versions, which are the first axis."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                one, other = self._run_function(point), self._run_function(_moved(point))
            except Exception as error:  # the function says in its own way that it is not defined there
                raise Undefined(f"the specification raises {type(error).__name__}: {error}") from error
        return {name: np.stack([one[name], other[name]]) for name in one}

    def _run_function(self, point: Point) -> dict[str, Array]:
        spec, function = self.specification, self.specification.function
        assert function is not None  # asked before
        forward, backward = by_autograd(lambda *tensors: function.call(tensors))
        tensors = [torch.tensor(point.tensors[role.name]) for role in spec.inputs]
        upstream = [None if (g := point.upstream[r.name]) is None else torch.tensor(g) for r in spec.outputs]
        found, recorded = forward(*tensors)
        gradients = backward(recorded, *upstream)
        outputs = found if isinstance(found, tuple) else (found,)
        results = {role.name: u.to(torch.float64).numpy() for role, u in zip(spec.outputs, outputs, strict=True)}
        for role, tensor, g in zip(spec.inputs, tensors, gradients, strict=True):
            if not role.integer:
                results[role.tensor.gradient.name] = (torch.zeros_like(tensor) if g is None else g).numpy()
        return results


def _moved(point: Point) -> Point:
    """The point with every number moved by its part of 2**-30, up or down at random."""
    rng = np.random.default_rng([SEED, point.entries])

    def moved(values: Array) -> Array:
        return values if values.dtype.kind != "f" else values * (1 + _MOVED * rng.choice([-1.0, 1.0], values.shape))

    return replace(
        point,
        tensors={name: moved(a) for name, a in point.tensors.items()},
        upstream={name: None if a is None else moved(a) for name, a in point.upstream.items()},
    )


def _widest(size: Array, role: Role) -> Array:
    """The largest entry of a sample, over all entries where there are no samples."""
    if not size.size:
        return size
    axes = tuple(range(1, size.ndim)) if role.sample else tuple(range(size.ndim))
    return np.max(size, axis=axes, keepdims=True) if axes else size
