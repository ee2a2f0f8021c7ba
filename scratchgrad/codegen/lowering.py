"""Element forms to the graph of tensor operations.

Deltas have been sifted before they come here; what is left of them are identity matrices and scatters.  Stable forms
are recognised as nodes are made: exp(v) / sum exp(v) is softmax, log sum exp is logsumexp, log softmax is log_softmax.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import sympy as sp
from sympy.core.relational import Relational

from scratchgrad.codegen.contraction import contract, summed
from scratchgrad.codegen.dag import CannotLower, Graph, Labelled, Node
from scratchgrad.codegen.numbers import is_python
from scratchgrad.codegen.picking import diagonals, is_constant, selected
from scratchgrad.codegen.sliding import SlidingSums
from scratchgrad.codegen.windows import opened, place, surely_nonnegative, window
from scratchgrad.notation.binding import bound, free_indices, tensor_name
from scratchgrad.notation.elementary import row_of
from scratchgrad.notation.functions import Function
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.limits import tick
from scratchgrad.notation.nodes import (
    Determinant,
    Indicator,
    InverseElement,
    LogDeterminant,
    Maximum,
    MaxOver,
    Minimum,
    Where,
)

__all__ = ["CannotLower", "Lowering"]


class Lowering:
    """Turns expressions over named tensors into nodes; `tensors` maps names to nodes."""

    def __init__(self, graph: Graph, tensors: Mapping[str, Node], batch: Index | None = None) -> None:
        """A lowering into `graph`; `batch` is the index of the samples."""
        self.graph = graph
        self.tensors = dict(tensors)
        self.batch = batch
        self.order: tuple[Index, ...] = ()
        self._lowered: dict[sp.Basic, Labelled] = {}

    def value(self, e: sp.Expr, axes: tuple[Index, ...]) -> Labelled:
        """E as a tensor over exactly these axes, in this order."""
        self.order = axes
        self._lowered = {}  # the order of contractions depends on the axes, and tensors may have come
        return self.fitted(self.lower(e), axes)

    def fitted(self, value: Labelled, axes: tuple[Index, ...]) -> Labelled:
        """The value permuted, and expanded along axes that it does not depend on."""
        if value.axes == axes:
            return value
        present = tuple(i for i in axes if i in value.axes)
        order = tuple(value.axes.index(i) for i in present)
        node = value.node
        if order != tuple(range(len(order))):
            node = self.graph.make("permute", (node,), (order,), (i.size for i in present))
        if len(present) < len(axes):
            where = tuple(axes.index(i) for i in present)
            node = self.graph.make("expand", (node,), (where, tuple(i.size for i in axes)), (i.size for i in axes))
        return Labelled(node, axes)

    def lower(self, e: sp.Basic) -> Labelled:
        """E as a tensor over its own free indices, in an order of its own; what recurs is lowered once."""
        if e not in self._lowered:
            tick()
            self._lowered[e] = self._tensor(e)
        return replace(self._lowered[e])  # a factor of its own: products tell their factors apart by identity

    def _tensor(self, e: sp.Basic) -> Labelled:
        if isinstance(e, sp.Expr) and not free_indices(e) and not e.atoms(sp.Indexed) and self._is_constant(e):
            return self.graph.number(e)
        if isinstance(e, sp.Indexed) or type(e) is sp.Symbol:
            return self._element(sp.sympify(e))
        if isinstance(e, sp.Add):
            return self._add(e)
        if isinstance(e, sp.Mul):
            return self._mul(e)
        if isinstance(e, sp.Sum):
            return self._sum(e)
        if isinstance(e, MaxOver):
            return self._amax(e)
        if (row := row_of(e)) is not None:
            return self._function(row, e)
        if isinstance(e, sp.Pow):
            return self._pow(e)
        if isinstance(e, Indicator):
            return self._indicator(e.args[0])
        if isinstance(e, Where):
            return self._where(e)
        if isinstance(e, (InverseElement, Determinant, LogDeterminant)):
            return self._of_matrix(e)
        if isinstance(e, sp.KroneckerDelta):
            return self._delta(e)
        if isinstance(e, Index):
            return self._place(e)
        if not isinstance(e, (Maximum, Minimum)):
            raise CannotLower(f"no tensor operation is known for {type(e).__name__} in {e}")
        return self.graph.pointwise(
            "maximum" if isinstance(e, Maximum) else "minimum", *(self._real(self.lower(a)) for a in e.args)
        )

    def _where(self, e: sp.Expr) -> Labelled:
        condition = self._condition(e.args[0])
        if e.args[2] == 0:
            return self.graph.pointwise("mask", condition, self.lower(e.args[1]))
        return self.graph.pointwise("where", condition, *map(self.lower, e.args[1:]))

    @staticmethod
    def _is_constant(e: sp.Expr) -> bool:
        return all(isinstance(s, Size) for s in e.free_symbols) and is_python(e)

    def _function(self, row: Function, e: sp.Expr) -> Labelled:
        """A function of the table; the logarithm of a softmax, sigmoid, cosh, 1 + exp or sum of exp is stable."""
        name, orders = row.name, e.args[: len(row.orders)]
        args = [self._real(self.lower(a)) for a in e.args[len(row.orders) :]]
        first = args[0].node
        if name == "log" and first.op == "softmax":
            return Labelled(self.graph.make("log_softmax", first.args, first.data, first.sizes), args[0].axes)
        if name == "log" and first.op == "sigmoid":
            return self.graph.pointwise("logsigmoid", Labelled(first.args[0], args[0].axes))
        if name == "log" and first.op == "cosh":  # log(cosh(x)) = log(exp(x) + exp(-x)) - log(2)
            x = Labelled(first.args[0], args[0].axes)
            both = self.graph.pointwise("logaddexp", x, self.graph.pointwise("neg", x))
            return self.graph.pointwise("sub", both, self.lower(sp.log(2)))
        if (softplus := self._softplus(name, args[0])) is not None:
            negative = self.graph.pointwise("neg", softplus)
            return self.graph.pointwise("neg", self.graph.pointwise("logsigmoid", negative))
        if name == "log" and first.op == "sum" and first.args[0].op == "exp":
            return Labelled(self.graph.make("logsumexp", first.args[0].args, first.data, first.sizes), args[0].axes)
        if name == "log" and (small := self._without_one(args[0])) is not None:
            return self.graph.pointwise("log1p", small)  # log(1 + x), with all digits of a small x
        return self.graph.pointwise(name, *args, data=tuple(orders))

    def _without_one(self, value: Labelled) -> Labelled | None:
        """The x where the value is 1 + x, or 1 and any further terms; else None."""
        node = value.node
        if node.op not in ("add", "sub"):
            return None
        a, b = (
            Labelled(arg, tuple(value.axes[p] for p in places))
            for arg, places in zip(node.args, node.data[0], strict=True)
        )
        if _is_one(a):
            return b if node.op == "add" else self.graph.pointwise("neg", b)
        if (left := self._without_one(a)) is not None:
            return self.graph.pointwise(node.op, left, b)
        if node.op == "sub":
            return None
        if _is_one(b):
            return a
        right = self._without_one(b)
        return None if right is None else self.graph.pointwise("add", a, right)

    def _softplus(self, name: str, value: Labelled) -> Labelled | None:
        """The x where the function of the value is log(1 + exp(x)), else None."""
        if name == "log1p" and value.node.op == "exp":
            return Labelled(value.node.args[0], value.axes)
        return self._one_plus_exp(value) if name == "log" else None

    def _real(self, value: Labelled) -> Labelled:
        """The value as real numbers: torch would compute a function of whole numbers in float32."""
        return self.graph.pointwise("real", value) if _is_whole(value.node) else value

    @staticmethod
    def _one_plus_exp(value: Labelled) -> Labelled | None:
        """The x of 1 + exp(x), None where the value is not of this form."""
        node = value.node
        if node.op == "add" and node.args[0].op == "exp" and node.args[1].op == "number" and node.args[1].data == (1,):
            return Labelled(node.args[0].args[0], value.axes)
        return None

    def _element(self, e: sp.Expr) -> Labelled:
        name = tensor_name(e)
        if name not in self.tensors:
            raise CannotLower(f"tensor {name} has no value at this place")
        return self._at(self.tensors[name], tuple(getattr(e, "indices", ())))

    def _of_matrix(self, e: sp.Expr) -> Labelled:
        """An element of an inverse, or a determinant, of one matrix or of one for each sample."""
        matrix, *place = e.args
        node = self.tensors[tensor_name(matrix)]
        op = {InverseElement: "inv", Determinant: "det", LogDeterminant: "logdet"}[type(e)]
        result = self.graph.make(op, (node,), (), node.sizes if place else node.sizes[:-2])
        return self._at(result, (*getattr(matrix, "indices", ()), *place))

    def _at(self, node: Node, indices: tuple[sp.Expr, ...]) -> Labelled:
        """The element of a tensor at these indices."""
        node, indices = opened(self.graph, node, indices)
        for k in reversed(range(len(indices))):
            if is_constant(indices[k]):
                node, indices = selected(self.graph, node, indices, k)
        node, indices = diagonals(self.graph, node, indices)
        bare = all(isinstance(i, Index) and i.size == s for i, s in zip(indices, node.sizes, strict=True))
        if bare and len(set(indices)) == len(indices):
            return Labelled(node, indices)
        return window(self.graph, node, indices) or self._indexed(node, indices)

    def _indexed(self, node: Node, indices: tuple[sp.Expr, ...]) -> Labelled:
        """An element whose index is computed: advanced indexing, and 0 where an affine index is out of range."""
        computed = {k: self._place(i) for k, i in enumerate(indices) if not _ranges_over(i, node.sizes[k])}
        used = [i for place in computed.values() for i in place.axes]
        for k, i in enumerate(indices):
            if k not in computed and (i in used or indices.index(i) < k):
                computed[k] = self._place(i)
        axes = tuple(dict.fromkeys(i for k in sorted(computed) for i in computed[k].axes))
        unsure = [k for k in computed if not _is_data(indices[k]) and not _ranges_over(indices[k], node.sizes[k])]
        masks = [self.graph.pointwise("inside", computed[k], data=(node.sizes[k],)) for k in unsure]
        places = {
            k: self.graph.pointwise("clamped", p, data=(node.sizes[k],)) if k in unsure else p
            for k, p in computed.items()
        }
        whole = [k for k in range(len(indices)) if k not in computed]
        order = sorted(computed)
        together = order == list(range(order[0], order[-1] + 1))
        before = [indices[k] for k in whole if together and k < order[0]]
        after = [indices[k] for k in whole if not (together and k < order[0])]
        result = (*before, *axes, *after)
        aligned = tuple((k, tuple(axes.index(i) for i in places[k].axes)) for k in order)
        args = (node, *(places[k].node for k in order))
        value = Labelled(self.graph.make("index", args, (aligned, len(axes)), (i.size for i in result)), result)
        for mask in masks:
            value = self.graph.pointwise("mask", mask, value)
        return value

    def _place(self, e: sp.Expr) -> Labelled:
        """An index expression as a tensor of integers."""
        if isinstance(e, Index):
            return Labelled(self.graph.make("arange", (), (e.size,), (e.size,)), (e,))
        if _is_data(e):
            return self._element(e)
        if not free_indices(e):
            return self.graph.number(e)
        if isinstance(e, (sp.Add, sp.Mul)):
            parts = [self._place(a) for a in e.args]
            result = parts[0]
            for part in parts[1:]:
                result = self.graph.pointwise("add" if isinstance(e, sp.Add) else "mul", result, part)
            return result
        raise CannotLower(f"no tensor operation is known for the index {e}")

    def _add(self, e: sp.Expr) -> Labelled:
        branches = _branches(e.args)
        if branches is not None:
            condition, holds, fails, rest = branches
            sides = self.lower(holds), self.lower(fails)
            if any(side.node.op != "number" for side in sides):  # two numbers would have a dtype of their own
                chosen = self.graph.pointwise("where", self._condition(condition), *sides)
                return self.graph.pointwise("add", chosen, self.lower(rest)) if rest != 0 else chosen
        terms = sorted(e.args, key=lambda t: t.could_extract_minus_sign())
        result = self.lower(terms[0])
        for term in terms[1:]:
            if term.could_extract_minus_sign():
                result = self.graph.pointwise("sub", result, self.lower(-term))
            else:
                value = self.lower(term)
                result = self._side_by_side(result, value) or self.graph.pointwise("add", result, value)
        return result

    def _side_by_side(self, a: Labelled, b: Labelled) -> Labelled | None:
        """Two tensors that are 0 where the other one is not, as one after the other; None for other sums.

        Each is padded along one axis only, to the same length; together they fill it.
        """
        for first, second in ((a, b), (b, a)):
            left, right = first.node, second.node
            if first.axes != second.axes:
                continue
            one, other = _padding(left), _padding(right)
            if one is None or other is None or one[0] != other[0] or one[1] != 0:
                continue
            dim, _, length = one
            if sp.expand(other[1] - length) == 0 and sp.expand(length + other[2] - left.sizes[dim]) == 0:
                return Labelled(self.graph.make("cat", (left.args[0], right.args[0]), (dim,), left.sizes), first.axes)
        return None

    def _softmaxes(self, over: list[Labelled], under: list[Labelled]) -> tuple[list[Labelled], list[Labelled]]:
        """The factors with every exp(v) / sum exp(v) made a softmax, and exp(v) / (1 + exp(v)) a sigmoid."""
        for b in under:
            if (x := self._one_plus_exp(b)) is not None:
                a = next((f for f in over if f.node is b.node.args[0] and f.axes == b.axes), None)
                made = self.graph.pointwise("sigmoid", x if a is not None else self.graph.pointwise("neg", x))
                return self._softmaxes([*(f for f in over if f is not a), made], [f for f in under if f is not b])
        for a, b in itertools.permutations(over, 2):
            if (sigmoids := self._sigmoid_of(a, b)) is not None:
                return self._softmaxes([*(f for f in over if f is not a and f is not b), *sigmoids], under)
        for a in over:
            for b in under:
                if b.node.op == "sum" and b.node.args[0] is a.node and (v := self._exponent(a.node)) is not None:
                    dims = b.node.data[0]
                    if len(dims) == 1 and b.axes == tuple(i for k, i in enumerate(a.axes) if k not in dims):
                        made = Labelled(self.graph.make("softmax", (v,), (dims,), a.node.sizes), a.axes)
                        return self._softmaxes([made if f is a else f for f in over], [f for f in under if f is not b])
        return over, under

    def _sigmoid_of(self, a: Labelled, b: Labelled) -> list[Labelled] | None:
        """exp(v) sigmoid(-v)^k as sigmoid(v) sigmoid(-v)^(k-1), which does not overflow; k is 1 or 2."""
        power = 2 if b.node.op == "square" else 1
        inner = Labelled(b.node.args[0], b.axes) if power > 1 else b
        if a.node.op != "exp" or inner.node.op != "sigmoid" or a.axes != b.axes:
            return None
        v = Labelled(a.node.args[0], a.axes)
        if self.graph.pointwise("neg", v).node is not inner.node.args[0]:
            return None
        return [self.graph.pointwise("sigmoid", v), *[inner] * (power - 1)]

    def _hyperbolic(self, over: list[Labelled], under: list[Labelled]) -> tuple[list[Labelled], list[Labelled]]:
        """The factors with every sinh(v) / cosh(v) made tanh(v), which does not overflow."""
        for a, b in itertools.product(over, under):
            if (a.node.op, b.node.op) == ("sinh", "cosh") and a.node.args == b.node.args and a.axes == b.axes:
                made = self.graph.pointwise("tanh", Labelled(a.node.args[0], a.axes))
                return self._hyperbolic([made if f is a else f for f in over], [f for f in under if f is not b])
        return over, under

    def _masked(
        self, over: list[Labelled], under: list[Labelled], conditions: list[Labelled]
    ) -> tuple[list[Labelled], list[Labelled]]:
        """The factors and conditions, with every exp(v) masked where a denominator sums over just that."""
        for a in over:
            for condition in conditions:
                if a.node.op == "exp" and any(b.node.op == "sum" and b.node.args[0].op == "mask" for b in under):
                    masked = self.graph.pointwise("mask", condition, a)
                    if any(b.node.op == "sum" and b.node.args[0] is masked.node for b in under):
                        left = [c for c in conditions if c is not condition]
                        return self._masked([masked if f is a else f for f in over], under, left)
        return over, conditions

    def _exponent(self, node: Node) -> Node | None:
        """The v of exp(v); where a condition makes the exponential 0, v is made -inf there.  None for other nodes."""
        if node.op == "exp":
            return node.args[0]
        if node.op == "mask" and node.args[1].op == "exp":
            inner = node.args[1].args[0]
            return self.graph.make("excluded", (node.args[0], inner), node.data, node.sizes)
        return None

    def _mul(self, e: sp.Expr) -> Labelled:
        number, over, under = _fraction(e)
        if (placed := self._placed(number, over, under)) is not None:
            return placed
        masks = [f for f in over if isinstance(f, Indicator)]
        plain = [f for f in over if not isinstance(f, Indicator)]
        denominators = [self.lower(f) for f in under]
        conditions = [self._condition(mask.args[0]) for mask in masks]
        numerators, conditions = self._masked([self.lower(f) for f in plain], denominators, conditions)
        numerators, denominators = self._softmaxes(*self._hyperbolic(numerators, denominators))
        if denominators or not number.is_integer:
            numerators, denominators = list(map(self._real, numerators)), list(map(self._real, denominators))
        result = self._scaled(self._product(numerators), number) if numerators else self.graph.number(number)
        for denominator in denominators:
            result = self.graph.pointwise("div", result, denominator)
        if masks and not numerators and not under:
            result = self.graph.pointwise("mul", result, self._indicator(sp.And(*(m.args[0] for m in masks))))
        else:
            for condition in conditions:
                if not _certain(condition):
                    result = self.graph.pointwise("mask", condition, result)
        return result

    def _placed(self, number: sp.Expr, over: list[sp.Expr], under: list[sp.Expr]) -> Labelled | None:
        """A value where an integer-valued tensor says, else 0: v[n] delta(i, t[n]); None for other products."""
        deltas = [f for f in over if isinstance(f, sp.KroneckerDelta)]
        if len(deltas) != 1:
            return None
        where = next((a for a in deltas[0].args if isinstance(a, sp.Indexed) or type(a) is sp.Symbol), None)
        axis = next((a for a in deltas[0].args if isinstance(a, Index)), None)
        rest = sp.Mul(*(f for f in over if f is not deltas[0]), *(1 / f for f in under))
        if where is None or axis is None or axis in free_indices(rest) or not where.is_integer:
            return None
        places, value = self._element(where), self._scaled(self.lower(rest), number)
        if not set(places.axes) <= set(value.axes):
            return None
        value = self.fitted(value, (*places.axes, *(i for i in value.axes if i not in places.axes)))
        if value.axes != places.axes:
            return None
        axes = (*value.axes, axis)
        return Labelled(self.graph.make("placed", (places.node, value.node), (), (i.size for i in axes)), axes)

    def _scaled(self, value: Labelled, number: sp.Expr) -> Labelled:
        """The value times a number; divided by it where the reciprocal is not exact."""
        node, divisor = value.node, 1 / number
        if node.op in ("window_sums", "spread") and divisor.is_Integer and divisor > 0:
            data = (*node.data[:-1], node.data[-1] * int(divisor))
            return Labelled(self.graph.make(node.op, node.args, data, node.sizes), value.axes)
        if number != 1 and node.op in ("mul", "div") and (smaller := self._smaller(value)) is not None:
            k, part = smaller  # the number goes to the smaller operand, which costs a pass less
            scaled = self._scaled(part, number)
            other = Labelled(node.args[1 - k], tuple(value.axes[p] for p in node.data[0][1 - k]))
            return self.graph.pointwise(node.op, *((scaled, other) if k == 0 else (other, scaled)))
        over, under = sp.fraction(number)
        exact = under.is_Integer and 10**9 % under == 0  # a decimal of few digits
        if exact or not (over.is_Integer or over.atoms(Size)):
            over, under = number, sp.Integer(1)
        if over == -1 or (over.could_extract_minus_sign() and (under != 1 or over.atoms(Size))):
            return self.graph.pointwise("neg", self._scaled(value, -number))
        if over != 1:
            value = self.graph.pointwise("mul", self.graph.number(over), value)
        return value if under == 1 else self.graph.pointwise("div", value, self.graph.number(under))

    @staticmethod
    def _smaller(value: Labelled) -> tuple[int, Labelled] | None:
        """The operand of a product (or the numerator of a quotient) with fewer dimensions than the whole, if any."""
        node = value.node
        for k in (0, 1) if node.op == "mul" else (0,):
            arg = node.args[k]
            if arg.rank < node.rank and arg.op != "number":
                return k, Labelled(arg, tuple(value.axes[p] for p in node.data[0][k]))
        return None

    def _product(self, factors: list[Labelled]) -> Labelled:
        """The elementwise product, small tensors first, so that no intermediate is larger than it must be."""
        ordered = sorted(factors, key=lambda f: len(f.axes))
        result = ordered[0]
        for factor in ordered[1:]:
            result = self.graph.pointwise("mul", result, factor)
        return result

    def _sum(self, e: sp.Sum) -> Labelled:
        indices = bound(e)
        number, over, under = _fraction(e.function)
        sliding = SlidingSums(self.graph, self.lower, self.tensors.__getitem__, self.batch)
        found = sliding.of(e, [*over, *(1 / f for f in under)])
        if found is not None:
            return self._scaled(found, number)
        for factor in over:
            if isinstance(factor, sp.KroneckerDelta) and (scattered := self._scatter(e, factor)) is not None:
                return scattered
        masks = [self._condition(f.args[0]) for f in over if isinstance(f, Indicator)]
        denominators = [self.lower(f) for f in under]
        parts, masks = self._masked([self.lower(f) for f in over if not isinstance(f, Indicator)], denominators, masks)
        parts, denominators = self._softmaxes(parts, denominators)
        parts += [self.graph.pointwise("reciprocal", self._real(f)) for f in denominators]
        masks = [m for m in masks if not _certain(m)]
        if masks:
            smallest = (
                min(parts, key=lambda p: len(set(masks[0].axes) - set(p.axes)))
                if parts
                else self.graph.number(sp.Integer(1))
            )
            masked = self.graph.pointwise("mask", masks[0], smallest)
            for mask in masks[1:]:
                masked = self.graph.pointwise("mask", mask, masked)
            parts = [p for p in parts if p is not smallest] + [masked]
        if not all(_is_whole(p.node) for p in parts):  # a matrix product does not mix them
            parts = [self._real(p) for p in parts]
        missing = [i for i in indices if not any(i in p.axes for p in parts)]
        number *= sp.Mul(*(i.size for i in missing))
        result = contract(self.graph, parts, indices, self.order) if parts else self.graph.number(sp.Integer(1))
        return self._scaled(result, number)

    def _scatter(self, e: sp.Sum, delta: sp.Expr) -> Labelled | None:
        """sum_b f(b) delta(a, t[b]): rows of f added where t says; None where the delta is not of this kind."""
        places = [a for a in delta.args if isinstance(a, sp.Indexed)]
        target = [a for a in delta.args if isinstance(a, Index)]
        if len(places) != 1 or len(target) != 1 or not set(free_indices(places[0])) <= set(bound(e)):
            return None
        where = self._element(places[0])
        rest = e.function / delta
        if rest.has(sp.KroneckerDelta) or target[0] in free_indices(rest):
            return None
        value = self.lower(rest)
        extra = tuple(i for i in bound(e) if i not in where.axes)
        value = summed(self.graph, value, extra)
        others = tuple(i for i in value.axes if i not in where.axes)
        rows = self.fitted(value, (*where.axes, *others))
        axes = (target[0], *others)
        return Labelled(self.graph.make("scatter", (where.node, rows.node), (), (i.size for i in axes)), axes)

    def _amax(self, e: sp.Expr) -> Labelled:
        sliding = SlidingSums(self.graph, self.lower, self.tensors.__getitem__, self.batch)
        if (pooled := sliding.maxima(e)) is not None:
            return pooled
        value = self.lower(e.args[0])
        dims = tuple(k for k, i in enumerate(value.axes) if i in bound(e))
        if not dims:  # the largest of equal numbers
            return value
        kept = tuple(i for i in value.axes if i not in bound(e))
        return Labelled(self.graph.make("amax", (value.node,), (dims,), (i.size for i in kept)), kept)

    def _pow(self, e: sp.Expr) -> Labelled:
        base, exponent = e.args
        inner = self.lower(base)
        inner = inner if exponent == 2 else self._real(inner)
        if exponent == sp.Rational(1, 2):
            return self.graph.pointwise("sqrt", inner)
        if exponent == sp.Rational(-1, 2):
            return self.graph.pointwise("rsqrt", inner)
        if exponent.is_negative:
            under = self._real(self.lower(base**-exponent))
            over, left = self._softmaxes([], [under])  # 1 / (1 + exp(x)) is a sigmoid
            return over[0] if not left else self.graph.pointwise("reciprocal", under)
        if exponent == 2:  # a square is a product
            return self.graph.pointwise("square", inner)
        return self.graph.pointwise("pow", inner, self._real(self.lower(exponent)))

    def _indicator(self, condition: sp.Basic) -> Labelled:
        return self.graph.pointwise("indicator", self._condition(condition))

    def _condition(self, e: sp.Basic) -> Labelled:
        if isinstance(e, Relational) and _always(e):
            return self.graph.number(sp.true)
        if isinstance(e, Relational):
            return self.graph.pointwise(e.rel_op, *map(self.lower, e.args))
        if isinstance(e, sp.Not):
            return self.graph.pointwise("not", self._condition(e.args[0]))
        if isinstance(e, (sp.And, sp.Or)):
            parts = [self._condition(a) for a in e.args]
            if isinstance(e, sp.And):
                parts = [p for p in parts if not _certain(p)] or parts[:1]
            result = parts[0]
            for part in parts[1:]:
                result = self.graph.pointwise("and" if isinstance(e, sp.And) else "or", result, part)
            return result
        raise CannotLower(f"no tensor operation is known for the condition {e}")

    def _delta(self, e: sp.Expr) -> Labelled:
        sides = [self.lower(a) for a in e.args]
        sides.sort(key=lambda side: [self.order.index(i) if i in self.order else -1 for i in side.axes])
        return self.graph.pointwise("indicator", self.graph.pointwise("==", *sides))


def _padding(node: Node) -> tuple[int, sp.Expr, sp.Expr] | None:
    """The dimension along which a tensor was padded with zeros only, where it begins and how long it is."""
    if node.op != "window":
        return None
    (spec,) = node.data
    moved = [k for k, part in enumerate(spec) if part is not None]
    if len(moved) != 1:
        return None
    first, extent, steps = spec[moved[0]]
    own = node.args[0].sizes[moved[0]]
    whole = (
        len(steps) == 1 and steps[0][0] == 1 and surely_nonnegative(-first) and surely_nonnegative(first + extent - own)
    )
    return (moved[0], sp.expand(-first), own) if whole else None


def _branches(terms: Sequence[sp.Expr]) -> tuple[sp.Basic, sp.Expr, sp.Expr, sp.Expr] | None:
    """A condition, the terms with it as a factor, those with its opposite, and the rest; None without both."""
    groups: dict[sp.Basic, list[sp.Expr]] = {}
    for term in terms:
        for factor in sp.Mul.make_args(term):
            if isinstance(factor, Indicator) and isinstance(factor.args[0], (sp.Gt, sp.Ge, sp.Lt, sp.Le)):
                groups.setdefault(factor.args[0], []).append(term)
    for condition, own in groups.items():
        opposite = condition.negated
        others = groups.get(opposite)
        if others is None or not isinstance(condition, (sp.Gt, sp.Lt)) or any(t in own for t in others):
            continue
        holds = sp.Add(*(t / Indicator(condition) for t in own))
        fails = sp.Add(*(t / Indicator(opposite) for t in others))
        rest = sp.Add(*(t for t in terms if t not in own and t not in others))
        return condition, holds, fails, rest
    return None


def _ranges_over(index: sp.Expr, size: sp.Expr) -> bool:
    """Whether the index goes through an axis of this size, place by place."""
    return isinstance(index, Index) and bool(index.size == size)


def _is_data(index: sp.Expr) -> bool:
    """Whether the index is an integer input, or an element of one."""
    return isinstance(index, sp.Indexed) or type(index) is sp.Symbol


def _is_one(value: Labelled) -> bool:
    return value.node.op == "number" and value.node.data == (1,)


def _is_whole(node: Node) -> bool:
    """Whether the node is a tensor of whole numbers: places, integer inputs, and what they are added up to."""
    if node.op in ("arange", "clamped"):
        return True
    if node.op == "input":
        return bool(node.data[1])
    if node.op in ("add", "sub", "mul", "neg", "square", "permute", "expand", "index"):
        values = node.args[:1] if node.op == "index" else node.args
        numbers = all(a.data[0].is_integer for a in values if a.op == "number")
        tensors = [a for a in values if a.op != "number"]
        return numbers and bool(tensors) and all(map(_is_whole, tensors))
    return False


def _certain(condition: Labelled) -> bool:
    """Whether the condition always holds."""
    return condition.node.op == "number"


def _always(e: Relational) -> bool:
    """Whether a comparison of places holds for all values of its indices."""
    if not isinstance(e, (sp.Ge, sp.Le)) or e.atoms(sp.Indexed):
        return False
    difference = place(e.lhs - e.rhs if isinstance(e, sp.Ge) else e.rhs - e.lhs)
    if difference is None:
        return False
    least = difference.start + sum(
        s * (i.size - 1) for i, s in zip(difference.indices, difference.steps, strict=True) if s.is_negative
    )
    return surely_nonnegative(least)


def _fraction(e: sp.Expr) -> tuple[sp.Expr, list[sp.Expr], list[sp.Expr]]:
    """A product as number, numerator and denominator."""
    number: sp.Expr = sp.Integer(1)
    over: list[sp.Expr] = []
    under: list[sp.Expr] = []
    for factor in sp.Mul.make_args(e):
        if not factor.free_symbols - factor.atoms(Size) and not factor.atoms(sp.Indexed, Index) and is_python(factor):
            number *= factor
        elif (
            isinstance(factor, sp.Pow)
            and not isinstance(factor, sp.exp)
            and factor.exp.is_number
            and factor.exp.is_negative
        ):
            under.append(1 / factor)
        else:
            over.append(factor)
    return number, over, under
