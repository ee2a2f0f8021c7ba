"""Forward mode: what a function makes of the tangents of its arguments.

In   a Subject; the names of the inputs that have tangents
Out  tangents(*inputs, *tangents) -> the tangents of the outputs
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import forward_ad  # noqa: TID251  # somebody else's

from scratchgrad.certification.function_specification import without_constants
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.transforms.outputs import outputs_function

__all__ = ["tangents_function"]


def tangents_function(subject: Subject, function: Any, only: str | None = None) -> Callable[..., Any]:
    """The tangents of the outputs, by torch's forward mode, as a function of the tensors and their tangents.

    With `only`, all other inputs have no tangent.  `function` is what torch is to record; None where the subject's
    forward is written in torch.
    """
    spec = subject.specification
    real = [role.name for role in spec.differentiable]
    forward = outputs_function(subject, function)

    def tangents(*arguments: Any) -> Any:
        every = without_constants(arguments, spec.constants)
        moving = dict(zip(real, every[len(spec.inputs) :], strict=True))
        with torch.inference_mode(False), forward_ad.dual_level():
            duals = [
                _dual(a.clone(), moving[role.name].clone())
                if role.name in moving and only in (None, role.name)
                else a.clone()
                for role, a in zip(spec.inputs, every, strict=False)
            ]
            found = tuple(_tangent(u) for u in forward(*duals) if u.is_floating_point())
        return found if len(found) != 1 else found[0]

    return tangents


def _dual(value: torch.Tensor, tangent: torch.Tensor) -> Any:
    return forward_ad.make_dual(value, tangent)  # type: ignore[no-untyped-call]


def _tangent(output: Any) -> Any:
    """The tangent of an output; zeros where torch has none, as torch takes it."""
    dual = forward_ad.unpack_dual(output)  # type: ignore[no-untyped-call]
    return torch.zeros_like(dual.primal) if dual.tangent is None else dual.tangent.clone()
