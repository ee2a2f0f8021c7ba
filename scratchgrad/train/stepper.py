"""One batch of the loop: by the program for its size, or by the plain tape.

In   a batch, the position of the training, the signal that predicts the class
Out  the parameters have followed; the objective before that, and how many samples were classified right
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from scratchgrad.program.program import Program
from scratchgrad.program.runner import Backend, Runner
from scratchgrad.train.feed import Feed

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network

__all__ = ["Stepper", "count_correct"]


class Stepper:
    """One batch: the parameters follow; the objective before that, and how many samples were classified right."""

    def __init__(
        self,
        net: Network,
        feed: Feed,
        optimizer: Any,
        *,
        parts: int,
        recompute: bool,
        backend: Backend | Literal["tape"],
        device: str,
    ) -> None:
        """Raises ValueError where the settings are unknown or exclude each other."""
        if backend not in ("torch", "native", "auto", "tape"):
            raise ValueError(f"fit: expected backend 'torch', 'native', 'auto' or 'tape', got {backend!r}")
        if parts < 1:
            raise ValueError(f"fit: expected micro_batches of at least 1, got {parts}")
        if backend == "tape" and parts > 1:
            raise ValueError("fit: micro_batches needs a program; leave backend='tape' out")
        self._net, self._feed, self._optimizer, self._parts = net, feed, optimizer, parts
        if backend == "tape" and device != "cpu":
            raise ValueError("fit: a device needs a program; leave backend='tape' out")
        self._backend, self._recompute, self._device = backend, recompute, device
        self._runners: dict[tuple[str | None, bool], Runner] = {}

    def __call__(self, X: Tensor, y: Tensor, position: float, scores: str | None) -> tuple[float, int]:
        """The objective before the step, and the samples whose largest score is the target's."""
        given, target = self._feed(X, y), self._feed.target.name
        if self._backend == "tape":
            tape = self._net.tape
            tape.forward(given, len(X))
            tape.backward()
            tape.step(self._optimizer, position)
            right = 0 if scores is None else count_correct(tape.value(scores), given[target])
            return float(tape.objective()), right
        right = 0

        def count(program: Program, part: Mapping[str, Tensor]) -> None:
            nonlocal right
            if scores is not None:
                right += count_correct(program.value(scores).cpu(), part[target])

        runner = self._runner(scores, self._feed.classifies(y))
        loss = runner.step(given, len(X), position, parts=self._parts, seen=count)
        assert loss is not None  # it was asked for
        return loss, right

    def _runner(self, scores: str | None, classes: bool) -> Runner:
        """Programs that keep these scores, and know whether the target's rows are one-hot."""
        key = (scores, classes)
        if key not in self._runners:
            assert self._backend != "tape"  # which needs no runner
            values = () if scores is None else (scores,)
            unit = (self._feed.target.name,) if classes else ()
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


def count_correct(scores: Tensor, target: Tensor) -> int:
    """The number of samples whose largest score is where the target's largest entry is."""
    return int((scores.argmax(-1) == target.argmax(-1)).sum())
