"""A point: the concrete inputs and upstream gradients at which a kernel and the element form are compared.

Immutable, and compared by identity: what is known about a point is remembered under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp
import torch

from scratchgrad.certification.error_model import CLAIMED

__all__ = ["Point", "rounded"]


@dataclass(frozen=True, eq=False)
class Point:
    """Inputs by name and upstream gradients by output, as numpy arrays of one dtype; integer inputs are int64.

    `batch` is the number of samples, None where there is no batch axis.  An upstream gradient may be None: nobody
    consumes the output.
    """

    dtype: str
    batch: int | None
    sizes: Mapping[sp.Expr, int]
    tensors: Mapping[str, np.ndarray[Any, Any]]
    upstream: Mapping[str, np.ndarray[Any, Any] | None]

    @property
    def entries(self) -> int:
        """How many numbers the point consists of."""
        return sum(a.size for a in (*self.tensors.values(), *self.upstream.values()) if a is not None)

    def with_array(self, name: str, values: np.ndarray[Any, Any], *, upstream: bool) -> Point:
        """The point with one array exchanged."""
        if upstream:
            return replace(self, upstream={**self.upstream, name: values})
        return replace(self, tensors={**self.tensors, name: values})

    def in_dtype(self, dtype: str) -> Point:
        """The point rounded to another dtype."""
        return replace(
            self,
            dtype=dtype,
            tensors={n: a if a.dtype.kind in "iub" else rounded(a, dtype) for n, a in self.tensors.items()},
            upstream={n: None if a is None else rounded(a, dtype) for n, a in self.upstream.items()},
        )


def rounded(values: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    """The values rounded to a dtype; numpy has no bfloat16, so dtypes of 16 bits are kept as float32."""
    if dtype not in CLAIMED:
        return values.astype(dtype)
    found: np.ndarray[Any, Any] = torch.tensor(values).to(getattr(torch, dtype)).float().numpy()
    return found
