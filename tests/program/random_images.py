"""Random networks on images: convolutions of any options, pooling, activations, two paths that meet again.

Drawn as a list of choices and built as often as needed, as in random_networks.py.
"""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st

from scratchgrad.signature import ShapeMismatch
from scratchgrad.tape import Network

ACTIVATIONS = ("relu", "tanh", "gelu", "sigmoid", "silu", "softplus", "leaky_relu")
OPTIONS = (  # whose kernels the package ships
    {},
    {"padding": 1},
    {"padding": 2},
    {"stride": 2},
    {"stride": 2, "padding": 1},
    {"dilation": 2},
)
POOLS = ("max_pool2d", "max_pool2d(size=3)", "max_pool2d(size=3,stride=2)", "avg_pool2d", "avg_pool2d(size=3)")


@dataclass(frozen=True)
class DrawnImages:
    """The choices that make a network."""

    batch: int | None
    shape: tuple[int, int, int]
    layers: tuple[tuple[str, str, dict[str, int], int], ...]
    decay: float

    def build(self, dtype=torch.float64):
        """The network, always from the same start."""
        net, random = Network(dtype=dtype, seed=1), torch.Generator().manual_seed(5)

        def parameter(name, *shape):
            return net.parameter(name, value=0.4 * torch.randn(shape, generator=random, dtype=torch.float64))

        h, y = net.input("x", self.shape), net.target("y", 3)
        for k, (kind, name, options, width) in enumerate(self.layers):
            if kind == "activation":
                slope = (net.parameter(f"slope{k}", value=0.3),) if name == "leaky_relu" else ()
                h = net.add(name, h, *slope)
            elif kind == "meet":  # the same image by two ways
                h = net.add("add", net.add("tanh", h), net.add("sigmoid", h))
            elif kind == "pool":
                h = self.fitting(net, h, name)
            else:
                filters = (width, h.shape[0], *[min(3, n) for n in h.shape[1:]])
                h = self.fitting(net, h, name, parameter(f"W{k}", *filters), parameter(f"b{k}", width), **options)
        flat = net.add("flatten", h)
        scores = net.add("linear", flat, parameter("W", 3, flat.shape[0]), parameter("b", 3))
        J = net.add("softmax_cross_entropy", scores, y)[1]
        net.minimize(net.add("add", J, net.add("squared_norm", "W", self.decay)))
        return net

    def fitting(self, net, h, name, *shared, **options):
        """The layer's output; h itself where the image is too small for it."""
        try:
            return net.add(name, h, *shared, **options)
        except ShapeMismatch:
            return h

    def given(self, steps, dtype=torch.float64):
        """Images and the rows that are to be learnt."""
        generator, lead = torch.Generator().manual_seed(3), () if self.batch is None else (self.batch,)
        for _ in range(steps):
            x = torch.randn((*lead, *self.shape), generator=generator, dtype=torch.float64)
            y = torch.randn((*lead, 3), generator=generator, dtype=torch.float64).softmax(-1)
            yield {"x": x.to(dtype), "y": y.to(dtype)}


@st.composite
def images(draw):
    """A network of up to six layers on images of up to nine rows and columns."""
    layer = st.one_of(
        st.tuples(st.just("activation"), st.sampled_from(ACTIVATIONS), st.just({}), st.just(0)),
        st.tuples(st.just("pool"), st.sampled_from(POOLS), st.just({}), st.just(0)),
        st.tuples(st.just("meet"), st.just("add"), st.just({}), st.just(0)),
        st.tuples(
            st.just("convolution"),
            st.just("conv2d"),
            st.sampled_from(OPTIONS),
            st.integers(1, 4),
        ),
    )
    return DrawnImages(
        draw(st.sampled_from([None, 1, 2, 5])),
        draw(st.tuples(st.integers(1, 2), st.integers(3, 9), st.integers(3, 9))),
        tuple(draw(st.lists(layer, min_size=1, max_size=6))),
        draw(st.sampled_from([0.0, 0.01])),
    )
