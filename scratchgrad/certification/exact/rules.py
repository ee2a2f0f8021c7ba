"""The rule of every torch operation that makes values, over arrays of exact scalars.

In   the operation's arguments, tensors as object arrays of nodes (or arrays of integers that depend on no value)
Out  the result, or a tuple of results, as object arrays

The rules stand in pointwise, reductions, algebra, arrangement and windows, which enter them here.

A function of the table needs no rule: its row says which operation of torch it is.  Nor does a view: it is a view
of the shadow.  In-place and out= forms use the rule of the plain form.  An operation without a rule goes through
torch's own decomposition, and if it has none, nothing is proven.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchgrad.notation.functions import of_aten

__all__ = ["CannotExecute", "RuleFails", "rule", "rule_of"]


class CannotExecute(BaseException):
    """An operation that cannot be executed exactly: nothing is proven; no kernel may catch this."""


class RuleFails(CannotExecute):
    """A rule of ours raises where torch's operation does not: nothing is proven, and that is our mistake."""


_RULES: dict[str, Callable[..., Any]] = {}


def rule(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function as the rule of the operations with these names."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            _RULES[name] = function
        return function

    return enter


def rule_of(name: str) -> Callable[..., Any] | None:
    """The rule of an operation: an entered one, or that of a function of the table."""
    if name in _RULES:
        return _RULES[name]
    row = of_aten(name)
    if row is None:
        return None
    called = row.name
    return lambda on, *arguments: on.function(called, *arguments)
