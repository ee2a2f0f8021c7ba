"""Batching rules: a function under torch.func.vmap, as a function of one element of the batch.

In   a Subject, points of equal shapes, which arguments are batched and along which axis
Out  a Subject: its tensors are put among those of the other points, vmap runs, and the element in their place comes out

So whatever the rule mixes up between the elements of a batch differs from the right values of that element.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from scratchgrad.certification.calling import Calling
from scratchgrad.certification.function_specification import without_constants
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.transforms.outputs import outputs_function

__all__ = ["Batching", "batched"]

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Batching:
    """Which arguments are batched (by name, grad_u for what arrives at u), along which axis, among which others.

    `place` is where the element that is looked at stands.
    """

    words: str
    names: frozenset[str]
    others: Sequence[Tensors]
    place: int
    axis: int = 0

    def run(self, call: Callable[..., tuple[Any, ...]], given: Tensors) -> tuple[Any, ...]:
        """What the call, which takes the tensors by position, gives for the element in its place."""
        arguments, axes = [], []
        for name, tensor in given.items():
            own = name in self.names
            rows = [other[name].to(tensor.dtype) for other in self.others] if own else []
            stacked = torch.stack([*rows[: self.place], tensor, *rows[self.place :]], dim=self.axis) if own else tensor
            arguments.append(stacked)
            axes.append(self.axis if own else None)
        if all(axis is None for axis in axes):
            return call(*arguments)
        found = torch.func.vmap(call, in_dims=tuple(axes))(*arguments)
        return tuple(u[self.place].clone() for u in found)


def batched(subject: Subject, function: Any, how: Batching) -> Subject:
    """The subject under vmap, forward and backward.

    `function` is what torch is to record in forward; None where the subject has a backward of its own.
    """
    spec = subject.specification
    names = [role.name for role in spec.inputs]
    real = [n for n, role in enumerate(spec.inputs) if not role.integer]
    outputs = outputs_function(subject, function)
    given = list(real)

    def forward(*arguments: Any) -> tuple[Any, Any]:
        tensors = dict(zip(names, without_constants(arguments, spec.constants), strict=True))
        found = how.run(outputs, tensors)
        return (found if len(spec.outputs) > 1 else found[0]), tensors

    def own_gradients(*arguments: torch.Tensor) -> tuple[Any, ...]:
        tensors, grads = list(arguments[: len(names)]), list(arguments[len(names) :])
        saved = subject.forward(tensors)[1] if subject.protocol else None
        found = subject.backward(saved, grads, tensors)
        given[:] = [n for n in real if found[n] is not None]
        return tuple(found[n] for n in given)

    def recorded_gradients(*arguments: torch.Tensor) -> tuple[Any, ...]:
        tensors, grads = list(arguments[: len(names)]), arguments[len(names) :]
        grads = tuple(g for role, g in zip(spec.outputs, grads, strict=True) if not role.integer)

        def of_real(*values: torch.Tensor) -> tuple[Any, ...]:
            every = list(tensors)
            for n, value in zip(real, values, strict=True):
                every[n] = value
            return tuple(u for u in outputs(*every) if u.is_floating_point())

        pull = torch.func.vjp(of_real, *(tensors[n] for n in real))[1]
        return tuple(pull(grads))

    def backward(saved: Tensors, *grads: torch.Tensor) -> tuple[Any, ...]:
        arriving = {role.tensor.gradient.name: g for role, g in zip(spec.outputs, grads, strict=True)}
        found = how.run(own_gradients if function is None else recorded_gradients, {**saved, **arriving})
        by_place = dict(zip(given, found, strict=True))
        return tuple(by_place.get(n) for n in range(len(names)))

    whole = subject.backward_function is not None
    return replace(
        subject,
        forward_function=forward,
        backward_function=backward if whole else None,
        kernel=False,
        calling=Calling.SAVED_FIRST,
    )
