"""A generated kernel computes what the element form says, over a batch, and its source reads as one would write it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from scratchgrad.codegen.generate import kernel_source
from scratchgrad.codegen.lowering import CannotLower
from scratchgrad.gradients import Gradients, derive
from tests.codegen.agreement import BATCH, assert_agreement, run

ATTENTION = "S[i,j] = Sum(Q[i,k]*K[j,k], k)*a; P[i,j] = exp(S[i,j])/Sum(exp(S[i,l]), l); O[i,k] = Sum(P[i,j]*V[j,k], j)"

DEFINITIONS: list[tuple[str, dict[str, Any]]] = [
    ("linear", {}),
    ("relu", {}),
    ("softmax_cross_entropy", {}),
    ("squared_norm", {}),
    ("l2_loss", {}),
    ("scale", {}),
    ("add", {}),
    ("h[i] = tanh(Sum(W[i,j]*x[j], j) + Sum(U[i,k]*s[k], k) + b[i])", {}),
    ("y[i] = x[i]*sigmoid(x[i])", {}),
    ("y[i] = x[i]*(1 + erf(x[i]/sqrt(2)))/2", {}),
    ("y[i] = max(x[i], 0) + log(1 + exp(-abs(x[i])))", {}),
    ("y[i] = where(x[i] > 0, x[i], a*(exp(x[i]) - 1))", {}),
    ("l = log(Sum(exp(x[i]), i))", {}),
    ("y = LogDet(A) + Sum(Inv(A)[i,j]*b[j]*c[i], i, j)", {}),
    ("y = LogDet(S) + Det(S) + Sum(x[i]*Inv(S)[i,j]*x[j], i, j)", {"shared": ""}),
    ("u[i] = Sum(Inv(A)[i,j]*x[j], j) + Inv(A)[i,i]", {}),
    ("m[i] = Max(x[i,j], j)", {}),
    (
        "m = Sum(x[i], i)/n_i; c[i] = x[i] - m; v = Sum(c[i]**2, i)/n_i; s = sqrt(v + eps); z[i] = c[i]/s;"
        " y[i] = g[i]*z[i] + b[i]",
        {"shared": "g b eps"},
    ),
    ("r = sqrt(Sum(x[i]**2, i)/n_i + eps); y[i] = g[i]*x[i]/r", {"shared": "g eps"}),
    (ATTENTION, {"shared": "a"}),
    ("z[i] = Sum(A[i,j,k]*x[j]*y[k], j, k)", {}),
    ("c = Sum(x[i]*y[i], i)/(sqrt(Sum(x[i]**2, i))*sqrt(Sum(y[i]**2, i)))", {}),
    ("L = Sum(where(abs(x[i]-y[i]) < d, (x[i]-y[i])**2/2, d*(abs(x[i]-y[i]) - d/2)), i)", {"shared": "d"}),
    ("p[i] = exp(v[i])/Sum(exp(v[k]), k); L = -Sum(log(p[i])*delta(i,t), i)", {"tensors": "t"}),
    ("L = Sum(x[i]*A[i,j]*x[j], i, j)", {}),
    ("L = Sum(A[i,i]*x[i], i)", {}),
    ("e[b,k] = E[t[b],k]*s[k]", {"shared": "E s"}),
    ("y[i,j] = where(j <= i, x[i,j], 0)", {}),
    ("g[i] = sigmoid(Sum(W[i,j]*x[j], j)); y[i] = g[i]*tanh(Sum(V[i,j]*x[j], j)) + (1 - g[i])*x[i]", {}),
]


def tensors_for(d: Gradients) -> dict[str, torch.Tensor]:
    """Inputs at pairwise distinct sizes, samples in rows."""
    definition = d.definition
    sizes: dict[Any, int] = {}
    for tensor in definition.tensors.values():
        for size in tensor.sizes:
            sizes.setdefault(size, 2 + len(sizes))
    given = {}
    for tensor in definition.inputs:
        shape = [*([] if tensor.name in definition.shared else [BATCH]), *(sizes[s] for s in tensor.sizes)]
        wide = torch.rand(shape, dtype=torch.float64) + 0.3
        given[tensor.name] = torch.randint(0, 2, shape) if tensor.integer else wide
    return given


@pytest.mark.parametrize(("text", "options"), DEFINITIONS, ids=[text[:40] for text, _ in DEFINITIONS])
def test_a_generated_kernel_agrees_with_the_element_form_summed_over_samples(
    text: str, options: dict[str, Any]
) -> None:
    d = derive(text, **options)
    assert_agreement(d, tensors_for(d))


def test_linear_is_two_matrix_products_and_a_sum() -> None:
    source = kernel_source(derive("linear").definition)
    assert "u = torch.addmm(b, x, W.T)  # [N, i]" in source
    assert "grad_x = grad_u @ W  # [N, j]" in source
    assert "grad_W = grad_u.T @ x  # [i, j]" in source
    assert "grad_b = grad_u.sum(0)  # [i]" in source


def test_softmax_and_its_logarithm_are_recognised_and_stay_finite_at_1000() -> None:
    source = kernel_source(derive("softmax_cross_entropy").definition)
    assert "torch.softmax(v, 1)" in source
    assert "torch.log_softmax(v, 1)" in source
    kernel = run(source)
    v, y = torch.tensor([[1000.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    (_, L), saved = kernel.forward(v, y)
    assert L.tolist() == [1000.0]
    grad_v, _ = kernel.backward(saved, torch.zeros(1, 2), torch.ones(1))
    assert grad_v.tolist() == [[1.0, -1.0]]


def test_the_softplus_of_any_score_is_finite_and_its_derivative_is_the_sigmoid() -> None:
    source = kernel_source(derive("h[i] = log(1 + exp(u[i]))").definition)
    assert "grad_u = grad_h * u.sigmoid()" in source
    kernel = run(source)
    u = torch.tensor([[-1000.0, 0.0, 1000.0]])
    h, saved = kernel.forward(u)
    assert h.tolist() == [[0.0, pytest.approx(0.6931472), 1000.0]]
    assert kernel.backward(saved, torch.ones(1, 3)).tolist() == [[0.0, 0.5, 1.0]]


def test_exp_minus_one_keeps_its_digits_near_zero() -> None:
    kernel = run(kernel_source(derive("h[i] = exp(u[i]) - 1").definition))
    h, _ = kernel.forward(torch.tensor([[1e-30]]))
    assert h.tolist() == [[pytest.approx(1e-30)]]


def test_a_product_that_forward_made_is_not_made_again_transposed() -> None:
    source = kernel_source(derive(ATTENTION, shared="a").definition)
    assert source.count("Q @ K.mT") == 1
    assert "K @ Q" not in source


def test_a_gradient_that_is_absent_counts_as_zero() -> None:
    kernel = run(kernel_source(derive("m[i] = a[i]*b[i]; h[i] = tanh(m[i])", outputs="h m", shared="").definition))
    _, saved = kernel.forward(torch.rand(2, 3), torch.rand(2, 3))
    for given in ((torch.rand(2, 3), None), (None, torch.rand(2, 3)), (None, None)):
        zeros = [torch.zeros(2, 3) if g is None else g for g in given]
        for got, want in zip(kernel.backward(saved, *given), kernel.backward(saved, *zeros), strict=True):
            assert torch.equal(got, want)


def test_a_delta_never_becomes_a_tensor_in_a_product() -> None:
    source = kernel_source(derive("y[i] = Sum(W[i,j]*tanh(x[j]), j)").definition)
    assert "eye" not in source
    assert "==" not in source


def test_backward_saves_only_what_it_reads() -> None:
    source = kernel_source(derive("h[i] = tanh(u[i])").definition)
    assert "return h, (h,)" in source


def test_the_source_imports_only_torch() -> None:
    for text, options in DEFINITIONS:
        imports = [
            line
            for line in kernel_source(derive(text, **options).definition).splitlines()
            if line.startswith(("import", "from"))
        ]
        assert set(imports) <= {"import torch", "import math"}


def test_a_size_that_no_input_has_is_refused_by_name() -> None:
    with pytest.raises(CannotLower, match="nothing fixes the size n_i: no input has this axis"):
        kernel_source(derive("y[i] = x[2*i]").definition)
