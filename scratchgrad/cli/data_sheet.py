"""The data sheet in a room's header: its lines by their word.  What the room declares is not said there again."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass

from scratchgrad.layer import Layer

__all__ = ["DataSheet", "data_sheet"]

_WORDS = "Equal|Saved|Kink|Source"
_LINES = re.compile(rf"^({_WORDS}) +(\S.*(?:\n {{8}}\S.*)*)$", re.MULTILINE)


@dataclass(frozen=True)
class DataSheet:
    """A room's header, read: its first sentence, its lines (`lines["Kink"]`)."""

    sentence: str
    lines: dict[str, str]


def data_sheet(layer: Layer) -> DataSheet:
    """The data sheet of the file in which the layer is defined; empty where that file has no header.

    `Equal` is another form of the equation, in the text grammar; `Saved` what forward keeps for backward.
    """
    module = sys.modules.get(layer.module)
    header = inspect.cleandoc(module.__doc__ or "") if module is not None else ""
    return DataSheet(header.partition("\n")[0], {word: " ".join(text.split()) for word, text in _LINES.findall(header)})
