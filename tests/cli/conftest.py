"""What the tests of the command line share: the commands in this process, and in one of their own."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from scratchgrad import registry
from scratchgrad.cli.app import app


@pytest.fixture
def run(monkeypatch, tmp_path):
    """run("derive", "linear"): the command's result, in an empty folder and on a page of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    monkeypatch.setenv("SCRATCHGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(registry, "_accepted", {})
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments], prog_name="scratchgrad")


@pytest.fixture
def interpreter(tmp_path):
    """interpreter(code): what a fresh Python does with it, in an empty folder."""

    def run(code, **options):
        environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )

    return run
