import pytest

from scratchgrad.cli.derivations import all_sheets
from scratchgrad.sheets.blocks import Meta
from scratchgrad.sheets.html import to_html
from scratchgrad.sheets.pdf import PdfEngineMissing, find_engine
from scratchgrad.sheets.tex import to_tex


def no_engine():
    raise PdfEngineMissing("no TeX engine: install one")


def test_a_sheet_is_written_as_tex_and_html_with_its_header_and_the_files_are_named(run, tmp_path):
    done = run(
        "sheet", "relu", "--out", "sheets", "--author", "A. Student", "--date", "2026-01-31", "--format", "html,tex"
    )
    assert done.exit_code == 0
    assert done.stdout.split() == ["sheets/relu.html", "sheets/relu.tex"]
    for file in (tmp_path / "sheets").iterdir():
        assert "A. Student" in file.read_text(encoding="utf-8")
        assert "2026-01-31" in file.read_text(encoding="utf-8")


def test_the_pdf_is_written_where_there_is_an_engine(run, tmp_path):
    try:
        find_engine()
    except PdfEngineMissing as missing:
        pytest.skip(str(missing))
    done = run("sheet", "add", "--out", ".")
    assert done.stdout.split() == ["add.tex", "add.html", "add.pdf"]
    assert (tmp_path / "add.pdf").read_bytes().startswith(b"%PDF")


def test_without_an_engine_there_is_a_note_and_the_other_files(run, monkeypatch):
    monkeypatch.setattr("scratchgrad.sheets.pdf.find_engine", no_engine)
    done = run("sheet", "add", "--out", ".")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == ["add.tex", "add.html", "no PDF: no TeX engine: install one"]


def test_a_pdf_that_was_asked_for_and_cannot_be_made_is_an_error(run, monkeypatch):
    monkeypatch.setattr("scratchgrad.sheets.pdf.find_engine", no_engine)
    done = run("sheet", "add", "--out", ".", "--format", "pdf")
    assert (done.exit_code, done.stderr) == (2, "PdfEngineMissing: no TeX engine: install one\n")


def test_an_equation_gets_its_sheet(run, tmp_path):
    assert run("sheet", "y[i] = x[i]**2", "--out", ".", "--format", "tex").stdout == "derivation.tex\n"
    assert r"\frac{\partial J}{\partial x}" in (tmp_path / "derivation.tex").read_text(encoding="utf-8")


def test_an_unknown_format_is_refused(run):
    done = run("sheet", "add", "--format", "docx")
    assert done.exit_code == 2
    assert "expected some of tex, html, pdf, got 'docx'" in " ".join(done.stderr.split())


@pytest.mark.parametrize("arguments", [[], ["linear", "--update"]])
def test_a_sheet_needs_a_source_and_an_update_takes_none(run, arguments):
    done = run("sheet", *arguments)
    assert done.exit_code == 2
    assert "give a layer, an equation or lab, or --update alone" in " ".join(done.stderr.replace("│", "").split())


def test_a_folder_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    done = run("sheet", "add", "--out", "taken", "--format", "tex")
    assert done.exit_code == 2
    assert done.stderr.startswith("FolderNotWritable: taken: this folder cannot be made")


def test_an_update_writes_every_sheet(run, tmp_path, monkeypatch):
    monkeypatch.setattr("scratchgrad.registry.names", lambda: ("add", "scale"))
    done = run("sheet", "--update", "--out", "sheets")
    assert done.exit_code == 0
    assert sorted(file.name for file in (tmp_path / "sheets").iterdir()) == [
        "add.html", "add.tex", "lab.html", "lab.tex", "scale.html", "scale.tex",
    ]  # fmt: skip


def test_the_folder_derivations_holds_the_sheets_as_they_are_made_now(golden, request):
    folder = request.config.rootpath / "derivations"
    stems = set()
    for stem, sheet in all_sheets(Meta()):
        golden(folder / f"{stem}.tex", to_tex(sheet))
        golden(folder / f"{stem}.html", to_html(sheet))
        stems.add(stem)
    assert {file.stem for file in folder.iterdir() if file.suffix in (".tex", ".html")} == stems
