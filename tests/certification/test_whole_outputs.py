"""Outputs that are positions or truth values are compared exactly; they take no part in backward."""

import pytest
import torch

import scratchgrad as sg

EXAMPLE = (torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)),)
EVERYTHING = {"second_order": True, "jvp": True, "vmap": True}


def largest(x):
    return x.max(-1)


def doubled(x):
    return 2 * x, x > 0


class Largest(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        values, positions = x.max(-1)
        ctx.mark_non_differentiable(positions)
        ctx.save_for_backward(positions)
        ctx.length = x.shape[-1]
        return values, positions

    @staticmethod
    def backward(ctx, g, _):
        (positions,) = ctx.saved_tensors
        rows = torch.zeros(*g.shape, ctx.length, dtype=g.dtype)
        return rows.scatter(-1, positions.unsqueeze(-1), g.unsqueeze(-1))


class ToAll(Largest):
    @staticmethod
    def backward(ctx, g, _):
        return torch.ones(*g.shape, ctx.length, dtype=g.dtype) * g.unsqueeze(-1)


class SmallestPosition(Largest):
    @staticmethod
    def forward(ctx, x):
        values, _ = Largest.forward(ctx, x)
        return values, x.min(-1).indices


def backward(g, x):
    return torch.zeros_like(x).scatter(-1, x.argmax(-1, keepdim=True), g[0].unsqueeze(-1))


@pytest.mark.parametrize("spec", [largest, "m = Max(x[i], i)"])
@pytest.mark.parametrize(("function", "right"), [(Largest, True), (ToAll, False)])
def test_positions_beside_the_values_take_no_part_in_backward(spec, function, right):
    verdict = sg.certify(spec, function, example=EXAMPLE)
    assert verdict.accepted is right, str(verdict)


@pytest.mark.parametrize(
    "function",
    [largest, lambda x: torch.sort(x, -1), lambda x: torch.topk(x, 2, -1), lambda x: x.max(-1)[::-1], doubled],
)
def test_a_function_with_such_outputs_agrees_with_itself(function):
    verdict = sg.certify(function, function, example=EXAMPLE)
    assert verdict.accepted, str(verdict)


def test_they_do_not_disturb_what_is_asked_for():
    assert sg.certify(largest, lambda x: tuple(x.max(-1)), backward, example=EXAMPLE, **EVERYTHING).accepted


@pytest.mark.parametrize(
    ("spec", "function", "tensor"),
    [
        (largest, SmallestPosition, "y2"),
        (doubled, lambda x: (2 * x, x >= 0), "y2"),  # another truth at 0 alone
    ],
)
def test_a_wrong_position_or_truth_value_is_refused(spec, function, tensor):
    verdict = sg.certify(spec, function, example=EXAMPLE)
    assert verdict.wrong == ("forward",), str(verdict)
    assert verdict.counterexample.tensor == tensor


def test_a_position_is_a_whole_number():
    verdict = sg.certify(largest, lambda x: (x.amax(-1), x.argmax(-1).to(x.dtype)), example=EXAMPLE)
    assert verdict.counterexample.words == "y2 is torch.float64; expected whole numbers"
