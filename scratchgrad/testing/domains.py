"""For which values a layer is tested: its domains, what the functions of its equation need, what is indexed."""

from __future__ import annotations

from functools import cache

from scratchgrad.domain import Domain
from scratchgrad.layer import Layer

__all__ = ["domains_of", "letters_below"]


@cache
def domains_of(layer: Layer) -> dict[str, Domain]:
    """The domain of every input, the one that the layer's certificate names."""
    from scratchgrad.certification.region import region_of
    from scratchgrad.certification.specification import specify

    declared = {tensor.name: tensor.domain for tensor in layer.signature.inputs}
    if layer.definition is None:
        return declared
    return declared | region_of(specify(layer), (), lambda _: True).domains


@cache
def letters_below(layer: Layer) -> dict[str, str]:
    """For every input of whole numbers the letter of the axis that they index; the first letter where there is none."""
    from scratchgrad.certification.specification import specify

    whole = [tensor.name for tensor in layer.signature.inputs if tensor.integer]
    if not whole:
        return {}
    first = layer.signature.letters[0]
    if layer.definition is None:
        return dict.fromkeys(whole, first)
    specification = specify(layer)
    axes = {tensor.name: tensor.axes for tensor in (*layer.whole.inputs, *layer.whole.outputs)}
    letters = {
        size: letter
        for role in (*specification.inputs, *specification.outputs)
        for size, letter in zip(role.tensor.sizes, axes[role.name], strict=True)
    }
    return {name: letters.get(specification.bound(name), first) for name in whole}
