"""Backward is examined, or its absence is an error: what torch records is held against the definition."""

import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification import NothingToCertify

SQUARE = "h[i] = u[i]**2"


def example(*shapes):
    generator = torch.Generator().manual_seed(3)
    return tuple(torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in shapes)


class Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return u * u

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


class Squares(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, u):
        return self.function(u)


@torch.library.custom_op("evidence::half_square", mutates_args=())
def half_square(u: torch.Tensor) -> torch.Tensor:
    return u * u


half_square.register_autograd(
    lambda ctx, g: g * ctx.saved_tensors[0], setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs)
)


@pytest.mark.parametrize(
    "function",
    [Half, Half.apply, lambda u: Half.apply(u) + 0, Squares(Half.apply), half_square],
    ids=["class", "apply", "function", "module", "custom op"],
)
def test_half_a_gradient_is_refused_however_torch_comes_to_it(function):
    verdict = sg.certify(SQUARE, function)
    assert verdict.wrong == ("backward",)
    assert "yours = 1/2 x right everywhere" in verdict.diagnosis


@pytest.mark.parametrize(
    ("spec", "function"),
    [
        (SQUARE, torch.square),
        ("softmax", torch.nn.Softmax(-1)),
        ("linear", torch.nn.functional.linear),
        ("m = Max(x[i], i)", lambda x: x.max(-1)),  # the positions carry no gradient
        ("m = Max(x[i], i)", lambda x: x.max(-1)[::-1]),  # in whatever place
        ("m = Max(x[i], i)", lambda x: (x.amax(-1), {"kept": x})),
    ],
)
def test_what_torch_differentiates_is_right_and_the_verdict_says_whose_backward_it_was(spec, function):
    verdict = sg.certify(spec, function)
    assert verdict.accepted, str(verdict)
    assert "backward is what torch's autograd recorded in forward" in verdict.diagnosis
    assert verdict.proven


@pytest.mark.parametrize("forward", [lambda u: u.detach() ** 2, lambda u: torch.from_numpy(u.detach().numpy() ** 2)])
def test_a_forward_alone_whose_output_carries_no_gradient_is_an_error_that_says_what_to_give(forward):
    with pytest.raises(NothingToCertify) as refusal:
        sg.certify(SQUARE, forward)
    assert str(refusal.value) == (
        "h[i] = u[i]**2: backward is missing, and what forward returns carries no gradient of torch's; give "
        "backward=, or say forward_only=True"
    )
    assert sg.certify(SQUARE, forward, forward_only=True).accepted


def test_forward_only_leaves_no_room_for_a_backward():
    with pytest.raises(NothingToCertify, match="forward_only=True examines forward= alone: give forward=, and no"):
        sg.certify(SQUARE, torch.square, lambda g, u: 2 * g * u, forward_only=True)


class Two(torch.autograd.Function):
    factor = 3

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a)
        return a * a, 3 * b

    @staticmethod
    def backward(ctx, g, h):
        return 2 * ctx.saved_tensors[0] * g, 3 * h


class Forgetful(Two):
    @staticmethod
    def backward(ctx, g, h):
        return 2 * ctx.saved_tensors[0] * g, g[..., :2]


class Unmaterialized(Two):
    @staticmethod
    def forward(ctx, a, b):
        ctx.set_materialize_grads(False)
        return Two.forward(ctx, a, b)

    @staticmethod
    def backward(ctx, g, h):
        return None if g is None else 2 * ctx.saved_tensors[0] * g, None if h is None else 3 * h


@pytest.mark.parametrize(
    ("function", "right"),
    [(Two, True), (Two.apply, True), (lambda a, b: (a * a, 3 * b), True), (Unmaterialized, True), (Forgetful, False)],
)
def test_a_function_with_several_outputs_is_examined_with_each_of_them_unconsumed(function, right):
    verdict = sg.certify(lambda a, b: (a * a, 3 * b), function, example=example((3,), (2,)))
    assert verdict.accepted is right, str(verdict)
    assert not any("not given" in line for line in verdict.diagnosis)


class Unmarked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        b = 3 * a
        ctx.mark_non_differentiable(b)
        ctx.save_for_backward(a)
        return a * a, b

    @staticmethod
    def backward(ctx, g, h):
        return 2 * ctx.saved_tensors[0] * g


def test_an_output_without_gradient_is_refused_where_the_definition_has_one():
    verdict = sg.certify(lambda a: (a * a, 3 * a), Unmarked, example=example((3,)))
    assert verdict.wrong == ("backward",)


class InPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u.clone())
        ctx.mark_dirty(u)
        return u.mul_(u)

    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.saved_tensors[0]


class Dirty(InPlace):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return u.data.mul_(u.data).clone()


def test_a_function_may_work_in_place_where_it_says_so():
    assert sg.certify(SQUARE, InPlace).accepted
    assert not sg.certify(SQUARE, Dirty).accepted  # it keeps the input, which has other values by then


class Silent(InPlace):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u.clone())
        found = u * u
        u.data.zero_()
        return found


def test_a_change_of_the_argument_behind_torchs_back_is_a_finding():
    verdict = sg.certify(SQUARE, Silent)
    assert verdict.counterexample.words == "forward changes its argument u"


class Unsaid(InPlace):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u.clone())
        return u.mul_(u)


def test_an_input_that_is_changed_and_returned_must_be_marked():
    verdict = sg.certify(SQUARE, Unsaid)
    assert verdict.counterexample.words == "forward changes its argument u"
    assert sg.certify("h[i] = max(u[i], 0)", lambda u: torch.relu_(u).view(-1).view(u.shape)).accepted


class Flat(InPlace):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return u.view(-1).square().view(u.shape)


def test_a_function_meets_the_strides_that_its_caller_has():
    verdict = sg.certify("h[i,j] = u[i,j]**2", Flat)
    assert verdict.wrong == ("forward",)
    assert any("strides must not matter" in line for line in verdict.diagnosis)


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return (g * y if ctx.needs_input_grad[0] else None), (g * x if ctx.needs_input_grad[1] else None)


class Mixed(Product):
    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        first, second = ctx.needs_input_grad
        return (g * y if first else None), (g * (x if first else y) if second else None)


def test_each_input_asks_for_its_gradient_alone_too():
    spec = "z[i] = x[i]*y[i]"
    assert sg.certify(spec, Product).accepted
    verdict = sg.certify(spec, Mixed)
    assert verdict.wrong == ("backward",)
    words = "right where every input asks for a gradient, wrong where y alone does (needs_input_grad)"
    assert verdict.diagnosis[0] == words


class Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, W, b):
        ctx.save_for_backward(x, W)
        return x @ W.mT + b

    @staticmethod
    def backward(ctx, g):
        x, W = ctx.saved_tensors
        first, second, third = ctx.needs_input_grad
        return (g @ W if first else None), (g.mT @ x if second else None), (g.sum(0) if third else None)


class TwiceWithoutBias(Linear):
    @staticmethod
    def backward(ctx, g):
        grad_x, grad_W, grad_b = Linear.backward(ctx, g)
        return grad_x, (2 * grad_W if ctx.needs_input_grad == (True, True, False) else grad_W), grad_b


class NothingToDo(Linear):
    @staticmethod
    def forward(ctx, x, W, b):
        return Linear.forward(ctx, x, W, b if any(ctx.needs_input_grad) else 0 * b)


@pytest.mark.parametrize(
    ("function", "words"),
    [(TwiceWithoutBias, "where x and W alone do"), (NothingToDo, "where none does")],
)
def test_every_choice_of_inputs_may_ask_for_gradients(function, words):
    assert sg.certify("linear", Linear).accepted
    verdict = sg.certify("linear", function)
    assert not verdict.accepted
    assert f"wrong {words} (needs_input_grad)" in verdict.diagnosis[0]


class ForgetsTheMask(Product):
    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[1], None


def test_none_is_zero_where_torch_takes_it_so():
    verdict = sg.certify("z[i] = x[i]*y[i]", ForgetsTheMask)
    assert verdict.wrong == ("backward",)
    assert "backward gives None for grad_y, which torch takes as zeros" in verdict.diagnosis
    assert sg.certify("z[i] = x[i] + 0*y[i]", lambda x, y: x + 0).accepted  # the right one is zero
