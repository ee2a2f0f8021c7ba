from fractions import Fraction

import mpmath
import pytest
import sympy as sp

from scratchgrad.gradients import derive
from scratchgrad.notation.binding import element, sum_over
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.nodes import Indicator, Maximum, MaxOver, Partial, Where
from scratchgrad.sheets.latex import parse
from scratchgrad.sheets.mathml import to_mathml
from scratchgrad.sheets.names import latex_name
from scratchgrad.sheets.numbers import array_latex, exact, is_exact, number_latex
from scratchgrad.sheets.printer import element_latex, first_index, matrix_latex

i, j, k = Index("i", Size("n_i")), Index("j", Size("n_j")), Index("k", Size("n_i"))


def e(name, *indices):
    return element(name, indices)


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("W", "W"),
        ("lambda", r"\lambda"),
        ("s1", "s_{1}"),
        ("x_hat", r"\hat{x}"),
        ("n_i", "n_{i}"),
        ("nB", "n_{B}"),
        ("v_max", r"v_{\mathrm{max}}"),
        ("mean", r"\mathrm{mean}"),
        ("eps", r"\varepsilon"),
    ],
)
def test_names_are_written_as_on_paper(name, latex):
    assert latex_name(name) == latex


def test_a_sheet_s_own_names_carry_the_indices():
    assert element_latex(e("b1", i), {"b1": "b^{(1)}"}) == "b^{(1)}_{i}"
    assert element_latex(e("s1", i)) == "s_{1, i}"


def test_chosen_elements_count_from_one():
    assert element_latex(e("W", 0, 1)) == "W_{12}"
    assert element_latex(e("W", 0, 11)) == "W_{1, 12}"


def test_a_computed_index_counts_from_zero_in_the_whole_sheet():
    shifted = sum_over(e("w", k) * e("x", 2 * i + k), k)
    assert first_index(shifted) == 0
    assert element_latex(shifted) == r"\sum_{k=0}^{n_{i} - 1} w_{k} x_{2 i + k}"
    assert element_latex(e("x", i), first=1) == "x_{i}"


def test_the_gradient_comes_first_then_deltas_then_the_rest():
    product = e("x", j) * sp.KroneckerDelta(i, k) * e("grad_u", k)
    assert (
        element_latex(sum_over(product, k))
        == r"\sum_{k=1}^{n_{i}} \frac{\partial J}{\partial u_{k}}\, \delta_{ik}\, x_{j}"
    )


def test_matrices_stand_before_vectors_and_products_before_what_is_added():
    forward = e("b", i) + sum_over(e("x", j) * e("W", i, j), j)
    assert element_latex(forward) == r"\sum_{j=1}^{n_{j}} W_{ij} x_{j} + b_{i}"


def test_a_difference_starts_with_what_is_positive():
    assert element_latex(1 - e("x", i)) == "1 - x_{i}"
    assert element_latex(-e("y", i) + e("o", i)) == "o_{i} - y_{i}"


def test_a_sum_stands_last_in_a_product_and_in_brackets_elsewhere():
    total = sum_over(e("x", j), j)
    assert element_latex(e("o", i) * total) == r"o_{i} \sum_{j=1}^{n_{j}} x_{j}"
    assert element_latex(total**2) == r"\left( \sum_{j=1}^{n_{j}} x_{j} \right)^{2}"


def test_exponentials_logarithms_and_fractions():
    softmax = sp.exp(e("v", i)) / sum_over(sp.exp(e("v", k)), k)
    assert element_latex(softmax) == r"\frac{e^{v_{i}}}{\sum_{k=1}^{n_{i}} e^{v_{k}}}"
    assert element_latex(-e("y", i) * sp.log(e("o", i))) == r"-y_{i} \log o_{i}"
    assert (
        element_latex(-e("grad_L") * e("y", i) / e("o", i)) == r"-\frac{\partial J}{\partial L}\, \frac{y_{i}}{o_{i}}"
    )


def test_conditions_and_partials():
    positive = e("u", i) > 0
    assert element_latex(Indicator(positive)) == r"\mathbf{1}\!\left[ u_{i} > 0 \right]"
    assert element_latex(Where(positive, e("u", i), 0)).startswith(r"\begin{cases} u_{i} & \text{if } u_{i} > 0 \\ 0")
    assert element_latex(Partial(e("u", i), e("x", j))) == r"\frac{\partial u_{i}}{\partial x_{j}}"
    assert element_latex(Partial(e("a", i) + 1, e("a", j))).startswith(
        r"\frac{\partial}{\partial a_{j}} \left( 1 + a_{i}"
    )
    assert element_latex(MaxOver(e("v", k), k)) == r"\max_{k} v_{k}"
    assert element_latex(Maximum(e("u", i), 0)) == r"\max\left( u_{i}, 0 \right)"


def test_the_whole_gradient_of_an_inner_output_has_a_bar():
    assert element_latex(e("bar_o", j)) == r"\bar{o}_{j}"


VECTOR = {
    ("linear", "W"): r"\frac{\partial J}{\partial u}\, x^{\top}",
    ("linear", "x"): r"W^{\top}\, \frac{\partial J}{\partial u}",
    ("relu", "u"): r"\frac{\partial J}{\partial h} \odot \mathbf{1}\!\left[ u > 0 \right]",
    ("squared_norm", "W"): r"2\, \frac{\partial J}{\partial s}\, \lambda W",
    ("squared_norm", "lambda"): r"\frac{\partial J}{\partial s}\, \lVert W \rVert_{F}^{2}",
    ("l2_loss", "v"): r"2\, \frac{\partial J}{\partial L} \left( v - y \right)",
}


@pytest.mark.parametrize(("layer", "name"), VECTOR)
def test_vector_forms_read_as_on_paper(layer, name):
    assert matrix_latex(derive(layer)[name].vector.node) == VECTOR[layer, name]


@pytest.mark.parametrize(
    "text",
    [
        "y[i] = g[i]*x[i]/sqrt(Sum(x[j]**2,j)+e)",
        "h[i] = sigmoid(a[i])*tanh(c[i])",
        "s = Sum(x[i]*A[i,j]*x[j],i,j)",
        "y[i] = abs(x[i]) + max(x[i], 0) - erf(x[i])",
        "L = log(Sum(exp(v[k]),k)) - Sum(v[k]*y[k],k)",
        "s[i] = where(x[i] > 0, x[i], exp(x[i]) - 1)",
        "C[i,k] = Sum(A[i,j]*B[j,k],j)",
        "m = Max(v[i], i)",
    ],
)
def test_everything_that_is_derived_is_LaTeX_for_TeX_and_for_the_browser(text):
    gradients = derive(text)
    for name in gradients:
        gradient = gradients[name]
        found = [element_latex(gradient.element)]
        found += [element_latex(e) for step in gradient.steps for e in (step.before, step.after)]
        found += [matrix_latex(form.node) for form in (gradient.vector, gradient.batched) if form is not None]
        for latex in found:
            assert parse(latex)
            assert to_mathml(latex, display=True)


def test_fractions_are_exact_and_logarithms_are_rounded():
    assert number_latex(Fraction(-3, 2)) == r"-\frac{3}{2}"
    assert number_latex(mpmath.mpf("4.83123e-68")) == r"4.831 \cdot 10^{-68}"
    assert is_exact(exact([0.1, 2])) and not is_exact([mpmath.mpf(155)])
    assert list(exact([0.1, 2])) == [Fraction(1, 10), 2]


def test_a_matrix_of_fractions_shares_its_denominator_and_one_rounded_element_makes_all_decimal():
    assert array_latex(exact([[0.5, 1], [2, 3]])) == r"\frac{1}{2} \begin{bmatrix} 1 & 2 \\ 4 & 6 \end{bmatrix}"
    assert array_latex([Fraction(1, 2), mpmath.mpf("6.8")]) == r"\begin{bmatrix} 0.5 \\ 6.8 \end{bmatrix}"


def test_subscripts_and_indices_share_one_subscript():
    assert element_latex(e("weight_long_name", i)) == r"\mathrm{weight}_{\mathrm{long}, \mathrm{name}, i}"
    assert element_latex(e("s", i), {"s": "s_1"}) == "s_{1, i}"


def test_inverse_and_determinant():
    gradient = derive("L = LogDet(S)")["S"]
    assert matrix_latex(gradient.vector.node) == r"\frac{\partial J}{\partial L}\, S^{-\top}"


def test_a_sum_of_sizes_has_its_number_last_and_what_is_taken_away_behind():
    size = Size("n_h") - Size("n_k") + 1
    assert element_latex(size) == "n_{h} - n_{k} + 1"
    assert element_latex(e("x", i - Size("n_j"))) == "x_{i - n_{j}}"


def test_a_square_root_of_a_number_stands_below_the_line_once():
    assert element_latex(sp.sqrt(5) / 5 * e("x", i)) == r"\frac{x_{i}}{\sqrt{5}}"
    assert element_latex(1 / sp.sqrt(5)) == r"\frac{1}{\sqrt{5}}"
    assert element_latex(sp.sqrt(2) / sp.sqrt(sp.pi) * e("x", i)) == r"\sqrt{\frac{2}{\pi}} x_{i}"
    assert element_latex(sp.sqrt(2) / (2 * sp.sqrt(sp.pi)) * e("x", i)) == r"\frac{x_{i}}{\sqrt{2 \pi}}"


@pytest.mark.parametrize("value", [sp.sqrt(5) / 5, sp.sqrt(2) / sp.sqrt(sp.pi), sp.sqrt(12) / 4, 3 * sp.sqrt(2) / 10])
def test_numbers_with_roots_keep_their_value(value):
    from scratchgrad.sheets.printer import _without_surds

    assert sp.Mul(*_without_surds(sp.Mul.make_args(value))).equals(value)


def test_a_number_with_many_decimals_is_written_with_them():
    assert element_latex(sp.Rational(8943, 200000) * e("x", i)) == r"0.044715\, x_{i}"
    assert element_latex(sp.Rational(1, 8) * e("x", i)) == r"\frac{1}{8}\, x_{i}"


def test_a_bar_stands_over_the_letter_alone():
    assert element_latex(e("bar_c_new", i)) == r"\bar{c}_{\mathrm{new}, i}"
    assert element_latex(sp.Symbol("bar_b1"), {"b1": "b^{(1)}"}) == r"\bar{b}^{(1)}"


def test_a_bracket_with_fractions_stands_beside_the_fraction():
    bracket = e("a", i) / e("q") - e("b", i) / e("p")
    assert element_latex(bracket / e("p")) == (r"\frac{1}{p} \left( \frac{a_{i}}{q} - \frac{b_{i}}{p} \right)")


def test_cases_within_cases_are_one_list_of_cases():
    inner = Where(e("u") < 3, e("u") ** 2, e("u"))
    assert element_latex(Where(e("u") > -3, inner, sp.Integer(0))) == (
        r"\begin{cases} 0 & \text{if } u \leq -3 \\ u^{2} & \text{if } u < 3 \\ u & \text{otherwise} \end{cases}"
    )


def test_a_floor_is_no_taller_than_a_line():
    assert element_latex(sp.floor(Size("n_h") / 2) - 1) == r"\lfloor n_{h}/2 \rfloor - 1"
    assert element_latex(sp.floor((Size("n_h") - 1) / 2)) == r"\lfloor (n_{h} - 1)/2 \rfloor"


def test_a_name_in_words_stands_apart_from_the_letter_behind_it():
    assert element_latex(e("scale") * e("m", i)) == r"\mathrm{scale}\, m_{i}"


def test_a_bar_needs_no_brackets_before_its_transpose():
    from scratchgrad.forms.matrix import Leaf, Transpose

    bar = Leaf((i, None), "bar_o")
    assert matrix_latex(Transpose((None, i), bar)) == r"\bar{o}^{\top}"
