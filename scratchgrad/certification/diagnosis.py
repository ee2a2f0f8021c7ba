"""The diagnosis: where a subject goes wrong, and what the mistake looks like.

In   all findings of an examination, the first of them
Out  sentences, the most telling first

    where       only in float32, for some batch or size, at kinks and ties, at large magnitudes, for some strides,
                when an output is not consumed; right only where the upstream gradient is 1, where rows sum to 1
    what        the hypotheses, tested against what the subject returns
    further     findings of another kind
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from scratchgrad.calculus.kinks import kink_line, kinks
from scratchgrad.certification.argument_order import another_order
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.columns import in_columns
from scratchgrad.certification.entering import OTHER
from scratchgrad.certification.error_model import UNIT
from scratchgrad.certification.exact_examination import TURNS
from scratchgrad.certification.examination import Examination, Finding, Measured
from scratchgrad.certification.hypotheses import hypothesis
from scratchgrad.certification.jacobians import taken
from scratchgrad.certification.narrower import right_as_in_examples
from scratchgrad.certification.observed import Observed
from scratchgrad.certification.partitions import partition, place
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.remembering import remembers
from scratchgrad.certification.subject import Subject
from scratchgrad.domain import Domain
from scratchgrad.membership import inside
from scratchgrad.notation.text import to_text

__all__ = ["diagnose", "diagnose_larger"]

_KINKS = ("inputs zeros", "inputs ties", "inputs all zero", "one-hot")
_LARGE = ("±1000", "+1000", "mixed", "rows apart")
_EXTREME = ("tails", "near +8", "near -8", "of size")
_FURTHER = 4
_SEEN = ("value", "not finite", "shape")
_FEW_DIGITS = 0.02
_SOME_DIGITS = 2
_SIMPLEX = Domain.parse(":simplex")


def diagnose(
    battery: Battery, subject: Subject, findings: Sequence[Finding], main: Finding, measured: Measured
) -> list[str]:
    """Sentences about the findings; `main` is the one that the counterexample shows, `measured` what was examined."""
    same = [main, *(f for f in findings if f is not main and _alike(f, main))]
    sentences = [] if main.kind in ("value", "not finite", "shape") else [main.words]
    order = another_order(battery, subject) if main.stage == "forward" else None
    if order is not None:
        return [*sentences, order]
    observed = Observed(battery, subject, same, main) if main.tensor and main.kind in _SEEN else None
    likely = None if observed is None else hypothesis(observed)
    if main.kind in ("value", "not finite", "exception", "shape"):
        sentences += _where(battery, subject, same, observed, explained=likely is not None and likely.whole)
    if observed is not None:
        sentences += [likely.words] if likely is not None else _agreement(observed, said=_is_only_float64(same))
    if main.kind in ("exception", "shape") and battery.specification.batched and not subject.kernel:
        sentences += _columns(battery, subject)
    sentences += right_as_in_examples(battery, subject, findings)
    sentences += _stages(battery, findings, measured)
    return list(dict.fromkeys(sentences + _further(findings, main)))


def diagnose_larger(battery: Battery, subject: Subject, main: Finding) -> list[str]:
    """Which entries are wrong at a large size, and what yours is there."""
    if not main.tensor or main.kind not in _SEEN:
        return []
    found = place(Observed(battery, subject, [main], main, large=True))
    return [found] if found else []


def _alike(one: Finding, other: Finding) -> bool:
    """Whether two findings are about the same tensor, and of one kind; a number that is not finite is a value, too."""
    kinds = {"not finite": "value"}
    return (one.stage, one.tensor) == (other.stage, other.tensor) and (
        kinds.get(one.kind, one.kind) == kinds.get(other.kind, other.kind)
    )


def _agreement(observed: Observed, *, said: bool) -> list[str]:
    """How yours is made, or how far the numbers agree, where nothing explains the difference; not what is `said`."""
    remembered = remembers(observed)
    if remembered is not None:
        return [remembered]
    if not any(s.failed for s in observed.usual):
        return []
    made = taken(observed)
    digits = _right_digits(observed)
    if made is not None or said or digits is None or digits < _SOME_DIGITS:
        return [made] if made else []
    return [f"yours agrees to {digits} digits at every probe: is it an approximation, or a constant of few digits?"]


def _columns(battery: Battery, subject: Subject) -> list[str]:
    """Whether it is right for samples in columns."""
    points = [battery.point("normal", batch, battery.sizes(), salt="columns") for batch in (2, 5)]
    as_it_is = Examination(battery.reference, subject)
    if not all(as_it_is.at(Probe("columns", "", point, calls=1)) for point in points):
        return []  # it takes rows: something else is wrong
    for bias_as_column in (False, True):
        turned = in_columns(subject, bias_as_column=bias_as_column)
        examination = Examination(battery.reference, turned)
        if not any(examination.at(Probe("columns", "", point, calls=1)) for point in points):
            names = ", ".join(role.name for role in battery.specification.inputs if role.sample)
            return [
                f"right for column-major batches: it takes samples as columns, here they are rows; give it {names} "
                "transposed, and transpose what it returns"
            ]
    return []


def _stages(battery: Battery, findings: Sequence[Finding], measured: Measured) -> list[str]:
    """What is right, of what was examined; and what was not."""
    spec, wrong = battery.specification, {f.tensor for f in findings}
    stages = {f.stage for f in findings}
    names = {
        "forward": [role.name for role in spec.outputs],
        "backward": [role.tensor.gradient.name for role in spec.differentiable],
    }
    sentences = []
    for stage, of in names.items():
        compared = [name for name in of if name in measured.compared]
        if stage in stages:
            continue
        if not compared:
            sentences.append(f"{stage} was not examined")
        else:
            missing = [name for name in of if name not in compared]
            sentences.append(f"{stage} is right" + (f", but {' and '.join(missing)} was not given" if missing else ""))
    if stages == {"backward"} and all(f.tensor for f in findings):
        right = [name for name in names["backward"] if name in measured.compared and name not in wrong]
        if right and sentences == ["forward is right"]:
            return [f"forward is right; so is {', '.join(right)}"]
    return sentences


def _further(findings: Sequence[Finding], main: Finding) -> list[str]:
    """What else was seen, each kind of it once."""
    seen = {(main.stage, main.kind, main.tensor)}
    further = []
    for f in findings:
        if (f.stage, f.kind, f.tensor) not in seen:
            seen.add((f.stage, f.kind, f.tensor))
            further.append(f"also: {f.words}")
    left = len(further) - _FURTHER
    more = [f"and {left} {'finding' if left == 1 else 'findings'} of other kinds"] if left > 0 else []
    return further[:_FURTHER] + more


def _where(
    battery: Battery, subject: Subject, same: Sequence[Finding], observed: Observed | None, *, explained: bool
) -> list[str]:
    """The condition under which it goes wrong, where there is one."""
    main, wrong = same[0], {f.probe for f in same}

    def only(choose: Callable[[Probe], bool]) -> bool:
        return all(map(choose, wrong))

    def name_has(probe: Probe, *parts: str) -> bool:
        return any(part in probe.name for part in parts)

    separated = None if observed is None or explained else partition(observed)
    facts = [separated.words] if separated is not None else []
    if only(lambda p: p.group == "memory" or (p.group == "upstream" and bool(p.layouts))):
        return [f"wrong only for {_listed({p.name for p in wrong})}: strides must not matter"]
    if only(lambda p: p.group == "absent"):
        return [f"wrong only with {_listed({p.name for p in wrong})}: None means zero"]
    if only(lambda p: p.name in (OTHER, TURNS)):
        return [
            "right at ordinary numbers, wrong where one of its comparisons turns: does it clamp, round or branch where "
            "the definition does not?",
            *facts,
        ]
    if only(lambda p: name_has(p, *_EXTREME)):
        return [f"right at ordinary magnitudes, wrong for {_listed({p.name for p in wrong})}"]
    if only(lambda p: p.point.dtype == "float32"):
        return [f"right in float64, wrong in float32{_lost(same)}", *facts]
    if _is_only_float64(same) and observed is not None:
        return [f"right in float32, wrong in float64{_kept(observed)}", *facts]
    if only(lambda p: p.point.batch == 0):
        return ["wrong only for an empty batch"]
    if only(lambda p: p.group == "sizes" and name_has(p, "size 1", "sizes 1")):
        return [f"wrong only for {_listed({p.name for p in wrong})}"]
    if only(lambda p: p.point.batch == 1 or p.group == "sizes"):
        return ["wrong only where a size, or the batch, is 1: is there a squeeze?"]
    if observed is None or not _kinked(observed):
        if facts:
            return facts
    elif separated is not None:
        return [f"{separated.at_kinks}: {_several(battery)}"]
    elif only(lambda p: name_has(p, *_KINKS)):
        return [f"wrong at {'exactly 0' if _at_zero(observed) else 'exact zeros and ties'}: {_several(battery)}"]
    if only(lambda p: name_has(p, *_LARGE, *_EXTREME)):
        return ["right at ordinary magnitudes, wrong at large ones (1000): does something overflow or cancel?"]
    return _tried(battery, subject, main, wrong)


def _kinked(observed: Observed) -> bool:
    """Whether several numbers would be right at every wrong entry."""
    return all((s.truths[s.name].slack[s.wrong] > 0).all() for s in observed.failed if s.fits)


def _tried(battery: Battery, subject: Subject, main: Finding, wrong: set[Probe]) -> list[str]:
    """Conditions that need points of their own: batch 1, rows that sum to 1.

    None is said that a probe contradicts: one that goes wrong though the condition holds at it.
    """
    sizes = battery.sizes()

    def right(*points: Point) -> bool:
        """Whether nothing of the kind is found at the points."""
        found = [f for p in points for f in Examination(battery.reference, subject).at(Probe("tried", "", p, calls=1))]
        return not any((f.stage, f.tensor) == (main.stage, main.tensor) or not f.tensor for f in found)

    def contradicted(holds: Callable[[Point], bool]) -> bool:
        return any(holds(p.point) for p in wrong if p.point.entries)

    usual = [battery.point("normal", battery.batch, sizes, salt=s) for s in "ab"]
    if all(map(right, usual)):
        return []  # it takes more than ordinary points to go wrong
    sentences = []
    if battery.specification.batched and not contradicted(lambda p: p.batch == 1):
        one, three = (tuple(battery.point("normal", n, sizes, salt=s) for s in "ab") for n in (1, 3))
        if right(*one) and not right(*three):
            sentences.append("right for batch 1, wrong for larger batches")
    for role in battery.specification.differentiable:
        if not role.tensor.indices:
            continue

        def positive(tensors: dict[str, np.ndarray], name: str = role.name) -> None:
            tensors[name] = np.abs(tensors[name])

        def rows(tensors: dict[str, np.ndarray], name: str = role.name) -> None:
            tensors[name] = inside(_SIMPLEX, tensors[name])

        def not_negative(p: Point, name: str = role.name) -> bool:
            return bool((p.tensors[name] >= 0).all())

        def in_simplex(p: Point, name: str = role.name) -> bool:
            return not_negative(p, name) and bool(np.allclose(p.tensors[name].sum(-1), 1))

        changed = [battery.point("normal", battery.batch, sizes, salt=s, change=positive) for s in "abc"]
        if not contradicted(not_negative) and right(*changed):
            sentences.append(f"right where {role.name} is not negative, wrong elsewhere")
            continue
        changed = [battery.point("normal", battery.batch, sizes, salt=s, change=rows) for s in "abc"]
        if not contradicted(in_simplex) and right(*changed):
            sentences.append(f"right where {role.name} is not negative and sums to 1, wrong elsewhere")
    return sentences


def _is_only_float64(same: Sequence[Finding]) -> bool:
    """Whether float32 is right: then the digits are spoken of. Exact examination has no float32."""
    return all(f.probe.point.dtype == "float64" and f.probe.group != "exact" for f in same)


def _kept(observed: Observed) -> str:
    """How many digits are right, where they are as many as float32 has, or a rounded constant."""
    digits = _right_digits(observed)
    if digits is None:
        return ""
    return f": is there a cast, or a constant of few digits? (yours agrees to {digits} digits)"


def _right_digits(observed: Observed) -> int | None:
    """To how many digits yours is right at every probe, beside the largest number there; None where to hardly any."""
    worst = 0.0
    for s in observed.failed:
        if not s.fits or not np.isfinite(s.mine).all():
            return None
        largest = float(np.abs(s.right).max(initial=0.0))
        worst = max(worst, float(np.abs(s.mine - s.right).max(initial=0.0)) / largest if largest else np.inf)
    return int(-math.log10(worst)) if 0 < worst < _FEW_DIGITS else None


def _lost(same: Sequence[Finding]) -> str:
    """How many digits are lost, or that nothing finite is left."""
    if any(f.kind == "not finite" for f in same):
        return ": not finite there"
    worst = 0.0
    for finding in same:
        if finding.entry is not None and finding.yours is not None:
            right = 0.0 if isinstance(finding.right, tuple) else float(finding.right)
            if right:
                worst = max(worst, abs(finding.yours - right) / abs(right))
    return f": loses {min(7, math.log10(worst / UNIT['float32'])):.0f} of 7 digits" if worst else ""


def _at_zero(observed: Observed) -> bool:
    """Whether the input is 0 at every entry of its gradient that is wrong."""
    name = observed.role.name
    return observed.stage == "backward" and all(
        bool((s.point.tensors[name][s.wrong] == 0).all()) for s in observed.failed if s.fits
    )


def _several(battery: Battery) -> str:
    """What is right at a kink, with the definition's own choice."""
    definition = battery.specification.definition
    words = kink_line(kinks(definition), to_text) if definition is not None else "none"
    convention = f"; the convention is: {words}" if words != "none" else ""
    return f"any number between the one-sided derivatives is right there{convention}"


def _listed(names: set[str]) -> str:
    ordered = sorted(names)
    return "; ".join(ordered[:4]) + (f"; and {len(ordered) - 4} more" if len(ordered) > 4 else "")
