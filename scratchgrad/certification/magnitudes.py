"""Numbers of every size: inputs and upstream gradients from 1e-30 to 1e30, on a logarithmic scale.

In   a Battery
Out  points; in each sample all numbers of a tensor are about equally large, so that none hides behind a larger one

    inputs      one magnitude for each sample; shared inputs, as weights, in points of their own
    upstream    one magnitude for each sample

The scale is cut into strata, and one magnitude is drawn in each.  Inputs of float32 go from 1e-7 to 1e7: their squares,
cubes and products are numbers of that dtype, too.  Gradients are linear in the upstream gradient, which goes all the
way.  Where there are no samples, each magnitude has a point.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgrad.certification.reference import SEED
from scratchgrad.certification.specification import Role

if TYPE_CHECKING:
    from scratchgrad.certification.battery import Battery
    from scratchgrad.certification.point import Point

__all__ = ["input_magnitudes", "upstream_magnitudes"]

# TRUST: magnitudes-probed
_DECADES = {"float64": 30.0, "float32": 7.0}
"""Inputs of float64 go from 1e-30 to 1e30."""

_UPSTREAM = 30.0
_STRATA = 7
_SHARED = 2
"""How many magnitudes are drawn; inputs that all samples share have a point for each of theirs."""

Array = Any


def input_magnitudes(battery: Battery, dtype: str) -> Iterator[tuple[str, Point]]:
    """Inputs of all magnitudes beside ordinary upstream gradients, each point with its name."""
    batched, decades = battery.specification.batched, _DECADES[dtype]
    own = [role for role in battery.specification.differentiable if role.sample or not batched]
    shared = [role for role in battery.specification.differentiable if role not in own]
    tried = [(own, "inputs", part) for part in _parts(battery, _drawn(decades, _STRATA, dtype))] if own else []
    tried += [(shared, "shared inputs", [power]) for power in _drawn(decades, _SHARED, dtype) if shared]
    for roles, words, powers in tried:

        def scale(tensors: dict[str, Any], roles: list[Role] = roles, powers: Sequence[float] = powers) -> None:
            for role in roles:
                tensors[role.name] = _scaled(role, tensors[role.name], powers)

        batch = len(powers) if roles is own and battery.specification.function is None else battery.batch
        yield f"{words} {_said(powers)}", battery.point("normal", batch, battery.sizes(), dtype, change=scale)


def upstream_magnitudes(battery: Battery) -> Iterator[tuple[str, Point]]:
    """Upstream gradients of all magnitudes beside ordinary inputs, in float32, each point with its name."""
    for powers in _parts(battery, _drawn(_UPSTREAM, _STRATA, "upstream")):
        batch = len(powers) if battery.specification.function is None else battery.batch
        point = battery.point("normal", batch, battery.sizes(), "float32")
        for role in battery.specification.outputs:
            values = _scaled(role, np.asarray(point.upstream[role.name], dtype=np.float64), powers)
            point = point.with_array(role.name, values.astype(np.float32), upstream=True)
        yield f"upstream gradients {_said(powers)}", point


def _drawn(decades: float, strata: int, salt: str) -> list[float]:
    """Powers of ten, one in each stratum, in a random order."""
    rng = np.random.default_rng([SEED, strata, *salt.encode()])
    width = 2 * decades / strata
    return [float(low + width * rng.random()) for low in rng.permutation(np.arange(strata)) * width - decades]


def _parts(battery: Battery, powers: Sequence[float]) -> list[Sequence[float]]:
    """The powers for each point: one for each sample."""
    spec = battery.specification
    samples = 1 if not spec.batched else len(powers) if spec.function is None else max(1, battery.batch or 1)
    return [powers[start : start + samples] for start in range(0, len(powers), samples)]


def _scaled(role: Role, values: Array, powers: Sequence[float]) -> Array:
    """The values, those of every sample times its power of ten; with fewer powers than samples, the first again."""
    if not role.sample or len(powers) == 1:
        return values * 10.0 ** powers[0]
    factors = 10.0 ** np.resize(np.asarray(powers), len(values))
    return values * factors.reshape(-1, *[1] * (values.ndim - 1))


def _said(powers: Sequence[float]) -> str:
    """How large the numbers are."""
    low, high = round(min(powers)), round(max(powers))
    return f"of size 1e{low:+d}" if low == high else f"of sizes 1e{low:+d} to 1e{high:+d}"
