"""The paths that a subject takes at different sizes: for every condition on sizes that it meets, sizes on each side.

In   a Battery, a Subject
Out  Paths: sizes at which it has to be compared, one for each path, in words what is special about them

A condition that is met is solved for the smallest sizes at which it turns out otherwise; there the subject is run again
without numbers, which may meet further conditions, and so on.  That sizes are 1 is left to the probes.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sympy as sp
from torch.utils._sympy.printers import PythonPrinter

from scratchgrad.certification.battery import Battery, Sizes
from scratchgrad.certification.size_conditions import BATCH, At, Condition, Trace, trace
from scratchgrad.certification.subject import Subject

__all__ = ["Path", "Paths", "paths_of"]

_USUAL = (7, 9, 6, 11, 8, 13, 10, 12)
"""The sizes of the first run: no two alike, so that none is taken for another."""

# TRUST: size-paths
_TRACES = 24
"""So many runs without numbers."""

# TRUST: size-paths
_SECONDS = 3.0
"""No further runs after so much time."""

_OTHERS = 6
"""So many of the sizes at which torch itself decides are compared."""

_NEAR = 4096
"""Beyond, one length is enough."""

_PAIRED = 64
"""Up to here every length is tried."""

_DOUBLED = 43
"""And powers of 2 up to this one."""

_SOLUTIONS = 4
"""So many sizes are tried for one condition."""

_TOGETHER = 3
"""And so many are compared where it speaks of several sizes."""


@dataclass(frozen=True)
class Path:
    """Sizes at which a condition of the subject is otherwise than at the usual ones."""

    sizes: Sizes
    words: str
    place: str
    changed: Sizes
    """Those of the sizes that make it so."""

    def __str__(self) -> str:
        """Where it takes another path."""
        return f"{self.words}{f' ({self.place})' if self.place else ''}"


@dataclass
class Paths:
    """The sizes to be compared; `asked` are those at which a line of the subject decides, the others torch's.

    `met` are those at which its lines were met first.  `beyond` are conditions that are otherwise only at sizes that
    take too long to be compared, `raises` those of them at which the subject raises; `unknown` says why no conditions
    are known.
    """

    asked: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    met: list[Path] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    raises: list[str] = field(default_factory=list)
    more: int = 0
    unknown: str = ""

    def sentences(self) -> list[str]:
        """What was covered, in words."""
        paths = "; ".join(dict.fromkeys(map(str, self.asked)))
        lines = [f"takes other paths, compared there: {paths}"] if paths else []
        lines += [f"raises {path}, where nothing was compared" for path in self.raises]
        if self.more:
            lines.append(f"{self.more} further conditions on sizes were not followed")
        if self.unknown:
            lines.append(f"which conditions on sizes it meets is not known, so sizes were sampled: {self.unknown}")
        return lines

    def unreached(self) -> list[str]:
        """What keeps us from accepting: paths that were not compared."""
        words = "which was not compared: such sizes take too long here"
        return [f"takes another path {path}, {words}" for path in self.beyond]


@dataclass(frozen=True)
class _Wanted:
    """A condition that should be otherwise, the sizes at which it was met, and the conditions met before it."""

    condition: Condition
    sizes: Mapping[sp.Symbol, int]
    before: tuple[Condition, ...]


class _Explorer:
    def __init__(self, battery: Battery, subject: Subject, affordable: Callable[[Sizes], bool]) -> None:
        spec = battery.specification
        self.battery, self.subject, self.affordable = battery, subject, affordable
        open_sizes = () if battery.examples else tuple(s for s in spec.sizes if s not in spec.free)
        self.symbols: dict[sp.Expr, sp.Symbol] = {BATCH: BATCH} if spec.batched else {}
        self.symbols |= {s: sp.Symbol(str(s), integer=True, positive=True) for s in open_sizes}
        self.sizes_of = {symbol: size for size, symbol in self.symbols.items()}
        self.found = Paths()
        self.reached: set[tuple[sp.Basic, bool]] = set()
        self.waiting: list[_Wanted] = []
        self.noticed: set[tuple[sp.Basic, bool]] = set()
        self.spent, self.runs = 0.0, 0
        self.ran: dict[tuple[Any, ...], Trace | None] = {}

    def explore(self, more: Sequence[Sizes]) -> Paths:
        if not self.symbols:
            return self.found
        usual = {s: n for s, n in zip(self.symbols.values(), itertools.cycle(_USUAL), strict=False)}
        for n, start in enumerate([usual, *(usual | self._named(one) for one in more)]):
            seen = self._run(start)
            if n == 0 and (seen is None or seen.failed):
                self.found.unknown = "no small sizes fit" if seen is None else seen.failed
            for wanted in [w for w in self.waiting if w.condition.asked]:
                self._stay(wanted)
        while self.waiting and self.runs < _TRACES and self.spent < _SECONDS:
            wanted = self.waiting.pop(next((n for n, w in enumerate(self.waiting) if w.condition.asked), 0))
            if len(self.found.others) >= _OTHERS and not wanted.condition.asked:
                break
            if (wanted.condition.statement, not wanted.condition.holds) not in self.reached:
                self._turn(wanted)
        self.found.more = sum(
            w.condition.asked and (w.condition.statement, not w.condition.holds) not in self.reached
            for w in self.waiting
        )
        return self.found

    def _named(self, sizes: Sizes) -> dict[sp.Symbol, int]:
        """Sizes by symbols; those that are named."""
        return {self.symbols[s]: n for s, n in _with_batch(sizes).items() if s in self.symbols}

    def _run(self, sizes: Mapping[sp.Symbol, int], *, numbers: bool = True) -> Trace | None:
        """The conditions at these sizes are reached, their contraries are waiting; None where sizes do not fit."""
        key = (numbers, *sizes.items())
        if key not in self.ran:
            self.ran[key] = self._traced(sizes, numbers=numbers)
        return self.ran[key]

    def _traced(self, sizes: Mapping[sp.Symbol, int], *, numbers: bool) -> Trace | None:
        start = time.process_time()
        self.runs += 1
        own = {self.sizes_of[s]: n for s, n in sizes.items() if s is not BATCH}
        completed = self.battery.completed({**self.battery.sizes(), **own}, tuple(own))
        if completed is None and self.runs == 1:
            completed = self.battery.completed({**self.battery.sizes(), **own})
        if completed is None:
            return None
        sizes = {s: sizes.get(s, 0) if s is BATCH else completed[self.sizes_of[s]] for s in self.symbols.values()}
        batch, battery = sizes.get(BATCH, self.battery.batch), self.battery
        at = At(batch, completed, self.symbols, lambda: battery.point("normal", batch, completed, salt="sizes"))
        seen = trace(self.subject, at, numbers=numbers)
        for place, condition in enumerate(seen.conditions):
            this, other = ((condition.statement, side) for side in (condition.holds, not condition.holds))
            self.reached.add(this)
            if not {this, other} & self.noticed:
                before = tuple(c for c in seen.conditions[:place] if c.asked)
                self.waiting.append(_Wanted(condition, sizes, before))
            self.noticed |= {this}
        self.spent += time.process_time() - start
        return seen

    def _stay(self, wanted: _Wanted) -> None:
        """The side of a condition on which it was met first is entered, too: no smaller probe need lie on it."""
        condition = wanted.condition
        sizes = self._affordable(wanted, wanted.sizes, condition.holds)
        if sizes is not None and all(path.sizes != self._sizes(sizes) for path in self.found.met):
            own = {s: sizes[s] for s in sorted(condition.statement.free_symbols, key=str)}
            words = f"at {', '.join(f'{s} = {n}' for s, n in own.items())}"
            self.found.met.append(Path(self._sizes(sizes), words, condition.place, self._sizes(own)))

    def _affordable(
        self, wanted: _Wanted, sizes: Mapping[sp.Symbol, int], side: bool
    ) -> Mapping[sp.Symbol, int] | None:
        """Sizes like these, on that side of the condition, at which it can be compared; None where there are none."""
        return next((s for s in _smaller(sizes, wanted, side) if self.affordable(self._sizes(s))), None)

    def _turn(self, wanted: _Wanted) -> None:
        """The smallest sizes at which the condition is otherwise are entered, and run."""
        condition, several = wanted.condition, len(wanted.condition.statement.free_symbols) > 1
        kept = self.found.asked if condition.asked else self.found.others
        far, times = None, _TOGETHER if several else 1
        for sizes in _solutions(wanted):
            changed = {s for s in sizes if sizes[s] != wanted.sizes[s]}
            if all(sizes[s] == 1 for s in changed) and not condition.asked:
                return  # the probes have sizes of 1
            affordable = self._affordable(wanted, sizes, not condition.holds)
            if affordable is None:
                far = far or (sizes, changed)
                continue
            if self._run(affordable) is None:
                continue
            if (condition.statement, not condition.holds) in self.reached or not condition.asked:
                kept.append(self._path(condition, affordable, changed))
                times -= 1
                if not times:
                    return
        if far is not None and condition.asked and (condition.statement, not condition.holds) not in self.reached:
            path = str(self._path(condition, *far))
            seen = self._run(far[0], numbers=False)
            (self.found.raises if seen is not None and seen.raised else self.found.beyond).append(path)

    def _path(self, condition: Condition, sizes: Mapping[sp.Symbol, int], changed: set[sp.Symbol]) -> Path:
        own = self._sizes(sizes)
        words = _words(condition, sizes, changed)
        return Path(own, words, condition.place, {size: own[size] for s, size in self.sizes_of.items() if s in changed})

    def _sizes(self, sizes: Mapping[sp.Symbol, int]) -> Sizes:
        return {self.sizes_of[s]: n for s, n in sizes.items()}


def paths_of(
    battery: Battery, subject: Subject, affordable: Callable[[Sizes], bool], more: Sequence[Sizes] = ()
) -> Paths:
    """The paths of the subject; `affordable` says at which sizes it can be compared, `more` are sizes to start from."""
    return _Explorer(battery, subject, affordable).explore(more)


def _with_batch(sizes: Sizes) -> dict[sp.Expr, int]:
    return {BATCH if str(s) == "batch" else s: n for s, n in sizes.items()}


def _solutions(wanted: _Wanted) -> list[dict[sp.Symbol, int]]:
    """Sizes at which the condition is otherwise, those first that meet the earlier conditions and are small."""
    statement, now = wanted.condition.statement, wanted.condition.holds
    holds, symbols = _compiled(statement)
    constants = sorted({abs(int(c)) for c in statement.atoms(sp.Integer)})
    found: list[dict[sp.Symbol, int]] = []

    def along(symbol: sp.Symbol, others: Mapping[sp.Symbol, int], most: int) -> None:
        given, place = [others[s] for s in symbols], symbols.index(symbol)
        beside = math.prod(n for n in given if n) // max(1, given[place])

        def otherwise(n: int) -> bool:
            given[place] = n
            return holds(given) is (not now)

        lengths = itertools.islice(_lengths(otherwise, constants, beside), most)
        found.extend({**others, symbol: n} for n in lengths)

    for symbol in symbols:
        along(symbol, wanted.sizes, _SOLUTIONS)
    if len(found) < _SOLUTIONS:
        for first, second in itertools.permutations(symbols, 2):
            for n in range(1, _PAIRED):
                along(first, {**wanted.sizes, second: n}, 1)
    before = [(*_compiled(c.statement), c.holds) for c in wanted.before]

    def order(sizes: Mapping[sp.Symbol, int]) -> tuple[bool, bool, float]:
        missing = any(test([sizes[s] for s in own]) is not value for test, own, value in before)
        ones = any(n == 1 and wanted.sizes[s] != 1 for s, n in sizes.items())  # where much is zero
        return missing, ones, float(math.prod(sizes.values()))

    return sorted(found, key=order)[:_SOLUTIONS]


def _smaller(sizes: Mapping[sp.Symbol, int], wanted: _Wanted, side: bool) -> Iterator[Mapping[sp.Symbol, int]]:
    """The sizes, and with those smaller that no condition on the way speaks of; then those that this one does not."""
    holds, own = _compiled(wanted.condition.statement)
    before = {s for c in wanted.before for s in c.statement.free_symbols}
    for kept, most in ((before, None), (before, 3), (before, 1), (set(), 3), (set(), 1)):
        found = {s: n if most is None or s in own or s in kept else min(n, most) for s, n in sizes.items()}
        if holds([found[s] for s in own]) is side:
            yield found


def _lengths(otherwise: Callable[[int], bool], constants: Sequence[int], beside: int) -> Iterator[int]:
    """Lengths at which it is otherwise: those near, else the first beyond; `beside` is what the other sizes make."""
    parts = {c // k + d for c in constants for k in (1, 2, 3, 4, max(1, beside)) for d in (-1, 0, 1)}
    tried = sorted({*range(1, _PAIRED), *(n for n in parts if n > 0), *(2**k for k in range(6, _DOUBLED))})
    last, any_near = 0, False
    for n in tried:
        if not otherwise(n):
            last = n
            continue
        right, wrong = last, n
        while wrong - right > 1:  # what lies between is taken to turn once
            middle = (wrong + right) // 2
            wrong, right = (middle, right) if otherwise(middle) else (wrong, middle)
        if n <= _NEAR or not any_near:
            any_near = True
            yield wrong


def _words(condition: Condition, sizes: Mapping[sp.Symbol, int], changed: set[sp.Symbol]) -> str:
    """Where the path is taken, in words."""
    holds, symbols = _compiled(condition.statement)
    if len(symbols) == 1 and symbols[0] in changed:
        n = sizes[symbols[0]]
        same = [holds([m]) is not condition.holds for m in (n + 1, n + 2, n + 3, 2 * n, 3 * n + 1, 100 * n + 7)]
        if all(same):
            return f"from {symbols[0]} = {n} on"
        if not any(same) and (n == 1 or holds([n - 1]) is condition.holds):
            return f"where {symbols[0]} is exactly {n}"
    statement = sp.Not(condition.statement) if condition.holds else condition.statement
    return f"where {PythonPrinter().doprint(statement)}"


class _Torch:
    """The functions of torch that a printed statement calls."""

    sym_float, sym_int = float, int


@lru_cache(4096)
def _compiled(statement: sp.Basic) -> tuple[Callable[[Sequence[int]], bool | None], list[sp.Symbol]]:
    """The statement as a function of the lengths of its symbols; None where it cannot be computed."""
    symbols = sorted(statement.free_symbols, key=str)
    names = {s: sp.Symbol(f"size_{n}", integer=True, positive=True) for n, s in enumerate(symbols)}
    text = PythonPrinter().doprint(statement.xreplace(names))
    try:
        function: Any = eval(f"lambda {', '.join(map(str, names.values()))}: {text}", {"math": math, "torch": _Torch})
    except SyntaxError:
        return lambda lengths: None, symbols

    def holds(lengths: Sequence[int]) -> bool | None:
        try:
            return bool(function(*lengths))
        except (ArithmeticError, ValueError, TypeError, NameError, AttributeError):
            return None

    return holds, symbols
