"""The rules of operations that work entry by entry: arithmetic, activations, comparisons, truth values."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.rules import CannotExecute, rule

__all__ = ["gelu"]

Array = Any


rule("add")(lambda on, a, b, alpha=1: on.add(a, on.mul(alpha, b)))
rule("sub")(lambda on, a, b, alpha=1: on.sub(a, on.mul(alpha, b)))
rule("rsub")(lambda on, a, b, alpha=1: on.sub(b, on.mul(alpha, a)))
rule("mul")(lambda on, a, b: on.mul(a, b))
rule("neg")(lambda on, a: on.neg(a))
rule("reciprocal")(lambda on, a: on.div(1, a))
rule("log2")(lambda on, a: on.div(on.log(a), on.log(2)))
rule("log10")(lambda on, a: on.div(on.log(a), on.log(10)))
rule("exp2")(lambda on, a: on.exp(on.mul(a, on.log(2))))
rule("rsqrt")(lambda on, a: on.div(1, on.sqrt(a)))
rule("square")(lambda on, a: on.mul(a, a))
rule("sgn")(lambda on, a: on.sign(a))
rule("relu")(lambda on, a: on.choice(on.greater(a, 0), a, 0))
rule("relu6")(lambda on, a: on.minimum(on.maximum(a, 0), 6))
rule("silu")(lambda on, a: on.mul(a, on.function("sigmoid", a)))
rule("log_sigmoid_forward")(lambda on, a: (on.log(on.function("sigmoid", a)), None))
rule("log_sigmoid_backward")(lambda on, grad, a, buffer: on.mul(grad, on.function("sigmoid", on.neg(a))))
rule("hypot")(lambda on, a, b: on.sqrt(on.add(on.mul(a, a), on.mul(b, b))))
rule("special_erfcx")(lambda on, a: on.mul(on.exp(on.mul(a, a)), on.function("erfc", a)))
rule("special_log_ndtr")(lambda on, a: on.log(on.function("normcdf", a)))
rule("special_ndtri")(lambda on, a: on.mul(on.sqrt(2), on.function("erfinv", on.sub(on.mul(2, a), 1))))
rule("xlogy")(lambda on, a, b: on.choice(on.equal(a, 0), 0, on.mul(a, on.log(b))))


@rule("polygamma")
def _polygamma(on: Arrays, n: int, a: Array) -> Array:
    """The derivative number n of digamma: (-1)^(n + 1) n! hurwitz(n + 1, a)."""
    if n == 0:
        return on.function("digamma", a)
    return on.mul((-1) ** (n + 1) * math.factorial(n), on.function("hurwitz", n + 1, a))


@rule("pow")
def _pow(on: Arrays, a: Any, b: Any) -> Array:
    return on.power(a, b)


@rule("special_entr")
def _entr(on: Arrays, a: Array) -> Array:
    below = on.choice(on.equal(a, 0), 0, on.graph.minus_infinity)
    return on.choice(on.greater(a, 0), on.neg(on.mul(a, on.log(a))), below)


@rule("gelu")
def gelu(on: Arrays, a: Array, approximate: str = "none") -> Array:
    """X Phi(x), or the approximation by tanh."""
    half = Fraction(1, 2)
    if approximate == "tanh":
        inner = on.mul(
            on.sqrt(on.div(2, on.graph.pi)), on.add(a, on.mul(Fraction(44715, 1000000), on.power(a, Fraction(3))))
        )
        return on.mul(on.mul(half, a), on.add(1, on.function("tanh", inner)))
    return on.mul(on.mul(half, a), on.add(1, on.function("erf", on.div(a, on.sqrt(2)))))


@rule("softplus")
def _softplus(on: Arrays, a: Array, beta: float = 1, threshold: float = 20) -> Array:
    """As mathematics has it: torch's threshold is a matter of rounding."""
    return on.div(on.log(on.add(1, on.exp(on.mul(beta, a)))), beta)


@rule("mish")
def _mish(on: Arrays, a: Array) -> Array:
    return on.mul(a, on.function("tanh", on.log(on.add(1, on.exp(a)))))


@rule("elu")
def _elu(on: Arrays, a: Array, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Array:
    below = on.mul(on.mul(alpha, scale), on.sub(on.exp(on.mul(input_scale, a)), 1))
    return on.choice(on.greater(a, 0), on.mul(scale, a), below)


@rule("softplus_backward")
def _softplus_backward(on: Arrays, grad: Array, a: Array, beta: float, threshold: float) -> Array:
    return on.mul(grad, on.function("sigmoid", on.mul(beta, a)))


@rule("softshrink")
def _softshrink(on: Arrays, a: Array, size: float = 0.5) -> Array:
    return on.choice(on.greater(a, size), on.sub(a, size), on.choice(on.greater(on.neg(size), a), on.add(a, size), 0))


@rule("leaky_relu")
def _leaky_relu(on: Arrays, a: Array, slope: float = 0.01) -> Array:
    return on.choice(on.greater(a, 0), a, on.mul(slope, a))


@rule("rrelu_with_noise")
def _rrelu(on: Arrays, a: Array, noise: Any, lower: float = 1 / 8, upper: float = 1 / 3, *training: Any) -> Array:
    if any(training):
        raise CannotExecute("random slopes; pass training=False")
    return _leaky_relu(on, a, on.div(on.add(lower, upper), 2))


@rule("threshold")
def _threshold(on: Arrays, a: Array, threshold: float, value: float) -> Array:
    return on.choice(on.greater(a, threshold), a, value)


@rule("threshold_backward")
def _threshold_backward(on: Arrays, grad: Array, a: Array, threshold: float) -> Array:
    return on.choice(on.greater(a, threshold), grad, 0)


@rule("sigmoid_backward")
def _sigmoid_backward(on: Arrays, grad: Array, y: Array) -> Array:
    return on.mul(grad, on.mul(y, on.sub(1, y)))


@rule("tanh_backward")
def _tanh_backward(on: Arrays, grad: Array, y: Array) -> Array:
    return on.mul(grad, on.sub(1, on.mul(y, y)))


rule("maximum", "max_other", "fmax")(lambda on, a, b: on.maximum(a, b))
rule("minimum", "min_other", "fmin")(lambda on, a, b: on.minimum(a, b))


@rule("clamp", "clip", "hardtanh")
def _clamp(on: Arrays, a: Array, min: Any = None, max: Any = None, min_val: Any = None, max_val: Any = None) -> Array:
    low, high = min if min is not None else min_val, max if max is not None else max_val
    found = on.number(a)
    found = found if low is None else on.maximum(found, low)
    return found if high is None else on.minimum(found, high)


rule("clamp_min")(lambda on, a, min: on.maximum(a, min))
rule("clamp_max")(lambda on, a, max: on.minimum(a, max))


rule("gt", "greater")(lambda on, a, b: on.greater(a, b))
rule("lt", "less")(lambda on, a, b: on.greater(b, a))
rule("ge", "greater_equal")(lambda on, a, b: on.at_least(a, b))
rule("le", "less_equal")(lambda on, a, b: on.at_least(b, a))
rule("eq")(lambda on, a, b: on.equal(a, b))
rule("ne", "not_equal")(lambda on, a, b: on.negation(on.equal(a, b)))
rule("logical_not", "bitwise_not")(lambda on, a: on.negation(a))
rule("logical_and", "bitwise_and")(lambda on, a, b: on.both(a, b))
rule("logical_or", "bitwise_or")(lambda on, a, b: on.either(a, b))
rule("logical_xor", "bitwise_xor")(lambda on, a, b: on.either(on.both(a, on.negation(b)), on.both(on.negation(a), b)))
rule("where")(lambda on, c, a, b: on.choice(c, a, b))
rule("masked_fill")(lambda on, a, mask, value: on.choice(mask, value, a))
rule("isnan", "isinf")(lambda on, a: on.filled(a.shape, value=False))
rule("isfinite")(lambda on, a: on.filled(a.shape, value=True))
rule("nan_to_num")(lambda on, a, nan=None, posinf=None, neginf=None: a)
