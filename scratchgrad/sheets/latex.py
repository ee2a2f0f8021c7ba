r"""The structure of a LaTeX formula, as far as width and line breaking need it.

In   r"\frac{\partial J}{\partial x_{1}} + y"
Out  (Macro frac with two groups, Symbol +, Symbol y), each node with its place in the source

This reads the LaTeX of a sheet, which the printer and the rules write; it is no TeX: there are no definitions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scratchgrad.notation.limits import tick

__all__ = ["OPERATORS", "Fence", "Grid", "Group", "LatexUnreadable", "Macro", "Node", "Scripts", "Symbol", "parse"]


class LatexUnreadable(ValueError):
    """A formula whose braces, fences or environments do not match."""


@dataclass(frozen=True)
class Node:
    """A part of a formula; source[start:end] is its text."""

    start: int
    end: int


@dataclass(frozen=True)
class Symbol(Node):
    """One token: a letter, a digit, a sign, or a command without arguments."""

    text: str


@dataclass(frozen=True)
class Group(Node):
    """What stands between braces."""

    children: tuple[Node, ...]


@dataclass(frozen=True)
class Macro(Node):
    """A command with its arguments; that of text-like commands is a Group of Symbols, spaces included."""

    name: str
    arguments: tuple[Group, ...]


@dataclass(frozen=True)
class Scripts(Node):
    """A base with its subscript and superscript."""

    base: Node
    sub: Node | None
    sup: Node | None


@dataclass(frozen=True)
class Fence(Node):
    r"""\left( ... \right)."""

    left: str
    right: str
    children: tuple[Node, ...]


@dataclass(frozen=True)
class Grid(Node):
    """An environment of rows and cells: bmatrix, cases, array."""

    name: str
    rows: tuple[tuple[tuple[Node, ...], ...], ...]


OPERATORS = frozenset(
    "arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim ln log max min sec sin sinh "
    "sup tan tanh".split()
)
"""The commands that TeX sets as the name of an operator, upright and with a space before what follows."""

ARGUMENTS = {
    **dict.fromkeys(("frac", "dfrac", "tfrac", "overset", "underset", "stackrel", "textcolor"), 2),
    **dict.fromkeys(("sqrt", "boxed", "hat", "bar", "tilde", "dot", "vec", "widehat", "overline", "phantom"), 1),
    **dict.fromkeys(("text", "textbf", "textit", "mathrm", "operatorname", "operatorname*"), 1),
    **dict.fromkeys(("mathbf", "mathsf", "mathcal", "mathbb", "mathit", "boldsymbol"), 1),
}
TEXT = {"text", "textbf", "textit"}
ENVIRONMENTS = frozenset("array cases matrix smallmatrix bmatrix pmatrix Bmatrix vmatrix Vmatrix aligned".split())

_TOKEN = re.compile(r"\\operatorname\*|\\[A-Za-z]+|\\.|\S", re.DOTALL)


def parse(latex: str) -> tuple[Node, ...]:
    """The nodes of a formula.  Raises LatexUnreadable, which shows the place."""
    reader = _Reader(latex)
    nodes = reader.list(())
    if reader.token is not None:
        raise reader.error(f"{reader.token!r} without its opening")
    return nodes


class _Reader:
    """A recursive-descent reader over the tokens of one formula."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.end = 0  # where the last token ended
        self.token: str | None = None
        self.start = 0
        self.advance()

    def error(self, words: str) -> LatexUnreadable:
        there = self.source[self.start : self.start + 20]
        return LatexUnreadable(f"LaTeX {self.source!r}: {words}, at position {self.start}: ...{there!r}")

    def advance(self) -> None:
        self.end = self.position
        match = _TOKEN.search(self.source, self.position)
        if match is None:
            self.token, self.start, self.position = None, len(self.source), len(self.source)
        else:
            self.token, self.start, self.position = match[0], match.start(), match.end()

    def expect(self, token: str) -> None:
        if self.token != token:
            raise self.error(f"expected {token!r}, got {self.token!r}")
        self.advance()

    def list(self, stops: tuple[str, ...]) -> tuple[Node, ...]:
        nodes: list[Node] = []
        while self.token is not None and self.token not in ("}", "\\right", "\\end", *stops):
            nodes.append(self.scripted())
        return tuple(nodes)

    def scripted(self) -> Node:
        tick()
        start = self.start
        base = self.nucleus() if self.token not in ("_", "^") else Group(start, start, ())
        sub: Node | None = None
        sup: Node | None = None
        while self.token in ("_", "^", "'"):
            mark = self.token
            if mark == "'":
                sup = Symbol(self.start, self.position, "\\prime")
                self.advance()
                continue
            self.advance()
            script = self.nucleus()
            if mark == "_":
                sub = script
            else:
                sup = script
        return base if sub is None and sup is None else Scripts(start, self.end, base, sub, sup)

    def nucleus(self) -> Node:
        start, token = self.start, self.token
        if token is None:
            raise self.error("something is missing at the end")
        if token == "{":
            return self.group()
        if token == "\\left":
            return self.fence()
        if token == "\\begin":
            return self.grid()
        name = token[1:]
        count = ARGUMENTS.get(name, 0) if token[0] == "\\" else 0
        if not count:
            self.advance()
            return Symbol(start, self.end, token)
        if name in TEXT:
            return self.text(name)
        self.advance()
        if name == "sqrt" and self.token == "[":
            self.list(("]",))
            self.expect("]")
        arguments = tuple(self.argument() for _ in range(count))
        return Macro(start, self.end, name, arguments)

    def group(self) -> Group:
        start = self.start
        self.expect("{")
        children = self.list(())
        self.expect("}")
        return Group(start, self.end, children)

    def argument(self) -> Group:
        if self.token == "{":
            return self.group()
        node = self.nucleus()
        return Group(node.start, node.end, (node,))

    def text(self, name: str) -> Macro:
        """A command whose argument is text: its spaces count."""
        start = self.start
        opening = self.source.find("{", self.position)
        closing = self.source.find("}", opening)
        if opening < 0 or closing < 0:
            raise self.error(f"\\{name} without its braces")
        if re.search(r"\\[A-Za-z]", self.source[opening:closing]):
            raise self.error(f"the text in \\{name} has a command")
        letters = tuple(Symbol(i, i + 1, self.source[i]) for i in range(opening + 1, closing))
        self.position = closing + 1
        self.advance()
        return Macro(start, self.end, name, (Group(opening, closing + 1, letters),))

    def fence(self) -> Fence:
        start = self.start
        self.advance()
        left = self.delimiter()
        children = self.list(())
        self.expect("\\right")
        right = self.delimiter()
        return Fence(start, self.end, left, right, children)

    def delimiter(self) -> str:
        token = self.token
        if token is None:
            raise self.error("a delimiter is missing")
        self.advance()
        return token

    def grid(self) -> Grid:
        start = self.start
        name = self.environment()
        if name == "array":
            self.group()
        rows: list[tuple[tuple[Node, ...], ...]] = []
        cells: list[tuple[Node, ...]] = []
        while True:
            cells.append(self.list(("&", "\\\\")))
            if self.token == "&":
                self.advance()
                continue
            rows.append(tuple(cells))
            cells = []
            if self.token != "\\\\":
                break
            self.advance()
        if self.token != "\\end":
            raise self.error(f"expected \\end{{{name}}}")
        closing = self.environment()
        if closing != name:
            raise self.error(f"\\begin{{{name}}} ended by \\end{{{closing}}}")
        return Grid(start, self.end, name, tuple(rows))

    def environment(self) -> str:
        r"""The name behind \begin or \end, which is the token now."""
        match = re.compile(r"\s*\{([A-Za-z]+\*?)\}").match(self.source, self.position)
        if match is None:
            raise self.error(f"{self.token} without a name")
        if match[1] not in ENVIRONMENTS:
            raise self.error(f"the environment {match[1]} is none that a formula of a sheet may use")
        self.position = match.end()
        self.advance()
        return match[1]
