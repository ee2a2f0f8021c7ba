"""How a backward wants to be called: its parameters say it.

backward(grad_out, *tensors)            as sg.certify documents it; grad_out is a tuple for several outputs
backward(grad_o, grad_L, *tensors)      one parameter for every output
backward(saved, *grad_outputs)          the registry's protocol; the first parameter may be called cache or ctx
backward(grad_out, cache)               as courses write it
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any

__all__ = ["Calling", "calling_of"]

_SAVED = {"saved", "cache", "ctx", "context", "memo", "residuals", "saved_tensors"}


class Calling(Enum):
    """A way to call a backward."""

    TENSORS = "backward(grad_out, *tensors)"
    SPREAD = "backward(*grad_outputs, *tensors)"
    SAVED_FIRST = "backward(saved, *grad_outputs)"
    SAVED_LAST = "backward(*grad_outputs, saved)"

    @property
    def takes_saved(self) -> bool:
        """Whether it takes what forward saved."""
        return self in (Calling.SAVED_FIRST, Calling.SAVED_LAST)


def calling_of(backward: Callable[..., Any] | None, inputs: int, outputs: int, *, forward: bool) -> Calling:
    """The way in which the function wants to be called; `forward` says whether there is one that may save something."""
    try:
        parameters = list(inspect.signature(backward).parameters.values()) if backward is not None else []
    except (TypeError, ValueError):  # a function written in C tells nothing
        return Calling.TENSORS
    if not parameters:
        return Calling.TENSORS
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if names and names[0] in _SAVED:
        return Calling.SAVED_FIRST
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return Calling.TENSORS
    if names and names[-1] in _SAVED and len(names) == 1 + outputs:
        return Calling.SAVED_LAST
    needed = sum(p.default is p.empty for p in parameters)
    if needed <= 1 + inputs <= len(names):
        return Calling.TENSORS
    if outputs > 1 and needed <= outputs + inputs <= len(names):
        return Calling.SPREAD
    if forward and needed <= 1 + outputs <= len(names):
        return Calling.SAVED_LAST if names[0].startswith(("g", "d", "up")) else Calling.SAVED_FIRST
    return Calling.TENSORS
