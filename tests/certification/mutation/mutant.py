"""A mutant: the source of a kernel with one planted mistake, and the places at which the mistake shows."""

import difflib
import hashlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where to run a mutant: sizes by name ("batch" and the definition's), numbers, dtype, memory, how many times.

    `change` edits the arrays of the inputs and of the upstream gradients; `layouts` lay out tensors in memory.
    """

    words: str
    kind: str = "normal"
    batch: int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    change: Callable[[dict[str, Any], dict[str, Any]], None] | None = None
    layouts: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    dtype: str = "float64"
    calls: int = 1
    ones: bool = False
    """Whether all sizes are 1."""
    point: Any = None
    """A point that is there already."""


@dataclass(frozen=True)
class Mutant:
    """A source whose class `entry` is the mutated kernel; `words` say what was planted."""

    room: str
    kind: str
    words: str
    original: str
    source: str
    entry: str = "Kernel"
    places: tuple[Place, ...] = ()

    @cached_property
    def digest(self) -> str:
        """The same for the same source."""
        return hashlib.sha256(f"{self.room}\n{self.source}".encode()).hexdigest()[:16]

    def kernel(self) -> Any:
        """The kernel, with no memory of earlier calls."""
        return executed(self.room, self.source)[self.entry]

    def difference(self) -> str:
        """What was changed in the source; where it was changed around the kernel, the words say all."""
        if self.entry != "Kernel":
            return ""
        lines = difflib.unified_diff(self.original.splitlines(), self.source.splitlines(), lineterm="", n=1)
        return "\n".join(line for line in lines if not line.startswith(("---", "+++")))


def executed(room: str, source: str) -> dict[str, Any]:
    """The names that the source defines."""
    space: dict[str, Any] = {"__name__": f"mutant_of_{room}"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # 0[0] is a mistake that Python notices
        exec(compile(source, f"<mutant of {room}>", "exec"), space)
    return space
