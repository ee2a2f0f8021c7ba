"""Stop-gradients: what a specification detaches, or computes under torch.no_grad(), is constant to derivatives.

    x.detach(), x.data                    stop(x, 0)        the value of x, and no derivative
    anything computed under no_grad       stop(a, 0)
    x.add_(a) under no_grad               stop(x + a, x)    the new value, and the derivative of the old one

A node `stop(a, b)` has the value of a, and the derivative of b.  Once a specification is differentiated, its stops have
done their work, and `released` takes them out: values, proofs and floats know nothing of them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

import numpy as np
from torch.autograd.function import Function  # noqa: TID251  # to see that somebody else uses it

from scratchgrad.certification.exact.scalar import Graph, Scalar, ordered
from scratchgrad.certification.exact.sorting import rebuilt

__all__ = ["are_constant", "released", "within_autograd_function"]

Array = Any

_APPLY = Function.apply.__func__.__code__  # type: ignore[attr-defined]  # a class method


def within_autograd_function() -> bool:
    """Whether the forward of a torch.autograd.Function is running: torch records nothing there, either."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code is not _APPLY:
        frame = frame.f_back
    return frame is not None


def are_constant(graph: Graph, arrays: Mapping[str, Array]) -> bool:
    """Whether every entry is stopped as it stands: then nothing has a gradient."""
    entries = [node for array in arrays.values() for node in array.ravel()]
    stopped = [node for node in entries if node.op == "stop" and node.args[1] is graph.zero]
    return bool(stopped) and all(node in stopped or (not node.operands and node.op != "symbol") for node in entries)


def released(graph: Graph, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays with the values in the place of the stops."""
    nodes = ordered(node for array in arrays.values() for node in array.ravel())
    if not any(node.op == "stop" for node in nodes):
        return dict(arrays)
    known: dict[int, Scalar] = {}
    for node in nodes:
        operands = [known[a.key] for a in node.operands]
        known[node.key] = operands[0] if node.op == "stop" else rebuilt(graph, node, operands)
    found: dict[str, Array] = {}
    for name, array in arrays.items():
        found[name] = np.empty(array.shape, dtype=object)
        found[name].ravel()[:] = [known[node.key] for node in array.ravel()]
        found[name] = found[name].reshape(array.shape)
    return found
