"""The values of a definition's tensors: what is given, checked; what forward computes from it.

In   a definition; arrays for its inputs, and for the gradients of its outputs
Out  a Valuation in which every tensor of the definition has its value
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.membership import check
from scratchgrad.notation.arithmetic import Arithmetic, Float
from scratchgrad.notation.binding import tensor_name
from scratchgrad.notation.definition import Definition, Tensor
from scratchgrad.notation.evaluation import EvaluationError, Valuation
from scratchgrad.notation.mistakes import counted
from scratchgrad.notation.nodes import Determinant, InverseElement, LogDeterminant
from scratchgrad.notation.text import to_text
from scratchgrad.signature import ShapeMismatch

__all__ = ["NotSquare", "finite", "valuation"]


class NotSquare(ShapeMismatch):
    """A matrix whose two axes differ, where the definition takes a square one."""


def valuation(
    definition: Definition,
    tensors: Mapping[str, Any],
    grad_outputs: Mapping[str, Any] | None,
    arithmetic: Arithmetic | None = None,
) -> Valuation:
    """The tensors, all values that forward computes from them, and the gradients of the outputs.

    Raises DomainViolated, which names the tensor and the value, where one lies outside its domain.
    """
    outputs = {o.name: o for o in definition.outputs}
    if grad_outputs is None:
        only = next(iter(outputs.values()))
        if len(outputs) > 1 or only.indices:
            wanted = ", ".join(f'"{name}": ...' for name in outputs)
            raise EvaluationError(f"the gradient of J with respect to the outputs is needed: grad_outputs={{{wanted}}}")
        grad_outputs = {only.name: np.ones(())}
    for name in grad_outputs:
        if name not in outputs:
            raise EvaluationError(f"{name!r} is no output; the outputs are {', '.join(outputs)}")
    sizes: dict[sp.Expr, int] = {}
    seen: dict[sp.Expr, str] = {}
    values: dict[str, Any] = {}
    for tensor in definition.inputs:
        if tensor.name not in tensors:
            raise EvaluationError(
                f"tensor {tensor.name!r} has no value; expected {', '.join(t.name for t in definition.inputs)}"
            )
        values[tensor.name] = _measured(tensor, tensors[tensor.name], sizes, seen, _square(definition))
        check(tensor.domain, values[tensor.name], "evaluate", tensor.name)
    gradients = {outputs[n].gradient: g for n, g in grad_outputs.items()}
    values |= {tensor.name: _measured(tensor, g, sizes, seen, {}) for tensor, g in gradients.items()}
    at = Valuation(values, sizes, arithmetic or Float())
    for assignment in definition.assignments:
        at.assign(assignment.target.name, at.value(assignment.right, assignment.target.indices))
    for output in outputs.values():
        if output.gradient not in gradients:
            at.assign(output.gradient.name, at.arithmetic.array(np.zeros([at.size(s) for s in output.sizes])))
    return at


def finite(definition: Definition, found: Any, at: Valuation, exact: Callable[[], Any]) -> Any:
    """What was found; if it is not finite although all that was given is, the exact numbers, rounded."""
    if np.isfinite(found).all():
        return found
    given = (*definition.inputs, *(o.gradient for o in definition.outputs))
    if not all(np.isfinite(at.tensors[t.name]).all() for t in given if t.name in at.tensors):
        return found
    try:
        return _rounded(exact())
    except ArithmeticError:  # a division by 0, which floating point has an answer for
        return found


@lru_cache(256)
def _square(definition: Definition) -> dict[str, str]:
    """The matrices that must be square, and what is taken of them."""
    found: dict[str, str] = {}
    for assignment in definition.assignments:
        for node in assignment.right.atoms(Determinant, LogDeterminant, InverseElement):
            taken = f"Inv({node.args[0]})" if isinstance(node, InverseElement) else to_text(node)
            found.setdefault(tensor_name(node.args[0]), taken)
    return found


def _measured(
    tensor: Tensor,
    values: Any,
    sizes: dict[sp.Expr, int],
    seen: dict[sp.Expr, str],
    square: Mapping[str, str],
) -> Any:
    """The values as an array whose shape fits the tensor; its sizes are noted; `square` says what is taken of it."""
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    if array.ndim != len(tensor.indices):
        axes = counted(len(tensor.indices), "axis", "axes")
        raise ShapeMismatch(f"{to_text(tensor.element)} has {axes}, got shape {array.shape}")
    if array.dtype.kind not in "biufO":
        raise EvaluationError(f"{to_text(tensor.element)}: expected real numbers, got an array of {array.dtype}")
    if tensor.integer and array.dtype.kind == "f":
        array = array.astype(np.int64)
    if tensor.name in square and array.shape[-1] != array.shape[-2]:
        raise NotSquare(f"{square[tensor.name]} needs a square matrix {tensor.name}, got shape {array.shape}")
    for index, length in zip(tensor.indices, array.shape, strict=True):
        known = sizes.setdefault(index.size, length) if not index.size.is_Integer else int(index.size)
        if known != length:
            where = seen.get(index.size, "the definition")
            if where == to_text(tensor.element):
                raise NotSquare(f"{where}: index {index.name!r} runs over axes of one size, got shape {array.shape}")
            matrix = next((t for t in (to_text(tensor.element), where) if "," in t), "")
            hint = f"; is {matrix.partition('[')[0]} transposed?" if matrix else ""
            raise ShapeMismatch(
                f"index {index.name!r} is {known} in {where} but {length} in {to_text(tensor.element)}{hint}"
            )
        seen.setdefault(index.size, to_text(tensor.element))
    return array


def _rounded(values: Any) -> Any:
    """Exact numbers as float64."""
    return np.array([_float(value) for value in np.ravel(values)], dtype=np.float64).reshape(np.shape(values))


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
