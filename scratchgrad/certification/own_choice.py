"""What a torch function that is the specification gives itself at a probe, backward through torch's autograd.

In   the specification, the arguments and upstream gradients of a probe
Out  Own: its results; where they are right beside the exact ones; what its rounding excuses

Exact arithmetic says what the function's formulas mean.  Where torch chooses otherwise (a gradient at a tie or at the
root of 0, the position of one of two equal maxima) or rounds worse (a determinant next to a singular matrix), whoever
gives the same numbers does what the specification does.  So these numbers are right, too, beside the exact ones.
Numbers that are not finite choose nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from scratchgrad.certification.error_model import THRESHOLD
from scratchgrad.certification.reference import Truth
from scratchgrad.certification.specification import Specification
from scratchgrad.certification.through_autograd import by_autograd

__all__ = ["Own"]

# TRUST: specification-rounds
_OWN, _EXCUSED = 4, 1e3
"""A kernel may be so many times as far off as its specification, which excuses a factor of a thousand at most."""

_RUNS = 3

_APART = 1e-3
"""Of the largest value: where the function itself is so far from its exact execution, that is no execution of it."""

Array = Any
Arguments = Callable[[], tuple[list[torch.Tensor], list[torch.Tensor | None]]]


class Own:
    """The function at one probe; its gradients are computed when somebody asks for them."""

    def __init__(self, specification: Specification, arguments: Arguments) -> None:
        """`arguments` makes fresh tensors of the probe's."""
        assert specification.function is not None  # made for torch functions only
        self.specification, self.arguments = specification, arguments
        self.function = specification.function
        self.outputs = self.function.native(arguments()[0])
        self.error = ""
        """What the function's own backward raises, once somebody has asked."""

    @property
    def dtype(self) -> torch.dtype | None:
        """The dtype of the first real output."""
        return next((tensor.dtype for tensor in self.outputs or () if tensor.is_floating_point()), None)

    @cached_property
    def results(self) -> Mapping[str, Array]:
        """The outputs and gradients as float64 arrays; empty where it raises."""
        return self._run()

    @property
    def is_steady(self) -> bool:
        """Whether it gives the same when it is called again; torch.median reads foreign memory where a stride is 0."""
        again = (self._run() for _ in range(_RUNS))
        return all(
            found.keys() == self.results.keys()
            and all(np.array_equal(a, self.results[name], equal_nan=True) for name, a in found.items())
            for found in again
        )

    def _run(self) -> Mapping[str, Array]:
        spec = self.specification
        inputs, upstream = self.arguments()
        forward, backward = by_autograd(lambda *tensors: self.function.call(tensors))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                outputs, recorded = forward(*inputs)
                gradients = backward(recorded, *upstream)
            except Exception as error:
                self.error = f"{type(error).__name__}: {error}"
                return {}
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        found = dict(zip((role.name for role in spec.outputs), outputs, strict=True))
        found |= {
            role.tensor.gradient.name: torch.zeros_like(tensor) if g is None else g
            for role, tensor, g in zip(spec.inputs, inputs, gradients, strict=True)
            if not role.integer
        }
        return {name: value.detach().to(torch.float64).numpy() for name, value in found.items()}

    # TRUST: own-choice
    def units(self, name: str, values: Array, unit: Array, units: Any) -> Array:
        """How many units the values are from the exact ones, or from the function's own where that is less."""
        own = self.results.get(name)
        if own is None or own.shape != values.shape:
            return np.broadcast_to(units, values.shape)
        with np.errstate(all="ignore"):
            away = np.abs(values - own) / unit
        return np.where(np.isfinite(own) & np.isfinite(away), np.minimum(units, away), units)

    def gives(self, results: Mapping[str, Array], truths: Mapping[str, Truth]) -> bool:
        """Whether all these results are what the function gives itself."""
        return bool(self.results) and all(
            np.max(self.units(name, values, truths[name].unit, np.inf), initial=0.0) <= THRESHOLD
            for name, values in results.items()
        )

    def is_wrong(self, truths: Mapping[str, Truth]) -> bool:
        """Whether it is itself far from what is right, as torch's batch norm is where its weight has strides."""
        for name, values in self.results.items():
            truth = truths[name]
            with np.errstate(all="ignore"):
                right = truth.units(values) <= THRESHOLD
            if truth.judged.shape == values.shape and (truth.judged & ~right).any():
                return True
        return False

    @property
    def raises(self) -> bool:
        """Whether the function or its backward raises there: it is not defined there."""
        return not self.results

    def excused(self, truths: Mapping[str, Truth]) -> Mapping[str, Truth]:
        """The truths, with what the function's own rounding excuses: nobody need be more exact than it is."""
        factor, finite = 1.0, True
        for role, tensor in zip(self.specification.outputs, self.outputs or (), strict=True):
            if role.integer:
                continue
            values = tensor.detach().to(torch.float64).numpy()
            finite &= bool(np.isfinite(values).all())
            units = np.where(np.isfinite(values), truths[role.name].units(values), 0.0)
            factor = max(factor, min(_OWN * float(np.max(units, initial=0.0)) / THRESHOLD, _EXCUSED))
        return {
            name: replace(t, unit=factor * t.unit, judged=t.judged if finite else np.zeros_like(t.judged))
            for name, t in truths.items()
        }

    def outreaches(self, truths: Mapping[str, Truth]) -> bool:
        """Whether an output has a number where the exact one is none; not where that is merely too large."""
        for role, tensor in zip(self.specification.outputs, self.outputs or (), strict=True):
            given = tensor.detach().to(torch.float64).numpy()
            if tensor.is_floating_point() and (np.isfinite(given) & np.isnan(truths[role.name].high)).any():
                return True
        return False

    def is_another(self, truths: Mapping[str, Truth]) -> bool:
        """Whether an output is far from what exact execution says of it."""
        for role, tensor in zip(self.specification.outputs, self.outputs or (), strict=True):
            truth, values = truths[role.name], tensor.detach().to(torch.float64).numpy()
            compared = truth.judged & np.isfinite(values)
            size = max(1.0, float(np.max(np.abs(truth.high[compared]), initial=0.0)))
            error = np.maximum(np.abs(values - truth.high) - truth.slack, 0.0)[compared]
            if tensor.dtype.is_floating_point and (error > _APART * size).any():
                return True
        return False
