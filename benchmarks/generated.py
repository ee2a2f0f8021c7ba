"""Every room's kernel against torch's own autograd: backward and forward, and the largest intermediate.

    python benchmarks/generated.py [--rounds 30] [--json] [NAMES...]

The rival is what one would write in torch, differentiated by autograd: torch.autograd.grad from the outputs to every
differentiable input, with the same gradients of the outputs.  Validated before it is timed: outputs and gradients of
both agree in float64.  Timed in float32, one thread, this process's CPU time: both are woken in turns in a shuffled
order, in blocks of some 10 ms; each figure is the 10th percentile of the blocks.  `largest` is the largest tensor that
the kernel allocates (forward or backward), over the largest of its inputs, outputs and gradients: 1 where no
intermediate is larger than what the layer takes or gives.

Targets: backward at most 1.5 times torch's for every room, faster for at least half of them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own name for it
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from scratchgrad import registry

BLOCK = 0.01  # seconds
Room = tuple[Callable[..., Any], list[tuple[int, ...]]]


def _softmax_cross_entropy(v: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return torch.softmax(v, 1), F.cross_entropy(v, y, reduction="none")


def _smoothed(v: Tensor, y: Tensor, eps: Tensor) -> Tensor:
    return F.cross_entropy(v, (1 - eps) * y + eps / v.shape[1], reduction="none")


def _group_norm(x: Tensor, gamma: Tensor, beta: Tensor, eps: Tensor) -> Tensor:
    found = F.group_norm(x.flatten(1, 2), x.shape[1], gamma.flatten(), beta.flatten(), eps.item())
    return found.unflatten(1, x.shape[1:3])


def _info_nce(x: Tensor, y: Tensor, tau: Tensor) -> Tensor:
    return F.cross_entropy(x @ y.T / tau, torch.arange(len(x)), reduction="none")


def _focal(v: Tensor, y: Tensor) -> Tensor:
    p = torch.sigmoid(v)
    return (y * (1 - p) ** 2 * F.softplus(-v) + (1 - y) * p**2 * F.softplus(v)).sum(1)


def _rope(x: Tensor, angle: Tensor) -> Tensor:
    a, half = torch.cat((angle, angle), 1), angle.shape[1]
    return x * a.cos() + torch.cat((-x[..., half:], x[..., :half]), -1) * a.sin()


def _lstm(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    return torch.lstm_cell(x, (h, c), *weights, torch.zeros_like(weights[-1]))


def _batch_norm(x: Tensor, gamma: Tensor, beta: Tensor, eps: Tensor) -> Tensor:
    return F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps.item())


def _layer_norm(x: Tensor, gamma: Tensor, beta: Tensor, eps: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[1:], gamma, beta, eps.item())


def _swiglu(x: Tensor, W: Tensor, V: Tensor) -> Tensor:
    return F.silu(x @ W.T) * (x @ V.T)


def _huber(v: Tensor, y: Tensor, d: Tensor) -> Tensor:
    e = (v - y).abs()
    return torch.where(e < d, e * e / 2, d * (e - d / 2)).sum(1)


WIDE = [(1024,)]
CLASSES = [(1000,), (1000,)]

ROOMS: dict[str, Room] = {
    "add": (torch.add, [(), ()]),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2), [(16, 32, 32)]),
    "batch_norm": (_batch_norm, [(1024,), (1024,), (1024,), ()]),
    "bce_with_logits": (lambda v, y: F.binary_cross_entropy_with_logits(v, y, reduction="none").sum(1), CLASSES),
    "bilinear": (F.bilinear, [(64,), (64,), (64, 64, 64), (64,)]),
    "concat": (lambda a, b: torch.cat((a, b), 1), [(1024,), (1024,)]),
    "conv1d": (F.conv1d, [(16, 256), (32, 16, 5), (32,)]),
    "conv2d": (F.conv2d, [(16, 28, 28), (32, 16, 3, 3), (32,)]),
    "conv2d(stride=2,padding=1)": (
        lambda x, W, b: F.conv2d(x, W, b, stride=2, padding=1),
        [(16, 28, 28), (32, 16, 3, 3), (32,)],
    ),
    "conv2d(groups=2)": (lambda x, W, b: F.conv2d(x, W, b, groups=2), [(16, 28, 28), (32, 8, 3, 3), (32,)]),
    "conv_transpose2d": (F.conv_transpose2d, [(32, 14, 14), (32, 16, 3, 3), (16,)]),
    "cosine_similarity": (lambda a, b: F.cosine_similarity(a, b, 1), [(1024,), (1024,)]),
    "dropout": (lambda u, m, scale: u * m * scale, [(1024,), (1024,), ()]),
    "elu": (lambda u, alpha: torch.where(u > 0, u, alpha * torch.expm1(u)), [(1024,), ()]),
    "embedding": (F.embedding, [(), (1000, 256)]),
    "flatten": (lambda x: x.flatten(1).clone(), [(16, 14, 14)]),
    "focal": (_focal, CLASSES),
    "gelu": (F.gelu, WIDE),
    "gelu_tanh": (lambda u: F.gelu(u, approximate="tanh"), WIDE),
    "group_norm": (_group_norm, [(8, 4, 196), (8, 4), (8, 4), ()]),
    "gru_cell": (torch.gru_cell, [(128,), (256,), (768, 128), (768, 256), (768,), (768,)]),
    "hadamard": (torch.mul, [(1024,), (1024,)]),
    "hardswish": (F.hardswish, WIDE),
    "hinge": (lambda v, y: (1 - v * y).clamp(min=0).sum(1), CLASSES),
    "huber": (_huber, [(1000,), (1000,), ()]),
    "info_nce": (_info_nce, [(256,), (256,), ()]),
    "kl_div": (lambda logs, p: F.kl_div(logs, p, reduction="none").sum(1), CLASSES),
    "l1_loss": (lambda v, y: (v - y).abs().sum(1), CLASSES),
    "l2_loss": (lambda v, y: ((v - y) ** 2).sum(1), CLASSES),
    "label_smoothing_cross_entropy": (_smoothed, [(1000,), (1000,), ()]),
    "layer_norm": (_layer_norm, [(768,), (768,), (768,), ()]),
    "leaky_relu": (lambda u, slope: torch.where(u > 0, u, slope * u), [(1024,), ()]),
    "linear": (F.linear, [(784,), (256, 784), (256,)]),
    "log_sigmoid": (F.logsigmoid, WIDE),
    "log_softmax": (lambda v: torch.log_softmax(v, 1), [(1000,)]),
    "logsumexp": (lambda v: torch.logsumexp(v, 1), [(1000,)]),
    "lstm_cell": (_lstm, [(128,), (256,), (256,), (1024, 128), (1024, 256), (1024,)]),
    "matmul": (torch.matmul, [(64, 64), (64, 64)]),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), [(16, 32, 32)]),
    "mean": (lambda x: x.mean(1), [(64, 256)]),
    "mish": (F.mish, WIDE),
    "mse_loss": (lambda v, y: F.mse_loss(v, y, reduction="none").mean(1), CLASSES),
    "nll": (lambda logs, t: F.nll_loss(logs, t, reduction="none"), [(1000,), ()]),
    "prelu": (F.prelu, [(1024,), (1024,)]),
    "relu": (F.relu, WIDE),
    "residual_scale": (lambda x, f, alpha: x + alpha * f, [(1024,), (1024,), ()]),
    "rms_norm": (lambda x, g, e: x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + e) * g, [(768,), (768,), ()]),
    "rnn_cell": (
        lambda x, s, W, U, b: torch.tanh(x @ W.T + s @ U.T + b),
        [(128,), (256,), (256, 128), (256, 256), (256,)],
    ),
    "rope": (_rope, [(64, 64), (64, 32)]),
    "scale": (torch.mul, [(), ()]),
    "scaled_dot_product_attention": (F.scaled_dot_product_attention, [(64, 64), (64, 64), (64, 64)]),
    "scaled_dot_product_attention(causal=1)": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        [(64, 64), (64, 64), (64, 64)],
    ),
    "sigmoid": (torch.sigmoid, WIDE),
    "silu": (F.silu, WIDE),
    "softmax": (lambda v: torch.softmax(v, 1), [(1000,)]),
    "softmax_cross_entropy": (_softmax_cross_entropy, CLASSES),
    "softplus": (F.softplus, WIDE),
    "squared_norm": (lambda W, lambda_: lambda_ * W.pow(2).sum(), [(256, 784), ()]),
    "swiglu": (_swiglu, [(256,), (512, 256), (512, 256)]),
    "tanh": (torch.tanh, WIDE),
    "triplet": (
        lambda a, p, q, m: F.relu(((a - p) ** 2).sum(1) - ((a - q) ** 2).sum(1) + m),
        [(256,), (256,), (256,), ()],
    ),
}
"""What torch would compute, and the shapes of one sample's inputs."""

SAMPLES = {"conv1d": 32, "conv2d": 16, "rope": 64, "matmul": 64, "flatten": 64, "group_norm": 64}


def inputs_of(name: str, dtype: torch.dtype) -> list[Tensor]:
    """Random inputs of realistic sizes: a batch of 128 unless said otherwise."""
    layer = registry.layer(name)
    n = SAMPLES.get(layer.base.name, 32 if "pool" in name or "attention" in name else 128)
    generator = torch.Generator().manual_seed(0)
    found = []
    for tensor, shape in zip(layer.signature.inputs, ROOMS[name][1], strict=True):
        size = (n, *shape) if layer.carries_samples(tensor) else shape
        if tensor.integer:
            found.append(torch.randint(1000, size, generator=generator))
        else:
            drawn = torch.randn(size, generator=generator, dtype=torch.float64).to(dtype)
            probable = name == "kl_div" and tensor.name == "p"
            plain = not size and tensor.name in ("eps", "d", "tau", "scale")
            found.append(drawn.abs() + 0.1 if plain else torch.softmax(drawn, 1) if probable else drawn)
    return found


def _tuple(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


class Pair:
    """One room: its kernel and torch's own, on the same inputs."""

    def __init__(self, name: str, dtype: torch.dtype) -> None:
        """Both have run forward once."""
        self.kernel = registry.kernel(name)
        self.rival = ROOMS[name][0]
        self.inputs = inputs_of(name, dtype)
        self.traced = [x.clone().requires_grad_(x.is_floating_point()) for x in self.inputs]
        outputs = _tuple(self.rival(*self.traced))
        self.outputs = [o for o in outputs if o.requires_grad]
        generator = torch.Generator().manual_seed(1)
        self.upstream = [torch.randn(o.shape, generator=generator, dtype=torch.float64).to(dtype) for o in outputs]
        with torch.inference_mode():
            self.own, self.saved = self.kernel.forward(*self.inputs)
        self.wanted = [x for x in self.traced if x.requires_grad]

    def forward(self) -> Any:
        """The kernel's."""
        with torch.inference_mode():
            return self.kernel.forward(*self.inputs)

    def backward(self) -> Any:
        """The kernel's."""
        with torch.inference_mode():
            return self.kernel.backward(self.saved, *self.upstream)

    def rival_forward(self) -> Any:
        """Torch's, recording what autograd needs."""
        return self.rival(*self.traced)

    def rival_backward(self) -> tuple[Tensor | None, ...]:
        """Autograd's."""
        return torch.autograd.grad(self.outputs, self.wanted, self.upstream, retain_graph=True, allow_unused=True)

    def check(self) -> None:
        """Both compute the same; AssertionError where they do not."""
        for own, other in zip(_tuple(self.own), _tuple(self.rival(*self.traced)), strict=True):
            torch.testing.assert_close(own, other.detach(), rtol=1e-6, atol=1e-8)
        gradients = [g for g in _tuple(self.backward()) if g is not None]
        for own, other in zip(gradients, self.rival_backward(), strict=True):
            if other is not None:
                torch.testing.assert_close(own, other, rtol=1e-6, atol=1e-8)


class Largest(TorchDispatchMode):
    """Notes the largest tensor that an operation allocates."""

    def __init__(self) -> None:
        """None yet."""
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and look at what came out."""
        found = func(*args, **(kwargs or {}))
        for tensor in found if isinstance(found, tuple | list) else (found,):
            if isinstance(tensor, Tensor):
                self.bytes = max(self.bytes, tensor.untyped_storage().nbytes())
        return found


def largest(pair: Pair) -> float:
    """The largest allocation over the largest of inputs, outputs and their gradients."""
    with Largest() as noted:
        _, saved = pair.kernel.forward(*pair.inputs)
        pair.kernel.backward(saved, *pair.upstream)
    known = max(t.numel() * t.element_size() for t in (*pair.inputs, *pair.upstream))
    return noted.bytes / known


def times(variants: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Milliseconds a call: the 10th percentile over blocks of CPU time, taken in turns in a shuffled order."""
    repeats = {}
    for name, run in variants.items():
        run()
        start = time.process_time()
        run()
        repeats[name] = max(1, min(1000, math.ceil(BLOCK / max(time.process_time() - start, 1e-6))))
    blocks: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            start = time.process_time()
            for _ in range(repeats[name]):
                variants[name]()
            blocks[name].append((time.process_time() - start) / repeats[name])
    return {name: 1e3 * sorted(found)[len(found) // 10] for name, found in blocks.items()}


def measured(name: str, rounds: int) -> dict[str, float]:
    """Milliseconds: f and b the kernel's forward and backward, F and B torch's; and the `largest` allocation."""
    Pair(name, torch.float64).check()
    pair = Pair(name, torch.float32)
    calls = {"f": pair.forward, "F": pair.rival_forward, "b": pair.backward, "B": pair.rival_backward}
    return times(calls, rounds) | {"largest": largest(pair)}


def main() -> None:
    """Print a line for each room, and how many keep the targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(ROOMS))
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true", help="one line of JSON: milliseconds by room")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(0)
    if arguments.json:
        print(json.dumps({name: measured(name, arguments.rounds) for name in arguments.names}))
        return
    print(
        f"{'milliseconds':<40}{'forward':>9}{'torch':>9}{'ratio':>7}{'backward':>10}{'torch':>9}{'ratio':>7}{'largest':>9}"
    )
    ratios = {}
    for name in arguments.names:
        taken = measured(name, arguments.rounds)
        ratios[name] = taken["b"] / taken["B"]
        print(
            f"{name:<40}{taken['f']:>9.4f}{taken['F']:>9.4f}{taken['f'] / taken['F']:>7.2f}"
            f"{taken['b']:>10.4f}{taken['B']:>9.4f}{ratios[name]:>7.2f}{taken['largest']:>9.2f}",
            flush=True,
        )
    faster = sum(r < 1 for r in ratios.values())
    slower = [name for name, r in ratios.items() if r > 1.5]
    print(
        f"backward faster than torch's for {faster} of {len(ratios)}; more than 1.5 times as slow: {slower or 'none'}"
    )


if __name__ == "__main__":
    main()
