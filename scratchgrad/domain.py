"""The domain of a tensor: which values it may have.

In   what stands behind a tensor in a signature or a text: ">0", " in [0,1)", ":simplex"; "" for all real numbers
Out  Domain

    >0  >=0  <0  <=1  in (-1,1)  in [0,1)        every entry, in an interval
    :probability                                 every entry strictly between 0 and 1
    :simplex  :simplex>0                         rows (along the last axis) of numbers >= 0, or > 0, whose sum is 1
    :onehot                                      rows with one 1, else 0
    :binary  :sign                               every entry 0 or 1, every entry -1 or 1
    :symmetric  :positive_definite               square matrices, in the last two axes
    :int                                         whole numbers, which index; nothing is differentiated by them

Undeclared means all real numbers.  Whoever samples, proves, prints or tests reads this one declaration.

Plain Python: every wing may import it.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["INTEGERS", "REALS", "STRUCTURES", "Domain", "DomainError", "Interval"]


class DomainError(ValueError):
    """A domain that cannot be read, has no values, or does not fit the tensor that it is declared of."""


@dataclass(frozen=True)
class Interval:
    """The numbers between two ends, which belong to it or not; an end that is None is infinite."""

    low: Fraction | None = None
    high: Fraction | None = None
    low_closed: bool = False
    high_closed: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no number lies in it."""
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and not (self.low_closed and self.high_closed))

    @property
    def everything(self) -> bool:
        """Whether every real number lies in it."""
        return self.low is None and self.high is None

    def __contains__(self, number: float | Fraction) -> bool:
        """Whether the number lies in it; floats are compared with the ends as floats, so 0.1 is in [0.1, 1]."""
        return not (self._below(number) or self._above(number)) and math.isfinite(number)

    def _below(self, number: float | Fraction) -> bool:
        if self.low is None:
            return False
        low = float(self.low) if isinstance(number, float) else self.low
        return number < low or (number == low and not self.low_closed)

    def _above(self, number: float | Fraction) -> bool:
        if self.high is None:
            return False
        high = float(self.high) if isinstance(number, float) else self.high
        return number > high or (number == high and not self.high_closed)

    def within(self, other: Interval) -> bool:
        """Whether each of its numbers lies in the other one."""
        return self & other == self

    def __and__(self, other: Interval) -> Interval:
        """The numbers that lie in both."""
        low, low_closed = _later((self.low, self.low_closed), (other.low, other.low_closed), 1)
        high, high_closed = _later((self.high, self.high_closed), (other.high, other.high_closed), -1)
        return Interval(low, high, low_closed, high_closed)

    @property
    def relation(self) -> tuple[str, str] | None:
        """(">=", "0") for the numbers from 0 on; None where there is no end, or two."""
        if (self.low is None) == (self.high is None):
            return None
        if self.low is not None:
            return ">=" if self.low_closed else ">", _digits(self.low)
        assert self.high is not None  # one of the two is an end
        return "<=" if self.high_closed else "<", _digits(self.high)

    @property
    def brackets(self) -> str:
        """The interval in brackets, "[0,1)"; infinite ends are inf."""
        low = "-inf" if self.low is None else _digits(self.low)
        high = "inf" if self.high is None else _digits(self.high)
        return f"{'(['[self.low_closed]}{low},{high}{')]'[self.high_closed]}"

    def __str__(self) -> str:
        """The interval as a signature writes it; "" for all real numbers."""
        if self.everything:
            return ""
        return f" in {self.brackets}" if self.relation is None else "".join(self.relation)


_ANY = Interval()
_UNIT = Interval(Fraction(0), Fraction(1), True, True)
_OPEN_UNIT = Interval(Fraction(0), Fraction(1))
_POSITIVE_UNIT = Interval(Fraction(0), Fraction(1), False, True)
_SIGNS = Interval(Fraction(-1), Fraction(1), True, True)
_MATRIX = 2


@dataclass(frozen=True)
class _Structure:
    """How many axes a structure needs, the interval of its entries, what its values are, what is said of a tensor."""

    axes: int
    interval: Interval
    words: str
    said: str


STRUCTURES: dict[str, _Structure] = {
    "probability": _Structure(0, _OPEN_UNIT, "strictly between 0 and 1", "in (0,1)"),
    "simplex": _Structure(1, _UNIT, "rows of numbers >= 0 whose sum is 1", "in the simplex"),
    "onehot": _Structure(1, _UNIT, "rows with one 1, else 0", "one-hot"),
    "binary": _Structure(0, _UNIT, "0 or 1", "0 or 1"),
    "sign": _Structure(0, _SIGNS, "-1 or 1", "-1 or 1"),
    "symmetric": _Structure(2, _ANY, "a symmetric matrix", "symmetric"),
    "positive_definite": _Structure(2, _ANY, "a symmetric, positive definite matrix", "positive definite"),
    "int": _Structure(0, _ANY, "whole numbers", "whole numbers"),
}

_LONG = 330
"""More digits, or a larger exponent, has no end of a domain: float64 ends at 1.8e308."""

_BEYOND = Fraction(2) ** 1024
"""What lies beyond all numbers of float64."""

_NUMBER = r"[+-]?\s*(?:inf|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:/\d+)?)"
_HERE = re.compile(
    rf"\s*:\s*(?P<structure>\w*)"
    rf"|\s*(?P<compare>>=|<=|>|<)(?P<bound>\s*{_NUMBER})?"
    rf"|\s+in\b(?:\s*(?P<open>[(\[])(?P<low>\s*{_NUMBER})\s*,(?P<high>\s*{_NUMBER})\s*(?P<close>[)\]]))?"
)
_HOW = "write it as >0, >=0, <0, <=1, in (-1,1), in [0,1), " + ", ".join(f":{name}" for name in STRUCTURES)


@dataclass(frozen=True)
class Domain:
    """The values that a tensor may have: each entry lies in the interval, and all together have the structure."""

    interval: Interval = _ANY
    structure: str = ""

    @classmethod
    def parse(cls, text: str) -> Domain:
        """The domain that the text writes; DomainError where it writes none, or one without values."""
        found, end = cls.read(text, 0)
        if text[end:].strip():
            raise DomainError(f"cannot read the domain {text.strip()!r}; {_HOW}")
        return found

    @classmethod
    def read(cls, text: str, place: int) -> tuple[Domain, int]:
        """The domain that begins at the place, and where it ends; all reals, and the place, where none begins."""
        match = _HERE.match(text, place)
        if match is None:
            return REALS, place
        written = match[0].strip()
        if match["structure"] is not None:
            further, end = cls.read(text, match.end())  # p[i]:simplex>0
            return cls._named(match["structure"]) & further, end
        if match["bound"] is None and match["low"] is None:
            raise DomainError(f"cannot read the domain {text[place:].strip()!r}; {_HOW}")
        if match["compare"]:
            bound, closed = _number(match["bound"]), match["compare"].endswith("=")
            above = match["compare"].startswith(">")
            interval = Interval(bound, None, closed, False) if above else Interval(None, bound, False, closed)
            backward = bound is None
        else:
            low, high = _number(match["low"]), _number(match["high"])
            interval = Interval(
                low, high, match["open"] == "[" and low is not None, match["close"] == "]" and high is not None
            )
            backward = (low is None and "-" not in match["low"]) or (high is None and "-" in match["high"])
        if backward or interval.is_empty:
            raise DomainError(f"the domain {written!r} is empty: no number is in it; write the smaller end first")
        return cls(interval), match.end()

    @classmethod
    def _named(cls, structure: str) -> Domain:
        if structure not in STRUCTURES:
            near = difflib.get_close_matches(structure, STRUCTURES, 1)
            meant = f"did you mean :{near[0]}?" if near else _HOW
            raise DomainError(f"unknown domain ':{structure}'; {meant}")
        return cls(STRUCTURES[structure].interval, structure)

    @property
    def is_reals(self) -> bool:
        """Whether every array of real numbers belongs to it."""
        return self == REALS

    @property
    def integer(self) -> bool:
        """Whether its values are whole numbers, by which nothing is differentiated."""
        return self.structure == "int"

    @property
    def is_square(self) -> bool:
        """Whether its values are square matrices."""
        return self.structure != "" and STRUCTURES[self.structure].axes == _MATRIX

    @property
    def words(self) -> str:
        """What its values are, for people: "> 0", "rows with one 1, else 0"."""
        if self.structure:
            return STRUCTURES[self.structure].words.replace(">=", ">=" if self.interval.low_closed else ">")
        if self.interval.everything:
            return "any real number"
        relation = self.interval.relation
        return f"in {self.interval.brackets}" if relation is None else " ".join(relation)

    def said_of(self, name: str) -> str:
        """What a sentence says of the tensor: "nu > 0", "y one-hot"."""
        if not self.structure:
            return f"{name} {self.words}"
        structure = STRUCTURES[self.structure]
        return f"{name} {structure.said}{'' if self.interval == structure.interval else ' and > 0'}"

    @property
    def is_positive(self) -> bool:
        """Whether every entry is certainly > 0."""
        low = self.interval.low
        return low is not None and (low > 0 or (low == 0 and not self.interval.low_closed))

    @property
    def is_nonnegative(self) -> bool:
        """Whether every entry is certainly >= 0."""
        return self.interval.low is not None and self.interval.low >= 0

    def of(self, axes: tuple[str, ...], tensor: str) -> Domain:
        """The domain itself, where a tensor with these axes can have it; DomainError where it has too few."""
        if self.structure:
            needed = STRUCTURES[self.structure].axes
            if len(axes) < needed:
                has = f"{len(axes) or 'no'} {'axis' if len(axes) == 1 else 'axes'}"
                raise DomainError(
                    f"{tensor} cannot be :{self.structure} ({self.words}): it has {has}, expected at least {needed}"
                )
        return self

    def __and__(self, other: Domain) -> Domain:
        """The values that belong to both; DomainError where there are none, or no domain says them."""
        if self.is_reals or self == other:
            return other
        if other.is_reals:
            return self
        if self.structure and other.structure:
            raise DomainError(f"{_word(self)} and {_word(other)} contradict one another; declare one of the two")
        both = self.interval & other.interval
        if both.is_empty:
            raise DomainError(f"{_word(self)} and {_word(other)} contradict one another: no number is both")
        structured = self if self.structure else other
        inner = structured.structure == "simplex" and both == _POSITIVE_UNIT
        if structured.structure and both != structured.interval and not inner:
            raise DomainError(f"{_word(self)} and {_word(other)} cannot be declared together; declare one of the two")
        return Domain(both, structured.structure)

    def __str__(self) -> str:
        """The text that parses back, as it stands behind a tensor."""
        if not self.structure:
            return str(self.interval)
        return f":{self.structure}{'' if self.interval == STRUCTURES[self.structure].interval else '>0'}"


REALS = Domain()
INTEGERS = Domain(structure="int")


def _word(domain: Domain) -> str:
    return repr(str(domain).strip())


def _number(text: str) -> Fraction | None:
    """The number, exactly as its digits say; None for an infinite one."""
    text = "".join(text.split())
    if text.lstrip("+-") == "inf":
        return None
    digits, _, under = text.partition("/")
    exponent = re.split("[eE]", digits)[1:]
    if len(text) > _LONG or (exponent and abs(int(exponent[0])) > _LONG) or (under and not int(under)):
        raise DomainError(f"{text[:_LONG]} is no number of floating point")
    number = Fraction(digits) / Fraction(under or 1)
    if abs(number) >= _BEYOND or (number and not float(number)):
        raise DomainError(f"{text[:_LONG]} is no number of floating point")
    return number


def _digits(number: Fraction) -> str:
    """The shortest text that reads back as the number."""
    exact, short = str(number), repr(float(number)).removesuffix(".0")
    shorter = number.denominator > 1 or len(short) < len(exact)
    return short if shorter and Fraction(short) == number else exact


def _later(a: tuple[Fraction | None, bool], b: tuple[Fraction | None, bool], way: int) -> tuple[Fraction | None, bool]:
    """The end that leaves fewer numbers: the larger one (way 1) or the smaller one (way -1)."""
    if a[0] is None or b[0] is None:
        return b if a[0] is None else a
    if a[0] == b[0]:
        return a[0], a[1] and b[1]
    return a if way * (a[0] - b[0]) > 0 else b
