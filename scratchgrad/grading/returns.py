"""What a function calls the values that it returns: `return dx, dW, db` gives three names."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

__all__ = ["returned_names"]


def returned_names(function: Callable[..., Any]) -> list[str]:
    """The names in the last return statement, empty where it returns something else than names."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return []
    returns = [node for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value is not None]
    if not returns:
        return []
    value = max(returns, key=lambda node: node.lineno).value
    elements = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
    names = [_name(element) for element in elements]
    return [name for name in names if name] if all(names) else []


def _name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
