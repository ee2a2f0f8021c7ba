import os
import shlex
import signal
import subprocess
import sys

import pytest

import scratchgrad
from scratchgrad.cli import app as commands
from scratchgrad.cli import bench, grade, lab
from scratchgrad.cli.app import COMMANDS, EXAMPLES

NAMES = [module.__name__.rpartition(".")[2] for module in COMMANDS]
HEAVY = {"torch", "sympy", "numpy", "matplotlib", "jinja2"}


def test_the_version_is_printed(run):
    done = run("--version")
    assert (done.exit_code, done.stdout) == (0, f"scratchgrad {scratchgrad.__version__}\n")


@pytest.mark.parametrize("arguments", [[], *([name] for name in NAMES)])
def test_a_help_page_fits_80_columns_explains_every_option_and_shows_its_examples(run, arguments):
    done = run(*arguments, "--help")
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "…" not in done.stdout
    examples = EXAMPLES if not arguments else COMMANDS[NAMES.index(arguments[0])].EXAMPLES
    assert examples
    lines = [line.strip() for line in done.stdout.splitlines()]
    for example in examples:
        assert example in lines, "an example must not wrap"


def test_every_option_has_its_words():
    group = commands.typer.main.get_command(commands.app)
    for name, command in group.commands.items():
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}"


def test_every_command_stands_on_the_first_help_page(run):
    shown = run("--help").stdout
    assert all(f"│ {name} " in shown for name in NAMES)


def test_a_page_of_help_loads_nothing_heavy(interpreter):
    done = interpreter(
        "import sys\nsys.argv = ['scratchgrad', '--help']\nfrom scratchgrad.cli import main\n"
        "try:\n    main()\nfinally:\n    print(*{n.partition('.')[0] for n in sys.modules}, file=sys.stderr)"
    )
    assert done.returncode == 0
    assert not set(done.stderr.split()) & HEAVY


def test_an_exception_of_ours_is_a_message_and_exit_code_2(run, monkeypatch):
    class Ours(ValueError):
        pass

    Ours.__module__ = "scratchgrad.somewhere"
    monkeypatch.setattr("scratchgrad.gradients.derive", lambda *_, **__: (_ for _ in ()).throw(Ours("what to do")))
    done = run("derive", "linear")
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", "Ours: what to do\n")


def test_any_other_exception_keeps_its_traceback(run, monkeypatch):
    monkeypatch.setattr("scratchgrad.gradients.derive", lambda *_, **__: {}["bug"])
    done = run("derive", "linear")
    assert isinstance(done.exception, KeyError)
    assert done.exit_code == 1


def test_an_unknown_command_or_option_is_exit_code_2(run):
    assert run("dervie").exit_code == 2
    assert run("derive", "linear", "--wtr", "W").exit_code == 2


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently there")
def test_a_reader_that_goes_away_ends_the_command_quietly(tmp_path):
    code = (
        "import sys\n"
        "sys.argv[1:] = ['derive', 'softmax_cross_entropy', '--format', 'json']\n"
        "from scratchgrad.cli import main\n"
        "main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""


@pytest.mark.skipif(os.name == "nt", reason="signals differ there")
def test_ctrl_c_ends_a_command_with_code_130_and_no_traceback(tmp_path):
    code = (
        "import sys, os, signal\n"
        "import scratchgrad.gradients as gradients\n"
        "gradients.derive = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT) or __import__('time').sleep(60)\n"
        "sys.argv[1:] = ['derive', 'linear']\n"
        "from scratchgrad.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


ALL_EXAMPLES = {*EXAMPLES, *(example for module in COMMANDS for example in module.EXAMPLES)}


# The lab, the grader and the benchmarks have tests of their own.
@pytest.mark.parametrize("example", sorted(ALL_EXAMPLES - {*lab.EXAMPLES, *grade.EXAMPLES, *bench.EXAMPLES}))
def test_an_example_works_as_it_stands(run, example):
    program, *arguments = shlex.split(example)
    assert program == "scratchgrad"
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip()


def test_an_interrupted_command_says_so_in_one_line_with_the_exit_code_of_a_shell(run, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scratchgrad.gradients.derive", interrupted)
    done = run("derive", "y = x**2")
    assert (done.exit_code, done.stdout, done.stderr) == (130, "", "interrupted\n")


FOREVER = """
import sys
import time
from scratchgrad.atomic import write_with
from scratchgrad.sheets import writing
from scratchgrad.cli.app import main

def forever(temporary):
    temporary.write_text("half")
    print("writing", file=sys.stderr, flush=True)
    time.sleep(120)

writing.write_text = lambda path, text: write_with(path, forever)
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGINT cannot be sent to one process there")
def test_ctrl_c_ends_a_command_and_leaves_nothing_half_written(tmp_path):
    arguments = ["sheet", "y = x**2", "--format", "tex", "--out", str(tmp_path / "sheets")]
    command = [sys.executable, "-c", FOREVER, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "writing\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
