"""How long, and how large, one piece of work of the mathematics may become.

    with sg.limits(seconds=5, nodes=10_000):
        sg.derive("y = ...")["x"].element

Work is what a person asked for: one gradient, one form, one sheet.  `task` begins it, and work that it causes belongs
to it.  Whoever walks over expressions calls `tick` once a node, and `check_size` with what a step of a derivation gave.
Both only compare numbers, so limits hold on every thread and system, and Ctrl-C gets through at any time.

Seconds are those in which this thread computes: a busy machine changes nothing.  The limits are those of the context
(`contextvars`): a new thread starts with the defaults.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

import sympy as sp

from scratchgrad.notation.syntax import NotationError

__all__ = [
    "LimitReached",
    "Limits",
    "OutOfTime",
    "TooLarge",
    "check_size",
    "limits",
    "longest_number",
    "size",
    "task",
    "tick",
    "working",
]

_DIGITS = 4000  # of a number; Python writes no longer one
_EVERY = 512  # ticks between two looks at the clock
_PARTS = "name its parts in assignments of their own (z[i] = ...; y[i] = f(z[i]))"
_ADVICE = f"{_PARTS}, or raise the limit"

P = ParamSpec("P")
R = TypeVar("R")


class LimitReached(RuntimeError):
    """Work that was given up because it would take too long or become too large."""


class OutOfTime(LimitReached):
    """Work that takes longer than the limit on seconds."""


class TooLarge(NotationError, LimitReached):
    """A number beyond all floating point, text nested too deeply, an expression with more nodes than the limit."""


@dataclass(frozen=True)
class Limits:
    """The most seconds that one piece of work may take, and the most nodes that an expression may have written out."""

    seconds: float = 60.0
    nodes: int = 200_000


@dataclass
class _Work:
    """A piece of work in progress: what is done, when it began, how many ticks there were."""

    words: str
    began: float
    ticks: int = 0


_DEFAULT = Limits()
_limits: ContextVar[Limits] = ContextVar("limits", default=_DEFAULT)
_work: ContextVar[_Work | None] = ContextVar("work", default=None)


@contextmanager
def limits(*, seconds: float | None = None, nodes: int | None = None) -> Iterator[Limits]:
    """Within, one piece of work takes at most so many seconds, an expression at most so many nodes.

    None keeps the limit that holds outside; float("inf") seconds lift it.  Raises ValueError for what is not positive.
    """
    for name, value in (("seconds", seconds), ("nodes", nodes)):
        if value is not None and not value > 0:
            raise ValueError(f"limits: {name} is a positive number, got {value!r}")
    outer = _limits.get()
    changed = replace(
        outer,
        seconds=outer.seconds if seconds is None else float(seconds),
        nodes=outer.nodes if nodes is None else int(nodes),
    )
    before = _limits.set(changed)
    try:
        yield changed
    finally:
        _limits.reset(before)


@contextmanager
def task(words: str) -> Iterator[None]:
    """What runs inside is one piece of work, described by the words; inside another one it is a part of that."""
    if _work.get() is not None:
        yield
        return
    before = _work.set(_Work(words, time.thread_time()))
    try:
        yield
    except RecursionError:
        raise TooLarge(f"{words}: the expression is nested too deeply; {_PARTS}") from None
    finally:
        _work.reset(before)


def working(words: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: each call is one piece of work; {0}, {1} in the words are the call's arguments."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if _work.get() is not None:
                return function(*args, **kwargs)
            with task(words.format(*args)):
                return function(*args, **kwargs)

        return call

    return decorate


def tick() -> None:
    """One more node was looked at.  Raises OutOfTime where the work has taken longer than it may."""
    work = _work.get()
    if work is None:
        return
    work.ticks += 1
    if work.ticks % _EVERY:
        return
    most = _limits.get().seconds
    taken = time.thread_time() - work.began
    if taken > most:
        raise OutOfTime(
            f"{work.words} has taken {taken:.1f} s, the limit is {most:g} s: the expression is too large, or grows "
            f"with each step; {_ADVICE}: with sg.limits(seconds={10 * most:g}): ..."
        )


def check_size(e: sp.Basic, what: str) -> None:
    """Raises TooLarge where e, written out, has more nodes than the limit."""
    most, nodes = _limits.get().nodes, size(e)
    if nodes > most:
        raise TooLarge(
            f"{what} has {_counted(nodes)} nodes written out, the limit is {most:,}; {_ADVICE}: "
            f"with sg.limits(nodes={_counted(2 * nodes)}): ..."
        )
    digits, _ = longest_number(e)
    if digits > _DIGITS:
        raise TooLarge(f"{what} contains a number of {digits} digits, the limit is {_DIGITS}; write numbers rounded")


def _counted(nodes: int) -> str:
    return f"{nodes:_}" if nodes < 10**15 else f"10**{len(str(nodes)) - 1}"


@lru_cache(maxsize=1 << 16)
def size(e: Any) -> int:
    """The number of nodes of e as a tree: what is shared counts wherever it stands."""
    return 1 + sum(map(size, e.args)) if isinstance(e, sp.Basic) else 1


@lru_cache(maxsize=1 << 16)
def longest_number(e: Any) -> tuple[int, Any]:
    """How many digits the longest number in e has, about, and the number."""
    if isinstance(e, sp.Rational):
        return round(max(e.p.bit_length(), e.q.bit_length()) * 0.30103), e
    inside = map(longest_number, e.args) if isinstance(e, sp.Basic) else ()
    return max(inside, key=lambda found: found[0], default=(0, None))
