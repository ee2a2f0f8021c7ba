"""Whatever somebody types, the answer is a gradient that differences confirm, or an error of ours in words."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from scratchgrad.gradients import Gradients, derive
from scratchgrad.notation.limits import LimitReached, limits
from tests.notation.fuzzing import mutated, text

SECONDS = 3.0  # of computing, for each piece of work
STEP = 1e-4


def drawn(seed: int) -> str:
    """The text with this number: two of three right."""
    random = Random(seed)
    written = text(random)
    return mutated(written, random) if seed % 3 == 2 else written


def derived(written: str) -> Gradients | None:
    """The gradients in all their forms, written in all ways; None after an error of ours that says something."""
    try:
        with limits(seconds=SECONDS):
            gradients = derive(written)
            for name in gradients:
                one = gradients[name]
                assert one.text
                assert str(one.form)
                assert str(one.batched_form)
                assert str(one.local)
                assert one.latex()
            assert repr(gradients)
    except Exception as error:
        kind = type(error)
        assert kind.__module__.startswith("scratchgrad"), f"{written!r}: raw {kind.__name__}: {error}"
        assert len(str(error)) > 20, f"{written!r}: {kind.__name__} says only {str(error)!r}"
        return None
    return gradients


def slopes(gradients: Gradients, name: str, random: np.random.Generator) -> list[tuple[float, float]]:
    """The slope of J along one direction at several points: predicted, and by differences where two steps agree."""
    found: list[tuple[float, float]] = []
    definition = gradients.definition
    for low, high in ((0.5, 1.5), (-1.5, 1.5), (0.1, 0.4)):
        sizes: dict[object, int] = {}
        shapes = {
            t.name: [int(i.size) if i.size.is_Integer else sizes.setdefault(i.size, 3 + len(sizes)) for i in t.indices]
            for t in (*definition.inputs, *definition.outputs)
        }
        point = {
            t.name: random.integers(0, 2, shapes[t.name]) if t.integer else random.uniform(low, high, shapes[t.name])
            for t in definition.inputs
        }
        upstream = {o.name: random.uniform(-1, 1, shapes[o.name]) for o in definition.outputs}
        way = random.uniform(-1, 1, shapes[name])

        def objective(shift: float, point=point, upstream=upstream, way=way) -> float:
            values = gradients.forward({**point, name: point[name] + shift * way})
            return float(sum(np.sum(values[o] * g) for o, g in upstream.items()))

        with np.errstate(all="ignore"):
            here = objective(0.0)
            near, far = ((objective(h) - objective(-h)) / (2 * h) for h in (STEP, 4 * STEP))
            sides = [(objective(h) - here) / h for h in (STEP, -STEP)]
            predicted = float(np.sum(gradients[name].evaluate(upstream, point) * way))
        tame = abs(here) < 1e4 and np.isfinite([near, far, *sides, predicted]).all()
        if tame and abs(near - far) < 1e-4 * (1 + abs(near)) and abs(sides[0] - sides[1]) < 0.02 * (1 + abs(near)):
            found.append((predicted, near))
    return found


def check(seed: int) -> None:
    """Fails where the text's answer is neither right nor an error in words."""
    written = drawn(seed)
    gradients = derived(written)
    if gradients is None:
        return
    random = np.random.default_rng(seed)
    for name in gradients:
        try:
            with limits(seconds=SECONDS):
                found = slopes(gradients, name, random)
        except LimitReached:
            continue
        except ValueError as error:
            assert type(error).__module__.startswith("scratchgrad"), f"{written!r}: raw {error!r}"
            continue
        wrong = [pair for pair in found if abs(pair[0] - pair[1]) > 1e-2 * (1 + abs(pair[1]))]
        assert not wrong or len(wrong) < len(found), f"seed {seed}: {written!r}: grad_{name}: slope {wrong}"


@pytest.mark.parametrize("start", range(0, 150, 50))
def test_every_text_ends_in_a_right_gradient_or_in_words(start):
    for seed in range(start, start + 50):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 11000, 100))
def test_ten_thousand_texts_end_in_right_gradients_or_in_words(start):
    for seed in range(start, start + 100):
        check(seed)
