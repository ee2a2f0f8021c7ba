"""A layer without a hand-written kernel gets its generated one, in a file or in memory."""

from __future__ import annotations

import linecache
from pathlib import Path
from typing import Any

from scratchgrad import atomic, generated, registry
from scratchgrad import certificate as certificates
from scratchgrad.codegen.generate import kernel_source
from scratchgrad.layer import Layer, options_in
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.language import define_layer

__all__ = ["generate_kernel", "generated_path", "is_in_memory", "kernel_of", "layer_source", "write_kernel"]


_IN_MEMORY = "<generated kernel of "


def layer_source(layer: Layer) -> str:
    """The source of the layer's generated kernel.  Raises CannotLower where a form has no tensor operation yet."""
    return kernel_source(define_layer(layer))


def generated_path(layer: Layer) -> Path:
    """Where the generated kernel of a layer lies: in the package, or in the user's cache where it ships none."""
    shipped = {layer.base.with_options(**options_in(text)).name for text in layer.base.variants}  # type: ignore[arg-type]
    if not registry.is_built_in(layer.name) or (layer.chosen and layer.name not in shipped):
        return certificates.cached_kernel_path(layer.stem)
    return Path(generated.__path__[0]) / f"{layer.stem}.py"


def write_kernel(layer: Layer) -> Path:
    """Write the generated kernel of a layer."""
    path = generated_path(layer)
    command = f"scratchgrad certify {repr(layer.name) if layer.chosen else layer.name} --update"
    room = f"layers/{layer.base.name}.py: {command} writes it anew."
    head = f'"""Generated from {room if registry.is_built_in(layer.name) else f"the definition of {layer.name}."}"""'
    atomic.write_text(path, f"{head}\n\n{layer_source(layer)}")
    return path


def is_in_memory(kernel: type[Any]) -> bool:
    """Whether the kernel was generated without a file."""
    code = getattr(getattr(kernel, "forward", None), "__code__", None)
    return code is not None and code.co_filename.startswith(_IN_MEMORY)


def generate_kernel(layer: Layer) -> type[Any]:
    """Give the layer its generated kernel, without a file."""
    return layer.kernel(_kernel_in(layer_source(layer), layer.name))


def kernel_of(definition: Definition) -> type[Any]:
    """The generated kernel of a definition, over batches."""
    return _kernel_in(kernel_source(definition), definition.name or str(definition))


def _kernel_in(source: str, name: str) -> type[Any]:
    """The kernel that the source defines; a traceback, and the certificate's digest, can read the source."""
    filename = f"{_IN_MEMORY}{name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    space: dict[str, Any] = {}
    exec(compile(source, filename, "exec"), space)
    found: type[Any] = space["Kernel"]
    return found
