"""What goes wrong from some size on is refused, with the size; what is right is compared at larger sizes."""

import numpy as np
import pytest
import torch

import scratchgrad as sg
from scratchgrad import registry
from scratchgrad.certification import UnknownSize
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.certifying import kernel_subject
from scratchgrad.certification.error_model import THRESHOLD
from scratchgrad.certification.float_reference import FloatReference
from scratchgrad.certification.large_sizes import examine_larger
from scratchgrad.certification.specification import specify

SQUARE = "h[i] = u[i]**2"


def square(u):
    return u * u


def softmax_backward(g, v, columns=None):
    p = v.softmax(-1)
    return p * (g - (g * p)[:, :columns].sum(-1, keepdim=True))


def linear(x, W, b):
    return x @ W.mT + b


def linear_backward(g, x, W, b):
    return g @ W, g.mT @ x, g.sum(0)


class OnlySmall(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return u * u

    @staticmethod
    def backward(ctx, g):
        (u,) = ctx.saved_tensors
        return 2 * g * u if u.shape[0] < 50 else g * u


def in_numpy(g, u):
    found = 2 * g.numpy() * u.numpy()
    found[60:] = 0
    return torch.from_numpy(found)


WRONG = {
    "a softmax over the first 8 columns": (
        ("softmax", lambda v: v.softmax(-1), lambda g, v: softmax_backward(g, v, 8)),
        "wrong at v[1, 9], right at v[1, 8]",
    ),
    "rows beyond 32": (
        (SQUARE, square, lambda g, u: torch.cat([(2 * g * u)[:32], 0 * g[32:]])),
        "wrong at u[33], right at u[32]",
    ),
    "another path from 4 rows on": (
        (SQUARE, square, lambda g, u: 2 * g * u if len(u) < 4 else g),
        "wrong at u[4], right at u[3]",
    ),
    "NumPy, not executed exactly": ((SQUARE, square, in_numpy), "wrong at u[61], right at u[60]"),
    "an autograd.Function": ((SQUARE, OnlySmall), "wrong at u[50], right at u[49]"),
    "a forward": (
        (SQUARE, lambda u: square(u) if len(u) <= 100 else u, lambda g, u: 2 * g * u),
        "wrong at u[101], right at u[100]",
    ),
    "a batch beyond 1000": (
        ("linear", linear, lambda g, x, W, b: (*linear_backward(g, x, W, b)[:2], g[:1000].sum(0))),
        "wrong at x[1001, 1], W[1, 1], b[1], right at x[1000, 1], W[1, 1], b[1]",
    ),
    "an exception": (
        ("relu", torch.relu, lambda g, u: g * (u > 0) * torch.ones(64)[: u.shape[1]].to(g.dtype)),
        "wrong at u[1, 65], right at u[1, 64]",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_goes_wrong_from_some_size_on_is_refused_with_that_size(name):
    arguments, words = WRONG[name]
    verdict = sg.certify(*arguments)
    assert not verdict.accepted
    assert words in verdict.diagnosis, str(verdict)


def test_a_function_that_is_the_specification_is_compared_at_larger_batches():
    example = (torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3),)
    verdict = sg.certify(
        lambda x: x.exp(), torch.exp, lambda g, x: g * x.exp() * (torch.arange(len(x)) < 40)[:, None], example
    )
    assert "wrong at x[41, 3], right at x[40, 3]" in verdict.diagnosis, str(verdict)


@pytest.mark.parametrize(
    ("spec", "forward", "backward", "shapes"),
    [
        ("softmax", lambda v: v.softmax(-1), softmax_backward, ("v[65, 7]", "v[1100, 7]", "v[7, 257]", "v[3, 4097]")),
        ("linear", linear, linear_backward, ("x[65, 7], W[8, 7], b[8]", "x[7, 129], W[8, 129], b[8]")),
        (SQUARE, square, lambda g, u: 2 * g * u, ("u[33]", "u[65]", "u[129]", "u[257]", "u[1025]")),
    ],
)
def test_what_is_right_is_compared_at_larger_sizes_and_the_verdict_names_them(spec, forward, backward, shapes):
    verdict = sg.certify(spec, forward, backward)
    (line,) = (line for line in verdict.diagnosis if line.startswith("compared in float64 at larger sizes: "))
    assert set(shapes) <= set(verdict.evidence["larger"]["shapes"])
    assert all(shape in line for shape in shapes)


def test_more_sizes_are_named_and_compared():
    def backward(g, u):
        return g * (1 - u.tanh() ** 2) * (torch.arange(u.shape[1]) < float("5e3"))  # no number of its source

    assert sg.certify("tanh", torch.tanh, backward).accepted
    for sizes in ({"n_i": 6000}, [{"i": 300, "batch": 2}, {"i": 6000}]):
        verdict = sg.certify("tanh", torch.tanh, backward, sizes=sizes)
        assert "wrong at u[1, 5001], right at u[1, 5000]" in verdict.diagnosis, str(verdict)
    with pytest.raises(UnknownSize) as refusal:
        sg.certify("relu", torch.relu, sizes={"n_k": 3})
    assert str(refusal.value) == (
        "sizes: relu: expected a length of at least 1 for one of these: batch, n_i, got 'n_k': 3"
    )
    with pytest.raises(UnknownSize, match="got 'n_i': 9; an example fixes all sizes but the batch"):
        sg.certify("relu", torch.relu, example=(torch.randn(2, 3),), sizes={"n_i": 9})
    for sizes in (5, "n_i=5", ["n_i"]):
        with pytest.raises(UnknownSize, match='expected names with lengths, such as {"batch": 5000, "n_i": 300}, got'):
            sg.certify("relu", torch.relu, sizes=sizes)


def test_a_large_counterexample_is_printed_in_few_lines():
    verdict = sg.certify(SQUARE, square, lambda g, u: 2 * g * u if len(u) < 1000 else g)
    assert len(verdict.counterexample.tensors["u"]) == 1000
    assert "(of 1000 numbers)" in str(verdict), str(verdict)
    assert len(str(verdict)) < 1000


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "spec",
    [
        "y[i] = x[i]/sqrt(Sum(x[k]**2, k))",
        "L = LogDet(A)",
        "y[i,j] = Inv(A)[i,j]",
        "y[i] = tanh(Sum(W[i,j]*x[j], j))",
        "s = Max(x[i], i)",
        "y[i] = Sum(E[t[i],j]*w[j], j)",
    ],
)
def test_no_torch_result_in_another_order_of_sums_is_taken_for_a_mistake(spec, seed):
    """Units of error of float64 numbers against the exact ones, at an ordinary small point: far below the threshold."""
    battery = Battery(specify(spec))
    point = battery.point("normal", battery.batch, battery.sizes(), salt=f"order {seed}")
    exact = battery.reference.at(point)
    for name, truth in FloatReference(battery.specification).at(point).items():
        assert np.max(truth.units(exact[name].high), initial=0.0) < THRESHOLD / 48, name


@pytest.mark.parametrize(
    "room", ["batch_norm", "embedding", "gru_cell", "lstm_cell", "squared_norm", "max_pool2d", "conv1d", "info_nce"]
)
def test_a_room_has_larger_sizes_and_is_right_there(room):
    specification = specify(room)
    battery = Battery(specification)
    found = examine_larger(battery, kernel_subject(registry.layer(room), specification))
    assert found.shapes and not found.findings and not found.stopped
