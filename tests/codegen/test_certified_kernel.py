"""Gradients.kernel hands out a generated kernel that agrees with its definition, and refuses any other."""

import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification.certifying import KernelRefused


def test_the_kernel_of_a_text_is_certified_and_runs_over_batches():
    kernel = sg.derive("u[i] = Sum(W[i,j]*x[j], j) + b[i]").kernel()
    W, x, b = torch.randn(2, 3), torch.randn(4, 3), torch.randn(2)
    u, saved = kernel.forward(W, x, b)
    torch.testing.assert_close(u, x @ W.T + b)
    assert [g.shape for g in kernel.backward(saved, torch.randn(4, 2))] == [W.shape, x.shape, b.shape]


def test_a_generated_kernel_that_overflows_is_refused_with_the_verdict():
    with pytest.raises(KernelRefused, match=r"(?s)does not agree with the definition:.*REFUSED.*at  x = \[\[1000\]\]"):
        sg.derive("y[i] = exp(x[i])/(1 + exp(x[i])**2)").kernel()
