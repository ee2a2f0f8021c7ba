"""A program that branches on values is run on both sides of what it asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification import following

Branch = Callable[[torch.Tensor, torch.Tensor], Any]

BRANCHES: dict[str, Branch] = {
    "one value": lambda g, u: (u == 1.8).any(),
    "far out": lambda g, u: (u > 4.2e11).any(),
    "a narrow band": lambda g, u: ((u > 5.9) & (u < 6.0)).any(),
    "a sum": lambda g, u: u.sum() > 5800,
    "a norm": lambda g, u: g.norm() > 1e4,
    "all of upstream are 1": lambda g, u: bool((g == 1).all()),
    "all of upstream are tiny": lambda g, u: (g.abs() < 1e-19).all(),
    "equal tensors": lambda g, u: torch.equal(g, torch.ones_like(g)),
    "a number that was read": lambda g, u: u.max().item() > 1234.5,
    "arithmetic with it": lambda g, u: (u.mean().item() - 3) / 2 > 40,
    "its size": lambda g, u: abs(2 - u.flatten()[0].item()) < 1e-9,
    "no spread": lambda g, u: u.numel() > 1 and u.std().item() < 1e-6,
    "one behind another": lambda g, u: bool((u > 77).any()) and bool((u < 78.5).all()) and bool((g > 3).any()),
    "a loop over rows": lambda g, u: any(row.sum() > 913.0 for row in u),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_what_is_wrong_in_a_branch_is_refused(name: str) -> None:
    branch = BRANCHES[name]
    verdict = sg.certify("h[i] = u[i]**2", lambda u: u * u, lambda g, u: 1.5 * g * u if branch(g, u) else 2 * g * u)
    assert not verdict.accepted
    assert verdict.wrong == ("backward",)


@pytest.mark.parametrize("name", BRANCHES)
def test_what_is_right_in_both_branches_is_accepted(name: str) -> None:
    branch = BRANCHES[name]
    verdict = sg.certify("h[i] = u[i]**2", lambda u: u * u, lambda g, u: 2 * g * u if branch(g, u) else g * u * 2)
    assert verdict.accepted, verdict
    assert not verdict.proven
    assert "on values; both sides were run" in str(verdict)


def test_a_side_that_was_not_met_is_said() -> None:
    backward = lambda g, u: g if (u * u < -1).any() else 2 * g * u  # noqa: E731
    verdict = sg.certify("h[i] = u[i]**2", lambda u: u * u, backward)
    assert verdict.accepted
    assert "1 condition on values of which only one side was met, with numbers from 1e-30 to 1e30" in str(verdict)


def test_conditions_for_which_no_time_was_left_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_POINTS", 4)
    verdict = sg.certify(
        "h[i] = u[i]**2", lambda u: u * u, lambda g, u: 2 * g * u if (u > 3).any() and (u < 9).any() else g * u * 2
    )
    assert "more, which were not followed: too many points" in " ".join(str(verdict).split())
