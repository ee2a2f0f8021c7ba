"""The grades as one HTML page: offline, no script, formulas as MathML, light and dark, for screen and paper.

In   grades
Out  the text of an .html file that refers to nothing outside itself
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from scratchgrad.grading.record import ERROR, RIGHT, WRONG, FileGrade
from scratchgrad.sheets.mathml import to_mathml

__all__ = ["to_html"]

_SIGNS = {RIGHT: "✓", WRONG: "✗", ERROR: "?"}


def to_html(grades: Sequence[FileGrade]) -> str:
    """The page."""
    title = f"Grades of {grades[0].path}" if len(grades) == 1 else f"Grades of {len(grades)} files"
    anchors = {
        (number, layer.name): f"f{number}-{re.sub(r'[^A-Za-z0-9_-]', '-', layer.name)}"
        for number, grade in enumerate(grades, 1)
        for layer in grade.layers
    }
    files = [_file(number, grade) for number, grade in enumerate(grades, 1)]
    return _template().render(title=title, files=files, anchors=anchors, signs=_SIGNS)


def _file(number: int, grade: FileGrade) -> dict[str, Any]:
    return {
        "number": number,
        "grade": grade,
        "right": sum(layer.status == RIGHT for layer in grade.layers),
        "tape_right": sum(check.status == RIGHT for check in grade.tape),
        "tape_total": len(grade.tape),
        "formulas": [layer for layer in grade.layers if layer.formulas],
    }


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("scratchgrad.grading"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["mathml"] = lambda latex: Markup(to_mathml(latex, display=True))
    return environment.get_template("grades.html.jinja")
