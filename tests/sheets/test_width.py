import re
import subprocess

import pytest

from scratchgrad.sheets.blocks import UnbalancedDollar, pieces, plain
from scratchgrad.sheets.latex import LatexUnreadable, parse
from scratchgrad.sheets.pdf import PdfEngineMissing, find_engine
from scratchgrad.sheets.width import formula_width, text_width

EM = 10.95  # points: the em of Latin Modern at 11 pt

FORMULAE = [
    r"u_{i} = \sum_{j=1}^{n_{j}} W_{ij}\, x_{j} + b^{(1)}_{i}",
    r"\frac{\partial J}{\partial W_{12}} = \frac{\partial J}{\partial u_{1}}\,\frac{\partial u_{1}}{\partial W_{12}}",
    r"W_{11} x_{1} + W_{12} x_{2} + W_{13} x_{3} + b_{1}",
    r"\sum_{k=1}^{n_{i}} \frac{\partial}{\partial W_{ij}}\left( \sum_{l=1}^{n_{j}} W_{kl}\, x_{l} + b_{k} \right)",
    r"\begin{bmatrix} 4 & 5 \\ -2 & 2 \\ 7 & 1 \end{bmatrix} \begin{bmatrix} 3 \\ 2 \end{bmatrix}",
    r"\begin{cases} 1 & \text{if } i = j \text{ and } z_i > 0 \\ 0 & \text{otherwise} \end{cases}",
    r"\mathbf{1}\!\left[u_{i} > 0\right]",
    r"o \odot \left( g - \left( o^{\top} \frac{\partial J}{\partial o} \right) \mathbf{1} \right)",
    r"-\sum_{i=1}^{n_{i}} y_{i} \log o_{i}",
    r"\frac{e^{v_{i}}}{\sum_{k=1}^{n_{i}} e^{v_{k}}}",
    r"\lambda \sum_{i=1}^{n_{i}} \sum_{j=1}^{n_{j}} W_{ij}^{2}",
    r"\max_{k} v_{k} + \tanh x_{i} - \exp(x_{i})",
    r"\sqrt{\frac{1}{n} \sum_{i=1}^{n} (x_{i} - \mu)^{2} + \varepsilon}",
    r"x \in \mathbf{R}^{n \times m}, \qquad i = 1, \dots, n",
    r"\lVert W \rVert_{F}^{2}",
    r"\boxed{\frac{\partial J}{\partial v_{i}} = \frac{\partial J}{\partial L}\,(o_{i} - y_{i})}",
    r"\frac{123456}{789}\cdot 10^{-3} \approx 0.1565",
    r"abcdefghijklmnopqrstuvwxyz",
    r"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    r"\alpha\beta\gamma\lambda\mu\sigma\omega\Gamma\Delta\Sigma",
    r"\left\lVert \begin{bmatrix} -0.90 & 12.5 & 1 \\ 3 & 0 & -19 \end{bmatrix} \right\rVert^{2}",
    r"\operatorname{diag}\left( \frac{\partial J}{\partial L} \right)\, \left( o - y \right)",
]


@pytest.fixture(scope="module")
def real_widths(tmp_path_factory):
    """What TeX itself makes of the formulae, in em: (display style, text style) each."""
    try:
        engine = find_engine()
    except PdfEngineMissing as missing:
        pytest.skip(str(missing))
    if engine.name not in ("pdflatex", "latexmk"):
        pytest.skip(f"{engine.name} prints no widths here")
    lines = [
        rf"\setbox0\hbox{{$\{style} {formula}$}}\typeout{{W=\the\wd0}}"
        for formula in FORMULAE
        for style in ("displaystyle", "textstyle")
    ]
    fonts = r"\usepackage[T1]{fontenc}\usepackage{lmodern}\usepackage{amsmath}"
    place = tmp_path_factory.mktemp("widths")
    body = "\n".join(lines)
    (place / "sheet.tex").write_text(
        rf"\documentclass[11pt]{{article}}{fonts}\begin{{document}}{body}" + "\nx\\end{document}\n", encoding="utf-8"
    )
    subprocess.run(engine.command("sheet.tex"), cwd=place, capture_output=True, check=True, timeout=60)
    found = [float(w) / EM for w in re.findall(r"W=([\d.]+)pt", (place / "sheet.log").read_text(errors="replace"))]
    return dict(zip(FORMULAE, zip(found[::2], found[1::2], strict=True), strict=True))


@pytest.mark.parametrize("formula", FORMULAE)
def test_the_estimate_is_TeX_s_width_or_a_little_more(formula, real_widths):
    for style, real in zip("DT", real_widths[formula], strict=True):
        estimate = formula_width(formula, style)
        assert real - 0.1 <= estimate <= 1.08 * real + 0.3, f"{style}: estimated {estimate:.2f} em, TeX {real:.2f} em"


def test_a_text_is_as_wide_as_its_words_and_its_formulae():
    assert text_width("only $k = i$ survives") == pytest.approx(
        text_width("only ") + formula_width("k = i", "T") + text_width(" survives")
    )


@pytest.mark.parametrize("latex", ["{a", "a}", r"\left( a", r"\begin{bmatrix} x \end{cases}", r"\frac{1}", "x_"])
def test_a_formula_whose_parts_do_not_match_is_named(latex):
    with pytest.raises(LatexUnreadable, match="LaTeX .* at position"):
        parse(latex)


def test_every_node_knows_its_place_in_the_source():
    source = r"\frac{a}{b}_{i} + \left( c \right)^{2}"
    assert [source[n.start : n.end] for n in parse(source)] == [r"\frac{a}{b}_{i}", "+", r"\left( c \right)^{2}"]


def test_text_formulae_and_code_are_told_apart():
    assert pieces(r"it costs 5 \$, $x_{1}$ is `x[0]`") == [
        ("it costs 5 $, ", "text"),
        ("x_{1}", "formula"),
        (" is ", "text"),
        ("x[0]", "code"),
    ]
    assert plain(r"the gradient of $b^{(1)}$") == "the gradient of b^(1)"


def test_a_formula_that_is_not_closed_is_named():
    with pytest.raises(UnbalancedDollar, match=r"choose \$W.*opens something and is not closed"):
        pieces("choose $W")
