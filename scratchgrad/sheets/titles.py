"""What a layer is called in words: the beginning of its room's header, up to the colon.

"Softmax with cross-entropy: the classifications o ..."   ->   "Softmax with cross-entropy"
"""

from __future__ import annotations

import inspect
import sys

from scratchgrad.layer import Layer

__all__ = ["layer_about", "layer_title"]


def layer_title(layer: Layer) -> str:
    """The title in the header of the file that defines the layer; without one, the layer's name in words."""
    title, colon, _ = _header(layer).partition(":")
    return title if colon else layer.name.replace("_", " ").capitalize()


def layer_about(layer: Layer) -> str:
    """The sentence behind the title, empty where there is none."""
    _, _, rest = _header(layer).partition(":")
    sentence = rest.strip()
    return sentence[:1].upper() + sentence[1:]


def _header(layer: Layer) -> str:
    module = sys.modules.get(getattr(layer.definition_function, "__module__", ""))
    header = inspect.cleandoc(module.__doc__ or "") if module is not None else ""
    return header.partition("\n")[0]
