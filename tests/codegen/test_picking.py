"""Constant places and diagonals are views; what is out of range is 0."""

from __future__ import annotations

import pytest
import torch

from scratchgrad.codegen.generate import kernel_source
from scratchgrad.codegen.lowering import CannotLower
from scratchgrad.gradients import derive
from tests.codegen.agreement import assert_agreement, run


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("f = Sum(z[i,i], i)", "f = z.diagonal(0, 1, 2).sum(1)"),
        ("y = Sum(A[i,i]*x[i], i)", "A.diagonal()"),
        ("y[i] = T[i,i,i]*x[i]", "T.diagonal().diagonal()"),
        ("y[n] = x[n,0]*x[n,1]", "x[:, :, 0]"),
        ("y[n] = x[n,0]*x[n,1]", "x[:, :, 1:2].sum(2)"),
        ("y[i] = x[i] + x[n_i-1]", "x[:, n_i - 1]"),
    ],
)
def test_the_source_reads_as_one_would_write_it(text: str, code: str) -> None:
    shared = "" if "z" in text else None
    assert code in kernel_source(derive(text, shared=shared).definition)


@pytest.mark.parametrize(
    "text",
    [
        "f = Sum(z[i,i]*x[i], i)",
        "z[i,j] = c*delta(i,j) + x[i]*x[j]; f = LogDet(z)",
        "f = Sum(c*delta(i,j)*A[i,j] + x[i]*x[j], i, j)",
        "y[i] = Sum(A[i,i,j]*x[j], j)",
        "y[i] = Sum(A[j,i,j]*B[j,j], j)",
        "y[n] = x[n,0]*x[n,1]",
        "y = x[0,0] + x[1,1]",
        "y[i] = delta(i,0)*x[i] + b",
        "z[i,j] = b[i]*delta(i,j) + w[i,j]",
        "y = Sum(delta(i,j)*A[i,j]*B[j,i], i, j)",
        "y[i,j] = where(j <= i, S[i,j], -1e30)",
        "h[i] = 1/(1 + exp(-u[i]))",
        "y = x**0 + x",
        "y[i] = x[i]*log(n_i)/sqrt(n_i)",
    ],
)
def test_a_kernel_of_it_is_certified(text: str) -> None:
    assert derive(text).kernel().forward is not None


@pytest.mark.parametrize(("rows", "columns"), [(2, 4), (4, 2), (1, 3), (3, 1), (3, 3)])
def test_a_diagonal_ends_where_the_shorter_side_does(rows: int, columns: int) -> None:
    d = derive("z[i,j] = b[i]*delta(i,j)*w[i,j] + c[j]*delta(i,j)", shared="")
    sizes = {"b": (rows,), "w": (rows, columns), "c": (columns,)}
    assert_agreement(d, {name: torch.rand(3, *sizes[name], dtype=torch.float64) for name in sizes})


def test_a_place_that_may_be_below_zero_is_refused_by_name() -> None:
    with pytest.raises(CannotLower, match=r"the index n_i - 3, which may be below 0"):
        kernel_source(derive("y[i] = x[i]*x[n_i-3]").definition)


def test_a_definition_without_inputs_is_refused_by_name() -> None:
    with pytest.raises(CannotLower, match="a definition without inputs is a constant"):
        kernel_source(derive("f = 2").definition)


def test_the_sigmoid_spelled_out_is_finite_at_1000_and_keeps_its_digits() -> None:
    kernel = run(kernel_source(derive("h[i] = 1/(1 + exp(-u[i]))").definition))
    h, saved = kernel.forward(torch.tensor([[-1000.0, 0.0, 40.0, 1000.0]], dtype=torch.float64))
    assert h.tolist() == [[0.0, 0.5, 1.0, 1.0]]
    found = kernel.backward(saved, torch.ones(1, 4, dtype=torch.float64))
    assert found.tolist() == [[0.0, 0.25, pytest.approx(4.248354255291589e-18, rel=1e-14), 0.0]]


def test_what_no_output_needs_is_not_computed() -> None:
    source = kernel_source(derive("a[i] = x[i]*w; y[i] = z[i]*2", outputs="y").definition)
    assert "a = " not in source
    assert "grad_w = grad_y.new_zeros(())" in source or "grad_w = grad_y.new_full((), 0)" in source
