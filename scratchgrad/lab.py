"""The course's lab network, as the figure shows it, and the numbers that the course works through.

    x -> Linear -u-> ReLU -h-> Linear -v-> Softmax with cross-entropy -o, L->  J = L + s
         W, b1                 M, b2       y                                   s = lambda ||W||^2 + lambda ||M||^2

W and M have two consumers each, so their gradients come along two paths.
"""

from __future__ import annotations

from typing import Any

import torch

from scratchgrad.tape.network import Network

__all__ = ["COURSE_NUMBERS", "course_network", "lab_network"]

COURSE_NUMBERS: dict[str, Any] = {
    "x": [3, 2],
    "W": [[4, 5], [-2, 2], [7, 1]],
    "b1": [1, -2, 3],
    "M": [[-4, 5, 3], [-2, 2, 7]],
    "b2": [-3, 2],
}
"""The course's worked example: forward gives u = (23, -4, 26), h = (23, 0, 26), v = (-17, 138)."""


def lab_network(
    features: int = 64,
    hidden: int = 32,
    classes: int = 10,
    *,
    weight_decay: float = 1e-4,
    loss: str = "softmax_cross_entropy",
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Network:
    """The figure's network; loss="l2_loss" is its regression form, in which v is compared with y directly."""
    net = Network(name="lab", seed=seed, dtype=dtype)
    x = net.input("x", features)
    W = net.parameter("W", (hidden, features))
    b1 = net.parameter("b1", hidden, latex="b^{(1)}")
    u = net.add("linear", x, W, b1, name="u")
    h = net.add("relu", u, name="h")
    M = net.parameter("M", (classes, hidden))
    b2 = net.parameter("b2", classes, latex="b^{(2)}")
    v = net.add("linear", h, M, b2, name="v")
    y = net.target("y", classes)
    if loss == "softmax_cross_entropy":
        _, L = net.add("softmax_cross_entropy", v, y, name=("o", "L"))
    else:
        L = net.add(loss, v, y, name="L")
    lambda_ = net.constant("lambda", weight_decay)
    s1 = net.add("squared_norm", W, lambda_, name="s1")
    s2 = net.add("squared_norm", M, lambda_, name="s2")
    s = net.add("add", s1, s2, name="s")
    J = net.add("add", L, s, name="J")
    net.minimize(J)
    return net


def course_network(
    *, weight_decay: float = 0.1, loss: str = "softmax_cross_entropy", dtype: torch.dtype = torch.float64
) -> Network:
    """The figure's network at the course's size and values: net.forward(COURSE_NUMBERS["x"], y) comes next."""
    net = lab_network(2, 3, 2, weight_decay=weight_decay, loss=loss, dtype=dtype)
    for name in net.names("parameter"):
        net.set(name, COURSE_NUMBERS[name])
    return net
