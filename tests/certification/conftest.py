"""A mistake of ours in an exact proof ends in a traceback here, so that none counts as "probed, not proven"."""

import pytest

from scratchgrad.certification import exact_examination


@pytest.fixture(autouse=True)
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails in a proof, fails the test."""
    monkeypatch.setattr(exact_examination, "LOUD", True)
