"""The outputs of a subject as torch's transforms want them: a function of the tensors alone, nothing detached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchgrad.certification.function_specification import with_constants
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.through_autograd import called, outputs_of

__all__ = ["outputs_function"]


def outputs_function(subject: Subject, function: Any) -> Callable[..., tuple[Any, ...]]:
    """The outputs as a function of the tensors.

    `function` is what torch is to record in forward; None where the subject has a backward of its own.
    """
    spec, wanted = subject.specification, len(subject.specification.outputs)

    def outputs(*tensors: Any) -> tuple[Any, ...]:
        if function is None:
            return tuple(subject.forward(list(tensors))[0])
        return outputs_of(called(function)(*with_constants(tensors, spec.constants)), wanted)[:wanted]

    return outputs
