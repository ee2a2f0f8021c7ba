"""The rules of images that are read between their positions.

Bilinear weights are hats: a position i counts max(0, 1 - |at - i|), so no index depends on a value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.rules import CannotExecute, rule

__all__: list[str] = []

Array = Any
_BILINEAR, _NEAREST = 0, 1
_ZEROS, _BORDER = 0, 1


def _weights(on: Arrays, at: Array, n: int, mode: int, padding: int, aligned: bool) -> list[Array]:
    """How much each of n positions counts, where -1 and 1 are the centres, or the outer edges, of the ends."""
    at = on.mul(on.add(at, 1), on.div(n - 1 if aligned else n, 2))
    at = at if aligned else on.sub(at, on.div(1, 2))
    if padding == _BORDER:
        at = on.minimum(on.maximum(at, 0), n - 1)
    if mode == _NEAREST:
        return [on.choice(on.equal(on.function("round", at), i), 1, 0) for i in range(n)]
    return [on.maximum(on.sub(1, on.absolute(on.sub(at, i))), 0) for i in range(n)]


@rule("grid_sampler_2d", "_grid_sampler_2d_cpu_fallback")
def _grid_sampler(on: Arrays, x: Array, grid: Array, mode: int, padding: int, align_corners: bool) -> Array:
    if mode not in (_BILINEAR, _NEAREST) or padding not in (_ZEROS, _BORDER):
        raise CannotExecute("grid_sample with bicubic weights or reflections")
    x, grid = on.of(x), on.of(grid)
    rows = _weights(on, grid[..., 1], x.shape[2], mode, padding, align_corners)
    columns = _weights(on, grid[..., 0], x.shape[3], mode, padding, align_corners)
    found = on.filled((x.shape[0], x.shape[1], *grid.shape[1:3]))
    for i, j in np.ndindex(x.shape[2:]):
        weight = on.mul(rows[i], columns[j])[:, None]
        found = on.add(found, on.mul(x[:, :, i, j][:, :, None, None], weight))
    return found


@rule("upsample_nearest2d")
def _upsample(on: Arrays, x: Array, size: Any, *_: Any) -> Array:
    rows = [i * x.shape[-2] // size[0] for i in range(size[0])]
    columns = [i * x.shape[-1] // size[1] for i in range(size[1])]
    return x[..., rows, :][..., columns]
