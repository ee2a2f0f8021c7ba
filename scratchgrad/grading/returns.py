"""What a function calls the values that it returns: `return dx, dW, db` gives three names."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

__all__ = ["returned_names", "returns_several"]


def returned_names(function: Callable[..., Any]) -> list[str]:
    """The names in the last return statement, empty where it returns something else than names."""
    names = [_name(element) for element in _returned(function)]
    return names if all(names) else []


def returns_several(function: Callable[..., Any]) -> bool:
    """Whether the last return statement gives more than one value."""
    return len(_returned(function)) > 1


def _returned(function: Callable[..., Any]) -> list[ast.expr]:
    """The expressions of the last return statement."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return []
    returns = [node for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value is not None]
    if not returns:
        return []
    value = max(returns, key=lambda node: node.lineno).value
    assert value is not None  # those without a value were left out
    return list(value.elts) if isinstance(value, ast.Tuple | ast.List) else [value]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
