"""The verdict about a function whose backward torch has recorded: an autograd.Function, a module, a custom op.

In   a Specification, a function whose outputs carry gradients
Out  Verdict

Beside the battery, every choice of the inputs that may ask for a gradient is tried (ctx.needs_input_grad), and none of
them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scratchgrad.certification.batteries import battery_for, first_arguments
from scratchgrad.certification.battery import Battery, Example, Yardstick
from scratchgrad.certification.calling import Calling
from scratchgrad.certification.counterexample import counterexample
from scratchgrad.certification.examination import Examination
from scratchgrad.certification.judging import judge
from scratchgrad.certification.large_sizes import named_sizes
from scratchgrad.certification.libraries import TORCH, libraries_of
from scratchgrad.certification.randomness import said_of_random_numbers
from scratchgrad.certification.reference import Undefined
from scratchgrad.certification.specification import NothingToCertify, Specification
from scratchgrad.certification.subject import Misbehaviour, Subject
from scratchgrad.certification.through_autograd import by_autograd
from scratchgrad.certification.transforms import judge_transforms
from scratchgrad.certification.unsupported import said_of_dtypes, where_it_takes_no_samples
from scratchgrad.certification.verdict import Verdict

__all__ = ["judge_recorded"]

# TRUST: needs-input-grad
_EVERY_CHOICE = 4
"""Of so many inputs every choice asks for gradients; of more, each alone, all but each, and none."""


def judge_recorded(
    specification: Specification,
    examples: Sequence[Example],
    function: Any,
    *,
    sizes: Any,
    asked: Sequence[str],
    own: Yardstick,
) -> Verdict:
    """The verdict about the function; `own` gives the room's kernel: what it can compute, others can.

    Raises NothingToCertify where the outputs carry no gradient.
    """

    def recorded_by(only: frozenset[int] | None = None) -> Subject:
        forward, backward = by_autograd(function, len(specification.outputs), only)
        return Subject(specification, forward, backward, kernel=False, calling=Calling.SAVED_FIRST, recorded=True)

    subject = recorded_by()
    battery = battery_for(specification, examples, subject)
    carries = _carries_gradients(battery, subject)
    if carries is None and _takes_arrays(battery, function):
        carries = False
    if carries is False:
        raise NothingToCertify(
            f"{specification.title}: backward is missing, and what forward returns carries no gradient of torch's; "
            "give backward=, or say forward_only=True"
        )
    battery, notes = where_it_takes_no_samples(battery, subject)
    battery.kernel = own
    verdict = said_of_dtypes(battery, subject, judge(battery, subject, more=named_sizes(battery, sizes)))
    constants = specification.constants
    places = [n for n in range(len(specification.inputs) + len(constants)) if n not in constants]
    if "backward" in verdict.wrong:
        verdict = replace(verdict, diagnosis=(*verdict.diagnosis, *_nones(battery, subject, places)))
    if verdict.accepted:
        real = [(n, role.name) for n, role in zip(places, specification.inputs, strict=True) if not role.integer]
        for chosen in _choices(real):
            partial = recorded_by(frozenset(n for n, _ in chosen))
            verdict = _where_asked(battery, verdict, partial, [name for _, name in chosen])
            if not verdict.accepted:
                return verdict
    notes += said_of_random_numbers(verdict, subject, first_arguments(battery)[0])
    verdict = replace(verdict, diagnosis=(*verdict.diagnosis, *notes))
    return judge_transforms(battery, subject, function, verdict, asked)


def _choices(real: Sequence[tuple[int, str]]) -> Iterator[Sequence[tuple[int, str]]]:
    """The choices of inputs, without that of all, which has been examined."""
    yield ()
    for count in range(1, len(real)):
        if len(real) <= _EVERY_CHOICE or count in (1, len(real) - 1):
            yield from itertools.combinations(real, count)


def _where_asked(battery: Battery, verdict: Verdict, subject: Subject, names: Sequence[str]) -> Verdict:
    """The verdict, refused where something is wrong if these inputs alone ask for a gradient."""
    if not names:
        subject = replace(subject, backward_function=None)
    found = Examination(battery.reference, subject).at(battery.probes[0])
    if not found:
        return verdict
    who = " and ".join(names) or "none"
    does = "alone do" if len(names) > 1 else "alone does" if names else "does"
    words = f"right where every input asks for a gradient, wrong where {who} {does} (needs_input_grad)"
    shown = counterexample(battery, found[0])
    return Verdict(verdict.title, False, (found[0].stage,), shown, (words, found[0].words))


def _carries_gradients(battery: Battery, subject: Subject) -> bool | None:
    """Whether an output carries a gradient; None where forward does not come to an end."""
    try:
        with subject.running():
            found = subject.forward(first_arguments(battery)[0])[1]
    except Misbehaviour:
        return None
    return bool(found.carries_gradients)


def _takes_arrays(battery: Battery, function: Any) -> bool:
    """Whether it is a function of another library than torch."""
    subject = Subject(battery.specification, function, None, kernel=False, calling=Calling.TENSORS)
    return libraries_of(subject, first_arguments(battery))[0] is not TORCH


def _nones(battery: Battery, subject: Subject, places: Sequence[int]) -> list[str]:
    """A sentence for each gradient that is None though the right one is not zero."""
    spec = battery.specification
    tensors, upstream = first_arguments(battery)
    try:
        truths = battery.reference.at(battery.probes[0].point)
        with subject.running():
            _, recorded = subject.forward(tensors)
            subject.backward(recorded, upstream, tensors)
    except (Misbehaviour, Undefined):
        return []
    names = [role.tensor.gradient.name for n, role in zip(places, spec.inputs, strict=True) if n in recorded.none]
    return [f"backward gives None for {n}, which torch takes as zeros" for n in names if np.any(truths[n].high)]
