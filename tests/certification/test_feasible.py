"""Every axis has a place, whatever the options of a layer."""

from __future__ import annotations

import pytest

from scratchgrad import registry
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.feasible import at_sizes
from scratchgrad.certification.specification import specify


@pytest.mark.parametrize("name", ["conv1d(stride=3)", "conv1d(stride=7)", "conv1d(dilation=5)", "avg_pool2d(size=6)"])
def test_no_probe_is_empty_beside_those_of_an_empty_batch(name: str) -> None:
    specification = specify(registry.layer(name))
    battery = object.__new__(Battery)
    battery.specification, battery.examples, battery.shapes, battery._completed = specification, [], None, {}
    sizes = battery.sizes()
    for role in (*specification.inputs, *specification.outputs):
        for size in role.tensor.sizes:
            assert at_sizes(size, sizes) >= 1 if not size.is_Integer else size >= 1
