"""Sums in which a window slides over an axis, read off the element form and handed to the convolutions.

In   sum_ck W[o,c,k] x[n,c,2*p + k - 1], and what sifting leaves of its gradients
Out  the node of a convolution, of a transposed one, of a weight gradient, or of sums over windows; None for other sums
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import sympy as sp

from scratchgrad.calculus.sifting import sift
from scratchgrad.codegen.contraction import summed
from scratchgrad.codegen.convolution import (
    Sliding,
    arranged,
    convolution,
    fold,
    image_of,
    sliding_in,
    spread,
    transposed,
    weight_gradient,
    window_maxima,
    window_sums,
)
from scratchgrad.codegen.dag import Graph, Labelled, Node
from scratchgrad.codegen.windows import is_split, opened, place
from scratchgrad.notation.binding import (
    bound,
    free_indices,
    index_names,
    rename_bound,
    substitute,
    sum_over,
    tensor_name,
)
from scratchgrad.notation.indices import Index, fresh
from scratchgrad.notation.nodes import Indicator

__all__ = ["SlidingSums", "puts_together"]

_SPATIAL_AXES = 3  # as many as torch has convolutions for


@dataclass(frozen=True)
class _Part:
    """An index of an axis that is put together, and how many places one step of it is."""

    index: Index
    size_before: sp.Expr


def puts_together(e: sp.Basic) -> bool:
    """Whether a delta says that an axis is put together from summed ones: delta(j, n_w*h + w).

    Sifted, it would read as a condition on j.
    """
    deltas = e.atoms(sp.KroneckerDelta)
    return any(
        isinstance(whole, Index) and _mixed_radix(other, whole.size) is not None
        for delta in deltas
        for whole, other in (delta.args, delta.args[::-1])
    )


def _mixed_radix(e: sp.Expr, size: sp.Expr) -> list[_Part] | None:
    """The parts of (a*n_b + b)*n_c + c, which counts through an axis of size n_a*n_b*n_c; None for other places."""
    found = place(e)
    if found is None or found.start != 0 or len(found.indices) < 2:
        return None
    return [_Part(i, s) for i, s in zip(found.indices, found.steps, strict=True)] if is_split(found, size) else None


@dataclass
class SlidingSums:
    """Finds convolutions in one sum; `lower` turns an expression into nodes, `batch` is the index of the samples."""

    graph: Graph
    lower: Callable[[sp.Basic], Labelled]
    node_of: Callable[[str], Node]
    batch: Index | None
    indices: tuple[Index, ...] = ()
    factors: list[sp.Expr] = field(default_factory=list)

    def of(self, e: sp.Sum, factors: Sequence[sp.Expr]) -> Labelled | None:
        """The value of the sum of the factors' product over the bound indices of e; None where nothing slides."""
        self.indices, self.factors = bound(e), []
        for factor in factors:
            self._take(factor)
        if self.indices != bound(e):  # a delta that stood in an inner sum may collapse an outer index
            whole = sum_over(sp.Mul(*self.factors), *self.indices)
            sifted, _ = sift(whole)
            if sifted != whole:
                return self.lower(sifted)
        return self._tiled(e) or self._covered(e) or self._by_deltas(e) or self._by_elements(e)

    def _take(self, factor: sp.Expr) -> None:
        """A factor; the factors of a sum in which something slides count as the outer sum's own."""
        if isinstance(factor, sp.Sum) and factor.function.has(sp.KroneckerDelta, Indicator):
            taken = index_names(*self.factors) | {i.name for i in self.indices}
            inner = rename_bound(factor, taken)
            self.indices += bound(inner)
            for one in sp.Mul.make_args(inner.args[0]):
                self._take(sp.sympify(one))
            return
        self.factors.append(factor)

    def maxima(self, e: sp.Basic) -> Labelled | None:
        """The largest element of every window of two axes; None for other maxima."""
        self.indices = bound(e)
        found = e.args[0]
        if not isinstance(found, sp.Indexed):
            return None
        node = self.node_of(tensor_name(found))
        bare, spatial = self._axes(found, node)
        if bare is None or list(spatial) != [2, 3] or node.rank != 4:
            return None
        kept = [i for k in spatial for i in free_indices(found.indices[k]) if i not in self.indices]
        slidings = [sliding_in(found.indices[k], node.sizes[k], kept, self.indices) for k in spatial]
        known = [s for s in slidings if s is not None]
        if len(known) != 2 or set(self.indices) != {s.offset for s in known}:
            return None
        return window_maxima(self.graph, node, (*bare.values(), *(s.window for s in known)), known)

    # Tiles: an axis i that is cut into g tiles of m places each, i = m.size*g + m

    def _tiled(self, e: sp.Sum) -> Labelled | None:
        """The sum with i replaced by its tile g and its place m in it, then put together again where i is kept."""
        taken = index_names(e)
        for tile in self._tiles(taken):
            whole, parts, used, indices = tile
            at = sum(i.size_before * i.index for i in parts)
            left = [f for f in self.factors if f not in used]
            body = sp.Mul(*(sp.sympify(substitute(f, {whole: at})) for f in left))
            inner = tuple(i for i in indices if i != whole)
            value = self.lower(sum_over(body, *inner))
            if whole in self.indices:
                return value
            pieces = [i.index for i in parts]
            if any(i not in value.axes for i in pieces):
                continue
            groups = [pieces if i == pieces[0] else [i] for i in value.axes if i == pieces[0] or i not in pieces]
            axes = tuple(whole if group is pieces else group[0] for group in groups)
            return Labelled(arranged(self.graph, value, groups).node, axes)
        return None

    def _tiles(self, taken: set[str]) -> Iterator[tuple[Index, list[_Part], list[sp.Expr], list[Index]]]:
        """An axis, its parts, the factors that said so, and the indices over which is summed then."""
        for factor in sorted(self.factors, key=lambda f: not isinstance(f, Indicator)):
            if isinstance(factor, sp.KroneckerDelta):
                for whole, other in (factor.args, factor.args[::-1]):
                    parts = _mixed_radix(other, whole.size) if isinstance(whole, Index) else None
                    if parts is not None and whole not in self.indices and all(p.index in self.indices for p in parts):
                        pieces = [p.index for p in parts]
                        yield whole, parts, [factor], [i for i in self.indices if i not in pieces]
            elif isinstance(factor, Indicator):
                conditions = sp.And.make_args(factor.args[0])
                for low in conditions:
                    high = next((c for c in conditions if isinstance(c, sp.Le) and c.lhs == low.lhs), None)
                    if isinstance(low, sp.Ge) and low.rhs == 0 and high is not None and len(conditions) == 2:
                        yield from self._tile(low.lhs, high.rhs + 1, [factor], taken)
            elif isinstance(factor, sp.Indexed):
                node = self.node_of(tensor_name(factor))
                for index, size in zip(factor.indices, node.sizes, strict=True):
                    yield from self._tile(index, size, [], taken)

    def _tile(
        self, e: sp.Expr, length: sp.Expr, used: list[sp.Expr], taken: set[str]
    ) -> Iterator[tuple[Index, list[_Part], list[sp.Expr], list[Index]]]:
        """The tile of i - length*g, which lies in a tile of that length."""
        found = place(sp.expand(-e)) or place(e)
        if found is None or len(found.indices) != 2 or found.start != 0:
            return
        by = {i: sp.expand(e).coeff(i) for i in found.indices}
        whole = next((i for i in by if by[i] == 1), None)
        tile = next((i for i in by if sp.expand(by[i] + length) == 0), None)
        if (
            whole is None
            or tile is None
            or not {whole, tile} & set(self.indices)
            or sp.expand(whole.size - tile.size * length) != 0
        ):
            return
        piece = fresh(Index(whole.name, length), taken)
        indices = [piece if i == whole else i for i in self.indices]
        if whole not in self.indices:
            indices.remove(tile)
        yield whole, [_Part(tile, length), _Part(piece, sp.Integer(1))], used, indices

    # Windows that cover a place: conditions 0 <= i - s*p + c < K, which sifting leaves where nothing depends on k

    def _covered(self, e: sp.Sum) -> Labelled | None:
        conditions = [c for f in self.factors if isinstance(f, Indicator) for c in sp.And.make_args(f.args[0])]
        taken = index_names(e)
        found: dict[Index, Sliding] = {}
        used: list[sp.Basic] = []
        for low in conditions:
            if not (isinstance(low, sp.Ge) and low.rhs == 0):
                continue
            high = next((c for c in conditions if isinstance(c, sp.Le) and c.lhs == low.lhs), None)
            at = self._covering(low.lhs)
            if high is None or at is None or free_indices(high.rhs):
                continue
            image, inner, stride, start = at
            offset = fresh(Index("r", high.rhs + 1), taken)
            taken.add(offset.name)
            found[image] = Sliding(image.size, inner, offset, stride, 1, start)
            used += [low, high]
        if not found:
            return None
        left = [Indicator(c) for c in conditions if c not in used]
        body = sp.Mul(*(f for f in self.factors if not isinstance(f, Indicator)), *left)
        slidings = list(found.values())
        at_window = {i: s.stride * s.window + s.offset - s.padding for i, s in found.items()}
        others = [i for i in self.indices if i not in [s.window for s in slidings]]
        if not set(free_indices(body)) & set(found):
            value = self.lower(sum_over(body, *others))
            return spread(self.graph, value, slidings, list(found)) or fold(self.graph, value, slidings, list(found))
        value = self.lower(sum_over(sp.sympify(substitute(body, at_window)), *others))
        return fold(self.graph, value, slidings, list(found))

    def _covering(self, e: sp.Expr) -> tuple[Index, Index, int, sp.Expr] | None:
        """For i - s*p + c: the kept i, the summed p, s and c."""
        found = place(e)
        if found is None or len(found.indices) != 2:
            return None
        by = dict(zip(found.indices, found.steps, strict=True))
        image = next((i for i in by if i not in self.indices and by[i] == 1), None)
        inner = next((i for i in by if i in self.indices and by[i].is_Integer and by[i] < 0), None)
        return None if image is None or inner is None else (image, inner, -int(by[inner]), found.start)

    # A delta of a place and two summed indices: no index has the step 1

    def _by_deltas(self, e: sp.Sum) -> Labelled | None:
        deltas = [f for f in self.factors if isinstance(f, sp.KroneckerDelta)]
        others = [f for f in self.factors if not isinstance(f, sp.KroneckerDelta)]
        if not deltas or len(others) != 2:
            return None
        gradient, weight = others if self._carries_samples(others[0]) else others[::-1]
        images: list[Index] = []
        slidings: list[Sliding] = []
        for delta in deltas:
            image = next((a for a in delta.args if isinstance(a, Index) and a not in self.indices), None)
            if image is None:
                return None
            at = place(sp.expand(delta.args[0] + delta.args[1] - image))
            if at is None or len(at.indices) != 2 or not all(s.is_Integer and s > 0 for s in at.steps):
                return None
            by = dict(zip(at.indices, map(int, at.steps), strict=True))
            windows = [i for i in by if i in free_indices(gradient) and i in self.indices]
            offsets = [i for i in by if i in free_indices(weight) and i in self.indices]
            if len(windows) != 1 or len(offsets) != 1:
                return None
            images.append(image)
            slidings.append(Sliding(image.size, windows[0], offsets[0], by[windows[0]], by[offsets[0]], -at.start))
        if len(slidings) > _SPATIAL_AXES:
            return None
        return transposed(
            self.graph, self.lower(gradient), self.lower(weight), slidings, images=images, summed=self.indices
        )

    # An element at places of one kept and one summed index

    def _by_elements(self, e: sp.Sum) -> Labelled | None:
        for factor in self.factors:
            if isinstance(factor, sp.Indexed) and not all(isinstance(i, Index) for i in factor.indices):
                rest = [f for f in self.factors if f is not factor]
                found = self._forward(factor, rest) or self._transposed(factor, rest) or self._turned(factor, rest)
                if found is not None:
                    return found
        return None

    def _forward(self, element: sp.Indexed, rest: Sequence[sp.Expr]) -> Labelled | None:
        element, node = self._opened(element)
        bare, spatial = self._axes(element, node)
        if bare is None or not spatial:
            return None
        kept = [i for k in spatial for i in free_indices(element.indices[k]) if i not in self.indices]
        over_batch = (
            bool(rest)
            and self.batch in self.indices
            and self.batch in bare.values()
            and any(self.batch in free_indices(f) for f in rest)
        )
        windows, offsets = (self.indices, kept) if over_batch else (kept, self.indices)
        slidings = [sliding_in(element.indices[k], node.sizes[k], windows, offsets) for k in spatial]
        known = [s for s in slidings if s is not None]
        if len(known) != len(slidings) or not known or len(known) > _SPATIAL_AXES:
            return None
        labels = [s.offset if over_batch else s.window for s in known]
        axes = tuple(bare.get(k, Index("_", 1)) for k in range(node.rank))
        image = image_of(self.graph, Labelled(node, axes), spatial, labels)
        if not rest:
            sums = window_sums(self.graph, image, known)
            return None if sums is None else summed(self.graph, sums, self.indices)
        if set(labels) & {i for f in rest for i in free_indices(f)}:
            return None
        other = self.lower(sp.Mul(*rest))
        other = summed(self.graph, other, tuple(i for i in self.indices if i not in free_indices(element)))
        image = summed(self.graph, image, tuple(i for i in self.indices if i in bare.values() and i not in other.axes))
        made = weight_gradient if over_batch else convolution
        return made(self.graph, image, other, known, self.indices)

    def _turned(self, element: sp.Indexed, rest: Sequence[sp.Expr]) -> Labelled | None:
        """As forward, but it is the filter that has the places: W[k = i - s*p + a] with the image's i summed."""
        element, node = self._opened(element)
        bare, spatial = self._axes(element, node)
        if bare is None or not spatial or not rest or len(spatial) > _SPATIAL_AXES:
            return None
        taken, own, found = index_names(*self.factors), list[Index](), list[tuple[Index, Index, int, sp.Expr]]()
        for k in spatial:
            at = place(element.indices[k])
            by = {} if at is None else dict(zip(at.indices, at.steps, strict=True))
            image = next((i for i in by if i in self.indices and by[i] == 1), None)
            outer = next((i for i in by if i not in self.indices and by[i].is_Integer and by[i] < 0), None)
            if at is None or len(by) != 2 or image is None or outer is None:
                return None
            own.append(fresh(Index("r", node.sizes[k]), taken))
            taken.add(own[-1].name)
            found.append((image, outer, -int(by[outer]), at.start))
        images = [image for image, _, _, _ in found]
        if {outer for _, outer, _, _ in found} & {i for f in rest for i in free_indices(f)}:
            return None
        other = self.lower(sp.Mul(*rest))
        if any(i not in other.axes for i in images):
            return None
        labels = iter(own)
        value = Labelled(node, tuple(bare[k] if k in bare else next(labels) for k in range(node.rank)))
        known = (*value.axes, *other.axes)
        value = summed(self.graph, value, tuple(i for i in self.indices if i in value.axes and i not in other.axes))
        other = summed(
            self.graph,
            other,
            tuple(i for i in self.indices if i not in images and i in other.axes and i not in value.axes),
        )
        over_batch = self.batch in self.indices and known.count(self.batch) == 2
        if over_batch:
            slidings = [
                Sliding(image.size, mine, outer, 1, step, start)
                for (image, outer, step, start), mine in zip(found, own, strict=True)
            ]
            labelled = [outer for _, outer, _, _ in found]
        else:
            slidings = [
                Sliding(image.size, outer, mine, step, 1, start)
                for (image, outer, step, start), mine in zip(found, own, strict=True)
            ]
            labelled = [outer for _, outer, _, _ in found]
        turned = image_of(self.graph, other, [other.axes.index(i) for i in images], labelled)
        if over_batch:
            return weight_gradient(self.graph, turned, value, slidings, (*self.indices, *own))
        return convolution(self.graph, turned, value, slidings, (*self.indices, *own))

    def _transposed(self, element: sp.Indexed, rest: Sequence[sp.Expr]) -> Labelled | None:
        element, node = self._opened(element)
        bare, spatial = self._axes(element, node)
        if bare is None or not spatial or not rest or len(spatial) > _SPATIAL_AXES:
            return None
        places = [self._covering(element.indices[k]) for k in spatial]
        known = [p for p in places if p is not None]
        if len(known) != len(places):
            return None
        images = [image for image, _, _, _ in known]
        if set(images) & {i for f in rest for i in free_indices(f)}:
            return None
        taken = index_names(*self.factors)
        own: list[Index] = []
        for k in spatial:
            own.append(fresh(Index("r", node.sizes[k]), taken))
            taken.add(own[-1].name)
        other = self.lower(sp.Mul(*rest))
        other = summed(self.graph, other, tuple(i for i in self.indices if i not in free_indices(element)))
        labels = iter(own)
        value = Labelled(node, tuple(bare[k] if k in bare else next(labels) for k in range(node.rank)))
        value = summed(self.graph, value, tuple(i for i in self.indices if i in bare.values() and i not in other.axes))
        if self._carries_samples(element) and not any(map(self._carries_samples, rest)):
            slidings = [
                Sliding(image.size, mine, inner, 1, step, start)
                for (image, inner, step, start), mine in zip(known, own, strict=True)
            ]
            return transposed(self.graph, value, other, slidings, images=images, summed=self.indices)
        slidings = [
            Sliding(image.size, inner, mine, step, 1, start)
            for (image, inner, step, start), mine in zip(known, own, strict=True)
        ]
        return transposed(self.graph, other, value, slidings, images=images, summed=self.indices)

    def _opened(self, element: sp.Indexed) -> tuple[sp.Indexed, Node]:
        """The element with every axis that its place goes through tile by tile taken apart."""
        node, indices = opened(self.graph, self.node_of(tensor_name(element)), element.indices)
        return element.func(element.base, *indices), node

    def _axes(self, element: sp.Indexed, node: Node) -> tuple[dict[int, Index] | None, list[int]]:
        """The axes that stand bare, by dimension, and the dimensions that do not; None where an index comes twice."""
        bare = {
            k: i
            for k, (i, n) in enumerate(zip(element.indices, node.sizes, strict=True))
            if isinstance(i, Index) and i.size == n
        }
        spatial = [k for k in range(node.rank) if k not in bare]
        inner = [i for k in spatial for i in free_indices(element.indices[k])]
        every = [*bare.values(), *inner]
        return (None if len(set(every)) < len(every) else bare), spatial

    def _carries_samples(self, e: sp.Basic) -> bool:
        names = {tensor_name(t) for t in e.atoms(sp.Indexed)}
        return self.batch in free_indices(e) or any(name.startswith("grad_") for name in names)
