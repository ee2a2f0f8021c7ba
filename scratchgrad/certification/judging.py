"""The judgement: a subject goes through the battery, and comes out with a verdict.

In   a Battery, a Subject
Out  Verdict; on refusal the smallest failing input, and words about what the mistake looks like
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from scratchgrad.certification.battery import Battery, Sizes
from scratchgrad.certification.counterexample import counterexample
from scratchgrad.certification.coverage import covered
from scratchgrad.certification.diagnosis import diagnose, diagnose_larger
from scratchgrad.certification.digits import lost_digits
from scratchgrad.certification.error_model import THRESHOLD, UNITS
from scratchgrad.certification.exact_examination import examine_exactly
from scratchgrad.certification.exactness import Exactness
from scratchgrad.certification.examination import Examination, Finding
from scratchgrad.certification.large_sizes import Larger, examine_larger, wrong_at_own_sizes
from scratchgrad.certification.leading_axes import said_of_leading_axes
from scratchgrad.certification.propagation import swallowed
from scratchgrad.certification.reference import BITS, SEED
from scratchgrad.certification.region import conditions_of
from scratchgrad.certification.shrinking import shrink
from scratchgrad.certification.smaller_examples import OwnSizes
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.undefined import lacking_node
from scratchgrad.certification.verdict import Verdict
from scratchgrad.certification.witness import AGREES_TO, witness

__all__ = ["Examined", "at_most", "examined", "findings", "judge", "not_judged"]

# TRUST: other-processor
_MARGIN = 1.5


def findings(battery: Battery, subject: Subject, *, first: bool = False) -> tuple[list[Finding], Examination]:
    """What is wrong at the probes, in their order; with `first`, the examination ends with the first finding."""
    examination = Examination(battery.reference, subject)
    found: list[Finding] = []
    for probe in battery.probes:
        found += examination.at(probe)
        if (first and found) or any(f.kind == "hang" for f in found):
            break
    return found, examination


class Examined(NamedTuple):
    """All that was found about a subject, and where it was looked for."""

    found: list[Finding]
    examination: Examination
    exactness: Exactness
    larger: Larger
    small: Sequence[str] = ()
    """About numbers that have few digits."""


def examined(battery: Battery, subject: Subject, more: Sequence[Sizes] = (), *, first: bool = False) -> Examined:
    """What is wrong: at the probes, then exactly, then at larger sizes; what comes later is for what was right so far.

    With `first`, the probes end with the first finding: that is enough to know that the subject is refused.
    """
    found, examination = findings(battery, subject, first=first)
    exactness = Exactness()
    small: list[str] = []
    if not found and (examination.far_off or examination.in_doubt):
        found, small = lost_digits(battery, examination)
    if not found:
        found = swallowed(battery, subject)
    dtypes = battery.specification.dtypes
    in_float64 = "float64" in dtypes
    if not found:
        exactness = examine_exactly(battery, subject)
        for seen in (*exactness.suspects, *exactness.entered):
            probe = seen if in_float64 else replace(seen, point=seen.point.in_dtype(dtypes[0]))
            before = examination.measured.chosen
            found += examination.at(probe)
            exactness.chosen += examination.measured.chosen > before
    larger = Larger(stopped="" if in_float64 else "that needs float64, which dtypes= leaves out")
    if not found and in_float64:
        larger = examine_larger(battery, subject, more)
    return Examined(found + larger.findings, examination, exactness, larger, small)


def not_judged(battery: Battery, subject: Subject, seen: Examined) -> list[str]:
    """Why nothing can be said about a subject in which nothing wrong was found; empty where it is accepted."""
    missing = _never_compared(battery, subject, seen.examination) or seen.exactness.unresolved()
    return missing or seen.larger.paths.unreached()


def judge(battery: Battery, subject: Subject, title: str | None = None, more: Sequence[Sizes] = ()) -> Verdict:
    """The verdict about the subject: the probes first, then what they accept exactly, and at larger sizes.

    `more` are sizes at which it is examined beside the usual ones.
    """
    title = title or battery.specification.title
    seen = examined(battery, subject, more)
    found, examination, exactness, larger, small = seen
    own = [of for of in more if isinstance(of, OwnSizes)]
    if own and found and not larger.findings and not wrong_at_own_sizes(battery, subject, own):
        return Verdict(title, False, diagnosis=("wrong at smaller sizes, right at the example's own",), judged=False)
    if not found:
        missing = not_judged(battery, subject, seen)
        if missing:
            return Verdict(title, False, diagnosis=tuple(missing), judged=False)
        whole = None not in (subject.forward_function, subject.backward_function)
        return Verdict(
            title,
            True,
            diagnosis=(*_acceptance(battery, subject, examination, exactness, larger), *small),
            evidence=_evidence(battery, examination, exactness, larger),
            errors=dict(examination.measured.worst),
            proven=exactness.proven and whole,
        )
    wrong = tuple(stage for stage in ("forward", "backward") if any(f.stage == stage for f in found))
    main = next((f for f in found if f.kind != "memory"), found[0])
    alone = main.kind in ("hang", "nan")  # it would hang again, and no probe has a NaN
    smallest, diagnosis = main, [main.words]
    try:
        if larger.findings:
            smallest = shrink(battery, subject, main, sizes=False) if larger.exact else main
            more_words = [f"takes another path {larger.path}"] if larger.path else []
            more_words += [main.words] if main.entry is None else diagnose_larger(battery, subject, main)
            return Verdict(title, False, wrong, counterexample(battery, smallest), (larger.words, *more_words))
        smallest = main if alone else shrink(battery, subject, main)
        diagnosis = diagnosis if alone else diagnose(battery, subject, found, main, examination.measured)
    except Exception as error:  # a kernel that behaves oddly must not keep us from saying that it is wrong
        diagnosis.append(f"nothing more can be said about it ({type(error).__name__}: {error})")
    return Verdict(title, False, wrong, counterexample(battery, smallest), (*diagnosis, *small))


def _never_compared(battery: Battery, subject: Subject, examination: Examination) -> list[str]:
    """A sentence for every tensor that the subject computes and that was never compared with anything."""
    spec, measured = battery.specification, examination.measured
    names = [role.name for role in spec.outputs] if subject.forward_function is not None else []
    if subject.backward_function is not None:
        names += [r.tensor.gradient.name for r in spec.differentiable]
        if not spec.differentiable:
            return ["no input can be differentiated (all are whole numbers), so no gradient was compared"]
    if measured.another:
        return [
            f"the specification gives other values than its exact execution says, at {measured.another} ordinary "
            "probes: it takes a way that depends on values, which nothing here sees; write it with torch.where"
        ]
    if measured.raised and any(not measured.judged[name] for name in names):
        return [f"the specification itself raises at every probe: {measured.raised}"]
    never = [name for name in names if not measured.judged[name] and name not in measured.not_given]
    node = lacking_node(battery, battery.probes[0].point) if never else None
    why = "" if node is None else f" ({node} has none)"
    return [
        f"{name} was never compared with anything: the definition has no finite value of it{why} at any of "
        f"{len(battery.probes)} probes; is there one? Then say for which inputs, in the signature or with "
        'domains="u[i] in (-1,1)"'
        for name in never
    ]


def _evidence(battery: Battery, examination: Examination, exactness: Exactness, larger: Larger) -> dict[str, Any]:
    """What is recorded: counts, seeds and upper bounds, the same on every machine."""
    measured = examination.measured
    seen = witness(battery)
    return {
        "method": "execution over exact scalars, and probes against exact arithmetic",
        "proven": exactness.proven,
        "domains": battery.region.evidence(),
        "proof": exactness.evidence(),
        "larger": larger.evidence(),
        "probes": dict(sorted(Counter(probe.group for probe in battery.probes).items())),
        "probes_undefined": measured.undefined,
        "entries_compared": measured.entries - measured.left_out,
        "entries_left_out": measured.left_out,
        "seed": SEED,
        "bits": BITS,
        "error_units_at_most": {dtype: at_most(worst) for dtype, worst in measured.worst.items()},
        "error_units_threshold": THRESHOLD,
        "witness": {"points": seen.points, "entries": seen.entries, "agrees_to": AGREES_TO},
    }


def at_most(worst: float) -> float:
    """The smallest round bound that leaves room for another machine's rounding."""
    return next((float(bound) for bound in UNITS if _MARGIN * worst <= bound), THRESHOLD)


def _acceptance(
    battery: Battery, subject: Subject, examination: Examination, exactness: Exactness, larger: Larger
) -> tuple[str, ...]:
    measured = examination.measured
    own = (*battery.specification.dtypes, *battery.claimed)
    worst = ", ".join(f"{dtype} {value:.2g}" for dtype, value in measured.worst.items() if dtype in own)
    if measured.undefined or measured.left_out:
        said = conditions_of(battery.specification.definition)
        function = battery.specification.function is not None
        exactness.where = f" for which {' and '.join(said)}" if said else " at which it has a value" if function else ""
    lines = [
        *exactness.sentences(),
        f"{measured.probes} probes, {measured.entries - measured.left_out} numbers compared with exact ones; largest "
        f"error in units of the conditioning: {worst} (refused from {THRESHOLD:g})",
    ]
    lines += larger.sentences()
    lines += said_of_leading_axes(battery, subject)
    lines += battery.sentences()
    lines += covered(battery)
    if measured.undefined or measured.left_out:
        lines.append(
            f"not compared, because the definition has no finite value there: {measured.undefined} probes, "
            f"{measured.left_out} numbers"
        )
    if measured.unsupported:
        node = lacking_node(battery, measured.unsupported[0])
        lines.append(
            f"at {len(measured.unsupported)} probes the specification gives numbers that nothing was compared with: "
            f"exact arithmetic cannot compute {node or 'them'} there"
        )
    if measured.chosen:
        lines.append(
            f"{measured.chosen} times a result counts as right because the specification itself gives it, through "
            "torch's autograd, though exact arithmetic gives another"
        )
    lines += [f"{name} was not given (None) and is not checked" for name in sorted(measured.not_given)]
    # TRUST: not-given
    if subject.forward_function is None:
        lines.append("forward was not given and is not checked")
    if subject.backward_function is None:
        lines.append("backward was left out (forward_only=True) and is not checked")
    if subject.recorded:
        lines.append("backward is what torch's autograd recorded in forward")
    return tuple(lines)
