"""Placing: a stack of parts that are made for it alone is made part by part, in its place."""

import torch

from scratchgrad.program.op import View
from scratchgrad.program.placing import placed
from scratchgrad.program.tracing import Trace


def recorded(function):
    trace = Trace()
    x = trace.tensor("x", (2, 3), torch.float64, "given")
    found = trace.record("here", lambda: function(x))
    return trace, found


def test_parts_of_a_stack_are_made_in_their_places():
    trace, found = recorded(lambda x: torch.stack([x * 2, x + 1], 1))
    ops = placed(trace.ops, set())
    assert [op.name for op in ops] == ["mul", "add"]
    whole = trace.view(found).storage
    assert [op.outs for op in ops] == [(View(whole, (2, 3), (6, 1), 0),), (View(whole, (2, 3), (6, 1), 3),)]


def test_parts_side_by_side_are_too():
    trace, found = recorded(lambda x: torch.cat([x * 2, x[:, :1] + 1], -1))
    ops = placed(trace.ops, set())
    assert [op.name for op in ops] == ["mul", "add"]
    whole = trace.view(found).storage
    assert [op.outs for op in ops] == [(View(whole, (2, 3), (4, 1), 0),), (View(whole, (2, 1), (4, 1), 3),)]


def test_a_part_that_others_read_or_that_comes_from_elsewhere_stays_where_it_is():
    def also_read(x):
        a = x * 2
        return torch.stack([a, x + 1]), a + 1

    for function in (also_read, lambda x: torch.stack([x, x + 1]), lambda x: torch.stack([x @ x.T, x @ x.T])):
        trace, _ = recorded(function)
        assert placed(trace.ops, set()) == trace.ops
    trace, _ = recorded(lambda x: torch.stack([x * 2, x + 1]))
    assert placed(trace.ops, set(trace.ops[0].writes)) == trace.ops
