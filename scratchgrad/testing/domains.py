"""For which values a layer is tested: its declared domains, and what the functions of its equation need."""

from __future__ import annotations

from functools import cache

from scratchgrad.domain import Domain
from scratchgrad.layer import Layer

__all__ = ["domains_of"]


@cache
def domains_of(layer: Layer) -> dict[str, Domain]:
    """The domain of every input, the one that the layer's certificate names."""
    from scratchgrad.certification.region import region_of
    from scratchgrad.certification.specification import specify

    declared = {tensor.name: tensor.domain for tensor in layer.signature.inputs}
    if layer.definition is None:
        return declared
    return declared | region_of(specify(layer), (), lambda _: True).domains
