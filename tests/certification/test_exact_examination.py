"""An exact examination that fails through a mistake of ours says so by name; in tests it ends in a traceback."""

from __future__ import annotations

import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification import exact_examination
from scratchgrad.certification.exact import rules
from scratchgrad.certification.exact.rules import RuleFails


def forward(u):
    return torch.exp(u)


def backward(grad, u):
    return (grad * torch.exp(u),)


def broken(*_, **__):
    raise KeyError("a table without this row")


@pytest.mark.parametrize("quiet", [True, False])
def test_a_mistake_in_the_prover_is_said_with_its_name_and_its_line(monkeypatch, quiet):
    monkeypatch.setattr(exact_examination, "prove", broken)
    monkeypatch.setattr(exact_examination, "LOUD", not quiet)
    if not quiet:
        with pytest.raises(KeyError, match="a table without this row"):
            sg.certify("h[i] = exp(u[i])", forward, backward)
        return
    verdict = sg.certify("h[i] = exp(u[i])", forward, backward)
    assert verdict.accepted
    assert not verdict.proven
    assert "probed, not proven: our own exact examination failed" in str(verdict)
    assert "a mistake of ours, please report it: KeyError" in str(verdict)
    assert "scratchgrad/certification/exact_examination.py:" in str(verdict)


@pytest.mark.parametrize("quiet", [True, False])
def test_a_rule_that_raises_is_our_mistake_and_not_one_of_the_function(monkeypatch, quiet):
    monkeypatch.setitem(rules._RULES, "exp", broken)
    monkeypatch.setattr(exact_examination, "LOUD", not quiet)
    if not quiet:
        with pytest.raises(RuleFails, match=r"aten\.exp"):
            sg.certify("h[i] = exp(u[i])", forward, backward)
        return
    verdict = sg.certify("h[i] = exp(u[i])", forward, backward)
    assert verdict.accepted
    assert "our own exact examination failed" in str(verdict)
    assert "KeyError: aten.exp" in str(verdict)


def test_what_cannot_be_executed_exactly_is_no_mistake_of_ours():
    def rounded(u):
        return torch.exp(u) + 0 * u.sum().item()

    verdict = sg.certify("h[i] = exp(u[i])", rounded, backward)
    assert verdict.accepted
    assert "not executed exactly: aten._local_scalar_dense" in str(verdict)
    assert "mistake" not in str(verdict)
