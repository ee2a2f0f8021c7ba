"""The benchmark's contestants do the same steps: each of ours, eager torch and numpy by hand."""

import numpy as np
import pytest

from scratchgrad.bench.harness import Measured
from scratchgrad.bench.ours import OURS
from scratchgrad.bench.peers import PEERS
from scratchgrad.bench.problem import BATCHES, Problem, named
from scratchgrad.bench.report import markdown, table


@pytest.mark.filterwarnings("ignore::scratchgrad.program.runner.NativeFallback")
@pytest.mark.parametrize("name", [*(n for n in OURS if n != "floor"), "eager", "eager, foreach", "eager, fused"])
def test_a_contestant_goes_the_way_of_numpy_by_hand(name):
    problem = Problem((12, 9, 9, 9, 9, 5), 10, "float64")
    contestant, witness = ({**OURS, **PEERS}[n](problem) for n in (name, "numpy by hand"))
    try:
        for k in range(12):
            contestant.step(k % BATCHES)
            witness.step(k % BATCHES)
        for got, want in zip(contestant.parameters(), witness.parameters(), strict=True):
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)
    finally:
        if hasattr(contestant, "mode"):
            contestant.mode.__exit__(None, None, None)


def test_problems_have_names_or_sizes():
    assert str(named("d")) == "32 layers of 64 B32"
    assert str(named("784-256-10x64")) == "784-256-10 B64" == str(named("b1"))


def test_tables_have_ratios_to_eager_and_to_the_floor_and_say_who_is_missing():
    group = [Measured("a", "eager", 300.0), Measured("a", "program", 30.0, build=0.5), Measured("a", "floor", 10.0)]
    group.append(Measured("a", "JAX jit", failure="not installed: jax"))
    assert table(group)[1] == ("program", "30 us", "10.0", "3.00", "0.5 s")
    text = markdown([group])
    assert "| program | **10.0** / 3.00 (30 us) |" in text
    assert "JAX jit: not installed: jax." in text
