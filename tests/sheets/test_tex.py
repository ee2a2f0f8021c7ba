import pytest

from scratchgrad.sheets import pdf
from scratchgrad.sheets.blocks import Code, Display, Figure, Heading, Meta, Note, Paragraph, Row, Sheet, Table
from scratchgrad.sheets.drawing import Box, Drawing, Label, Path
from scratchgrad.sheets.escaping import NotTypesettable, escape, words
from scratchgrad.sheets.pdf import Engine, PdfEngineMissing, PdfFailed, compile_pdf, find_engine
from scratchgrad.sheets.tex import to_tex
from scratchgrad.sheets.writing import UnknownFormat, save_sheet, save_sheets

NASTY = r"50 % & more_of #1 {x} ~ ^ \ <a> | \"q\" Gauß Łukasz λ × − “so” …"


def sample(text: str = "Plain words.") -> Sheet:
    drawing = Drawing((Box((0, 0), 2, 0.7, ("Linear",)), Path(((1, 0), (2, 0))), Label((1.5, 0.3), "u_{1}")))
    long = " + ".join(f"W_{{1,{n}}} x_{{{n}}}" for n in range(40))
    return Sheet(
        "A sheet of everything",
        (
            Heading("Formulae with $W_{12}$"),
            Paragraph(text),
            Display(
                (Row("u", long, reason="a reason that is so long that it cannot stand beside the formula at all"),)
            ),
            Heading("A part", 3),
            Display((Row("", "x", boxed=True), Row("y", r"\frac{1}{2}", reason="sifting: only $k = i$ survives"))),
            Note("A note", r"with $\mathbb{R}^{n}$ in it"),
            Figure(drawing, "A figure.", "A box with an arrow."),
            Table(("", "Element", "Source"), (("a", r"$\sum_{i=1}^{n} x_{i}$", "words " * 30),), display=True),
            Table(("one",), (("`code_of(x) # 1`",),), caption="Below."),
            Code(("grad_W = (", "    grad_u.T @ x  # {}", ")")),
        ),
        Meta("Ada & Søn", "23 November 2026", "Lab_3"),
    )


@pytest.fixture
def engine():
    try:
        return find_engine()
    except PdfEngineMissing as missing:
        pytest.skip(str(missing))


def test_every_kind_of_block_compiles_without_a_complaint(tmp_path, engine):
    save_sheet(sample(NASTY), tmp_path / "sheet.tex")
    assert compile_pdf(tmp_path / "sheet.tex", engine=engine).warnings == ()


def test_the_same_sheet_gives_the_same_pdf_bit_for_bit(tmp_path, engine):
    first = save_sheet(sample(), tmp_path / "a" / "sheet.pdf").read_bytes()
    assert first == save_sheet(sample(), tmp_path / "b" / "sheet.pdf").read_bytes()


def test_the_header_names_author_date_and_assignment_and_the_page():
    text = to_tex(sample())
    assert r"Ada \& Søn, 23 November 2026\\" in text
    assert r"Lab\_3: A sheet of everything, page~\thepage" in text
    assert r"pdfauthor={Ada \& Søn}" in text


def test_words_are_escaped_and_formulae_are_not():
    assert words(r"50 % of $x_{1}$, `a_b`") == r"50 \% of $x_{1}$, \texttt{a\_b}"


def test_a_letter_that_LaTeX_lacks_is_named():
    with pytest.raises(NotTypesettable, match="'王明'.*lack '王' .*html"):
        escape("王明")


def test_a_TeX_error_is_reported_with_its_line(tmp_path, engine):
    (tmp_path / "bad.tex").write_text("\\documentclass{article}\n\\begin{document}\n\\nonsense\n\\end{document}\n")
    with pytest.raises(PdfFailed, match=r"bad.tex: \w+ failed; line 3: Undefined control sequence.*nonsense"):
        compile_pdf(tmp_path / "bad.tex", engine=engine)
    assert not (tmp_path / "bad.pdf").exists()


def test_an_overfull_line_is_in_the_result(tmp_path, engine):
    body = "\\noindent\\hbox to 2\\textwidth{x}"
    (tmp_path / "wide.tex").write_text(
        f"\\documentclass{{article}}\\usepackage{{lmodern}}\\begin{{document}}{body}\\end{{document}}"
    )
    assert "Overfull" in " ".join(compile_pdf(tmp_path / "wide.tex", engine=engine).warnings)


def test_TeX_runs_no_program_and_leaves_only_the_pdf(tmp_path, engine):
    body = r"\immediate\write18{touch ran}x"
    (tmp_path / "w.tex").write_text(
        f"\\documentclass{{article}}\\usepackage{{lmodern}}\\begin{{document}}{body}\\end{{document}}"
    )
    compile_pdf(tmp_path / "w.tex", engine=engine)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["w.pdf", "w.tex"]


def test_without_an_engine_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    monkeypatch.setattr(pdf, "_bundled", lambda: None)
    with pytest.raises(PdfEngineMissing, match=r"pip install 'scratchgrad\[pdf\]'"):
        find_engine()
    files, outcome = save_sheets(sample(), tmp_path / "sheet")
    assert [f.name for f in files] == ["sheet.tex", "sheet.html"]
    assert "no TeX engine" in outcome


def test_an_engine_that_hangs_is_stopped(tmp_path):
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nsleep 30\n")
    slow.chmod(0o755)
    (tmp_path / "s.tex").write_text("x")
    with pytest.raises(PdfFailed, match="not done after 0.2 s"):
        compile_pdf(tmp_path / "s.tex", engine=Engine("pdflatex", str(slow)), timeout=0.2)


def test_an_unknown_suffix_is_named(tmp_path):
    with pytest.raises(UnknownFormat, match=r"'sheet.doc'.*\.tex, \.html or \.pdf"):
        save_sheet(sample(), tmp_path / "sheet.doc")
