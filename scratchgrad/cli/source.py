"""What a person names on the command line: a definition as text, a layer, or a layer in a file of their own.

In   "u[i] = x[i]**2" | "linear" | "path/to/swish.py:swish"
Out  what `derive` and `certify` take
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

from scratchgrad.layer import Layer

__all__ = ["DOMAINS", "FILE_AND_NAME", "LayerNotInFile", "layer_in_file", "text_or_layer"]

FILE_AND_NAME = "FILE.py:NAME"

DOMAINS = r"The values that inputs may have, such as 'nu>0; p\[i]:simplex'; without it all real numbers."

_IN_FILE = re.compile(r"(?P<file>[^=]+\.py):(?P<name>\w+)")


class LayerNotInFile(LookupError):
    """A file that is not there, or holds no layer of the name."""


def text_or_layer(source: str) -> str | Layer:
    """The layer where the source is FILE.py:NAME, else the source itself: a definition, or a layer's name."""
    return layer_in_file(source) if _IN_FILE.fullmatch(source.strip()) else source


def layer_in_file(source: str) -> Layer:
    """The layer NAME that the Python file of "FILE.py:NAME" declares; the file is executed for it.

    Raises LayerNotInFile, which says which layers are there.
    """
    match = _IN_FILE.fullmatch(source.strip())
    if match is None:
        raise LayerNotInFile(f"expected {FILE_AND_NAME}, such as swish.py:swish, got {source!r}")
    path, name = Path(match["file"]), match["name"]
    if not path.is_file():
        raise LayerNotInFile(
            f"{path}: no such file; expected a Python file that declares {name} = Layer({name!r}, ...)"
        )
    members = _executed(path)
    found = members.get(name)
    if not isinstance(found, Layer):
        there = ", ".join(key for key, value in members.items() if isinstance(value, Layer)) or "none"
        raise LayerNotInFile(f"{path}: declares no layer {name!r}; its layers: {there}")
    return found


def _executed(path: Path) -> dict[str, object]:
    """The names that the file binds; what goes wrong in it is its author's, and keeps its traceback."""
    specification = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if specification is None or specification.loader is None:
        raise LayerNotInFile(f"{path}: Python cannot import this file")
    module = importlib.util.module_from_spec(specification)
    sys.modules.setdefault(path.stem, module)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        specification.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return vars(module)
