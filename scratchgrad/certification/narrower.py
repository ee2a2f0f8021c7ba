"""Whether a subject is right for all values that an input has in the examples, and wrong beside them.

In   the findings, whose points have other values: y = 2, where every example has 0 and 1
Out  a sentence that says so, and how to declare that no other values are meant

An example does not restrict values by itself, see region.py.  The sentence is said only if nothing goes wrong at the
same points with the values moved into what the examples have in common.
"""

from __future__ import annotations

from collections.abc import Sequence

from scratchgrad.certification.battery import BITS, Battery
from scratchgrad.certification.examination import Examination, Finding
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.region import domain_of
from scratchgrad.certification.subject import Subject
from scratchgrad.domain import Domain
from scratchgrad.membership import inside, outside

__all__ = ["right_as_in_examples"]

_POINTS = 6
"""How many of the points at which it is wrong are tried with other values."""


def right_as_in_examples(battery: Battery, subject: Subject, findings: Sequence[Finding]) -> list[str]:
    """That it is right for the values of the examples, with the declaration of these; nothing where it is not."""
    for name, domain in _narrower(battery).items():
        probes = [f.probe for f in findings if f.probe.point.entries]
        if not probes or any(outside(domain, p.point.tensors[name]) is None for p in probes):
            continue
        usual = [battery.point("normal", battery.batch, battery.sizes(), salt=s) for s in "ab"]
        points = [p.point for p in list(dict.fromkeys(probes))[:_POINTS]] + usual
        if _right(battery, subject, [_moved(p, name, domain) for p in points]):
            return [
                f"right with {domain.said_of(name)}, as in the example; if no other values are meant, say "
                f'domains="{name}{domain}"'
            ]
    return []


def _narrower(battery: Battery) -> dict[str, Domain]:
    """What the examples have in common, of every input that is examined for all real numbers."""
    if not battery.examples:
        return {}
    reals = [name for name, domain in battery.region.domains.items() if domain.is_reals]
    found = {name: domain_of(e[name] for e in battery.examples) for name in reals}
    return {name: domain for name, domain in found.items() if not domain.is_reals}


def _moved(point: Point, name: str, domain: Domain) -> Point:
    return point.with_array(name, inside(domain, point.tensors[name], BITS[point.dtype]), upstream=False)


def _right(battery: Battery, subject: Subject, points: Sequence[Point]) -> bool:
    return not any(Examination(battery.reference, subject).at(Probe("as the examples", "", p, calls=1)) for p in points)
