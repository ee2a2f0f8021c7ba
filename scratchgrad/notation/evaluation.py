"""What an expression means: its value at concrete tensors.

An expression evaluates to an array whose axes are labelled by its free indices, in the arithmetic that the valuation
has: float64 (arithmetic.py), exact (exact_arithmetic.py), or one of certification's.

An element out of range is 0, an empty sum is 0, and a product with an Indicator is 0 where its condition fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from scratchgrad.notation.arithmetic import Arithmetic, Float
from scratchgrad.notation.binding import bound, element, tensor_name
from scratchgrad.notation.elementary import row_of
from scratchgrad.notation.functions import TABLE
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.labelled import Labelled, union
from scratchgrad.notation.limits import tick
from scratchgrad.notation.nodes import (
    Attains,
    Determinant,
    Indicator,
    InverseElement,
    LogDeterminant,
    Maximum,
    MaxOver,
    Minimum,
    Where,
)

__all__ = ["EvaluationError", "NoSuchFunction", "Valuation"]


class EvaluationError(ValueError):
    """An expression that has no value here: a tensor or a size is missing, or a shape does not fit."""


class NoSuchFunction(NotImplementedError):
    """A node that no rule evaluates: the mathematics may have a value, we cannot compute it."""


_RELATIONS: dict[type, Callable[[Any, Any], Any]] = {
    sp.Eq: lambda a, b: a == b,
    sp.Ne: lambda a, b: a != b,
    sp.Gt: lambda a, b: a > b,
    sp.Ge: lambda a, b: a >= b,
    sp.Lt: lambda a, b: a < b,
    sp.Le: lambda a, b: a <= b,
}


class Valuation:
    """Tensors and sizes at which expressions are evaluated; equal subexpressions are evaluated once."""

    def __init__(
        self, tensors: Mapping[str, Any], sizes: Mapping[sp.Expr, int], arithmetic: Arithmetic | None = None
    ) -> None:
        """`tensors` maps names to arrays, `sizes` every Size to a number."""
        self.arithmetic = arithmetic or Float()
        self.tensors: dict[str, Any] = {}
        self.memory: dict[sp.Basic, Labelled] = {}
        for name, values in tensors.items():
            self.assign(name, values)
        self.sizes = dict(sizes)
        self._lengths: dict[sp.Expr, int] = {}

    def assign(self, name: str, values: Any) -> None:
        """Give the tensor `name` its values; integer arrays stay integer, as they may be used as indices."""
        array = np.asarray(values)
        if name in self.tensors:
            self.memory.clear()
        self.tensors[name] = array if array.dtype.kind in "iu" else self.arithmetic.array(array)

    def size(self, size: sp.Expr) -> int:
        """The number that a size stands for; EvaluationError where nothing fixes it."""
        if size not in self._lengths:
            value = size.subs(self.sizes) if not isinstance(size, Size) else self.sizes.get(size, size)
            if not isinstance(value, int) and not getattr(value, "is_Integer", False):
                raise EvaluationError(f"nothing fixes the size {size}; give a tensor or a gradient that has this axis")
            self._lengths[size] = int(value)
        return self._lengths[size]

    def value(self, e: sp.Basic, indices: tuple[Index, ...] = ()) -> Any:
        """The values of e as an array over `indices`, in order."""
        with np.errstate(all="ignore"), mpmath.workdps(getattr(self.arithmetic, "digits", 15)):
            labelled = self.labelled(e)
        missing = [i for i in labelled.axes if i not in indices]
        if missing:
            raise EvaluationError(f"{e} depends on {missing[0]}, which is not among the indices {indices}")
        shape = tuple(self.size(i.size) for i in indices)
        value = np.broadcast_to(labelled.over(indices), shape).copy()
        return self.arithmetic.array(value) if value.dtype.kind in "iub" else value

    def labelled(self, e: sp.Basic) -> Labelled:
        """The value of e, labelled by its free indices."""
        found = self.memory.get(e)
        if found is None:
            tick()
            found = self.memory[e] = self._labelled(e)
        return found

    def _labelled(self, e: sp.Basic) -> Labelled:
        if isinstance(e, Index):
            return Labelled(self._wide(np.arange(self.size(e.size))), (e,))
        if isinstance(e, sp.Expr) and (e.is_Number or e.is_NumberSymbol):
            return Labelled(self.arithmetic.number(e))
        if isinstance(e, Size):
            return Labelled(self.arithmetic.array(self.size(e)))
        if isinstance(e, (sp.Indexed, sp.Symbol)):
            return self._element(e)
        if isinstance(e, sp.Mul):
            return self._product(e.args, ())
        if isinstance(e, sp.Sum):
            body = e.function
            return self._product(body.args if isinstance(body, sp.Mul) else (body,), bound(e))
        if isinstance(e, MaxOver):
            return self._maximum(e)
        if isinstance(e, (Relational, sp.And, sp.Or, sp.Not, sp.logic.boolalg.BooleanAtom)):
            return self._condition(e)
        if isinstance(e, (InverseElement, Determinant, LogDeterminant)):
            return self._matrix(e)
        return self._elementwise(e)

    def _elementwise(self, e: sp.Basic) -> Labelled:
        """A node whose value at a place is made of its operands' values there."""
        if isinstance(e, sp.KroneckerDelta):
            return self._map(lambda a, b: self._wide(np.equal(a, b).astype(int)), *map(self._integer, e.args))
        combine = self._combining(e)
        if combine is None and e in (sp.zoo, sp.nan):
            raise EvaluationError("a division by the number 0 has no value")
        if combine is None:
            raise NoSuchFunction(
                f"no value is known for {type(e).__name__} in {e}; a function has a row in notation/functions.py"
            )
        return self._map(combine, *map(self.labelled, e.args))

    def _combining(self, e: sp.Basic) -> Callable[..., Any] | None:
        """How the values of the operands make that of the node; None where nobody knows."""
        arithmetic, row = self.arithmetic, row_of(e)
        if row is not None:  # before powers: SymPy counts exp among them
            return arithmetic.function(row)
        kinds: tuple[tuple[type, Callable[..., Any]], ...] = (
            (sp.Add, lambda *terms: sum(terms[1:], terms[0])),
            (sp.Pow, arithmetic.power),
            (Where, arithmetic.where),
            (Indicator, arithmetic.indicator),
            (Maximum, arithmetic.maximum),
            (Minimum, arithmetic.minimum),
        )
        return next((combine for kind, combine in kinds if isinstance(e, kind)), None)

    def _wide(self, values: Any) -> Any:
        return self.arithmetic.array(values)

    def _map(self, function: Callable[..., Any], *arrays: Labelled) -> Labelled:
        axes = union(*arrays)
        return Labelled(function(*(a.over(axes) for a in arrays)), axes)

    def _integer(self, e: sp.Expr) -> Labelled:
        """An index expression, as integers."""
        if isinstance(e, Index):
            return Labelled(np.arange(self.size(e.size)), (e,))
        if e.is_Integer:
            return Labelled(np.asarray(int(e)))
        if isinstance(e, Size):
            return Labelled(np.asarray(self.size(e)))
        if isinstance(e, sp.Add):
            return self._map(lambda *terms: sum(terms[1:], terms[0]), *map(self._integer, e.args))
        if isinstance(e, sp.Mul):
            return self._map(
                lambda *factors: np.prod(np.broadcast_arrays(*factors), axis=0), *map(self._integer, e.args)
            )
        value = self._element(e)
        return Labelled(
            np.vectorize(int, otypes=[int])(value.values) if value.values.size else value.values.astype(int), value.axes
        )

    def _element(self, e: sp.Basic) -> Labelled:
        name = tensor_name(e)
        if name not in self.tensors:
            raise EvaluationError(f"tensor {name!r} has no value; given: {', '.join(sorted(self.tensors)) or 'none'}")
        values = self.tensors[name]
        indices = tuple(getattr(e, "indices", ()))
        if values.ndim != len(indices):
            raise EvaluationError(f"tensor {name!r}: expected {len(indices)} axes, got shape {values.shape}")
        if values.dtype.kind in "iu":
            wide = self._wide(values)
        else:
            wide = values
        bare = all(isinstance(i, Index) and self.size(i.size) == n for i, n in zip(indices, values.shape, strict=True))
        if bare and len(set(indices)) == len(indices):
            return Labelled(wide, indices)
        positions = [self._integer(i) for i in indices]
        axes = union(*positions)
        places = np.broadcast_arrays(*(p.over(axes) for p in positions))
        inside = np.ones(places[0].shape, dtype=bool)
        for place, n in zip(places, values.shape, strict=True):
            inside &= (place >= 0) & (place < n)
        if not inside.any():
            return Labelled(self._wide(np.zeros(inside.shape, dtype=int)), axes)
        picked = wide[tuple(np.where(inside, place, 0) for place in places)]
        return Labelled(np.where(inside, picked, self._wide(np.zeros((), dtype=int))), axes)

    def _product(self, factors: tuple[sp.Basic, ...], summed: tuple[Index, ...]) -> Labelled:
        masks = [self.labelled(f.args[0]) for f in factors if isinstance(f, Indicator)]
        rest = [self.labelled(f) for f in factors if not isinstance(f, Indicator)]
        if masks:
            every = union(*rest, *masks)
            product = self.arithmetic.product(rest, union(*rest), ()) if rest else self._wide(1)
            value = Labelled(product, union(*rest))
            for mask in masks:
                zero = self._wide(np.zeros((), dtype=int))
                value = self._map(lambda m, v, zero=zero: self.arithmetic.where(m, v, zero), mask, value)
            rest = [Labelled(value.over(every), every)]
        rest += [
            Labelled(self._wide(np.ones(self.size(i.size), dtype=int)), (i,)) for i in summed if i not in union(*rest)
        ]
        axes = tuple(a for a in union(*rest) if a not in summed)
        return Labelled(self.arithmetic.product(rest, axes, summed), axes)

    def _maximum(self, e: MaxOver) -> Labelled:
        body, indices = self.labelled(e.args[0]), bound(e)
        axes = tuple(a for a in union(body) if a not in indices)
        over = body.over(axes + tuple(i for i in indices if i in body.axes))
        for _ in [i for i in indices if i in body.axes]:
            over = self._largest(over)
        return Labelled(over, axes)

    def _largest(self, values: Any) -> Any:
        if not values.shape[-1]:
            raise EvaluationError("the maximum over an empty axis does not exist")
        result = values[..., 0]
        for position in range(1, values.shape[-1]):
            result = self.arithmetic.maximum(result, values[..., position])
        return result

    def _condition(self, e: sp.Basic) -> Labelled:
        if isinstance(e, Relational):
            if isinstance(e, Attains):
                return self._map(self.arithmetic.tied, *map(self.labelled, e.args))
            relation = _RELATIONS[type(e)]
            return self._map(lambda a, b: self.arithmetic.compare(relation, a, b), *map(self.labelled, e.args))
        if isinstance(e, sp.logic.boolalg.BooleanAtom):
            return Labelled(np.asarray(bool(e)))
        name = {sp.And: "and", sp.Or: "or", sp.Not: "not"}[type(e)]
        parts = [self.labelled(a) for a in e.args]
        result = parts[0] if len(parts) > 1 else self._map(lambda c: self.arithmetic.logical(name, c), parts[0])
        for part in parts[1:]:
            result = self._map(lambda c, d: self.arithmetic.logical(name, c, d), result, part)
        return result

    def _matrix(self, e: sp.Expr) -> Labelled:
        """An inverse's element or a determinant, of a tensor or (over a batch) of one matrix for each sample."""
        samples = tuple(getattr(e.args[0], "indices", ()))
        tensor = self.tensors.get(tensor_name(e.args[0]))
        if tensor is None or tensor.ndim != len(samples) + 2 or tensor.shape[-1] != tensor.shape[-2]:
            raise EvaluationError(f"{e} needs a square tensor {e.args[0]}, got shape {getattr(tensor, 'shape', None)}")
        tensor = self._wide(tensor)
        function = self.arithmetic.inverse if isinstance(e, InverseElement) else self.arithmetic.determinant
        values = np.empty(tensor.shape if isinstance(e, InverseElement) else tensor.shape[:-2], dtype=tensor.dtype)
        for place in np.ndindex(tensor.shape[:-2]):
            values[place] = function(tensor[place])
        name = f"of {e.args[0]}"  # no tensor can have this name
        at = Valuation({**self.tensors, name: values}, self.sizes, self.arithmetic)
        value = at.labelled(element(name, (*samples, *e.args[1:])))
        if not isinstance(e, LogDeterminant):
            return value
        log, size = (self.arithmetic.function(TABLE[name]) for name in ("log", "abs"))
        return Labelled(log(size(value.values)), value.axes)
