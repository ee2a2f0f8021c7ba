import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

TRAIN = "import sys; sys.argv[1:] = {arguments!r}; from scratchgrad.cli import main; main()"


def parameters(path):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys() if name.startswith("parameter/")}


def test_training_writes_checkpoint_history_and_curves_and_says_how_well_it_classifies(run, tmp_path):
    done = run("train", "--epochs", "2", "--out", "run")
    assert done.exit_code == 0, done.output
    assert {file.name for file in (tmp_path / "run").iterdir()} == {
        "checkpoint.safetensors", "history.json", "curves.png",
    }  # fmt: skip
    accuracy = json.loads((tmp_path / "run" / "history.json").read_text(encoding="utf-8"))[-1]["test_accuracy"]
    assert f"digits: test accuracy {accuracy:.2%} after 2 epochs" in done.stdout
    assert "test accuracy" in done.stdout.splitlines()[0], "the history's table"
    assert "UCI Machine Learning Repository" in " ".join(done.stdout.split())


def test_a_resumed_run_ends_where_an_unbroken_one_does(run):
    assert run("train", "--epochs", "3", "--out", "unbroken", "--dtype", "float64").exit_code == 0
    assert run("train", "--epochs", "1", "--out", "broken", "--dtype", "float64").exit_code == 0
    assert run("train", "--epochs", "3", "--out", "broken", "--dtype", "float64", "--resume").exit_code == 0
    unbroken, broken = (parameters(f"{folder}/checkpoint.safetensors") for folder in ("unbroken", "broken"))
    assert unbroken.keys() == broken.keys()
    assert all(torch.equal(unbroken[name], broken[name]) for name in unbroken)


def test_resuming_with_other_settings_is_refused(run):
    assert run("train", "--epochs", "1", "--out", "run").exit_code == 0
    done = run("train", "--epochs", "2", "--out", "run", "--resume", "--lr", "0.01")
    assert done.exit_code == 2
    assert "CheckpointMismatch: run/checkpoint.safetensors: was written with optimiser" in done.stderr


def test_resuming_where_nothing_is_begins_and_says_so(run):
    done = run("train", "--epochs", "1", "--out", "run", "--resume")
    assert done.exit_code == 0
    assert "run/checkpoint.safetensors: not there yet" in done.stderr


def test_targets_that_are_real_numbers_train_the_regression_form(run, tmp_path):
    random = np.random.default_rng(3)
    X = random.normal(size=(64, 3))
    np.savez(tmp_path / "plane.npz", X=X, y=X @ [1.0, -2.0, 0.5])
    done = run("train", "--data", "plane.npz", "--epochs", "2", "--lr", "0.01", "--out", "run")
    assert done.exit_code == 0, done.output
    assert "plane: objective " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--momentum", "1"], "expected a number from 0 to below 1, got 1"),
        (
            ["--schedule", "linear"],
            "expected constant, cosine, or step:EVERY[:FACTOR], such as step:10:0.5, got 'linear'",
        ),
        (["--schedule", "step:0"], "such as step:10:0.5, got 'step:0'"),
        (["--data", "nowhere.npz"], "DataNotFound: no data set 'nowhere.npz'"),
        (["--data", "mnist", "--data-dir", "."], "DataNotFound: mnist: not found."),
        (["--epochs", "0"], "--epochs"),
        (["--lr", "1e30", "--epochs", "3"], "Diverged: epoch 1"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_message(run, arguments, message, monkeypatch):
    monkeypatch.delenv("SCRATCHGRAD_DATA", raising=False)
    done = run("train", "--out", "run", *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", "").split())


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step:1", "step:1:0.5"])
def test_every_schedule_trains(run, schedule):
    assert run("train", "--epochs", "1", "--hidden", "4", "--schedule", schedule, "--out", "run").exit_code == 0


def test_training_loads_no_sympy_from_us(interpreter):
    arguments = ["train", "--epochs", "1", "--out", "run"]
    code = "import torch, sys\nbefore = set(sys.modules)\n" + TRAIN.format(arguments=arguments).replace(
        "main()", "\ntry:\n    main()\nfinally:\n    print(*set(sys.modules) - before, file=sys.stderr)"
    )
    done = interpreter(code)
    assert done.returncode == 0, done.stderr
    assert not {name.partition(".")[0] for name in done.stderr.split()} & {"sympy", "mpmath", "jinja2"}
    assert "scratchgrad.certificate" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals differ there")
def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(tmp_path):
    arguments = ["train", "--epochs", "100000", "--out", "run"]
    with subprocess.Popen(
        [sys.executable, "-c", TRAIN.format(arguments=arguments)], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        patience = time.monotonic() + 60
        while not (tmp_path / "run" / "checkpoint.safetensors").exists() and time.monotonic() < patience:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert " ".join(errors.split()).endswith(
        "stopped; run/checkpoint.safetensors holds the run so far. The same command with --resume goes on from there."
    )
