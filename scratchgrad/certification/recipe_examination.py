"""The examination of a layer's recipe: all that a program may record in the place of the layer's own kernel.

In   a Layer with its recipe attached, its Specification
Out  a Verdict for every kernel that it hands out, under the premise that it is handed out for, and for its total

A kernel passes the battery and the proof that the layer's own passes.  Where it is for rows that sum to 1, so do the
rows of every probe, and the proof holds for such rows.  A total is compared with the exact sum of the last output over
the batch, at the same probes; and it is proven equal to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.error_model import DTYPES, THRESHOLD, UNIT
from scratchgrad.certification.exact.budget import Budget
from scratchgrad.certification.exact.proving import prove
from scratchgrad.certification.exact.shadow import CannotExecute, Shadows
from scratchgrad.certification.exact_examination import entries_at, points
from scratchgrad.certification.judging import at_most, judge
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Undefined
from scratchgrad.certification.subject import Misbehaviour, Subject
from scratchgrad.certification.verdict import Verdict
from scratchgrad.recipes import Of, Recipe, Value

__all__ = ["examine_recipe", "premise_words"]

_WORK = 2e6
"""What the proof of a total may cost at a shape."""

Array = Any


def premise_words(recipe: Recipe, unit: frozenset[int]) -> str:
    """The premise under which a kernel is handed out: "rows of y sum to 1", or "any values"."""
    names = [recipe.layer.signature.inputs[k].name for k in sorted(unit)]
    return f"rows of {' and '.join(names)} sum to 1" if names else "any values"


def examine_recipe(recipe: Recipe, room: tuple[Battery, Subject], subjects: Any) -> dict[str, Verdict]:
    """The verdicts by their premise; `room` is how the layer's own kernel is examined.

    `subjects(kernel, unit)` gives the battery and the subject of a kernel of the recipe.
    """
    found: dict[str, Verdict] = {}
    kernels = recipe.kernels()
    for unit, kernel in kernels:
        battery, subject = subjects(kernel, unit)
        words = premise_words(recipe, unit)
        found[words] = judge(battery, subject, title=f"{recipe.layer.name}, the kernel of its recipe for {words}")
        if recipe.total is not None:
            found[f"total, {words}"] = _judged_total(recipe, battery, subject)
    if recipe.total is not None and not any(not unit for unit, _ in kernels):
        found["total, the layer's own kernel"] = _judged_total(recipe, *room)
    return found


@dataclass
class _Totals:
    """What was compared, and what is wrong."""

    probes: Counter[str] = field(default_factory=Counter)
    worst: dict[str, float] = field(default_factory=lambda: dict.fromkeys(DTYPES, 0.0))
    proven: list[str] = field(default_factory=list)
    undecided: Counter[str] = field(default_factory=Counter)


def _judged_total(recipe: Recipe, battery: Battery, subject: Subject) -> Verdict:
    """The verdict about the total of what this kernel's forward saves."""
    title, found = f"{recipe.layer.name}, the total of its recipe", _Totals()
    for probe in battery.probes:
        try:
            complaint = _at_probe(recipe, battery, subject, probe, found)
        except Exception as error:  # a total that cannot be computed is wrong
            complaint = f"total raises {type(error).__name__}: {error}"
        if complaint:
            return Verdict(title, False, ("total",), None, (f"{complaint}, at {probe}",))
    for point, _ in points(battery):
        try:
            complaint = _proved(recipe, battery, subject, point)
        except Undefined:
            continue
        except (CannotExecute, Misbehaviour) as error:
            complaint = f"not executed exactly: {error}"
        if complaint:
            found.undecided[complaint] += 1
        else:
            found.proven.append(str(dict(point.sizes)) if point.batch is None else f"batch {point.batch}")
    proven = bool(found.proven) and not found.undecided
    evidence = {
        "proven": proven,
        "shapes": len(found.proven),
        "undecided": dict(sorted(found.undecided.items())),
        "probes": dict(sorted(found.probes.items())),
        "error_units_at_most": {dtype: at_most(worst) for dtype, worst in found.worst.items()},
    }
    how = f"proven at {len(found.proven)} shapes" if proven else "probed, not proven"
    words = f"the total is the sum of the last output: {how}, {sum(found.probes.values())} probes"
    return Verdict(title, True, diagnosis=(words,), evidence=evidence, errors=found.worst, proven=proven)


def _at_probe(recipe: Recipe, battery: Battery, subject: Subject, probe: Probe, found: _Totals) -> str:
    """What is wrong with the total at this probe; "" where nothing is, or nothing can be compared."""
    last = battery.specification.outputs[-1]
    try:
        truth = battery.reference.at(probe.point)[last.name]
    except Undefined:
        return ""
    # TRUST: recipe-totals
    if not truth.judged.all():
        return ""
    dtype = getattr(torch, probe.point.dtype)
    inputs = [torch.tensor(a, dtype=None if a.dtype.kind in "iub" else dtype) for a in probe.point.tensors.values()]
    with subject.running():
        outputs, saved = subject.forward(inputs)
        total = sum(float(f) * float(what) for f, what in _terms(recipe, inputs, saved))
    right = float(sum(truth.exact.ravel(), start=0)) if truth.exact.size else 0.0
    size = float(np.sum(np.abs(truth.high))) + sum(float(t.abs().sum()) for t in outputs[-1:])
    unit = float(np.sum(truth.unit)) + UNIT[probe.point.dtype] * size
    error = abs(total - right) / unit if unit else float(total != right)
    found.probes[probe.group] += 1
    if not error <= THRESHOLD:
        return f"the total is {total:.9g}, but the sum of {last.name} is {right:.9g}"
    found.worst[probe.point.dtype] = max(found.worst.get(probe.point.dtype, 0.0), error)
    return ""


def _terms(recipe: Recipe, inputs: Sequence[torch.Tensor], saved: Any) -> list[tuple[Any, torch.Tensor]]:
    """The terms with tensors in the place of what stands for them."""
    assert recipe.total is not None  # asked before
    return [
        (
            inputs[factor.position] if isinstance(factor, Value) else factor,
            inputs[what.position].sum() if isinstance(what, Of) else what,
        )
        for factor, what in recipe.total(inputs, saved)
    ]


def _proved(recipe: Recipe, battery: Battery, subject: Subject, point: Any) -> str:
    """Why the total is not proven to be the sum of the last output at this shape; "" where it is."""
    spec = battery.specification
    entries = entries_at(battery, point)
    shadows = Shadows(entries.graph)
    inputs = []
    for role in spec.inputs:
        inputs.append(torch.tensor(point.tensors[role.name]))
        if not role.integer:
            shadows.give(inputs[-1], entries.inputs[role.name])
    with torch.no_grad(), shadows.running():
        _, saved = subject.forward(inputs)
        total = torch.zeros((), dtype=torch.float64)
        for factor, what in _terms(recipe, inputs, saved):
            total = total + what.reshape(()) * factor
    right = entries.graph.zero
    for node in entries.outputs[spec.outputs[-1].name].ravel():
        right = entries.graph.add(right, node)
    proof = prove(shadows.nodes(total).item(), right, Budget(_WORK))
    return "" if proof.extent is not None else proof.words
