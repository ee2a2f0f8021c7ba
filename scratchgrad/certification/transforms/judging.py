"""The verdict about what was asked for beside forward and backward.

In   a Battery, a Subject that was accepted, and what torch is to record where it has no backward of its own
Out  the Verdict with what else was compared; refused, with the first point at which one of these is wrong
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.calling import Calling
from scratchgrad.certification.counterexample import counterexample
from scratchgrad.certification.error_model import DTYPES
from scratchgrad.certification.examination import Examination, Finding, Measured
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Reference
from scratchgrad.certification.specification import NothingToCertify
from scratchgrad.certification.subject import Misbehaviour, Subject
from scratchgrad.certification.through_autograd import by_autograd
from scratchgrad.certification.transforms.batching import Batching, batched
from scratchgrad.certification.transforms.forward_mode import tangents_function
from scratchgrad.certification.transforms.reference import forward_mode_of, ordinary, probes_of, second_order_of
from scratchgrad.certification.transforms.second_order import (
    backward_as_function,
    gradients_given,
    is_once_differentiable,
)
from scratchgrad.certification.verdict import Verdict

__all__ = ["TRANSFORMS", "judge_transforms"]


@dataclass(frozen=True)
class _Attempt:
    """A subject to be examined at a probe, against a reference; `words` say what is special about it."""

    reference: Reference
    subject: Subject
    probe: Probe
    words: str = ""


class _Derived(Examination):
    """An examination of what is derived: the specification itself has no form of it that could excuse anything."""

    def _own(self, probe: Probe) -> None:
        return


def judge_transforms(
    battery: Battery, subject: Subject, function: Any, verdict: Verdict, wanted: Sequence[str]
) -> Verdict:
    """The verdict, with what is `wanted` (of TRANSFORMS) examined, too.

    `function` is what torch is to record in forward; None where the subject has a backward of its own.
    Raises NothingToCertify where there is no forward, or no backward, to examine.
    """
    if subject.backward_function is None and "second_order" in wanted:
        raise NothingToCertify("second_order=True differentiates backward: give one, and no forward_only=True")
    if subject.forward_function is None and set(wanted) - {"second_order"}:
        raise NothingToCertify(f"{' and '.join(f'{n}=True' for n in wanted if n != 'second_order')} needs forward=")
    for name in wanted:
        if verdict.accepted:
            verdict = _judged(name, battery, TRANSFORMS[name].attempts(battery, subject, function), verdict)
    return verdict


def _judged(name: str, battery: Battery, attempts: Iterator[_Attempt], verdict: Verdict) -> Verdict:
    """The verdict after all attempts; refused at the first that fails."""
    whole, points = Measured(), set()
    expected: set[str] = set()
    try:
        for attempt in attempts:
            examination = _Derived(attempt.reference, attempt.subject)
            found = examination.at(attempt.probe)
            if found:
                return _refused(name, battery, verdict, attempt, found[0])
            measured = examination.measured
            whole.entries += measured.entries - measured.left_out
            whole.judged += measured.judged
            expected |= measured.compared
            points.add(attempt.probe.point)
    except Misbehaviour as seen:
        return Verdict(verdict.title, False, (name,), diagnosis=(f"{name}: {seen.words}",))
    missing = sorted(tensor for tensor in expected if not whole.judged[tensor])
    if missing or not whole.entries:
        words = f"{name}: {', '.join(missing) or 'nothing'} was never compared with a finite value"
        return Verdict(verdict.title, False, diagnosis=(words,), judged=False)
    line = f"{name}: {TRANSFORMS[name].words}: {len(points)} points, {whole.entries} numbers compared with exact ones"
    evidence = {**verdict.evidence, name: {"points": len(points), "entries_compared": whole.entries}}
    return replace(verdict, diagnosis=(*verdict.diagnosis, line), evidence=evidence)


def _refused(name: str, battery: Battery, verdict: Verdict, attempt: _Attempt, finding: Finding) -> Verdict:
    transform = TRANSFORMS[name]
    words = next((w for said, w in _CAUSES.items() if said in finding.words), "")
    if name == "second_order" and _is_once(attempt):
        words = "backward is marked with @once_differentiable: it has no second derivative"
    lines = [f"{name}: {finding.words if finding.entry is None else transform.wrong(finding)}"]
    lines += [f"{name}: {line}" for line in (attempt.words, words) if line]
    if finding.entry is not None and finding.stage == transform.stage and not words:
        lines.append(f"{name}: {transform.hint}")
    shown = replace(counterexample(battery, finding), formula=())
    return Verdict(verdict.title, False, (name,), shown, tuple(lines))


_CAUSES = {
    "must implement the jvp function": "the Function has no jvp staticmethod, so there is no forward mode",
    "override the setup_context": "a Function under torch.func needs forward without ctx, and setup_context",
    "doesn't have storage": "it leaves torch, for NumPy or C, where torch.func cannot follow",
    "does not have vmap support": "the Function has neither a vmap staticmethod nor generate_vmap_rule = True",
}


def _is_once(attempt: _Attempt) -> bool:
    """Whether what backward gives may not be differentiated at all."""
    point = attempt.probe.point
    try:
        with attempt.subject.running():
            roles = attempt.reference.specification.inputs
            _, recorded = attempt.subject.forward([torch.tensor(point.tensors[role.name]) for role in roles])
    except Misbehaviour:
        return False
    return is_once_differentiable(recorded.outputs)


def _second_order(battery: Battery, subject: Subject, function: Any) -> Iterator[_Attempt]:
    """Backward as a function of the inputs and of what arrives, differentiated by each of them."""
    start = battery.probes[0].point
    with subject.running():
        names = gradients_given(subject, *_arguments(battery, start))
    reference = second_order_of(battery, names)

    def derived(only: frozenset[int] | None = None) -> Subject:
        own = backward_as_function(subject, function, names)
        forward, backward = by_autograd(own, len(names), only)
        return _as_subject(reference, forward, backward, recorded=True)

    probes = list(probes_of(battery, reference))
    yield from (_Attempt(reference, derived(), probe) for probe in probes)
    constants = reference.specification.constants
    places = [n for n in range(len(reference.specification.inputs) + len(constants)) if n not in constants]
    for n, role in zip(places, reference.specification.inputs, strict=True):
        if not role.integer and probes:
            yield _Attempt(
                reference, derived(frozenset([n])), probes[0], f"where {role.name} alone asks for a second derivative"
            )


def _forward_mode(battery: Battery, subject: Subject, function: Any) -> Iterator[_Attempt]:
    """The tangents of the outputs: of all inputs together, and of each alone."""
    reference = forward_mode_of(battery)
    probes = list(probes_of(battery, reference))
    every = _as_subject(reference, tangents_function(subject, function), None)
    yield from (_Attempt(reference, every, probe) for probe in probes)
    real = battery.specification.differentiable
    for role in real if len(real) > 1 and probes else ():
        point, mine = probes[0].point, f"tangent_{role.name}"
        still = {n: 0 * a if n.startswith("tangent_") and n != mine else a for n, a in point.tensors.items()}
        alone = _as_subject(reference, tangents_function(subject, function, role.name), None)
        probe = replace(probes[0], point=replace(point, tensors=still))
        yield _Attempt(reference, alone, probe, f"where {role.name} alone has a tangent")


def _batching(battery: Battery, subject: Subject, function: Any) -> Iterator[_Attempt]:
    """All arguments under vmap, along the first and the last axis, over each alone, and over one element."""
    spec = battery.specification
    inputs = [role.name for role in spec.inputs]
    arriving = [role.tensor.gradient.name for role in spec.outputs]
    shapes = {(p.point.batch, *p.point.sizes.items()): p.point for p in ordinary(battery) if p.point.batch != 0}
    for start in list(shapes.values()):
        for dtype in (name for name in DTYPES if name in spec.dtypes):
            points = [battery.point("normal", start.batch, start.sizes, dtype, salt=f"element {n}") for n in range(3)]
            others = [_named(battery, point) for point in points[1:]]
            every = frozenset((*inputs, *arriving))
            hows = [Batching("all arguments batched", every, others, place) for place in range(3)]
            if dtype == spec.dtypes[0]:
                hows.append(Batching("all arguments batched along the last axis", every, others, 1, axis=-1))
                hows.append(Batching("a batch of one element", every, [], 0))
                hows += [Batching(f"{name} alone batched", frozenset((name, *arriving)), others, 1) for name in inputs]
            for how in hows:
                probe = Probe("vmap", how.words, points[0])
                yield _Attempt(battery.reference, batched(subject, function, how), probe, how.words)


def _as_subject(reference: Reference, forward: Any, backward: Any, *, recorded: bool = False) -> Subject:
    calling = Calling.SAVED_FIRST if recorded else Calling.TENSORS
    return Subject(reference.specification, forward, backward, kernel=False, calling=calling, recorded=recorded)


def _arguments(battery: Battery, point: Point) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The tensors of a point, and what arrives at the outputs."""
    named, spec = _named(battery, point), battery.specification
    return [named[role.name] for role in spec.inputs], [named[role.tensor.gradient.name] for role in spec.outputs]


def _named(battery: Battery, point: Point) -> dict[str, torch.Tensor]:
    """The tensors of a point by name; grad_u for what arrives at u."""
    arriving = {role.tensor.gradient.name: point.upstream[role.name] for role in battery.specification.outputs}
    return {name: torch.tensor(values) for name, values in (*point.tensors.items(), *arriving.items())}


@dataclass(frozen=True)
class _Transform:
    """How a transform is examined, and how that is said."""

    attempts: Callable[[Battery, Subject, Any], Iterator[_Attempt]]
    words: str
    wrong: Callable[[Finding], str]
    hint: str = ""
    stage: str = ""


TRANSFORMS = {
    "second_order": _Transform(
        _second_order,
        "backward differentiated once more, through autograd, by the inputs and by what arrives at the outputs",
        lambda f: (
            f"the second derivative is wrong: {f.tensor}, where J is the sum of grad_first_x * first_x and first_x is "
            "what backward gives for x"
            if f.stage == "backward"
            else f"{f.tensor}, what backward gives, is another where torch records backward itself"
        ),
        "does backward use what torch takes as constant: .data, detach, NumPy, or what forward computed on the way and "
        "saved, neither an input nor an output?",
        "backward",
    ),
    "jvp": _Transform(
        _forward_mode,
        "tangents of the outputs in forward mode, for all inputs and for each alone",
        lambda f: f"{f.tensor} is wrong in forward mode",
        "does forward use what torch takes as constant (.data, detach, NumPy)? A tangent that is lost is zero",
        "forward",
    ),
    "vmap": _Transform(
        _batching,
        "forward and backward under torch.func.vmap, for all arguments and for each alone",
        lambda f: f"{f.tensor} is wrong under torch.func.vmap",
    ),
}
"""What can be asked for, by the name of the argument of certify."""
