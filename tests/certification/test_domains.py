"""Declared domains in verdicts: what they let pass, what they do not, and what the verdict says of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import scratchgrad as sg
from scratchgrad.certification.exact.balls import Program, balls
from scratchgrad.certification.exact.budget import Budget
from scratchgrad.certification.exact.facts import facts_of
from scratchgrad.certification.exact.proving import EVERYWHERE, prove
from scratchgrad.certification.exact.scalar import Graph
from scratchgrad.certification.specification import ExampleMismatch
from scratchgrad.domain import Domain
from scratchgrad.layer import Layer
from scratchgrad.membership import inside
from scratchgrad.notation.declaration import DomainMisfit
from scratchgrad.notation.mistakes import UnusedName


def by_abs(x, c):
    return x * c.abs()


def by_abs_backward(g, x, c):
    return g * c.abs(), (g * x).sum()


def test_undeclared_means_all_reals_and_the_counterexample_is_negative():
    verdict = sg.certify("y[i] = x[i]*c", by_abs, by_abs_backward)
    assert not verdict.accepted
    assert verdict.counterexample.tensors["c"] < 0


@pytest.mark.parametrize(("domain", "says"), [("c>0", "c > 0"), ("c>=0", "c >= 0"), ("c in (0,3]", "c in (0,3]")])
def test_a_kernel_is_accepted_for_the_domain_and_the_verdict_says_for_which(domain, says):
    verdict = sg.certify("y[i] = x[i]*c", by_abs, by_abs_backward, domains=domain)
    assert verdict.accepted and verdict.proven
    assert f"proven equal for all real values with {says} at" in str(verdict)
    assert verdict.evidence["domains"] == {"c": domain.removeprefix("c").strip()}


@pytest.mark.parametrize("domain", ["c>-1", "c in (-0.01,1)", "c<=1"])
def test_a_domain_that_reaches_below_zero_does_not_let_it_pass(domain):
    assert not sg.certify("y[i] = x[i]*c", by_abs, by_abs_backward, domains=domain).accepted


@pytest.mark.parametrize(
    ("text", "domains", "forward", "backward"),
    [
        (
            "L = Sum(s[i]**2*x[i], i)",
            "s:sign",
            lambda s, x: x.sum(),
            lambda g, s, x: (2 * g * s * x, g * torch.ones_like(x)),
        ),
        (
            "L = Sum(y[i]**3*x[i], i)",
            "y:onehot",
            lambda y, x: (y * x).sum(),
            lambda g, y, x: (3 * g * y * x, g * y),
        ),
        (
            "L = Sum(abs(m[i] - 1/2)*x[i], i)",
            "m:binary",
            lambda m, x: x.sum() / 2,
            lambda g, m, x: (g * (2 * m - 1) * x, g * torch.full_like(x, 0.5)),
        ),
        (
            "L = Sum(p[i], i)*c",
            "p:simplex",
            lambda p, c: c * 1,
            lambda g, p, c: (g * c * torch.ones_like(p), g * 1),
        ),
        (
            "y[i] = Sum(A[j,i]*x[j], j)",
            "A:symmetric",
            lambda A, x: (A * x).sum(-1),
            lambda g, A, x: (x[:, None] * g, (A * g).sum(-1)),
        ),
        (
            "L = LogDet(S)",
            "S:positive_definite",
            torch.logdet,
            lambda g, S: g * torch.linalg.inv(S),
        ),
        (
            "L = Sum(log(p[i]/q[i])*p[i], i)",
            "p:probability; q:probability",
            lambda p, q: (p * (p.log() - q.log())).sum(),
            lambda g, p, q: (g * (p.log() - q.log() + 1), -g * p / q),
        ),
    ],
)
def test_a_structure_is_used_in_the_proof_and_needed_for_it(text, domains, forward, backward):
    verdict = sg.certify(text, forward, backward, domains=domains)
    assert verdict.accepted and verdict.proven, str(verdict)
    without = sg.certify(text, forward, backward)
    assert not without.accepted, str(without)


@pytest.mark.parametrize(
    ("text", "domains", "forward", "backward"),
    [
        (
            "L = Sum(y[i]**3*x[i], i)",
            "y:onehot",
            lambda y, x: (y * x).sum(),
            lambda g, y, x: (g * y * x, g * y),
        ),
        (
            "L = Sum(s[i]**2*x[i], i)",
            "s:sign",
            lambda s, x: x.sum(),
            lambda g, s, x: (torch.zeros_like(s), g * torch.ones_like(x)),
        ),
        (
            "L = Sum(p[i], i)*c",
            "p:simplex",
            lambda p, c: c * 1,
            lambda g, p, c: (torch.zeros_like(p), g * 1),
        ),
    ],
)
def test_a_relation_between_values_is_no_relation_between_derivatives(text, domains, forward, backward):
    verdict = sg.certify(text, forward, backward, domains=domains)
    assert verdict.wrong == ("backward",)


def test_what_a_function_needs_is_said_with_its_reason():
    verdict = sg.certify("L = Sum(log(x[i]), i)", lambda x: x.log().sum(), lambda g, x: g / x)
    assert "for all real values with x > 0 at" in str(verdict)
    assert "x > 0: log(x[i]) has no value elsewhere" in str(verdict)
    assert verdict.evidence["domains"] == {"x": ">0"}


def test_a_layer_says_its_domains_in_its_signature():
    gain = Layer("gain", "x[i] c>0 -> y[i]", shared="c")
    gain.define(lambda s: s.eq(s.tensors[2][s.i], s.tensors[1] * s.tensors[0][s.i]))
    forward, backward = lambda x, c: x * c.abs(), lambda g, x, c: (g * c.abs(), (g * x).sum())
    assert "with c > 0" in str(sg.certify(gain, forward, backward))
    with pytest.raises(UnusedName, match="domains: layer 'gain' says that itself"):
        sg.certify(gain, forward, backward, domains="c>1")


def test_the_arguments_of_a_function_have_domains_too():
    def root(x, nu):
        return x * nu.abs()

    example = (torch.tensor([0.5, -1.0]), torch.tensor(2.0))
    verdict = sg.certify(root, lambda x, nu: x * nu, lambda g, x, nu: (g * nu, (g * x).sum()), example, "nu>0")
    assert verdict.accepted and "with nu > 0" in str(verdict)
    with pytest.raises(DomainMisfit, match="has no input .mu.; its inputs are x, nu"):
        sg.certify(root, lambda x, nu: x * nu, lambda g, x, nu: (g * nu, (g * x).sum()), example, "mu>0")


def test_an_example_outside_its_domain_is_a_mismatch():
    with pytest.raises(ExampleMismatch, match="the example of c lies outside its domain c>0: got -2"):
        sg.certify("y[i] = x[i]*c", by_abs, by_abs_backward, (torch.ones(2), torch.tensor(-2.0)), "c>0")


def test_a_kernel_that_refuses_values_outside_its_domain_is_never_given_any():
    def forward(x, c):
        assert c > 0
        return x * c

    def backward(g, x, c):
        assert c > 0
        return g * c, (g * x).sum()

    assert sg.certify("y[i] = x[i]*c", forward, backward, domains="c>0").accepted


POINTS = 40
DOMAINS = {
    name: Domain.parse(name)
    for name in (
        ">0",
        ">=0",
        "<0",
        " in (-1,1)",
        " in [1,2]",
        ":probability",
        ":sign",
        ":binary",
        ":simplex",
        ":onehot",
    )
}
TERMS = st.recursive(
    st.sampled_from(["v[0]", "v[1]", "v[2]", "1", "z"]),
    lambda e: st.one_of(
        st.tuples(e, st.sampled_from("+-*"), e).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        e.map(lambda a: f"g.absolute({a} + 0*z)"),
        st.tuples(e, e).map(lambda t: f"g.maximum({t[0]} + 0*z, {t[1]} + 0*z)"),
        e.map(lambda a: f"g.sqrt(({a} + 0*z)*({a} + 0*z))"),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(domain=st.sampled_from(sorted(DOMAINS)), a=TERMS, b=TERMS)
def test_nothing_is_proven_in_a_domain_that_a_point_of_it_refutes(domain, a, b):
    graph = Graph()
    entries = np.array([graph.symbol(f"v[{n}]") for n in range(3)], dtype=object)
    names = {"g": graph, "v": entries, "z": graph.symbol("z")}
    one, other = (graph.node(eval(text, names)) for text in (a, b))
    proof = prove(one, other, Budget(1e5), facts_of({"v": DOMAINS[domain]}, {"v": entries}))
    if proof.extent != EVERYWHERE:
        return
    rng = np.random.default_rng(0)
    points = inside(DOMAINS[domain], np.concatenate([rng.standard_normal((POINTS, 3)), np.zeros((1, 3)), np.eye(3)]))
    values = {f"v[{n}]": balls(points[:, n]) for n in range(3)} | {"z": balls(rng.standard_normal(len(points)))}
    left, right = (Program([node]).run(values, len(points))[0] for node in (one, other))
    assert all(x.overlaps(y) for x, y in zip(left, right, strict=True))


def test_an_example_of_whole_numbers_holds_whole_numbers():
    with pytest.raises(ExampleMismatch, match=r"the example of n holds whole numbers, which index: got 1.5$"):
        sg.certify(
            "h[i] = n*x[i]",
            lambda n, x: n * x,
            lambda g, n, x: (None, n * g),
            example=(torch.tensor(1.5), torch.randn(3)),
            domains="n:int",
        )
