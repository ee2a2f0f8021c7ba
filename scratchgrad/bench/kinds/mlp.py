"""Linear layers with ReLU between them, and weight decay: the network whose products alone can be timed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from scratchgrad.bench.problem import Problem

if TYPE_CHECKING:
    from scratchgrad.tape import Network

__all__ = ["Mlp"]


@dataclass(frozen=True)
class Mlp(Problem):
    """Layer sizes, from the inputs to the classes."""

    sizes: tuple[int, ...] = field(kw_only=True)
    decay: float = field(default=1e-3, kw_only=True)

    kind: ClassVar[str] = "mlp"
    witness: ClassVar[str] = "numpy by hand"
    lacks: ClassVar[tuple[str, ...]] = ()

    @property
    def inputs(self) -> tuple[int, ...]:
        """The shape of a sample."""
        return self.sizes[:1]

    @property
    def classes(self) -> int:
        """How many scores there are."""
        return self.sizes[-1]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """W and b, layer by layer."""
        return [shape for i, o in pairwise(self.sizes) for shape in ((o, i), (o,))]

    @property
    def matrices(self) -> list[int]:
        """Every other one."""
        return list(range(0, 2 * (len(self.sizes) - 1), 2))

    def network(self) -> Network:
        """Sequential's linear layers."""
        import torch

        from scratchgrad.tape import Sequential

        layers: list[Any] = []
        for size in self.sizes[1:]:
            layers += [("linear", size), "relu"]
        return Sequential(
            self.sizes[0],
            *layers[:-1],
            loss="softmax_cross_entropy",
            weight_decay=self.decay / 2,
            dtype=getattr(torch, self.dtype),
        )

    def module(self) -> Any:
        """Torch's nn.Linear and nn.ReLU."""
        from torch import nn

        modules: list[Any] = []
        for i, o in pairwise(self.sizes):
            modules += [nn.Linear(i, o), nn.ReLU()]
        return nn.Sequential(*modules[:-1])

    def scores(self, jax: Any, P: list[Any], x: Any) -> Any:
        """Products and ReLU."""
        h = x
        for k in self.matrices:
            h = h @ P[k] + P[k + 1]
            h = jax.nn.relu(h) if k + 2 < len(P) else h
        return h

    def small(self) -> Problem:
        """At most four layers of 24."""
        sizes = tuple(min(n, 24) for n in self.sizes[:4]) + self.sizes[-1:]
        return replace(self, sizes=sizes, batch=min(self.batch, 16), dtype="float64")

    def __str__(self) -> str:
        """Sizes and batch, as in 64-32-10 B32."""
        same = len(self.sizes) > 8 and len(set(self.sizes[:-1])) == 1
        layers = f"{len(self.sizes) - 1} layers of {self.sizes[0]}" if same else "-".join(map(str, self.sizes))
        return f"{layers} B{self.batch}"
