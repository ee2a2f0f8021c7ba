"""Random networks, with fan-out and parallel paths, against torch autograd as an independent witness."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from scratchgrad.tape import Network
from tests.tolerances import tolerance

WITNESS = {
    "linear": lambda x, W, b: x @ W.transpose(-1, -2) + b,
    "relu": torch.relu,
    "l2_loss": lambda v, y: ((v - y) ** 2).sum(-1),
    "scale": lambda x, c: c * x,
    "add": lambda a, b: a + b,
    "squared_norm": lambda W, c: c * (W**2).sum(),
}


class Pair:
    """The network and its witness, built side by side; every signal has a value in both."""

    def __init__(self, batch):
        self.net, self.batch = Network(dtype=torch.float64), batch
        self.random = torch.Generator().manual_seed(7)
        self.witness, self.given = {}, {}
        self.vectors, self.scalars, self.matrices = [], [], []

    def draw(self, *shape):
        return torch.randn(shape, generator=self.random, dtype=torch.float64) / math.sqrt(max(1, *shape, 1))

    def sample(self, role, name, size):
        value = self.draw(size) if self.batch is None else self.draw(self.batch, size)
        getattr(self.net, role)(name, size)
        self.given[name] = value
        self.witness[name] = value.clone().requires_grad_()
        self.vectors.append((name, size))

    def leaf(self, name, *shape):
        value = self.draw(*shape)
        self.net.parameter(name, value=value)
        self.witness[name] = value.clone().requires_grad_()
        return name

    def add(self, layer, *inputs):
        outputs = self.net.add(layer, *inputs)
        arguments = [self.witness[name] for name in inputs]
        if layer == "softmax_cross_entropy":
            v, y = arguments
            values = (torch.softmax(v, -1), -(y * torch.log_softmax(v, -1)).sum(-1))
        else:
            values = (WITNESS[layer](*arguments),)
        for signal, value in zip(outputs if isinstance(outputs, tuple) else (outputs,), values, strict=True):
            value.retain_grad()
            self.witness[signal.name] = value
            if signal.shape:
                self.vectors.append((signal.name, signal.shape[0]))
            else:
                self.scalars.append(signal.name)


@st.composite
def pairs(draw):
    """A network of up to a dozen operations on signals picked at random, whose scalars are added up to J."""
    pair = Pair(draw(st.sampled_from([None, 1, 2, 3])))
    pair.sample("input", "x", draw(st.integers(1, 4)))
    if draw(st.booleans()):
        pair.sample("input", "z", draw(st.integers(1, 4)))
    pair.sample("target", "y", draw(st.integers(1, 4)))
    for k in range(draw(st.integers(1, 12))):
        name, size = draw(st.sampled_from(pair.vectors))
        kind = draw(st.sampled_from(["linear", "linear", "relu", "softmax_cross_entropy", "l2_loss", "tied", "scale"]))
        if kind == "linear":
            width = draw(st.integers(1, 4))
            pair.add("linear", name, pair.leaf(f"W{k}", width, size), pair.leaf(f"b{k}", width))
            pair.matrices.append((f"W{k}", f"b{k}", size))
        elif kind == "tied" and pair.matrices:  # weights that two layers share
            W, b, wanted = draw(st.sampled_from(pair.matrices))
            fitting = [n for n, s in pair.vectors if s == wanted]
            pair.add("linear", draw(st.sampled_from(fitting)), W, b)
        elif kind == "relu":
            pair.add("relu", name)
        elif kind in ("softmax_cross_entropy", "l2_loss"):
            pair.add(kind, name, draw(st.sampled_from([n for n, s in pair.vectors if s == size])))
        elif kind == "scale" and pair.scalars:
            pair.add("scale", draw(st.sampled_from(pair.scalars)), pair.leaf(f"c{k}"))
    for W, _, _ in pair.matrices:
        if draw(st.booleans()):
            pair.add("squared_norm", W, pair.leaf(f"lambda_{W}"))
    name, size = pair.vectors[-1]
    pair.add("l2_loss", name, name if draw(st.booleans()) else pair.leaf("goal", size))
    for name in list(pair.scalars):
        pair.add("add", pair.scalars[-1], name)
    return pair


@given(pairs())
def test_every_signals_value_and_gradient_agree_with_autograd(pair):
    J = pair.scalars[-1]
    pair.net.minimize(J)
    pair.witness[J].mean().backward()
    values = pair.net.forward(**pair.given)
    for name, value in values.items():
        same(value, pair.witness[name].detach(), name)
    if pair.net.tape.unreachable:
        return
    pair.net.backward()
    for signal in pair.net.signals:
        want = pair.witness[signal.name]
        same(pair.net.gradient(signal), torch.zeros_like(want) if want.grad is None else want.grad, signal.name)


def same(got, want, name):
    """Equal up to rounding, which grows with the largest entry, because sums of both signs cancel."""
    assert got.shape == want.shape, name
    size = max(1.0, float(want.abs().max())) if want.numel() else 1.0
    torch.testing.assert_close(got / size, want / size, **tolerance(torch.float64), msg=lambda m: f"{name}: {m}")
