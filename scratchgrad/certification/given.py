"""The verdict about a forward and a backward that were given, of whatever library they are.

In   a Specification, functions
Out  Verdict
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from scratchgrad.certification.batteries import battery_for, first_arguments
from scratchgrad.certification.battery import Battery, Example, Yardstick
from scratchgrad.certification.calling import calling_of
from scratchgrad.certification.judging import judge
from scratchgrad.certification.large_sizes import named_sizes
from scratchgrad.certification.libraries import TORCH, Library, libraries_of
from scratchgrad.certification.randomness import said_of_random_numbers
from scratchgrad.certification.specification import NothingToCertify, Specification
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.transforms import judge_transforms
from scratchgrad.certification.unsupported import said_of_dtypes, where_it_takes_layouts, where_it_takes_no_samples
from scratchgrad.certification.verdict import Verdict

__all__ = ["judge_given"]


def judge_given(
    specification: Specification,
    examples: tuple[Sequence[Example], Sequence[Example]],
    functions: tuple[Callable[..., Any] | None, Callable[..., Any] | None],
    *,
    claimed: tuple[str, ...],
    sizes: Any,
    asked: Sequence[str],
    own: Yardstick,
) -> Verdict:
    """The verdict about forward and backward; `examples` as they are used, and as they were given.

    `own` gives the room's kernel: what it can compute, others can.

    Raises NothingToCertify where backward takes what a forward saves that was not given.
    """
    forward, backward = functions
    used, given = examples
    count = len(specification.inputs) + len(specification.constants)
    calling = calling_of(backward, count, len(specification.outputs), forward=forward is not None)
    if calling.takes_saved and forward is None:
        raise NothingToCertify("backward(saved, ...) needs what forward saves: give forward=, too")
    subject = Subject(specification, forward, backward, kernel=False, calling=calling, claimed=claimed)
    battery = Battery(specification, used) if specification.free else battery_for(specification, used, subject)
    libraries = libraries_of(subject, first_arguments(battery), given[0] if given else ())
    widened: set[str] = set()
    adapted = [library.adapted(f, widened) for library, f in zip(libraries, functions, strict=True)]
    subject = replace(subject, forward_function=adapted[0], backward_function=adapted[1])
    if specification.free:
        battery = battery_for(specification, used, subject)
    battery, notes = where_it_takes_no_samples(battery, subject)
    if libraries != (TORCH, TORCH):
        battery, more = where_it_takes_layouts(battery, subject)
        notes = [_said_of(*libraries), *notes, *more]
    battery.kernel = own
    verdict = judge(battery, subject, more=named_sizes(battery, sizes))
    verdict = said_of_dtypes(battery, subject, verdict)
    notes += [*sorted(widened), *said_of_random_numbers(verdict, subject, first_arguments(battery)[0])]
    verdict = replace(verdict, diagnosis=(*verdict.diagnosis, *notes))
    return judge_transforms(battery, subject, None, verdict, asked)


def _said_of(forward: Library, backward: Library) -> str:
    """With whose arrays the functions were called."""
    if forward is backward:
        return f"the functions were called with arrays of {forward.name}"
    return f"forward was called with arrays of {forward.name}, backward with those of {backward.name}"
