"""Random definitions whose indices are used in every way: at constant places, twice, moved, scaled, compared.

    text(random)          "y[i] = Sum(A[i,j]*x[j+1]*where(j <= i, B[j,j], x[0]), j)"

Vectors are x and z, matrices A and B, a stack of matrices is T, a scalar is c; y is what is assigned.
"""

from __future__ import annotations

from random import Random

__all__ = ["text"]

_RANKS = {"x": 1, "z": 1, "A": 2, "B": 2, "T": 3}
_LETTERS = "ijklmnop"


class _Writer:
    """Writes expressions over the indices in scope."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def value(self, depth: int, scope: str) -> str:
        random = self.random
        if depth <= 0 or random.random() < 0.1:
            return self.atom(scope)
        inner = lambda: self.value(depth - 1, scope)  # noqa: E731  # drawn anew each time
        kinds = ("add", "mul", "div", "square", "tanh", "sum", "max", "where")
        match random.choices(kinds, (4, 6, 1, 1, 1, 5, 1, 2))[0]:
            case "add":
                return f"({inner()} {random.choice('+-')} {inner()})"
            case "mul":
                return f"{inner()}*{inner()}"
            case "div":
                return f"{inner()}/(2 + {self.atom(scope)}**2)"
            case "square":
                return f"({inner()})**2"
            case "tanh":
                return f"{random.choice(('tanh', 'exp', 'sigmoid'))}({inner()})"
            case "sum" if len(scope) < len(_LETTERS):
                letter = _LETTERS[len(scope)]
                ranging = self.random.choice((f"z[{letter}]*", f"A[{letter},{letter}]*", ""))  # or nothing fixes it
                return f"Sum({ranging}{self.value(depth - 1, scope + letter)}, {letter})"
            case "max" if len(scope) < len(_LETTERS):
                letter = _LETTERS[len(scope)]
                return f"Max({self.value(depth - 1, scope + letter)}, {letter})"
            case _:
                return f"where({self.condition(scope)}, {inner()}, {random.choice(('0', inner()))})"

    def condition(self, scope: str) -> str:
        random = self.random
        relation = random.choice(("<", "<=", ">", ">=", "==", "!="))
        return f"{self.index(scope)} {relation} {self.index(scope)}" if scope else "c > 0"

    def atom(self, scope: str) -> str:
        random = self.random
        if random.random() < 0.15:
            return random.choice(("c", "2", "0.5", *(f"delta({self.index(scope)},{k})" for k in scope)))
        name = random.choice(list(_RANKS))
        return f"{name}[{','.join(self.index(scope) for _ in range(_RANKS[name]))}]"

    def index(self, scope: str) -> str:
        random = self.random
        if not scope:
            return random.choice("012")
        letter = random.choice(scope)
        moved = (f"{letter}+1", f"{letter}-1", f"2*{letter}", f"n_{letter}-1-{letter}", "0", "1", "2")
        return random.choice((letter, letter, letter, letter, random.choice(moved)))


def text(random: Random) -> str:
    """A text, right but for what its mathematics may lack, as a range that nothing fixes."""
    scope = random.choice(("", "i", "i", "ij"))
    left = f"y[{','.join(scope)}]" if scope else "y"
    right = _Writer(random).value(random.randint(1, 4), scope)
    return f"{left} = {' + '.join((right, *(f'x[{letter}]' for letter in scope if random.random() < 0.8)))}"
