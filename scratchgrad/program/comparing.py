"""A program compared with its tape: one step of each, on the same random numbers, in float64.

In   a Tape, its Plan, the optimiser
Out  nothing, where they agree; ProgramDiffers, which names the first call after which they do not

Compared are the objective, all values and gradients that can be read, and the parameters and velocities after the
update.  The program is the plan itself, call by call, in float64 (`doubled`).  Numbers are drawn again while a
parameter's gradient is 0 everywhere, which shows nothing.

A tie or a kink, such as a maximum of equal numbers, has several legal gradients.  A difference counts as legal only
where the tape's own result, with every signal moved a little, jumps across it: entry by entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from scratchgrad.program.doubled import doubled
from scratchgrad.program.drawing import PLACES, Draw, drawn
from scratchgrad.program.op import Op, Storage
from scratchgrad.program.planning import Plan, everything, planned
from scratchgrad.program.program import Program
from scratchgrad.program.witness import OBJECTIVE, RATE, witnessed

if TYPE_CHECKING:
    from scratchgrad.program.flat import Flat
    from scratchgrad.tape.tape import Tape

__all__ = ["ProgramDiffers", "compare", "whose", "written"]

# TRUST: program-tolerance
TOLERANCES = {torch.float32: 1e-6, torch.float64: 1e-10}
"""How much of a tensor's largest entry may be off: a plan of float32 holds constants that are rounded to it."""

# TRUST: program-tolerance
_DRAWS = 3
# TRUST: program-jumps
_JUMPS = 8
"""How often signals are moved, to see where a tape jumps."""


class ProgramDiffers(RuntimeError):
    """A planned or compiled program that does not do what its tape does."""


def compare(tape: Tape, plan: Plan, flat: Flat, optimizer: Any) -> None:
    """Nothing where the program does what the tape does.  Raises ProgramDiffers."""
    with torch.inference_mode():
        for seed in range(_DRAWS):
            comparison = _Comparison(tape, plan, flat, optimizer, seed=seed)
            difference = comparison.difference()
            if difference:
                raise ProgramDiffers(comparison.words(difference))
            if comparison.shows_all:
                return


class _Comparison:
    """A plan and its tape on the numbers of one draw."""

    def __init__(self, tape: Tape, plan: Plan, flat: Flat, optimizer: Any, *, seed: int) -> None:
        self.tape, self.plan, self.flat, self.optimizer = tape, plan, flat, optimizer
        self.draw, self.right = self._witness(seed)
        self.noise = 1e-13 * max(map(_largest, self.right.values()), default=0.0)

    @property
    def shows_all(self) -> bool:
        """Whether every parameter has a gradient that is not 0 everywhere."""
        return all(bool(self.right[f"the gradient of {name}"].any()) for name in self.plan.parameters)

    def _witness(self, seed: int) -> tuple[Draw, dict[str, Tensor]]:
        """Numbers for which the tape has finite values, if there are some, and what it makes of them."""
        refused: Exception | None = None
        for positive in (False, True):
            for below in PLACES:
                draw = drawn(self.tape, self.plan, seed, below=below, positive=positive)
                try:
                    right = witnessed(self.tape, self.plan.request, draw, self.optimizer)
                except IndexError as error:  # a layer has no such place
                    refused = error
                    continue
                if positive or all(bool(value.isfinite().all()) for value in right.values()):
                    return draw, right
                break
        assert refused is not None  # otherwise one of the draws was taken
        raise refused

    def difference(self) -> str:
        """The first result that differs by more than a tie or a kink explains; "" where none does."""
        trial = _Trial(self.plan, self.flat, self.draw)
        trial.run()
        got = trial.results()
        suspects = [words for words, values in got.items() if self.off(values, self.right[words]).any()]
        if not suspects:
            return ""
        request = self.plan.request
        jumps = [witnessed(self.tape, request, self.draw, self.optimizer, noise) for noise in range(1, _JUMPS + 1)]
        for words in suspects:
            values, right = got[words], self.right[words]
            around = torch.stack([right, *(one[words] for one in jumps)])
            nearest = values.clamp(around.amin(0), around.amax(0))
            if self.off(values, nearest).any() or not torch.equal(values.isnan(), right.isnan()):
                return words
        return ""

    def off(self, got: Tensor, right: Tensor) -> Tensor:
        """Which entries are off."""
        if got.shape != right.shape:
            return torch.ones((), dtype=torch.bool)
        allowed = TOLERANCES[self.flat.dtype] * _largest(right) + self.noise
        return ~(((got - right).abs() <= allowed) | (got == right) | (got.isnan() & right.isnan()))

    def words(self, difference: str) -> str:
        """What differs, after which call, and what to do."""
        place = ""
        whole = everything(self.tape, self.plan.request)
        for candidate in (planned(self.tape, self.flat, whole), self.plan):  # the former sees every signal
            place = place or self._first(_Trial(candidate, self.flat, self.draw))
        batch = self.plan.request.batch
        samples = "one sample" if batch is None else f"{batch} samples"
        return (
            f"network {self.tape.network.name!r}, {samples}: the program does not do what its tape does: "
            f"{place or difference}; train with backend='tape', and report this network"
        )

    def _first(self, trial: _Trial) -> str:
        """The first call after which something is off, in words; "" where nothing is."""
        complete: dict[int, list[str]] = {}
        for words, number in written(trial.plan).items():
            complete.setdefault(number, []).append(words)
        for number, op in trial.calls():
            for words in complete.get(number, ()):
                found = self._compared(trial, words)
                if found:
                    return f"after call {number + 1} of {len(trial.plan.ops)}, {op.name} ({whose(op)}), {found}"
        return next((found for words in trial.results() if (found := self._compared(trial, words))), "")

    def _compared(self, trial: _Trial, words: str) -> str:
        """The entry that is off the most, both numbers; "" where none is."""
        got, right = trial.results()[words], self.right[words]
        off = self.off(got, right)
        if not off.any():
            return ""
        if got.shape != right.shape:
            return f"{words} has shape {list(got.shape)}, by the tape {list(right.shape)}"
        distance = torch.where(off, (got - right).abs().nan_to_num(nan=torch.inf), -1.0)
        entry = tuple(int(k) for k in torch.unravel_index(distance.argmax(), distance.shape))
        return f"{words} is {float(got[entry]):.9g} at {list(entry)}, by the tape {float(right[entry]):.9g}"


class _Trial:
    """One step of the plan in float64."""

    def __init__(self, plan: Plan, flat: Flat, draw: Draw) -> None:
        self.plan = doubled(plan)
        self.flat = flat.twin(torch.float64)
        self.states = {kind: self.flat.zeros() for kind in draw.states}
        self._filled(self.flat.values, draw.parameters)
        for kind, tensor in self.states.items():
            self._filled(tensor, draw.states[kind])
        self.program = Program(self.plan, self.flat, self.states)
        self.program.set_rate(RATE)
        self.given = [draw.given[name].contiguous() for name in self.plan.given]

    def _filled(self, flat: Tensor, parts: Mapping[str, Tensor]) -> None:
        views = self.flat.views(flat)
        for name, values in parts.items():
            views[name].copy_(values)

    def run(self) -> None:
        self.program.run(*self.given)

    def calls(self) -> Iterator[tuple[int, Op]]:
        """The same, call by call: its number, and the call, just made."""
        for number, (op, _) in enumerate(self.program.interpreted(*self.given)):
            yield number, op

    def results(self) -> dict[str, Tensor]:
        """What can be read after the step."""
        plan, program, update = self.plan, self.program, self.plan.request.update
        found = {f"the value of {name}": program.value(name) for name in plan.values}
        found |= {f"the gradient of {name}": program.gradient(name) for name in plan.gradients}
        if plan.terms:
            found[OBJECTIVE] = torch.tensor(program.objective(), dtype=torch.float64)
        found |= {f"the parameter {name}": values for name, values in self.flat.parameters.items()}
        if update.kind == "descent" and update.momentum:
            velocities = self.flat.views(self.states["velocity"])
            found |= {f"the velocity of {name}": values for name, values in velocities.items()}
        return found


def written(plan: Plan) -> dict[str, int]:
    """The number of the call after which each result is complete, by words."""
    last: dict[Storage, int] = {}
    for number, op in enumerate(plan.ops):
        last |= dict.fromkeys((*(v.storage for v in op.outs), *op.beside), number)
    views = {f"the value of {name}": view for name, view in plan.values.items()}
    views |= {f"the gradient of {name}": view for name, view in plan.gradients.items()}
    views |= {f"the parameter {name}": view for name, view in plan.parameters.items()}
    found = {words: last.get(view.storage, -1) for words, view in views.items()}
    if plan.terms:
        found[OBJECTIVE] = max(last.get(view.storage, -1) for _, view in plan.terms)
    return found


def whose(op: Op) -> str:
    """Whose call it is, and of which sweep."""
    return op.why if "backward" in op.why or not op.backward else f"{op.why}, backward"


def _largest(values: Tensor) -> float:
    return float(values.nan_to_num(posinf=0.0, neginf=0.0).abs().max()) if values.numel() else 0.0
