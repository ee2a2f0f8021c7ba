"""The rules of operations that step: whole parts, remainders, quotients that round."""

from __future__ import annotations

from typing import Any

from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.rules import rule

__all__: list[str] = []

Array = Any


def _floor(on: Arrays, a: Any) -> Array:
    return on.function("floor", a)


def _trunc(on: Arrays, a: Any) -> Array:
    """The whole part, towards 0."""
    return on.choice(on.at_least(a, 0), on.function("floor", a), on.function("ceil", a))


rule("trunc", "fix")(_trunc)
rule("frac")(lambda on, a: on.sub(a, _trunc(on, a)))
rule("fmod")(lambda on, a, b: on.sub(a, on.mul(b, _trunc(on, on.div(a, b)))))
rule("remainder")(lambda on, a, b: on.sub(a, on.mul(b, _floor(on, on.div(a, b)))))
rule("floor_divide")(lambda on, a, b: _floor(on, on.div(a, b)))
rule("signbit")(lambda on, a: on.greater(0, a))
rule("copysign")(lambda on, a, b: on.choice(on.greater(0, b), on.neg(on.absolute(a)), on.absolute(a)))


@rule("div", "true_divide", "divide")
def _div(on: Arrays, a: Any, b: Any, rounding_mode: str | None = None) -> Array:
    found = on.div(a, b)
    if rounding_mode is None:
        return found
    return _floor(on, found) if rounding_mode == "floor" else _trunc(on, found)


@rule("round")
def _round(on: Arrays, a: Any, decimals: int = 0) -> Array:
    """Halves go to the even number."""
    if not decimals:
        return on.function("round", a)
    return on.div(on.function("round", on.mul(a, 10**decimals)), 10**decimals)


@rule("heaviside")
def _heaviside(on: Arrays, a: Array, value: Array) -> Array:
    return on.choice(on.greater(a, 0), 1, on.choice(on.equal(a, 0), value, 0))
