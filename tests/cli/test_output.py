"""Output that cannot be written is a message and an exit code, whatever the command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scratchgrad.cli.output import OutputLost, Watched

FULL = Path("/dev/full")
COMMANDS = [["derive", "relu"], ["derive", "relu", "--format", "latex"], ["layers"], ["--help"], ["--version"]]


def scratchgrad(arguments, **streams):
    code = "from scratchgrad.cli import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, *arguments], **streams)


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_disk_is_a_message(arguments, unbuffered):
    with FULL.open("w") as full:
        process = scratchgrad(
            arguments, stdout=full, stderr=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": unbuffered}
        )
        _, complaint = process.communicate()
    assert complaint.decode() == (
        "OutputLost: standard output: No space left on device; what stands there is incomplete\n"
    )
    assert process.returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="pipes differ there")
@pytest.mark.parametrize("arguments", COMMANDS[:3], ids=" ".join)
def test_a_reader_that_has_closed_the_pipe_gets_no_message(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    process = scratchgrad(arguments, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    _, complaint = process.communicate()
    assert complaint == b"" and process.returncode == 1


@pytest.mark.skipif(os.name == "nt", reason="descriptors differ there")
def test_an_output_that_the_person_has_closed_is_no_mistake():
    process = scratchgrad(["layers"], stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1))
    _, complaint = process.communicate()
    assert complaint == b"" and process.returncode == 0


def test_a_watched_stream_is_the_stream_otherwise(tmp_path):
    with (tmp_path / "out.txt").open("w", encoding="utf-8") as stream:
        watched = Watched(stream)
        assert watched.write("42") == 2
        assert watched.encoding == "utf-8" and not watched.isatty()
        watched.flush()
    assert (tmp_path / "out.txt").read_text() == "42"
    assert issubclass(OutputLost, OSError)
