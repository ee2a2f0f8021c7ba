"""What is twice as deep takes a few times the calls, not a power of two times, in everything that is written of it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import FrameType

import pytest
from rich.console import Console

from scratchgrad.cli.derivation_text import derivation_text
from scratchgrad.gradients import Gradients, derive
from scratchgrad.notation.limits import limits, task
from scratchgrad.sheets.html import to_html
from scratchgrad.sheets.layer_sheet import layer_sheet

FEW, MANY = 5, 10
# The text of the derivative itself has four times the characters; one more power of two is left for sorting.
MOST = 8.0

KINDS = {
    "continued fraction": "{x}/(1 + {inner})",
    "weighted": "tanh(w*{inner})",
    "larger": "max({inner}, w*{x})",
    "square": "({inner} + {x})**2",
}


def printed(gradients: Gradients) -> str:
    page = io.StringIO()
    Console(file=page, width=100).print(derivation_text(gradients, list(gradients.values())))
    return page.getvalue()


OUTPUTS: dict[str, Callable[[Gradients], object]] = {
    "text": printed,
    "html": lambda gradients: to_html(layer_sheet(gradients)),
    "torch": Gradients.kernel_source,
}


def nested(step: str, levels: int, name: str) -> str:
    written = name
    for _ in range(levels):
        written = step.format(x=name, inner=written)
    return f"y = {written}"


def calls(work: Callable[[], object]) -> int:
    """How many functions of this package the work calls."""
    count = 0

    def seen(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and "/scratchgrad/" in frame.f_code.co_filename.replace("\\", "/")

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        with limits(seconds=30), task("counting calls"):
            assert work() is not None
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_twice_as_many_levels_take_no_more_than_eight_times_the_calls(kind, output):
    found = []
    for levels in (FEW, MANY):  # a name that no other test has, as nodes are remembered
        text = nested(KINDS[kind], levels, f"{output}_{levels}")
        found.append(calls(lambda text=text: OUTPUTS[output](derive(text))))
    few, many = found
    assert many < MOST * few, f"{FEW} levels {few} calls, {MANY} levels {many}"
