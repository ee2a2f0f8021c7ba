"""Text to syntax tree: the tokens and the precedence of the text grammar, with the place of everything.

In   "u[i] = Sum(W[i,j]*x[j], j) + b[i]"
Out  [Statement(left, right)], trees of Node(kind, value, arguments, place)

Nothing is decided here about names; `grammar` does that.  Every node keeps its place in the text, so that every error
can point at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

__all__ = [
    "Node",
    "NotationError",
    "Statement",
    "UnbalancedText",
    "UnreadableText",
    "assignments_in",
    "pointing_at",
    "read",
]


class NotationError(ValueError):
    """A definition that cannot be understood.  Every subclass points at the place in the text."""


class UnbalancedText(NotationError):
    """A bracket without its partner."""


class UnreadableText(NotationError):
    """Text that the grammar does not know."""


def pointing_at(text: str, place: int, message: str) -> str:
    """The message with the line of the text below it and a caret under the place."""
    start = text.rfind("\n", 0, place) + 1
    end = text.find("\n", place)
    line = text[start : end if end >= 0 else len(text)]
    return f"{message}\n    {line}\n    {' ' * (place - start)}^"


@dataclass(frozen=True)
class Node:
    """A number, name, element, call or operation; `place` is its offset in the text."""

    kind: str
    value: str
    arguments: tuple[Node, ...]
    place: int

    def walk(self) -> Iterator[Node]:
        """The node and everything below it."""
        yield self
        for argument in self.arguments:
            yield from argument.walk()


@dataclass(frozen=True)
class Statement:
    """`left = right`; a bare expression has no left side."""

    left: Node | None
    right: Node


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator>\*\*|<=|>=|==|!=|[-+*/()\[\],=<>;])"
)
_COMPARISONS = ("<=", ">=", "==", "!=", "<", ">")
_PARTNER = {"(": ")", "[": "]"}


def read(text: str) -> list[Statement]:
    """The statements of the text, separated by `;` or new lines outside brackets.

    Raises UnbalancedText for a bracket without partner, UnreadableText for anything else that is no statement.
    """
    tokens = list(_tokens(text))
    _balance(text, tokens)
    statements = [_Reader(text, part).statement() for part in _split(tokens)]
    if not statements:
        raise UnreadableText("the definition is empty; write one, such as: u[i] = Sum(W[i,j]*x[j], j) + b[i]")
    return statements


def assignments_in(text: str) -> Iterator[str]:
    """The statements of the text as it writes them, each on one line.  Raises UnreadableText, UnbalancedText."""
    tokens = list(_tokens(text))
    _balance(text, tokens)
    for part in _split(tokens):
        written = text[part[0].place : part[-1].place + len(part[-1].text)]
        joined = re.sub(r"(?<=[(*])\s*\n\s*|\s*\n\s*(?=[)*])", "", written)
        yield " ".join(joined.split())


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            hint = "; a power is written **" if text[place] == "^" else ""
            raise UnreadableText(
                pointing_at(text, place, f"character {text[place]!r} is not part of the grammar{hint}")
            )
        if match.lastgroup == "space":
            if "\n" in match[0]:
                yield _Token("newline", "\n", place)
        else:
            yield _Token(str(match.lastgroup), match[0], place)
        place = match.end()


def _balance(text: str, tokens: list[_Token]) -> None:
    opened: list[_Token] = []
    for token in tokens:
        if token.text in _PARTNER:
            opened.append(token)
        elif token.text in _PARTNER.values():
            if not opened:
                raise UnbalancedText(pointing_at(text, token.place, f"{token.text!r} closes nothing"))
            before = opened.pop()
            if _PARTNER[before.text] != token.text:
                wanted = _PARTNER[before.text]
                raise UnbalancedText(
                    pointing_at(
                        text, token.place, f"expected {wanted!r} to close {before.text!r}, found {token.text!r}"
                    )
                )
    if opened:
        raise UnbalancedText(pointing_at(text, opened[-1].place, f"{opened[-1].text!r} is never closed"))


def _split(tokens: list[_Token]) -> Iterator[list[_Token]]:
    part: list[_Token] = []
    depth = 0
    for token in tokens:
        depth += (token.text in _PARTNER) - (token.text in _PARTNER.values())
        if token.text == ";" or (token.kind == "newline" and depth == 0):
            if part:
                yield part
            part = []
        elif token.kind != "newline":
            part.append(token)
    if part:
        yield part


class _Reader:
    """Recursive descent over one statement: or, and, not, comparison, sum, product, sign, power, atom."""

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self.text = text
        self.tokens = [*tokens, _Token("end", "the end", tokens[-1].place + len(tokens[-1].text))]
        self.at = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> _Token | None:
        token = self.next
        if token.kind in ("operator", "name") and token.text in texts:
            self.at += 1
            return token
        return None

    def expect(self, text: str, why: str) -> _Token:
        token = self.take(text)
        if token is None:
            raise self.unreadable(f"expected {text!r} {why}, found {self.next.text!r}")
        return token

    def unreadable(self, message: str) -> UnreadableText:
        return UnreadableText(pointing_at(self.text, self.next.place, message))

    def statement(self) -> Statement:
        first = self.disjunction()
        if self.take("=") is None:
            self.finish()
            return Statement(None, first)
        if first.kind not in ("name", "element"):
            raise UnreadableText(
                pointing_at(
                    self.text, first.place, "the left side must be an element such as u[i], or a scalar such as L"
                )
            )
        right = self.disjunction()
        self.finish()
        return Statement(first, right)

    def finish(self) -> None:
        if self.next.kind != "end":
            hint = "; a product is written with *" if self.next.kind in ("name", "number") else ""
            raise self.unreadable(f"expected an operator or the end, found {self.next.text!r}{hint}")

    def chain(self, word: str, part: str) -> Node:
        node: Node = getattr(self, part)()
        while token := self.take(word):
            node = Node("logic", word, (node, getattr(self, part)()), token.place)
        return node

    def disjunction(self) -> Node:
        return self.chain("or", "conjunction")

    def conjunction(self) -> Node:
        return self.chain("and", "negation")

    def negation(self) -> Node:
        if token := self.take("not"):
            return Node("logic", "not", (self.negation(),), token.place)
        terms, signs = [self.sum()], list[_Token]()
        while token := self.take(*_COMPARISONS):
            signs.append(token)
            terms.append(self.sum())
        links = [
            Node("comparison", sign.text, (terms[k], terms[k + 1]), sign.place) for k, sign in enumerate(signs)
        ]  # 0 < x < 1 is 0 < x and x < 1
        return reduce(lambda a, b: Node("logic", "and", (a, b), b.place), links) if links else terms[0]

    def sum(self) -> Node:
        node = self.product()
        while token := self.take("+", "-"):
            node = Node("operation", token.text, (node, self.product()), token.place)
        return node

    def product(self) -> Node:
        node = self.sign()
        while token := self.take("*", "/"):
            node = Node("operation", token.text, (node, self.sign()), token.place)
        return node

    def sign(self) -> Node:
        if token := self.take("-", "+"):
            return Node("sign", token.text, (self.sign(),), token.place)
        return self.power()

    def power(self) -> Node:
        base = self.atom()
        if token := self.take("**"):
            return Node("operation", "**", (base, self.sign()), token.place)
        return base

    def atom(self) -> Node:
        token = self.next
        if token.kind == "number":
            self.at += 1
            return Node("number", token.text, (), token.place)
        if token.kind == "name" and token.text not in ("and", "or", "not"):
            self.at += 1
            return self.named(token)
        if self.take("("):
            inside = self.disjunction()
            self.expect(")", "to close the bracket")
            return inside
        raise self.unreadable(f"expected a number, a name or '(', found {token.text!r}")

    def named(self, token: _Token) -> Node:
        if self.take("["):
            indices = self.list("]", "after an index")
            return Node("element", token.text, indices, token.place)
        if self.take("("):
            call = Node("call", token.text, self.list(")", "after an argument"), token.place)
            if self.take("["):
                return Node(
                    "matrix element", token.text, (*call.arguments, *self.list("]", "after an index")), token.place
                )
            return call
        return Node("name", token.text, (), token.place)

    def list(self, close: str, why: str) -> tuple[Node, ...]:
        if self.take(close):
            return ()
        items = [self.disjunction()]
        while self.take(","):
            items.append(self.disjunction())
        self.expect(close, why)
        return tuple(items)
