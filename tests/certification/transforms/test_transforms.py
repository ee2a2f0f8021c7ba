"""Second derivatives, forward mode and batching rules are examined on request, against exact derivatives."""

import pytest
import torch
from torch.autograd.function import once_differentiable

import scratchgrad as sg
from scratchgrad.certification import NothingToCertify

CUBE, PRODUCT = "y[i] = x[i]**3", "z[i] = x[i]*y[i]**2"
EVERYTHING = {"second_order": True, "jvp": True, "vmap": True}


class Cube(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0] ** 2

    @staticmethod
    def jvp(ctx, t):
        return 3 * t * ctx.saved_tensors[0] ** 2


class SquareOfConstant(Cube):
    @staticmethod
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0].detach() ** 2


class HalfConstant(Cube):
    @staticmethod
    def backward(ctx, g):
        x = ctx.saved_tensors[0]
        return 3 * g * x * x.detach()


class Once(Cube):
    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0] ** 2


class KeepsNumbers(torch.autograd.Function):
    """What forward computed on the way is a constant for a second derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.slope = 3 * x**2
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g * ctx.slope


class GradWrittenOut(torch.autograd.Function):
    """A backward that is a Function of its own, with a wrong backward."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return _Slope.apply(g, *ctx.saved_tensors)


class _Slope(torch.autograd.Function):
    factor = 3

    @staticmethod
    def forward(ctx, g, x):
        ctx.save_for_backward(g, x)
        return 3 * g * x**2

    @staticmethod
    def backward(ctx, gg):
        g, x = ctx.saved_tensors
        return 3 * gg * x**2, 3 * gg * g * x  # the factor 2 is missing


class Product(torch.autograd.Function):
    """Everything written by hand: the rule of vmap, too."""

    @staticmethod
    def forward(x, y):
        return x * y**2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y**2, 2 * g * x * y

    @staticmethod
    def jvp(ctx, tx, ty):
        x, y = ctx.saved_tensors
        return tx * y**2 + 2 * x * y * ty

    @staticmethod
    def vmap(info, dims, x, y):
        x, y = (t if d is None else t.movedim(d, 0) for t, d in zip((x, y), dims, strict=True))
        return Product.apply(x, y), 0


class ForgetsOneTangent(Product):
    @staticmethod
    def jvp(ctx, tx, ty):
        x, y = ctx.saved_tensors
        return tx * y**2 + x * y * ty


class TakesTheAxisAsTheFirst(Product):
    @staticmethod
    def vmap(info, dims, x, y):
        return Product.apply(x, y), 0


class TakesAllAsBatched(Product):
    @staticmethod
    def vmap(info, dims, x, y):
        x, y = (t.movedim(d or 0, 0) for t, d in zip((x, y), dims, strict=True))
        return Product.apply(x, y.flip(0) if info.batch_size > 2 and dims[1] is not None else y), 0


@pytest.mark.parametrize(
    ("spec", "function"),
    [
        (CUBE, Cube),
        (CUBE, lambda x: x * x * x),
        (PRODUCT, Product),
        ("softmax", torch.nn.Softmax(-1)),
        ("linear", torch.nn.functional.linear),
        ("m = Max(x[i], i)", lambda x: x.max(-1)),
    ],
)
def test_what_is_right_is_accepted_with_what_was_compared(spec, function):
    verdict = sg.certify(spec, function, **EVERYTHING)
    assert verdict.accepted, str(verdict)
    for name in EVERYTHING:
        counted = f"{verdict.evidence[name]['entries_compared']} numbers compared with exact ones"
        assert verdict.evidence[name]["entries_compared"] > 20
        assert any(line.startswith(f"{name}: ") and counted in line for line in verdict.diagnosis)


def test_nothing_of_it_is_examined_without_a_request():
    verdict = sg.certify(CUBE, SquareOfConstant)
    assert verdict.accepted
    assert not set(EVERYTHING) & set(verdict.evidence)


def test_a_backward_in_torch_is_differentiated_by_what_arrives_and_by_the_tensors():
    assert sg.certify(CUBE, lambda x: x**3, lambda g, x: 3 * g * x * x, **EVERYTHING).accepted
    assert sg.certify("linear", **EVERYTHING).accepted  # the room's own kernel
    verdict = sg.certify(CUBE, lambda x: x**3, lambda g, x: 3 * g * x * x.detach(), second_order=True)
    assert verdict.wrong == ("second_order",)
    assert verdict.counterexample.entry == "grad_x[0]"
    assert float(verdict.counterexample.right) == pytest.approx(2 * float(verdict.counterexample.yours))


@pytest.mark.parametrize("function", [SquareOfConstant, HalfConstant, Once, KeepsNumbers, GradWrittenOut])
def test_a_backward_without_the_right_second_derivative_is_refused(function):
    assert sg.certify(CUBE, function).accepted
    verdict = sg.certify(CUBE, function, second_order=True)
    assert verdict.wrong == ("second_order",), str(verdict)
    assert verdict.diagnosis[0] == (
        "second_order: the second derivative is wrong: grad_x, where J is the sum of grad_first_x * first_x and "
        "first_x is what backward gives for x"
    )


def test_the_words_say_why_there_is_no_second_derivative():
    assert "second_order: backward is marked with @once_differentiable: it has no second derivative" in str(
        sg.certify(CUBE, Once, second_order=True)
    )
    words = "second_order: does backward use what torch takes as constant: .data, detach, NumPy, or what forward"
    assert any(line.startswith(words) for line in sg.certify(CUBE, KeepsNumbers, second_order=True).diagnosis)


@pytest.mark.parametrize("function", [ForgetsOneTangent, lambda x, y: Product.apply(x, y.detach()) + 0 * y])
def test_a_wrong_tangent_is_refused(function):
    verdict = sg.certify(PRODUCT, function, jvp=True, forward_only=not isinstance(function, type))
    assert verdict.wrong == ("jvp",), str(verdict)
    assert verdict.diagnosis[0] == "jvp: tangent_z is wrong in forward mode"


@pytest.mark.parametrize("function", [TakesTheAxisAsTheFirst, TakesAllAsBatched])
def test_a_wrong_batching_rule_is_refused(function):
    verdict = sg.certify(PRODUCT, function, vmap=True)
    assert verdict.wrong == ("vmap",), str(verdict)


class Plain(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return 3 * g * ctx.saved_tensors[0] ** 2


class WithoutRule(Cube):
    generate_vmap_rule = False


@pytest.mark.parametrize(
    ("function", "asked", "words"),
    [
        (Plain, "jvp", "the Function has no jvp staticmethod, so there is no forward mode"),
        (Plain, "vmap", "a Function under torch.func needs forward without ctx, and setup_context"),
        (WithoutRule, "vmap", "the Function has neither a vmap staticmethod nor generate_vmap_rule = True"),
    ],
)
def test_what_a_function_lacks_is_said(function, asked, words):
    verdict = sg.certify(CUBE, function, **{asked: True})
    assert verdict.wrong == (asked,)
    assert f"{asked}: {words}" in verdict.diagnosis


def test_what_leaves_torch_is_said_to_leave_it():
    def forward(x):
        return torch.from_numpy(x.detach().numpy() ** 3)

    verdict = sg.certify(CUBE, forward, lambda g, x: 3 * g * x * x, vmap=True)
    assert "vmap: it leaves torch, for NumPy or C, where torch.func cannot follow" in verdict.diagnosis


def test_what_cannot_be_asked_is_an_error():
    with pytest.raises(NothingToCertify, match="second_order=True differentiates backward: give one, and no forward_"):
        sg.certify(CUBE, torch.square, forward_only=True, second_order=True)
    with pytest.raises(NothingToCertify, match="jvp=True needs forward="):
        sg.certify(CUBE, None, lambda g, x: 3 * g * x * x, jvp=True)


def test_a_whole_batch_and_a_constant_of_the_call_are_kept():
    def scaled(x, p, factor):
        return factor * x[p] * x.sum()

    example = (torch.randn(4, 3, dtype=torch.float64), torch.tensor([2, 0, 3, 1]), 2)
    assert sg.certify(scaled, scaled, example=example, **EVERYTHING).accepted
