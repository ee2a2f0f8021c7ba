import re
from html.parser import HTMLParser

import pytest

from scratchgrad.sheets.blocks import Display, Heading, Paragraph, Row, Sheet
from scratchgrad.sheets.html import to_html
from scratchgrad.sheets.mathml import MathmlFailed, to_mathml
from scratchgrad.sheets.svg import runs, to_svg
from tests.sheets.test_tex import NASTY, sample

VOID = {"meta", "br", "link", "img", "hr"}


class Tags(HTMLParser):
    """Every tag that is opened is closed; references are collected."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.references += [v for k, v in attrs if k in ("href", "src", "xlink:href")]
        self.ids += [v for k, v in attrs if k == "id"]

    def handle_startendtag(self, tag, attrs):
        self.ids += [v for k, v in attrs if k == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_refers_to_nothing_outside_itself():
    page = to_html(sample(NASTY))
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert len(tags.ids) == len(set(tags.ids))
    assert all(r.startswith("#") and r[1:] in tags.ids for r in tags.references)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert "<script" not in page


def test_the_page_is_the_same_every_time():
    assert to_html(sample()) == to_html(sample())


def test_headings_are_numbered_and_listed():
    sheet = Sheet("t", (Heading("a"), Heading("b", 2), Heading("c", 3), Heading("d"), Heading("e"), Heading("f")))
    page = to_html(sheet)
    assert '<h3 id="s1-1"><span class="number">1.1</span>b</h3>' in page
    assert "<h4>c</h4>" in page
    assert '<li><span class="number">4</span><a href="#s4">f</a></li>' in page


def test_markup_in_words_is_text():
    page = to_html(Sheet("<b>", (Paragraph("1 < 2 & <script>"),)))
    assert "1 &lt; 2 &amp; &lt;script&gt;" in page and "<script>" not in page


def test_punctuation_stays_with_the_formula_before_it():
    assert "</math>,</span> then" in to_html(Sheet("t", (Paragraph("$x$, then"),)))


def test_a_formula_that_cannot_be_converted_is_named():
    with pytest.raises(MathmlFailed, match=r"x \\\\nonsense.*Unknown command"):
        to_mathml(r"x \nonsense")


def test_display_formulae_are_full_sized_in_line():
    assert to_mathml("x", display=True).startswith('<math displaystyle="true">')


def test_the_figure_has_a_title_and_a_description():
    svg = to_svg(sample().blocks[6].drawing, "A <figure>", "What it shows", "f1")
    assert '<title id="f1-title">A &lt;figure&gt;</title><desc id="f1-desc">What it shows</desc>' in svg
    assert 'role="img" aria-labelledby="f1-title f1-desc"' in svg


def test_a_label_s_superscript_is_raised_and_its_subscript_lowered():
    b, i, *rest = runs("b^{(1)}_{i}")
    assert (b.text, b.raise_, b.italic) == ("b", 0, True)
    assert i.text == "i" and i.raise_ < 0
    assert "".join(r.text for r in rest) == "(1)" and all(r.raise_ > 0 and not r.italic for r in rest)
    assert runs(r"\lambda")[0].text == "λ"


def test_a_line_that_cannot_be_broken_is_shrunk():
    wide = r"\begin{bmatrix}" + " & ".join(["123456"] * 16) + r"\end{bmatrix}"
    page = to_html(Sheet("Wide", (Display((Row("x", wide),)),)))
    percent = int(re.search(r'class="right" style="font-size: (\d+)%"', page)[1])
    assert 20 <= percent < 100


def test_the_lines_of_a_display_are_broken_for_a_page():
    long = " + ".join(rf"\frac{{\partial J}}{{\partial z_{{{n}}}}}\, W_{{{n}}}" for n in range(12))
    page = to_html(Sheet("Long", (Display((Row("x", long, reason="local partial"),)),)))
    assert page.count('<div class="right">') > 1 and page.count('<div class="why">') == 1
