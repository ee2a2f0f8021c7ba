"""One identity of the table: a definition as text, torch's own computation, and the forms that the source prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["BISHOP", "COOKBOOK", "D2L", "MATRIX_CALCULUS", "Identity", "row"]

COOKBOOK = "Petersen, Pedersen, The Matrix Cookbook (2012), sec. "
D2L = "Zhang et al., Dive into Deep Learning, sec. "
BISHOP = "Bishop, Pattern Recognition and Machine Learning (2006), sec. "
MATRIX_CALCULUS = "Laue, Mitterreiter, Giesen, matrixcalculus.org (NeurIPS 2018, AAAI 2020), "


@dataclass(frozen=True)
class Identity:
    """One definition, and torch's computation of the same outputs.

    `forms` maps a tensor to the matrix form of its gradient, as the source has it; `lines` to the line of the backward
    pass, in terms of the gradients of what consumes it.
    """

    name: str
    source: str
    text: str
    witness: Callable[..., Any]
    tensors: str = ""
    ranges: Mapping[str, str | int] = field(default_factory=dict)
    outputs: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    positive: str = ""
    probability: str = ""
    square: str = ""
    classes: Mapping[str, str] = field(default_factory=dict)
    forms: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)


def row(name: str, source: str, text: str, witness: Callable[..., Any], **more: Any) -> Identity:
    """One row of the table."""
    return Identity(name, source, text, witness, **more)
