"""Random texts of the grammar: mostly right, some wrong by one character or token.

    text(random)          "y[i] = tanh(x[i]*w)/(1 + Sum(exp(x[j]), j))"
    mutated(text, random)  "y[i] = tanh(x[i]*w)/(1 + Sum(exp(x[j], j))"

A right text has vectors x[i], z[i], a matrix A[i,j], scalars w and c; what it assigns is a[i], b, and y last.
"""

from __future__ import annotations

import re
from random import Random

from scratchgrad.notation.functions import TABLE

__all__ = ["mutated", "text"]

_NUMBERS = ("0", "1", "2", "3", "7", "0.5", "1.5", "1e3", "3.14159265358979", "1/3", "-1", "-2", "1e300")
_POWERS = ("2", "3", "-1", "0.5", "-2", "0", "1", "511", "1/3", "w", "-0.5")
_TOKENS = (
    "+", "-", "*", "/", "**", "(", ")", "[", "]", ",", ";", "=", "==", "<", ">=", "and", "not", "0", "1", "1e400", "i",
    "j", "n_i", "x", "x[i]", "x[i-1]", "x[2*i]", "x[t[i]]", "A[i,i]", "Sum(", "Max(", "Inv(A)[i,j]", "Det(A)",
    "LogDet(A)", "delta(i,j)", "pi", "E", "I", "S", "N", "Q", "zoo", "lambda", "None", "if", "grad_y", "y", "é",
    "²", "\n", " ", ".",
    "where(", "max(", "10**10**10", "3.14159265358979**511",
)  # fmt: skip


class _Writer:
    """Writes expressions over the indices in scope."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.assigned: list[str] = []

    def value(self, depth: int, scope: str) -> str:
        random = self.random
        if depth <= 0 or random.random() < 0.15:
            return self.atom(scope)
        kind = random.choices(
            ("sum", "product", "quotient", "power", "function", "pair", "where", "reduction", "minus"),
            (4, 4, 2, 2, 4, 2, 1, 2, 1),
        )[0]
        inner = lambda: self.value(depth - 1, scope)  # noqa: E731  # drawn anew each time
        match kind:
            case "sum":
                return f"({inner()} {random.choice('+-')} {inner()})"
            case "product":
                return f"{inner()}*{inner()}"
            case "quotient":
                return f"{inner()}/({inner()})"
            case "power":
                return f"({inner()})**{random.choice(_POWERS)}"
            case "function":
                row = random.choice(list(TABLE.values()))
                return f"{row.name}({', '.join(inner() for _ in range(row.arity))})"
            case "pair":
                return f"{random.choice(('max', 'min'))}({inner()}, {inner()})"
            case "where":
                return f"where({self.condition(depth - 1, scope)}, {inner()}, {inner()})"
            case "reduction":
                letter = next(a for a in "jklmnopqrst" if a not in scope)
                return f"{random.choice(('Sum', 'Sum', 'Max'))}({self.value(depth - 1, scope + letter)}, {letter})"
            case _:
                return f"-{inner()}"

    def condition(self, depth: int, scope: str) -> str:
        relation = self.random.choice(("<", "<=", ">", ">=", "==", "!="))
        one = f"{self.value(depth, scope)} {relation} {self.value(depth, scope)}"
        return self.random.choice((one, one, f"not ({one})", f"{one} and {self.atom(scope)} > 0"))

    def atom(self, scope: str) -> str:
        random = self.random
        choices = ["w", "c", random.choice(_NUMBERS)]
        if scope:
            letter = random.choice(scope)
            choices += [f"x[{letter}]", f"x[{letter}]", f"z[{letter}]", *self.assigned_at(letter)]
            choices += [f"A[{letter},{random.choice(scope)}]", f"x[{letter}{random.choice(('+1', '-1', ''))}]"]
            choices += [random.choice((letter, f"n_{letter}", f"delta({letter},{random.choice(scope)})"))]
        return random.choice(choices)

    def assigned_at(self, letter: str) -> list[str]:
        return [name.replace("[i]", f"[{letter}]") for name in self.assigned]


def text(random: Random) -> str:
    """A right text, apart from what its mathematics may lack: a range that nothing fixes, a value."""
    writer = _Writer(random)
    statements = []
    for name in random.choice(((), (), ("a[i]",), ("a[i]", "b[i]"))):
        statements.append(f"{name} = {writer.value(random.randint(1, 3), 'i')}")
        writer.assigned.append(name)
    scope = random.choice(("i", "i", ""))
    statements.append(f"y{'[i]' * bool(scope)} = {writer.value(random.randint(1, 4), scope)}")
    return "; ".join(statements)


def mutated(written: str, random: Random) -> str:
    """The text with one to three characters or tokens left out, doubled, replaced or put in."""
    for _ in range(random.randint(1, 3)):
        tokens = re.findall(r"\w+|\*\*|\s+|.", written) or [""]
        at = random.randrange(len(tokens))
        match random.choice(("out", "double", "replace", "in", "character")):
            case "out":
                del tokens[at]
            case "double":
                tokens.insert(at, tokens[at])
            case "replace":
                tokens[at] = random.choice(_TOKENS)
            case "in":
                tokens.insert(at, random.choice(_TOKENS))
            case _:
                tokens[at] = tokens[at][:-1] + chr(random.choice((*range(32, 127), 0xE9, 0x3B1, 0x1D465)))
        written = "".join(tokens)
    return written
