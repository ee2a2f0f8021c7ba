"""The contestants do the same steps as the witness: each of ours, and eager torch, on every kind of network."""

import numpy as np
import pytest
import torch

from scratchgrad.bench.floor import Floor
from scratchgrad.bench.kinds import Cnn, Mlp, Transformer
from scratchgrad.bench.ours import OURS
from scratchgrad.bench.problem import BATCHES, Skipped
from scratchgrad.bench.serving import objection, witness
from scratchgrad.program.native import compiler

PROBLEMS = [Mlp(10, "float64", sizes=(12, 9, 9, 9, 9, 5)), Cnn(3, "float64"), Transformer(3, "float64")]
STEPPERS = [n for n in OURS if not n.startswith("floor")]


def steps(contestant, n):
    for k in range(n):
        contestant.step(k % BATCHES)
    return contestant.parameters()


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.kind)
@pytest.mark.parametrize("name", [*STEPPERS, "eager", "eager, foreach", "eager, fused"])
def test_a_contestant_goes_the_way_of_the_witness(start, problem, name):
    want = steps(start(problem, problem.witness), 6)
    try:
        found = start(problem, name)
    except Skipped as reason:
        assert name == "native" and ("convolution" in str(reason) or compiler() is None)
        return
    for got, wanted in zip(steps(found, 6), want, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-11)


def test_numpy_by_hand_and_autograd_are_witnesses_of_one_another(start):
    problem = PROBLEMS[0]
    for got, want in zip(*(steps(start(problem, n), 6) for n in ("numpy by hand", "eager")), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)


def test_a_contestant_that_goes_another_way_is_not_timed(start, tmp_path, monkeypatch):
    class Slower(OURS["tape"]):
        def prepare(self, problem):
            self.sgd.lr *= 1.001

    monkeypatch.setitem(OURS, "slower", Slower)
    problem, file = PROBLEMS[0], str(tmp_path / "witness.npz")
    witness(problem, problem.witness, file)
    with torch.inference_mode():
        assert "after 20 steps: not timed" in objection(problem, "slower", file, 1)
        assert objection(problem, "numpy by hand", file, 1) == ""


@pytest.mark.skipif(compiler() is None, reason="no C compiler")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_floor_from_C_makes_the_same_products(start, dtype):
    problem = Mlp(3, dtype, sizes=(5, 7, 4, 2))
    here, there = start(problem, "floor"), start(problem, "floor, from C")
    for _ in range(2):
        here.step(0)
        there.step(0)
    changed = [not torch.equal(a, b) for a, b in zip(here.parameters(), Floor(problem).parameters(), strict=True)]
    assert changed == [True] * 5 + [False] * 3  # a weight is 1e-30 of its gradient away
    for got, want in zip(there.parameters(), here.parameters(), strict=True):
        torch.testing.assert_close(got, want)


def test_a_network_of_other_layers_has_no_floor_and_nobody_has_written_it_by_hand(start):
    with pytest.raises(Skipped, match="there is no floor for a cnn"):
        start(PROBLEMS[1], "floor")
    with pytest.raises(Skipped, match="nobody has written a transformer by hand"):
        start(PROBLEMS[2], "numpy by hand")


def test_without_a_compiler_native_is_skipped_with_the_reason_and_leaves_inference_mode(start, monkeypatch):
    monkeypatch.setattr("scratchgrad.program.native.build.compiler", lambda: None)
    for name, reason in (("native", "not compiled: there is no C compiler"), ("floor, from C", "there is no C")):
        with pytest.raises(Skipped, match=reason):
            start(PROBLEMS[0], name)
    assert not torch.is_inference_mode_enabled()
