"""CudaProgram: the same program on a CUDA device, its launches captured as one graph where the rate stays as it is.

In   a Plan, memory on the device
Out  run(x, y): batches are copied to the device; from the second step of one learning rate on a graph is replayed

A captured graph holds the numbers of its calls, the learning rate among them.  So the first step at a rate is launched
call by call (which also warms up what capturing may not do for the first time), the second is captured and replayed.
A schedule that changes the rate with every step is never captured.  Where the device refuses to capture, one warning
says why, and the calls are launched one by one from then on.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from scratchgrad.program.flat import Flat
from scratchgrad.program.planning import Plan
from scratchgrad.program.program import Program

__all__ = ["CudaProgram", "NotCaptured"]


class NotCaptured(UserWarning):
    """A program whose launches the device refused to capture as one graph."""


# TRUST: devices
class CudaProgram(Program):
    """A planned step of training on a CUDA device."""

    def __init__(self, plan: Plan, flat: Flat, states: Mapping[str, Tensor]) -> None:
        """`flat` and `states` are on the device already."""
        super().__init__(plan, flat, states)
        self._launch = self.run
        with torch.inference_mode():
            self._inputs = [
                torch.empty(view.shape, dtype=view.storage.dtype, device=flat.device) for view in plan.given.values()
            ]
        self._graph: Any = None
        self._graph_rate: float | None = None
        self._launched_rate: float | None = None
        self._capturable = not plan.opaque
        self.run = self._run

    def _run(self, *given: Tensor) -> None:
        for held, tensor in zip(self._inputs, given, strict=True):
            held.copy_(tensor, non_blocking=True)
        if self._graph is not None and self._graph_rate == self.rate:
            self._graph.replay()
            return
        if self._capturable and self._launched_rate == self.rate and self._captured():
            self._graph.replay()
            return
        self._launch(*self._inputs)
        self._launched_rate = self.rate

    def _captured(self) -> bool:
        """Whether the launches at this rate are a graph now; while they are captured, nothing is computed."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._launch(*self._inputs)
        except RuntimeError as error:
            self._capturable = False
            reason = str(error).strip().partition("\n")[0]
            line = f"the calls of a step are launched one by one, not as one CUDA graph: {reason}"
            warnings.warn(line, NotCaptured, stacklevel=3)
            return False
        self._graph, self._graph_rate = graph, self.rate
        return True
