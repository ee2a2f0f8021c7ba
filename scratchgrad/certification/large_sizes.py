"""The larger sizes at which a subject is examined, in float64: a path that it takes from some size on shows there.

In   a Battery, a Subject
Out  findings at the smallest sizes at which the same goes wrong; and the sizes that were compared

    usual       see large_shapes.py
    paths       where a condition on sizes that the subject meets is otherwise, see size_paths.py
    more        whatever `sizes=` names, and the sizes of a large example

One of them is examined in float32, in other layouts of memory, and with structured numbers, too.

An example fixes all sizes but the batch.  What disagrees with plain float64 is compared with exact numbers, where that
is feasible, before anything is said to be wrong.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import sympy as sp

from scratchgrad.certification.battery import Battery, Sizes
from scratchgrad.certification.error_model import THRESHOLD
from scratchgrad.certification.examination import Examination, Finding
from scratchgrad.certification.float_reference import FloatReference
from scratchgrad.certification.large_shapes import (
    EXACTLY,
    REACHED,
    ROWS,
    Shape,
    loads_of,
    shape_of,
    usual_shapes,
    where,
    work,
)
from scratchgrad.certification.large_variations import LARGE, ORDINARY, STORED, Variation, variations
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Undefined
from scratchgrad.certification.size_conditions import BATCH
from scratchgrad.certification.size_paths import Paths, paths_of
from scratchgrad.certification.smaller_examples import OfExamples, OwnSizes
from scratchgrad.certification.source_numbers import numbers_in
from scratchgrad.certification.subject import Subject

__all__ = ["Larger", "UnknownSize", "examine_larger", "named_sizes", "wrong_at_own_sizes"]

# TRUST: larger-sizes
_SECONDS = 2.0
"""No further shapes for a subject that has taken so long."""

_VARIED = slice(0, 2)
"""At these of the usual shapes the dtype, the memory and the numbers are varied: many rows, and a long axis."""

# TRUST: larger-sizes
_GROSS = 1e3
"""What no exact number confirms must be so many times as wrong as the threshold says."""


# TRUST: numbers-of-the-source
_SAID, _LENGTHS = (3, 5000), 8
"""Which whole numbers of a source may be lengths, and how many of them are tried."""

_BEYOND = 7
"""So much longer, too: where windows are pooled, the last places of an axis may be in none."""


class UnknownSize(ValueError):
    """A size in `sizes=` that cannot be chosen: the definition has none of that name, or the example fixes it."""


def named_sizes(battery: Battery, wanted: Any) -> list[Sizes]:
    """The sizes that a mapping, or each of several mappings, from names ("n_i", "i", "batch") to lengths asks for.

    Raises UnknownSize.
    """
    spec = battery.specification
    known: dict[str, sp.Expr] = {"batch": ROWS} if spec.batched else {}
    for size in spec.sizes if not battery.examples else ():
        known |= {str(size): size, str(size).removeprefix("n_"): size}
    found: list[Sizes] = []
    several = [] if wanted is None else wanted if isinstance(wanted, list | tuple) else [wanted]
    for one in several:
        if isinstance(one, OfExamples):
            found.append(OwnSizes(battery, one.examples))
            continue
        if not isinstance(one, Mapping):
            raise UnknownSize(f'sizes: expected names with lengths, such as {{"batch": 5000, "n_i": 300}}, got {one!r}')
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
    varied: list[str] = field(default_factory=list)
    varied_at: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """What was covered, in words."""
        lines = [f"compared in float64 at larger sizes: {'; '.join(self.shapes)}"] if self.shapes else []
        if self.varied:
            every = dict.fromkeys(self.varied)
            stored = [words.removeprefix(STORED) for words in every if words.startswith(STORED)]
            words = [words for words in every if not words.startswith(STORED)]
            words += [f"{STORED}{', '.join(stored)}"] if stored else []
            lines.append(f"at {'; '.join(self.varied_at)} also {', '.join(words)}")
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
    known.probes = known.probes or [_probe(battery, shape) for shape in dict.fromkeys(usual_shapes(battery))]
    named = [_probe(battery, s) for of in more if (s := shape_of(battery, of, tuple(of))) is not None]
    own = dict.fromkeys(shape_of(battery, of, tuple(of)) for of in _said(battery, subject))
    said = [_probe(battery, shape) for shape in own if shape is not None]
    probes = [*known.probes, *named, *said]
    examination = Examination(known.reference, subject)
    clock = _Clock(battery, known.reference, found)
    for probe in probes:
        seen = clock.at(examination, probe)
        if seen is None:
            break
        found.shapes.append(where(battery, probe.point))
        if seen:
            _Smaller(battery, examination, seen[0]).confirm(found)
        if found.findings:
            break
    found.entries = examination.measured.entries - examination.measured.left_out
    if not found.findings and not found.stopped:
        _examine_variations(battery, subject, known, [*known.probes[_VARIED], *named], found)
    found.findings = found.findings or wrong_at_own_sizes(battery, subject, more)
    return found


def wrong_at_own_sizes(battery: Battery, subject: Subject, more: Sequence[Sizes]) -> list[Finding]:
    """What is wrong at the examples whose sizes are among `more`, and at usual numbers of these sizes."""
    examination = Examination(FloatReference(battery.specification), subject)
    found: list[Finding] = []
    for of in more:
        shape = shape_of(battery, of, tuple(of)) if isinstance(of, OwnSizes) else None
        if not isinstance(of, OwnSizes) or shape is None:
            continue
        usual = _probe(battery, shape)
        points = [usual.point, *(_with(battery, usual.point, arrays) for arrays in of.arrays)]
        found += [f for point in points for f in examination.at(replace(usual, point=point))]
    return found


def _with(battery: Battery, point: Point, arrays: Mapping[str, Any]) -> Point:
    """The point with these inputs."""
    for name, values in arrays.items():
        point = point.with_array(name, values, upstream=False)
    return battery.moved(point)


@dataclass
class _Clock:
    """What the functions have taken; when it is too much, it is said in `found`."""

    battery: Battery
    reference: FloatReference
    found: Larger
    spent: float = 0.0

    def at(self, examination: Examination, probe: Probe) -> list[Finding] | None:
        """What is wrong at the probe; None where there is no more time."""
        if self.spent > _SECONDS:
            self.found.stopped = f"the functions had taken {_SECONDS:g} s"
            return None
        with contextlib.suppress(Undefined):
            self.reference.at(probe.point)  # what comes next is the time of the functions alone
        start = time.process_time()
        seen = examination.at(probe)
        self.spent += time.process_time() - start
        if any(f.kind == "hang" for f in seen):
            self.found.stopped = f"{where(self.battery, probe.point)} takes too long"
            return None
        return seen


def _examine_variations(battery: Battery, subject: Subject, known: _Known, at: Sequence[Probe], found: Larger) -> None:
    """The examination with one thing varied, at the shapes of these probes."""
    examination = Examination(known.reference, subject)
    clock = _Clock(battery, known.reference, found)
    found.varied_at = [where(battery, probe.point) for probe in at]
    for base in at:
        if base not in known.varied:
            known.varied[base] = []
            points = {(ORDINARY.kind, ORDINARY.upstream, ORDINARY.dtype): base.point}
            for variation in variations(battery):
                key = (variation.kind, variation.upstream, variation.dtype)
                if key not in points:
                    points[key] = variation.point(battery, base.point.batch, base.point.sizes)
                probe = variation.probe(battery, points[key])
                known.varied[base] += [] if probe is None else [(variation, probe)]
        for variation, probe in known.varied[base]:
            seen = clock.at(examination, probe)
            if seen is None:
                found.stopped = ""
                return
            found.varied.append(variation.words)
            if seen:
                _Smaller(battery, examination, seen[0], variation).confirm(found)
            if found.findings:
                return


def _said(battery: Battery, subject: Subject) -> list[Sizes]:
    """The lengths that stand in the source of a subject, and longer ones: where a slice ends, nothing is asked."""
    spec = battery.specification
    axes = [s for s in spec.sizes if s not in spec.free and not s.is_Integer] if not battery.examples else []
    axes += [ROWS] if spec.batched else []
    numbers = numbers_in(subject.forward_function, subject.backward_function)
    lengths = [int(n) for n in numbers if n.is_integer() and _SAID[0] <= n <= _SAID[1]][:_LENGTHS]
    return [{axis: n} for length in lengths for n in (length, length + _BEYOND) for axis in axes]


def _examine_paths(battery: Battery, subject: Subject, more: Sequence[Sizes], known: _Known, found: Larger) -> None:
    """The examination where a condition on sizes that the subject meets is otherwise."""
    if known.agrees is None:
        known.agrees = _agrees(battery, known.reference)
    loads, most = loads_of(battery), REACHED if known.agrees else EXACTLY

    def affordable(sizes: Sizes) -> bool:
        shape = _of_path(battery, sizes)
        return shape is not None and work(loads, shape) <= most

    found.paths = paths_of(battery, subject, affordable, more)
    examination = Examination(known.reference if known.agrees else battery.reference, subject)
    for path in (*found.paths.asked, *found.paths.met, *found.paths.others):
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
    named = {ROWS if size == BATCH else size: n for size, n in sizes.items()}
    return shape_of(battery, named, tuple(named))


@dataclass
class _Known:
    """What all subjects of a battery share."""

    reference: FloatReference
    probes: list[Probe] = field(default_factory=list)
    varied: dict[Probe, list[tuple[Variation, Probe]]] = field(default_factory=dict)
    agrees: bool | None = None
    """Whether it agrees with exact numbers at small sizes."""


_known: WeakKeyDictionary[Battery, _Known] = WeakKeyDictionary()


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
    return Probe(LARGE, "larger sizes", ORDINARY.point(battery, batch, dict(sizes)), calls=1)


class _Smaller:
    """The same finding at sizes of which none can be smaller."""

    def __init__(
        self, battery: Battery, examination: Examination, finding: Finding, variation: Variation = ORDINARY
    ) -> None:
        self.battery, self.examination, self.best, self.variation = battery, examination, finding, variation

    def confirm(self, found: Larger) -> None:
        """The finding is one of `found`, with what is true of its sizes, where exact numbers confirm it.

        At smaller sizes it may become another one, of mere rounding: then it is the one that was found first.
        """
        first, point = self.best, self.best.probe.point
        every = [*([ROWS] if point.batch else []), *(() if self.battery.examples else point.sizes)]
        for size in every:
            self._shorten(size)
        self._judge(found, every)
        if not found.findings and self.best is not first:
            self.best = first
            self._judge(found, every)

    def _judge(self, found: Larger, every: Sequence[sp.Expr]) -> None:
        """As `confirm`, at these sizes."""
        right = self._right(sorted(every, key=self._length, reverse=True))
        point = self.best.probe.point
        varied = self.variation.words and f", {self.variation.words}"
        found.words = f"wrong at {where(self.battery, point)}{varied}{right}"
        found.exact = work(loads_of(self.battery), (point.batch, tuple(point.sizes.items()))) <= EXACTLY
        if found.exact:
            exact = Examination(self.battery.reference, self.examination.subject)
            found.findings = [f for f in exact.at(self.best.probe) if f.stage == self.best.stage]
        elif self._is_gross():
            found.findings = [self.best]

    def at_sizes(self, sizes: Sizes) -> bool:
        """Whether these are the sizes at which it goes wrong."""
        return all(self._length(ROWS if size == BATCH else size) == n for size, n in sizes.items())

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
            probe = None if point is None else self.variation.probe(self.battery, point)
            if probe is not None and not self.examination.at(probe):
                return f", right at {where(self.battery, probe.point)}"
        return ""

    def _length(self, size: sp.Expr) -> int:
        point = self.best.probe.point
        return int((point.batch or 0) if size == ROWS else point.sizes[size])

    def _at(self, size: sp.Expr, length: int) -> Point | None:
        point = self.best.probe.point
        batch = length if size == ROWS else point.batch
        pinned = {} if size == ROWS else {size: length}
        sizes = self.battery.completed({**point.sizes, **pinned}, tuple(pinned))
        return None if sizes is None else self.variation.point(self.battery, batch, sizes)

    def _fails(self, size: sp.Expr, length: int) -> bool:
        point = self._at(size, length)
        wanted = (self.best.stage, self.best.kind, self.best.tensor)
        probe = None if point is None else self.variation.probe(self.battery, point)
        seen = [] if probe is None else self.examination.at(probe)
        same = [f for f in seen if (f.stage, f.kind, f.tensor) == wanted]
        self.best = same[0] if same else self.best
        return bool(same)
