"""One batch of the loop: by the program for its size, or by the plain tape.

In   a batch, the position of the training, the signal that predicts the class
Out  the parameters have followed; the objective before that, and how many samples were classified right
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scratchgrad.program.program import Program
from scratchgrad.program.runner import Backend, Runner, check_device
from scratchgrad.train.prepared import Batch
from scratchgrad.train.settings import InvalidSetting, whole

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network

__all__ = ["Stepper", "count_correct"]

KEPT = 1 << 18


class Stepper:
    """One batch: the parameters follow; the objective before that, and how many samples were classified right."""

    def __init__(
        self,
        net: Network,
        optimizer: Any,
        *,
        parts: int,
        recompute: bool,
        backend: Backend | Literal["tape"],
        device: str,
    ) -> None:
        """Raises InvalidSetting where the settings are unknown or exclude each other."""
        if backend not in ("torch", "native", "auto", "tape"):
            raise InvalidSetting(f"fit: expected backend 'torch', 'native', 'auto' or 'tape', got {backend!r}")
        whole("fit", "micro_batches", parts, 1)
        if backend == "tape" and parts > 1:
            raise InvalidSetting("fit: micro_batches needs a program; leave backend='tape' out")
        self._net, self._optimizer, self._parts = net, optimizer, parts
        if backend == "tape" and device != "cpu":
            raise InvalidSetting("fit: a device needs a program; leave backend='tape' out")
        check_device(device)
        self._backend, self._recompute, self._device = backend, recompute, device
        self._runners: dict[tuple[str | None, bool], Runner] = {}
        self._uncounted: list[tuple[NDArray[Any], NDArray[Any]]] = []
        self._bytes = 0
        self._correct = 0

    def __call__(self, batch: Batch, position: float, scores: str | None) -> float:
        """The objective before the step; the samples are counted, if there are scores."""
        rows, given, classes, one_hot = batch
        if self._backend == "tape":
            tape = self._net.tape
            tape.forward(given, rows)
            tape.backward()
            tape.step(self._optimizer, position)
            if scores is not None and classes is not None:
                self._note(tape.value(scores).numpy(), classes)
            return float(tape.objective())

        def seen(program: Program, first: int) -> None:
            if scores is not None and classes is not None:
                found = program.array(scores)
                self._note(found, classes if len(found) == rows else classes[first : first + len(found)])

        loss = self._runner(scores, one_hot).step(given, rows, position, parts=self._parts, seen=seen)
        assert loss is not None  # it was asked for
        return loss

    def correct(self) -> int:
        """The number of samples since the last call whose largest score was where their class is."""
        found = self._correct + sum(count_correct(scores, classes) for scores, classes in self._uncounted)
        self._uncounted, self._bytes, self._correct = [], 0, 0
        return found

    def _note(self, scores: NDArray[Any], classes: NDArray[Any]) -> None:
        """Keep a copy of the scores, to be counted with other batches': between two steps that takes twice as long."""
        self._uncounted.append((scores.copy("K"), classes))
        self._bytes += scores.nbytes
        if self._bytes > KEPT:
            self._correct = self.correct()

    def _runner(self, scores: str | None, one_hot: bool) -> Runner:
        """Programs that keep these scores, and know whether the target's rows are one-hot."""
        key = (scores, one_hot)
        if key not in self._runners:
            assert self._backend != "tape"  # which needs no runner
            values = () if scores is None else (scores,)
            unit = self._net.names("target") if one_hot else ()
            self._runners[key] = Runner(
                self._net,
                self._optimizer,
                values=values,
                unit_rows=unit,
                backend=self._backend,
                recompute=self._recompute,
                device=self._device,
            )
        for other in self._runners.values():
            if other is not self._runners[key]:
                other.synchronize()
        return self._runners[key]

    def synchronize(self) -> None:
        """The network's own parameters are what the steps have made of them."""
        for runner in self._runners.values():
            runner.synchronize()


def count_correct(scores: NDArray[Any], classes: NDArray[Any]) -> int:
    """The number of samples whose largest score is where their class is; numpy takes a third of torch's time."""
    return int(np.count_nonzero(scores.argmax(-1) == classes))
