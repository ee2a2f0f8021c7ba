"""Facts: a condition that separates what is wrong from what is right, at every entry or every probe that was seen.

In   Observed
Out  a Partition, "wrong where u > 1, right everywhere else: there yours is 0"; None where no condition separates

    entries    the value of an input, an output or an upstream gradient there; ties; the place in the tensor
    probes     entry_conditions.py and probe_conditions.py say which conditions there are

Fresh points of many kinds, and those that fail with their inputs moved, are seen beside the probes, so that a condition
is hardly an accident of what was probed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchgrad.certification.entry_conditions import Condition, Feature, features, narrowed, separating
from scratchgrad.certification.error_model import THRESHOLD
from scratchgrad.certification.observed import Observed, Seen
from scratchgrad.certification.probe_conditions import probe_features

__all__ = ["Partition", "partition", "place"]

_WRONG, _RIGHT = 1, 4
"""So many entries at least on each side."""

Array = Any


@dataclass(frozen=True)
class _Group:
    """Probes of one dtype: of every entry (or of every probe) whether it is wrong, and which of them can tell."""

    dtype: str
    seen: Sequence[Seen]
    wrong: Array
    informative: Array

    def values(self, feature: Feature) -> Array:
        """The feature's numbers for those that can tell."""
        return np.concatenate([feature.of(s).ravel() for s in self.seen])[self.informative]

    @property
    def outcome(self) -> Array:
        """Which of those that can tell are wrong."""
        return self.wrong[self.informative]

    @property
    def enough(self) -> bool:
        """Whether there is something on either side."""
        return bool(self.outcome.sum() >= _WRONG and (~self.outcome).sum() >= _RIGHT)


@dataclass(frozen=True)
class Partition:
    """Conditions that separate what is wrong; `rest` says what is right, and what yours is on the wrong side."""

    where: str
    rest: str
    is_zero: bool
    """Whether the condition is that one number of an entry is exactly 0."""

    @property
    def words(self) -> str:
        """The whole sentence."""
        return f"wrong {self.where}{self.rest}"

    @property
    def at_kinks(self) -> str:
        """The sentence where the wrong entries lie at kinks: a single number there is one to look at twice."""
        return f"wrong at exactly 0: {self.where}{self.rest}" if self.is_zero else self.words


def partition(observed: Observed) -> Partition | None:
    """What separates the wrong entries from the right ones, and what yours is on the wrong side; else the probes."""
    dtypes = sorted({s.point.dtype for s in observed.failed}, reverse=True)
    entries = [_entries(dtype, _evidence(observed, dtype)) for dtype in dtypes]
    found = None
    if entries and all(group.enough for group in entries):
        found = _separated(entries, features(observed, [s for group in entries for s in group.seen]))
    if found is not None:
        clauses = [narrowed(observed, c, group.seen) for c, group in zip(found, entries, strict=True)]
        return _partition(clauses, dtypes, f"{_elsewhere(clauses)}{_there(observed)}")
    probes = [_probes(dtype, _evidence(observed, dtype)) for dtype in dtypes]
    if not probes or not all(group.enough for group in probes):
        return None
    found = _separated(probes, probe_features(observed))
    if found is None:
        return None
    there = _there(observed) if all(s.fits for s in observed.failed) else ""
    return _partition(found, dtypes, f", right at all other probes{there}")


def _partition(clauses: Sequence[Condition], dtypes: Sequence[str], rest: str) -> Partition:
    return Partition(_joined(clauses, dtypes), rest, all(c.is_zero for c in clauses))


def _elsewhere(clauses: Sequence[Condition]) -> str:
    """That the rest is right, but where some entries at which the condition holds are right, too: that is said."""
    return "" if any(c.only for c in clauses) else ", right everywhere else"


def place(observed: Observed) -> str | None:
    """Which entries are wrong at the only probe that goes wrong, one of a large size."""
    group = _entries("float64", observed.failed)
    if not group.seen or not group.enough:
        return None
    found = _separated([group], features(observed, group.seen, places=True))
    return None if found is None else f"wrong {found[0].words}{_elsewhere(found)}{_there(observed)}"


def _entries(dtype: str, seen: Sequence[Seen]) -> _Group:
    fitting = [s for s in seen if s.fits]
    nothing = np.zeros(0, bool)
    wrong = np.concatenate([nothing, *(s.wrong.ravel() for s in fitting)])
    return _Group(dtype, fitting, wrong, np.concatenate([nothing, *(_informative(s).ravel() for s in fitting)]))


def _probes(dtype: str, seen: Sequence[Seen]) -> _Group:
    telling = [s for s in seen if s.failed or (s.fits and s.right.any())]
    return _Group(dtype, telling, np.array([s.failed for s in telling], bool), np.ones(len(telling), bool))


def _separated(groups: Sequence[_Group], candidates: Iterable[Feature]) -> list[Condition] | None:
    """Conditions on the first feature that separates in every dtype; a later dtype may take over the first one's."""
    for feature in candidates:
        found: list[Condition] = []
        for group in groups:
            values, wrong = group.values(feature), group.outcome
            own = next(separating(feature, values, wrong), None)
            if own is None and found and (found[0].holds(values) == wrong).all():
                own = found[0]
            if own is None:
                break
            found.append(own)
        else:
            return found
    return None


def _joined(clauses: Sequence[Condition], dtypes: Sequence[str]) -> str:
    """The conditions in words; by dtype where they differ."""
    if len({c.words for c in clauses}) == 1:
        return clauses[0].words
    return ", ".join(f"{c.words} in {dtype}" for c, dtype in zip(clauses, dtypes, strict=True))


def _informative(s: Seen) -> Array:
    """Entries at which a wrong formula would show: not where both are as good as 0, or where several are right."""
    truth = s.truths[s.name]
    with np.errstate(all="ignore"):
        nothing = np.maximum(np.abs(s.mine), np.abs(s.right)) <= THRESHOLD * truth.unit
    return s.wrong | (truth.judged & (truth.slack == 0) & ~nothing)


def _evidence(observed: Observed, dtype: str) -> list[Seen]:
    """All that was seen in a dtype; in float64 fresh points of many kinds, too."""
    seen = [s for s in observed.seen if s.point.dtype == dtype]
    return seen + (observed.others if dtype == "float64" else [])


def _there(observed: Observed) -> str:
    """What yours is at the wrong entries, where one thing is true of all."""
    parts = [(s, s.wrong) for s in observed.failed if s.fits and s.wrong.any()]
    if not parts:
        return ""
    mine = np.concatenate([s.mine[w] for s, w in parts])
    right = np.concatenate([s.right[w] for s, w in parts])
    if not np.isfinite(mine).any():
        return ": there yours is not finite"
    if any((s.truths[s.name].slack[w] > 0).any() for s, w in parts):  # several numbers would be right
        return ""
    with np.errstate(all="ignore"):
        if (right == 0).all():
            return ": there it should be 0"
        if (mine == 0).all():
            return ": there yours is 0"
        known = np.isfinite(mine) & (right != 0)
        ratios = mine[known] / right[known]
    for words in _ratio(ratios):
        return f": there {words}"
    for role in observed.specification.outputs:
        if all(_is_upstream(s, w, role.name) for s, w in parts):
            return f": there yours is {role.tensor.gradient.name} itself"
    return ""


def _ratio(ratios: Array) -> Iterator[str]:
    if ratios.size and float(np.ptp(ratios)) <= 1e-4 * float(np.abs(ratios).max()):
        k = float(ratios[0])
        yield "the sign is wrong" if abs(k + 1) < 1e-4 else f"yours = {k:.5g} x right"


def _is_upstream(s: Seen, wrong: Array, output: str) -> bool:
    values = s.point.upstream[output]
    return values is not None and values.shape == s.mine.shape and bool((values[wrong] == s.mine[wrong]).all())
