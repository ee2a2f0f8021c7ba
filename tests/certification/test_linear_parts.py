"""A gradient that a batch shares is proven part by part, and what is wrong in one part is not proven."""

import pytest

from scratchgrad.certification.exact.budget import Budget
from scratchgrad.certification.exact.facts import Facts
from scratchgrad.certification.exact.linear_parts import linear_parts
from scratchgrad.certification.exact.proving import EVERYWHERE, prove
from scratchgrad.certification.exact.scalar import Graph
from scratchgrad.domain import Domain

SAMPLES = 12
UPSTREAM = [f"g{n}" for n in range(SAMPLES)]


def terms(graph, written):
    """The sum over a batch of the gradients that arrive, times what is written for each sample."""
    total = graph.zero
    for n in range(SAMPLES):
        total += graph.symbol(f"g{n}") * written(graph, graph.symbol(f"x{n}"), graph.symbol(f"y{n}"), n)
    return total


def squared(graph, x, y, n):
    return graph.div((x + y) ** 4, 1 + x * x)


def expanded(graph, x, y, n):
    return graph.div(x**4 + 4 * x**3 * y + 6 * x * x * y * y + 4 * x * y**3 + y**4, 1 + x * x)


def wrong_in_the_last(graph, x, y, n):
    return expanded(graph, x, y, n) + int(n == SAMPLES - 1)


def test_a_sum_over_samples_that_is_too_large_is_proven_part_by_part():
    graph = Graph()
    a, b = terms(graph, squared), terms(graph, expanded)
    assert prove(a, b, Budget(2e6)).exhausted
    assert prove(a, b, Budget(2e6), linear_in=UPSTREAM).extent == EVERYWHERE


def test_what_is_wrong_for_one_sample_is_not_proven():
    graph = Graph()
    a, b = terms(graph, squared), terms(graph, wrong_in_the_last)
    assert prove(a, b, Budget(2e6), linear_in=UPSTREAM).extent is None


@pytest.mark.parametrize(
    "form",
    [
        lambda g, h, x, graph: g * h,
        lambda g, h, x, graph: g + h + x,
        lambda g, h, x, graph: g * x + h * h,
        lambda g, h, x, graph: graph.div(g, h),
        lambda g, h, x, graph: graph.exp(g) + h,
        lambda g, h, x, graph: graph.choice(graph.positive(g), g, h),
        lambda g, h, x, graph: graph.choice(graph.positive(x), g + h, graph.one),
    ],
)
def test_what_is_not_linear_has_no_parts(form):
    graph = Graph()
    assert linear_parts(form(*map(graph.symbol, "ghx"), graph), "gh") is None


def test_the_parts_of_a_choice_are_choices():
    graph = Graph()
    g, h, x = map(graph.symbol, "ghx")
    first, second = linear_parts(graph.choice(graph.positive(x), g * x, h + g), "gh")
    assert first is graph.choice(graph.positive(x), x, graph.one)
    assert second is graph.choice(graph.positive(x), graph.zero, graph.one)


@pytest.mark.parametrize(("domain", "proven"), [(">0", True), (">1", True), ("<0", True), ("", False), (">-1", False)])
def test_a_power_with_an_unknown_exponent_loses_a_factor_whose_sign_is_known(domain, proven):
    """exp((a - 1) log|b|) = exp(a log|b|)/|b|, which is exp(a log b)/b where b > 0, and nowhere else."""
    graph = Graph()
    a, b = map(graph.symbol, "ab")
    size = b if domain != "<0" else -b
    interval = Domain.parse(domain).interval
    facts = Facts({} if interval.everything else {"b": interval})
    left, right = graph.raised(size, a - 1), graph.div(graph.raised(size, a), size)
    assert (prove(left, right, Budget(1e5), facts).extent == EVERYWHERE) == proven
