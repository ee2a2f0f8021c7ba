"""What every test starts from: fixed seeds, one thread, no window, an empty cache."""

import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path

# Small products want one thread, and pytest-xdist brings the parallelism; read when torch and matplotlib are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# What the person who runs the tests has certified must not decide them; processes that a test starts inherit this.
os.environ["SCRATCHGRAD_CACHE"] = tempfile.mkdtemp(prefix="scratchgrad-cache-")

import numpy as np  # after the environment that it reads
import pytest  # after the environment
from hypothesis import settings  # after the environment

settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "default"))

# A background job of a shell ignores Ctrl-C, and so would the processes that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

SEED = 20260101


@pytest.fixture(autouse=True)
def seeds() -> None:
    """Every test sees the same random numbers, in whatever order the tests run."""
    random.seed(SEED)
    np.random.seed(SEED)
    if "torch" in sys.modules:  # a test of the mathematics shall not pay for torch
        sys.modules["torch"].manual_seed(SEED)


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["SCRATCHGRAD_CACHE"], ignore_errors=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write golden files anew instead of comparing with them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """golden(path, text): the file holds this text; else a diff, and the command that writes it anew."""

    def check(path: Path, text: str) -> None:
        if request.config.getoption("--update"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before != text:
            name = str(path.relative_to(request.config.rootpath))
            diff = list(unified_diff(before.splitlines(), text.splitlines(), name, "generated now", lineterm="", n=1))
            more = [f"... and {len(diff) - 60} lines more"] if len(diff) > 60 else []
            command = f"python -m pytest {request.node.nodeid.partition('[')[0]} --update"
            pytest.fail("\n".join([*diff[:60], *more, f"If the change is meant: {command}"]), pytrace=False)

    return check
