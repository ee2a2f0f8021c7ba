r"""A network worked through with numbers: every signal forward, every gradient backward, exact where possible.

    u = W x + b^{(1)} = [4 5; -2 2; 7 1] (3, 2) + (1, -2, 3) = (23, -4, 26)

The arithmetic is that of rational numbers; where a logarithm or an exponential comes in, 50 digits, of which four are
printed.  The values are those of the element forms that the sheet derives: nothing of the runtime is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from scratchgrad.forms.matrix import Leaf
from scratchgrad.forms.node import Node
from scratchgrad.forms.reduction import matrix_form
from scratchgrad.graph import Graph
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.exact_arithmetic import Exact
from scratchgrad.sheets.blocks import Block, Display, Paragraph, Row
from scratchgrad.sheets.matrix_printer import MatrixPrinter
from scratchgrad.sheets.numbers import array_latex, exact, is_exact
from scratchgrad.sheets.occurrences import Occurrence, leading_to_objective
from scratchgrad.sheets.printer import matrix_latex

__all__ = ["MissingNumbers", "Worked", "work"]


class MissingNumbers(ValueError):
    """A network is to be worked through, and a signal from outside has no value, or one of another shape."""


@dataclass
class Worked:
    """The values and gradients of all signals, and the blocks that show how they came about."""

    values: dict[str, Any]
    gradients: dict[str, Any] = field(default_factory=dict)
    forward: list[Block] = field(default_factory=list)
    backward: list[Block] = field(default_factory=list)


def work(graph: Graph, operations: Sequence[Occurrence], given: Mapping[str, Any], wanted: Sequence[str]) -> Worked:
    """The network worked through for one sample; `given` has the numbers of the signals from outside.

    Raises MissingNumbers, which names the signal.
    """
    outside = [n for n in graph.nodes if n.kind != "operation" and graph.consumers(n.name)]
    for node in outside:
        if node.name not in given:
            raise MissingNumbers(
                f"worked numbers: signal {node.name!r} has no value; give it as {{{node.name!r}: ...}}"
            )
        if node.shape is not None and np.shape(given[node.name]) != tuple(node.shape):
            raise MissingNumbers(
                f"worked numbers: signal {node.name!r} has shape {list(node.shape)}, the numbers have "
                f"{list(np.shape(given[node.name]))}; give one sample, without a batch axis"
            )
    for name in given:
        if name not in {n.name for n in outside}:
            raise MissingNumbers(
                f"worked numbers: no signal from outside is called {name!r}; "
                f"there are {', '.join(n.name for n in outside)}"
            )
    worked = Worked({n.name: exact(given[n.name]) for n in outside})
    start = [Row(n.latex or n.name, array_latex(worked.values[n.name])) for n in outside]
    worked.forward += [Paragraph("Given are"), Display((_joined(start),)), Paragraph("Forward:")]
    rows = [row for operation in operations for row in _forward(operation, worked)]
    worked.forward.append(Display(tuple(rows)))
    if graph.objective is None:
        return worked
    worked.gradients[graph.objective] = np.array(Fraction(1), dtype=object)
    J = graph.latex(graph.objective)
    worked.backward += [Paragraph(f"Backward, from $\\frac{{\\partial {J}}}{{\\partial {J}}} = 1$:")]
    pending: dict[str, list[Any]] = {}
    active = leading_to_objective(graph)
    rows = [
        r
        for operation in reversed(operations)
        for r in _backward(graph, operation, worked, pending, wanted, active=active)
    ]
    worked.backward.append(Display(tuple(rows)))
    return worked


def _joined(rows: Sequence[Row]) -> Row:
    """All that is given on lines that break between them."""
    first, *others = rows
    return Row(first.left, ", \\qquad ".join([first.right, *(f"{r.left} = {r.right}" for r in others)]))


def _valuation(operation: Occurrence, values: Mapping[str, Any], gradients: Mapping[str, Any]) -> Valuation:
    definition = operation.definition
    tensors = {t.name: values[operation.signals[t.name]] for t in definition.inputs}
    sizes: dict[sp.Expr, int] = {}
    for tensor in definition.inputs:
        sizes |= dict(zip(tensor.sizes, np.shape(tensors[tensor.name]), strict=True))
    at = Valuation(tensors, sizes, Exact())
    for assignment in definition.assignments:
        at.assign(assignment.target.name, at.value(assignment.right, assignment.target.indices))
    for output in definition.outputs:
        signal = operation.signals[output.name]
        shape = [at.size(s) for s in output.sizes]
        at.assign(output.gradient.name, gradients.get(signal, exact(np.zeros(shape, dtype=int).tolist())))
    return at


def _forward(operation: Occurrence, worked: Worked) -> list[Row]:
    at = _valuation(operation, worked.values, {})
    rows = []
    for assignment in operation.definition.assignments:
        name = assignment.target.name
        signal = operation.signals.get(name, name)
        worked.values[signal] = at.tensors[name]
        node = matrix_form(assignment.right, assignment.target.indices)
        rows.append(_row(operation, operation.paper.name(name), node, at, at.tensors[name]))
    return rows


def _backward(
    graph: Graph,
    operation: Occurrence,
    worked: Worked,
    pending: dict[str, list[Any]],
    wanted: Sequence[str],
    *,
    active: frozenset[str],
) -> list[Row]:
    """The gradients that one operation sends back; with the last of several consumers comes their sum."""
    if operation.node.name not in active:
        return []
    at = _valuation(operation, worked.values, worked.gradients)
    rows = []
    for name in operation.derivation.differentiable:
        signal = operation.signals[name]
        if signal not in wanted:
            continue
        form = operation.derivation[name]
        value = at.value(form.element, form.indices)
        count = sum(edge.target in active for edge in graph.consumers(signal))
        left = operation.paper.gradient(name)
        output = next(o for o in operation.node.outputs if o in worked.gradients)
        if count > 1:
            left = f"\\left. {left} \\right|_{{{graph.latex(output)}}}"
        rows.append(_row(operation, left, operation.gradient(name, normalised=_normalised(operation, at)), at, value))
        parts = pending.setdefault(signal, [])
        parts.append(value)
        if len(parts) < count:
            continue
        total = np.asarray(sum(parts[1:], parts[0]), dtype=object)
        worked.gradients[signal] = total
        if count > 1:
            written = " + ".join(array_latex(p) for p in parts)
            relation = "=" if is_exact(total) else "\\approx"
            rows.append(
                Row(
                    operation.paper.gradient(name),
                    f"{written} {relation} {array_latex(total)}",
                    reason=f"{count} parallel paths",
                )
            )
    return rows


def _normalised(operation: Occurrence, at: Valuation) -> bool:
    """Whether the targets among the operation's inputs sum to 1 in these numbers."""
    return all(sum(np.asarray(at.tensors[t.name]).flat) == 1 for t in operation.targets)


def _row(operation: Occurrence, left: str, node: Node | None, at: Valuation, value: Any) -> Row:
    """The row `left = formula = formula with numbers = value`."""
    relation = "=" if is_exact(value) else "\\approx"
    result = array_latex(value)
    if node is None:
        return Row(left, result, relation)
    formula = matrix_latex(node, operation.paper.names)
    inserted = _dotted(_Inserted(at).latex(node))
    middle = f"{formula} = {inserted}" if inserted not in (formula, result) else formula
    return Row(left, f"{middle} {relation} {result}")


class _Inserted(MatrixPrinter):
    """The printer that writes a tensor's numbers in place of its name."""

    def __init__(self, at: Valuation) -> None:
        super().__init__()
        self.at = at

    def _leaf(self, node: Leaf) -> tuple[str, int]:
        values = np.asarray(self.at.tensors[node.name], dtype=object)
        text = array_latex(values)
        if values.ndim:
            return text, 4
        return (f"{_OPEN}{text}{_CLOSE}", 4) if not text.startswith("-") else (text, 0)


_OPEN, _CLOSE = "\u27e8", "\u27e9"  # around a scalar's number, until it is known what stands beside it


def _dotted(latex: str) -> str:
    """The formula with a dot between numbers that would run together: 2 . 1 . 1/10."""
    latex = re.sub(rf"([0-9{_CLOSE}])\s*(?:\\,)?\s*{_OPEN}", r"\1 \\cdot ", latex)
    latex = re.sub(rf"{_CLOSE}\s*(?:\\,)?\s*(?=\\left\(|\\lVert|\\left\\lVert)", r" \\cdot ", latex)
    return latex.replace(_OPEN, "").replace(_CLOSE, "")
