"""The results page: what was measured stands there, sections that were not are left out; time to an accuracy."""

import argparse
import json
from pathlib import Path

import pytest
import torch

from scratchgrad.program.native import compiler
from scratchgrad.train.data import load_data

FOLDER = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="a source distribution has no benchmarks/")


@pytest.fixture
def script(monkeypatch):
    """script("page"): the module of this name in benchmarks/."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return __import__


def section(found):
    return {"when": "2026-01-01", "machine": "a machine", "seconds": 1, "found": found}


def group(problem, **times):
    return [{"problem": problem, "contestant": n.replace("_", " "), "microseconds": t} for n, t in times.items()]


def test_the_page_in_the_repository_is_the_one_that_its_figures_make(script):
    kept = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
    assert (FOLDER / "RESULTS.md").read_text(encoding="utf-8") == script("page").page(kept)


def test_a_section_that_was_not_measured_is_left_out_and_the_data_set_says_how_to_get_it(script):
    text = script("page").page({"steps": section({"a": group("64-32-10 B32", eager=300.0, program=30.0, floor=10.0)})})
    assert "| program | **10.0** / 3.00 (30 us) |" in text
    assert "Faster than program: nobody." in text
    assert "apt install dataset-fashion-mnist" in text
    assert "## Peak memory" not in text


def test_who_is_faster_than_ours_is_said(script):
    found = {"x": group("small CNN B8", eager=300.0, JAX_jit=20.0, program=30.0)}
    text = script("page").page({"architectures": section(found)})
    assert "Faster than program: JAX jit (1.50 times at small CNN B8)." in text
    assert "/ -" not in text


def test_aims_stand_beside_what_was_measured_and_say_by_how_much_they_are_missed(script):
    times = {"eager": 1200.0, "program": 600.0, "native": 400.0, "floor": 500.0, "floor, from C": 390.0}
    text = script("page").page({"steps": section({"b1": group("784-256-10 B64", **times)})})
    assert "| 784-256-10 B64 | 2.4: 2, 17 % short | 2.6: 3 | 15 %: 20.0 %, missed | 8 %: 2.6 % |" in text


def test_a_network_whose_lowering_loads_sympy_is_named(script):
    text = script("page").page({"lowering": section([["a B32", 15.0, False], ["small CNN B32", 494.0, True]])})
    assert "SymPy not loaded but for torch's own shape rules (small CNN B32)." in text
    assert "| small CNN B32 | 494 ms |" in text


def test_memory_has_the_least_that_must_live_by_the_plan_and_says_who_is_missing(script):
    found = [
        {"contestant": "program", "peak": 520.4, "parameters": 252.3, "bound": 256.04},
        {"contestant": "JAX jit", "failure": "not installed: jax"},
    ]
    text = script("page").page({"memory": section(found)})
    assert "| program | 520 | 268 | 256 |" in text
    assert "| JAX jit | - | not installed: jax |" in text


def test_goals_that_no_seed_or_not_every_seed_reaches_are_not_given_a_time(script):
    accuracy = script("accuracy")
    assert accuracy.reached([1.0, 2.0, 4.0], [0.8, 0.871, 0.87], 0.87) == (3.0, 2)
    assert accuracy.reached([1.0, 2.0], [0.8, 0.86], 0.87) is None
    hit = accuracy.spread([(3.0, 2), (5.0, 3), (4.0, 2)])
    assert hit == {"median": 4.0, "least": 3.0, "most": 5.0, "epochs": 2}
    table = {"eager": {"best": [0.9], "87 %": hit, "88 %": None}, "native": {"failure": "not compiled"}}
    text = script("page").page({"accuracy": section({"seeds": 3, "epochs": 10, "table": table})})
    assert "| eager | 4.0 (3.0 to 5.0) | 2 | - | not in 10 | 90.00 |" in text
    assert "not compiled" in text


@pytest.mark.parametrize("name", ["program", "native"])
def test_in_float64_fit_and_torchs_tutorial_have_the_same_accuracy_after_every_epoch(script, name):
    if name == "native" and compiler() is None:
        pytest.skip("no C compiler")
    accuracy, data = script("accuracy"), load_data("digits", dtype=torch.float64)
    found, wanted = (accuracy.trained(n, data, seed=1, epochs=3) for n in (name, "eager"))
    assert found[1] == wanted[1]
    assert found[1][-1] > 0.9
    assert len(found[0]) == 3


def test_every_plot_is_drawn_from_what_is_kept(script, tmp_path):
    kept = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
    script("plots").draw(kept, tmp_path)
    names = {"steps": "results", "architectures": "architectures", "scaling": "scaling"}
    assert {p.stem for p in tmp_path.glob("*.svg")} == {plot for s, plot in names.items() if s in kept}


def test_networks_measured_before_stay_in_the_usual_order(script):
    assert list(script("results").beside({"a": 1, "d": 2, "b1": 3}, {"b2": 4, "a": 5})) == ["a", "b1", "b2", "d"]


def test_an_unknown_section_is_refused_with_those_that_there_are(script):
    results = script("results")
    assert results.chosen("steps, memory") == ["steps", "memory"]
    with pytest.raises(argparse.ArgumentTypeError, match=r"no section 'speed'; there are steps, architectures"):
        results.chosen("speed")
