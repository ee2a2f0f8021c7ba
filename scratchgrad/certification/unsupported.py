"""What a function does not take, and says so by an exception: a dtype, no samples, arrays that are not contiguous.

In   a Battery, a Subject
Out  in words what it does not take; and the battery without that

Raising is not computing something wrong.  A dtype that is not taken ends in NOT JUDGED, until `dtypes=` leaves it out.
A batch without samples, for which `x.reshape(len(x), -1)` and `torch.stack([])` raise, is left out, and that is said.
Functions of NumPy or C may take contiguous arrays only; what they raise for is left out, and that is said, too.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.examination import Examination, Finding
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.verdict import Verdict

__all__ = ["said_of_dtypes", "where_it_takes_layouts", "where_it_takes_no_samples"]

_TRIED = 3
"""At so many probes it must raise before a dtype counts as one that is not taken."""


def said_of_dtypes(battery: Battery, subject: Subject, verdict: Verdict) -> Verdict:
    """The verdict; not judged where all is right in one dtype, and the other one is not taken at all."""
    shown = verdict.counterexample
    if not verdict.judged or shown is None or shown.kind != "exception":
        return verdict
    raising = _raised(battery, subject, [p for p in battery.probes if p.point.dtype == shown.dtype][:_TRIED])
    others = [probe for probe in battery.probes if probe.point.dtype != shown.dtype]
    if not raising or not others or any(Examination(battery.reference, subject).at(probe) for probe in others):
        return verdict
    kept = ", ".join(dict.fromkeys(f'"{probe.point.dtype}"' for probe in others))
    words = (
        f"right in {kept.replace(chr(34), '')}, and {shown.dtype} is not taken: {raising}; where that is meant, say "
        f"dtypes=({kept},)"
    )
    return replace(verdict, judged=False, wrong=(), counterexample=None, diagnosis=(words,))


def where_it_takes_no_samples(battery: Battery, subject: Subject) -> tuple[Battery, list[str]]:
    """The battery without empty batches, where a function that takes others raises for them, and words about it."""
    empty = [probe for probe in battery.probes if probe.point.batch == 0]
    others = [probe for probe in battery.probes if probe.point.batch != 0][:1]
    # TRUST: empty-batch-refused
    words = _raised(battery, subject, empty) if empty and not _raised(battery, subject, others) else ""
    if not words:
        return battery, []
    fewer = copy.copy(battery)
    fewer.probes = tuple(probe for probe in battery.probes if probe.point.batch != 0)
    return fewer, [f"not compared for an empty batch: there {words}"]


def where_it_takes_layouts(battery: Battery, subject: Subject) -> tuple[Battery, list[str]]:
    """The battery without the memory layouts for which the subject raises, and a sentence about these."""
    first = {probe.point.dtype: probe for probe in reversed(battery.probes) if not probe.layouts}
    taken = {dtype for dtype, probe in first.items() if not _raised(battery, subject, [probe])}
    stored = [probe for probe in battery.probes if probe.layouts and probe.point.dtype in taken]
    # TRUST: layouts-refused
    refused = {probe: words for probe in stored if (words := _raised(battery, subject, [probe]))}
    if not refused:
        return battery, []
    fewer = copy.copy(battery)
    fewer.probes = tuple(probe for probe in battery.probes if probe not in refused)
    fewer.not_stored = frozenset(layout.name for probe in refused for layout in probe.layouts.values())
    words = next(iter(refused.values()))
    return fewer, [f"not compared in {len(refused)} of the ways in which arrays may lie in memory: there {words}"]


def _raised(battery: Battery, subject: Subject, probes: Sequence[Probe]) -> str:
    """What it says at all of these probes; "" where it does not raise at one of them."""
    words = ""
    for probe in probes:
        found: list[Finding] = Examination(battery.reference, subject).at(probe)
        exceptions = [f for f in found if f.kind == "exception"]
        if not exceptions or len(exceptions) < len(found):
            return ""
        words = words or exceptions[0].words
    return words
