"""Random networks for programs: every room, fan-out, parallel paths, shared weights, two-output layers.

A network is drawn as a list of choices, so that hypothesis can shrink it, and built as often as it is needed: every
copy starts at the same point.  Gates keep what flows at a moderate size: twenty steps of descent on sums of random
losses would leave the range in which two orders of rounding stay together.
"""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st

from scratchgrad import registry
from scratchgrad.membership import inside
from scratchgrad.tape import Network
from scratchgrad.testing.domains import domains_of
from tests.program.feeding import belonging

SIZES = st.integers(1, 4)


@dataclass(frozen=True)
class Drawn:
    """The choices that make a network."""

    batch: int | None
    size: int
    layers: tuple[tuple[str, tuple[int, ...], int], ...]
    decay: tuple[bool, ...]
    integers: bool

    def build(self, dtype=torch.float64):
        """The network and one draw of what it is given for each of `steps`."""
        return _Builder(self, dtype).net

    def given(self, steps, dtype=torch.float64):
        """Inputs and targets for so many steps."""
        generator, net, drawn = torch.Generator().manual_seed(3), self.build(dtype), []
        for _ in range(steps):
            values = {}
            for name in (*net.names("input"), *net.names("target")):
                signal = net.signal(name)
                shape = signal.shape if self.batch is None else (self.batch, *signal.shape)
                if signal.integer:
                    values[name] = torch.randint(0, 5, shape, generator=generator)
                else:
                    numbers = torch.randn(shape, generator=generator, dtype=torch.float64)
                    values[name] = belonging(net, name, numbers).to(dtype)
            drawn.append(values)
        return drawn


class _Builder:
    def __init__(self, drawn, dtype):
        self.net = net = Network(dtype=dtype, seed=1)
        self.random = torch.Generator().manual_seed(5)
        self.count = 0
        self.vectors = [(net.input("x", drawn.size).name, drawn.size)]
        if drawn.integers:
            index = net.input("t", (), integer=True)
            table = self.parameter((5, drawn.size))
            self.vectors.append((net.add("embedding", index, table).name, drawn.size))
        net.target("y", drawn.size)
        self.scalars, self.matrices = [], []
        for name, choices, width in drawn.layers:
            self.add(name, choices, width)
        for decays, W in zip(drawn.decay, self.matrices, strict=False):
            if decays:
                self.scalars.append(net.add("squared_norm", W, 0.01).name)
        for name, size in self.vectors[-2:]:
            self.scalars.append(net.add("l2_loss", name, self.fitting(size, 0)).name)
        used = {name for op in net.operations for name in op.inputs}
        loose = [name for name in net.names("result") if name not in used and not net.signal(name).shape]
        total = loose[0]
        for name in loose[1:]:
            total = net.add("add", total, name).name
        net.minimize(net.add("scale", total, 0.01))

    def parameter(self, shape):
        self.count += 1
        value = torch.randn(shape, generator=self.random, dtype=torch.float64) * 0.4
        return self.net.parameter(f"p{self.count}", value=value).name

    def fitting(self, size, choice):
        """A vector of this size: an old one, or a projection of the last."""
        found = [name for name, n in self.vectors if n == size]
        if found:
            return found[choice % len(found)]
        name, n = self.vectors[-1]
        return self.linear(name, n, size)

    def linear(self, name, n, width):
        W = self.parameter((width, n))
        self.matrices.append(W)
        out = self.net.add("linear", name, W, self.parameter((width,))).name
        self.vectors.append((out, width))
        return out

    def add(self, name, choices, width):
        """The layer on signals picked by the choices; what it shares between samples becomes a parameter."""
        layer = registry.layer(name)
        first, size = self.vectors[choices[0] % len(self.vectors)]
        if name == "linear":
            if choices[1] % 3 == 0 and self.matrices:  # weights that two layers share
                W = self.matrices[choices[2] % len(self.matrices)]
                rows, columns = self.net.signal(W).shape
                out = self.net.add("linear", self.fitting(columns, choices[0]), W, self.parameter((rows,))).name
                self.vectors.append((out, rows))
            else:
                self.linear(first, size, width)
            return
        sizes, inputs = {}, []
        for position, tensor in enumerate(layer.signature.inputs):
            domain = domains_of(layer)[tensor.name]
            if tensor.name in layer.shared:
                shape = tuple(sizes.setdefault(letter, width) for letter in tensor.axes)
                inputs.append(("parameter", (shape, domain)))
            elif not domain.is_reals:  # what other layers compute may lie outside
                inputs.append(("input", tuple(sizes.setdefault(letter, size) for letter in tensor.axes)))
            elif not tensor.axes:
                if not self.scalars:
                    self.scalars.append(self.net.add("l2_loss", first, first).name)
                inputs.append(("signal", self.scalars[choices[position % 3] % len(self.scalars)]))
            elif len(tensor.axes) > 1:
                return  # images and sequences have tests of their own
            else:
                wanted = sizes.setdefault(tensor.axes[0], size if position == 0 else width)
                if position == 0:
                    inputs.append(("signal", first))
                else:
                    inputs.append(("signal", self.fitting(wanted, choices[position % 3])))
        named = [self.named(kind, what) for kind, what in inputs]
        outputs = self.net.add(layer, *named)
        for signal in outputs if isinstance(outputs, tuple) else (outputs,):
            if len(signal.shape) == 1:
                self.vectors.append((signal.name, signal.shape[0]))
            elif not signal.shape:
                self.scalars.append(signal.name)

    def named(self, kind, what):
        """The signal itself, or a new one: an input in its domain, a parameter (0.5 where it is a single number)."""
        if kind == "signal":
            return what
        self.count += 1
        if kind == "input":
            return self.net.input(f"i{self.count}", what).name
        shape, domain = what
        if shape and domain.is_reals:
            return self.parameter(shape)
        value = torch.randn(shape, generator=self.random, dtype=torch.float64) if shape else torch.tensor(0.5).double()
        moved = torch.from_numpy(inside(domain, value.numpy(), margin=1 / 8))
        return self.net.parameter(f"p{self.count}", value=moved).name


# TRUST: networks-left-out
def plain(layer):
    """Whether no axis follows from others by a formula, and no input indexes: those rooms are in test_rooms.py."""
    return not layer.signature.formulas and not any(tensor.integer for tensor in layer.signature.inputs)


@st.composite
def networks(draw):
    """A network of up to eight layers."""
    rooms = [name for name in registry.names() if plain(registry.layer(name))]
    layer = st.tuples(
        st.sampled_from(["linear", "relu", "softmax_cross_entropy", *rooms]),
        st.tuples(*[st.integers(0, 7)] * 3),
        SIZES,
    )
    return Drawn(
        draw(st.sampled_from([None, 1, 2, 5, 9])),
        draw(SIZES),
        tuple(draw(st.lists(layer, min_size=1, max_size=8))),
        tuple(draw(st.lists(st.booleans(), max_size=4))),
        draw(st.booleans()),
    )
