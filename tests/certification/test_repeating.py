"""What a function has returned stays as it is, and every call is compared."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.calling import Calling
from scratchgrad.certification.judging import examined
from scratchgrad.certification.specification import specify
from scratchgrad.certification.subject import Subject

SQUARE = "h[i] = u[i]**2"


def reused(operation: Any) -> Any:
    """The function with one buffer for each shape and dtype."""
    buffers: dict[Any, torch.Tensor] = {}

    def function(*tensors: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = operation(*tensors)
        buffer = buffers.setdefault((value.shape, value.dtype), torch.empty_like(value))
        return buffer.copy_(value)

    return function


def test_a_result_that_the_next_call_overwrites_is_refused() -> None:
    verdict = sg.certify(SQUARE, reused(lambda u: u * u), lambda g, u: 2 * g * u)
    assert "the next call overwrites the h that forward has returned; return a new tensor" in str(verdict)
    assert verdict.wrong == ("forward",)
    verdict = sg.certify(SQUARE, lambda u: u * u, reused(lambda g, u: 2 * g * u))
    assert "the next call overwrites the grad_u that backward has returned" in str(verdict)
    assert verdict.wrong == ("backward",)


@pytest.mark.parametrize("wrong", [2, 3, 9, 40])
def test_every_one_of_the_first_calls_is_compared(wrong: int) -> None:
    calls = 0

    def forward(u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal calls
        calls += 1
        return (u * 1 if calls == wrong else u * u), u

    specification = specify(SQUARE)
    subject = Subject(specification, forward, lambda u, g: 2 * g * u, kernel=False, calling=Calling.SAVED_FIRST)
    assert examined(Battery(specification), subject, first=True).found
