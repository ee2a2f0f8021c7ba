"""The counterexample: a finding made readable, with the line of the sheet that it contradicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scratchgrad.certification.axes import index_of
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.examination import Finding
from scratchgrad.certification.specification import Specification
from scratchgrad.certification.verdict import Counterexample, number
from scratchgrad.notation.text import to_text

__all__ = ["counterexample", "counterexample_of"]


def counterexample(battery: Battery, finding: Finding) -> Counterexample:
    """The finding at its point, with both numbers and the formula."""
    layouts = {name: layout.name for name, layout in finding.probe.layouts.items()}
    return counterexample_of(battery.specification, finding, layouts, _formula(battery, finding.tensor))


def counterexample_of(
    specification: Specification, finding: Finding, layouts: Mapping[str, str], formula: tuple[str, ...] = ()
) -> Counterexample:
    """The finding at its point, with both numbers; `layouts` says in words how tensors are stored."""
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
        layouts=layouts,
        entry=entry,
        yours=yours,
        right=right,
        formula=formula,
        place=finding.entry or (),
        around=_around(specification, finding),
    )


def _around(specification: Specification, finding: Finding) -> dict[str, tuple[int, ...]]:
    """The place in every tensor that belongs to the wrong entry: its number for each letter they share, else 0.

    A torch function has no letters: there it is the same place of a tensor of the same shape.
    """
    roles = (*specification.inputs, *specification.outputs)
    wrong = next((r for r in roles if finding.tensor in (r.name, r.tensor.gradient.name)), None)
    if wrong is None or not finding.entry:
        return {}
    point = finding.probe.point
    shapes = {role.name: role.shape(point.sizes, point.batch) for role in roles}
    numbers = {index_of(wrong, axis): number for axis, number in enumerate(finding.entry)}
    found = {}
    for role in roles:
        shape = shapes[role.name]
        is_like = specification.function is not None and shape == shapes[wrong.name]
        found[role.name] = (
            finding.entry if is_like else tuple(numbers.get(index_of(role, axis), 0) for axis in range(len(shape)))
        )
    return found


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
