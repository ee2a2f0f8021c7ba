"""What is said about the outputs at a kink is true: of functions written out in mpmath, and of every room.

For each kink that is reported, the function is approached from both sides at 50 digits.  For each room, kinks are
looked for along lines through its inputs without knowing where they should be: each that is found must be named.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from scratchgrad import registry
from scratchgrad.calculus.kinks import Kink, kinks
from scratchgrad.calculus.places import Places
from scratchgrad.gradients import derive
from scratchgrad.notation.binding import bound, free_indices
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.exact_arithmetic import Exact
from scratchgrad.notation.language import define_layer
from scratchgrad.notation.nodes import MaxOver

STEP = mpmath.mpf(10) ** -25
mp = mpmath

with mp.workdps(60):
    LOG_2, ROOT_2 = mp.log(2), mp.cbrt(2)

# the text, the same function, and for each of its places: where, what the outputs do, their derivative there
COLLECTION: list[tuple[str, Callable[[Any], Any], list[tuple[Any, str]]]] = [
    ("h = u/(1 + abs(u))", lambda u: u / (1 + abs(u)), [(0, "differentiable")]),
    ("h = u*abs(u)", lambda u: u * abs(u), [(0, "differentiable")]),
    ("h = abs(u)**3", lambda u: abs(u) ** 3, [(0, "differentiable")]),
    ("h = max(u, 0)**2", lambda u: max(u, 0) ** 2, [(0, "differentiable")]),
    ("h = max(u, 0) + min(u, 0)", lambda u: u, [(0, "differentiable"), (0, "differentiable")]),
    ("h = abs(u)", abs, [(0, "kink")]),
    ("h = abs(2*u - 3)", lambda u: abs(2 * u - 3), [(1.5, "kink")]),
    ("h = max(u, u**2 - 2)", lambda u: max(u, u * u - 2), [(2, "kink"), (-1, "kink")]),
    ("h = min(u, 3)", lambda u: min(u, 3), [(3, "kink")]),
    ("h = where(u > 0, u, u/4)", lambda u: u if u > 0 else u / 4, [(0, "kink")]),
    ("h = where(u > 0, u, sin(u))", lambda u: u if u > 0 else mp.sin(u), [(0, "differentiable")]),
    ("h = where(u > 0, u, exp(u) - 1)", lambda u: u if u > 0 else mp.exp(u) - 1, [(0, "differentiable")]),
    ("h = where(u == 0, 1, sin(u)/u)", lambda u: mp.sin(u) / u if u else mp.mpf(1), [(0, "differentiable")]),
    ("h = where(u == 0, 2, sin(u)/u)", lambda u: mp.sin(u) / u if u else mp.mpf(2), [(0, "jump")]),
    ("h = where(exp(u) > 2, u, 0)", lambda u: u if mp.exp(u) > 2 else mp.mpf(0), [(LOG_2, "jump")]),
    ("h = where(u**3 > 2, u - 1, 0)", lambda u: u - 1 if u**3 > 2 else mp.mpf(0), [(ROOT_2, "jump")]),
    ("h = sign(u)", mp.sign, [(0, "jump")]),
    ("h = sign(u)*u", abs, [(0, "kink")]),
    ("h = sqrt(abs(u))", lambda u: mp.sqrt(abs(u)), [(0, "infinite"), (0, "infinite")]),
    ("h = abs(u)**(1/10)", lambda u: abs(u) ** mp.mpf("0.1"), [(0, "infinite"), (0, "infinite")]),
    ("h = abs(abs(u) - 1)", lambda u: abs(abs(u) - 1), [(1, "kink"), (0, "kink")]),
    ("h = log(1 + exp(-abs(u))) + max(u, 0)", lambda u: mp.log(1 + mp.exp(u)), [(0, "differentiable")] * 2),
    (
        "h = where(u < 0, 0, where(u < 1, u**2/2, u - 1/2))",
        lambda u: max(0, min(u, 1)) ** 2 / 2 + max(u, 1) - 1,
        [(0, "differentiable"), (1, "differentiable")],
    ),
    ("h = exp(-abs(u))", lambda u: mp.exp(-abs(u)), [(0, "kink")]),
    ("h = cos(abs(u))", mp.cos, [(0, "differentiable")]),
    ("h = tanh(max(u, -1))", lambda u: mp.tanh(max(u, -1)), [(-1, "kink")]),
]  # fmt: skip


def sides(f: Callable[[Any], Any], at: Any) -> tuple[Any, Any, Any]:
    """The slopes before and behind a point, and how far the function jumps there."""
    ends = [f(at + k * STEP) for k in (-2, -1, 1, 2)]
    jump = max(abs(ends[2] - ends[1]), abs(f(mp.mpf(at)) - ends[1]) if mp.mpf(at) == at and at in (0, 1, -1) else 0)
    return (ends[1] - ends[0]) / STEP, (ends[3] - ends[2]) / STEP, jump


def does(f: Callable[[Any], Any], at: Any) -> str:
    """What a function of one number does at a point, by its values there and beside."""
    with mp.workdps(50):
        before, behind, jump = sides(f, mp.mpf(at))
        if jump > mp.mpf(10) ** -2:
            return "jump"
        if max(abs(before), abs(behind)) > 10**6:
            return "infinite"
        return "differentiable" if abs(before - behind) < mp.mpf(10) ** -15 else "kink"


@pytest.mark.parametrize(("text", "f", "places"), COLLECTION, ids=[text for text, _, _ in COLLECTION])
def test_what_is_said_of_the_output_is_what_the_function_does(text: str, f: Any, places: Any) -> None:
    found = kinks(derive(text).definition)
    assert {kink.whole.verdict for kink in found} == {verdict for _, verdict in places}
    for at, verdict in places:
        assert does(f, at) == verdict
    with mp.workdps(50):
        for kink in found:
            if kink.whole.derivative is not None and len({at for at, _ in places}) == 1:
                slope = mp.mpf(kink.whole.derivative.p) / kink.whole.derivative.q
                assert abs(sides(f, mp.mpf(places[0][0]))[0] - slope) < mp.mpf(10) ** -15


@pytest.mark.parametrize(("text", "f", "places"), COLLECTION, ids=[text for text, _, _ in COLLECTION])
def test_where_nothing_is_said_both_sides_agree(text: str, f: Any, places: Any) -> None:
    random = np.random.default_rng(3)
    for at in random.uniform(-3, 3, 40):
        assert does(f, mp.mpf(float(at))) == "differentiable"


@pytest.mark.parametrize(("text", "f", "places"), COLLECTION, ids=[text for text, _, _ in COLLECTION])
def test_the_convention_gives_the_derivative_unless_it_is_said_not_to(text: str, f: Any, places: Any) -> None:
    gradients = derive(text)
    for kink in kinks(gradients.definition):
        if kink.whole.verdict != "differentiable" or kink.whole.derivative is None:
            continue
        at = {at for at, _ in places}
        if len(at) == 1:
            got = gradients["u"].evaluate({"h": np.ones(())}, {"u": np.array(float(*at))})
            assert (abs(float(got) - float(kink.whole.derivative)) < 1e-12) is (kink.whole.formula is True)


# -- the rooms: kinks that a scan finds lie where one is named

SIZES_APART = 1e-5


def slope(places: Places, point: dict[str, Any], direction: dict[str, Any], at: Fraction) -> Any:
    """The slopes of all outputs along a line, on a very short piece of it."""

    def outputs(by: Fraction) -> Any:
        moved = {n: values if n not in direction else values + direction[n] * by for n, values in point.items()}
        valuation = places.forward(moved, Exact(50))
        return np.concatenate([np.ravel(valuation.tensors[o.name]) for o in places.definition.outputs])

    step = Fraction(1, 10**20)
    with mp.workdps(50):
        return [
            float((number(b) - number(a)) / number(step)) for a, b in zip(outputs(at), outputs(at + step), strict=True)
        ]


def number(value: Any) -> Any:
    return mp.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else mp.mpf(value)


def apart(a: list[float], b: list[float]) -> float:
    return max((abs(p - q) for p, q in zip(a, b, strict=True)), default=0.0)


def scan(definition: Definition, seed: int) -> tuple[Places, list[dict[str, Any]]]:
    """Points on a random line at which the slope of an output changes suddenly."""
    places, random = Places(definition), np.random.default_rng(seed)
    point = places._draw(random, -2.0, 2.0)
    direction = {
        t.name: np.asarray(random.integers(-40, 41, np.shape(point[t.name])), dtype=object) * Fraction(1, 97)
        for t in definition.inputs
        if t.domain.is_reals
    }
    grid = [Fraction(n, 4) + Fraction(1, 1013) for n in range(-6, 7)]
    slopes = [slope(places, point, direction, at) for at in grid]
    cells = sorted(range(len(grid) - 1), key=lambda n: -apart(slopes[n], slopes[n + 1]))[:2]
    found = []
    for n in cells:
        low, high, left, right = grid[n], grid[n + 1], slopes[n], slopes[n + 1]
        for _ in range(40):
            middle = (low + high) / 2
            here = slope(places, point, direction, middle)
            if apart(left, here) >= apart(here, right):
                high, right = middle, here
            else:
                low, left = middle, here
            if apart(left, right) < SIZES_APART:
                break
        if apart(left, right) >= SIZES_APART:
            found.append({k: v if k not in direction else v + direction[k] * low for k, v in point.items()})
    return places, found


def lies_on(kink: Kink, at: Valuation) -> bool:
    """Whether a point is at the kink, as near as the scan went."""
    if isinstance(kink.place, MaxOver):
        body, inner = kink.place.args[0], bound(kink.place)
        values = at.value(body, (*free_indices(kink.place), *inner)).astype(float)
        rows = np.sort(values.reshape(-1, int(np.prod(values.shape[-len(inner) :]))))
        return bool((rows[:, -1] - rows[:, -2] < 1e-9).any())
    return bool((np.abs(np.ravel(at.value(kink.place, free_indices(kink.place))).astype(float)) < 1e-9).any())


@pytest.mark.parametrize("name", registry.names())
def test_every_kink_that_a_scan_of_a_room_finds_is_named(name: str) -> None:
    definition = define_layer(registry.layer(name))
    named = [kink for kink in kinks(definition) if kink.real]
    if not Places(definition).small:  # a scan would take minutes
        assert named == [] and "where" not in str(definition)
        return
    places, found = scan(definition, seed=5)
    for point in found:
        at = places.forward(point, Exact(50))
        assert any(lies_on(kink, at) for kink in named), f"{name}: a kink at {point} is not named"


def test_a_scan_finds_the_kinks_of_rooms_that_have_some() -> None:
    hit = [name for name in ("relu", "l1_loss", "hinge", "max_pool2d", "triplet", "prelu", "hardswish", "elu")
           if any(scan(define_layer(registry.layer(name)), seed)[1] for seed in (5, 6, 7))]  # fmt: skip
    assert len(hit) >= 6


# -- the rooms that have kinks, written out in mpmath along one element: what they do there, and what is taken

ALONG: dict[str, tuple[dict[str, Any], str, Callable[[Any], Any], list[tuple[Any, str, float]]]] = {
    "relu": ({"u": [0.0]}, "u", lambda t: max(t, 0), [(0, "kink", 0)]),
    "leaky_relu": ({"u": [0.0], "slope": 0.25}, "u", lambda t: t if t > 0 else t / 4, [(0, "kink", 0.25)]),
    "prelu": ({"u": [0.0], "a": [0.75]}, "u", lambda t: t if t > 0 else 3 * t / 4, [(0, "kink", 0.75)]),
    "elu": ({"u": [0.0], "alpha": 0.5}, "u", lambda t: t if t > 0 else (mp.exp(t) - 1) / 2, [(0, "kink", 0.5)]),
    "hardswish": (
        {"u": [0.0]},
        "u",
        lambda t: t * min(max(t + 3, 0), 6) / 6,
        [(-3, "kink", 0), (3, "kink", 1)],
    ),
    "hinge": ({"v": [0.0], "y": [-1.0]}, "v", lambda t: max(0, 1 + t), [(-1, "kink", 0)]),
    "l1_loss": ({"v": [0.0], "y": [2.0]}, "v", lambda t: abs(t - 2), [(2, "kink", 0)]),
    "huber": (
        {"v": [0.0], "y": [0.0], "d": 1.5},
        "v",
        lambda t: t * t / 2 if abs(t) < 1.5 else mp.mpf(1.5) * (abs(t) - mp.mpf(0.75)),
        [(1.5, "differentiable", 1.5), (-1.5, "differentiable", -1.5), (0, "differentiable", 0)],
    ),
    "triplet": (
        {"a": [0.0], "p": [1.0], "q": [3.0], "margin": 2.0},
        "a",
        lambda t: max(0, (t - 1) ** 2 - (t - 3) ** 2 + 2),
        [(1.5, "kink", 0)],
    ),
    "max_pool2d": ({"x": [[[0.0, 1], [-1, 0]]]}, "x", lambda t: max(t, mp.mpf(1)), [(1, "kink", 0.5)]),
}


@pytest.mark.parametrize("name", ALONG)
def test_what_a_room_does_at_its_kinks_is_said_and_so_is_what_is_taken_there(name: str) -> None:
    tensors, along, f, places = ALONG[name]
    gradients = derive(name)
    output = gradients.definition.outputs[0]
    assert {kink.whole.verdict for kink in gradients.kinks} == {verdict for _, verdict, _ in places}
    for at, verdict, taken in places:
        assert does(f, at) == verdict
        point = {key: np.asarray(values, dtype=float) for key, values in tensors.items()}
        point[along].flat[0] = at
        ones = np.ones(gradients.forward(point)[output.name].shape)
        got = gradients[along].evaluate({output.name: ones}, point)
        assert float(np.ravel(got)[0]) == taken
        values = gradients.valuation(point, {output.name: ones})
        said_there = [
            float(np.ravel(values.labelled(kink.convention.formulas[0]).values)[0])
            for kink in gradients.kinks
            if "the derivative is taken as {}" in kink.convention.words
        ]
        assert not said_there or taken in said_there


def test_every_room_with_a_kink_is_written_out() -> None:
    """kl_div has a slope that is infinite at p = 0, which no number shows; all others stand above."""
    with_kinks = {name for name in registry.names() if derive(name).kinks}
    assert with_kinks - {"kl_div"} == set(ALONG)
