"""The whole of training against torch autograd: same start, same batches, same path."""

import pytest
import torch

from scratchgrad.lab import lab_network
from scratchgrad.train import SGD, one_hot
from scratchgrad.train.data import Batches, load_data

STEPS = 200


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "l2_loss"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_200_steps_in_float64_agree_with_autograd_to_1e_10(loss, momentum):
    X, y = load_data("digits", dtype=torch.float64).train
    source = Batches(X, y, batch_size=32, seed=3)
    lr, weight_decay = (0.05 if loss == "softmax_cross_entropy" else 0.005), 1e-3
    net = lab_network(weight_decay=weight_decay, loss=loss, dtype=torch.float64, seed=1)
    witness = {name: net.value(name).requires_grad_() for name in net.names("parameter")}
    by_torch = torch.optim.SGD(witness.values(), lr=lr, momentum=momentum)
    sgd, losses = SGD(lr, momentum), []
    batches = [batch for epoch in range(5) for batch in source.epoch(epoch)][:STEPS]
    assert len(batches) == STEPS
    for x, labels in batches:
        target = one_hot(labels, 10, torch.float64)
        net.forward(x, target)
        net.backward()
        net.tape.step(sgd)
        W, b1, M, b2 = witness["W"], witness["b1"], witness["M"], witness["b2"]
        v = torch.relu(x @ W.T + b1) @ M.T + b2
        if loss == "softmax_cross_entropy":
            L = torch.nn.functional.cross_entropy(v, labels)
        else:
            L = ((v - target) ** 2).sum(1).mean()
        J = L + weight_decay * (W**2).sum() + weight_decay * (M**2).sum()
        by_torch.zero_grad()
        J.backward()
        by_torch.step()
        losses.append(abs(net.objective - J.item()))
    assert max(losses) < 1e-10
    for name, parameter in witness.items():
        assert float((net.value(name) - parameter.detach()).abs().max()) < 1e-10, name
    assert net.objective < 1  # it went somewhere
