"""Sequential: the short form of a network whose layers follow one another.

    sg.Sequential(64, ("linear", 32), "relu", ("linear", 10), loss="softmax_cross_entropy", weight_decay=1e-4)

builds exactly the explicit Network: its parameters, its signals with systematic names, its loss, and its
regularization as parallel paths from the weights.  The last output is v.  With two linear layers around a ReLU the
names are the course's: x W b1 u h M b2 v y o L s1 s2 s J.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import torch

from scratchgrad import registry
from scratchgrad.layer import Layer
from scratchgrad.signature import Axes, ShapeMismatch
from scratchgrad.tape.initial import constant
from scratchgrad.tape.network import Network
from scratchgrad.tape.operation import WrongInputs
from scratchgrad.tape.signal import Signal

__all__ = ["InvalidDecay", "Sequential"]

Step = str | Layer | tuple[Any, ...]

_COURSE = {
    "W1": ("W", "W"),
    "b1": ("b1", "b^{(1)}"),
    "u1": ("u", "u"),
    "h1": ("h", "h"),
    "W2": ("M", "M"),
    "b2": ("b2", "b^{(2)}"),
}


class InvalidDecay(ValueError):
    """A weight decay that is no number from 0 on."""


class Sequential(Network):
    """A network whose layers follow one another, from the input x to the scores v, and on to a loss and J."""

    def __init__(
        self,
        features: int | tuple[int, ...],
        *layers: Step,
        loss: str | Layer | None = None,
        weight_decay: float | None = None,
        name: str = "network",
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """The layers in order: a name, a Layer, or (layer, size, ...) with the sizes that its input leaves open.

        What a layer shares between samples becomes a parameter, which starts at the layer's usual value if it has one;
        a single number, such as a slope or an epsilon, becomes a constant of that value.  `loss` compares the last
        output v with a target y of its shape; `weight_decay` adds lambda times the squared norm of every matrix to the
        objective.
        """
        if weight_decay is not None and not (_is_number(weight_decay) and 0 <= weight_decay < math.inf):
            raise InvalidDecay(f"Sequential: expected weight_decay >= 0, got {weight_decay!r}")
        super().__init__(name=name, seed=seed, dtype=dtype)
        steps = [_step(layer) for layer in layers]
        course = [layer.name for layer, _ in steps] == ["linear", "relu", "linear"]
        signal = self.input("x", features)
        counts: dict[str, int] = {}
        weights: list[Signal] = []
        for k, (layer, sizes) in enumerate(steps, 1):
            shared = self._shared(layer, sizes, signal, counts, course=course)
            weights += [s for s in shared if len(s.shape) == 2]
            output = "v" if k == len(steps) else _numbered(layer.signature.outputs[0].name, counts)
            called, latex = _called(output, course=course)
            signal = self.add(layer, signal, *shared, name=called, latex=latex)
        if loss is not None:
            self._finish(signal, loss, weights, weight_decay)
        elif weight_decay:
            raise WrongInputs("Sequential: weight_decay is a part of the objective; give a loss as well")

    def _shared(
        self, layer: Layer, sizes: Sequence[int], signal: Signal, counts: dict[str, int], *, course: bool
    ) -> list[Signal]:
        """What the layer shares between samples, with the sizes that the signal decides, then the given ones."""
        first, *others = layer.signature.inputs
        second = next((tensor for tensor in others if tensor.name not in layer.shared), None)
        if second is not None or len(layer.signature.outputs) > 1:
            what = "has several outputs" if second is None else f"takes a second signal, {second}"
            raise WrongInputs(f"Sequential: {layer.name} {what}; build the graph with net.add instead")
        if len(first.axes) > len(signal.shape):
            raise ShapeMismatch(f"Sequential: {layer.name} takes {first}, got {signal.name!r} {list(signal.shape)}")
        own = signal.shape[len(signal.shape) - len(first.axes) :]
        known = {**layer.options, **dict(zip(first.axes, own, strict=True))}
        letters = dict.fromkeys(
            letter for tensor in others for letter in tensor.axes if letter not in self._decided(layer, known)
        )
        if len(letters) != len(sizes):
            wanted = f"({layer.name!r}, {', '.join(letters)})" if letters else repr(layer.name)
            raise WrongInputs(f"Sequential: expected {wanted}, got {len(sizes)} sizes: {', '.join(map(str, sizes))}")
        known |= zip(letters, sizes, strict=True)
        known |= self._decided(layer, known)
        return [self._shared_signal(layer, tensor, known, counts, course=course) for tensor in others]

    def _shared_signal(
        self, layer: Layer, tensor: Axes, known: dict[str, int], counts: dict[str, int], *, course: bool
    ) -> Signal:
        """A parameter, or a constant where the tensor is a single number."""
        usual = layer.usual.get(tensor.name)
        called, latex = _called(_numbered(tensor.name, counts), course=course)
        if not tensor.axes and usual is None:
            raise WrongInputs(
                f"Sequential: {layer.name} takes the number {tensor}, which has no usual value; "
                "build the graph with net.add instead"
            )
        if not tensor.axes:
            return self.constant(called, usual, latex=latex)
        shape = tuple(known[letter] for letter in tensor.axes)
        return self.parameter(called, shape, init=None if usual is None else constant(usual), latex=latex)

    @staticmethod
    def _decided(layer: Layer, known: dict[str, int]) -> dict[str, int]:
        """The known sizes, and those that the layer's formulas make of them."""
        decided = dict(known)
        for letter, formula in layer.signature.formulas.items():
            unknown = [name for name in formula.names if name not in decided]
            if not unknown:
                decided.setdefault(letter, int(formula.value(decided)))
            elif len(unknown) == 1 and letter in decided:
                solved = formula.solved(unknown[0], decided[letter], decided)
                decided |= {} if solved is None else {unknown[0]: solved}
        return decided

    def _finish(self, v: Signal, loss: str | Layer, weights: list[Signal], weight_decay: float | None) -> None:
        found = registry.layer(loss) if isinstance(loss, str) else loss
        y = self.target("y", v.shape)
        counts: dict[str, int] = {}
        numbers = [self._shared_signal(found, t, {}, counts, course=False) for t in found.signature.inputs[2:]]
        outputs = self.add(found, v, y, *numbers, name=tuple(tensor.name for tensor in found.signature.outputs))
        objective = outputs[-1] if isinstance(outputs, tuple) else outputs
        if weight_decay and weights:
            lambda_ = self.constant("lambda", weight_decay)
            norms = [self.add("squared_norm", W, lambda_, name=f"s{k}") for k, W in enumerate(weights, 1)]
            s = norms[0]
            for k, norm in enumerate(norms[1:], 2):
                last = k == len(norms)
                s = self.add("add", s, norm, name="s" if last else f"s1to{k}", latex="s" if last else f"s_{{1:{k}}}")
            objective = self.add("add", objective, s, name="J")
        self.minimize(objective)


def _step(step: Step) -> tuple[Layer, tuple[int, ...]]:
    layer, *sizes = step if isinstance(step, tuple) else (step,)
    return registry.layer(layer) if isinstance(layer, str) else layer, tuple(sizes)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _numbered(letter: str, counts: dict[str, int]) -> str:
    counts[letter] = counts.get(letter, 0) + 1
    return f"{letter}{counts[letter]}"


def _called(name: str, *, course: bool) -> tuple[str, str | None]:
    """The name and its LaTeX; with two linear layers around a ReLU, the course's."""
    return _COURSE.get(name, (name, None)) if course else (name, None)
