"""Grades to read in a terminal: a table of the layers, then what is wrong, each with the input that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scratchgrad.grading.record import ERROR, RIGHT, FileGrade, LayerGrade, TapeCheck

__all__ = ["grade_text"]

_SIGNS = {RIGHT: ("✓", "green"), ERROR: ("?", "yellow")}
_WRONG = ("✗", "bold red")


def grade_text(grades: Sequence[FileGrade]) -> RenderableType:
    """All files, one after another."""
    parts: list[RenderableType] = []
    for grade in grades:
        parts += [Text()] if parts else []
        parts += _file(grade)
    return Group(*parts)


def _file(grade: FileGrade) -> Iterator[RenderableType]:
    right = sum(layer.status == RIGHT for layer in grade.layers)
    summary = f"{right} of {len(grade.layers)} layers right" if grade.layers else "no layers found"
    style = "green" if grade.right else "bold red"
    yield Text.assemble((grade.path, "bold"), "  ", (summary, style), (f"  {grade.seconds:.1f} s", "dim"))
    if grade.error:
        yield Padding(Text(grade.error, "bold red"), (0, 0, 0, 2), expand=False)
    if not grade.layers and not grade.error:
        yield Padding(
            Text("Nothing here is recognised as a layer; say which is which with --map, or with @grades."), (0, 0, 0, 2)
        )
    if grade.layers:
        yield Text()
        yield _table(grade.layers)
    if grade.tape:
        yield Text()
        yield Text("The tape", "bold")
        yield _tape(grade.tape)
    for layer in grade.layers:
        if layer.status != RIGHT:
            yield Text()
            yield _wrong(layer)
    if grade.remarks:
        yield Text()
        yield Text("Remarks", "bold")
        table = _grid()
        for remark, layers in grade.remarks.items():
            table.add_row(Text(", ".join(layers)), Text(remark, "dim"))
        yield Padding(table, (0, 0, 0, 2), expand=False)
    if grade.unrecognised:
        yield Text()
        names = ", ".join(grade.unrecognised)
        yield Text(
            f"Not graded, because not recognised: {names}. Say what they are with --map, or with @grades.", "dim"
        )


def _grid() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)


def _sign(status: str) -> Text:
    return Text(*_SIGNS.get(status, _WRONG))


def _table(layers: Sequence[LayerGrade]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    for heading in ("", "Layer", "Line", "Is", "Read as", "Finding"):
        table.add_column(
            heading, justify="right" if heading == "Line" else "left", no_wrap=heading in ("Layer", "Line", "Is")
        )
    for layer in layers:
        by = "proven" if layer.proven else "right"
        finding = Text(by, "green") if layer.status == RIGHT else Text(_finding(layer), "red")
        table.add_row(
            _sign(layer.status),
            Text(layer.name, "bold"),
            Text(str(layer.line), "dim"),
            layer.kind,
            layer.convention,
            finding,
        )
    return table


def _finding(layer: LayerGrade) -> str:
    stage = " and ".join(layer.wrong)
    return f"{stage}: {layer.headline}" if stage else layer.headline


def _tape(checks: Sequence[TapeCheck]) -> Table:
    table = _grid()
    for check in checks:
        style = {RIGHT: "", ERROR: "yellow"}.get(check.status, "red")
        table.add_row(_sign(check.status), Text(check.name), Text(check.words, style or "dim"))
    return table


def _wrong(layer: LayerGrade) -> Panel:
    lines: list[RenderableType] = []
    stages = (
        f"{' and '.join(layer.wrong)} {'are' if len(layer.wrong) > 1 else 'is'} wrong"
        if layer.wrong
        else "not judged"
        if layer.status == ERROR
        else "wrong"
    )
    if layer.entry:
        numbers = Table.grid(padding=(0, 3, 0, 0))
        numbers.add_row(
            Text(layer.entry, "bold"),
            Text.assemble("yours ", (layer.yours, "red")),
            Text.assemble("right ", (layer.expected, "green")),
        )
        lines.append(numbers)
    elif layer.headline:
        lines.append(Text(layer.headline, "red"))
    if layer.at:
        lines.append(Text("at", "dim"))
        lines += [Padding(Text(line), (0, 0, 0, 2), expand=False) for line in layer.at]
    sheet = [f for f in layer.formulas if f.tensor == layer.tensor]
    for formula in sheet:
        lines.append(Text("on the sheet", "dim"))
        lines += [
            Padding(Text(line, "cyan"), (0, 0, 0, 2), expand=False)
            for line in (formula.element, formula.matrix)
            if line
        ]
    if layer.diagnosis:
        lines.append(Text("it looks like", "dim"))
        lines += [Padding(Text(line, overflow="fold"), (0, 0, 0, 2), expand=False) for line in layer.diagnosis]
    title = Text.assemble((f" {layer.name}", "bold"), f" (line {layer.line}): {stages} ")
    return Panel(
        Group(*lines),
        title=title,
        title_align="left",
        border_style="red",
        padding=(0, 1),
        box=box.ROUNDED,
        expand=False,
    )
