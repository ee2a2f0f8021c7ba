"""What a layer is called in words: the beginning of its room's header, up to the colon.

"Softmax with cross-entropy: the classifications o ..."   ->   "Softmax with cross-entropy"
"""

from __future__ import annotations

import inspect
import re
import sys

from scratchgrad.layer import Layer
from scratchgrad.notation.definition import Definition
from scratchgrad.sheets.names import indexed, is_greek, latex_name

__all__ = ["layer_about", "layer_title", "typeset"]

# A letter, a Greek letter's name or a number, alone or with letters as subscript; a sign belongs to it where it is one.
_NAME = re.compile(r"(?<![\w-])(?P<sign>(?<!\S)-)?(?P<name>[A-Za-z]|[a-z]{2,}|\d+)(?:_(?P<sub>[a-z]+))?(?![\w(-])")
_NO_ARTICLE = re.compile(r"[,.;:)]|\s+(?:is|and|or)\b|$")


def layer_title(layer: Layer) -> str:
    """The title in the header of the file that defines the layer; without one, the layer's name in words."""
    title, colon, _ = _header(layer).partition(":")
    return title if colon else layer.name.replace("_", " ").capitalize()


def layer_about(layer: Layer, definition: Definition) -> str:
    """The sentence behind the title, its tensors and numbers as formulae; empty where there is none."""
    _, _, rest = _header(layer).partition(":")
    sentence = rest.strip()
    return typeset(sentence[:1].upper() + sentence[1:], definition)


def typeset(sentence: str, definition: Definition) -> str:
    """A sentence of a header with the definition's letters, y_i and -1 between dollars."""
    names = (*definition.tensors, *(i.name for t in definition.tensors.values() for i in t.indices))
    letters = {name for name in names if len(name) == 1}

    def written(found: re.Match[str]) -> str:
        name, subscript = found["name"], found["sub"] or ""
        if not name[0].isdigit() and name not in letters and not is_greek(name):
            return found[0]
        if name in ("a", "A") and not subscript and not _NO_ARTICLE.match(found.string, found.end()):
            return found[0]
        return f"${found['sign'] or ''}{indexed(latex_name(name, definition.latex), subscript)}$"

    return _NAME.sub(written, sentence)


def _header(layer: Layer) -> str:
    module = sys.modules.get(layer.module)
    header = inspect.cleandoc(module.__doc__ or "") if module is not None else ""
    return header.partition("\n")[0]
