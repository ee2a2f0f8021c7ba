"""What a grading found, as plain data: it travels from the subprocess as JSON, and becomes the report.

FileGrade      one file: its layers, the checks of its tape, what was not recognised, or why nothing could be done
LayerGrade     one layer: right, wrong (with the counterexample), or an error
TapeCheck      one property of the library as a whole
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

__all__ = ["FileGrade", "Formula", "LayerGrade", "TapeCheck"]

RIGHT, WRONG, ERROR = "right", "wrong", "error"


@dataclass(frozen=True)
class Formula:
    """A line of the sheet: the tensor, its element form, its matrix form where there is one, and both as LaTeX."""

    tensor: str
    element: str
    matrix: str = ""
    element_latex: str = ""
    matrix_latex: str = ""


@dataclass(frozen=True)
class LayerGrade:
    """The grade of one layer of a file.

    `status` is "right", "wrong" or "error" (nothing could be judged).  `wrong` names the stages that fail; `headline`
    is the finding in one line; `at` the smallest failing input, line by line; `yours` and `expected` the two numbers;
    `reading` the kind that it was taken for, and the number of its reading.
    """

    name: str
    kind: str
    line: int
    status: str
    convention: str = ""
    style: str = ""
    wrong: tuple[str, ...] = ()
    headline: str = ""
    entry: str = ""
    yours: str = ""
    expected: str = ""
    tensor: str = ""
    at: tuple[str, ...] = ()
    diagnosis: tuple[str, ...] = ()
    formulas: tuple[Formula, ...] = ()
    remarks: tuple[str, ...] = ()
    proven: bool = False
    seconds: float = 0.0
    reading: tuple[str, int] | None = None

    @classmethod
    def of(cls, data: dict[str, Any]) -> LayerGrade:
        """The grade that `asdict` took apart."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        known["formulas"] = tuple(Formula(**formula) for formula in known.get("formulas", ()))
        for name in ("wrong", "at", "diagnosis", "remarks"):
            known[name] = tuple(known.get(name, ()))
        known["reading"] = tuple(known["reading"]) if known.get("reading") else None
        return cls(**known)


@dataclass(frozen=True)
class TapeCheck:
    """One property of a library of layers: whether it holds, and what was seen."""

    name: str
    status: str
    words: str = ""


@dataclass
class FileGrade:
    """Everything about one file."""

    path: str
    layers: list[LayerGrade] = field(default_factory=list)
    tape: list[TapeCheck] = field(default_factory=list)
    unrecognised: list[str] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """Whether there is something to grade, and all of it is right."""
        return not self.error and bool(self.layers or self.tape) and all(status == RIGHT for status in self.statuses)

    @property
    def statuses(self) -> list[str]:
        """The status of every layer and of every check of the tape."""
        return [layer.status for layer in self.layers] + [check.status for check in self.tape]

    @property
    def remarks(self) -> dict[str, list[str]]:
        """Every remark once, with the layers that it is about."""
        found: dict[str, list[str]] = {}
        for layer in self.layers:
            for remark in layer.remarks:
                found.setdefault(remark, []).append(layer.name)
        return found

    def data(self) -> dict[str, Any]:
        """The record for JSON."""
        return {"right": self.right, **asdict(self)}
