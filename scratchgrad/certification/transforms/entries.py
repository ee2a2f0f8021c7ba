"""The exact entries of what is derived from a specification: backward as a function, and the tangents of the outputs.

In   Entries of the specification
Out  Entries of another function; every one of its numbers is an adjoint of the specification's own entries

    second_order   (x, grad_u) -> first_x, and its gradients: the adjoints of the gradients
    forward_mode   (x, tangent_x) -> tangent_u.  A gradient is linear in grad_u; what tangent_x times grad_x has as the
                   derivative by grad_u is the tangent of u
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scratchgrad.certification.exact.derivative import adjoints
from scratchgrad.certification.exact.entries import Entries, differentiated, gradient_name
from scratchgrad.certification.exact.from_definition import symbols
from scratchgrad.certification.exact.scalar import Scalar
from scratchgrad.certification.exact.stopping import released

__all__ = ["first_name", "forward_mode", "second_order", "tangent_name"]


def first_name(name: str) -> str:
    """The name of the gradient by a tensor where that is an output, so that it is not that of a second gradient."""
    return f"first_{name}"


def tangent_name(name: str) -> str:
    """The name of the tangent of a tensor."""
    return f"tangent_{name}"


def second_order(entries: Entries, names: Sequence[str]) -> Entries:
    """The entries of backward as a function whose outputs are the gradients by these inputs, and its own gradients."""
    graph, inputs = entries.graph, {**entries.inputs, **entries.upstream}
    stopping = {**entries.gradients, **entries.stopping}
    outputs = {first_name(name): stopping[gradient_name(name)] for name in names}
    upstream = {gradient_name(n): symbols(graph, gradient_name(n), a.shape) for n, a in outputs.items()}
    gradients = released(graph, differentiated(graph, inputs, outputs, upstream))
    return Entries(graph, inputs, upstream, released(graph, outputs), gradients, entries.kept)


def forward_mode(entries: Entries) -> Entries:
    """The entries of the outputs' tangents as functions of the inputs and their tangents; without gradients."""
    graph, inputs = entries.graph, dict(entries.inputs)
    pairs: list[tuple[Scalar, Scalar]] = []
    for name, array in entries.inputs.items():
        if array.dtype == object:
            own = inputs[tangent_name(name)] = symbols(graph, tangent_name(name), array.shape)
            pairs += zip(entries.gradients[gradient_name(name)].ravel(), own.ravel(), strict=True)
    outputs, upstream = {}, {}
    for name, array in entries.outputs.items():
        found = np.empty(array.size, dtype=object)
        found[:] = adjoints(pairs, list(entries.upstream[gradient_name(name)].ravel())) or [graph.zero] * array.size
        tangent = tangent_name(name)
        outputs[tangent] = found.reshape(array.shape)
        upstream[gradient_name(tangent)] = symbols(graph, gradient_name(tangent), array.shape)
    return Entries(graph, inputs, upstream, outputs, {}, entries.kept)
