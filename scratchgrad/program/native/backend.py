"""NativeProgram: a program whose steps run compiled, after they were compared with the torch program's.

In   a Plan and its memory
Out  the same Program, `run` replaced; NativeUnavailable, with the reason in one line, where that cannot be

The comparison makes one step of each on the same random batch, from the same parameters, at learning rate 1, and puts
everything back: parameters, states, kept values and the objective agree to rounding on one of three batches.  Where
they do not, the steps are made again from parameters that are moved a little.  If the torch program then jumps across
the difference, rounding decides it (a ReLU near 0), and the torch program is used; otherwise ProgramDiffers is raised.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

import torch
from torch import Tensor

from scratchgrad.program.comparing import ProgramDiffers, whose, written
from scratchgrad.program.drawing import PLACES
from scratchgrad.program.flat import Flat
from scratchgrad.program.native.build import NoCompiler, library, product
from scratchgrad.program.native.emit import Unsupported, emit
from scratchgrad.program.native.emit.functions import wrong_function
from scratchgrad.program.planning import Plan
from scratchgrad.program.program import Program
from scratchgrad.program.witness import OBJECTIVE

__all__ = ["NativeProgram", "NativeUnavailable", "native"]

# TRUST: native-tolerance
TOLERANCES = {torch.float32: 2e-4, torch.float64: 1e-10}

_JUMPS = 8
"""How often the numbers are moved, to see where the torch program jumps."""

# TRUST: native-tolerance
ATTEMPTS = 3  # one of many ReLUs may be so near 0 that it is on in one order of rounding and off in the other


class NativeUnavailable(RuntimeError):
    """A program that does not run compiled, and why."""


class NativeProgram(Program):
    """A planned step of training, compiled."""

    def __init__(self, plan: Plan, flat: Flat, states: Mapping[str, Tensor]) -> None:
        """Raises NativeUnavailable where it cannot be compiled."""
        if flat.device != "cpu":
            raise NativeUnavailable(f"the parameters are on {flat.device}")
        try:
            emitted = emit(plan)
            self.c_source = emitted.source
            loaded = library(self.c_source)
            gemm = product("s" if flat.dtype == torch.float32 else "d")
            wrong = wrong_function(loaded, flat.dtype)
            _ = loaded.sg_bind, loaded.sg_step
        except (Unsupported, NoCompiler) as reason:
            raise NativeUnavailable(str(reason)) from reason
        except AttributeError as reason:
            raise NativeUnavailable(f"what the compiler has built lacks a function: {reason}") from reason
        if wrong:
            raise ProgramDiffers(
                f"compiled, a program does not do what torch does: {wrong}; train with backend='torch', and report it"
            )
        self._rate = ctypes.c_double(0.0)
        super().__init__(plan, flat, states)
        self.torch_run = self.run
        with torch.inference_mode():
            scratch = torch.empty(emitted.scratch, dtype=flat.dtype)
            self._kept = [self.arena, scratch, *(self._held(s) for s in emitted.storages)]
        first, *others = [t.data_ptr() for t in self._kept]
        self._pointers = (ctypes.c_void_p * (len(others) + 2))(first, ctypes.addressof(self._rate), *others)
        loaded.sg_bind.argtypes, loaded.sg_bind.restype = [ctypes.c_void_p], None
        loaded.sg_bind(gemm)
        loaded.sg_step.argtypes, loaded.sg_step.restype = [ctypes.c_void_p] * (1 + len(plan.given)), ctypes.c_int
        names = [f"g{k}" for k in range(len(plan.given))]
        pointers = ", ".join(f"{name}.data_ptr()" for name in names)
        space: dict[str, Any] = {
            "step": loaded.sg_step,
            "pointers": ctypes.addressof(self._pointers),
            "wrong": partial(_wrong_index, plan),  # not of self: a cycle would keep the memory
        }
        source = f"def run({', '.join(names)}):\n    if k := step(pointers, {pointers}): wrong(k)"
        exec(source, space)  # half the time of a call with *arguments
        self.run = space["run"]

    def set_rate(self, lr: float) -> None:
        """The learning rate of the steps from now on."""
        super().set_rate(lr)
        self._rate.value = lr


def _wrong_index(plan: Plan, call: int) -> NoReturn:
    op = plan.ops[call - 1]
    table = op.args[0] if op.name in ("index", "gather") else op.outs[0]
    raise IndexError(
        f"{op.why}: an index lies outside {table.storage.name} of shape {list(table.shape)}; "
        f"the step ended there, before its update was complete"
    )


def native(
    plan: Plan, flat: Flat, states: Mapping[str, Tensor], everything: Callable[[], Plan] | None = None
) -> NativeProgram:
    """The compiled program, which has done what the torch program does.

    Raises NativeUnavailable where there is none, or rounding decides what it does; ProgramDiffers where it does
    something else.  `everything` gives the same plan with all signals kept, for the words of that.
    """
    program = NativeProgram(plan, flat, states)
    objection = ""
    for seed in range(ATTEMPTS):
        objection, explained = _objection(program, flat, states, seed)
        if not objection:
            return program
        if not explained:
            raise ProgramDiffers(_words(plan, flat, states, seed=seed, objection=objection, everything=everything))
    raise NativeUnavailable(f"compiled, rounding decides whether it does what the torch program does: {objection}")


def _words(
    plan: Plan,
    flat: Flat,
    states: Mapping[str, Tensor],
    *,
    seed: int,
    objection: str,
    everything: Callable[[], Plan] | None,
) -> str:
    """What differs first, which call writes it, and what to do."""
    if everything is not None:
        with contextlib.suppress(NativeUnavailable):
            whole = everything()
            closer, _ = _objection(NativeProgram(whole, flat, states), flat, states, seed)
            plan, objection = (whole, closer) if closer else (plan, objection)
    name = objection.partition(" by ")[0]
    number = written(plan).get(name)
    call = (
        ""
        if number is None or number < 0
        else f"after call {number + 1}, {plan.ops[number].name} ({whose(plan.ops[number])}), "
    )
    return (
        f"compiled, a program does not do what the torch program does: {call}{objection}; "
        "train with backend='torch', and report this network"
    )


def _objection(program: NativeProgram, flat: Flat, states: Mapping[str, Tensor], seed: int) -> tuple[str, bool]:
    """What differs after a step of each, "" where nothing does; and whether rounding may have decided it."""
    memory = (flat.values, *states.values())
    before = [t.clone() for t in memory]
    generator = torch.Generator().manual_seed(seed)
    moderate = [_shifted(flat, t, generator) for t in memory]
    program.set_rate(1.0)
    try:
        for below in PLACES:
            given = _given(program.plan, generator, below)
            try:
                right = _made(program, program.torch_run, given, moderate, flat=flat, states=states)
                break
            except (IndexError, RuntimeError):  # a layer has no such place
                if below == PLACES[-1]:
                    raise
        got = _made(program, program.run, given, moderate, flat=flat, states=states)
        objection = _different(flat, right, got)
        if not objection:
            return "", True
        around = [right]
        for _ in range(_JUMPS):
            moved = [_moved(t, generator) for t in moderate]
            around.append(
                _made(
                    program, program.torch_run, [_moved(g, generator) for g in given], moved, flat=flat, states=states
                )
            )
        nearest = [
            (name, values.clamp(torch.stack(several).amin(0), torch.stack(several).amax(0)))
            for (name, values), several in zip(
                got, ([one[k][1] for one in around] for k in range(len(got))), strict=True
            )
        ]
        return objection, not _different(flat, nearest, got)
    finally:
        for tensor, old in zip(memory, before, strict=True):
            tensor.copy_(old)
        program.set_rate(0.0)


Results = list[tuple[str, Tensor]]


def _given(plan: Plan, generator: torch.Generator, below: int) -> list[Tensor]:
    """Inputs and targets between 0 and 1; whole numbers that lie below `below`."""
    return [
        torch.rand(view.shape, generator=generator, dtype=torch.float64).to(view.storage.dtype)
        if view.storage.dtype.is_floating_point
        else torch.randint(below, view.shape, generator=generator, dtype=view.storage.dtype)
        for view in plan.given.values()
    ]


def _shifted(flat: Flat, tensor: Tensor, generator: torch.Generator) -> Tensor:
    """The numbers, each a little larger: a bias or a velocity that is 0 shows nothing."""
    found = tensor.clone()
    for part in flat.views(found).values():
        part.add_(torch.rand(part.shape, generator=generator, dtype=torch.float64).to(part.dtype), alpha=0.1)
    return found


def _moved(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """The numbers, each moved by a few roundings."""
    if not tensor.is_floating_point():
        return tensor
    noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.dtype)
    return tensor * (1 + 16 * torch.finfo(tensor.dtype).eps * noise)


def _made(
    program: NativeProgram,
    run: Callable[..., None],
    given: list[Tensor],
    numbers: list[Tensor],
    *,
    flat: Flat,
    states: Mapping[str, Tensor],
) -> Results:
    """What a step from these numbers makes."""
    memory = (flat.values, *states.values())
    for tensor, value in zip(memory, numbers, strict=True):
        tensor.copy_(value)
    run(*given)
    return _results(program, flat, states, numbers)


def _different(flat: Flat, right: Results, got: Results) -> str:
    """What differs by more than rounding; "" where nothing does."""
    eps = torch.finfo(flat.dtype).eps
    summed = 4 * eps * flat.size**0.5  # torch adds the squares of all weights up in their own precision; C in double
    largest = max((float(want.nan_to_num().abs().max()) for _, want in right if want.numel()), default=0.0)
    noise = 64 * eps * largest  # a sum that is 0 but for rounding, such as a key's bias
    for (name, want), (_, found) in zip(right, got, strict=True):
        if not torch.equal(want.isnan(), found.isnan()):
            return f"{name} has other entries that are not numbers"
        size = float(want.nan_to_num().abs().max()) if want.numel() else 0.0
        tolerance = max(TOLERANCES[flat.dtype], summed if name == OBJECTIVE else 0.0)
        error = float((want - found).nan_to_num().abs().max()) if want.numel() else 0.0
        if error > max(tolerance * size, noise):
            return f"{name} by {error:.3g}, its largest entry being {size:.3g}"
    return ""


def _results(program: NativeProgram, flat: Flat, states: Mapping[str, Tensor], before: Sequence[Tensor]) -> Results:
    changes: Results = [(f"the value of {name}", program.value(name).clone()) for name in program.plan.values]
    changes += [(f"the gradient of {name}", program.gradient(name).clone()) for name in program.plan.gradients]
    for what, tensor, old in zip(("the step of", *states), (flat.values, *states.values()), before, strict=True):
        changes += [(f"{what} {name}", part.clone()) for name, part in flat.views(tensor - old).items()]
    changes.append((OBJECTIVE, torch.tensor(program.objective(), dtype=torch.float64)))
    return changes
