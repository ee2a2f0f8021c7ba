import shlex
import shutil

import pytest

from scratchgrad import certification
from scratchgrad.cli import course
from scratchgrad.cli.course import EXPECTED, NumbersDisagree, compare
from scratchgrad.cli.lab import EXAMPLES

FILES = {"report.tex", "report.html", "report.pdf", "curves.png", "checkpoint.safetensors"}


@pytest.fixture
def quick(monkeypatch):
    """The lab checks one certificate, because all of them have a test of their own."""
    check = certification.check
    monkeypatch.setattr(certification, "check", lambda names: check(list(names)[-1:]))


def test_the_tape_reproduces_the_course_s_numbers_and_every_gradient_of_the_derivation():
    agreement = compare()
    assert EXPECTED == {"u": (23, -4, 26), "h": (23, 0, 26), "v": (-17, 138)}
    assert agreement.gradients >= 13
    assert agreement.difference < 1e-14


def test_another_number_than_the_course_s_is_refused(monkeypatch):
    monkeypatch.setitem(course.EXPECTED, "h", (23, -4, 26))
    with pytest.raises(NumbersDisagree, match=r"h: the course's numbers are \(23, -4, 26\), the tape computes"):
        compare()


def test_the_lab_leaves_a_report_curves_and_a_checkpoint_and_says_what_it_verified(run, tmp_path, quick):
    program, *arguments = shlex.split(EXAMPLES[1])
    assert (program, *arguments[-2:]) == ("scratchgrad", "--out", "out/mine")
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    made = {file.name for file in (tmp_path / "out" / "mine").iterdir()}
    assert made == FILES or made == FILES - {"report.pdf"}
    shown = " ".join(done.stdout.split())
    assert "u = (23, -4, 26), h = (23, 0, 26), v = (-17, 138)" in shown
    assert "certified 5 kernels, checked against their definitions: linear, relu, softmax_cross_entropy" in shown
    accuracy = float(shown.partition("test accuracy ")[2].partition("%")[0])
    assert accuracy >= 96
    assert all(name in shown for name in made)
    for name in ("report.tex", "report.html"):
        text = (tmp_path / "out" / "mine" / name).read_text(encoding="utf-8")
        assert "A. Student" in text and "2026-01-31" in text and "Training" in text
    assert not [*tmp_path.rglob(".*.tex")], "nothing half-written is left"


def test_without_a_tex_engine_the_lab_says_what_to_install(run, tmp_path, quick, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr("scratchgrad.sheets.pdf._bundled", lambda: None)
    assert EXAMPLES[0] == "scratchgrad lab"
    done = run("lab")
    assert done.exit_code == 0
    assert "no PDF" in done.stdout and "pip install 'scratchgrad[pdf]'" in " ".join(done.stdout.split())
    assert not (tmp_path / "out" / "lab" / "report.pdf").exists()


def test_a_certificate_that_does_not_hold_stops_the_lab(run, monkeypatch):
    monkeypatch.setattr(certification, "check", lambda names: ["relu: its definition has changed. Run: ..."])
    done = run("lab")
    assert done.exit_code == 2
    assert done.stderr == "LabFailed: the certificates do not hold:\nrelu: its definition has changed. Run: ...\n"
