"""What is proven once for all pairs that differ in the names of their unknowns."""

import numpy as np
import pytest

from scratchgrad import registry
from scratchgrad.certification import certify, exact_examination
from scratchgrad.certification.exact.alike import question
from scratchgrad.certification.exact.facts import Facts, facts_of
from scratchgrad.certification.exact.scalar import Graph
from scratchgrad.certification.exact.sorting import sorted_form
from scratchgrad.domain import Domain


def asked(pair, names, facts=None):
    """The question about two texts in p, q and r, which stand for these names."""
    graph = Graph()
    unknowns = dict(zip("pqr", map(graph.symbol, names), strict=True)) | {"g": graph}
    a, b = (graph.node(eval(text, unknowns)) for text in pair)
    return question(a, b, facts or Facts())


PAIRS = [
    ("p", "p"),
    ("p", "q"),
    ("p*p", "q"),
    ("p*q", "q"),
    ("p*q", "p"),
    ("q", "p*q"),
    ("p + 1", "q"),
    ("p + 2", "q"),
    ("p**2", "q"),
    ("p**3", "q"),
    ("g.exp(p)", "q"),
    ("g.erf(p)", "q"),
    ("g.positive(p)", "q"),
    ("g.nonnegative(p)", "q"),
    ("g.maximum(p, q)", "r"),
    ("g.maximum(p, q)", "q"),
    ("g.maximum(q, p)", "q"),
    ("g.hurwitz(2, p)", "q"),
    ("g.hurwitz(3, p)", "q"),
]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_question_is_the_same_under_other_names_and_another_one_is_another(pair):
    found = asked(pair, ["x[0]", "x[1]", "x[2]"])
    assert found == asked(pair, ["x[3]", "y", "z[0,1]"])
    assert [other for other in PAIRS if asked(other, ["x[3]", "y", "z[0,1]"]) == found] == [pair]


DOMAINS = ["", ">0", ">=0", " in [0,1)", " in (-1,1)", ":probability", ":simplex", ":onehot", ":binary", ":sign"]


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_question_is_another_one_where_other_facts_are_known(domain):
    def about(text, entries):
        names = np.array([Graph().symbol(name) for name in entries], dtype=object)
        facts = facts_of({"v": Domain.parse(text)}, {"v": names})
        return asked(("p + q", "q"), [*entries[:2], "other"], facts)

    found = about(domain, ["v[0]", "v[1]", "v[2]"])
    assert found == about(domain, ["v[3]", "v[4]", "v[5]"])
    assert [other for other in DOMAINS if about(other, ["v[3]", "v[4]", "v[5]"]) == found] == [domain]


def test_a_question_is_another_one_where_the_other_unknown_is_restricted():
    names = ["x", "y", "z"]
    one, other = (Facts(few={name: (0, 1)}) for name in ("x", "y"))
    assert asked(("p", "q"), names, one) != asked(("p", "q"), names, other)
    matrices = [Facts(definite=[(("x", "y"), ("y", "z"))]), Facts(definite=[(("y", "x"), ("x", "z"))])]
    assert asked(("p", "q"), names, matrices[0]) != asked(("p", "q"), names, matrices[1])
    assert asked(("p", "q"), names, Facts(equal={"x": "y"})) != asked(("p", "q"), names)


@pytest.mark.parametrize("name", ["relu", "softmax_cross_entropy"])
def test_an_examination_proves_every_question_once_and_says_of_every_entry_what_it_says_alone(name, monkeypatch):
    monkeypatch.setattr(registry, "_accepted", {})
    calls, prove = [], exact_examination.prove

    def spied(*given, **named):
        calls.append(given)
        return prove(*given, **named)

    monkeypatch.setattr(exact_examination, "prove", spied)
    shared = certify(name)
    few = len(calls)
    monkeypatch.setattr(exact_examination, "question", lambda a, b, facts: (a, b))
    alone = certify(name)
    assert few < len(calls) - few
    assert shared.evidence == alone.evidence


def test_a_long_sum_is_sorted_whole_and_a_sum_of_sums_that_share_parts_takes_no_longer():
    graph = Graph()
    many = [graph.symbol(f"x[{n}]") for n in range(300)]
    forward, backward = sum(many, graph.zero), sum(reversed(many), graph.zero)
    before = len(graph)
    assert sorted_form(forward) is sorted_form(backward)
    assert len(graph) < before + 2 * len(many)
    doubled = many[0] + many[1]
    for _ in range(200):
        doubled = doubled + doubled
    assert sorted_form(doubled) is sorted_form(2**200 * many[1] + 2**200 * many[0])
