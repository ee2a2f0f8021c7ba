"""What there is to grade in a file: classes and functions, by their names, signatures, marks, or the mapping.

In   a module, the mapping
Out  candidates in the order of the file, and the names of those that look like layers and were not recognised
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from scratchgrad.certification.through_autograd import is_autograd_function
from scratchgrad.grading.arrays import library_of
from scratchgrad.grading.binding import CannotBind, parameters_of
from scratchgrad.grading.judging import Candidate
from scratchgrad.grading.kinds import Kind, kind_named, kind_of_name
from scratchgrad.grading.mapping import Entry
from scratchgrad.grading.mark import ATTRIBUTE, Mark
from scratchgrad.grading.returns import returns_several
from scratchgrad.grading.subjects import Autograd, CalledClass, Functions, NodeClass, Subject

__all__ = ["candidates", "is_node_class"]

_BACKWARD = re.compile(
    r"(?P<stem>\w+?)_(back(ward)?|bwd|bprop|grad(ient)?|prime|deriv(ative)?|vjp)|(back(ward)?|grad|d)_(?P<other>\w+)"
)
_FORWARD = re.compile(r"(?P<stem>\w+?)_(forward|fwd|fprop)|(forward|fwd)_(?P<other>\w+)")
_PLUMBING = re.compile(
    r"layer|module|input|node|network|net|model|base\w*|function|parameter|sequential|tensor|value|optimi\w*|sgd|adam",
    re.IGNORECASE,
)


def candidates(module: ModuleType, mapping: Mapping[str, Entry]) -> tuple[list[Candidate], list[str]]:
    """Everything to be graded, and what was not recognised."""
    members = [
        (name, thing)
        for name, thing in vars(module).items()
        if (inspect.isclass(thing) or inspect.isfunction(thing)) and thing.__module__ == module.__name__
    ]
    lines = {name: _line(thing) for name, thing in members}
    found, unrecognised, used = [], [], set()
    finder = _Finder(module, dict(members), mapping)
    for name, thing in sorted(members, key=lambda one: lines[one[0]]):
        if name.startswith("_") or finder.said(name, thing).ignore:
            continue
        made = finder.candidate(name, thing, lines[name])
        if made is not None:
            found.append(made)
            used |= finder.partners.get(name, set())
        elif finder.looks_like_a_layer(name, thing):
            unrecognised.append(name)
    return found, [name for name in unrecognised if name not in used]


def _line(thing: Any) -> int:
    try:
        return inspect.getsourcelines(thing)[1]
    except (OSError, TypeError):
        return 0


class _Said:
    """What mark and mapping say about a thing, together."""

    def __init__(self, mark: Mark | None, entry: Entry | None) -> None:
        self.layer = (entry.layer if entry else "") or (mark.layer if mark else "")
        self.part = mark.part if mark else ""
        self.backward = entry.backward if entry else ""
        self.convention = (entry.convention if entry else "") or (mark.convention if mark else "")
        self.arguments = {**(mark.arguments if mark else {}), **(entry.arguments if entry else {})}
        self.ignore = entry.ignore if entry else False


class _Finder:
    def __init__(self, module: ModuleType, members: Mapping[str, Any], mapping: Mapping[str, Entry]) -> None:
        self.members, self.mapping = members, mapping
        self.library = library_of(module)
        self.partners: dict[str, set[str]] = {}
        self.backwards = {self._stem(name): name for name, f in members.items() if self._is_backward(name, f)}

    def said(self, name: str, thing: Any) -> _Said:
        """What somebody said about it."""
        mark = vars(thing).get(ATTRIBUTE) if hasattr(thing, "__dict__") else None
        return _Said(mark if isinstance(mark, Mark) else None, self.mapping.get(name))

    def candidate(self, name: str, thing: Any, line: int) -> Candidate | None:
        """The candidate that this is, None where it is none."""
        said = self.said(name, thing)
        if said.part == "backward" or self._is_backward(name, thing):
            return None
        kinds = kind_named(said.layer) if said.layer else kind_of_name(self._stem(name))
        if inspect.isclass(thing):
            if not hasattr(thing, "backward") or _abstract(thing):
                return None
            make: Callable[[Kind], Subject] = self._class_maker(thing, said)
        else:
            backward = self._backward_of(name, thing, said)
            if backward is None and not (said.layer or self._is_fused(name, thing, kinds)):
                return None
            self.partners[name] = {backward.__name__} if backward is not None else set()
            if not kinds:
                return None
            library = self.library
            make = lambda kind: Functions(thing, backward, kind, library, said.arguments)  # noqa: E731
        return self._bound(name, line, kinds, make, said)

    @staticmethod
    def _bound(
        name: str, line: int, kinds: tuple[Kind, ...], make: Callable[[Kind], Subject], said: _Said
    ) -> Candidate | None:
        subjects: dict[Kind, Subject] = {}
        failure = ""
        for kind in kinds:
            try:
                subjects[kind] = make(kind)
            except CannotBind as error:
                failure = failure or f"its parameters are not understood: {error}; say which is which in a mapping"
        if subjects:
            return Candidate(name, line, subjects, said.convention)
        return Candidate(name, line, {}, said.convention, failure) if kinds else None

    def _class_maker(self, thing: type, said: _Said) -> Callable[[Kind], Subject]:
        if is_autograd_function(thing):
            return lambda kind: Autograd(thing, kind, "torch", said.arguments)
        if is_node_class(thing):
            return lambda kind: NodeClass(thing, kind, self.library, said.arguments)
        return lambda kind: CalledClass(thing, kind, self.library, said.arguments)

    def looks_like_a_layer(self, name: str, thing: Any) -> bool:
        """Whether somebody may have expected a grade for it."""
        if inspect.isclass(thing):
            return hasattr(thing, "backward") and not _PLUMBING.fullmatch(name) and not _abstract(thing)
        return bool(_FORWARD.fullmatch(name)) or (
            self._is_backward(name, thing) and self._stem(name) not in map(self._stem, self._forwards())
        )

    def _forwards(self) -> Iterator[str]:
        return (name for name, f in self.members.items() if inspect.isfunction(f) and not self._is_backward(name, f))

    def _is_backward(self, name: str, thing: Any) -> bool:
        if not inspect.isfunction(thing):
            return False
        mark = self.said_mark(thing)
        if mark is not None and mark.part:
            return mark.part == "backward"
        if name in {entry.backward for entry in self.mapping.values()}:
            return True
        return _BACKWARD.fullmatch(name) is not None and _FORWARD.fullmatch(name) is None

    @staticmethod
    def said_mark(thing: Any) -> Mark | None:
        """The mark of a decorator."""
        mark = getattr(thing, "__dict__", {}).get(ATTRIBUTE)
        return mark if isinstance(mark, Mark) else None

    @staticmethod
    def _stem(name: str) -> str:
        """`linear` for linear_forward, linear_backward, forward_linear and d_linear."""
        for pattern in (_FORWARD, _BACKWARD):
            match = pattern.fullmatch(name)
            if match:
                return match["stem"] or match["other"]
        return name

    def _backward_of(self, name: str, thing: Any, said: _Said) -> Callable[..., Any] | None:
        partner = said.backward or self.backwards.get(self._stem(name), "")
        if not partner and said.layer:
            marked = [
                n
                for n, f in self.members.items()
                if (m := self.said_mark(f)) and m.part == "backward" and m.layer == said.layer
            ]
            partner = marked[0] if marked else ""
        function = self.members.get(partner)
        return function if inspect.isfunction(function) and function is not thing else None

    @staticmethod
    def _is_fused(name: str, thing: Any, kinds: tuple[Kind, ...]) -> bool:
        """Whether a function without a backward returns the loss together with its gradient."""
        return bool(kinds) and returns_several(thing) and "loss" in name.lower()


def is_node_class(cls: type) -> bool:
    """Whether it keeps the course's protocol: forward() and backward() take nothing, gradients are accumulated."""
    forward = parameters_of(getattr(cls, "forward", None) or (lambda: None), method=True)
    needed = [p for p in forward if p.default is inspect.Parameter.empty]
    return hasattr(cls, "forward") and not needed and bool(parameters_of(cls.__init__, method=True))  # type: ignore[misc]


def _abstract(cls: type) -> bool:
    """Whether forward does nothing but pass or raise: the base class of the layers, and inputs."""
    forward = vars(cls).get("forward") or vars(cls).get("__call__")
    if inspect.isabstract(cls) or forward is None:
        return True
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(forward, "__func__", forward))))
    except (OSError, TypeError, SyntaxError):
        return False
    return all(_does_nothing(statement) for statement in getattr(tree.body[0], "body", []))


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Raise):
        return "NotImplemented" in ast.dump(statement)
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
