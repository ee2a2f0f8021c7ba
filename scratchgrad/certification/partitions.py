"""Facts: a condition that separates what is wrong from what is right, at every entry or every probe that was seen.

In   Observed
Out  one sentence, "right where u <= 1, wrong where u > 1: there yours is 0"; None where no condition separates

    entries    the value of an input, an output or an upstream gradient there; ties; the place in the tensor
    probes     entry_conditions.py and probe_conditions.py say which conditions there are

Fresh points of many kinds, and those that fail with their inputs moved, are seen beside the probes, so that a condition
is hardly an accident of what was probed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchgrad.certification.entry_conditions import Condition, features, narrowed, separating
from scratchgrad.certification.error_model import THRESHOLD
from scratchgrad.certification.observed import Observed, Seen
from scratchgrad.certification.probe_conditions import probe_features

__all__ = ["partition", "place"]

_WRONG, _RIGHT = 1, 4
"""So many entries at least on each side."""

Array = Any


@dataclass(frozen=True)
class _Entries:
    """All entries of the probes that can tell something, laid end to end."""

    seen: Sequence[Seen]
    wrong: Array
    informative: Array


def partition(observed: Observed) -> str | None:
    """What separates the wrong entries from the right ones, and what yours is on the wrong side; else the probes."""
    return _by_entries(observed) or _by_probes(observed)


def place(observed: Observed) -> str | None:
    """Which entries are wrong at the only probe that goes wrong, one of a large size."""
    seen = [s for s in observed.failed if s.fits]
    found = _separated(observed, seen, alone=True) if seen else None
    return None if found is None else f"wrong {found.words}, right everywhere else{_there(observed)}"


def _by_probes(observed: Observed) -> str | None:
    clauses = []
    dtypes = sorted({s.point.dtype for s in observed.failed}, reverse=True)
    for dtype in dtypes:
        seen = [s for s in _evidence(observed, dtype) if s.failed or (s.fits and s.right.any())]
        wrong = np.array([s.failed for s in seen])
        if int((~wrong).sum()) < _RIGHT:
            return None
        found = next(_separated_probes(observed, seen, wrong), None)
        if found is None:
            return None
        clauses.append(found)
    if not clauses or len({c.feature for c in clauses}) > 1:
        return None
    there = _there(observed) if all(s.fits for s in observed.failed) else ""
    shown = list(dict.fromkeys(c.words for c in clauses))
    both = ", ".join(f"{c.words} in {dtype}" for c, dtype in zip(clauses, dtypes, strict=True))
    return f"wrong {shown[0] if len(shown) == 1 else both}, right at all other probes{there}"


def _separated_probes(observed: Observed, seen: Sequence[Seen], wrong: Array) -> Iterator[Condition]:
    for feature in probe_features(observed):
        values = np.concatenate([feature.of(s) for s in seen])
        yield from separating(feature, values, wrong)


def _by_entries(observed: Observed) -> str | None:
    clauses = []
    dtypes = sorted({s.point.dtype for s in observed.failed if s.fits}, reverse=True)
    for dtype in dtypes:
        seen = [s for s in _evidence(observed, dtype) if s.fits]
        found = _separated(observed, seen)
        if found is None:
            return None
        clauses.append(found)
    if not clauses:
        return None
    kinds = {c.feature for c in clauses}
    if len(kinds) > 1:
        return None
    shown = list(dict.fromkeys(c.words for c in clauses))
    there = _there(observed)
    if len(shown) == 1:
        return f"wrong {clauses[0].words}, right everywhere else{there}"
    both = ", ".join(f"{c.words} in {dtype}" for c, dtype in zip(clauses, dtypes, strict=True))
    return f"wrong {both}, right everywhere else{there}"


def _separated(observed: Observed, seen: Sequence[Seen], *, alone: bool = False) -> Condition | None:
    entries = _flat(seen)
    if int(entries.wrong.sum()) < _WRONG or int((entries.informative & ~entries.wrong).sum()) < _RIGHT:
        return None
    for feature in features(observed, seen):
        values = np.concatenate([feature.of(s).ravel() for s in seen])
        for condition in separating(feature, values[entries.informative], entries.wrong[entries.informative]):
            return condition if alone else narrowed(observed, condition, seen)
    return None


def _flat(seen: Sequence[Seen]) -> _Entries:
    wrong = np.concatenate([s.wrong.ravel() for s in seen])
    return _Entries(seen, wrong, np.concatenate([_informative(s).ravel() for s in seen]))


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
    for name in (r.tensor.gradient.name for r in observed.specification.outputs):
        if all(_is_upstream(s, w, name) for s, w in parts):
            return f": there yours is {name} itself"
    return ""


def _ratio(ratios: Array) -> Iterator[str]:
    if ratios.size and float(np.ptp(ratios)) <= 1e-4 * float(np.abs(ratios).max()):
        k = float(ratios[0])
        yield "the sign is wrong" if abs(k + 1) < 1e-4 else f"yours = {k:.5g} x right"


def _is_upstream(s: Seen, wrong: Array, name: str) -> bool:
    values = s.point.upstream.get(name.removeprefix("grad_"))
    return values is not None and values.shape == s.mine.shape and bool((values[wrong] == s.mine[wrong]).all())
