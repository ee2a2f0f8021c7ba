import json
import subprocess
import sys

import pytest

SQUARE = """
from scratchgrad.layer import Layer

square = Layer("square", "u[i] -> h[i]")

@square.define
def definition(s):
    u, h = s.tensors
    return s.eq(h[s.i], u[s.i] ** 2)

@square.kernel
class Kernel:
    @staticmethod
    def forward(u):
        return u * u, u

    @staticmethod
    def backward(u, grad_h):
        return {factor} * grad_h * u
"""


@pytest.fixture
def square(tmp_path):
    """The file square.py, whose backward has this factor; 2 is right."""
    return lambda factor: (tmp_path / "square.py").write_text(SQUARE.format(factor=factor), encoding="utf-8")


def test_a_certified_layer_has_its_certificate_in_the_cache(run, tmp_path):
    done = run("certify", "add")
    assert done.exit_code == 0
    assert "add accepted" in " ".join(done.stdout.split())
    (written,) = (tmp_path / "cache").rglob("add.json")
    assert json.loads(written.read_text(encoding="utf-8"))["layer"] == "add"


def test_a_layer_of_a_file_is_certified(run, tmp_path, square):
    square(2)
    done = run("certify", "--file", "square.py:square")
    assert done.exit_code == 0, done.output
    assert "square accepted" in " ".join(done.stdout.split())
    assert [*(tmp_path / "cache").rglob("square.json")]


def test_a_layer_of_a_file_without_a_kernel_trains_in_another_process_once_it_is_certified(run, tmp_path):
    def write(power):
        (tmp_path / "power.py").write_text(
            "from scratchgrad.layer import Layer\n"
            "power = Layer('power', 'u[i] -> h[i]')\n"
            "@power.define\n"
            "def definition(s):\n"
            "    u, h = s.tensors\n"
            f"    return s.eq(h[s.i], u[s.i]**{power})\n",
            encoding="utf-8",
        )

    trains = (
        "import scratchgrad as sg; from power import power; net = sg.Network(); "
        "net.add(power, net.input('u', 1)); print(net.forward([3.0])['h'].item())"
    )

    def train():
        return subprocess.run([sys.executable, "-c", trains], cwd=tmp_path, capture_output=True, text=True, check=False)

    write(2)
    assert run("certify", "--file", "power.py:power").exit_code == 0
    assert train().stdout == "9.0\n"
    write(3)
    assert "its definition or its kernel has changed since it was certified" in train().stderr
    assert run("certify", "--file", "power.py:power").exit_code == 0
    assert train().stdout == "27.0\n"


def test_a_layer_that_is_one_equation_is_certified_and_trains(run, tmp_path):
    (tmp_path / "softsign.py").write_text(
        "from scratchgrad.layer import Layer\n"
        "softsign = Layer('softsign', 'u[i] -> h[i]', 'h[i] = u[i]/(1 + abs(u[i]))')\n",
        encoding="utf-8",
    )
    done = run("certify", "--file", "softsign.py:softsign")
    assert done.exit_code == 0, done.output
    trains = (
        "import scratchgrad as sg; from softsign import softsign; net = sg.Network(); x = net.input('x', 1); "
        "u = net.add('linear', x, net.parameter('W', [[3.0]]), net.parameter('b', [0.0])); "
        "h = net.add(softsign, u, name='h'); net.minimize(net.add('l2_loss', h, net.target('y', 1))); "
        "print(net.forward([1.0], [0.0])['h'].item()); net.backward(); print(net.gradient('W').item())"
    )
    done = subprocess.run([sys.executable, "-c", trains], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "0.75\n0.09375\n", done.stderr  # 2 h / (1 + |u|)^2


def test_an_equation_that_cannot_be_read_names_the_layer_the_file_and_the_place(run, tmp_path):
    (tmp_path / "bad.py").write_text(
        "from scratchgrad.layer import Layer\n\nbad = Layer('bad', 'u[i] -> h[i]', 'h[i] = 2*v[i]')\n", encoding="utf-8"
    )
    for command in (("certify", "--file", "bad.py:bad"), ("derive", "bad.py:bad"), ("layers", "bad.py:bad")):
        done = run(*command)
        assert done.exit_code == 2
        assert done.stderr.startswith("UnknownName: layer 'bad' (")
        assert "bad.py, line 3): unknown tensor 'v'; known: u, h\n    h[i] = 2*v[i]\n             ^\n" in done.stderr


def test_a_refused_kernel_shows_its_counterexample_and_the_exit_code_is_1(run, tmp_path, square):
    square(-2)
    done = run("certify", "--file", "square.py:square", "add")
    assert done.exit_code == 1
    assert "square refused" in " ".join(done.stdout.split())
    assert "add accepted" in " ".join(done.stdout.split())
    assert "REFUSED  square: backward is wrong" in done.stdout and "grad_u" in done.stdout
    assert not [*(tmp_path / "cache").rglob("square.json")]


def test_the_shipped_certificates_recompute(run):
    done = run("certify", "--check", "add", "scale")
    assert (done.exit_code, done.stdout) == (0, "2 certificates recompute: add, scale\n")


def test_a_certificate_that_does_not_recompute_is_named_and_the_exit_code_is_1(run, monkeypatch, tmp_path):
    monkeypatch.setattr("scratchgrad.certificate.built_in_path", lambda name: tmp_path / f"{name}.json")
    done = run("certify", "--check", "add")
    assert done.exit_code == 1
    assert "add: no certificate ships with scratchgrad." in done.stdout


@pytest.mark.parametrize(
    "arguments", [["--check", "--update"], ["--check", "--file", "a.py:a"], ["--update", "--file", "a.py:a"]]
)
def test_check_and_update_exclude_each_other_and_files(run, arguments):
    done = run("certify", *arguments)
    assert done.exit_code == 2
    assert "--check and --update are about the layers of scratchgrad" in " ".join(done.stderr.replace("│", "").split())


def test_an_unknown_layer_is_refused(run):
    assert run("certify", "relo").stderr == "UnknownLayer: no layer is named 'relo'; did you mean 'relu' or 'prelu'?\n"


def strictly(text):
    """What the JSON says; NaN and Infinity, which Python's reader takes, are none."""

    def refused(word):
        raise ValueError(word)

    return json.loads(text, parse_constant=refused)


def test_verdicts_as_json_are_an_object_for_each_layer(run, square):
    square(-2)
    done = run("certify", "--json", "--file", "square.py:square", "add")
    assert done.exit_code == 1
    refused, accepted = strictly(done.stdout)
    assert (refused["subject"], refused["verdict"], refused["wrong"]) == ("square", "refused", ["backward"])
    seen = refused["counterexample"]
    assert seen["entry"].startswith("grad_u") and float(seen["yours"]) == -float(seen["right"]) != 0
    assert seen["stage"] == "backward" and seen["tensors"].keys() == {"u"} and seen["formula"]
    assert refused["diagnosis"] and refused["evidence"] == {} and not refused["proven"]
    assert (accepted["subject"], accepted["verdict"], accepted["wrong"]) == ("add", "accepted", [])
    assert accepted["counterexample"] is None and accepted["proven"] is True
    assert accepted["evidence"]["entries_compared"] > 100 and set(accepted["errors"]) >= {"float64", "float32"}
    assert accepted["seconds"] > 0 and set(accepted) == set(refused)


def test_every_field_of_the_json_is_documented(run):
    import scratchgrad.cli.verdict_json as module

    (record,) = strictly(run("certify", "--json", "add").stdout)
    lines = [line.split()[0] for line in module.__doc__.splitlines() if line[:5].strip() and line.startswith("    ")]
    assert [name for name in record if name not in lines] == []


def test_what_could_not_be_judged_is_told_apart_from_what_is_wrong(run, monkeypatch):
    from scratchgrad import certification

    words = ("grad_u was never compared with anything",)
    missing = certification.Verdict("relu", False, diagnosis=words, judged=False, errors={"float64": float("nan")})
    monkeypatch.setattr(certification, "certify_room", lambda *_, **__: missing)
    done = run("certify", "--json", "relu")
    (record,) = strictly(done.stdout)
    assert done.exit_code == 1
    assert (record["verdict"], record["wrong"], record["errors"]) == ("not judged", [], {"float64": "NaN"})
    assert record["diagnosis"] == list(words)
    assert "relu not judged" in " ".join(run("certify", "relu").stdout.split())


@pytest.mark.parametrize(("value", "written"), [("nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity")])
def test_numbers_that_json_does_not_have_are_strings(run, tmp_path, value, written):
    (tmp_path / "square.py").write_text(
        SQUARE.format(factor=2).replace("return u * u, u", f"return (u * u).masked_fill(u == 1, float('{value}')), u"),
        encoding="utf-8",
    )
    done = run("certify", "--json", "--file", "square.py:square")
    (record,) = strictly(done.stdout)
    assert record["verdict"] == "refused" and record["counterexample"]["yours"] == value
    from scratchgrad.cli.verdict_json import to_json

    assert strictly(to_json([{"tensors": [[float(value), 1.0]]}])) == [{"tensors": [[written, 1.0]]}]


def test_a_recomputation_as_json_says_what_differs(run, monkeypatch, tmp_path):
    assert strictly(run("certify", "--check", "--json", "add").stdout) == [
        {"subject": "add", "verdict": "recomputes", "complaints": []}
    ]
    monkeypatch.setattr("scratchgrad.certificate.built_in_path", lambda name: tmp_path / f"{name}.json")
    done = run("certify", "--check", "--json", "add")
    (record,) = strictly(done.stdout)
    assert done.exit_code == 1 and record["verdict"] == "differs"
    assert "no certificate ships with scratchgrad" in record["complaints"][0]
