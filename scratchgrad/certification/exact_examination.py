"""The exact examination of a subject: executed over exact scalars, every entry is compared with the definition.

In   a Battery, a Subject
Out  Exactness: at which shapes which entries are proven, and what is undecided, and why

    shapes      pairwise distinct sizes, batches 1, 2, 3 and 5; for a torch function, its examples and other batches
    refuted     a point at which balls of both differ, among ordinary ones and, where nothing is proven, those around
                the turns of every comparison; the subject is then examined there for real, and only what goes
                wrong for real refuses it
    proven      equal for all real values, wherever both are defined; or wherever no comparison is a tie

A proof is about values.  Rounding, memory and repetition are the probes' business.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import scratchgrad
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.entering import Entering
from scratchgrad.certification.exact.alike import question
from scratchgrad.certification.exact.balls import Program, balls, precisely
from scratchgrad.certification.exact.budget import Budget
from scratchgrad.certification.exact.entries import Entries, entries_of_batch, entries_of_sample
from scratchgrad.certification.exact.facts import facts_of
from scratchgrad.certification.exact.on_simplex import on_simplex
from scratchgrad.certification.exact.proving import EVERYWHERE, OFF_TIES, Proof, prove
from scratchgrad.certification.exact.questions import Asked
from scratchgrad.certification.exact.rules import RuleFails
from scratchgrad.certification.exact.shadow import CannotExecute, Shadows
from scratchgrad.certification.exactness import Exactness
from scratchgrad.certification.following import following
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Undefined
from scratchgrad.certification.source_numbers import at_numbers
from scratchgrad.certification.subject import Misbehaviour, Subject, is_plain
from scratchgrad.certification.turning import turning_points
from scratchgrad.notation.evaluation import EvaluationError

__all__ = ["DIFFERS", "TURNS", "entries_at", "examine_exactly", "points"]

# TRUST: unproven
_WORK = {True: 2e7, False: 4e6}
"""What a proof may cost, for a layer's own kernel and for a function: about 10^6 are a second."""

# TRUST: sizes-tried
_SHAPES = ((2, (2, 3, 4, 1, 2, 3)), (3, (3, 2, 1, 2, 3, 2)), (1, (1, 4, 2, 3, 2, 1)), (5, (2, 1, 3, 2, 1, 2)))
_KINDS = {"normal": 1, "spread": 12, "ties": 3, "zeros": 3, "mixed magnitudes": 1, "near +1000": 1, "small": 1}
"""How many points of each kind are looked at."""

_FOLLOWED = {"normal": 1, "ties": 1}
"""From which points comparisons are followed: ordinary numbers, and round ones, at which ties are exact."""

# TRUST: suspects
_DIFFERS = 1e-7
_ENTRY = 5
_EXHAUSTED = 3
# TRUST: sizes-tried
_ENTRIES = 400

LOUD = False
"""Whether a mistake of ours ends in a traceback: in tests it does, so that none counts as "not proven"."""

_PACKAGE = Path(scratchgrad.__file__).parent

DIFFERS = "a point at which exact values differ"
TURNS = "a point where a comparison turns"
"""Names of probes."""

Array = Any


def examine_exactly(battery: Battery, subject: Subject) -> Exactness:
    """The exact examination at all shapes.  A mistake of ours in it is raised where LOUD, and else said by name."""
    found = Exactness()
    try:
        _examine(battery, subject, found)
    # TRUST: unproven
    except MemoryError:
        found.undecided["the proof takes more memory than there is"] += 1
    except (Exception, RuleFails) as error:
        if LOUD:
            raise
        cause = error.__cause__ if isinstance(error, RuleFails) and error.__cause__ is not None else error
        found.failure = f"{type(cause).__name__}: {error}, at {_place(cause)}"
        found.undecided["our own exact examination failed"] += 1
    return found


def _wide(battery: Battery, point: Point) -> Point:
    """An ordinary point whose axes are longer than 1: there rows differ, and entries can change places."""
    usual = battery.probes[0].point
    return usual if usual.entries <= _ENTRIES else point


def _place(error: BaseException) -> str:
    """Where the error was raised: the innermost line of this package."""
    lines = [f for f in traceback.extract_tb(error.__traceback__) if _PACKAGE in Path(f.filename).parents]
    last = lines[-1]
    return f"{Path(last.filename).relative_to(_PACKAGE.parent)}:{last.lineno}"


def _examine(battery: Battery, subject: Subject, found: Exactness) -> None:
    spent = _Spent(Budget(_WORK[subject.kernel]))
    found.values, found.unit_rows = battery.region.words(), battery.unit_rows
    for point, other in points(battery):
        where = ", ".join(f"{role.name}{list(point.tensors[role.name].shape)}" for role in battery.specification.inputs)
        try:
            entries = entries_at(battery, point)
            shadows = [_executed(battery, subject, entries, one) for one in (point, other)]
        except RuleFails:
            raise
        except CannotExecute as error:
            found.undecided[f"not executed exactly: {error}"] += 1
            wide = _wide(battery, point)
            entries = entries_at(battery, wide)
            run = partial(_executed, battery, subject, entries)
            found.followed = following(battery, entries, run, _of_kinds(_FOLLOWED, battery, wide))
            found.entered += [*found.followed.probes, *_at_its_numbers(battery, subject, wide)]
            return
        except Misbehaviour as seen:
            found.undecided[f"not executed exactly: {seen.words}"] += 1
            found.entered += _at_its_numbers(battery, subject, _wide(battery, point))
            return
        except Undefined:
            # TRUST: both-defined
            continue  # there is nothing to be equal to
        (first, constants), (second, _) = shadows
        if any(x is not y for name, a in first.items() for x, y in zip(a.ravel(), second[name].ravel(), strict=True)):
            found.undecided["what it computes depends on values in a way that is not seen"] += 1
            found.entered += _at_its_numbers(battery, subject, _wide(battery, point))
            return
        found.shapes.append(where)
        found.constants |= constants
        pairs = [
            (x, y)
            for name, array in first.items()
            for x, y in zip(array.ravel(), entries.results[name].ravel(), strict=True)
        ]
        found.suspects += _suspects(battery, entries, pairs, _of_kinds(_KINDS, battery, point), DIFFERS)
        if found.suspects:
            return
        before = found.off_ties
        open_pairs = _prove(battery, pairs, found, spent, Entering(battery, entries, point))
        if found.off_ties > before:  # what a tie of one number does may show only where others are near it
            found.entered += _at_its_numbers(battery, subject, point)
        if open_pairs:
            turns = turning_points(battery, entries, open_pairs, _of_kinds(_FOLLOWED, battery, point))
            found.suspects += _suspects(battery, entries, open_pairs, turns, TURNS)
            if found.suspects:
                return


def _at_its_numbers(battery: Battery, subject: Subject, point: Point) -> list[Probe]:
    """Probes at the numbers that stand in the source of a subject which cannot be executed exactly."""
    (ordinary,) = _of_kinds({"normal": 1}, battery, point)
    return at_numbers(battery, ordinary, (subject.forward_function, subject.backward_function))


@dataclass
class _Spent:
    """What all the proofs have to spend, how many took too many steps, and what is known."""

    budget: Budget
    exhausted: int = 0
    known: dict[Hashable, Proof] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.most = self.budget.left / _ENTRY

    def part(self) -> Budget:
        """What one proof may spend."""
        return _Part(min(self.most, max(self.budget.left, 0)), self.budget)


def _prove(
    battery: Battery, pairs: Sequence[tuple[Any, Any]], found: Exactness, spent: _Spent, entering: Entering
) -> list[tuple[Any, Any]]:
    """The pairs that are not proven equal everywhere."""
    entries = entering.entries
    plain = {name: array for name, array in entries.inputs.items() if name not in battery.unit_rows}
    facts = facts_of(battery.region.domains, plain)
    upstream = {node.args[0] for array in entries.upstream.values() for node in array.ravel()}
    open_pairs = []
    for mine, right in pairs:
        found.entries += 1
        open_pairs.append((mine, right))
        if spent.exhausted >= _EXHAUSTED:
            found.undecided["not tried, after others had taken too many steps"] += 1
            continue
        asked = question(mine, right, facts)
        if asked not in spent.known:
            enter = entering.about(mine, right)
            spent.known[asked] = prove(mine, right, spent.part(), facts, linear_in=upstream, enter=enter)
        proof = spent.known[asked]
        found.cases += proof.cases
        if proof.extent == EVERYWHERE:
            found.everywhere += 1
            open_pairs.pop()
        elif proof.extent == OFF_TIES:
            found.off_ties += 1
        else:
            found.undecided[proof.words] += 1
            found.differs |= proof.differs
            spent.exhausted += proof.exhausted
    found.entered += entering.probes
    return open_pairs


@dataclass
class _Part(Budget):
    """The budget of one entry; what it spends is spent of the whole."""

    whole: Budget

    def spend(self, work: float) -> None:
        self.whole.left -= work
        super().spend(work)

    def share(self, part: float) -> Budget:
        self.left *= 1 - part
        return _Part(part * self.left / (1 - part), self.whole)


def points(battery: Battery) -> Iterator[tuple[Point, Point]]:
    """Two points of each shape, with the same integers."""
    spec = battery.specification
    if spec.function is None and not battery.examples:
        shapes = [(batch if spec.batched else None, battery.sizes(numbers)) for batch, numbers in _SHAPES]
    else:
        batches = (battery.batch, *((1, 3, 5) if spec.batched else ()))
        shapes = [(batch, battery.sizes()) for batch in batches]
    seen = set()
    for batch, sizes in shapes:
        key = (batch, tuple(sizes.values()))
        if key in seen:
            continue
        seen.add(key)
        one = battery.point("normal", batch, sizes, salt="exact")
        other = battery.point("normal", batch, sizes, salt="exact again")
        for role in spec.inputs:
            if role.integer:
                other = other.with_array(role.name, one.tensors[role.name], upstream=False)
        if sum(a.size for a in one.tensors.values()) <= _ENTRIES:
            yield one, other


def entries_at(battery: Battery, point: Point) -> Entries:
    """The entries of the definition at the point's shapes, over the whole batch, under the battery's premise."""
    return on_simplex(_entries(battery, point), battery.unit_rows)


def _entries(battery: Battery, point: Point) -> Entries:
    spec = battery.specification
    if spec.definition is None:
        return battery.reference.entries(point)[0]
    integers = {role.name: point.tensors[role.name] for role in spec.inputs if role.integer}
    samples = [role.name for role in spec.inputs if role.sample]
    try:
        if point.batch is None:
            return entries_of_sample(spec.definition, point.sizes, integers)
        return entries_of_batch(spec.definition, point.sizes, integers, batch=point.batch, samples=samples)
    except (EvaluationError, ArithmeticError, ValueError, IndexError) as error:
        raise Undefined(f"the definition has no value: {error}") from error


def _executed(
    battery: Battery, subject: Subject, entries: Entries, point: Point, asked: Asked | None = None
) -> tuple[dict[str, Array], dict[str, str]]:
    """What the subject returns, as nodes by name, and the constants that were read; `asked` gains what it asks."""
    spec = battery.specification
    shadows = Shadows(entries.graph, asked=asked)
    inputs, upstream = [], []
    for role in spec.inputs:
        inputs.append(torch.tensor(point.tensors[role.name]))
        if not role.integer:
            shadows.give(inputs[-1], entries.inputs[role.name])
    for role in spec.outputs:
        upstream.append(torch.tensor(point.upstream[role.name]))
        shadows.give(upstream[-1], entries.upstream[role.tensor.gradient.name])
    found: dict[str, Any] = {}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        with shadows.running():
            outputs, saved = subject.forward(inputs)
            gradients = subject.backward(saved, upstream, inputs)
        found |= zip((role.name for role in spec.outputs), outputs, strict=False)
        found |= {
            role.tensor.gradient.name: value
            for role, value in zip(spec.inputs, gradients, strict=False)
            if not role.integer and value is not None
        }
        if shadows.refused:
            raise CannotExecute(shadows.refused)
        for name, value in found.items():
            if not is_plain(value):
                raise CannotExecute(f"{name} is no plain tensor")
        results = {name: shadows.nodes(value) for name, value in found.items()}
    for name, array in results.items():
        if array.shape != entries.results[name].shape:
            raise CannotExecute(f"{name} has another shape")
    return results, {repr(value): words for value, words in sorted(shadows.constants.recognised.items())}


def _of_kinds(kinds: Mapping[str, int], battery: Battery, point: Point) -> list[Point]:
    """So many points of each kind, with the sizes and the integers of the point."""
    at = [
        battery.point(kind, point.batch, point.sizes, salt=f"exact {n}")
        for kind, count in kinds.items()
        for n in range(count)
    ]
    for role in battery.specification.inputs:
        if role.integer:
            at = [p.with_array(role.name, point.tensors[role.name], upstream=False) for p in at]
    return at


@precisely
def _suspects(
    battery: Battery, entries: Entries, pairs: Sequence[tuple[Any, Any]], at: Sequence[Point], name: str
) -> list[Probe]:
    """Probes of this name at points where the balls of both differ by more than constants are rounded.

    At a tie only outputs count: a gradient may be any number there that lies between the one-sided ones.
    """
    if not at:
        return []
    spec = battery.specification
    symbols: dict[str, Array] = {}
    for role, upstream in [(r, False) for r in spec.differentiable] + [(r, True) for r in spec.outputs]:
        nodes = entries.upstream[role.tensor.gradient.name] if upstream else entries.inputs[role.name]
        rows = np.stack([(p.upstream if upstream else p.tensors)[role.name].ravel() for p in at])  # type: ignore[union-attr]  # all are given
        for node, column in zip(nodes.ravel(), balls(rows).reshape(rows.shape).T, strict=True):
            if node.op == "symbol":  # else it follows from others
                symbols[node.args[0]] = column
    tied = np.zeros(len(at), dtype=bool)
    right = Program([y for _, y in pairs]).run(symbols, len(at), tied=tied)
    mine = Program([x for x, _ in pairs]).run(symbols, len(at))
    outputs = {node.key for array in entries.outputs.values() for node in array.ravel()}
    definite = np.array([y.key in outputs for _, y in pairs])
    suspects = []
    for n, one in enumerate(at):
        a, b = np.array([float(v[n]) for v in mine]), np.array([float(v[n]) for v in right])
        with np.errstate(all="ignore"):
            size = np.max(np.abs(b[np.isfinite(b)]), initial=0.0)
            wrong = np.isfinite(b) & ~(np.abs(a - b) <= _DIFFERS * np.maximum(np.abs(b), size))
            wrong &= [not x[n].overlaps(y[n]) for x, y in zip(mine, right, strict=True)]
        if (wrong & (definite | ~tied[n])).any():
            suspects.append(Probe("exact", name, one, calls=1))
    return suspects
