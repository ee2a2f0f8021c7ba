"""The verdict: accepted; refused, with the smallest failing input, both numbers and the formula; or not judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from scratchgrad.certificate import Certificate
from scratchgrad.certification.exact.balls import short_fraction

__all__ = ["Counterexample", "Verdict", "number"]

_SHORT = 1000
_LONG = 1e7
_ROUNDED = 6
_MANY = 48
_FIRST = 4
"""So many numbers of a tensor are written where it has more than _MANY."""


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
    where a number is wrong; `words` says what is wrong in any case; `formula` is the line of the sheet.
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

    def __str__(self) -> str:
        """Some lines: what is wrong, where, and what should stand there."""
        numbers = self.entry is not None and self.kind != "repeat"
        first = self.words if not numbers else f"{self.entry}:  yours = {self.yours},  right = {self.right}"
        lines = [f"  {first}   ({self.dtype}{'' if self.batch is None else f', batch {self.batch}'})"]
        given = [f"{name} = {_shown(values, self.dtype)}" for name, values in self.tensors.items()]
        given += [f"grad_{name} = {_shown(values, self.dtype)}" for name, values in self.grad_outputs.items()]
        lines += [f"  {'at ' if n == 0 else '   '} {text}" for n, text in enumerate(given)]
        lines += [f"     {name} stored as: {layout}" for name, layout in self.layouts.items()]
        lines += [f"  by the sheet  {line}" for line in self.formula]
        return "\n".join(lines)


def _shown(values: Any, dtype: str) -> str:
    """Nested lists of numbers, written shortly; of many numbers the first ones, and how many there are."""
    flat = np.ravel(values) if isinstance(values, list) else np.empty(0)
    if flat.size > _MANY:
        first = ", ".join(number(value, dtype) for value in flat[:_FIRST].tolist())
        return f"[{first}, ...]   ({' x '.join(map(str, np.shape(values)))} numbers)"
    if isinstance(values, list):
        return f"[{', '.join(_shown(value, dtype) for value in values)}]"
    return "None" if values is None else number(values, dtype)


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
        if self.accepted:
            return "\n".join([f"ACCEPTED  {self.title}", *(f"  {line}" for line in self.diagnosis)])
        if not self.judged:
            return "\n".join([f"NOT JUDGED  {self.title}", *(f"  {line}" for line in self.diagnosis)])
        lines = [f"REFUSED  {self.title}: {' and '.join(self.wrong)} {'are' if len(self.wrong) > 1 else 'is'} wrong"]
        lines += [str(self.counterexample)] if self.counterexample is not None else []
        return "\n".join([*lines, *(f"  - {line}" for line in self.diagnosis)])
