"""What people write into a sheet is text, and a formula can do nothing but be set."""

from __future__ import annotations

import re

import pytest

from scratchgrad.sheets.blocks import Display, Meta, Paragraph, Row, Sheet
from scratchgrad.sheets.latex import LatexUnreadable
from scratchgrad.sheets.tex import to_tex

FIELDS = (
    r"$\input{/etc/passwd}$",
    r"\input{/etc/passwd}",
    r"$\openin0=/etc/passwd$",
    r"\write18{ls}",
    r"^^5cinput{/etc/passwd}",
    r"\catcode`\$=0",
    r"A } \end{document} {",
    r"% & # _ ~ ^ { } $ \ ",
    r"`code` $x$ $ y",
)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", ["author", "date", "assignment"])
def test_a_field_of_the_header_is_plain_text(field: str, name: str) -> None:
    plain, written = (to_tex(Sheet("T", (Paragraph("text"),), Meta(**{name: value}))) for value in ("WORD", field))
    commands = re.findall(r"\\[A-Za-z]+", written)
    allowed = {*re.findall(r"\\[A-Za-z]+", plain), "\\textbackslash", "\\textasciicircum", "\\textasciitilde"}
    assert set(commands) <= allowed
    assert "^^" not in written


FORMULAE = (
    r"\input{/etc/passwd}",
    r"\openin0=/etc/passwd",
    r"x + \write18{ls}",
    r"\text{\input /etc/passwd }",
    r"\begin{filecontents}a\end{filecontents}",
    r"\left\input x \right)",
    r"\csname input\endcsname",
    r"\def\a{b}",
    r"\mathrm{\catcode 1}",
    r"\frac{\immediate}{2}",
)


@pytest.mark.parametrize("formula", FORMULAE)
@pytest.mark.parametrize("place", ["title", "paragraph", "display", "relation"])
def test_a_formula_with_another_command_is_refused_by_name(formula: str, place: str) -> None:
    sheets = {
        "title": Sheet(f"A ${formula}$", (Paragraph("text"),)),
        "paragraph": Sheet("T", (Paragraph(f"See ${formula}$."),)),
        "display": Sheet("T", (Display((Row("x", formula),)),)),
        "relation": Sheet("T", (Display((Row("x", "y", formula),)),)),
    }
    with pytest.raises(LatexUnreadable, match=r"none that a formula of a sheet may use|has a command|is no delimiter"):
        to_tex(sheets[place])
