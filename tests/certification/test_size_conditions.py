"""A run without numbers meets every condition on sizes, answers it for its sizes, and narrows nothing."""

import builtins
import logging
import math

import pytest
import sympy as sp
import torch

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.calling import Calling
from scratchgrad.certification.size_conditions import BATCH, At, trace
from scratchgrad.certification.specification import specify
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.through_autograd import by_autograd

N = specify("relu").sizes[0]


def met(forward, backward=None, batch=7, length=9, recorded=False):
    spec = specify("relu")
    if recorded:
        forward, backward = by_autograd(forward, 1)
    calling = Calling.SAVED_FIRST if recorded else Calling.TENSORS
    subject = Subject(spec, forward, backward or (lambda g, u: g), kernel=False, calling=calling)
    battery, sizes = Battery(spec), {N: length}
    at = At(
        batch,
        sizes,
        {BATCH: BATCH, N: sp.Symbol("n_i", integer=True, positive=True)},
        lambda: battery.point("normal", batch, sizes),
    )
    return trace(subject, at)


def asked(found):
    return [(str(c.statement), c.holds) for c in found.conditions if c.asked]


@pytest.mark.parametrize(
    ("look", "statement"),
    [
        (lambda u: u.shape[0] < 4, "batch < 4"),
        (lambda u: u.size(1) == 16, "Eq(n_i, 16)"),
        (lambda u: len(u) > 60, "batch > 60"),
        (lambda u: u.numel() >= 1000, "batch*n_i >= 1000"),
        (lambda u: u.stride(0) == 16, "Eq(n_i, 16)"),
        (lambda u: u.shape[-1] % 4 == 0, "Eq(Mod(n_i, 4), 0)"),
        (lambda u: len(u.mT) > len(u), "n_i > batch"),
        (lambda u: u.flatten().shape[0] > 9999, "batch*n_i > 9999"),
    ],
)
def test_a_condition_on_sizes_is_met_wherever_the_size_comes_from(look, statement):
    found = met(lambda u: u * 2 if look(u) else u)
    assert statement in [words for words, _ in asked(found)]
    assert all(c.place.startswith("test_size_conditions.py, line ") for c in found.conditions)


def test_a_size_that_becomes_a_number_stays_a_symbol_elsewhere():
    def forward(u):
        u = sum(u[:, k : k + 1] for k in range(u.shape[1])) / math.sqrt(u.shape[1])
        return u * 2 if u.shape[0] > 20 else u

    def backward(g, u):
        return g if u.shape[1] == 9 else 2 * g

    found = met(forward, backward)
    assert not found.failed and forward.__code__ in {*found.numbers_in, forward.__code__}
    assert ("batch > 20", False) in asked(found) and ("Eq(n_i, 9)", True) in asked(found)


def test_what_torchs_autograd_runs_is_met_too():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u):
            ctx.save_for_backward(u)
            return u * u

        @staticmethod
        def backward(ctx, g):
            (u,) = ctx.saved_tensors
            return 2 * g * u if u.shape[0] < 50 else g

    assert ("batch < 50", True) in asked(met(Square, recorded=True))


def test_a_subject_that_looks_at_numbers_is_run_with_numbers():
    def forward(u):
        if (u > 0).any() and float(u.max()) < 1e9:
            u = u * 2
        return u * 2 if u[u > 0].numel() > 10**6 or u.shape[1] > 77 else u

    found = met(forward)
    assert not found.failed and ("n_i > 77", False) in asked(found)


def test_a_subject_that_leaves_torch_says_so():
    found = met(lambda u: torch.from_numpy(u.numpy() * 2))
    assert "numpy" in found.failed


def test_no_global_state_is_left_and_nothing_is_logged(caplog):
    before = builtins.len, [logging.getLogger(n).disabled for n in ("torch.fx.experimental.symbolic_shapes",)]

    def forward(u):
        raise KeyError(len(u))

    with caplog.at_level(logging.WARNING):
        assert "KeyError" in met(forward).failed
        met(lambda u: u if u.max() > 0 else -u)
    after = builtins.len, [logging.getLogger(n).disabled for n in ("torch.fx.experimental.symbolic_shapes",)]
    assert before == after and not caplog.records
