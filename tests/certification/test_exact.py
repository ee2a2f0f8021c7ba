"""Exact execution and proof: rules agree with torch, adjoints with autograd, and what is not equal is never proven."""

import itertools
from fractions import Fraction

import flint
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from scratchgrad.certification.exact.balls import Program, balls
from scratchgrad.certification.exact.budget import Budget
from scratchgrad.certification.exact.constants import Constants
from scratchgrad.certification.exact.derivative import adjoints
from scratchgrad.certification.exact.entries import differentiated
from scratchgrad.certification.exact.from_definition import symbols
from scratchgrad.certification.exact.proving import EVERYWHERE, OFF_TIES, prove
from scratchgrad.certification.exact.scalar import Graph
from scratchgrad.certification.exact.shadow import CannotExecute, Shadows
from scratchgrad.certification.exact.sorting import sorted_form
from scratchgrad.notation.functions import TABLE


def normal(*shape):
    return torch.randn(shape, dtype=torch.float64)


INDEX = torch.tensor([0, 2, 1])
CALLS = {
    "linear": (functional.linear, normal(2, 3), normal(4, 3), normal(4)),
    "convolution": (
        lambda x, w, b: functional.conv2d(x, w, b, 2, 1),
        normal(1, 2, 3, 3),
        normal(2, 2, 2, 2),
        normal(2),
    ),
    "maximum of windows": (lambda x: functional.max_pool2d(x, 2), normal(1, 1, 2, 4)),
    "mean of windows": (lambda x: functional.avg_pool2d(x, 2), normal(1, 2, 2, 4)),
    "layer norm": (lambda x, w, b: functional.layer_norm(x, (3,), w, b), normal(2, 3), normal(3), normal(3)),
    "batch norm": (
        lambda x, w, b: functional.batch_norm(x, None, None, w, b, True),
        normal(3, 2),
        normal(2),
        normal(2),
    ),
    "embedding": (lambda w: functional.embedding(torch.tensor([0, 2, 2]), w), normal(4, 2)),
    "cross entropy": (lambda x: functional.cross_entropy(x, INDEX), normal(3, 3)),
    "gelu": (functional.gelu, normal(3)),
    "silu": (functional.silu, normal(3)),
    "mish": (functional.mish, normal(3)),
    "softplus": (functional.softplus, normal(3)),
    "log sigmoid": (functional.logsigmoid, normal(3)),
    "leaky relu": (functional.leaky_relu, normal(3)),
    "prelu": (functional.prelu, normal(3, 2), normal(2)),
    "glu": (functional.glu, normal(2, 4)),
    "huber": (functional.huber_loss, normal(3), normal(3)),
    "outer": (torch.outer, normal(2), normal(3)),
    "vector times matrix, which squeezes in place": (torch.matmul, normal(2), normal(2, 3)),
    "power with an exponent that depends on values": (lambda x, y: x.exp() ** y, normal(3), normal(3)),
    "einsum": (lambda a, b: torch.einsum("bij,bjk->bik", a, b), normal(2, 2, 3), normal(2, 3, 2)),
    "masked softmax": (lambda a: a.masked_fill(torch.eye(3) == 1, float("-inf")).softmax(-1), normal(3, 3)),
    "in place": (lambda a: a.clone().mul_(2).add_(1).relu_(), normal(3, 2)),
    "assignment under a mask": (lambda a: a.clone().masked_fill_(a < 0, 0) * a, normal(3, 2)),
    "the largest entry, gathered": (lambda a: a.gather(1, a.argmax(1, keepdim=True)), normal(3, 2)),
    "columns of an image": (lambda x: functional.unfold(x, 2), normal(1, 2, 3, 3)),
    "an inverse": (torch.linalg.inv, normal(2, 2)),
    "cumulated": (lambda a: a.cumsum(0), normal(3, 2)),
    "the two largest": (lambda a: a.topk(2).values, normal(2, 3)),
    "standard deviation": (lambda a: a.std(0), normal(3, 2)),
}


def executed(function, *tensors):
    """The result as nodes, and the inputs' nodes; everything in one graph."""
    graph = Graph()
    shadows = Shadows(graph)
    inputs = {f"x{n}": symbols(graph, f"x{n}", tuple(t.shape)) for n, t in enumerate(tensors)}
    for nodes, tensor in zip(inputs.values(), tensors, strict=True):
        shadows.give(tensor, nodes)
    with torch.no_grad(), shadows.running():
        result = function(*tensors)
    return graph, shadows, inputs, result


@pytest.mark.parametrize("name", CALLS)
def test_what_autograd_computes_is_proven_to_be_the_adjoint(name):
    function, *tensors = CALLS[name]
    graph, shadows, inputs, result = executed(function, *tensors)
    outputs = {"y": shadows.nodes(result)}
    upstream = {"grad_y": symbols(graph, "grad_y", outputs["y"].shape)}
    expected = differentiated(graph, inputs, outputs, upstream)
    arriving = normal(*result.shape)
    shadows.give(arriving, upstream["grad_y"])
    with shadows.running():
        watched = [t.detach().requires_grad_() for t in tensors]
        found = torch.autograd.grad(function(*watched), watched, arriving)
    for gradient, nodes in zip(found, expected.values(), strict=True):
        for mine, right in zip(shadows.nodes(gradient).ravel(), nodes.ravel(), strict=True):
            assert prove(mine, right, Budget(2e6)).extent in (EVERYWHERE, OFF_TIES)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: torch.from_numpy(x.numpy() * 2), "Tensor.numpy: values are read without a torch operation"),
        (lambda x: torch.tensor(x.tolist()), "Tensor.tolist: values are read without a torch operation"),
        (lambda x: x if x.sum() > 0 else -x, "what happens next depends on values"),
        (lambda x: x * x.sum().item(), "what happens next depends on values"),
        (lambda x: x.float().double(), "a cast from torch.float64 to torch.float32"),
        (lambda x: x + torch.rand_like(x), "aten.rand_like: random numbers; pass them as an input"),
        (lambda x: x[x > 0], "an index that depends on values"),
        (lambda x: torch.linalg.qr(x.outer(x)), "no exact rule for aten.linalg_qr"),
        (lambda x: x.long().double(), "a cast from torch.float64 to torch.int64"),
    ],
)
def test_what_cannot_be_executed_exactly_is_named(function, words):
    with pytest.raises(CannotExecute, match=words.replace("(", r"\(")):
        _, shadows, _, _ = executed(function, normal(3))
        raise CannotExecute(shadows.refused or "")  # what asks of values goes on, to be followed


def test_an_exception_that_is_caught_inside_is_remembered():
    def careless(x):
        try:
            return torch.from_numpy(x.numpy())
        except BaseException:
            return x

    _, shadows, _, _ = executed(careless, normal(3))
    assert shadows.refused.startswith("Tensor.numpy")


def test_a_view_of_an_expanded_slice_written_in_place_has_the_right_nodes():
    def function(x):
        y = x.clone()
        y.mT[1:, :1] *= x[:1, 1:].mT
        return y.as_strided((2, 2), (1, 2))

    x = normal(2, 3)
    _, shadows, _, result = executed(function, x)
    shadows.nodes(result)  # checked against the values
    assert str(shadows.nodes(result)[0, 1]) == "x0[0,2]" or "x0[0,2]" in str(shadows.nodes(result)[0, 1])


def graph_of(text):
    """An expression in x, y, z over a graph."""
    graph = Graph()
    names = {name: graph.symbol(name) for name in "xyz"}
    functions = {name: (lambda *a, name=name: graph.function(name, *map(graph.node, a))) for name in TABLE}
    functions |= {
        "max": lambda a, b: graph.maximum(graph.node(a), graph.node(b)),
        "abs": lambda a: graph.absolute(graph.node(a)),
        "power": graph.power,
        "pi": graph.pi,
        "if_positive": lambda c, a, b: graph.choice(graph.positive(c), graph.node(a), graph.node(b)),
        "half": graph.number(Fraction(1, 2)),
    }
    return graph, lambda text: graph.node(eval(text, {**names, **functions}))


EQUAL = [
    ("(x + y)*(x - y)", "x*x - y*y"),
    ("x/y + z/y", "(x + z)/y"),
    ("exp(x + y)", "exp(x)*exp(y)"),
    ("exp(2*x) - 1", "(exp(x) - 1)*(exp(x) + 1)"),
    ("tanh(x)", "2*sigmoid(2*x) - 1"),
    ("1 - sigmoid(x)", "sigmoid(-x)"),
    ("log(exp(x)*exp(y))", "x + y"),
    ("log(1 + exp(x)) - x", "log(1 + exp(-x))"),
    ("exp(log(1 + x*x))", "1 + x*x"),
    ("sqrt(x*x)", "abs(x)"),
    ("sqrt(1 + x*x)*sqrt(1 + x*x)", "1 + x*x"),
    ("1/sqrt(8*pi)", "sqrt(2)/(4*sqrt(pi))"),
    ("erf(-x)", "-erf(x)"),
    ("asin(-x)", "-asin(x)"),
    ("acos(x)", "pi*half - asin(x)"),
    ("cosh(x)*cosh(x) - sinh(x)*sinh(x)", "1"),
    ("tanh(x)", "sinh(x)/cosh(x)"),
    ("tan(x)*cos(x)", "sin(x)"),
    ("log1p(x)", "log(1 + x)"),
    ("expm1(x) + 1", "exp(x)"),
    ("erfc(-x)", "1 + erf(x)"),
    ("normcdf(x) + normcdf(-x)", "1"),
    ("logaddexp(x, y) - x", "log1p(exp(y - x))"),
    ("atanh(x)", "half*log((1 + x)/(1 - x))"),
    ("sinc(x)*pi*x", "sin(pi*x)"),
    ("ceil(x + y)", "-floor(-y - x)"),
    ("atan2(-y, x)", "-atan2(y, x)"),
    ("digamma(x + x)", "digamma(2*x)"),
    ("hurwitz(2, x*y)", "hurwitz(2, y*x)"),
    ("erf(x - x)", "0"),
    ("cos(-x)", "cos(x)"),
    ("max(x, y)", "(x + y + abs(x - y))*half"),
    ("max(x, y)", "max(y, x)"),
    ("exp(x - max(x, y))/(exp(x - max(x, y)) + exp(y - max(x, y)))", "exp(x)/(exp(x) + exp(y))"),
]


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_what_is_equal_is_proven(a, b):
    _, read = graph_of(a)
    assert prove(read(a), read(b), Budget(2e6)).extent == EVERYWHERE


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("x*y", "x*y + 1/1000000"),
        ("exp(x + y)", "exp(x) + exp(y)"),
        ("sqrt(x*x)", "x"),
        ("log(x*x)", "2*log(y)"),
        ("max(x, y)", "x"),
        ("abs(x + y)", "abs(x) + abs(y)"),
        ("erf(x)", "x"),
        ("tanh(x)", "sigmoid(x)"),
        ("sqrt(x)", "0"),
        ("sqrt(2)", "1414213562/1000000000*1"),
        ("if_positive(sqrt(x), 1, 1 - x)", "1 + x"),
        ("exp(log(x))*y", "exp(log(y))*y"),
    ],
)
def test_what_is_not_equal_is_not_proven(a, b):
    _, read = graph_of(a)
    b = b.replace("1/1000000", "power(half, 20)").replace("1414213562/1000000000*1", "x/x")
    assert prove(read(a), read(b), Budget(2e6)).extent is None


def test_a_difference_at_a_tie_only_is_proven_off_ties():
    _, read = graph_of("")
    proof = prove(read("if_positive(x, y, 0)"), read("y - if_positive(-x, y, 0)"), Budget(2e6))
    assert proof.extent == OFF_TIES


def test_a_proof_that_is_too_long_is_given_up():
    _, read = graph_of("")
    a = read("power(power(x + exp(y) + sqrt(1 + z*z), 9) + erf(x), 9)")
    proof = prove(a, a * read("(x + 1)/(1 + x)"), Budget(1e4))
    assert proof.extent is None
    assert proof.words in ("it takes too many steps", "a polynomial has grown too large")


def test_no_two_functions_of_the_table_are_proven_equal():
    _, read = graph_of("")
    names = [name for name, row in TABLE.items() if row.arity == 1]
    for one, other in itertools.combinations(names, 2):
        assert prove(read(f"{one}(x)"), read(f"{other}(x)"), Budget(1e5)).extent is None, (one, other)


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.arity == 1])
def test_a_function_is_proven_odd_or_even_only_where_it_is(name):
    _, read = graph_of("")
    odd = prove(read(f"{name}(-x)"), read(f"-{name}(x)"), Budget(1e5)).extent
    even = prove(read(f"{name}(-x)"), read(f"{name}(x)"), Budget(1e5)).extent
    parity = TABLE[name].parity
    assert odd == (EVERYWHERE if parity == "odd" else None)
    if name == "log":  # log(-x) and log(x) are equal wherever both are defined: nowhere
        return
    assert even == (EVERYWHERE if parity == "even" else None)


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "y", "z", "1", "2"]),
    lambda e: st.one_of(
        st.tuples(e, st.sampled_from("+-*"), e).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        e.map(lambda a: f"abs({a})"),
        st.tuples(st.sampled_from([n for n, row in TABLE.items() if row.arity == 1]), e).map(
            lambda t: f"{t[0]}({t[1]})"
        ),
        st.tuples(st.sampled_from(["atan2", "logaddexp"]), e, e).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.tuples(e, e).map(lambda t: f"max({t[0]}, {t[1]})"),
        st.tuples(e, e, e).map(lambda t: f"if_positive(x + {t[0]}, {t[1]}, {t[2]})"),
    ),
    max_leaves=6,
)


def at(graph, node, values):
    points = {name: balls(np.array(column)) for name, column in zip("xyz", values, strict=True)}
    return Program([graph.node(node)]).run(points, len(values[0]))[0]


VALUES = ([0.5, -1.25, 2.0, 0.0], [1.5, 0.75, -2.0, 0.0], [-0.5, 3.0, 2.0, 1.0])


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS)
def test_nothing_is_proven_that_balls_refute(a, b):
    graph, read = graph_of("")
    a, b = read(a), read(b)
    proof = prove(a, b, Budget(1e5))
    if proof.extent == EVERYWHERE:
        assert all(x.overlaps(y) for x, y in zip(at(graph, a, VALUES), at(graph, b, VALUES), strict=True))


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS)
def test_sorting_changes_no_value(text):
    graph, read = graph_of("")
    node = read(text)
    found, sorted_ = at(graph, node, VALUES), at(graph, sorted_form(node), VALUES)
    assert all(x.overlaps(y) for x, y in zip(found, sorted_, strict=True))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.1, "1/10"),
        (1 / 3, "1/3"),
        (2**0.5, "sqrt(2)"),
        (-(0.5**0.5), "-sqrt(1/2)"),
        (0.7978845608028654, "sqrt(2/pi)"),
        (3 * 0.044715 * 0.7978845608028654, "0.134145*sqrt(2/pi)"),
        (0.6931471805599453, "log(2)"),
    ],
)
def test_a_constant_is_read_as_the_number_that_it_rounds(value, words):
    constants = Constants(Graph())
    node = constants.node(value)
    assert constants.recognised == {value: words}
    found = Program([node]).run({}, 1)[0][0]
    assert float(found) == pytest.approx(value, rel=1e-15)


def test_a_float_that_rounds_nothing_short_stands_for_itself():
    constants = Constants(Graph())
    value = 0.123456789123456789
    assert constants.node(value).args[0] == Fraction(value)
    assert not constants.recognised


def test_a_branch_that_is_not_taken_gives_no_gradient_whatever_it_is():
    graph = Graph()
    x = graph.symbol("x")
    y = graph.choice(graph.positive(x), graph.log(x), graph.zero)
    (gradient,) = adjoints([(y, graph.one)], [x])
    assert float(Program([gradient]).run({"x": balls(np.array([-2.0]))}, 1)[0][0]) == 0


def test_a_tie_has_the_hull_of_both_branches():
    graph = Graph()
    x = graph.symbol("x")
    (gradient,) = adjoints([(graph.absolute(x), graph.one)], [x])
    found = Program([gradient]).run({"x": balls(np.array([0.0]))}, 1, hull=True)[0][0]
    assert found.contains(flint.arb(1)) and found.contains(flint.arb(-1))
