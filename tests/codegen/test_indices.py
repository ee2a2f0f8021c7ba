"""Indices used in every way: the generated kernel agrees with the element forms, or is refused by name."""

from __future__ import annotations

from random import Random

import pytest
import torch

from scratchgrad.codegen.lowering import CannotLower
from scratchgrad.gradients import Gradients, derive
from scratchgrad.notation.mistakes import UnknownName
from tests.codegen.agreement import BATCH, assert_agreement
from tests.codegen.indices import text

QUICK, ALL = 60, 3000


def given(d: Gradients, seed: int) -> dict[str, torch.Tensor]:
    """Inputs of few and of no distinct sizes, down to 1: then constant and moved places are out of range."""
    random = torch.Generator().manual_seed(seed)
    least = int(torch.randint(1, 3, (), generator=random))
    sizes = {s: int(torch.randint(least, 5, (), generator=random)) for t in d.definition.inputs for s in t.sizes}
    found = {}
    for tensor in d.definition.inputs:
        own = [] if tensor.name in d.definition.shared else [BATCH]
        shape = [*own, *(sizes[s] for s in tensor.sizes)]
        found[tensor.name] = torch.rand(shape, dtype=torch.float64, generator=random) + 0.3
    return found


def examine(seed: int) -> bool:
    """Whether there was something to compare."""
    random = Random(seed)
    written, shared = text(random), random.choice((None, "", "x A"))
    try:
        d = derive(written, shared=shared)
    except UnknownName:  # a range that nothing fixes
        return False
    try:
        assert_agreement(d, given(d, seed))
    except CannotLower:
        return False
    return True


def test_indices_used_in_every_way_agree_or_are_refused_by_name() -> None:
    assert sum(map(examine, range(QUICK))) > QUICK / 2


@pytest.mark.slow
@pytest.mark.parametrize("first", range(QUICK, ALL, 60))
def test_many_more_do(first: int) -> None:
    assert sum(map(examine, range(first, first + 60))) > 20
