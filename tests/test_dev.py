import json

import pytest

import dev

INPUTS = {"pyproject.toml": b"[project]", "constraints.txt": b"torch==2.13.0"}


def test_the_same_inputs_have_the_same_fingerprint_in_whatever_order():
    assert dev.fingerprint("3.11", INPUTS, "v") == dev.fingerprint("3.11", dict(reversed(INPUTS.items())), "v")


@pytest.mark.parametrize(
    ("python", "inputs", "place"),
    [
        ("3.12", INPUTS, "v"),
        ("3.11", INPUTS, "elsewhere"),
        ("3.11", {**INPUTS, "pyproject.toml": b"[project] "}, "v"),
        ("3.11", {**INPUTS, "constraints.txt": b"torch==2.14.0"}, "v"),
        ("3.11", {"pyproject.toml": b"[project]"}, "v"),
        ("3.1", INPUTS, "1v"),
    ],
)
def test_another_python_another_place_or_other_packages_have_another_fingerprint(python, inputs, place):
    assert dev.fingerprint(python, inputs, place) != dev.fingerprint("3.11", INPUTS, "v")


def test_a_stamp_says_which_extras_are_there():
    stamp = json.dumps({"fingerprint": "abc", "extras": ["pdf", "testing"]})
    assert dev.installed_extras(stamp, "abc") == {"pdf", "testing"}


@pytest.mark.parametrize("stamp", [None, "", "{", "[]", "{}", '{"fingerprint": "old", "extras": []}', '"abc"'])
def test_a_stamp_that_is_missing_broken_or_old_says_nothing(stamp):
    assert dev.installed_extras(stamp, "abc") is None


def test_constraints_pin_the_version_of_torch():
    assert dev.pinned("# torch==1.0\nnumpy==2.4.6\ntorch==2.13.0\ntorchtext==9\n", "torch") == "2.13.0"
    assert dev.pinned(dev.CONSTRAINTS.read_text(), "torch")


def test_a_package_without_a_pin_is_named():
    with pytest.raises(dev.SetupFailed, match=r"constraints.txt pins no torch; add a line torch==VERSION"):
        dev.pinned("numpy==2.4.6", "torch")


def test_on_linux_torch_comes_from_wheels_at_hand_then_the_cpu_index_then_pips_own():
    at_hand, cpu_index, own = [arguments for _, arguments in dev.torch_attempts("2.13.0", linux=True, cuda=False)]
    assert at_hand == ["--no-index", "--no-deps", "torch==2.13.0+cpu"]
    assert cpu_index[0] == "--no-deps"
    assert cpu_index[1:] == [
        "--index-url", "https://download.pytorch.org/whl/cpu", "--retries", "0", "--timeout", "10", "torch==2.13.0+cpu",
    ]  # fmt: skip
    assert own == ["torch==2.13.0"]


def test_an_attempt_that_may_fail_never_asks_for_a_build_with_cuda():
    for _, arguments in dev.torch_attempts("2.13.0", linux=True, cuda=False)[:-1]:
        assert arguments[-1].endswith("+cpu")


def test_who_wants_cuda_gets_torch_from_pips_own_index_only():
    assert [arguments for _, arguments in dev.torch_attempts("2.13.0", linux=True, cuda=True)] == [["torch==2.13.0"]]


def test_elsewhere_than_on_linux_the_cpu_index_is_not_asked():
    attempts = dev.torch_attempts("2.13.0", linux=False, cuda=False)
    assert [arguments[-1] for _, arguments in attempts] == ["torch==2.13.0+cpu", "torch==2.13.0"]


def test_an_unknown_command_is_refused_with_the_two_there_are(capsys):
    with pytest.raises(SystemExit):
        dev.main(["dmeo"])
    assert "demo" in capsys.readouterr().err


def test_a_set_up_that_fails_ends_with_its_message_and_a_status(monkeypatch, capsys):
    def fail(extras):
        raise dev.SetupFailed("set-up: torch could not be installed")

    monkeypatch.setattr(dev, "set_up", fail)
    assert dev.main(["test"]) == 1
    assert capsys.readouterr().out == "set-up: torch could not be installed\n"


def test_every_source_is_tried_in_turn_and_the_failure_of_all_says_what_to_do(monkeypatch):
    tried = []
    monkeypatch.setattr(dev, "PYTHON", dev.sys.executable)
    monkeypatch.setattr(dev, "pinned", lambda text, package: "0.0.0")
    monkeypatch.setattr(dev.sys, "platform", "linux")
    monkeypatch.delenv("SCRATCHGRAD_CUDA", raising=False)
    monkeypatch.setattr(dev, "pip", lambda *arguments, quiet=False: bool(tried.append((arguments[-1], quiet))))
    with pytest.raises(dev.SetupFailed, match=r"torch 0\.0\.0 could not be installed on Python .* \(PIP_FIND_LINKS\)"):
        dev.install_torch()
    assert tried == [("torch==0.0.0+cpu", True), ("torch==0.0.0+cpu", True), ("torch==0.0.0", False)]
