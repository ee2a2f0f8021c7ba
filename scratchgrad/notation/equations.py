"""The forward equations of a layer as people read them: in the text grammar, one assignment a line.

They are printed from what defines the layer, so that no header, table or page can say anything else.  A layer that has
its equation as text needs no SymPy for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scratchgrad.notation.syntax import NotationError, assignments_in

if TYPE_CHECKING:
    from scratchgrad.layer import Layer

__all__ = ["equations", "naming_the_layer"]


def equations(layer: Layer) -> tuple[str, ...]:
    """The assignments of the layer, with its options by name; none where the layer has no definition.

    Those of a layer that a function defines are printed from the function's result, at the layer's options.
    Raises what reading the definition raises.
    """
    if layer.equation is not None:
        with naming_the_layer(layer):
            return tuple(assignments_in(layer.equation))
    if layer.definition is None:
        return ()
    from scratchgrad.notation.language import define_layer
    from scratchgrad.notation.text import to_text

    definition = define_layer(layer)
    axes = {tensor.name: tensor.sizes for tensor in definition.tensors.values()}
    return tuple(f"{to_text(a.left)} = {to_text(a.right, axes)}" for a in definition.assignments)


@contextmanager
def naming_the_layer(layer: Layer) -> Iterator[None]:
    """An error about the layer's equation names the layer, and the file and line that declare it."""
    try:
        yield
    except NotationError as error:
        if layer.equation is None:
            raise  # the traceback leads to the function
        raise type(error)(f"layer {layer.name!r} ({layer.place}): {error}") from None
