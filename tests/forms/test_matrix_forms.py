"""Vector and batched forms: what they say, and that what they say is true when read as code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given

from scratchgrad.forms.node import COLUMNS, ROWS
from scratchgrad.gradients import Gradients, derive
from scratchgrad.notation.evaluation import Valuation
from tests.calculus.identities import IDENTITIES, Identity
from tests.calculus.test_identities import work
from tests.calculus.test_random_definitions import Example, examples, few
from tests.forms.reading import read

# definition or layer, tensor, vector form (columns), batched form (rows)
FORMS = [
    ("linear", "x", "W.T @ grad_u", "grad_u @ W"),
    ("linear", "W", "grad_u @ x.T", "grad_u.T @ x"),
    ("linear", "b", "grad_u", "grad_u.sum(0)"),
    ("relu", "u", "grad_h * (u > 0)", "grad_h * (u > 0)"),
    ("softmax_cross_entropy", "v", "grad_L * (y.sum() * o - y) + o * (grad_o - grad_o.T @ o)",
     "grad_L[:, None] * (y.sum(1)[:, None] * o - y) + o * (grad_o - (grad_o * o).sum(1)[:, None])"),
    ("softmax_cross_entropy", "y", "-grad_L * log(o)", "-grad_L[:, None] * log(o)"),
    ("squared_norm", "W", "2 * grad_s * lambda * W", "2 * grad_s * lambda * W"),
    ("squared_norm", "lambda", "grad_s * (W**2).sum()", "grad_s * (W**2).sum()"),
    ("l2_loss", "v", "2 * grad_L * (v - y)", "2 * grad_L[:, None] * (v - y)"),
    ("scale", "c", "grad_s * x", "grad_s @ x"),
    ("add", "a", "grad_s", "grad_s"),
    ("o[i] = exp(v[i])/Sum(exp(v[k]), k)", "v", "o * (grad_o - grad_o.T @ o)",
     "o * (grad_o - (grad_o * o).sum(1)[:, None])"),
    ("s = Sum(x[i]*A[i,j]*x[j], i, j)", "x", "grad_s * ((A + A.T) @ x)", "grad_s[:, None] * (x @ (A + A.T))"),
    ("s = Sum(A[i,j]*B[j,i], i, j)", "A", "grad_s * B.T", "grad_s * B.T"),
    ("Y[i,l] = Sum(A[i,j]*X[j,k]*B[k,l], j, k)", "X", "A.T @ grad_Y @ B.T", "A.T @ grad_Y @ B.T"),
    ("u[i] = A[i,i]", "A", "grad_u * eye", "grad_u * eye"),
    ("h[i] = tanh(u[i])", "u", "grad_h * (1 - h**2)", "grad_h * (1 - h**2)"),
    ("s = sqrt(Sum(x[i]**2, i))", "x", "grad_s * x / s", "grad_s[:, None] * x / s[:, None]"),
    ("m = Sum(x[i], i)/n_i; u[i] = x[i] - m", "x", "grad_u - grad_u.sum() / n_i",
     "grad_u - grad_u.sum(1)[:, None] / n_i"),
    ("s = LogDet(A)", "A", "grad_s * inv(A).T", "grad_s * inv(A).T"),
    ("s = Sum(a[i]*X[i,j]*b[j], i, j)", "X", "grad_s * (a @ b.T)", "outer(a.T @ grad_s, b)"),
    ("u[i] = max(x[i], y[i])", "x", "grad_u * ((x == y) / 2 + (x > y))", "grad_u * ((x == y) / 2 + (x > y))"),
    ("u[i] = Sum(x[j]*W[i,j,k]*y[k], j, k)", "x", "(grad_u[:, None, None] * (W @ y[:, None])).sum(0)[..., 0]", "None"),
    ("u[i] = Sum(w[k]*x[2*i+k], k)", "x", "None", "None"),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "tensor", "vector", "batched"), FORMS, ids=[f"{f[0]}-{f[1]}" for f in FORMS])
def test_a_form_reads_as_one_would_write_it(definition: str, tensor: str, vector: str, batched: str) -> None:
    gradient = derive(definition)[tensor]
    assert str(gradient.vector) == vector
    assert str(gradient.batched) == batched


def reads_true(form: Any, at: Valuation, want: np.ndarray, style: str, what: str) -> None:
    """The printed form, run as numpy code on the same numbers, gives the element form's values."""
    if form is None or "ones" in str(form) or ("eye" in str(form) and (want.ndim != 2 or len(set(want.shape)) > 1)):
        return  # ones and eye do not say their size
    arrays = {**at.tensors, **{str(size): number for size, number in at.sizes.items()}}
    got = read(str(form), arrays, want.shape, form.style)
    scale = max(1.0, float(np.abs(want).max(initial=0)))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * scale, err_msg=f"{what}: {form}")


def batch_of(derived: Gradients, tensors: dict[str, Any], samples: int) -> Valuation | None:
    """Values of the batched definition: every sample a little different, upstream gradients random."""
    over = Gradients(derived.forms.over_batch.definition)
    batch = over.definition.batch
    if batch is None:
        return None
    random = np.random.default_rng(1)

    def sample(tensor: Any) -> np.ndarray:
        values = np.asarray(tensors[tensor.name])
        return values if tensor.integer else values * random.uniform(0.8, 1.2)

    stacked = {
        t.name: np.stack([sample(t) for _ in range(samples)]) if batch in t.indices else tensors[t.name]
        for t in over.definition.inputs
    }
    sizes = {**derived.valuation(tensors, zeros(derived, tensors)).sizes, batch.size: samples}
    upstream = {o.name: random.normal(size=[int(s.subs(sizes)) for s in o.sizes]) for o in over.definition.outputs}
    return over.valuation(stacked, upstream)


def zeros(derived: Gradients, tensors: dict[str, Any]) -> dict[str, Any]:
    """Zero gradients of the outputs, only to measure sizes."""
    values = derived.forward(tensors)
    return {o.name: np.zeros(values[o.name].shape) for o in derived.definition.outputs}


@pytest.mark.parametrize(
    "identity", [i for i in IDENTITIES if not i.sizes and i.name != "contrastive loss (InfoNCE)"], ids=lambda i: i.name
)
def test_the_forms_of_the_literature_are_true_as_code(identity: Identity) -> None:
    worked = work(identity.name)
    derived = worked.derived
    at = derived.valuation(worked.tensors, worked.upstream)
    over = batch_of(derived, {n: v.numpy() for n, v in worked.tensors.items()}, 11)
    for name in derived:
        reads_true(derived[name].vector, at, at.value(derived[name].element, derived[name].indices), COLUMNS, name)
        if over is not None:
            form = derived.forms.over_batch[name]
            reads_true(derived[name].batched, over, over.value(form.element, form.indices), ROWS, name)


@few
@given(examples())
def test_a_random_vector_form_is_true_as_code(example: Example) -> None:
    at = example.derived.valuation(example.given, example.upstream)
    for name in example.derived:
        gradient = example.derived[name]
        reads_true(gradient.vector, at, at.value(gradient.element, gradient.indices), COLUMNS, f"{example} {name}")


def test_a_form_that_is_wrong_somewhere_is_not_shown() -> None:
    from scratchgrad.forms.verification import Outcome, compared

    derived = derive("u[i] = Sum(W[i,j]*x[j], j); h[i] = max(u[i], 0)", outputs="h")
    form = derived.derivation["u"]
    right, wrong = derive("h[i] = max(u[i], 0)")["u"].vector, derive("h[i] = u[i]")["u"].vector
    assert right is not None
    assert wrong is not None
    assert compared(right.node, form.element, form.indices, derived.definition) is Outcome.AGREES
    seen = compared(wrong.node, form.element, form.indices, derived.definition)
    assert seen is Outcome.DIFFERS  # only seen where u < 0


# -- the batched definition


def test_every_sample_tensor_gains_the_batch_index_in_front() -> None:
    batched = derive("u[i] = Sum(W[i,j]*x[j], j) + b[i]").forms.over_batch.definition
    assert str(batched) == "u[n,i] = b[i] + Sum(W[i,j]*x[n,j], j)"
    assert batched.batch is not None
    assert str(batched.batch.size) == "N"


def test_a_batch_index_avoids_the_letters_and_sizes_in_use() -> None:
    batched = derive("u[n] = x[n]*y[n]*N", tensors="x[N_1] N").forms.over_batch.definition
    assert batched.batch is not None
    assert batched.batch.name != "n"
    assert str(batched.batch.size) not in {"N", "N_1"}


def test_without_samples_there_is_no_batch() -> None:
    derived = derive("squared_norm")
    assert derived.forms.over_batch.definition.batch is None
    assert str(derived["W"].batched) == str(derived["W"].vector)


def test_matrices_that_carry_samples_are_inverted_sample_by_sample() -> None:
    derived = derive("s = LogDet(A)*x + Sum(y[i]*Inv(A)[i,j]*y[j], i, j)", shared="")
    random = np.random.default_rng(3)
    A = 3 * np.eye(2) + random.normal(size=(4, 2, 2)) * 0.3
    x, y, grad_s = random.normal(size=4), random.normal(size=(4, 2)), random.normal(size=4)
    over = Gradients(derived.forms.over_batch.definition)
    leaves = {n: torch.tensor(v, requires_grad=True) for n, v in {"A": A, "x": x, "y": y}.items()}
    inverse = torch.linalg.inv(leaves["A"])
    value = torch.linalg.slogdet(leaves["A"])[1] * leaves["x"] + torch.einsum(
        "ni,nij,nj->n", leaves["y"], inverse, leaves["y"]
    )
    value.backward(torch.tensor(grad_s))
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        got = over[name].evaluate({"s": grad_s}, {"A": A, "x": x, "y": y})
        np.testing.assert_allclose(got, leaf.grad, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("text", ["u[i,k] = delta(i,k)*y[k]", "U[i,k] = delta(i,k)*x[i]*y[k]"])
def test_the_diagonal_of_a_matrix_that_is_not_square_has_no_matrix_form(text: str) -> None:
    assert derive(text)["y"].vector is None


def test_a_sum_of_indices_is_no_number_that_code_could_write() -> None:
    assert derive("a = c*Sum(i, i)", ranges={"i": "n"})["c"].vector is None


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("a[k] = max(y[k], -y[k])", "grad_a * (1 * (y > -y) - 1 * (-y > y))"),
        ("a[k] = max(y[k], 0) - max(-y[k], 0)", "grad_a * (1 * (y > 0) + (-y > 0))"),
        ("a[i,k] = -max(y[i], 0)", "-rowsum(grad_a) * (y > 0)"),
    ],
)
def test_truth_values_are_counted_as_numbers_where_code_could_not_subtract_them(text: str, form: str) -> None:
    assert str(derive(text, ranges={"k": "m"} if "a[i,k]" in text else None)["y"].vector) == form
