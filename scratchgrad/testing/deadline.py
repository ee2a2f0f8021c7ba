"""Time that is no part of a hypothesis test's deadline: what is asked about a definition first takes longer."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

__all__ = ["outside_deadline"]


@contextlib.contextmanager
def outside_deadline() -> Iterator[None]:
    """What runs inside does not count towards a deadline of hypothesis, where a test of its runs."""
    control = sys.modules.get("hypothesis.control")
    context = control._current_build_context.value if control is not None else None
    spared = getattr(getattr(context, "data", None), "_stateful_run_times", None)  # what a deadline leaves out
    began = time.perf_counter()
    try:
        yield
    finally:
        if spared is not None:
            spared["scratchgrad"] += time.perf_counter() - began
