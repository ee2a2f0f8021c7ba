"""Convolutions, their transposes and their weight gradients, recognised in sums over affine places.

    sum_ck W[o,c,k] x[n,c,s*p + d*k - a]          the convolution of x with W: stride s, dilation d, padding a
    sum_np g[n,o,p] x[n,c,s*p + d*k - a]          its gradient with respect to W
    sum_op g[n,o,p] W[o,c,i - s*p + a]            its gradient with respect to x: the transposed convolution
    sum_r  x[n,c,s*p + r]                         the sum of every window (average pooling)
    sum_p  g[n,c,p] f(i, p) [0 <= i - s*p < K]    what windows give back to the places that they cover

All say of a place i that it is i = s*p + d*k - a.  Where the number of windows p is not the one that torch's
convolution would give, the image is padded or cut first, so that it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from scratchgrad.codegen.dag import Graph, Labelled, Node
from scratchgrad.codegen.windows import place
from scratchgrad.notation.indices import Index

__all__ = [
    "Sliding",
    "arranged",
    "convolution",
    "fold",
    "image_of",
    "sliding_in",
    "spread",
    "transposed",
    "weight_gradient",
    "window_maxima",
    "window_sums",
]


@dataclass(frozen=True)
class Sliding:
    """One spatial axis: image = stride*window + dilation*offset - padding."""

    image: sp.Expr
    window: Index
    offset: Index
    stride: int
    dilation: int
    padding: sp.Expr

    @property
    def extent(self) -> sp.Expr:
        """The places from the first window's first to the last window's last."""
        return sp.expand(self.stride * (self.window.size - 1) + self.dilation * (self.offset.size - 1) + 1)

    @property
    def natural(self) -> bool:
        """Whether there are exactly as many windows as fit into the image, padded on both sides."""
        if not (self.padding.is_Integer and self.padding >= 0):
            return False
        room = self.image + 2 * self.padding - self.dilation * (self.offset.size - 1) - 1
        return bool(sp.expand(self.window.size - sp.floor(sp.expand(room / self.stride)) - 1) == 0)


def sliding_in(e: sp.Expr, size: sp.Expr, kept: Sequence[Index], summed: Sequence[Index]) -> Sliding | None:
    """The sliding of an index expression with one kept and one summed index, both with positive whole steps."""
    found = place(e)
    if found is None or len(found.indices) != 2 or not all(s.is_Integer and s > 0 for s in found.steps):
        return None
    by = dict(zip(found.indices, map(int, found.steps), strict=True))
    windows = [i for i in found.indices if i in kept]
    offsets = [i for i in found.indices if i in summed]
    if len(windows) != 1 or len(offsets) != 1:
        return None
    return Sliding(size, windows[0], offsets[0], by[windows[0]], by[offsets[0]], -found.start)


def arranged(graph: Graph, value: Labelled, groups: Sequence[Sequence[Index]]) -> Labelled:
    """The value with its axes in groups, each group one dimension; an empty group is a dimension of size 1."""
    flat = [i for group in groups for i in group]
    order = tuple(value.axes.index(i) for i in flat)
    if order == tuple(range(len(order))) and all(len(g) == 1 for g in groups):
        return value
    lengths = tuple(len(g) for g in groups)
    node = value.node
    if node.op == "apart" and order == tuple(range(len(order))) and lengths == tuple(map(len, node.data[0])):
        return Labelled(node.args[0], tuple(flat))  # what was taken apart is put together again
    sizes = tuple(sp.Mul(*(node.sizes[value.axes.index(i)] for i in g)) for g in groups)
    return Labelled(graph.make("arrange", (value.node,), (order, lengths), sizes), tuple(flat))


def taken_apart(graph: Graph, value: Labelled, groups: Sequence[Sequence[Index]]) -> Labelled:
    """The inverse: every dimension of the value becomes its group's axes."""
    flat = tuple(i for group in groups for i in group)
    if all(len(g) == 1 for g in groups):
        return Labelled(value.node, flat)
    sizes = tuple(tuple(i.size for i in g) for g in groups)
    return Labelled(graph.make("apart", (value.node,), (sizes,), (i.size for i in flat)), flat)


def fitted_image(graph: Graph, image: Labelled, slidings: Sequence[Sliding]) -> tuple[Labelled, list[sp.Expr]]:
    """The image, its last axes the spatial ones, and the padding to use; padded or cut where that is not natural."""
    if all(s.natural for s in slidings):
        return image, [s.padding for s in slidings]
    rank = image.node.rank
    spec = [None] * (rank - len(slidings)) + [
        None if s.extent == s.image and s.padding == 0 else (-s.padding, s.extent, ((sp.Integer(1), s.extent),))
        for s in slidings
    ]
    if any(spec):
        sizes = (*image.node.sizes[: rank - len(slidings)], *(s.extent for s in slidings))
        image = Labelled(graph.make("window", (image.node,), (tuple(spec),), sizes), image.axes)
    return image, [sp.Integer(0)] * len(slidings)


def convolution(
    graph: Graph, image: Labelled, weight: Labelled, slidings: Sequence[Sliding], summed: Sequence[Index]
) -> Labelled | None:
    """The sum over offsets and channels of weight[out, channels, offsets] * image[batch, channels, places].

    The image's last axes are the spatial ones, labelled by the windows.  None where an axis fits no role.
    """
    roles = _roles(
        image.axes[: -len(slidings)], [i for i in weight.axes if i not in [s.offset for s in slidings]], summed
    )
    if roles is None or any(s.offset not in weight.axes for s in slidings):
        return None
    batch, channels, groups, out = roles
    windows, offsets = [[s.window] for s in slidings], [[s.offset] for s in slidings]
    image = arranged(graph, image, [batch, [*groups, *channels], *windows])
    image, padding = fitted_image(graph, image, slidings)
    weight = arranged(graph, weight, [[*groups, *out], channels, *offsets])
    data = ("forward", *_geometry(slidings, padding), _size(groups))
    sizes = (_size(batch), _size([*groups, *out]), *(s.window.size for s in slidings))
    made = graph.make("convolution", (image.node, weight.node), data, sizes)
    return taken_apart(graph, Labelled(made), [batch, [*groups, *out], *windows])


def weight_gradient(
    graph: Graph, image: Labelled, gradient: Labelled, slidings: Sequence[Sliding], summed: Sequence[Index]
) -> Labelled | None:
    """The sum over windows and batch of gradient[batch, out, windows] * image[batch, channels, places].

    Here a sliding's window is summed and its offset kept.
    """
    roles = _roles(
        image.axes[: -len(slidings)], [i for i in gradient.axes if i not in [s.window for s in slidings]], summed
    )
    if roles is None or any(s.window not in gradient.axes for s in slidings):
        return None
    channels, batch, groups, out = roles
    windows, offsets = [[s.window] for s in slidings], [[s.offset] for s in slidings]
    image = arranged(graph, image, [batch, [*groups, *channels], *offsets])
    image, padding = fitted_image(graph, image, slidings)
    gradient = arranged(graph, gradient, [batch, [*groups, *out], *windows])
    sizes = (_size([*groups, *out]), _size(channels), *(s.offset.size for s in slidings))
    data = ("weight", *_geometry(slidings, padding), _size(groups), sizes)
    made = graph.make("convolution", (image.node, gradient.node), data, sizes)
    return taken_apart(graph, Labelled(made), [[*groups, *out], channels, *offsets])


def transposed(
    graph: Graph,
    gradient: Labelled,
    weight: Labelled,
    slidings: Sequence[Sliding],
    *,
    images: Sequence[Index],
    summed: Sequence[Index],
) -> Labelled | None:
    """The sum over out and all i = s*p + d*k - a of gradient[batch, out, p] * weight[out, channels, k]."""
    windows, offsets = [s.window for s in slidings], [s.offset for s in slidings]
    if any(p not in gradient.axes for p in windows) or any(k not in weight.axes for k in offsets):
        return None
    roles = _roles([i for i in gradient.axes if i not in windows], [i for i in weight.axes if i not in offsets], summed)
    if roles is None:
        return None
    batch, out, groups, channels = roles
    gradient = arranged(graph, gradient, [batch, [*groups, *out], *([p] for p in windows)])
    weight = arranged(graph, weight, [[*groups, *out], channels, *([k] for k in offsets)])
    natural = all(s.natural for s in slidings)
    padding = [s.padding if natural else sp.Integer(0) for s in slidings]
    lengths = [s.image if natural else s.extent for s in slidings]
    missing = [sp.expand(n - (s.extent - 2 * a)) for n, s, a in zip(lengths, slidings, padding, strict=True)]
    sizes = (_size(batch), _size([*groups, *channels]), *lengths)
    data = ("transposed", *_geometry(slidings, padding), _size(groups), tuple(missing))
    made = graph.make("convolution", (gradient.node, weight.node), data, sizes)
    if not natural:
        made = _cut(graph, Labelled(made), slidings).node
    return taken_apart(graph, Labelled(made), [batch, [*groups, *channels], *([i] for i in images)])


def window_sums(graph: Graph, image: Labelled, slidings: Sequence[Sliding]) -> Labelled | None:
    """The sum of every window of two axes, for windows without gaps; the image's last axes are the spatial ones."""
    plain = all(s.dilation == 1 and s.natural and s.offset.size.is_Integer for s in slidings)
    if len(slidings) != 2 or not plain or any(2 * s.padding > s.offset.size for s in slidings):
        return None
    lead = list(image.axes[:-2])
    groups: list[list[Index]] = [lead[:1], lead[1:], *([s.window] for s in slidings)]
    image = arranged(graph, image, groups)
    sizes = (*image.node.sizes[:2], *(s.window.size for s in slidings))
    made = graph.make("window_sums", (image.node,), (*_pooling(slidings), 1), sizes)
    return taken_apart(graph, Labelled(made), groups)


def window_maxima(graph: Graph, image: Node, axes: tuple[Index, ...], slidings: Sequence[Sliding]) -> Labelled | None:
    """The maximum of every window of an image [n, c, h, w], for windows without gaps and without padding."""
    plain = all(s.dilation == 1 and s.natural and s.padding == 0 and s.offset.size.is_Integer for s in slidings)
    if not plain:
        return None
    size, stride, _ = _pooling(slidings)
    return Labelled(graph.make("max_pool", (image,), (size, stride), (i.size for i in axes)), axes)


def _unpooled(graph: Graph, value: Labelled, slidings: Sequence[Sliding]) -> Labelled | None:
    """What the maxima of windows give back to the places where they stand; None where the value says something else.

    The value is g / count at the places of a window that equal its maximum.  Where several do, max_pool2d remembers the
    first, which then takes all: another subgradient than the even shares.
    """
    node = value.node
    if node.op != "mask" or node.args[0].op != "==" or node.args[1].op != "div":
        return None
    condition, shares = node.args
    gradient, count = shares.args
    pooled = next((n for n in condition.args if n.op == "max_pool"), None)
    counted = count.op == "sum" and count.args[0].args and count.args[0].args[0] is condition
    if pooled is None or not counted or not any(n.op == "window" and n.args == pooled.args for n in condition.args):
        return None
    axes = tuple(value.axes[p] for p in node.data[0][1])
    own = tuple(axes[p] for p in shares.data[0][0])
    lead = [i for i in value.axes if i not in [k for s in slidings for k in (s.window, s.offset)]]
    if own != (*lead, *(s.window for s in slidings)) or len(own) != 4:
        return None
    places = graph.make("max_pool_places", (pooled,), (), pooled.sizes)
    sizes = (*gradient.sizes[:2], *(s.image for s in slidings))
    return Labelled(graph.make("unpool", (gradient, places), pooled.data, sizes), own)


def spread(graph: Graph, value: Labelled, slidings: Sequence[Sliding], images: Sequence[Index]) -> Labelled | None:
    """Every place gets the sum of value over the windows that cover it: the transpose of window_sums."""
    plain = all(s.dilation == 1 and s.natural and s.offset.size.is_Integer for s in slidings)
    if len(slidings) != 2 or not plain or any(2 * s.padding > s.offset.size for s in slidings):
        return None
    windows = [s.window for s in slidings]
    lead = [i for i in value.axes if i not in windows]
    value = arranged(graph, value, [lead[:1], lead[1:], *([p] for p in windows)])
    sizes = (*value.node.sizes[:2], *(s.image for s in slidings))
    made = graph.make("spread", (value.node,), (*_pooling(slidings), 1), sizes)
    return taken_apart(graph, Labelled(made), [lead[:1], lead[1:], *([i] for i in images)])


def fold(graph: Graph, value: Labelled, slidings: Sequence[Sliding], images: Sequence[Index]) -> Labelled | None:
    """Every place i gets the sum of value[p, k] over all i = s*p + d*k - a; None with more than two spatial axes."""
    windows, offsets = [s.window for s in slidings], [s.offset for s in slidings]
    if len(slidings) > 2:
        return None
    if (unpooled := _unpooled(graph, value, slidings)) is not None:
        return Labelled(unpooled.node, (*unpooled.axes[:2], *images))
    missing = tuple(i for i in (*windows, *offsets) if i not in value.axes)
    if missing:
        sizes = tuple(i.size for i in (*value.axes, *missing))
        node = graph.make("expand", (value.node,), (tuple(range(len(value.axes))), sizes), sizes)
        value = Labelled(node, (*value.axes, *missing))
    lead = [i for i in value.axes if i not in windows and i not in offsets]
    natural = all(s.natural for s in slidings)
    padding = [s.padding if natural else sp.Integer(0) for s in slidings]
    lengths = [s.image if natural else s.extent for s in slidings]
    value = arranged(graph, value, [lead[:1], lead[1:], *([p] for p in windows), *([k] for k in offsets)])
    sizes = (*value.node.sizes[:2], *lengths)
    made = graph.make("fold", (value.node,), _geometry(slidings, padding), sizes)
    if not natural:
        made = _cut(graph, Labelled(made), slidings).node
    return taken_apart(graph, Labelled(made), [lead[:1], lead[1:], *([i] for i in images)])


def _cut(graph: Graph, full: Labelled, slidings: Sequence[Sliding]) -> Labelled:
    """The places of the image out of all places that windows reach."""
    lead = full.node.rank - len(slidings)
    spec = (*([None] * lead), *((s.padding, s.image, ((sp.Integer(1), s.image),)) for s in slidings))
    sizes = (*full.node.sizes[:lead], *(s.image for s in slidings))
    return Labelled(graph.make("window", (full.node,), (spec,), sizes))


def _roles(
    first: Sequence[Index], second: Sequence[Index], summed: Sequence[Index]
) -> tuple[list[Index], list[Index], list[Index], list[Index]] | None:
    """The axes only of the first, those of both that are summed, those of both that are kept, only of the second."""
    own = [i for i in first if i not in second]
    both = [i for i in first if i in second]
    other = [i for i in second if i not in first]
    if any(i in summed for i in (*own, *other)):
        return None
    return own, [i for i in both if i in summed], [i for i in both if i not in summed], other


def _geometry(slidings: Sequence[Sliding], padding: Sequence[sp.Expr]) -> tuple[tuple[int, ...], ...]:
    """Stride, padding and dilation, each with one number for every spatial axis."""
    return tuple(s.stride for s in slidings), tuple(int(a) for a in padding), tuple(s.dilation for s in slidings)


def _pooling(slidings: Sequence[Sliding]) -> tuple[tuple[int, ...], ...]:
    """Window, stride and padding."""
    stride, padding, _ = _geometry(slidings, [s.padding for s in slidings])
    return tuple(int(s.offset.size) for s in slidings), stride, padding


def _size(group: Sequence[Index]) -> sp.Expr:
    return sp.Mul(*(i.size for i in group))


def image_of(graph: Graph, node: Labelled, spatial: Sequence[int], labels: Sequence[Index]) -> Labelled:
    """The node with its spatial dimensions last, labelled anew."""
    order = (*(k for k in range(node.node.rank) if k not in spatial), *spatial)
    axes = (*(node.axes[k] for k in order[: len(order) - len(spatial)]), *labels)
    if order == tuple(range(len(order))):
        return Labelled(node.node, axes)
    made = graph.make("permute", (node.node,), (order,), (node.node.sizes[k] for k in order))
    return Labelled(made, axes)
