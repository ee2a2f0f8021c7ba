"""`grades`: how a file tells the grader which layer a function or class is.

    @scratchgrad.testing.grades("linear")
    class Dense: ...

    @scratchgrad.testing.grades("h[i] = u[i]**2", part="backward")
    def square_grad(grad_h, u): ...

Plain Python; the decorated object is what it was, with one more attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

__all__ = ["ATTRIBUTE", "Mark", "MarkWrong", "grades"]

ATTRIBUTE = "__scratchgrad_grades__"

_PARTS = ("", "forward", "backward")
_Decorated = TypeVar("_Decorated")


class MarkWrong(ValueError):
    """A decorator or a mapping that cannot be read."""


@dataclass(frozen=True)
class Mark:
    """What somebody said about a class or function: the layer, and perhaps which part, convention and arguments.

    `layer` is a kind that the grader knows, a room's name, or a definition as text; `arguments` maps the names of the
    definition to those of the code.
    """

    layer: str
    part: str = ""
    convention: str = ""
    arguments: dict[str, str] = field(default_factory=dict)


def grades(
    layer: str, *, part: str = "", convention: str = "", arguments: dict[str, str] | None = None
) -> Callable[[_Decorated], _Decorated]:
    """A decorator that says which layer a class or function is: a kind, a room's name, or a definition as text.

    `part` is "forward" (default for functions) or "backward"; `convention` is "rows", "columns" or "one sample".

    Raises MarkWrong for another part.
    """
    if part not in _PARTS:
        raise MarkWrong(f"grades({layer!r}): part is 'forward' or 'backward', got {part!r}")
    mark = Mark(layer, part, convention, dict(arguments or {}))

    def decorate(thing: _Decorated) -> _Decorated:
        target: Any = thing
        setattr(target, ATTRIBUTE, mark)
        return thing

    return decorate
