"""The mutants of a room, drawn from a seed: so many of each kind, each in one of the wrappers."""

from collections.abc import Iterator, Mapping

import numpy as np

from tests.certification.mutation import around, inside, ordinary
from tests.certification.mutation.confirming import runs
from tests.certification.mutation.mutant import Mutant
from tests.certification.mutation.room import Room
from tests.certification.mutation.wrapping import WRAPPERS

KINDS = ("ordinary", "size", "value", "region", "joint", "upstream", "layout", "dtype", "calls")

_INSIDE = ("value", "region", "dtype")
"""Kinds of which every second mutant is one of an expression inside the kernel."""

_TRIES = 8
"""How often a further mutant is looked for, for each that is wanted: small kernels have few."""


def drawn(room: Room, counts: Mapping[str, int], seed: int) -> Iterator[tuple[Mutant, str]]:
    """At most counts[kind] different mutants of every kind, each with its wrapper."""
    for kind, wanted in counts.items():
        rng = np.random.default_rng([seed, *f"{room.name} {kind}".encode()])
        sources = [ordinary.drawn(room, rng)] if kind == "ordinary" else [around.drawn(room, kind, rng)]
        if kind in _INSIDE:
            sources.append(inside.drawn(room, kind, rng))
        seen: set[str] = set()
        for number in range(_TRIES * wanted):
            mutant = next(sources[number % len(sources)])
            wrapper = WRAPPERS[int(rng.integers(len(WRAPPERS)))]
            if len(seen) < wanted and mutant.digest not in seen and (kind == "ordinary" or runs(room, mutant)):
                seen.add(mutant.digest)
                yield mutant, wrapper
