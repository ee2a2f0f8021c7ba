"""The verdict: accepted, or refused with the smallest failing input, the entry, both numbers and the formula."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import mpmath

from scratchgrad.certificate import Certificate

__all__ = ["Counterexample", "Verdict", "number"]

_SHORT = 1000


def number(value: Any, dtype: str = "float64") -> str:
    """A number as a person writes it: 2, 2/3 where it is a short fraction, else the digits that its dtype has."""
    digits = 9 if dtype == "float32" else 17
    if isinstance(value, Fraction):
        if value.denominator == 1 and abs(value.numerator) < 10**digits:
            return str(value.numerator)
        if value.denominator <= _SHORT and abs(value.numerator) <= _SHORT:
            return str(value)
        with mpmath.workdps(digits + 5):
            value = mpmath.mpf(value.numerator) / value.denominator
    if isinstance(value, mpmath.mpf) and not mpmath.isint(value):
        return str(mpmath.nstr(value, digits))
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 10**digits else f"{value:.{digits}g}"


@dataclass(frozen=True)
class Counterexample:
    """The smallest failing input that was found, and what is wrong there.

    `tensors` and `grad_outputs` are nested lists by name; `entry` such as "grad_W[0,1]", with `yours` and `right`,
    where a number is wrong; `words` says what is wrong in any case; `formula` is the line of the sheet.
    """

    stage: str
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
        first = self.words if self.entry is None else f"{self.entry}:  yours = {self.yours},  right = {self.right}"
        lines = [f"  {first}   ({self.dtype}{'' if self.batch is None else f', batch {self.batch}'})"]
        given = [f"{name} = {_shown(values)}" for name, values in self.tensors.items()]
        given += [f"grad_{name} = {_shown(values)}" for name, values in self.grad_outputs.items()]
        lines += [f"  {'at ' if n == 0 else '   '} {text}" for n, text in enumerate(given)]
        lines += [f"     {name} stored as: {layout}" for name, layout in self.layouts.items()]
        lines += [f"  by the sheet  {line}" for line in self.formula]
        return "\n".join(lines)


def _shown(values: Any) -> str:
    """Nested lists of numbers, written shortly."""
    if isinstance(values, list | tuple):
        return f"[{', '.join(map(_shown, values))}]"
    return "none" if values is None else number(values) if isinstance(values, float | int) else str(values)


@dataclass(frozen=True)
class Verdict:
    """Whether a kernel computes what its definition says.

    `wrong` names the stages that fail, "forward" or "backward"; `diagnosis` says in words what was seen, and what the
    mistake looks like.  `errors` has the largest error by dtype, in units of error_model.  `proven` is False: the
    battery probes, it does not prove.
    """

    title: str
    accepted: bool
    wrong: tuple[str, ...] = ()
    counterexample: Counterexample | None = None
    diagnosis: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    certificate: Certificate | None = None
    proven: bool = False

    def __str__(self) -> str:
        """The verdict for people."""
        if self.accepted:
            return "\n".join([f"ACCEPTED  {self.title}", *(f"  {line}" for line in self.diagnosis)])
        lines = [f"REFUSED  {self.title}: {' and '.join(self.wrong)} {'are' if len(self.wrong) > 1 else 'is'} wrong"]
        lines += [str(self.counterexample)] if self.counterexample is not None else []
        return "\n".join([*lines, *(f"  - {line}" for line in self.diagnosis)])
