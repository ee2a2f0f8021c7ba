"""The signature of a layer: which tensors go in, which come out, and the letter of every axis.

In   "x[j] W[i,j] b[i] -> u[i]"
Out  Signature(inputs=(x[j], W[i,j], b[i]), outputs=(u[i],))

A letter stands for one size wherever it appears, so shapes are checked by letters alone.  A tensor without
brackets is a scalar.  `t[b]:int` declares an integer-valued tensor.  Plain Python: every wing may import it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Axes", "ShapeMismatch", "Signature", "SignatureError"]

_TENSOR = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:\[(?P<axes>[^\[\]]*)\])?(?P<int>:int)?")


class SignatureError(ValueError):
    """A signature that cannot be read."""


class ShapeMismatch(ValueError):
    """Two axes named by one letter have different sizes, or a tensor has the wrong number of axes."""


@dataclass(frozen=True)
class Axes:
    """A tensor's name and the letters of its axes; `x[j]` has the one axis j, a scalar has none."""

    name: str
    axes: tuple[str, ...] = ()
    integer: bool = False

    def __str__(self) -> str:
        """The tensor as a signature writes it."""
        return self.name + (f"[{','.join(self.axes)}]" if self.axes else "") + (":int" if self.integer else "")


@dataclass(frozen=True)
class Signature:
    """The tensors that a layer takes and gives, in order."""

    inputs: tuple[Axes, ...]
    outputs: tuple[Axes, ...]

    @classmethod
    def parse(cls, text: str) -> Signature:
        """The signature written as `x[j] W[i,j] b[i] -> u[i]`.

        Raises SignatureError where the arrow is missing, a tensor cannot be read or a name comes twice.
        """
        left, arrow, right = text.partition("->")
        if not arrow:
            raise SignatureError(f"signature {text!r}: expected 'inputs -> outputs', found no '->'")
        signature = cls(_tensors(left, text), _tensors(right, text))
        names = [t.name for t in signature.inputs + signature.outputs]
        for name in names:
            if names.count(name) > 1:
                raise SignatureError(f"signature {text!r}: {name!r} appears twice; give each tensor its own name")
        if not signature.outputs:
            raise SignatureError(f"signature {text!r}: expected at least one output after '->'")
        return signature

    def __str__(self) -> str:
        """The text that parses back."""
        return f"{' '.join(map(str, self.inputs))} -> {' '.join(map(str, self.outputs))}"

    def sizes(
        self, layer: str, shapes: Sequence[tuple[int, ...]], known: Mapping[str, int] | None = None
    ) -> dict[str, int]:
        """The size of every letter, from the inputs' shapes (one sample's, without the batch axis).

        Raises ShapeMismatch, which names the layer, the letter, both sizes and both tensors.
        """
        sizes = dict(known or {})
        seen = {letter: "the layer" for letter in sizes}
        for tensor, shape in zip(self.inputs, shapes, strict=True):
            if len(shape) != len(tensor.axes):
                raise ShapeMismatch(
                    f"{layer}: {tensor} has {len(tensor.axes)} axes, got shape {tuple(shape)} with {len(shape)}"
                )
            for letter, size in zip(tensor.axes, shape, strict=True):
                if sizes.setdefault(letter, size) != size:
                    hint = f"; is {tensor.name} transposed?" if sorted(shape) != list(shape) or len(shape) > 1 else ""
                    raise ShapeMismatch(
                        f"{layer}: index {letter!r} is {sizes[letter]} in {seen[letter]} but {size} in {tensor}{hint}"
                    )
                seen.setdefault(letter, str(tensor))
        return sizes


def _tensors(text: str, whole: str) -> tuple[Axes, ...]:
    found: list[Axes] = []
    for word in text.split():
        match = _TENSOR.fullmatch(word)
        if match is None:
            raise SignatureError(f"signature {whole!r}: cannot read {word!r}; write a tensor as x[i,j], without spaces")
        axes = tuple(a.strip() for a in (match["axes"] or "").split(",") if a.strip())
        found.append(Axes(match["name"], axes, match["int"] is not None))
    return tuple(found)
