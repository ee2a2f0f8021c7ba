"""Random networks on images: convolutions of every shipped kind, pooling, skips, one after the other."""

from dataclasses import dataclass

import torch
from hypothesis import assume
from hypothesis import strategies as st

from scratchgrad import registry
from scratchgrad.tape import Network
from tests.tape.conftest import accept

ROOMS = [*registry.with_variants("conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d"), "relu", "gelu", "hardswish"]


@dataclass(frozen=True)
class Images:
    """The choices that make a network; a layer is a room, its channels or window, whether what came before is added."""

    batch: int | None
    shape: tuple[int, int, int]
    layers: tuple[tuple[str, int, int, bool], ...]

    def build(self):
        """The network, always with the same parameters."""
        net, numbers = Network(dtype=torch.float64, seed=1), torch.Generator().manual_seed(5)

        def parameter(*shape):
            value = torch.randn(shape, generator=numbers, dtype=torch.float64) * 0.4
            return net.parameter(f"p{len(net.signals)}", value=value).name

        h, target, before = net.input("x", self.shape), net.target("y", 2), []
        for name, channels, window, skip in self.layers:
            layer, (c, *size) = registry.layer(name), h.shape
            if layer.kernel_class is None:
                registry.attach_kernel(layer)
            accept(layer)
            if name.startswith("conv") and channels % groups(name) == c % groups(name) == 0:
                transposed = name.startswith("conv_t")
                if left(min(size), window, dict(layer.chosen), transposed=transposed) >= 1:
                    filters = (c, channels) if transposed else (channels, c // groups(name))
                    h = net.add(layer, h, parameter(*filters, window, window), parameter(channels))
            elif "pool" in name and min(size) >= 3:
                h = net.add(layer, h)
            elif name in ("relu", "gelu", "hardswish"):
                h = net.add(layer, h)
            for other in before:
                if skip and other.shape == h.shape and other.name != h.name:
                    h = net.add("add", h, other)
                    break
            before.append(h)
        vector = net.add("flatten", h)
        out = net.add("linear", vector, parameter(2, vector.shape[0]), parameter(2))
        net.minimize(net.add("scale", net.add("l2_loss", out, target), 0.01))
        return net

    def given(self, steps):
        """Inputs and targets for so many steps."""
        numbers = torch.Generator().manual_seed(3)
        lead = () if self.batch is None else (self.batch,)
        shapes = {"x": (*lead, *self.shape), "y": (*lead, 2)}
        for _ in range(steps):
            yield {n: torch.randn(s, generator=numbers, dtype=torch.float64) for n, s in shapes.items()}


def settled(drawn):
    """Whether every window that is pooled has one largest entry, or zeros that a ReLU has made.

    Around an image every entry of a padded convolution is its bias: which of them is the largest is left to rounding.
    """
    net = drawn.build()
    net.forward(**next(drawn.given(1)))
    for operation in net.operations:
        options = operation.layer.options
        if operation.layer.base.name == "max_pool2d":
            x = net.value(operation.inputs[0])
            planes = x.reshape(-1, 1, *x.shape[-2:])
            windows = torch.nn.functional.unfold(planes, options["size"], stride=options["stride"])
            first, second = windows.topk(2, 1).values.unbind(1)
            if bool(((first - second < 1e-9) & (first != 0)).any()):
                return False
    return True


def groups(name):
    return 2 if "groups=2" in name else 1


def left(size, window, options, *, transposed):
    """The size of what a window leaves of an axis."""
    stride, around = options.get("stride", 1), 2 * options.get("padding", 0)
    if transposed:
        return (size - 1) * stride + window - around
    return (size + around - options.get("dilation", 1) * (window - 1) - 1) // stride + 1


@st.composite
def images(draw):
    """A network of up to six layers."""
    layer = st.tuples(st.sampled_from(ROOMS), st.sampled_from([1, 2, 3, 4, 6]), st.integers(1, 3), st.booleans())
    drawn = Images(
        draw(st.sampled_from([None, 1, 2, 5])),
        draw(st.tuples(st.sampled_from([1, 2, 4]), st.integers(5, 9), st.integers(5, 9))),
        tuple(draw(st.lists(layer, min_size=1, max_size=6))),
    )
    # TRUST: tame-examples
    assume(settled(drawn))
    return drawn
