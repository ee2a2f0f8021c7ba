"""The networks and batches that everyone trains on.

    objective = softmax cross-entropy, mean over the batch + lambda / 2 times the squared norm of every weight matrix
    update    = gradient descent, all parameters

Weights are [outputs, inputs].  The random numbers are numpy's, so that peers without torch have the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["BATCHES", "NETWORKS", "Problem", "named"]

BATCHES = 4
NETWORKS: dict[str, tuple[tuple[int, ...], int]] = {
    "a": ((64, 32, 10), 32),
    "b1": ((784, 256, 10), 64),
    "b2": ((784, 512, 256, 10), 128),
    "d": ((*[64] * 32, 10), 32),
    "c": ((4096, 4096, 4096, 10), 256),
    "m": ((*[1024] * 64, 10), 1024),
}


@dataclass(frozen=True)
class Problem:
    """Layer sizes and batch, and the numbers that follow from them."""

    sizes: tuple[int, ...]
    batch: int
    dtype: str = "float32"
    lr: float = 0.05
    decay: float = 1e-3
    seed: int = field(default=0, kw_only=True)

    @cached_property
    def _drawn(self) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
        random = np.random.default_rng(self.seed)
        W, b = [], []
        for i, o in zip(self.sizes, self.sizes[1:], strict=False):
            W.append((random.standard_normal((o, i)) * np.sqrt(2 / i)).astype(self.dtype))
            b.append((random.standard_normal(o) * 0.01).astype(self.dtype))
        X = [random.standard_normal((self.batch, self.sizes[0])).astype(self.dtype) for _ in range(BATCHES)]
        y = [random.integers(0, self.sizes[-1], self.batch).astype(np.int64) for _ in range(BATCHES)]
        return W, b, X, y

    @property
    def W(self) -> list[Any]:
        """The weights at the start."""
        return self._drawn[0]

    @property
    def b(self) -> list[Any]:
        """The biases at the start."""
        return self._drawn[1]

    @property
    def X(self) -> list[Any]:
        """The inputs of each batch."""
        return self._drawn[2]

    @property
    def y(self) -> list[Any]:
        """The class numbers of each batch."""
        return self._drawn[3]

    def __str__(self) -> str:
        """Sizes and batch, as in 64-32-10 B32."""
        same = len(self.sizes) > 8 and len(set(self.sizes[:-1])) == 1
        layers = f"{len(self.sizes) - 1} layers of {self.sizes[0]}" if same else "-".join(map(str, self.sizes))
        return f"{layers} B{self.batch}"


def named(text: str, dtype: str = "float32") -> Problem:
    """The problem of this name, or of these sizes: 784-256-10x64 is a batch of 64."""
    if text in NETWORKS:
        return Problem(*NETWORKS[text], dtype)
    sizes, _, batch = text.partition("x")
    return Problem(tuple(map(int, sizes.split("-"))), int(batch or 32), dtype)
