"""`gradients_agree`: whether outputs and gradients are right at the tensors that are given, fast enough for every draw.

    agreement = sg.testing.gradients_agree("linear", forward, backward, x, W, b)
    assert agreement, str(agreement)

In   what sg.certify takes as a specification; functions as it takes them; tensors, stored in any way
Out  Agreement: a truth value, words, the entry with both numbers

The functions are called once, with copies that are stored as the tensors are.  What they return is compared with the
definition and its derived gradients in plain float64, all samples at once (see point_reference); no kernel takes part.
What differs is compared once more, with exact numbers, before it is said to be wrong: they know what is legal at a tie,
and what rounding explains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from scratchgrad.certification.calling import Calling, calling_of
from scratchgrad.certification.counterexample import counterexample_of
from scratchgrad.certification.error_model import THRESHOLD
from scratchgrad.certification.examination import Examination, Finding
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Reference, Undefined
from scratchgrad.certification.specification import NothingToCertify, Specification
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.through_autograd import by_autograd, is_autograd_function
from scratchgrad.certification.verdict import Counterexample
from scratchgrad.testing.deadline import outside_deadline
from scratchgrad.testing.point_reference import PointReference, exact_numbers_of, point_at, specified

__all__ = ["Agreement", "gradients_agree"]

# TRUST: one-batch
_GROSS = 1e3
"""Where exact numbers take too long, an error must be so many times as large as the threshold before it is one."""

_NUMBERS = ("value", "not finite", "together")
"""The kinds of findings that another reference may see otherwise."""


@dataclass(frozen=True, repr=False)
class Agreement:
    """Whether outputs and gradients are those of the specification, at the tensors that were given.

    True where every number agrees.  `judged` is False where we can say neither: then it is not true either, nothing is
    said to be wrong, and `notes` says why.  `compared` counts the numbers of each tensor, `wrong` names "forward" or
    "backward"; `entry`, `yours`, `right` and `inputs` are None or empty where all agree.
    """

    title: str
    agrees: bool
    judged: bool = True
    wrong: tuple[str, ...] = ()
    counterexample: Counterexample | None = None
    notes: tuple[str, ...] = ()
    compared: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether all agrees."""
        return self.agrees

    def __repr__(self) -> str:
        """The words: pytest and hypothesis print it."""
        return str(self)

    @property
    def entry(self) -> str | None:
        """The first wrong entry, such as grad_W[0,1]."""
        return self.counterexample.entry if self.counterexample else None

    @property
    def yours(self) -> str | None:
        """The number that stands there."""
        return self.counterexample.yours if self.counterexample else None

    @property
    def right(self) -> str | None:
        """The number that should stand there."""
        return self.counterexample.right if self.counterexample else None

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The tensors, as nested lists."""
        return self.counterexample.tensors if self.counterexample else {}

    def __str__(self) -> str:
        """The words for people: a line where all agrees, else the entry, both numbers and the tensors."""
        counts = ", ".join(f"{name} {count}" for name, count in self.compared.items())
        if self.agrees:
            lines = [f"AGREES  {self.title}: numbers compared: {counts}"]
        elif not self.judged:
            lines = [f"NOT JUDGED  {self.title}"]
        else:
            verb = "are" if len(self.wrong) > 1 else "is"
            lines = [f"DIFFERS  {self.title}: {' and '.join(self.wrong)} {verb} wrong"]
        lines += [str(self.counterexample)] if self.counterexample is not None else []
        return "\n".join([*lines, *(f"  - {note}" for note in self.notes)])


def gradients_agree(
    spec: Any,
    forward: Callable[..., Any] | None,
    backward: Callable[..., Any] | None,
    *tensors: Any,
    grad_outputs: Any = None,
    domains: str = "",
) -> Agreement:
    """Whether forward and backward give the outputs and gradients of the specification at these tensors.

        @given(tensors((3, 4)), tensors((2, 4)), tensors(2))
        def test_dense(x, W, b):
            agreement = gradients_agree("linear", dense, dense_backward, x, W, b)
            assert agreement, str(agreement)

    `spec`, `forward`, `backward` and `domains` are those of sg.certify: a room's name, a Layer, a text, a Definition,
    or a torch function; an autograd.Function, or a forward whose outputs carry gradients, stands for both.
    `grad_outputs` is the gradient that arrives, a tuple for several outputs; without it, random numbers from a fixed
    seed.

    It is no part of a hypothesis test's deadline.

    Raises NothingToCertify where there is nothing to compare, ExampleMismatch where the tensors do not fit, and
    DomainViolated where a value lies outside its declared domain.
    """
    with outside_deadline():
        return _agreement(spec, (forward, backward), tensors, grad_outputs, domains)


def _agreement(
    spec: Any, functions: tuple[Any, Any], tensors: Sequence[Any], grad_outputs: Any, domains: str
) -> Agreement:
    specification, reference = specified(spec, tensors, domains)
    subject = _subject(specification, *functions)
    arriving = grad_outputs if isinstance(grad_outputs, tuple | list | None) else (grad_outputs,)
    at = point_at(specification, tensors, arriving, subject.shapes)
    probe = Probe("given", "the tensors that were given", at.point, calls=1)
    try:
        seen, examination = _seen(reference, subject, probe, at.inputs, at.upstream)
    except Undefined as error:
        return Agreement(specification.title, False, judged=False, notes=(str(error),))
    measured = examination.measured
    compared = {name: count for name, count in measured.judged.items() if count}
    notes = tuple(f"{name} was not given (None) and is not checked" for name in sorted(measured.not_given))
    if measured.left_out:
        notes += (f"{measured.left_out} numbers have no finite right value and are not compared",)
    result = Agreement(specification.title, not seen, notes=notes, compared=compared)
    if not seen:
        missing = [name for name, count in measured.judged.items() if not count and at.numbers[name]]
        notes += tuple(f"the definition has no finite value of {name} here" for name in missing)
        return replace(result, agrees=False, judged=False, notes=notes) if missing else result
    first = seen[0]
    if first.kind in _NUMBERS and not examination.exact and not _is_clear(reference, first):
        notes += (f"{first.words}, but no more than rounding or a tie could explain; too large for exact numbers",)
        return replace(result, judged=False, notes=notes)
    wrong = tuple(stage for stage in ("forward", "backward") if any(f.stage == stage for f in seen))
    return replace(result, wrong=wrong, counterexample=counterexample_of(specification, first, at.layouts))


class _AtTensors(Examination):
    """An examination at tensors as they are stored; everything once."""

    def __init__(self, reference: Reference, subject: Subject, inputs: Sequence[Any], upstream: Sequence[Any]) -> None:
        super().__init__(reference, subject)
        self.exact = not isinstance(reference, PointReference)
        self._inputs, self._upstream = inputs, upstream

    def arguments(self, probe: Probe) -> tuple[list[torch.Tensor], list[torch.Tensor | None]]:
        """Copies, stored as the tensors are; zeros for an absent gradient where the function does not expect one."""
        arriving = [
            torch.zeros(shape, dtype=getattr(torch, probe.point.dtype)) if t is None else t
            for t, shape in zip(self._upstream, self._shapes(probe), strict=True)
        ]
        given = self._upstream if self.subject.protocol else arriving
        return [_copied(t) for t in self._inputs], [None if t is None else _copied(t) for t in given]

    def _shapes(self, probe: Probe) -> Iterator[tuple[int, ...]]:
        return (role.shape(probe.point.sizes, probe.point.batch) for role in self.specification.outputs)


def _copied(tensor: torch.Tensor) -> torch.Tensor:
    """The same values in memory of their own, with the same strides and the same offset."""
    storage: Any = tensor.untyped_storage()
    copy = torch.empty(0, dtype=tensor.dtype)
    return copy.set_(storage.clone(), tensor.storage_offset(), tensor.size(), tensor.stride())


def _seen(
    reference: PointReference, subject: Subject, probe: Probe, inputs: Sequence[Any], upstream: Sequence[Any]
) -> tuple[list[Finding], _AtTensors]:
    """What is wrong, by exact numbers where it is a number and they are at hand.  Raises Undefined."""
    examination = _AtTensors(reference, subject, inputs, upstream)
    try:
        found = examination.at(probe) if _is_whole(reference, probe) else None
    except Undefined:
        found = None
    if found is not None and not any(f.kind in _NUMBERS for f in found):
        return found, examination
    exact = exact_numbers_of(reference, probe.point)
    if exact is None:
        if found is None:
            raise Undefined("the definition has no finite value here in plain float64, and exact ones take too long")
        return found, examination
    examination = _AtTensors(exact, subject, inputs, upstream)
    return examination.at(probe), examination


def _is_whole(reference: PointReference, probe: Probe) -> bool:
    """Whether plain float64 has a value of every entry: overflow on the way leaves none."""
    return all(truth.judged.all() for truth in reference.at(probe.point).values())


def _is_clear(reference: PointReference, finding: Finding) -> bool:
    """Whether neither rounding nor a tie explains the number."""
    point = finding.probe.point
    assert finding.entry is not None  # a finding about a number has one
    if reference.is_tied(point, finding.tensor, finding.entry):
        return False
    truth = reference.at(point)[finding.tensor]
    if finding.yours is None or not np.isfinite(finding.yours):
        return True
    return bool(abs(finding.yours - truth.high[finding.entry]) > _GROSS * THRESHOLD * truth.unit[finding.entry])


def _subject(
    specification: Specification, forward: Callable[..., Any] | None, backward: Callable[..., Any] | None
) -> Subject:
    """The functions, as certify calls them.  Raises NothingToCertify where there is none."""
    if is_autograd_function(backward):
        forward, backward = backward, None
    if forward is None and backward is None:
        raise NothingToCertify("gradients_agree: give forward and backward, or an autograd.Function for both")
    if backward is None:
        forward, backward = by_autograd(forward, len(specification.outputs))
        return Subject(specification, forward, backward, kernel=False, calling=Calling.SAVED_FIRST, recorded=True)
    places = len(specification.inputs) + len(specification.constants)
    calling = calling_of(backward, places, len(specification.outputs), forward=forward is not None)
    if calling.takes_saved and forward is None:
        raise NothingToCertify("backward(saved, ...) needs what forward saves: give forward, too")
    return Subject(specification, forward, backward, kernel=False, calling=calling)
