import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from scratchgrad import registry
from scratchgrad.gradients import derive
from scratchgrad.lab import course_network
from scratchgrad.sheets.blocks import Display, Heading, Note, Paragraph, Row, Table
from scratchgrad.sheets.html import to_html
from scratchgrad.sheets.layer_sheet import gradient_latex, layer_sheet
from scratchgrad.sheets.network_sheet import network_sheet
from scratchgrad.sheets.occurrences import leading_to_objective, occurrences
from scratchgrad.sheets.pdf import PdfEngineMissing, compile_pdf, find_engine
from scratchgrad.sheets.tex import to_tex
from scratchgrad.sheets.worked import MissingNumbers, work
from scratchgrad.sheets.writing import save_sheet
from scratchgrad.tape import Network
from tests.sheets.graphs import Builder, lab, networks

NUMBERS = {"x": [3, 2], "y": [1, 0]}


def rows(sheet) -> list[Row]:
    return [row for block in sheet.blocks if isinstance(block, Display) for row in block.rows]


def text(sheet) -> str:
    return "\n".join(b.text for b in sheet.blocks if isinstance(b, (Heading, Paragraph, Note)))


@pytest.mark.parametrize("layer", registry.names())
def test_the_sheet_of_every_layer_compiles_without_a_complaint(layer, tmp_path):
    try:
        engine = find_engine()
    except PdfEngineMissing as missing:
        pytest.skip(str(missing))
    save_sheet(layer_sheet(derive(layer)), tmp_path / "sheet.tex")
    assert compile_pdf(tmp_path / "sheet.tex", engine=engine).warnings == ()


@pytest.mark.parametrize("layer", registry.names())
def test_the_sheet_of_every_layer_is_a_page(layer):
    gradients = derive(layer)
    page = to_html(layer_sheet(gradients))
    assert page.count("The gradient with respect to") >= len(gradients)


@pytest.mark.parametrize("layer", registry.names())
def test_every_gradient_on_a_sheet_ends_in_the_value_of_the_derivation(layer):
    from scratchgrad.sheets.gradient_section import Paper

    gradients = derive(layer)
    paper = Paper.of(gradients.definition)
    boxed = [row.right for row in rows(layer_sheet(gradients)) if row.boxed]
    for name in gradients:
        assert paper.tex(gradients[name].element) in boxed


def test_the_sheet_of_the_linear_layer_follows_the_lab_s_list():
    sheet = layer_sheet(derive("linear"))
    words, formulae = text(sheet), [f"{row.left} = {row.right}" for row in rows(sheet)]
    assert "Only $u_{1}$ contains $W_{12}$, so the scalar chain rule is enough" in words
    assert "Both $u_{1}$ and $u_{2}$ contain $x_{1}$, so the multivariate chain rule" in words
    assert r"u_{1} = W_{11} x_{1} + W_{12} x_{2} + W_{13} x_{3} + b_{1}" in formulae
    assert r"\frac{\partial J}{\partial W} = \frac{\partial J}{\partial u}\, x^{\top}" in formulae
    (sources,) = [b for b in sheet.blocks if isinstance(b, Table) and b.head[0] == "Rule"]
    assert {"sifting", "scalar chain rule", "multivariate chain rule"} <= {row[0] for row in sources.rows}


def test_the_softmax_sheet_says_where_the_target_s_sum_is_used():
    sheet = layer_sheet(derive("softmax_cross_entropy"))
    assert r"$\sum_{i=1}^{n_{i}} y_{i} = 1$" in text(sheet)
    last = next(r for r in rows(sheet) if r.reason.startswith("normalised target"))
    assert last.right == r"\frac{\partial J}{\partial L} \left( o_{i} - y_{i} \right)"


def test_the_kink_of_relu_has_its_convention_printed():
    (note,) = [b for b in layer_sheet(derive("relu")).blocks if isinstance(b, Note)]
    assert note.title == "Convention at the kink"
    assert note.text == "In $h_{i}$, where $u_{i} = 0$, the derivative is taken as $0$."


def test_the_kink_of_softsign_is_in_the_absolute_value_and_not_in_the_output():
    (note,) = [b for b in layer_sheet(derive("h[i] = u[i]/(1 + abs(u[i]))")).blocks if isinstance(b, Note)]
    assert note.text.startswith(r"In $\left| u_{i} \right|$, at $0$, its derivative is taken as $0$.")
    assert note.text.endswith("The output is differentiable there all the same, with derivative $1$.")


def test_a_gradient_alone_is_LaTeX_without_preamble():
    latex = gradient_latex(derive("linear")["W"])
    assert r"\begin{align*}" in latex and r"\documentclass" not in latex and r"\why" not in latex


def test_the_network_s_sheet_uses_the_network_s_names_and_adds_parallel_paths():
    sheet = network_sheet(lab(), numbers=NUMBERS)
    formulae = [f"{row.left} {row.relation} {row.right}" for row in rows(sheet)]
    assert r"v = M h + b^{(2)}" in formulae
    added = next(r for r in rows(sheet) if r.reason == "added" and "x^" in r.right)
    assert r"\frac{\partial J}{\partial u}\, x^{\top}" in added.right
    assert r"2\, \frac{\partial J}{\partial s_{1}}\, \lambda W" in added.right
    assert "In this network nothing consumes $o$" in text(sheet)


def test_the_course_s_numbers_come_out_exactly_forward_and_backward():
    graph = lab()
    operations = list(occurrences(graph))
    wanted = ("x", "W", "b1", "M", "b2", "u", "h", "v", "L", "s1", "s2", "s", "J")
    worked = work(graph, operations, {**graph.values, **NUMBERS}, wanted)
    assert list(worked.values["u"]) == [23, -4, 26]
    assert list(worked.values["h"]) == [23, 0, 26]
    assert list(worked.values["v"]) == [-17, 138]
    assert worked.values["s"][()] == Fraction(103, 5)
    # By hand: o is (0, 1) to 67 digits, so grad_v = (-1, 1), grad_h = M^T grad_v, ...
    g_v = np.array([-1.0, 1.0])
    M, W = np.array(graph.values["M"]), np.array(graph.values["W"])
    g_u = (M.T @ g_v) * np.array([1, 0, 1])
    for name, by_hand in {
        "v": g_v,
        "M": np.outer(g_v, [23, 0, 26]) + 0.2 * M,
        "b2": g_v,
        "u": g_u,
        "W": np.outer(g_u, [3, 2]) + 0.2 * W,
        "x": W.T @ g_u,
    }.items():
        np.testing.assert_allclose(worked.gradients[name].astype(float), by_hand, rtol=1e-12)


def test_a_missing_number_is_named():
    with pytest.raises(MissingNumbers, match="signal 'y' has no value"):
        network_sheet(lab(), numbers={"x": [3, 2]})


def test_the_network_s_sheet_compiles_without_a_complaint(tmp_path):
    try:
        engine = find_engine()
    except PdfEngineMissing as missing:
        pytest.skip(str(missing))
    save_sheet(network_sheet(lab(), numbers=NUMBERS), tmp_path / "net.tex")
    assert compile_pdf(tmp_path / "net.tex", engine=engine).warnings == ()


@settings(max_examples=10)
@given(networks())
def test_every_network_has_a_sheet_in_both_formats(graph):
    sheet = network_sheet(graph)
    assert to_tex(sheet).rstrip().endswith(r"\end{document}")
    page = to_html(sheet)
    active = leading_to_objective(graph)
    for node in graph.nodes:
        if node.kind == "parameter" and any(edge.target in active for edge in graph.consumers(node.name)):
            assert any(re.search(re.escape(f"\\partial {node.latex}}}"), row.left) for row in rows(sheet))
    assert "Rules and sources" in page


DEFINITIONS = {
    "attention": "s[i,j]=Sum(Q[i,d]*K[j,d],d); a[i,j]=exp(s[i,j])/Sum(exp(s[i,l]),l); o[i,e]=Sum(a[i,j]*V[j,e],j)",
    "gaussian": "L = (Sum((x[i]-m[i])*Inv(S)[i,j]*(x[j]-m[j]),i,j)+LogDet(S))/2",
    "embedding": "y[b,k]=E[t[b],k]",
    "long names": "loss_total = Sum((prediction_1[i]-target_value[i])**2*weight_long_name[i],i)",
    "rms norm": "y[i]=g[i]*x[i]/sqrt(Sum(x[j]**2,j)/n+eps)",
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_sheet_of_any_definition_is_a_page(name):
    assert "Rules and sources" in to_html(layer_sheet(derive(DEFINITIONS[name])))


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_sheet_of_any_definition_compiles_without_a_complaint(name, tmp_path):
    save_sheet(layer_sheet(derive(DEFINITIONS[name])), tmp_path / "sheet.tex")
    assert compile_pdf(tmp_path / "sheet.tex").warnings == ()


def test_an_intermediate_s_gradient_is_told_once_and_referred_to_afterwards():
    words = text(layer_sheet(derive(DEFINITIONS["attention"])))
    assert words.count(r"Still missing is $\frac{\partial J}{\partial s_{ij}}$") == 1
    assert r"With $\frac{\partial J}{\partial s_{ij}}$" in words


def test_a_signal_that_an_operation_takes_twice_is_two_inputs_whose_gradients_add_up():
    net = Builder()
    net.outside("x", "input", ())
    net.add("add", "x", "x", names=("J",))
    graph = net.graph("J")
    worked = work(graph, list(occurrences(graph)), {"x": 5}, ("x", "J"))
    assert worked.values["J"][()] == 10
    assert worked.gradients["x"][()] == 2


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"x": [3, 2, 1], "y": [1, 0]}, r"signal 'x' has shape \[2\], the numbers have \[3\]; give one sample"),
        ({"x": [[3, 2]], "y": [1, 0]}, r"signal 'x' has shape \[2\], the numbers have \[1, 2\]; give one sample"),
        ({"x": [3, 2], "y": [1, 0], "q": 1}, "no signal from outside is called 'q'; there are x, W, b1"),
    ],
)
def test_numbers_that_fit_no_signal_are_refused_by_name(numbers, message):
    with pytest.raises(MissingNumbers, match=message):
        network_sheet(course_network().graph(values=True), numbers=numbers)


def test_a_network_without_a_name_of_its_own_is_called_the_network():
    net = Network()
    net.minimize(net.add("l2_loss", net.input("v", 2), net.target("y", 2), name="L"))
    assert network_sheet(net.graph()).title == "Back-propagation through the network"


def test_a_layer_that_is_applied_at_every_place_is_derived_with_the_places_as_indices():
    net = Network()
    x, a = net.input("x", 3), net.parameter("a", [1, 2, 3])
    net.minimize(net.add("l2_loss", net.add("add", x, a, name="z"), net.target("y", 3), name="J"))
    sheet = network_sheet(net.graph(values=True), numbers={"x": [1, 2, 3], "y": [0, 1, 2]})
    assert any(row.left == "z_{p}" and "x_{p}" in row.right for row in rows(sheet))
    assert r"$z \in \mathbb{R}^{n_{p}}$" in text(sheet)


def test_a_place_s_index_is_summed_over_where_the_layer_shares_a_tensor():
    net = Network()
    x, W = net.input("x", (2, 3)), net.parameter("W", [[1, 2, 3], [3, 4, 5]])
    u = net.add("linear", x, W, net.parameter("b", [0, 1]), name="u")
    linear, *_ = occurrences(net.graph())
    assert linear.signals == {"x": "x", "W": "W", "b": "b", "u": u.name}
    assert str(linear.definition) == "u[p,i] = b[i] + Sum(W[i,j]*x[p,j], j)"
    assert str(linear.forms.vector("W")) == "grad_u.T @ x"


def test_sizes_that_are_sums_stand_in_brackets():
    sheet = layer_sheet(derive("conv2d"))
    space = r"\mathbb{R}^{n_{o} \times (n_{h} - n_{k} + 1) \times (n_{w} - n_{l} + 1)}"
    assert space in text(sheet)


def test_no_step_only_renames_what_is_summed_over():
    found = rows(layer_sheet(derive("conv2d")))
    assert not any(row.reason == "collecting" for row in found)
    boxed = next(row for row in found if row.boxed)
    assert r"u_{opq}" in boxed.right and "W_{o, a, h - p, w - q}" in boxed.right


def test_several_survivors_survive():
    reasons = {row.reason for row in rows(layer_sheet(derive("conv2d")))}
    assert "sifting: only $c = a$, $k = h - p$, $l = w - q$ survive" in reasons
    assert "sifting: only $i = o$ survives" in reasons


def test_what_stands_in_the_objective_acts_through_nothing_else():
    net = Builder()
    net.outside("v", "input", (2,))
    net.outside("y", "target", (2,))
    net.add("l2_loss", "v", "y", names=("J",))
    words = text(network_sheet(net.graph("J")))
    assert "stands in $J$ itself" in words and "through $J$ alone" not in words
    assert r"objective $J$ itself, so the backward pass starts from $\frac{\partial J}{\partial J} = 1$" in words


def test_a_summary_without_vector_forms_does_not_announce_them():
    assert "In vectors and matrices," not in text(layer_sheet(derive("rope")))


@pytest.mark.parametrize(
    ("sentence", "typeset_"),
    [
        ("The margins y_i v_i of the scores.", "The margins $y_{i}$ $v_{i}$ of the scores."),
        ("A loss of a score v, between -1 and 1.", "A loss of a score $v$, between $-1$ and $1$."),
        ("It approaches -alpha.", r"It approaches $-\alpha$."),
        ("A log-probability over the places i", "A log-probability over the places $i$"),
    ],
)
def test_the_sentence_below_the_title_has_its_letters_as_formulae(sentence, typeset_):
    from scratchgrad.sheets.titles import typeset

    assert typeset(sentence, derive("L = Sum(a[i]*(v[i] - y[i])**2, i)").definition) == typeset_


def test_an_a_that_is_a_tensor_is_one_where_it_is_no_article():
    from scratchgrad.sheets.titles import typeset

    definition = derive("c = Sum(a[i]*b[i], i)").definition
    assert typeset("The entries of a, then those of b.", definition) == "The entries of $a$, then those of $b$."
    assert typeset("The anchor a is near a positive.", definition) == "The anchor $a$ is near a positive."
