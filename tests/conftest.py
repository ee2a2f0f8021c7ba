"""What every test starts from: fixed seeds, one thread, no window."""

import os
import random
import sys

# Small products want one thread, and pytest-xdist brings the parallelism; read when torch and matplotlib are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np  # after the environment that it reads
import pytest  # after the environment
from hypothesis import settings  # after the environment

settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "default"))

SEED = 20260101


@pytest.fixture(autouse=True)
def seeds() -> None:
    """Every test sees the same random numbers, in whatever order the tests run."""
    random.seed(SEED)
    np.random.seed(SEED)
    if "torch" in sys.modules:  # a test of the mathematics shall not pay for torch
        sys.modules["torch"].manual_seed(SEED)
