"""derive: from text, layers, definitions and SymPy to gradients; arrays of any kind in, numpy float64 out."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

import scratchgrad as sg
from scratchgrad.calculus import rules
from scratchgrad.gradients import Gradients, NotSquare, UnknownTensor, definition_of, derive
from scratchgrad.notation.evaluation import EvaluationError
from scratchgrad.notation.from_sympy import NotADefinition
from scratchgrad.notation.mistakes import UnknownName, UnusedName
from scratchgrad.notation.text import to_text
from scratchgrad.registry import UnknownLayer, layer
from scratchgrad.signature import ShapeMismatch
from tests.tolerances import tolerance

LINEAR = "u[i] = Sum(W[i,j]*x[j], j) + b[i]"
# The course's worked numbers.
W = np.array([[4.0, 5], [-2, 2], [7, 1]])
X, B = np.array([3.0, 2]), np.array([1.0, -2, 3])
G = np.array([1.0, -1, 0.5])
TENSORS = {"x": X, "W": W, "b": B}


# -- what may be derived


def test_a_text_a_name_a_layer_a_definition_and_sympy_have_one_gradient() -> None:
    i, j, n = sp.symbols("i j n", integer=True)
    u, w, x, b = map(sp.IndexedBase, ("u", "W", "x", "b"))
    equation = sp.Eq(u[i], sp.Sum(w[i, j] * x[j], (j, 0, n - 1)) + b[i])
    for source in (LINEAR, "linear", layer("linear"), definition_of(LINEAR), equation, [equation]):
        derived = derive(source)
        assert set(derived) == {"x", "W", "b"}
        np.testing.assert_array_equal(derived["W"].evaluate({"u": G}, TENSORS), np.outer(G, X))
        assert str(derived["W"].vector) == "grad_u @ x.T"


def test_derive_is_the_packages_public_name() -> None:
    assert sg.derive is derive


def test_the_courses_numbers_come_out() -> None:
    assert derive("linear").forward(TENSORS)["u"].tolist() == [23, -4, 26]
    assert derive("relu").forward({"u": np.array([23.0, -4, 26])})["h"].tolist() == [23, 0, 26]


def test_sizes_and_ranges_are_named_where_a_text_leaves_them_open() -> None:
    derived = derive("u[i] = Sum(x[2*i+r], r)/2", tensors="x[nX] u[nU]", ranges={"r": 2})
    got = derived["x"].evaluate({"u": np.array([2.0, 4])}, {"x": np.arange(4.0)})
    assert got.tolist() == [1, 1, 2, 2]


def test_outputs_may_be_named_as_text_or_list() -> None:
    text = "o[i] = exp(v[i]); L = Sum(o[i], i)"
    for outputs in ("o L", ["o", "L"]):
        assert [o.name for o in derive(text, outputs=outputs).definition.outputs] == ["o", "L"]
    assert [o.name for o in derive(text).definition.outputs] == ["L"]


def test_shared_inputs_of_a_text_are_scalars_capitals_and_biases_unless_said_otherwise() -> None:
    assert definition_of("u[i] = c*Sum(W[i,j]*x[j], j) + b[i]").shared == ("c", "W", "b")
    assert definition_of("u[i] = c*x[i]", shared="").shared == ()
    assert str(derive("u[i] = c*x[i]", shared="x")["c"].batched) != str(derive("u[i] = c*x[i]")["c"].batched)


def test_a_shared_input_that_is_none_is_named() -> None:
    for source in ("u[i] = w[i]*x[i]", derive("u[i] = w[i]*x[i]").definition):
        with pytest.raises(UnknownName, match="shared: no input is named 'W'; the inputs are w, x"):
            derive(source, shared="W")


def test_an_integer_valued_scalar_is_written_with_brackets_and_parses_back() -> None:
    d = derive("embedding")
    assert str(d.definition) == "e[k] = E[t[],k]"
    assert derive(str(d.definition)).definition.assignments == d.definition.assignments
    assert d["E"].text == "delta(v, t[])*grad_e[k]"
    assert derive(f"X[v,k] = {d['E'].text}", tensors="grad_e[n_k]").definition.inputs[0].integer


def test_what_is_no_equation_is_refused() -> None:
    with pytest.raises(NotADefinition, match="expected"):
        derive(3)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(UnknownLayer, match="no layer is named 'lineer'; did you mean 'linear'"):
        derive("lineer")
    with pytest.raises(UnknownName, match="output 'v' is never assigned"):
        derive(LINEAR, outputs="v")


# -- the mapping


def test_the_gradients_are_a_mapping_over_the_differentiable_inputs() -> None:
    derived = derive("u[n,k] = E[t[n],k]*c")
    assert list(derived) == ["E", "c"]
    assert len(derived) == 2
    assert "E" in derived
    assert "t" not in derived
    assert derived["E"] is derived["E"]


def test_gradients_of_intermediates_and_outputs_exist_too() -> None:
    derived = derive("h[i] = x[i]**2; s = Sum(h[i], i)")
    assert to_text(derived["h"].element) == "grad_s"
    assert to_text(derived["s"].element) == "grad_s"


@pytest.mark.parametrize("name", ["V", "t", "J", ""])
def test_a_gradient_with_respect_to_no_tensor_names_those_that_exist(name: str) -> None:
    derived = derive("u[n,k] = E[t[n],k]*c")
    with pytest.raises(UnknownTensor) as raised:
        _ = derived[name]
    assert str(raised.value) == f"no gradient with respect to {name!r}; the differentiable inputs are E, c"
    assert isinstance(raised.value, KeyError)


def test_a_definition_without_inputs_says_so() -> None:
    with pytest.raises(UnknownTensor, match="with respect to 'x'; the definition has no differentiable input$"):
        _ = derive("f = 2")["x"]


def test_the_representation_is_the_definition_and_its_gradients() -> None:
    assert repr(derive("h[i] = exp(u[i])")).split("\n") == ["h[i] = exp(u[i])", "  grad_u = grad_h[i]*h[i]"]


# -- arrays in, float64 out


ARRAYS = [
    ("numpy", lambda v: v),
    ("float32", lambda v: v.astype(np.float32)),
    ("integers", lambda v: v.astype(np.int64)),
    ("lists", lambda v: v.tolist()),
    ("torch", torch.tensor),
    ("torch float32", lambda v: torch.tensor(v, dtype=torch.float32)),
    ("torch with a gradient", lambda v: torch.tensor(v, requires_grad=True)),
    ("strided", lambda v: np.repeat(v, 2, axis=0)[::2]),
    ("torch, expanded", lambda v: torch.tensor(v)[None].expand(2, *v.shape)[1]),
]


@pytest.mark.parametrize("made", [m for _, m in ARRAYS], ids=[name for name, _ in ARRAYS])
def test_arrays_of_any_kind_give_numpy_float64(made: Any) -> None:
    tensors = {name: made(v) for name, v in TENSORS.items()}
    derived = derive("linear")
    for name, want in {"W": np.outer([1, -1, 2], X), "x": W.T @ [1, -1, 2], "b": [1, -1, 2]}.items():
        got = derived[name].evaluate({"u": made(np.array([1.0, -1, 2]))}, tensors)
        assert isinstance(got, np.ndarray)
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, want)


def test_inputs_are_not_changed_and_the_result_is_a_new_array() -> None:
    derived = derive("u[i] = x[i] + c*y[i]", shared="")
    x, g = np.ones(3), np.ones(3)
    got = derived["x"].evaluate({"u": g}, {"x": x, "c": 2.0, "y": x})
    got[:] = 7
    assert g.tolist() == x.tolist() == [1, 1, 1]


def test_the_gradient_has_the_shape_of_its_tensor_even_where_it_is_constant() -> None:
    derived = derive("s = Sum(W[i,j], i, j) + 0*c + x")
    tensors = {"W": W, "x": 1.0, "c": 2.0}
    assert derived["W"].evaluate(tensors).tolist() == np.ones((3, 2)).tolist()
    assert derived["x"].evaluate(tensors).shape == ()
    assert derived["c"].evaluate(tensors) == 0


def test_an_integer_tensor_may_come_as_whole_floats() -> None:
    derived = derive("u[n,k] = E[t[n],k]")
    for t in (np.array([1, 0]), np.array([1.0, 0.0]), torch.tensor([1, 0])):
        got = derived["E"].evaluate({"u": np.ones((2, 3))}, {"E": np.zeros((4, 3)), "t": t})
        assert got[:, 0].tolist() == [1, 1, 0, 0]


def test_axes_without_elements_give_gradients_without_elements() -> None:
    derived = derive("linear")
    tensors = {"x": np.zeros(0), "W": np.zeros((3, 0)), "b": B}
    assert derived["x"].evaluate({"u": G}, tensors).shape == (0,)
    assert derived["W"].evaluate({"u": G}, tensors).shape == (3, 0)
    assert derived.forward(tensors)["u"].tolist() == B.tolist()


# -- gradients of the outputs


def test_a_scalar_output_counts_as_the_objective() -> None:
    derived = derive("s = lambda*Sum(W[i,j]**2, i, j)")
    tensors = {"lambda": 0.5, "W": W}
    want = derived["W"].evaluate({"s": 1.0}, tensors)
    np.testing.assert_array_equal(want, W)
    np.testing.assert_array_equal(derived["W"].evaluate(tensors), want)
    np.testing.assert_array_equal(derived["W"].evaluate(tensors=tensors), want)
    np.testing.assert_array_equal(derived["W"].evaluate(None, tensors), want)


def test_an_output_that_is_no_scalar_needs_its_gradient() -> None:
    for arguments in ((TENSORS,), (None, TENSORS)):
        with pytest.raises(EvaluationError, match=r'is needed: grad_outputs=\{"u": \.\.\.\}'):
            derive("linear")["W"].evaluate(*arguments)
    with pytest.raises(EvaluationError, match=r'grad_outputs=\{"o": \.\.\., "L": \.\.\.\}'):
        derive("softmax_cross_entropy")["v"].evaluate({"v": X, "y": X})


def test_a_gradient_of_one_output_that_is_left_out_is_zero() -> None:
    derived = derive("softmax_cross_entropy")
    v, y = np.array([0.5, -1, 2]), np.array([0.0, 1, 0])
    o = np.exp(v) / np.exp(v).sum()
    np.testing.assert_allclose(derived["v"].evaluate({"L": 2.0}, {"v": v, "y": y}), 2 * (o - y), **tolerance())
    alone = derived["v"].evaluate({"o": G}, {"v": v, "y": y})
    both = derived["v"].evaluate({"o": G, "L": 2.0}, {"v": v, "y": y})
    np.testing.assert_allclose(alone + 2 * (o - y), both, **tolerance())


def test_an_unknown_output_is_named() -> None:
    with pytest.raises(EvaluationError, match="'v' is no output; the outputs are u"):
        derive("linear")["W"].evaluate({"v": G}, TENSORS)


# -- shapes


def test_a_missing_tensor_is_named_with_those_expected() -> None:
    with pytest.raises(EvaluationError, match="tensor 'b' has no value; expected x, W, b"):
        derive("linear")["W"].evaluate({"u": G}, {"x": X, "W": W})


SHAPES = [
    ({"W": W.T}, {}, "index 'j' is 2 in x[j] but 3 in W[i,j]; is W transposed?"),
    ({"x": np.ones(5)}, {}, "index 'j' is 5 in x[j] but 2 in W[i,j]; is W transposed?"),
    ({"b": np.ones(2)}, {}, "index 'i' is 3 in W[i,j] but 2 in b[i]"),
    ({}, {"u": np.ones(4)}, "index 'i' is 3 in W[i,j] but 4 in grad_u[i]"),
    ({}, {"u": np.ones((3, 1))}, "grad_u[i] has 1 axis, got shape (3, 1)"),
    ({"W": np.ones(3)}, {}, "W[i,j] has 2 axes, got shape (3,)"),
    ({"x": 1.0}, {}, "x[j] has 1 axis, got shape ()"),
]


@pytest.mark.parametrize(("tensors", "grads", "message"), SHAPES, ids=[s[2] for s in SHAPES])
def test_a_wrong_shape_names_the_index_both_sizes_and_both_tensors(tensors: Any, grads: Any, message: str) -> None:
    with pytest.raises(ShapeMismatch) as raised:
        derive("linear")["x"].evaluate({"u": G, **grads}, {**TENSORS, **tensors})
    assert message in str(raised.value)


def test_a_fixed_size_is_checked() -> None:
    with pytest.raises(ShapeMismatch, match="index 'j' is 3 in the definition but 2 in x"):
        derive("s = Sum(x[j], j)", tensors="x[3]")["x"].evaluate({"x": X})


def test_a_size_that_nothing_fixes_is_named() -> None:
    with pytest.raises(
        EvaluationError, match="nothing fixes the size n_i; give a tensor or a gradient that has this axis"
    ):
        derive("u[i] = c + Sum(x[2*i+r], r)", tensors="u[n_i]", ranges={"i": "n_i", "r": 2}).forward({"c": 1.0, "x": X})


def test_what_is_no_real_number_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"x\[j\]: expected real numbers, got an array of complex128"):
        derive("linear")["W"].evaluate({"u": G}, {**TENSORS, "x": X + 1j})
    with pytest.raises(EvaluationError, match=r"b\[i\]: expected real numbers, got an array of <U1"):
        derive("linear")["W"].evaluate({"u": G}, {**TENSORS, "b": ["a", "b", "c"]})


# -- steps, exact numbers, other forms


def test_the_result_is_the_value_of_the_last_step() -> None:
    for name in ("linear", "relu", "softmax_cross_entropy", "squared_norm", "l2_loss", "scale", "add"):
        derived = derive(name)
        for tensor in derived:
            assert derived[tensor].steps[-1].after == derived[tensor].element


def test_every_step_has_a_rule_with_a_name_a_statement_and_a_source() -> None:
    for step in derive("softmax_cross_entropy")["v"].steps:
        assert step.rule.name
        assert step.rule.statement
        assert step.rule.source
        assert step.words.endswith(".")


def test_one_touched_output_needs_the_scalar_chain_rule_several_the_multivariate_one() -> None:
    derived = derive("linear")
    assert derived["W"].chosen is not None
    assert derived["W"].chosen.rule == rules.CHAIN
    assert derived["x"].chosen is not None
    assert derived["x"].chosen.rule == rules.MULTIVARIATE_CHAIN
    assert [str(c.output) for c in derived["x"].chosen.touched] == ["u[0]", "u[1]"]
    assert str(derived["W"].chosen.element) == "W[0, 1]"


def test_a_scalar_has_no_chosen_element() -> None:
    assert derive("scale")["c"].chosen is None


def test_exact_evaluation_gives_rational_numbers() -> None:
    got = derive("linear")["x"].exact({"u": G}, TENSORS)
    assert [str(v) for v in got] == ["19/2", "7/2"]


def test_nothing_depends_on_an_input_that_cancels() -> None:
    derived = derive("u[i] = x[i] + y[i]*0", tensors="x[n] y[n]")
    assert list(derived) == ["x", "y"]
    assert derived["y"].element == 0
    assert derived["y"].evaluate({"u": X}, {"x": X, "y": X}).tolist() == [0, 0]


def test_the_vector_and_the_batched_form_evaluate_to_the_element_form_at_other_sizes() -> None:
    random = np.random.default_rng(0)
    for sizes in ((1, 1), (1, 5), (7, 2)):
        tensors = {"W": random.normal(size=sizes), "x": random.normal(size=sizes[1]), "b": random.normal(size=sizes[0])}
        derived: Gradients = derive("linear")
        at = derived.valuation(tensors, {"u": random.normal(size=sizes[0])})
        for name in derived:
            vector = derived[name].vector
            assert vector is not None
            want = at.value(derived[name].element, derived[name].indices)
            np.testing.assert_allclose(np.reshape(vector.node.value(at), want.shape), want, **tolerance())


def test_deriving_a_text_needs_no_torch() -> None:
    code = f"""
import sys
import scratchgrad as sg
d = sg.derive({LINEAR!r})
str(d["W"].vector), str(d["x"].batched), d["b"].evaluate({{"u": [1.0]}}, {{"W": [[2.0]], "x": [3.0], "b": [4.0]}})
sys.exit("torch" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_lab_layers_are_derived_in_under_five_seconds() -> None:
    import time

    start = time.process_time()
    for name in ("linear", "relu", "softmax_cross_entropy", "squared_norm", "l2_loss", "scale", "add"):
        derived = derive(name)
        for tensor in derived:
            _ = derived[tensor].element, derived[tensor].vector, derived[tensor].batched
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("L = Sum(x[i], i)", "x", "grad_L[:, None].expand_as(x)"),
        ("s = Sum(x[i], i)*Sum(y[j], j)", "y", "(grad_s * x.sum(1))[:, None].expand_as(y)"),
        ("u[i] = Sum(A[i,j]*x[i], j)", "A", "(grad_u * x).sum(0)[:, None].expand_as(A)"),
        ("L = Sum(x[i], i) + Sum(b[i], i)", "b", "grad_L.sum().expand_as(b)"),
    ],
)
def test_the_code_of_a_batch_has_the_shape_of_the_tensor_where_the_gradient_repeats(
    text: str, name: str, code: str
) -> None:
    d = derive(text)
    assert str(d[name].batched) == code
    sizes = {"x": (4, 3), "y": (4, 2), "A": (3, 5), "b": (2,), "grad_L": (4,), "grad_s": (4,), "grad_u": (4, 3)}
    assert eval(code, {n: torch.ones(shape) for n, shape in sizes.items()}).shape == sizes[name]


@pytest.mark.parametrize(
    "option", [{"tensors": "x[n]"}, {"ranges": {"i": 3}}, {"outputs": "u"}, {"shared": "W"}], ids=str
)
def test_a_layer_is_not_told_what_it_says_itself(option: dict[str, Any]) -> None:
    name = next(iter(option))
    for source in ("linear", layer("linear")):
        with pytest.raises(UnusedName, match=f"{name}: layer 'linear' says that itself; {name}= belongs to a text"):
            derive(source, **option)
    if name != "shared":
        with pytest.raises(UnusedName, match=f"{name}: the definition says that itself"):
            derive(definition_of("linear"), **option)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("L = LogDet(A)", r"LogDet\(A\) needs a square matrix A, got shape \(2, 3\)"),
        ("d = Det(A)", r"Det\(A\) needs a square matrix A, got shape \(2, 3\)"),
        ("B[i,j] = Inv(A)[i,j]", r"Inv\(A\) needs a square matrix A, got shape \(2, 3\)"),
        ("y[i] = Sum(A[i,j]*A[j,i], j)", r"A\[i,j\]: index 'j' runs over axes of one size, got shape \(2, 3\)"),
    ],
)
def test_a_matrix_that_is_not_square_is_named(text: str, message: str) -> None:
    with pytest.raises(NotSquare, match=message):
        derive(text).forward({"A": np.ones((2, 3))})


@pytest.mark.parametrize("scores", [[1000.0, 0.0, -1000.0], [1000.0, 998.0, 990.0], [-2000.0, 3000.0, 2999.0]])
def test_scores_whose_exponentials_overflow_have_the_loss_and_the_gradient_of_torch(scores: list[float]) -> None:
    d, y = derive("softmax_cross_entropy"), [0.0, 1.0, 0.0]
    v = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(v, torch.tensor(1))
    loss.backward()
    values = d.forward({"v": scores, "y": y})
    assert float(values["L"]) == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(values["o"], v.detach().softmax(0), rtol=1e-12)
    np.testing.assert_allclose(d["v"].evaluate({"L": 1.0}, {"v": scores, "y": y}), v.grad, rtol=1e-12, atol=1e-300)
    assert values["o"].dtype == np.float64


def test_an_infinity_that_is_the_value_stays_one() -> None:
    assert derive("y = exp(x)").forward({"x": 1000.0})["y"] == np.inf
    assert derive("y = -exp(x)").forward({"x": 1000.0})["y"] == -np.inf
    assert derive("y = log(x)").forward({"x": 0.0})["y"] == -np.inf
    assert np.isnan(derive("y[i] = x[i] - a").forward({"x": [np.inf], "a": np.inf})["y"]).all()


def test_what_stands_in_the_objective_itself_is_not_said_to_act_on_it_through_itself() -> None:
    direct, behind = derive("J = c*x"), derive("s = c*x; J = s**2")
    assert [step.words for step in direct["x"].steps if step.rule is rules.CHAIN] == ["It stands in $J$ itself."]
    assert [step.words for step in behind["x"].steps if step.rule is rules.CHAIN] == [
        "It acts on $J$ through $s$ alone."
    ]
    assert "through $J$ alone" not in derive("J = Sum(x[i]**2, i)").latex()
    assert "$x_{1}$ stands in $J$ itself" in derive("J = Sum(x[i]**2, i)").latex()
