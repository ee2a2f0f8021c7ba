"""The counterexample: a finding made readable, with the line of the sheet that it contradicts."""

from __future__ import annotations

from typing import Any

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.examination import Finding
from scratchgrad.certification.verdict import Counterexample, number
from scratchgrad.notation.text import to_text

__all__ = ["counterexample"]


def counterexample(battery: Battery, finding: Finding) -> Counterexample:
    """The finding at its point, with both numbers and the formula."""
    point = finding.probe.point
    entry = yours = right = None
    if finding.entry is not None and finding.yours is not None:
        entry = finding.tensor + (f"[{','.join(map(str, finding.entry))}]" if finding.entry else "")
        yours, right = number(finding.yours, point.dtype), number(finding.right, point.dtype)
    return Counterexample(
        stage=finding.stage,
        kind=finding.kind,
        tensor=finding.tensor,
        words=finding.words,
        dtype=point.dtype,
        batch=point.batch,
        tensors={name: values.tolist() for name, values in point.tensors.items()},
        grad_outputs={n: None if a is None else a.tolist() for n, a in point.upstream.items()}
        if finding.stage == "backward"
        else {},
        layouts={name: layout.name for name, layout in finding.probe.layouts.items()},
        entry=entry,
        yours=yours,
        right=right,
        formula=_formula(battery, finding.tensor),
        place=finding.entry or (),
    )


def _formula(battery: Battery, name: str) -> tuple[str, ...]:
    """The element form in the text grammar, then the vector form and the batched form, where there are any."""
    spec = battery.specification
    if spec.definition is None or spec.gradients is None:
        return ()
    assignment = spec.definition.assignment(name)
    if assignment is not None:
        return tuple(str(a) for a in _needed(battery, name))
    role = next((r for r in spec.differentiable if r.tensor.gradient.name == name), None)
    if role is None:
        return ()
    gradient = spec.gradients[role.name]
    lines = [f"{to_text(role.tensor.gradient.element)} = {to_text(gradient.element)}"]
    if gradient.vector is not None and role.tensor.indices:
        lines.append(f"{name} = {gradient.vector}   (one sample, vectors are columns)")
    if spec.batched and gradient.batched is not None:
        lines.append(f"{name} = {gradient.batched}   (a batch, samples are rows)")
    return tuple(lines)


def _needed(battery: Battery, name: str) -> list[Any]:
    """The assignments up to that of the output."""
    definition = battery.specification.definition
    assert definition is not None  # it has the assignment `name`
    assignments = definition.assignments
    place = next(n for n, a in enumerate(assignments) if a.target.name == name)
    return list(assignments[: place + 1])
