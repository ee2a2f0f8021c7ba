"""Which reading of a kind a file means: the one whose definition computes what its forward computes.

In   the readings of a kind; a subject
Out  Match: the readings that agree, or, where none does, the one that comes nearest

Nobody is asked for a convention.  W as [outputs, inputs] or its transpose, samples as rows or columns, a mean or a sum:
the forward pass says it, at sizes that differ pairwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch

from scratchgrad.certification.specification import specify
from scratchgrad.gradients import Gradients, definition_of
from scratchgrad.grading.kinds import ANY, COLUMNS, ONE, ROWS, Kind, Reading
from scratchgrad.grading.subjects import Subject
from scratchgrad.notation.text import to_text

__all__ = ["GUARDED", "Match", "Meant", "match", "stored", "unstored"]

# TRUST: grading-epsilon
EXACT, GUARDED = 1e-9, 1e-4
"""Relative differences: rounding; and what an epsilon in a logarithm or under a root makes."""

_SIZES = (3, 4, 5, 2, 6, 1)
_LABELS_BELOW = 2


@lru_cache(maxsize=256)
def _gradients(text: str) -> Gradients:
    return Gradients(definition_of(text))


def stored(tensor: torch.Tensor, how: str) -> torch.Tensor:
    """The tensor as the code holds it: a vector as a column or a row, a matrix transposed."""
    if how == "transposed":
        return tensor.mT if tensor.ndim == 2 else tensor
    return tensor.unsqueeze({"column": -1, "row": 0}[how]) if how and tensor.ndim == 1 else tensor


def unstored(tensor: torch.Tensor, how: str) -> torch.Tensor:
    """The vector that a column or a row holds; anything else as it is, so that its shape is refused."""
    if how == "transposed" and tensor.ndim == 2:
        return tensor.mT
    axis = {"column": -1, "row": 0}.get(how)
    if axis is None or tensor.ndim != 2 or tensor.shape[axis] != 1:
        return tensor
    return tensor.squeeze(axis)


@dataclass
class Meant:
    """A reading with its definition: how a subject is called by it."""

    kind: Kind
    reading: Reading

    @cached_property
    def gradients(self) -> Gradients:
        """The derivation."""
        return _gradients(self.reading.text)

    @property
    def spec(self) -> Any:
        """What `certify` holds the subject against."""
        return self.reading.room or (self.reading.text if self.domains else self.gradients)

    @cached_property
    def names(self) -> list[str]:
        """The inputs of the definition, in its order."""
        return [tensor.name for tensor in self.gradients.definition.inputs]

    @property
    def output(self) -> str:
        """The name of the output."""
        return self.gradients.definition.outputs[-1].name

    def arguments(self, tensors: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        """The tensors by name, as the code holds them."""
        return {n: stored(t, self.reading.stored.get(n, "")) for n, t in zip(self.names, tensors, strict=True)}

    def forward(self, subject: Subject, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """The subject's output in the layout of the definition."""
        found = subject.forward(self.arguments(tensors))
        return self._plain(found, self.output, self._scalar)

    def backward(self, subject: Subject, grad_out: torch.Tensor, tensors: Sequence[torch.Tensor]) -> tuple[Any, ...]:
        """The subject's gradients, in the order of the definition's inputs; None for one that it does not give."""
        upstream = stored(grad_out, self.reading.stored.get(self.output, ""))
        found = subject.backward(upstream, self.arguments(tensors))
        return tuple(self._plain(found[n], n, False) if n in found else None for n in self.names)

    @property
    def _scalar(self) -> bool:
        return not self.gradients.definition.outputs[-1].indices

    def _plain(self, found: torch.Tensor, name: str, scalar: bool) -> torch.Tensor:
        if scalar and found.numel() == 1:
            return found.reshape(())
        tensor = next((t for t in self.gradients.definition.inputs if t.name == name), None)
        if tensor is not None and not tensor.indices and found.numel() == 1:
            return found.reshape(())
        return unstored(found, self.reading.stored.get(name, ""))

    @property
    def domains(self) -> str:
        """Which values tensors have that the definition alone leaves open: targets sum to 1, logarithms have values."""
        words = {"y": ":simplex" if "log(Sum(exp" in self.reading.text else "", "v": ""}
        if "log(v" in self.reading.text:
            words["v"] = ":probability"
        tensors = self.gradients.definition.inputs
        return "; ".join(f"{to_text(t.element)}{words[t.name]}" for t in tensors if words.get(t.name))

    def example(self, seed: int) -> tuple[torch.Tensor, ...]:
        """Tensors whose sizes differ pairwise; labels in range, parameters named eps or q positive."""
        rng = np.random.default_rng(seed)
        definition = self.gradients.definition
        if self.reading.room:
            return self._room_example(rng)
        sizes: dict[Any, int] = {}
        for tensor in definition.inputs:
            for size in tensor.sizes:
                if not size.is_Integer:
                    sizes.setdefault(size, _SIZES[(len(sizes) + seed) % len(_SIZES)])
        made = []
        for tensor in definition.inputs:
            shape = tuple(int(s) if s.is_Integer else sizes[s] for s in tensor.sizes)
            made.append(self._values(rng, tensor.name, shape, tensor.integer, self._below(tensor.name, sizes)))
        return tuple(made)

    def _below(self, name: str, sizes: Mapping[Any, int]) -> int:
        """What labels stay below: the size of the axis that they index."""
        bound = specify(self.reading.room or self.gradients).bound(name)
        return _LABELS_BELOW if bound is None else int(bound.subs(sizes))

    def _values(
        self, rng: np.random.Generator, name: str, shape: tuple[int, ...], integer: bool, below: int
    ) -> torch.Tensor:
        if integer:
            return torch.from_numpy(np.asarray(rng.integers(below, size=shape)))
        values = np.asarray(rng.standard_normal(shape))
        if name == "eps":
            values = np.abs(values) + 0.1
        if name == "y" or "log(v" in self.reading.text:
            values = 1 / (1 + np.exp(-values))
        if name == "y" and shape and "log(Sum(exp" in self.reading.text:
            values = values / values.sum(axis=-1, keepdims=True)
        return torch.from_numpy(np.asarray(values))

    def _room_example(self, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        specification = specify(self.reading.room)
        sizes = {size: _SIZES[n % len(_SIZES)] for n, size in enumerate(specification.sizes)}
        return tuple(
            self._values(rng, role.name, role.shape(sizes, 6), role.integer, self._below(role.name, sizes))
            for role in specification.inputs
        )

    def truth(self, tensors: Sequence[torch.Tensor]) -> np.ndarray[Any, Any]:
        """What the definition computes."""
        named = dict(zip(self.names, tensors, strict=True))
        if not self.reading.room:
            return np.asarray(self.gradients.forward(named)[self.output], dtype=float)
        specification = specify(self.reading.room)
        samples = [role.name for role in specification.inputs if role.sample]
        count = len(named[samples[0]]) if samples else 0
        if not samples:
            return np.asarray(self.gradients.forward(named)[self.output], dtype=float)
        rows = [
            self.gradients.forward({n: (t[k] if n in samples else t) for n, t in named.items()})[self.output]
            for k in range(count)
        ]
        return np.asarray(rows, dtype=float)


@dataclass(frozen=True)
class Match:
    """The readings that agree with forward, best first; `guarded` where they do so up to an epsilon only."""

    readings: tuple[Meant, ...]
    guarded: bool = False
    failure: str = ""


def match(kinds: Mapping[Kind, Subject], convention: str = "") -> tuple[Match, Kind | None]:
    """The readings that forward agrees with, over all kinds that the name may mean.

    Where none agrees, the match has the reading that comes nearest, or the failure of the first.
    """
    near: list[tuple[float, int, Meant]] = []
    failure = ""
    exact: list[Meant] = []
    for kind, subject in kinds.items():
        for reading in kind.readings:
            if convention and reading.convention not in (convention, ANY) and not reading.room:
                continue
            meant = Meant(kind, reading)
            try:
                differences = [_difference(meant, subject, seed) for seed in (1, 2)]
            except Exception as error:  # whatever the code does by a reading that it does not mean
                if not failure:
                    said = " ".join(str(error).split())[:200]
                    failure = f"forward raises {type(error).__name__}{said and ': '}{said}"
                continue
            worst = max(differences)
            if worst <= EXACT:
                exact.append(meant)
            elif np.isfinite(worst):
                near.append((worst, len(near), meant))
        if exact:
            return Match(tuple(exact)), kind
    guarded = [meant for worst, _, meant in near if worst <= GUARDED]
    if guarded:
        return Match(tuple(guarded), guarded=True), guarded[0].kind
    near.sort(key=lambda one: one[:2])
    if near:
        return Match((near[0][2],)), near[0][2].kind
    return Match((), failure=failure or "forward fits no reading"), next(iter(kinds), None)


def _difference(meant: Meant, subject: Subject, seed: int) -> float:
    """How far forward is from the definition, relative to its size; infinite where the shape is another."""
    tensors = meant.example(seed)
    found = meant.forward(subject, [t.clone() for t in tensors]).to(torch.float64).numpy()
    right = meant.truth(tensors)
    if found.shape != right.shape:
        return float("inf")
    size = max(1e-30, float(np.max(np.abs(right), initial=0.0)))
    return float(np.max(np.abs(found - right), initial=0.0)) / size


def convention_words(reading: Reading) -> str:
    """The reading in words."""
    samples = {ROWS: "samples are rows", COLUMNS: "samples are columns", ONE: "one sample"}.get(reading.convention, "")
    return ", ".join(part for part in (samples, reading.words) if part)
