"""The verdict: accepted; refused, with the smallest failing input, both numbers and the formula; or not judged."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import flint

from scratchgrad.certificate import Certificate
from scratchgrad.certification.exact.balls import short_fraction
from scratchgrad.certification.page import shown, wrapped

__all__ = ["Counterexample", "Verdict", "number"]

_SHORT = 1000
_LONG = 1e7
_ROUNDED = 6

_TITLE, _FIRST, _TENSORS, _FORMULAS, _SENTENCES = 2, 3, 9, 6, 10
"""How many lines of a message are about what was examined, the numbers, the input, the formula, and the mistake: 30."""

_EVIDENCE = 28
_TITLE_LONG = 170


def number(value: Any, dtype: str = "float64") -> str:
    """A number as a person writes it: 2, 2/3 where it is a short fraction, else the digits that its dtype has."""
    if isinstance(value, tuple):
        low, high = (round(end, _ROUNDED) for end in value)
        return f"between {number(low, dtype)} and {number(high, dtype)}"
    if isinstance(value, flint.arb):
        value = short_fraction(value, _SHORT) or value
    if isinstance(value, Fraction) and 1 < value.denominator <= _SHORT and abs(value.numerator) <= _SHORT:
        return str(value)
    try:
        value = float(value)
    except OverflowError:
        return "beyond all floats"
    if value.is_integer() and abs(value) < _LONG:
        return str(int(value))
    return f"{value:.9g}" if dtype == "float32" else repr(value)


@dataclass(frozen=True)
class Counterexample:
    """The smallest failing input that was found, and what is wrong there.

    `tensors` and `grad_outputs` are nested lists by name; `entry` such as "grad_W[0,1]", with `yours` and `right`,
    where a number is wrong, and `place` its indices; `around` has the place in each tensor that belongs to it, around
    which a large one is shown; `words` says what is wrong in any case; `formula` is the line of the sheet.
    """

    stage: str
    kind: str
    tensor: str
    words: str
    dtype: str
    batch: int | None
    tensors: Mapping[str, Any]
    grad_outputs: Mapping[str, Any]
    layouts: Mapping[str, str]
    entry: str | None = None
    yours: str | None = None
    right: str | None = None
    formula: tuple[str, ...] = ()
    place: tuple[int, ...] = ()
    around: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def shows_numbers(self) -> bool:
        """Whether its first line has both numbers, in the place of the words."""
        return self.entry is not None and self.kind != "repeat"

    def __str__(self) -> str:
        """Some lines: what is wrong, where, and what should stand there."""
        first = self.words if not self.shows_numbers else f"{self.entry}:  yours = {self.yours},  right = {self.right}"
        where = f"{self.dtype}{'' if self.batch is None else f', batch {self.batch}'}"
        lines = wrapped([f"  {first}   ({where})"], _FIRST, " " * 4)

        def write(value: Any) -> str:
            return number(value, self.dtype)

        around = self.around
        given = [shown(name, values, around.get(name, ()), write) for name, values in self.tensors.items()]
        arriving = self.grad_outputs.items()
        given += [shown(f"grad_{name}", values, around.get(name, ()), write) for name, values in arriving]
        tensors = [f"  {'at ' if n == 0 else '   '} {text}" for n, text in enumerate(given)]
        tensors += [f"     {name} stored as: {layout}" for name, layout in self.layouts.items()]
        lines += wrapped(tensors, _TENSORS, " " * 8)
        lines += wrapped([f"  by the sheet  {line}" for line in self.formula], _FORMULAS, " " * 16)
        return "\n".join(lines)


@dataclass(frozen=True)
class Verdict:
    """Whether a kernel computes what its definition says.

    `wrong` names the stages that fail, "forward" or "backward"; `diagnosis` says in words what was seen, and what the
    mistake looks like.  `recipe` has the verdicts about the layer's recipe, by their premise.  `errors` has the largest
    error by dtype, in units of error_model.  `proven` says that every entry was proven equal to the definition's, at
    several shapes; where it is False, the kernel was only compared with it at the probes.  `judged` is False where we
    can say neither: then it is not accepted, nothing is said to be wrong, and the diagnosis says what was not compared.
    """

    title: str
    accepted: bool
    wrong: tuple[str, ...] = ()
    counterexample: Counterexample | None = None
    diagnosis: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    certificate: Certificate | None = None
    recipe: Mapping[str, Verdict] = field(default_factory=dict)
    proven: bool = False
    judged: bool = True

    def __str__(self) -> str:
        """The verdict for people."""
        title = textwrap.shorten(self.title, _TITLE_LONG, placeholder=" ...")
        if self.accepted or not self.judged:
            word = "ACCEPTED" if self.accepted else "NOT JUDGED"
            lines = wrapped([f"{word}  {title}"], _TITLE, " " * 4)
            return "\n".join([*lines, *wrapped([f"  {line}" for line in self.diagnosis], _EVIDENCE, " " * 4)])
        wrong = f"{' and '.join(self.wrong)} {'are' if len(self.wrong) > 1 else 'is'} wrong"
        lines = wrapped([f"REFUSED  {title}: {wrong}"], _TITLE, " " * 4)
        lines += [str(self.counterexample)] if self.counterexample is not None else []
        seen = self.counterexample
        said = "" if seen is None or seen.shows_numbers else seen.words
        sentences = [f"  - {line}" for line in self.diagnosis if line != said]
        return "\n".join([*lines, *wrapped(sentences, _SENTENCES, " " * 4)])
