"""Where no matrix form exists: einsum, a correlation by its name; the backward pass line by line; what is in doubt."""

from __future__ import annotations

import numpy as np
import pytest

from scratchgrad.calculus.derivation import Derivation
from scratchgrad.forms.verification import Outcome, compared
from scratchgrad.gradients import Gradient, derive
from tests.calculus.identities import IDENTITIES, Identity
from tests.calculus.test_identities import work

CONVOLUTION = "u[o,i] = Sum(w[o,c,k]*x[c,i+k], c, k) + b[o]"


def gradient(text: str, name: str) -> Gradient:
    """The gradient with respect to one input."""
    return derive(text)[name]


@pytest.mark.parametrize(
    ("text", "name", "einsum"),
    [
        ("u[i,j] = Sum(A[i,j,k,l]*B[k,l], k, l)", "B", "einsum('ij,ijkl->kl', grad_u, A)"),
        ("s = Sum(A[i,j,k]*x[i]*y[j]*z[k], i, j, k)", "A", None),
        ("u[n,k] = Sum(x[n,i]*W[k,i,j]*y[n,j], i, j)", "W", "einsum('nk,ni,nj->kij', grad_u, x, y)"),
        ("h[n,c,p,q] = g[c]*x[n,c,p,q]", "g", "einsum('ncpq,ncpq->c', grad_h, x)"),
        ("u[i] = Sum(w[k]*x[2*i+k], k)", "w", None),
    ],
)
def test_an_einsum_is_given_where_no_matrix_form_exists(text: str, name: str, einsum: str | None) -> None:
    found = gradient(text, name)
    assert found.einsum == einsum
    assert found.vector is None or einsum is None
    assert found.form.kind == ("einsum" if einsum else "matrix" if found.vector else "element")


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.name)
def test_an_einsum_has_the_value_that_torch_finds(identity: Identity) -> None:
    worked = work(identity.name)
    at = worked.derived.valuation(worked.tensors, worked.upstream)
    for name, want in worked.gradients.items():
        found = worked.derived.forms.einsum(name)
        if found is not None:
            np.testing.assert_allclose(found.value(at), want, rtol=1e-9, atol=1e-9, err_msg=str(found))


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (CONVOLUTION, "w", "the correlation of x with grad_u"),
        (CONVOLUTION, "x", "the correlation of grad_u with w flipped"),
        ("u[i] = Sum(w[k]*x[2*i+k], k)", "x", "the transposed convolution of grad_u with w, with stride 2"),
        ("u[i] = Sum(w[k]*x[2*i+3*k], k)", "x", "the transposed convolution of grad_u with w, with stride 2"),
        ("u[i] = Sum(w[k]*x[2*i+k], k)", "w", "the correlation of x with grad_u, whose elements stand 2 apart"),
        ("u[i] = Sum(w[k]*x[i-k], k)", "x", "the correlation of grad_u with w"),
        ("u[i] = x[i+1] - x[i]", "x", ""),
    ],
)
def test_the_gradient_of_a_convolution_is_called_what_it_is(text: str, name: str, words: str) -> None:
    assert gradient(text, name).form.words == words


def test_the_backward_pass_is_written_line_by_line() -> None:
    derived = derive("u[i] = Sum(W[i,j]*x[j], j) + b[i]; h[i] = tanh(u[i]); s = Sum(h[i]**2, i)")
    assert {name: str(form) for name, form in derived.sweep().items()} == {
        "h": "2 * grad_s * h",
        "u": "grad_h * (1 - h**2)",
        "W": "grad_u @ x.T",
        "x": "W.T @ grad_u",
        "b": "grad_u",
    }


def test_an_output_that_is_used_inside_has_its_whole_gradient_in_the_lines() -> None:
    derived = derive("o[i] = exp(v[i]); L = -Sum(y[i]*log(o[i]), i)", outputs="o L")
    assert str(derived["o"].local) == "grad_o - grad_L * y / o"
    assert str(derived["v"].local) == "bar_o * o"


def test_what_no_probe_can_evaluate_is_said_to_be_in_doubt() -> None:
    found = gradient("s = Sum(sqrt(-1 - x[i]**2), i)", "x")
    assert found.doubt == "grad_x could not be confirmed: at no probe has the definition finite values"
    assert found.vector is None
    assert gradient("s = Sum(sqrt(1 + x[i]**2), i)", "x").doubt is None


def test_an_element_form_that_is_no_slope_of_the_definition_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    derived = derive("h[i] = x[i]**2")
    right = derived.derivation["x"]
    wrong = derive("h[i] = x[i]**3").derivation["x"]
    monkeypatch.setattr(Derivation, "__getitem__", lambda self, name: wrong)
    assert "at no probe does it agree with differences of the definition" in (derived["x"].doubt or "")
    assert right.element != wrong.element


def test_forms_are_equal_whatever_forward_assigns() -> None:
    derived = derive("r[i] = -1 - x[i]**2; s = t*Sum(log(r[i]), i)")
    form = derived.derivation["t"]
    assert str(derived["t"].vector) == "grad_s * log(r).sum()"
    assert derived["t"].vector is not None
    outcome = compared(derived["t"].vector.node, form.element, form.indices, derived.definition)
    assert outcome is Outcome.AGREES
    assert derived["t"].doubt is not None


@pytest.mark.parametrize(
    ("text", "name", "form"),
    [
        ("h[i] = (1 - z[i])*g[i]*(1 - g[i])", "z", "-grad_h * g * (1 - g)"),
        ("f = Sum((x[i] - m[i])**2/s[i], i)", "m", "-2 * grad_f * (x - m) / s"),
        ("f = Sum((a[i] - b[i])*c[i], i)", "c", "grad_f * (a - b)"),
        ("p[i] = sigmoid(v[i]); f = -Sum(y[i]*log(p[i]) + (1 - y[i])*log(1 - p[i]), i)", "v", "grad_f * (p - y)"),
        ("Y[i,j] = X[i,j]/sqrt(Sum(X[i,k]**2, k))", "X", "(grad_Y - rowsum(grad_Y * Y) * Y) / sqrt(rowsum(X**2))"),
    ],
)
def test_products_stay_as_they_were_written_unless_something_cancels(text: str, name: str, form: str) -> None:
    assert str(gradient(text, name).vector) == form
