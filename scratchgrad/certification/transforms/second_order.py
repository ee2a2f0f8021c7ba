"""Backward as a function of its own, which torch can differentiate once more.

In   a Subject: what torch recorded in forward, or a backward written in torch
Out  gradients(*inputs, *grad_outputs) -> the gradients of the inputs, with a graph behind them
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from scratchgrad.certification.function_specification import without_constants
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.transforms.outputs import outputs_function

__all__ = ["backward_as_function", "gradients_given", "is_once_differentiable"]


def backward_as_function(subject: Subject, function: Any, wanted: Sequence[str]) -> Callable[..., tuple[Any, ...]]:
    """The gradients by the wanted inputs as a function of the tensors and of what arrives at the outputs.

    `function` is what torch is to record in forward; None where the subject has a backward of its own.
    """
    inputs, constants = subject.specification.inputs, subject.specification.constants
    places = [n for n, role in enumerate(inputs) if role.name in wanted]
    forward = outputs_function(subject, function)

    def gradients(*arguments: Any) -> tuple[Any, ...]:
        every = without_constants(arguments, constants)
        tensors, arriving = every[: len(inputs)], every[len(inputs) :]
        if function is None:
            saved = subject.forward(tensors)[1] if subject.protocol else None
            found = subject.backward(saved, arriving, tensors)
            return tuple(found[n] for n in places)
        asked = [t.detach().requires_grad_() if n in places and not _carries(t) else t for n, t in enumerate(tensors)]
        outputs = forward(*(t.clone() if _carries(t) else t for t in asked))
        live = [(u, g) for u, g in zip(outputs, arriving, strict=False) if _carries(u)]
        watched = [asked[n] for n in places]
        pulled = _pulled(live, watched) if live else [None] * len(watched)
        return tuple(torch.zeros_like(t) if g is None else g for t, g in zip(watched, pulled, strict=True))

    return gradients


def gradients_given(subject: Subject, tensors: Sequence[torch.Tensor], arriving: Sequence[torch.Tensor]) -> list[str]:
    """The inputs by which backward gives a gradient at all.  May raise Misbehaviour."""
    saved = subject.forward(tensors)[1] if subject.protocol else None
    found = subject.backward(saved, arriving, tensors)
    roles = zip(subject.specification.inputs, found, strict=True)
    return [role.name for role, g in roles if g is not None and not role.integer]


def is_once_differentiable(outputs: Sequence[Any]) -> bool:
    """Whether torch has put an error in the place of what would differentiate the outputs."""
    waiting, seen = [u.grad_fn for u in outputs if _carries(u)], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if node.name() == "torch::autograd::Error":
            return True
        seen.add(node)
        waiting += [following for following, _ in node.next_functions]
    return False


def _carries(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


def _pulled(live: Sequence[tuple[torch.Tensor, torch.Tensor]], inputs: Sequence[torch.Tensor]) -> list[Any]:
    """The gradients of the inputs, each with its graph."""
    outputs, grads = [u for u, _ in live], [g for _, g in live]
    return list(
        torch.autograd.grad(outputs, inputs, grads, create_graph=True, allow_unused=True)  # noqa: TID251  # examined
    )
