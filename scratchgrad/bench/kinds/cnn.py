"""The small convolutional network that reads digits: two convolutions of 3 x 3, each with ReLU and max-pooling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from scratchgrad.bench.problem import Problem

if TYPE_CHECKING:
    from scratchgrad.tape import Network

__all__ = ["Cnn"]


@dataclass(frozen=True)
class Cnn(Problem):
    """Images of 8 x 8, 8 and then 16 channels, ten classes."""

    kind: ClassVar[str] = "cnn"

    @property
    def inputs(self) -> tuple[int, ...]:
        """The shape of a sample."""
        return (1, 8, 8)

    @property
    def classes(self) -> int:
        """How many scores there are."""
        return 10

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Two convolutions, a linear layer."""
        return [(8, 1, 3, 3), (8,), (16, 8, 3, 3), (16,), (10, 64), (10,)]

    @property
    def matrices(self) -> list[int]:
        """The last layer's."""
        return [4]

    def network(self) -> Network:
        """As in README."""
        import torch

        from scratchgrad.tape import Sequential

        return Sequential(
            self.inputs,
            ("conv2d(padding=1)", 8, 3, 3),
            "relu",
            "max_pool2d",
            ("conv2d(padding=1)", 16, 3, 3),
            "relu",
            "max_pool2d",
            "flatten",
            ("linear", 10),
            loss="softmax_cross_entropy",
            dtype=getattr(torch, self.dtype),
        )

    def module(self) -> Any:
        """Torch's own layers in a row."""
        from torch import nn

        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 10),
        )

    def scores(self, jax: Any, P: list[Any], x: Any) -> Any:
        """The convolution and the window of jax.lax."""
        h = x
        for W, b in (P[:2], P[2:4]):
            u = jax.lax.conv_general_dilated(h, W, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))
            h = jax.nn.relu(u + b[:, None, None])
            window = (1, 1, 2, 2)
            h = jax.lax.reduce_window(h, -jax.numpy.inf, jax.lax.max, window, window, "VALID")
        return h.reshape(len(h), -1) @ P[4] + P[5]

    def small(self) -> Problem:
        """The same at a small batch."""
        return replace(self, batch=min(self.batch, 8), dtype="float64")

    def __str__(self) -> str:
        """Its name and batch."""
        return f"small CNN B{self.batch}"
