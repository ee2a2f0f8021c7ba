"""sg.certify: what it takes, what it gives, and that no kernel makes it raise."""

import re
import time

import pytest
import torch

import scratchgrad as sg
from scratchgrad import registry
from scratchgrad.certification import ExampleMismatch, NothingToCertify
from scratchgrad.registry import NotCertified
from tests.certification.mistakes import (
    course_backward,
    linear,
    linear_backward,
    relu,
    relu_backward,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
)

LINEAR = "u[i] = Sum(W[i,j]*x[j], j) + b[i]"


@pytest.fixture(autouse=True)
def nothing_accepted(monkeypatch):
    monkeypatch.setattr(registry, "_accepted", {})


def cube(wrong=1):
    """A user's layer s = x^3."""
    layer = sg.Layer("cube", "x[i] -> s[i]")
    layer.define(lambda s: s.eq(s.tensors[1][s.i], s.tensors[0][s.i] ** 3))

    @layer.kernel
    class Kernel:
        @staticmethod
        def forward(x):
            return x**3, x

        @staticmethod
        def backward(saved, grad_s):
            return wrong * 3 * grad_s * saved**2

    return layer


def test_an_accepted_layer_may_be_used_in_this_process():
    layer = cube()
    with pytest.raises(NotCertified):
        registry.kernel(layer)
    verdict = sg.certify(layer)
    assert verdict.accepted
    assert isinstance(verdict, sg.Verdict)
    assert verdict.certificate.layer == "cube"
    assert verdict.certificate.evidence == verdict.evidence
    assert registry.kernel(layer) is layer.kernel_class


def test_a_refused_layer_may_not_be_used():
    layer = cube(wrong=2)
    assert not sg.certify(layer).accepted
    with pytest.raises(NotCertified):
        registry.kernel(layer)


def test_a_layer_without_a_kernel_is_certified_with_its_generated_one():
    layer = sg.Layer("quartic", "x[i] -> s[i]")
    layer.define(lambda s: s.eq(s.tensors[1][s.i], s.tensors[0][s.i] ** 4))
    assert sg.certify(layer).accepted
    assert registry.kernel(layer) is layer.kernel_class


def test_an_accepted_verdict_says_what_was_proven_and_what_was_compared():
    verdict = sg.certify("relu", relu, relu_backward)
    assert verdict.proven
    second, third, fourth, *_ = verdict.diagnosis
    first = str(verdict).splitlines()[0]
    assert fourth.startswith("compared in float64 at larger sizes: u[65, 7]; u[7, 129]; ")
    assert first == "ACCEPTED  relu"
    assert second == (
        "proven equal for all real values at 4 shapes (u[2, 2]; u[3, 3]; u[1, 1]; u[5, 2]): 48 entries, 96 cases"
    )
    assert re.match(r"\d+ probes, \d+ numbers compared with exact ones; largest error in units of the cond", third)


def test_what_cannot_be_executed_exactly_is_probed_and_the_verdict_says_why():
    verdict = sg.certify("relu", lambda u: torch.from_numpy(u.numpy().clip(0)), relu_backward)
    assert verdict.accepted
    assert not verdict.proven
    assert "probed, not proven: not executed exactly: Tensor.numpy: values are read without a torch operation" in str(
        verdict
    )


def test_what_is_not_given_is_not_checked_and_said_so():
    assert "forward was not given and is not checked" in sg.certify("relu", None, relu_backward).diagnosis
    alone = sg.certify("relu", relu, forward_only=True)
    assert "backward was left out (forward_only=True) and is not checked" in alone.diagnosis
    some = sg.certify("linear", linear, lambda g, x, W, b: (g @ W, g.mT @ x, None))
    assert "grad_b was not given (None) and is not checked" in some.diagnosis


def test_a_definition_and_its_gradients_are_specifications_too():
    d = sg.derive(LINEAR)

    def backward(g, W, x, b):
        return torch.outer(g, x), W.mT @ g, g

    for spec in (d, d.definition):
        assert sg.certify(spec, lambda W, x, b: W @ x + b, backward).accepted


def test_an_example_with_one_axis_more_gives_a_text_its_batch():
    x, W, b = torch.randn(4, 3), torch.randn(2, 3), torch.randn(2)
    spec = "u[i] = Sum(W[i,j]*x[j], j) + b[i]"

    def backward(g, W, x, b):
        return linear_backward(g, x, W, b)[1], g @ W, g.sum(0)

    verdict = sg.certify(spec, lambda W, x, b: linear(x, W, b), backward, example=(W, x, b))
    assert verdict.accepted, str(verdict)
    verdict = sg.certify(
        spec, lambda W, x, b: linear(x, W, b), lambda *a: (*backward(*a)[:2], a[0][0]), example=(W, x, b)
    )
    assert not verdict.accepted
    assert verdict.counterexample.tensor == "grad_b"


def test_an_example_fixes_the_sizes():
    weights = torch.tensor([1.0, 2.0, 3.0])

    def forward(x):
        return (x * weights.to(x.dtype)).sum()

    spec = "s = Sum((i+1)*x[i], i)"
    assert not sg.certify(spec, forward, lambda g, x: g * weights.to(x.dtype)).accepted
    assert sg.certify(spec, forward, lambda g, x: g * weights.to(x.dtype), example=(torch.randn(3),)).accepted


def test_an_example_narrows_the_domain():
    def backward(g, v, y):
        return course_backward(g, v, y / y.sum(-1, keepdim=True), v.softmax(-1)), None

    def example(seed):
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(2, 3, generator=generator), torch.eye(3)[torch.randint(3, (2,), generator=generator)]

    assert not sg.certify("softmax_cross_entropy", softmax_cross_entropy, backward).accepted
    verdict = sg.certify("softmax_cross_entropy", softmax_cross_entropy, backward, example=example)
    assert verdict.accepted, str(verdict)


def test_values_stay_where_the_definition_has_any():
    verdict = sg.certify("L = Sum(log(x[i]), i)", lambda x: x.log().sum(), lambda g, x: g / x)
    assert verdict.accepted
    assert not any("no finite value" in line for line in verdict.diagnosis)


@pytest.mark.parametrize(
    ("spec", "functions", "message"),
    [
        (LINEAR, {}, "give forward= and backward=: a definition has no kernel of its own"),
        (
            "linear",
            {"backward": lambda saved, grad_u: None},
            "backward(saved, ...) needs what forward saves: give forward=, too",
        ),
        (
            sg.Layer("bare", "x -> s"),
            {},
            "layer 'bare' has no definition to be held against; "
            "write its equation, Layer('bare', 'x -> s', \"...\"), or @bare.define",
        ),
    ],
)
def test_without_something_to_examine_there_is_an_error_that_says_what_to_give(spec, functions, message):
    with pytest.raises(NothingToCertify) as refusal:
        sg.certify(spec, **functions)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("spec", "example", "message"),
    [
        (LINEAR, (torch.zeros(2, 3),), "expected 3 example tensors (W[i,j], x[j], b[i]), got 1"),
        (
            LINEAR,
            (torch.zeros(2), torch.zeros(3), torch.zeros(2)),
            "W[i,j] has 2 axes (one more in a batch), the example's shape is (2,)",
        ),
        (
            LINEAR,
            (torch.zeros(2, 3), torch.zeros(4), torch.zeros(2)),
            "size n_j is 3 elsewhere but 4 in x",
        ),
        (
            "relu",
            (torch.zeros(3),),
            "u has 1 axes beside the batch, the example's shape is (3,)",
        ),
        (
            "l2_loss",
            (torch.zeros(2, 3), torch.zeros(4, 3)),
            "the example's tensors have different numbers of samples: {'v': 2, 'y': 4}",
        ),
    ],
)
def test_an_example_that_does_not_fit_is_an_error_that_says_where(spec, example, message):
    with pytest.raises(ExampleMismatch) as refusal:
        sg.certify(spec, lambda *_: None, lambda *_: None, example=example)
    assert str(refusal.value) == message


def recursive(*tensors):
    return recursive(*tensors)


@pytest.mark.parametrize(
    ("misbehaves", "words"),
    [
        (lambda *_: None, "gives None for h; expected a tensor"),
        (lambda *_: "h", "gives a str for h; expected a tensor"),
        (lambda *_: (), "gives a tuple of 0 for h; expected a tensor"),
        (lambda *_: [[1.0]], "gives a list of 1 for h; expected a tensor"),
        (lambda *_: 1 / 0, "raises ZeroDivisionError: division by zero"),
        (recursive, "raises RecursionError: maximum recursion depth exceeded"),
        (lambda: 0, "raises TypeError:"),
        (lambda *_: torch.zeros(1, 2, 3, 4), "h has shape (1, 2, 3, 4); expected"),
        (lambda u: u.numpy(), "gives a ndarray for h; expected a tensor"),
        (lambda u: u * float("nan"), "yours = nan"),
        (
            lambda *_: torch.eye(3).to_sparse(),
            "gives a tensor of layout torch.sparse_coo on cpu for h; expected a tensor",
        ),
        (lambda *_: torch.empty(2, 3, device="meta"), "gives a tensor of layout torch.strided on meta for h"),
        (lambda u: u.to(torch.complex128), "h is torch.complex128; expected torch.float64, as the inputs are"),
    ],
)
def test_nothing_that_a_function_does_makes_certify_raise(misbehaves, words):
    verdict = sg.certify("relu", misbehaves, relu_backward)
    assert not verdict.accepted
    assert words in str(verdict)
    verdict = sg.certify("relu", relu, misbehaves)
    assert not verdict.accepted
    assert verdict.wrong == ("backward",)


def test_the_target_may_be_left_out_but_not_everything():
    def target_left_out(g, v, y):
        return softmax_cross_entropy_backward(g, v, y)[0], None

    assert sg.certify("softmax_cross_entropy", softmax_cross_entropy, target_left_out).accepted
    verdict = sg.certify("softmax_cross_entropy", softmax_cross_entropy, lambda *_: (None, None))
    assert "backward gives None for grad_v; expected a tensor" in str(verdict)


def test_a_dtype_of_16_bits_is_examined_where_it_is_claimed():
    def backward(g, u):
        return g * (u > 0) * (1.25 if u.dtype == torch.bfloat16 else 1)

    assert sg.certify("relu", relu, backward).accepted
    backward.dtypes = (torch.bfloat16, "float16")
    verdict = sg.certify("relu", relu, backward)
    assert not verdict.accepted
    assert verdict.counterexample.dtype == "bfloat16"
    relu_backward.dtypes = ("bfloat16", "float16")
    try:
        verdict = sg.certify("relu", relu, relu_backward)
    finally:
        del relu_backward.dtypes
    assert verdict.accepted, str(verdict)
    assert set(verdict.errors) == {"float64", "float32", "bfloat16", "float16"}


@pytest.mark.parametrize(
    ("backward", "accepted"),
    [
        (softmax_cross_entropy_backward, True),
        (lambda grad_o, grad_L, v, y: softmax_cross_entropy_backward((grad_o, grad_L), v, y), True),
        (lambda only: only, False),
    ],
)
def test_a_backward_is_called_as_its_parameters_say(backward, accepted):
    verdict = sg.certify("softmax_cross_entropy", softmax_cross_entropy, backward)
    assert verdict.accepted is accepted, str(verdict)
    if not accepted:
        assert "it was called as backward((grad_o, grad_L), v, y)" in " ".join(str(verdict).split())


def test_a_cache_may_stand_first_or_last():
    def forward(x, W, b):
        return linear(x, W, b), (x, W, b)

    assert sg.certify("linear", forward, lambda dout, cache: linear_backward(dout, *cache)).accepted
    assert sg.certify("linear", forward, lambda cache, dout: linear_backward(dout, *cache)).accepted


def test_a_torch_function_is_a_specification():
    example = (torch.randn(4, 3), torch.randn(2, 3), torch.randn(2))
    verdict = sg.certify(torch.nn.functional.linear, linear, linear_backward, example=example)
    assert verdict.accepted, str(verdict)
    assert verdict.proven
    verdict = sg.certify(
        torch.nn.functional.linear, linear, lambda g, x, W, b: (g @ W, g.mT @ x, g[0]), example=example
    )
    assert "not summed over the batch: only the first sample counts" in verdict.diagnosis


def test_what_is_no_tensor_in_an_example_is_a_constant():
    def spec(x, k):
        return torch.nn.functional.avg_pool1d(x, k)

    def backward(g, x, k):
        return g.repeat_interleave(k, -1) / k, None

    assert sg.certify(spec, spec, backward, example=(torch.randn(2, 1, 6), 2)).accepted


def test_a_function_as_specification_needs_an_example_and_operations_that_have_a_rule():
    with pytest.raises(NothingToCertify, match="a function as the specification needs an example"):
        sg.certify(torch.nn.functional.linear, linear, linear_backward)
    with pytest.raises(NothingToCertify, match="cannot be executed exactly: no exact rule for aten._linalg_svd"):
        sg.certify(torch.linalg.svdvals, None, lambda g, x: x, example=(torch.randn(2, 2),))
    with pytest.raises(ExampleMismatch, match="the specification cannot be called with the example"):
        sg.certify(torch.nn.functional.linear, linear, linear_backward, example=(torch.randn(3), torch.randn(2, 4)))


class Square(torch.autograd.Function):
    factor = 2

    @classmethod
    def of(cls, factor):
        return type("Times", (cls,), {"factor": factor, "backward": staticmethod(cls.pulled(factor))})

    @staticmethod
    def pulled(factor):
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return factor * g * x

        return backward

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x


def test_an_autograd_function_is_examined_through_its_own_backward():
    assert sg.certify("y[i] = x[i]**2", Square.of(2)).accepted
    verdict = sg.certify("y[i] = x[i]**2", Square.of(1))
    assert verdict.wrong == ("backward",)
    assert "yours = 1/2 x right everywhere" in verdict.diagnosis


def test_a_call_that_does_not_end_is_stopped_and_refused(monkeypatch):
    from scratchgrad.certification import subject

    monkeypatch.setattr(subject, "LIMIT", 0.2)

    def forever(*_):
        while True:
            pass

    verdict = sg.certify("relu", relu, forever)
    assert not verdict.accepted
    assert "backward does not come to an end: stopped after 0.2 s" in verdict.diagnosis
    verdict = sg.certify("relu", lambda u: time.sleep(60), relu_backward)
    assert "forward does not come to an end: stopped after 0.2 s" in verdict.diagnosis


def test_only_what_was_examined_is_called_right():
    assert "backward was not examined" in sg.certify("relu", lambda u: 1 / 0).diagnosis
    assert "forward was not examined" in sg.certify("relu", None, lambda g, u: -g * (u > 0)).diagnosis
    both = sg.certify("linear", lambda x, W, b: 1 / 0, lambda g, x, W, b: (-(g @ W), 5, None))
    assert both.wrong == ("forward", "backward")


def test_the_logits_in_place_of_the_softmax_are_recognised():
    def backward(grads, v, y):
        return course_backward(grads, v, y, v), softmax_cross_entropy_backward(grads, v, y)[1]

    verdict = sg.certify("softmax_cross_entropy", softmax_cross_entropy, backward)
    assert any(line.startswith("the logits v stand where the softmax o belongs") for line in verdict.diagnosis)


def test_column_major_functions_are_recognised():
    verdict = sg.certify(
        "linear",
        lambda x, W, b: W @ x + b[:, None],
        lambda g, x, W, b: (W.mT @ g, g @ x.mT, g.sum(1)),
    )
    assert any(line.startswith("right for column-major batches") for line in verdict.diagnosis), str(verdict)


def test_an_example_whose_square_matrix_is_not_square_is_refused():
    with pytest.raises(
        ExampleMismatch, match=r"A is square: all its axes have size n_A_1; the example's shape is \(2, 3\)"
    ):
        sg.certify("L = LogDet(A)", torch.logdet, lambda g, A: g * A.inverse().T, example=(torch.rand(2, 3),))
