"""The trial of a mutant: what certification says of it, and whether it is a mistake at all.

refused      something wrong was found
not judged   certification says that it cannot say
equivalent   accepted, and nothing shows a difference from the room's kernel
survivor     accepted, though it computes something else at `shown`
alarm        refused, though nothing shows a difference
"""

import time
from dataclasses import asdict, dataclass

from scratchgrad.certification.exact_examination import Exactness
from scratchgrad.certification.examination import Examination, Finding
from scratchgrad.certification.judging import Examined, examined, not_judged
from scratchgrad.certification.large_sizes import examine_larger
from scratchgrad.certification.subject import Subject
from tests.certification.mutation.confirming import differs, shown
from tests.certification.mutation.mutant import Mutant, Place
from tests.certification.mutation.room import Room
from tests.certification.mutation.wrapping import subject, subjects

__all__ = ["Trial", "examined_until_wrong", "tried"]


@dataclass(frozen=True)
class Trial:
    """What became of a mutant; `found` is the first finding, `said` the verdict where it was not refused."""

    room: str
    kind: str
    wrapper: str
    digest: str
    words: str
    result: str
    shown: str
    found: str
    said: tuple[str, ...]
    proven: bool
    seconds: float
    difference: str

    def record(self):
        """As a JSON object."""
        return asdict(self)


def tried(room: Room, mutant: Mutant, wrapper: str) -> Trial:
    """The trial of the mutant in that wrapper."""
    start = time.process_time()
    place = shown(room, mutant, wrapper)
    finding, seen, one = examined_until_wrong(room, mutant, wrapper)
    said: tuple[str, ...] = ()
    if finding is not None:
        place = place or _at(room, mutant, wrapper, finding)
        result = "refused" if place else "alarm"
    else:
        why = not_judged(room.battery, one, seen)
        said = (*why, *seen.exactness.sentences(), *seen.larger.sentences())
        said += tuple(f"{name} was not given" for name in sorted(seen.examination.measured.not_given))
        result = "not judged" if why else "survivor" if place else "equivalent"
    return Trial(
        room.name,
        mutant.kind,
        wrapper,
        mutant.digest,
        mutant.words,
        result,
        place,
        "" if finding is None else f"{finding.words} ({finding.probe})",
        said,
        finding is None and seen.exactness.proven,
        round(time.process_time() - start, 3),
        mutant.difference() if result in ("survivor", "alarm", "not judged") else "",
    )


def examined_until_wrong(room: Room, mutant: Mutant, wrapper: str) -> tuple[Finding | None, Examined, Subject]:
    """The first thing that is wrong, and what was seen until then; larger sizes come first where it shows there.

    A mistake that one of the parts of `certify` finds is refused in whatever order they are asked.  State that a mutant
    keeps starts anew with each part.
    """
    battery = room.battery
    if mutant.kind == "size":
        one = subject(room, mutant.kernel(), wrapper)
        larger = examine_larger(battery, one)
        if larger.findings:
            return larger.findings[0], Examined([], Examination(battery.reference, one), Exactness(), larger), one
    one, *alone = subjects(room, mutant.kernel(), wrapper)
    seen = examined(battery, one, first=True)
    found = seen.found or [f for s in alone for f in Examination(battery.reference, s).at(battery.probes[0])]
    return (found[0] if found else None), seen, one


def _at(room: Room, mutant: Mutant, wrapper: str, finding: Finding) -> str:
    """Where certification says that the mutant is wrong, if the room's own kernel gives something else there."""
    probe = finding.probe
    layouts = {name: layout.build for name, layout in probe.layouts.items()}
    place = Place(str(probe), point=probe.point, dtype=probe.point.dtype, layouts=layouts)
    if differs(room, mutant, place, wrapper):
        return place.words
    return "" if Examination(room.battery.reference, subject(room, room.kernel, wrapper)).at(probe) else _FOUND


_FOUND = "there the room's own kernel is right"
