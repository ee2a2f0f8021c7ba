"""A layer without a hand-written kernel gets its generated one: as a file for a room, in memory for a user's layer."""

from __future__ import annotations

import linecache
from pathlib import Path
from typing import Any

from scratchgrad import atomic, generated
from scratchgrad.codegen.generate import kernel_source
from scratchgrad.layer import Layer
from scratchgrad.notation.language import define

__all__ = ["generate_kernel", "generated_path", "layer_source", "write_kernel"]


def layer_source(layer: Layer) -> str:
    """The source of the layer's generated kernel.  Raises CannotLower where a form has no tensor operation yet."""
    return kernel_source(define(layer.name, layer.signature, layer.definition_function, layer.shared))


def generated_path(name: str) -> Path:
    """Where the generated kernel of a room lies."""
    return Path(generated.__path__[0]) / f"{name}.py"


def write_kernel(layer: Layer) -> Path:
    """Write the generated kernel of a room."""
    path = generated_path(layer.name)
    head = f'"""Generated from layers/{layer.name}.py: scratchgrad certify {layer.name} --update writes it anew."""'
    atomic.write_text(path, f"{head}\n\n{layer_source(layer)}")
    return path


def generate_kernel(layer: Layer) -> type[Any]:
    """Give the layer its generated kernel, without a file."""
    source = layer_source(layer)
    filename = f"<generated kernel of {layer.name}>"
    # A traceback, and the certificate's digest, can then read the source.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    space: dict[str, Any] = {}
    exec(compile(source, filename, "exec"), space)
    return layer.kernel(space["Kernel"])
