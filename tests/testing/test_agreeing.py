"""`gradients_agree`: right where right, wrong where wrong, and never wrong for what rounding or a tie explains."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scratchgrad
from scratchgrad import registry
from scratchgrad.certification.specification import ExampleMismatch, NothingToCertify
from scratchgrad.membership import DomainViolated
from scratchgrad.testing import gradients_agree, layers, tensors

QUICK = settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
SQUARE = "h[i] = u[i]**2"


def square(u):
    return u * u


def square_backward(g, u):
    return 2 * g * u


def half(g, u):
    return g * u


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return u * u

    @staticmethod
    def backward(ctx, g):
        (u,) = ctx.saved_tensors
        return 2 * g * u


U = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)


@pytest.mark.parametrize(
    "spec",
    [SQUARE, scratchgrad.derive(SQUARE).definition, lambda u: u**2],
    ids=["text", "definition", "function"],
)
def test_a_right_backward_agrees_and_a_wrong_one_differs_whatever_specifies_it(spec):
    right = gradients_agree(spec, square, square_backward, U)
    assert right and right.judged and sum(right.compared.values()) == 6
    assert str(right).startswith("AGREES  ") and "numbers compared: " in str(right)
    wrong = gradients_agree(spec, square, half, U, grad_outputs=torch.ones(3, dtype=torch.float64))
    assert not wrong and wrong.judged and wrong.wrong == ("backward",)
    assert (wrong.entry, wrong.yours, wrong.right, wrong.inputs) == ("grad_u[0]", "1", "2", {"u": [1.0, 2.0, 3.0]})
    assert "grad_u[0]:  yours = 1,  right = 2   (float64)" in str(wrong) == repr(wrong)


def test_an_autograd_function_and_a_recorded_forward_stand_for_both():
    assert gradients_agree(SQUARE, None, Square, U)
    assert gradients_agree(SQUARE, Square.apply, None, U)
    assert not gradients_agree("h[i] = u[i]**3", Square, None, U)


def test_a_wrong_forward_is_wrong():
    found = gradients_agree(SQUARE, lambda u: u, square_backward, U)
    assert found.wrong == ("forward",) and found.entry == "h[1]"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_rounding_is_no_mistake_in_any_dtype(dtype):
    @QUICK
    @given(tensors((3, 40), dtype=dtype), tensors((4, 40), dtype=dtype), tensors(4, dtype=dtype))
    def holds(x, W, b):
        kernel = registry.kernel("linear")
        found = gradients_agree("linear", kernel.forward, kernel.backward, x, W, b)
        assert found or not found.judged, str(found)

    holds()


@QUICK
@given(tensors((3, 4), domain=":simplex"), tensors((3, 4)))
def test_what_is_legal_at_a_tie_is_right(y, v):
    def backward(g, v):
        best = v == v.amax(-1, keepdim=True)
        return g[..., None] * best / best.sum(-1, keepdim=True)

    assert gradients_agree("m = Max(v[i], i)", lambda v: v.amax(-1), backward, v)
    first = torch.nn.functional.one_hot(v.argmax(-1), 4).double()
    assert gradients_agree("m = Max(v[i], i)", lambda v: v.amax(-1), lambda g, v: g[..., None] * first, v)


def test_both_of_two_tied_are_too_much():
    v = torch.tensor([[2.0, 2.0, 1.0]], dtype=torch.float64)
    found = gradients_agree(
        "m = Max(v[i], i)", lambda v: v.amax(-1), lambda g, v: g[..., None] * (v == v.amax(-1, keepdim=True)), v
    )
    assert not found and found.judged


def test_overflow_on_the_way_is_looked_at_with_exact_numbers():
    v = torch.tensor([[1000.0, 0.0, -1000.0]], dtype=torch.float64)
    kernel = registry.kernel("softmax")
    assert gradients_agree("softmax", kernel.forward, kernel.backward, v)
    naive = gradients_agree("softmax", lambda v: v.exp() / v.exp().sum(-1, keepdim=True), None, v.float())
    assert (not naive and "o[0,0] is not finite" in str(naive)) or naive.entry == "o[0,0]"


@pytest.mark.parametrize("rows", [2, 300])
def test_a_wrong_number_among_many_is_found_and_the_words_stay_short(rows):
    rng = np.random.default_rng(0)
    x, W, b = (torch.from_numpy(rng.standard_normal(shape)) for shape in ((rows, 64), (64, 64), (64,)))

    def backward(saved, grad_u):
        grads = list(registry.kernel("linear").backward(saved, grad_u))
        grads[1] = grads[1].clone()
        grads[1][63, 63] *= 1 + 1e-6
        return tuple(grads)

    forward = registry.kernel("linear").forward
    assert gradients_agree("linear", forward, registry.kernel("linear").backward, x, W, b)
    found = gradients_agree("linear", forward, backward, x, W, b)
    assert found.entry == "grad_W[63,63]" and len(str(found).splitlines()) < 12


def test_what_rounding_or_a_tie_may_explain_is_not_judged_where_exact_numbers_take_too_long():
    u = torch.zeros(60, 60, dtype=torch.float64)
    found = gradients_agree("relu", lambda u: u.clamp_min(0), lambda g, u: g * (u >= 0), u)
    assert not found and not found.judged and str(found).startswith("NOT JUDGED  relu")
    assert "no more than rounding or a tie could explain; too large for exact numbers" in str(found)
    small = gradients_agree("relu", lambda u: u.clamp_min(0), lambda g, u: g * (u >= 0), u[:3, :3])
    assert small, str(small)


@pytest.mark.parametrize(("factor", "word"), [(1, "AGREES"), (5, "DIFFERS")])
def test_near_the_end_of_a_domain_no_tie_is_looked_for_beyond_it(factor, word):
    x = torch.full((2000,), 1e-12, dtype=torch.float64)
    forward, backward = (lambda x: x.log().sum()), (lambda g, x: factor * g / x)
    found = gradients_agree("L = Sum(log(x[i]), i)", forward, backward, x, domains="x[i]>0")
    assert str(found).startswith(word), str(found)


def test_a_neighbour_without_a_value_is_no_tie():
    x = torch.full((2000,), 1e-12, dtype=torch.float64)
    found = gradients_agree(
        "L = Sum(sqrt(x[i]), i)", lambda x: x.sqrt().sum(), lambda g, x: g / x.sqrt(), x, domains="x[i] in (-inf,inf)"
    )
    assert found.judged and found.wrong == ("backward",), str(found)


def test_at_the_end_of_a_domain_a_tie_is_found_within_it():
    found = gradients_agree(
        "L = Sum(max(x[i], 0), i)",
        lambda x: x.relu().sum(),
        lambda g, x: g * (x >= 0),
        torch.zeros(2000, dtype=torch.float64),
        domains="x[i]>=0",
    )
    assert not found.judged, str(found)


def test_where_the_definition_has_no_value_nothing_is_judged():
    found = gradients_agree("h[i] = log(u[i])", torch.log, lambda g, u: g / u, -U, domains="u[i] in (-inf,inf)")
    assert not found and not found.judged


def test_tensors_come_to_the_functions_stored_as_they_are_and_stay_as_they_were():
    wide = torch.arange(12, dtype=torch.float64).reshape(3, 4)
    seen = []

    def forward(u):
        seen.append((u.stride(), u.storage_offset()))
        u.mul_(1)
        return u.clone() ** 2

    given = wide.mT[1:]
    before = given.clone()
    assert gradients_agree("h[i,j] = u[i,j]**2", forward, lambda g, u: 2 * g * u, given)
    assert seen == [(given.stride(), given.storage_offset())] and bool((given == before).all())
    spoiled = gradients_agree("h[i,j] = u[i,j]**2", lambda u: u.pow_(2).clone(), square_backward, given)
    assert "forward changes its argument u" in str(spoiled) and bool((given == before).all())
    assert "u stored as: strides (1, 4), offset 1" in str(spoiled)


def test_several_outputs_and_whole_numbers_take_part():
    t, E = torch.tensor([2, 0, 2]), torch.randn(3, 4, dtype=torch.float64)
    kernel = registry.kernel("embedding")
    assert gradients_agree("embedding", kernel.forward, kernel.backward, t, E)


@settings(QUICK, max_examples=5)
@given(layers("lstm_cell", batches=st.just(2)))
def test_of_several_outputs_some_may_have_no_gradient(case):
    cell, made = registry.kernel("lstm_cell"), case.inputs.values()
    one, other = case.grad_outputs.values()
    for arriving in ((one, other), (one, None), (None, other)):
        found = gradients_agree(case.layer, cell.forward, cell.backward, *made, grad_outputs=arriving)
        assert found, str(found)
    assert gradients_agree(case.layer, cell.forward, cell.backward, *made)


def test_a_specification_is_derived_once(monkeypatch):
    from scratchgrad.testing import point_reference

    made = []
    monkeypatch.setattr(point_reference, "_known", type(point_reference._known)())
    monkeypatch.setattr(
        point_reference, "specify", lambda *a, original=point_reference.specify: made.append(a) or original(*a)
    )
    for shape in (2, 3, 5):
        assert gradients_agree(SQUARE, square, square_backward, torch.randn(shape).double())
    assert len(made) == 1


@settings(QUICK, max_examples=2)
@given(st.data())
def test_what_is_compared_is_no_part_of_a_deadline(data):
    assert gradients_agree(SQUARE, square, square_backward, U)
    assert data.conjecture_data._stateful_run_times["scratchgrad"] > 0


def test_layers_are_derived_before_anything_is_drawn(monkeypatch):
    from scratchgrad.testing import point_reference

    known = type(point_reference._known)()
    monkeypatch.setattr(point_reference, "_known", known)
    strategy = layers(["relu", "add"])
    assert not known
    strategy.validate()
    assert {key[0].name for key in known} == {"relu", "add"}


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: gradients_agree(SQUARE, None, None, U), NothingToCertify, "give forward and backward, or an autograd"),
        (
            lambda: gradients_agree(SQUARE, square, half),
            ExampleMismatch,
            r"expected 1 example tensors \(u\[i\]\), got 0",
        ),
        (
            lambda: gradients_agree("relu", square, half, U),
            ExampleMismatch,
            "u has 1 axes beside the batch, got",
        ),
        (
            lambda: gradients_agree(SQUARE, square, half, U.long()),
            ExampleMismatch,
            "u: expected floating point, got",
        ),
        (lambda: gradients_agree(SQUARE, square, half, U + 1j), ExampleMismatch, "expected a dense tensor of real num"),
        (
            lambda: gradients_agree("s[i] = a[i]*b[i]", torch.mul, lambda g, a, b: (g * b, g * a), U, U.float()),
            ExampleMismatch,
            "expected tensors of one dtype of float64, .* got torch.float64, torch.float32",
        ),
        (
            lambda: gradients_agree("s[i] = a[i]*b[i]", torch.mul, lambda g, a, b: (g * b, g * a), U, U[:2]),
            ExampleMismatch,
            "n_i is 3 elsewhere but 2 in b",
        ),
        (
            lambda: gradients_agree(SQUARE, square, half, U, grad_outputs=(U, U)),
            ExampleMismatch,
            "expected grad_outputs to have one gradient for each of h, got 2",
        ),
        (
            lambda: gradients_agree(SQUARE, square, half, U, grad_outputs=U[:1]),
            ExampleMismatch,
            r"n_i is 3 elsewhere but 1 in h",
        ),
        (
            lambda: gradients_agree(SQUARE, square, half, U, grad_outputs=U.float()),
            ExampleMismatch,
            r"expected the gradient of h to be torch.float64 of shape \(3,\), got torch.float32",
        ),
        (
            lambda: gradients_agree("h[i] = log(u[i])", torch.log, half, -U, domains="u>0"),
            DomainViolated,
            "expected u>0, got -1 at",
        ),
    ],
)
def test_what_cannot_be_compared_is_named(call, error, says):
    with pytest.raises(error, match=says):
        call()


@QUICK
@given(st.integers(1, 200), st.integers(1, 40))
def test_a_sum_of_many_terms_may_be_rounded_in_any_order(rows, columns):
    x = torch.from_numpy(np.random.default_rng(rows).standard_normal((rows, columns))).float()
    found = gradients_agree(
        "s = Sum(x[i]**2, i)", lambda x: x.flip(-1).pow(2).sum(-1), lambda g, x: 2 * g[:, None] * x, x
    )
    assert found, str(found)
