"""The data sheet of a layer: what its room declares, and what the header of its file adds, line by line."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass

from scratchgrad.layer import Layer

__all__ = ["DataSheet", "data_sheet"]

_WORDS = "Equal|Saved|Source"
_LINES = re.compile(rf"^({_WORDS}) +(\S.*(?:\n {{8}}\S.*)*)$", re.MULTILINE)


@dataclass(frozen=True)
class DataSheet:
    """The header's first sentence, the lines that the declaration gives, those of the header (`lines["Saved"]`)."""

    sentence: str
    declared: dict[str, str]
    lines: dict[str, str]


def data_sheet(layer: Layer) -> DataSheet:
    """The data sheet of the layer; without sentence and lines where its file has no header.

    `Equal` is another form of the equation, in the text grammar; `Saved` what forward keeps for backward.
    """
    module = sys.modules.get(layer.module)
    header = inspect.cleandoc(module.__doc__ or "") if module is not None else ""
    return DataSheet(
        header.partition("\n")[0],
        {word: text for word, text in _declared(layer).items() if text},
        {word: " ".join(text.split()) for word, text in _LINES.findall(header)},
    )


def _declared(layer: Layer) -> dict[str, str]:
    options = {option: layer.options[option] if layer.chosen else value for option, value in layer.defaults.items()}
    return {
        "Shapes": layer.signature.shapes,
        "Sizes": layer.signature.computed,
        "Values": ", ".join(
            domain.said_of(name) for name, domain in layer.signature.domains.items() if not domain.integer
        ),
        "Options": " ".join(f"{option}={value}" for option, value in options.items()),
        "Batch": layer.batch or "",
        "Shared": ", ".join(layer.shared),
        "Usual": " ".join(f"{name}={value:g}" for name, value in layer.usual.items()),
    }
