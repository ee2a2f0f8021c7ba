"""The grade of one layer: its forward says which definition it means, `certify` says whether it is right.

In   a candidate: a name, and the kinds that it may be, each with a subject
Out  LayerGrade
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scratchgrad.certification import Verdict, certify
from scratchgrad.grading.kinds import ANY, Kind
from scratchgrad.grading.matching import Match, Meant, convention_words, match
from scratchgrad.grading.record import ERROR, RIGHT, WRONG, Formula, LayerGrade
from scratchgrad.grading.subjects import Subject
from scratchgrad.notation.text import to_text
from scratchgrad.sheets.printer import element_latex, gradient_symbol, matrix_latex

__all__ = ["Candidate", "convention_of", "judge"]

_SHORT = 9


@dataclass(frozen=True)
class Candidate:
    """Something to be graded."""

    name: str
    line: int
    kinds: Mapping[Kind, Subject]
    convention: str = ""
    failure: str = ""


def judge(candidate: Candidate, lean: str = "", *, sure: bool = False) -> LayerGrade:
    """The grade of a candidate; never an exception because of what its code does.

    `lean` is the convention of the file, as another of its layers has shown it: where forward leaves it open, that
    one is tried first; where it is `sure`, it alone.
    """
    began = time.perf_counter()
    grade = LayerGrade(candidate.name, _kind_name(next(iter(candidate.kinds), None)), candidate.line, ERROR)
    if candidate.failure:
        return replace(grade, headline=candidate.failure)
    found, kind = match(candidate.kinds, candidate.convention)
    if kind is not None:
        grade = replace(grade, kind=_kind_name(kind), style=candidate.kinds[kind].style)
    if not found.readings or kind is None:
        grade = replace(grade, status=WRONG, wrong=("forward",), headline=found.failure)
    else:
        grade = _judged(grade, found, candidate.kinds[kind], lean, sure)
    return replace(grade, seconds=round(time.perf_counter() - began, 2))


def convention_of(candidates: Sequence[Candidate]) -> str:
    """The convention of a file that divides a loss by the number of its samples: it has batches in mind."""
    for candidate in candidates:
        if any("averaged over the batch" in r.words for kind in candidate.kinds for r in kind.readings):
            found, _ = match(candidate.kinds, candidate.convention)
            if found.readings and "averaged over the batch" in found.readings[0].reading.words:
                return found.readings[0].reading.convention
    return ""


def _kind_name(kind: Kind | None) -> str:
    return kind.name.partition(" ")[0] if kind is not None else ""


def _judged(grade: LayerGrade, found: Match, subject: Subject, lean: str, sure: bool) -> LayerGrade:
    """The grade by the first reading that backward fits; where it fits none, by the first of all.

    A gradient of another shape, or an exception, may mean that the file never had that layout in mind: a lab that takes
    one sample at a time need not sum over a batch.  A wrong number means a wrong number.
    """
    readings = found.readings
    if lean:
        readings = tuple(sorted(readings, key=lambda meant: meant.reading.convention not in (lean, ANY)))
    if sure:
        readings = tuple(m for m in readings if m.reading.convention in (lean, ANY)) or readings
    first: LayerGrade | None = None
    # TRUST: grading-readings
    for meant in readings:
        graded, layout = _by_reading(grade, meant, subject, found.guarded)
        if graded.status == RIGHT and first is not None and meant.reading.convention != readings[0].reading.convention:
            remark = f"as {first.convention}, it would be wrong: {first.headline}"
            graded = replace(graded, remarks=(*graded.remarks, remark))
        if graded.status == RIGHT or not layout:
            return graded if graded.status == RIGHT or first is None else first
        first = first or graded
    assert first is not None  # a match has readings
    return first


def _by_reading(grade: LayerGrade, meant: Meant, subject: Subject, guarded: bool) -> tuple[LayerGrade, bool]:
    """The grade by one reading, and whether what is wrong may be the layout."""
    given: set[str] = set()

    def forward(*tensors: Any) -> Any:
        return meant.forward(subject, tensors)

    def backward(grad_out: Any, *tensors: Any) -> Any:
        grads = meant.backward(subject, grad_out, tensors)
        given.update(name for name, value in zip(meant.names, grads, strict=True) if value is not None)
        return grads

    verdict = certify(meant.spec, None if guarded else forward, backward, domains=meant.domains)
    graded = replace(
        _with_verdict(grade, verdict),
        convention=convention_words(meant.reading),
        formulas=_formulas(meant),
        reading=(meant.kind.name, meant.kind.readings.index(meant.reading)),
    )
    missing = [p.name for p in meant.kind.parts if p.must_have_gradient and p.name not in given]
    if missing and given:
        words = f"no gradient for {' and '.join(missing)}: backward never gives it"
        if graded.status == RIGHT:
            tensor = f"grad_{missing[0]}"
            graded = replace(graded, status=WRONG, wrong=("backward",), headline=words, tensor=tensor)
        else:
            graded = replace(graded, diagnosis=(*graded.diagnosis, words))
    remarks = list(graded.remarks)
    if guarded:
        remarks.append(
            "forward is right up to an epsilon (inside a logarithm, or under a root); backward is checked without it"
        )
    # TRUST: grading-targets
    ungiven = [p.name for p in meant.kind.parts if p.sort == "target" and p.name not in given]
    if ungiven and given:
        remarks.append(f"no gradient for the target {' and '.join(ungiven)}; most courses leave it out")
    found = verdict.counterexample
    layout = found is not None and found.kind in ("shape", "exception", "arity")
    return replace(graded, remarks=tuple(remarks)), layout


def _with_verdict(grade: LayerGrade, verdict: Verdict) -> LayerGrade:
    """What the verdict says, in the record."""
    if verdict.accepted:
        return replace(grade, status=RIGHT, proven=verdict.proven)
    if not verdict.judged:
        return replace(grade, status=ERROR, headline=verdict.diagnosis[0], diagnosis=tuple(verdict.diagnosis))
    found = verdict.counterexample
    diagnosis = tuple(verdict.diagnosis)
    if found is None:
        return replace(grade, status=WRONG, wrong=verdict.wrong, headline=" ".join(diagnosis[:1]), diagnosis=diagnosis)
    lines = [line.strip() for line in str(found).splitlines()]
    at = [line.removeprefix("at ").strip() for line in lines[1:] if not line.startswith("by the sheet")]
    headline = found.words
    if found.entry and found.yours and found.right:
        headline = f"{found.entry} is {_brief(found.yours)}, right is {_brief(found.right)}"
    diagnosis = tuple(line for line in diagnosis if line != headline)
    for stage in verdict.wrong[:1]:
        headline = headline.removeprefix(f"{stage} ")
    return replace(
        grade,
        status=WRONG,
        wrong=verdict.wrong,
        headline=headline,
        entry=found.entry or "",
        yours=found.yours or "",
        expected=found.right or "",
        tensor=found.tensor,
        at=tuple(at),
        diagnosis=diagnosis,
    )


def _brief(number: str) -> str:
    """A number with at most six digits; a fraction, and what is short, as it is."""
    try:
        return number if len(number) <= _SHORT else f"{float(number):.6g}"
    except ValueError:
        return number


def _formulas(meant: Meant) -> tuple[Formula, ...]:
    """The forward equation, and every gradient, as on the sheet."""
    gradients, formulas = meant.gradients, []
    for assignment in gradients.definition.assignments:
        left, right = to_text(assignment.left), to_text(assignment.right)
        latex = f"{element_latex(assignment.left)} = {element_latex(assignment.right)}"
        formulas.append(Formula(assignment.target.name, f"{left} = {right}", "", latex))
    constants = {part.name for part in meant.kind.parts if part.sort == "constant"}
    for name in gradients:
        if name in constants:
            continue
        gradient = gradients[name]
        target = gradients.definition.tensors[name].gradient
        matrix = gradient.batched if meant.reading.room and gradient.batched is not None else gradient.vector
        formulas.append(
            Formula(
                target.name,
                f"{to_text(target.element)} = {to_text(gradient.element)}",
                f"{target.name} = {matrix}" if matrix is not None and target.indices else "",
                f"{element_latex(target.element)} = {element_latex(gradient.element)}",
                f"{gradient_symbol(target.name, None)} = {matrix_latex(matrix.node)}"
                if matrix is not None and target.indices
                else "",
            )
        )
    return tuple(formulas)
