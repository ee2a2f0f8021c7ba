"""What everyone trains: a network of some kind, the numbers it starts from, its batches.

    objective = softmax cross-entropy, mean over the batch + decay / 2 times the squared norm of every weight matrix
    update    = gradient descent, all parameters

A kind says the same network three times: from our rooms, as a torch module, as a JAX function.  The random numbers are
numpy's, so that peers without torch have the same; nothing here imports torch or JAX before it is asked for.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from scratchgrad.tape import Network

__all__ = ["BATCHES", "Problem", "Skipped"]

BATCHES = 4
Shape = tuple[int, ...]


class Skipped(RuntimeError):
    """A contestant that is not measured here, and why."""


@dataclass(frozen=True)
class Problem(ABC):
    """A network's kind and batch, and the numbers that follow from them."""

    batch: int
    dtype: str = "float32"
    lr: float = field(default=0.05, kw_only=True)
    decay: float = field(default=0.0, kw_only=True)
    seed: int = field(default=0, kw_only=True)

    kind: ClassVar[str]
    witness: ClassVar[str] = "eager"
    """The contestant with whose parameters, in float64, the others' are compared before they are timed."""
    lacks: ClassVar[tuple[str, ...]] = ("numpy by hand", "floor", "floor, from C")
    """Contestants that there are none of for this kind: a floor is one of matrix products alone."""

    @property
    @abstractmethod
    def inputs(self) -> Shape:
        """The shape of a sample."""

    @property
    @abstractmethod
    def classes(self) -> int:
        """How many scores there are."""

    @property
    @abstractmethod
    def shapes(self) -> list[Shape]:
        """The parameters' shapes, in the order of the network and of the module; weights are [outputs, inputs]."""

    @property
    @abstractmethod
    def matrices(self) -> list[int]:
        """Which of the parameters are weights of linear layers: these decay, and JAX holds them [inputs, outputs]."""

    @abstractmethod
    def network(self) -> Network:
        """The network from rooms."""

    @abstractmethod
    def module(self) -> Any:
        """The network as a torch module."""

    @abstractmethod
    def scores(self, jax: Any, P: list[Any], x: Any) -> Any:
        """The network as a JAX function of its parameters."""

    @abstractmethod
    def small(self) -> Problem:
        """One of the same kind in float64 that takes milliseconds."""

    def start(self, random: np.random.Generator) -> list[Any]:
        """He's normal numbers for weights, small ones for biases."""
        found = []
        for shape in self.shapes:
            deviation = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.01
            found.append((random.standard_normal(shape) * deviation).astype(self.dtype))
        return found

    @cached_property
    def _drawn(self) -> tuple[list[Any], list[Any], list[Any]]:
        random = np.random.default_rng(self.seed)
        P = self.start(random)
        X = [random.standard_normal((self.batch, *self.inputs)).astype(self.dtype) for _ in range(BATCHES)]
        y = [random.integers(0, self.classes, self.batch).astype(np.int64) for _ in range(BATCHES)]
        return P, X, y

    @property
    def P(self) -> list[Any]:
        """The parameters at the start."""
        return self._drawn[0]

    @property
    def X(self) -> list[Any]:
        """The inputs of each batch."""
        return self._drawn[1]

    @property
    def y(self) -> list[Any]:
        """The class numbers of each batch."""
        return self._drawn[2]

    def forget(self) -> None:
        """The numbers are drawn again when they are next asked for."""
        self.__dict__.pop("_drawn", None)

    def described(self) -> str:
        """As JSON, from which kinds.restored makes it again."""
        return json.dumps({"kind": self.kind, **asdict(self)})
