import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgrad.sheets.blocks import Display, Row
from scratchgrad.sheets.breaking import lines
from scratchgrad.sheets.latex import parse
from scratchgrad.sheets.width import formula_width

WIDTH = 39.5


def broken(right: str, left: str = "u_{1}", **row):
    return lines(Display((Row(left, right, **row),)), WIDTH)


def fits(line) -> bool:
    indent = 2.0 if line.continued else 0.0
    return line.scale * formula_width(line.right) + formula_width(line.left) + 1.4 + indent <= WIDTH + 1.0


def terms(count: int) -> str:
    return " + ".join(f"W_{{1,{n}}} x_{{{n}}}" for n in range(1, count + 1))


def test_a_formula_that_fits_is_one_line():
    (line,) = broken(terms(3), reason="forward equation")
    assert (line.left, line.relation, line.right, line.reason) == ("u_{1}", "=", terms(3), "forward equation")


def test_a_long_sum_breaks_before_a_plus_and_the_reason_comes_last():
    first, *_, last = broken(terms(14), reason="writing out")
    assert last.right.startswith("{} + ") and last.continued
    assert (first.reason, last.reason) == ("", "writing out")


def test_a_box_holds_all_lines_of_its_formula():
    (line,) = broken(terms(14), reason="collecting", boxed=True)
    assert line.boxed and line.reason == "collecting" and line.scale == 1
    assert line.right.startswith(r"\begin{aligned} & W") and r" \\ & \qquad {} + W" in line.right
    assert len(line.left) and fits(line)


def test_the_ranges_of_indices_go_on_a_line_of_their_own_and_stay_whole():
    ranges = r",\; ".join(rf"{i} = 0, \dots, n_{{{i}}} - n_{{{i}{i}}}" for i in "opq")
    first, second = broken(rf"{terms(5)}, \qquad {ranges}")
    assert (first.right, second.right) == (f"{terms(5)},", ranges)


def test_a_sum_of_products_is_cut_between_its_terms():
    for line in broken(" + ".join(f"A_{{{n}11}} x_{{{n}}} y_{{{n}}}" for n in range(1, 14)))[1:]:
        assert line.right.startswith("{} + ")


def test_a_one_is_not_cut_off_from_its_condition():
    condition = r"\mathbf{1}\!\left[ h - 2 p \geq 0 \text{ and } h - 2 p \leq 1 \right]"
    for line in broken(rf"\frac{{\partial J}}{{\partial y}}\, \delta_{{ij}}\, {condition}\, {condition}\, {condition}"):
        assert line.right.count(r"\mathbf{1}") == line.right.count("[")


def test_a_chain_of_equations_breaks_before_the_relation_which_stands_below_the_other():
    first, second = broken(f"{terms(6)} = {terms(7)}")
    assert (first.relation, second.relation, second.continued) == ("=", "=", False)


def test_a_product_breaks_between_factors_with_a_dot():
    factors = " ".join([r"\frac{\partial a_{1}}{\partial b_{1}}"] * 20)
    assert broken(factors)[1].right.startswith(r"{}\cdot \frac")


def test_a_fence_that_spans_lines_is_closed_on_each():
    for line in broken(rf"\sum_{{k}} \left( {terms(13)} \right)"):
        assert line.right.count(r"\left") == line.right.count(r"\right")


def test_what_cannot_break_is_scaled_down_and_says_so():
    wide = r"\begin{bmatrix}" + " & ".join(["123456"] * 16) + r"\end{bmatrix}"
    (line,) = broken(wide)
    assert line.scale < 1 and fits(line)


def test_a_left_side_too_wide_for_its_column_stands_on_a_line_of_its_own():
    first, second = broken("0", left=terms(6))
    assert (first.left, first.relation, first.right) == ("", "", terms(6))
    assert (second.left, second.relation) == ("", "=")


ATOM = st.sampled_from(
    [
        r"W_{ij}",
        r"\frac{\partial J}{\partial u_{k}}",
        r"e^{v_{i}}",
        r"\sum_{k=1}^{n} x_{k}",
        r"\left( a + b - c \right)",
        r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}",
        r"\delta_{ij}",
        r"\log o_{i}",
        "12",
    ]
)


@given(st.lists(st.tuples(st.sampled_from(["+", "-", "=", ""]), ATOM), min_size=1, max_size=40))
def test_every_line_of_any_formula_fits_and_reads_as_a_formula(parts):
    latex = " ".join(f"{sign} {atom}".strip() for sign, atom in parts).lstrip("+-= ")
    for line in broken(latex):
        parse(line.right)
        assert fits(line), f"{line.right} is too wide"


@pytest.mark.parametrize("count", [1, 5, 9, 14, 30])
def test_no_term_is_lost(count):
    text = " ".join(line.right for line in broken(terms(count)))
    assert text.replace("{} ", "") == terms(count)
