"""A torch function as exact scalars: every output entry as a node, and the exact derivative.

In   a function of tensors, the shapes and integers of its arguments, concrete values to run it at
Out  Entries, the same at two different points: so nothing of the values has leaked into them
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from scratchgrad.certification.exact.entries import Entries, differentiated, gradient_name
from scratchgrad.certification.exact.from_definition import symbols
from scratchgrad.certification.exact.scalar import Graph
from scratchgrad.certification.exact.shadow import CannotExecute, Shadows
from scratchgrad.certification.exact.stopping import are_constant, released

__all__ = ["entries_of_function"]

Array = Any


def entries_of_function(
    function: Callable[[Sequence[torch.Tensor]], Sequence[torch.Tensor]],
    points: Sequence[Mapping[str, Array]],
    outputs: Sequence[str],
) -> Entries:
    """The entries of what the function returns.  Raises CannotExecute where it cannot be executed exactly.

    `points` are two sets of arguments of equal shapes and equal integers, in the function's order.
    """
    graph = Graph()
    inputs = {
        name: symbols(graph, name, values.shape) if values.dtype.kind == "f" else values
        for name, values in points[0].items()
    }
    first, *others = [_executed(graph, function, inputs, point) for point in points]
    if any(x is not y for other in others for a, b in zip(first, other, strict=True) for x, y in _pairs(a, b)):
        raise CannotExecute("what it computes depends on values in a way that is not seen")
    found = dict(zip(outputs, first, strict=True))
    upstream = {gradient_name(name): symbols(graph, gradient_name(name), a.shape) for name, a in found.items()}
    gradients = differentiated(graph, inputs, found, upstream)
    values = released(graph, {**found, **gradients})
    return Entries(
        graph,
        inputs,
        upstream,
        {name: values[name] for name in found},
        {name: values[name] for name in gradients},
        constant=are_constant(graph, found),
        stopping=gradients,
    )


def _executed(
    graph: Graph,
    function: Callable[[Sequence[torch.Tensor]], Sequence[torch.Tensor]],
    inputs: Mapping[str, Array],
    point: Mapping[str, Array],
) -> list[Array]:
    shadows = Shadows(graph, stops=True)
    tensors = {name: torch.tensor(values) for name, values in point.items()}
    for name, tensor in tensors.items():
        if tensor.is_floating_point():
            shadows.give(tensor, inputs[name])
    with warnings.catch_warnings(), torch.inference_mode(False), torch.enable_grad():
        warnings.simplefilter("ignore")
        with shadows.running():
            results = function(list(tensors.values()))
        if shadows.refused:
            raise CannotExecute(shadows.refused)
        return [shadows.nodes(result) for result in results]


def _pairs(a: Array, b: Array) -> Any:
    if a.shape != b.shape:
        raise CannotExecute("the shape of what it returns depends on values")
    return zip(a.ravel(), b.ravel(), strict=True)
