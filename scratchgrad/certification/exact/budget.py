"""What a proof may cost, and how it ends without an answer."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Budget", "Exhausted", "FinerExponents", "Undecidable"]


class Undecidable(Exception):
    """The normal form cannot answer; nothing is proven."""


class Exhausted(Undecidable):
    """Time or memory has run out."""


class FinerExponents(Exception):
    """Exponentials must be written with a root of the generators."""

    def __init__(self, denominator: int) -> None:
        """Generators stand for the exponential of an exponent divided by this."""
        super().__init__(denominator)
        self.denominator = denominator


@dataclass
class Budget:
    """The work after which a proof is given up, the same on every machine: products of terms, about 10^6 a second."""

    left: float

    def spend(self, work: float) -> None:
        """Raises Exhausted when nothing is left."""
        self.left -= work
        if self.left < 0:
            raise Exhausted("it takes too many steps")

    def share(self, part: float) -> Budget:
        """A budget of a part of what is left, taken from it."""
        self.left -= part * self.left
        return Budget(part * self.left / (1 - part))
