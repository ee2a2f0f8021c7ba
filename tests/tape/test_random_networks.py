"""Random networks, with fan-out and parallel paths, against torch autograd as an independent witness."""

import torch
from hypothesis import given

from scratchgrad.testing import networks
from tests.tolerances import tolerance

WITNESS = {
    "linear": lambda x, W, b: x @ W.transpose(-1, -2) + b,
    "relu": torch.relu,
    "l2_loss": lambda v, y: ((v - y) ** 2).sum(-1),
    "scale": lambda x, c: c * x,
    "add": lambda a, b: a + b,
    "squared_norm": lambda W, c: c * (W**2).sum(),
    "softmax_cross_entropy": lambda v, y: (torch.softmax(v, -1), -(y * torch.log_softmax(v, -1)).sum(-1)),
}


def witnessed(case):
    """Every signal's value, computed by torch, which keeps the gradients of all of them."""
    values = {name: value.clone().requires_grad_() for name, value in (case.given | case.leaves).items()}
    for layer, inputs, outputs in case.operations:
        found = WITNESS[layer](*(values[name] for name in inputs))
        for name, value in zip(outputs, found if isinstance(found, tuple) else (found,), strict=True):
            value.retain_grad()
            values[name] = value
    values[case.objective].mean().backward()
    return values


@given(networks())
def test_every_signals_value_and_gradient_agree_with_autograd(case):
    net, witness = case.network, witnessed(case)
    values = net.forward(**case.given)
    for name, value in values.items():
        same(value, witness[name].detach(), name)
    if net.tape.unreachable:
        return
    net.backward()
    for signal in net.signals:
        want = witness[signal.name]
        same(net.gradient(signal), torch.zeros_like(want) if want.grad is None else want.grad, signal.name)


def same(got, want, name):
    """Equal up to rounding, which grows with the largest entry, because sums of both signs cancel."""
    assert got.shape == want.shape, name
    size = max(1.0, float(want.abs().max())) if want.numel() else 1.0
    torch.testing.assert_close(got / size, want / size, **tolerance(torch.float64), msg=lambda m: f"{name}: {m}")
