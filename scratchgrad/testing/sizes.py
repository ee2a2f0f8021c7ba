"""Sizes of every axis of a layer, from a source of numbers; a size that has a formula follows from the others."""

from __future__ import annotations

from collections.abc import Callable

from scratchgrad.layer import Layer


def free_letters(layer: Layer) -> list[str]:
    """The letters whose sizes may be chosen: axes without a formula, and letters that only formulas have."""
    formulas = layer.signature.formulas
    inner = {name for formula in formulas.values() for name in formula.names} - set(layer.options)
    return sorted(({*layer.signature.letters} | inner) - set(formulas))


def sizes_of(layer: Layer, number: Callable[[str], int]) -> dict[str, int]:
    """A size for every letter; where a formula would give less than 1, the sizes grow that make it larger."""
    sizes = {letter: number(letter) for letter in free_letters(layer)}
    while True:
        every = {**layer.options, **sizes}
        for letter, formula in layer.signature.formulas.items():
            every[letter] = formula.value(every)
        short = next((letter for letter in layer.signature.formulas if every[letter] < 1), None)
        if short is None:
            return {letter: every[letter] for letter in layer.signature.letters}
        formula = layer.signature.formulas[short]
        for name in formula.names:
            if name in sizes and formula.value({**every, name: sizes[name] + 2}) > every[short]:
                sizes[name] += 1
