"""A derivation as JSON: for each input the element form in the text grammar, so that it parses back, and the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp

from scratchgrad.calculus.steps import Step
from scratchgrad.gradients import Gradient
from scratchgrad.notation.indices import Index
from scratchgrad.notation.text import to_text
from scratchgrad.sheets.printer import element_latex, first_index

__all__ = ["derivation_json"]


def derivation_json(wanted: Sequence[Gradient]) -> str:
    """One object, whose keys are the inputs."""
    known = _kinks(wanted[0]) if wanted else []
    return json.dumps({gradient.name: _record(gradient, known) for gradient in wanted}, indent=2, ensure_ascii=False)


def _kinks(gradient: Gradient) -> list[dict[str, Any]]:
    """Where the definition has kinks: the node, what is true of the outputs there, and all of it in a sentence."""
    return [
        {"node": to_text(kink.node), "outputs": kink.whole.verdict, "words": str(kink)}
        for kink in gradient.parent.kinks
    ]


def _record(gradient: Gradient, known: list[dict[str, Any]]) -> dict[str, Any]:
    over_batch = gradient.parent.forms.over_batch[gradient.name]
    record: dict[str, Any] = {
        "definition": str(gradient.parent.definition),
        "indices": [i.name for i in gradient.indices],
        "element": gradient.text,
        "sizes": _sizes(gradient.indices, gradient.element),
        "form": gradient.form.kind,
        "vector": None if gradient.vector is None else str(gradient.vector),
        "einsum": gradient.einsum,
        "local": str(gradient.local),
        "batched": None if gradient.batched is None else str(gradient.batched),
    }
    if gradient.batched is None:
        record["batched_indices"] = [i.name for i in over_batch.indices]
        record["batched_element"] = to_text(gradient.batched_element)
    record["doubt"] = gradient.doubt
    first = first_index(gradient.parent.definition)
    record["latex"] = element_latex(gradient.element, first=first)
    record["kinks"] = known
    record["steps"] = [_step(step, first) for step in gradient.steps]
    return record


def _sizes(indices: Iterable[Index], e: sp.Expr) -> dict[str, str]:
    """The size of the axis that each letter of the element form runs over."""
    letters = {*indices, *e.atoms(Index)}
    return {i.name: to_text(i.size) for i in sorted(letters, key=lambda i: i.name)}


def _step(step: Step, first: int) -> dict[str, Any]:
    return {
        "rule": step.rule.name,
        "words": step.words,
        "before": to_text(step.before),
        "text": to_text(step.after),
        "latex": element_latex(step.after, first=first),
        "source": step.rule.source,
        "children": [_step(child, first) for child in step.children],
    }
