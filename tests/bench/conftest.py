"""Every room's kernel counts as certified, as it stands; inference mode ends with the test."""

from contextlib import ExitStack

import pytest

from scratchgrad.bench.serving import built
from tests.tape.conftest import certified

__all__ = ["certified", "start"]


@pytest.fixture
def start():
    """start(problem, name): the contestant."""
    with ExitStack() as stack:

        def started(problem, name):
            contestant = built(problem, name)
            if hasattr(contestant, "mode"):
                stack.callback(contestant.mode.__exit__, None, None, None)
            return contestant

        yield started
