"""Rewriting: fewer calls with the same results; no call is moved behind one that changes what it reads."""

import torch

from scratchgrad.program.rewriting import Factors, epilogues, fold
from scratchgrad.program.tracing import Trace


def recorded(function):
    trace = Trace()
    x, y, p = (trace.tensor(name, (3, 2), torch.float64, kind) for name, kind in INPUTS)
    found = trace.record("here", lambda: function(x, y, p))
    return trace, found


INPUTS = (("x", "given"), ("y", "given"), ("p", "parameter"))


def names(ops):
    return [op.name for op in ops]


def test_a_sum_with_a_product_is_one_call():
    trace, _ = recorded(lambda x, y, p: x + y * p)
    (op,) = epilogues(trace.ops, set())
    assert op.name == "addcmul" and [v.storage.name for v in op.args] == ["x", "y", "p"] and not op.kwargs
    trace, _ = recorded(lambda x, y, p: torch.add(x, y * p, alpha=3.0))
    assert [(op.name, op.kwargs) for op in epilogues(trace.ops, set())] == [("addcmul", {"value": 3.0})]


def test_a_product_that_others_read_stays_a_call():
    def both(x, y, p):
        product = y * p
        return x + product, product.exp()

    trace, _ = recorded(both)
    assert names(epilogues(trace.ops, set())) == ["mul", "add", "exp"]
    trace, _ = recorded(lambda x, y, p: x + y * p)
    assert names(epilogues(trace.ops, set(trace.ops[0].writes))) == ["mul", "add"]


def test_a_product_that_is_both_summands_stays_a_call():
    def twice(x, y, p):
        product = y * p
        return torch.add(product, product, alpha=-1.0)

    trace, _ = recorded(twice)
    assert names(epilogues(trace.ops, set())) == ["mul", "add"]


def test_a_product_of_a_parameter_is_made_before_the_parameter_follows():
    def step(x, y, p):
        product = y * p
        p.add_(x)
        return x + product

    trace, _ = recorded(step)
    assert names(epilogues(trace.ops, set())) == ["mul", "add_", "add"]


def test_a_comparison_as_numbers_is_one_call():
    trace, _ = recorded(lambda x, y, p: x.eq(y).to(torch.float64))
    (op,) = epilogues(trace.ops, set())
    assert op.name == "eq" and op.outs[0].storage.dtype == torch.float64


def test_numbers_travel_along_sums_and_products():
    def step(x, y, p):
        g = (x - y) * 0.5
        return (g * p).sum(0), torch.addcmul(g, y, p), torch.stack([g, g * 3], 1), g / p, g - x

    trace, found = recorded(step)
    factors = Factors(set())
    ops = factors.apply(trace.ops)
    assert [factors.of(trace.view(r))[1] for r in found] == [0.5, 0.5, 1.0, 0.5, 0.5]
    assert [op.kwargs for op in ops if op.name == "addcmul"] == [{"value": 2.0}]
    assert [op.kwargs for op in ops if op.name == "sub"] == [{}, {"alpha": 2.0}]


def test_a_sum_in_place_takes_over_the_number_of_its_first_part():
    def step(x, y, p):
        total = x.new_zeros(3, 2)
        total[:, :1].add_((y * p * 0.5)[:, :1])
        total[:, 1:].add_((x * p * 0.25)[:, 1:])
        return total * 2

    trace, _ = recorded(step)
    ops = Factors(set()).apply(fold(trace.ops))
    assert names(ops) == ["fill_", "mul", "add_", "mul", "add_", "mul", "mul"]  # two products, the number 0.5, times 2
    assert [op.kwargs for op in ops if op.name == "add_"] == [{}, {"alpha": 0.5}]


def test_a_sum_that_is_read_between_its_parts_is_multiplied_out_anew():
    def step(x, y, p):
        total = x.new_zeros(3, 2)
        total.add_(y * p * 0.5)
        before = total.exp()
        total.add_(x * p * 0.5)
        return before, total.exp()

    trace, _ = recorded(step)
    ops = Factors(set()).apply(fold(trace.ops))
    assert names(ops) == ["fill_", "mul", "add_", "mul", "exp", "mul", "add_", "mul", "exp"]
    one, other = (op for op in ops if op.name == "exp")
    assert one.args[0].storage is not other.args[0].storage


def test_a_number_before_a_product_that_is_added_to_a_bias_is_its_alpha():
    trace, _ = recorded(lambda x, y, p: torch.addmm(p[0], x, (y.T @ x) * 4.0).relu())
    ops = epilogues(Factors(set()).apply(trace.ops), set())
    assert [(op.name, op.kwargs) for op in ops] == [("mm", {}), ("_addmm_activation", {"alpha": 4.0})]
