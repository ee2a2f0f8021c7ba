"""The larger sizes at which a subject is examined, in float64: a path that it takes from some size on shows there.

In   a Battery, a Subject
Out  findings at the smallest sizes at which the same goes wrong; and the sizes that were compared

    lengths     33, 65, 129, 257 on every axis in turn, 1025 and 4097 where that is cheap; other axes are 8 or less
    batches     65 and 1,100 rows, and those lengths
    more        whatever `sizes=` names

An example fixes all sizes but the batch.  What disagrees with plain float64 is compared with exact numbers, where that
is feasible, before anything is said to be wrong.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import sympy as sp

from scratchgrad.certification.battery import Battery, Sizes
from scratchgrad.certification.error_model import THRESHOLD
from scratchgrad.certification.examination import Examination, Finding
from scratchgrad.certification.feasible import at_sizes
from scratchgrad.certification.float_reference import FloatReference
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Undefined
from scratchgrad.certification.size_conditions import BATCH
from scratchgrad.certification.size_paths import Paths, paths_of
from scratchgrad.certification.source_numbers import numbers_in
from scratchgrad.certification.subject import Subject
from scratchgrad.notation.binding import bound, free_indices, operands
from scratchgrad.notation.elementary import row_of
from scratchgrad.notation.indices import Index, Size

__all__ = ["LARGE", "Larger", "UnknownSize", "examine_larger", "named_sizes"]

LARGE = "larger sizes"
"""The group of these probes."""

_LONG = (33, 129, 65, 257)
_ROWS = (65, 1100, 33, 129)
_LONGEST = (1025, 4097)
_SHORT = ((7, 8, 5, 4), (3, 2, 2, 1), (1,))
"""The other axes; the next ones where an evaluation would cost too much."""


# TRUST: larger-sizes
_WORK = 3e5
"""What the evaluation at one shape may cost, in numbers that are computed on the way."""

_EXACTLY = 2e4
"""Up to here exact numbers are feasible."""

_SLOW = 300.0
"""How many numbers one costs that NumPy has no function for."""

# TRUST: size-paths
_REACHED = 2e7
"""What the evaluation at one shape may cost where the subject takes another path."""

# TRUST: larger-sizes
_SHAPES = 10
"""About so many shapes, beside those with the longest axes."""

# TRUST: larger-sizes
_NODES = 240
"""So many nodes of definitions and gradients are evaluated, at all these shapes together: each takes its time."""

# TRUST: larger-sizes
_SECONDS = 2.0
"""No further shapes for a subject that has taken so long."""

# TRUST: larger-sizes
_GROSS = 1e3
"""What no exact number confirms must be so many times as wrong as the threshold says."""

_BATCH = Size("batch")

Shape = tuple[int | None, tuple[tuple[sp.Expr, int], ...]]


# TRUST: numbers-of-the-source
_SAID, _LENGTHS = (3, 5000), 8
"""Which whole numbers of a source may be lengths, and how many of them are tried."""


class UnknownSize(ValueError):
    """A size in `sizes=` that cannot be chosen: the definition has none of that name, or the example fixes it."""


def named_sizes(battery: Battery, wanted: Any) -> list[Sizes]:
    """The sizes that a mapping, or each of several mappings, from names ("n_i", "i", "batch") to lengths asks for.

    Raises UnknownSize.
    """
    spec = battery.specification
    known: dict[str, sp.Expr] = {"batch": _BATCH} if spec.batched else {}
    for size in spec.sizes if not battery.examples else ():
        known |= {str(size): size, str(size).removeprefix("n_"): size}
    found: list[Sizes] = []
    for one in [wanted] if isinstance(wanted, Mapping) else list(wanted or ()):
        for name, length in one.items():
            if name not in known or not isinstance(length, int) or length < 1:
                there = ", ".join(n for n, size in known.items() if n == str(size)) or "none"
                fixed = "; an example fixes all sizes but the batch" if battery.examples else ""
                raise UnknownSize(
                    f"sizes: {spec.title}: expected a length of at least 1 for one of these: {there}, "
                    f"got {name!r}: {length!r}{fixed}"
                )
        found.append({known[name]: length for name, length in one.items()})
    return found


@dataclass
class Larger:
    """What was compared at larger sizes, and what is wrong there."""

    shapes: list[str] = field(default_factory=list)
    entries: int = 0
    findings: list[Finding] = field(default_factory=list)
    words: str = ""
    path: str = ""
    exact: bool = False
    stopped: str = ""
    paths: Paths = field(default_factory=Paths)

    def sentences(self) -> list[str]:
        """What was covered, in words."""
        lines = [f"compared in float64 at larger sizes: {'; '.join(self.shapes)}"] if self.shapes else []
        if self.stopped:
            lines.append(f"{'no further sizes' if self.shapes else 'not compared at larger sizes'}: {self.stopped}")
        return lines + self.paths.sentences()

    def evidence(self) -> dict[str, object]:
        """What a certificate records."""
        paths = {"paths": list(dict.fromkeys(path.words for path in self.paths.asked))} if self.paths.asked else {}
        return {"shapes": self.shapes, "entries": self.entries, **paths}


def examine_larger(battery: Battery, subject: Subject, more: Sequence[Sizes] = ()) -> Larger:
    """The examination at other paths, at larger sizes, and at those named in `more`; it ends with the first mistake."""
    found = Larger()
    known = _known.setdefault(battery, _Known(FloatReference(battery.specification)))
    _examine_paths(battery, subject, more, known, found)
    if found.findings:
        return found
    if not known.agrees:
        found.stopped = "plain float64 does not agree with exact numbers at small ones"
        return found
    known.probes = known.probes or [_probe(battery, shape) for shape in dict.fromkeys(_usual(battery))]
    said = _said(battery, subject) if found.paths.unknown else []
    named = (_shape(battery, wanted, tuple(wanted)) for wanted in (*more, *said))
    probes = [*known.probes, *(_probe(battery, shape) for shape in named if shape is not None)]
    examination = _Examination(known.reference, subject)
    spent = 0.0
    for probe in probes:
        if spent > _SECONDS:
            found.stopped = f"the functions had taken {_SECONDS:g} s"
            break
        with contextlib.suppress(Undefined):
            known.reference.at(probe.point)  # what comes next is the time of the functions alone
        start = time.process_time()
        seen = examination.at(probe)
        spent += time.process_time() - start
        if any(f.kind == "hang" for f in seen):
            found.stopped = f"{_where(battery, probe.point)} takes too long"
            break
        found.shapes.append(_where(battery, probe.point))
        if seen:
            _Smaller(battery, examination, seen[0]).confirm(found)
        if found.findings:
            break
    found.entries = examination.measured.entries - examination.measured.left_out
    return found


def _said(battery: Battery, subject: Subject) -> list[Sizes]:
    """The lengths that stand in the source of a subject whose conditions on sizes are not known, and the next ones."""
    spec = battery.specification
    axes = [s for s in spec.sizes if s not in spec.free and not s.is_Integer] if not battery.examples else []
    axes += [_BATCH] if spec.batched else []
    numbers = numbers_in(subject.forward_function, subject.backward_function)
    lengths = [int(n) for n in numbers if n.is_integer() and _SAID[0] <= n <= _SAID[1]][:_LENGTHS]
    return [{axis: n} for length in lengths for n in (length, length + 1) for axis in axes]


def _examine_paths(battery: Battery, subject: Subject, more: Sequence[Sizes], known: _Known, found: Larger) -> None:
    """The examination where a condition on sizes that the subject meets is otherwise."""
    if known.agrees is None:
        known.agrees = _agrees(battery, known.reference)
    loads, most = _loads(battery), _REACHED if known.agrees else _EXACTLY

    def affordable(sizes: Sizes) -> bool:
        shape = _of_path(battery, sizes)
        return shape is not None and _work(loads, shape) <= most

    found.paths = paths_of(battery, subject, affordable, more)
    examination = _Examination(known.reference if known.agrees else battery.reference, subject)
    for path in (*found.paths.asked, *found.paths.others):
        shape = _of_path(battery, path.sizes)
        assert shape is not None  # it is affordable
        seen = examination.at(_probe(battery, shape))
        if any(f.kind == "hang" for f in seen):
            found.paths.beyond += [str(path)] if path.place else []
        elif seen:
            smaller = _Smaller(battery, examination, seen[0])
            smaller.confirm(found)
            if found.findings:
                found.path = str(path) if smaller.at_sizes(path.changed) else ""
                return


def _of_path(battery: Battery, sizes: Sizes) -> Shape | None:
    named = {_BATCH if size == BATCH else size: n for size, n in sizes.items()}
    return _shape(battery, named, tuple(named))


@dataclass
class _Known:
    """What all subjects of a battery share."""

    reference: FloatReference
    probes: list[Probe] = field(default_factory=list)
    agrees: bool | None = None
    """Whether it agrees with exact numbers at small sizes."""


_known: WeakKeyDictionary[Battery, _Known] = WeakKeyDictionary()


class _Examination(Examination):
    """An examination of values alone: memory and repetition are looked at where it is cheap."""

    def _again(self, *_: object) -> Iterator[Finding]:
        return iter(())


def _agrees(battery: Battery, reference: FloatReference) -> bool:
    """Whether plain float64 and exact numbers are the same at an ordinary small point."""
    point = battery.probes[0].point
    try:
        exact, mine = battery.reference.at(point), reference.at(point)
    except Undefined:
        return False
    return all(not (truth.units(exact[name].high) > THRESHOLD).any() for name, truth in mine.items())


def _probe(battery: Battery, shape: Shape) -> Probe:
    batch, sizes = shape
    return Probe(LARGE, "larger sizes", battery.point("normal", batch, dict(sizes), salt="larger"))


def _usual(battery: Battery) -> Iterator[Shape]:
    """Every axis in turn at every length, the others short."""
    spec, loads = battery.specification, _loads(battery)
    every = [_BATCH] if spec.batched else []
    every += [] if battery.examples else [size for size in spec.sizes if size not in spec.free]
    # TRUST: larger-sizes
    most = min(_SHAPES, _NODES // max(1, len(loads)))
    turns = min(len(_LONG), max(1, most // max(1, len(every)))) + 1
    for turn, (place, axis) in itertools.product(range(turns), enumerate(every)):
        if turn == turns - 1:
            length = _LONGEST[place % 2]
        else:
            length = _ROWS[turn] if axis == _BATCH else _LONG[(turn + place) % len(_LONG)]
        for short in _SHORT:
            others = zip((a for a in every if a != axis), itertools.cycle(short), strict=False)
            shape = _shape(battery, {**dict(others), axis: length}, (axis,))
            # TRUST: larger-sizes
            if shape is not None and _work(loads, shape) <= _WORK:
                yield shape
                break


def _shape(battery: Battery, wanted: Sizes, pinned: tuple[sp.Expr, ...]) -> Shape | None:
    """The shape that has these sizes, and the usual ones beside them; None where an axis would have no place."""
    batch = wanted.get(_BATCH, battery.batch) if battery.specification.batched else None
    own = {size: n for size, n in wanted.items() if size != _BATCH}
    sizes = battery.completed({**battery.sizes(), **own}, tuple(size for size in pinned if size != _BATCH))
    return None if sizes is None else (batch, tuple(sizes.items()))


def _loads(battery: Battery) -> list[tuple[tuple[sp.Expr, ...], float]]:
    """For every node of the definition and of the gradients the sizes over which it is evaluated, and its weight."""
    definition, gradients = battery.specification.definition, battery.specification.gradients
    if definition is None or gradients is None:
        return [(tuple(battery.specification.sizes), 1.0)]
    forms = [gradients[role.name].element for role in battery.specification.differentiable]
    found: dict[sp.Basic, tuple[tuple[sp.Expr, ...], float]] = {}

    def walk(e: sp.Basic) -> None:
        if e in found or isinstance(e, Index):
            return
        row = row_of(e)
        over = tuple(i.size for i in dict.fromkeys((*free_indices(e), *bound(e))))
        found[e] = over, 1.0 if row is None or row.numpy is not None else _SLOW
        for child in operands(e):
            walk(child)

    for e in (*(a.right for a in definition.assignments), *forms):
        walk(e)
    return list(found.values())


def _work(loads: Sequence[tuple[tuple[sp.Expr, ...], float]], shape: Shape) -> float:
    """How many numbers are computed on the way."""
    batch, sizes = shape[0], dict(shape[1])
    numbers = {s: float(sizes[s] if s in sizes else at_sizes(s, sizes)) for over, _ in loads for s in over}
    return (batch or 1) * sum(weight * float(np.prod([numbers[s] for s in over])) for over, weight in loads)


def _where(battery: Battery, point: Point) -> str:
    return ", ".join(f"{r.name}{list(point.tensors[r.name].shape)}" for r in battery.specification.inputs)


class _Smaller:
    """The same finding at sizes of which none can be smaller."""

    def __init__(self, battery: Battery, examination: Examination, finding: Finding) -> None:
        self.battery, self.examination, self.best = battery, examination, finding

    def confirm(self, found: Larger) -> None:
        """The finding is one of `found`, with what is true of its sizes, where exact numbers confirm it."""
        point = self.best.probe.point
        every = [*([_BATCH] if point.batch else []), *point.sizes]
        for size in every:
            self._shorten(size)
        right = self._right(sorted(every, key=self._length, reverse=True))
        point = self.best.probe.point
        found.words = f"wrong at {_where(self.battery, point)}{right}"
        found.exact = _work(_loads(self.battery), (point.batch, tuple(point.sizes.items()))) <= _EXACTLY
        if found.exact:
            exact = Examination(self.battery.reference, self.examination.subject)
            found.findings = [f for f in exact.at(self.best.probe) if f.stage == self.best.stage]
        elif self._is_gross():
            found.findings = [self.best]

    def at_sizes(self, sizes: Sizes) -> bool:
        """Whether these are the sizes at which it goes wrong."""
        return all(self._length(_BATCH if size == BATCH else size) == n for size, n in sizes.items())

    def _is_gross(self) -> bool:
        """Whether no rounding explains it."""
        best = self.best
        if best.entry is None or best.yours is None or not np.isfinite(best.yours):
            return True
        sharp = FloatReference(self.battery.specification, sharp=True)
        truth = sharp.at(best.probe.point)[best.tensor]
        return bool(abs(best.yours - truth.high[best.entry]) > _GROSS * THRESHOLD * truth.unit[best.entry])

    def _shorten(self, size: sp.Expr) -> None:
        """The axis has a length at which it is wrong, next to one at which it is right."""
        wrong, right = self._length(size), 0
        while wrong - right > 1:
            middle = (wrong + right) // 2 if right else 1
            if self._fails(size, middle):
                wrong = middle
            else:
                right = middle

    def _right(self, sizes: Sequence[sp.Expr]) -> str:
        """At which shape, with one axis shorter by one, all is right."""
        for size in sizes:
            point = self._at(size, self._length(size) - 1) if self._length(size) > 1 else None
            if point is not None and not self.examination.at(replace(self.best.probe, point=point)):
                return f", right at {_where(self.battery, point)}"
        return ""

    def _length(self, size: sp.Expr) -> int:
        point = self.best.probe.point
        return int((point.batch or 0) if size == _BATCH else point.sizes[size])

    def _at(self, size: sp.Expr, length: int) -> Point | None:
        point = self.best.probe.point
        batch = length if size == _BATCH else point.batch
        pinned = {} if size == _BATCH else {size: length}
        sizes = self.battery.completed({**point.sizes, **pinned}, tuple(pinned))
        return None if sizes is None else self.battery.point("normal", batch, sizes, salt="larger")

    def _fails(self, size: sp.Expr, length: int) -> bool:
        point = self._at(size, length)
        wanted = (self.best.stage, self.best.kind, self.best.tensor)
        seen = [] if point is None else self.examination.at(replace(self.best.probe, point=point))
        same = [f for f in seen if (f.stage, f.kind, f.tensor) == wanted]
        self.best = same[0] if same else self.best
        return bool(same)
