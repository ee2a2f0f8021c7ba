"""NativeProgram: a program whose steps run compiled, after they were compared with the torch program's.

In   a Plan and its memory
Out  the same Program, `run` replaced; NativeUnavailable, with the reason in one line, where that cannot be

The comparison makes one step of each on the same random batch, from the same parameters, at learning rate 1, and puts
everything back: parameters, states, kept values and the objective agree to rounding on one of three batches, or the
torch program is used.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn

import torch
from torch import Tensor

from scratchgrad.program.flat import Flat
from scratchgrad.program.native.build import NoCompiler, library, product
from scratchgrad.program.native.emit import Unsupported, emit
from scratchgrad.program.planning import Plan
from scratchgrad.program.program import Program

__all__ = ["NativeProgram", "NativeUnavailable", "native"]

# TRUST: native-tolerance
TOLERANCES = {torch.float32: 2e-4, torch.float64: 1e-10}
OBJECTIVE = "the objective"
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
        except (Unsupported, NoCompiler) as reason:
            raise NativeUnavailable(str(reason)) from reason
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


def native(plan: Plan, flat: Flat, states: Mapping[str, Tensor]) -> NativeProgram:
    """The compiled program, which has done what the torch program does; NativeUnavailable otherwise."""
    program = NativeProgram(plan, flat, states)
    objection = ""
    for seed in range(ATTEMPTS):
        objection = _objection(program, flat, states, seed)
        if not objection:
            break
    if objection:
        raise NativeUnavailable(f"compiled, it differs from the torch program: {objection}")
    return program


def _objection(program: NativeProgram, flat: Flat, states: Mapping[str, Tensor], seed: int) -> str:
    """What differs after a step of each; "" where nothing does."""
    before = [t.clone() for t in (flat.values, *states.values())]
    generator = torch.Generator().manual_seed(seed)
    given = []
    for view in program.plan.given.values():
        if view.storage.dtype.is_floating_point:
            given.append(torch.rand(view.shape, generator=generator, dtype=torch.float64).to(view.storage.dtype))
        else:
            given.append(torch.zeros(view.shape, dtype=view.storage.dtype))
    program.set_rate(1.0)
    found = []
    for run in (program.torch_run, program.run):
        run(*given)
        found.append(_results(program, flat, states, before))
        for tensor, old in zip((flat.values, *states.values()), before, strict=True):
            tensor.copy_(old)
    program.set_rate(0.0)
    eps = torch.finfo(flat.dtype).eps
    summed = 4 * eps * flat.size**0.5  # torch adds the squares of all weights up in their own precision; C in double
    largest = max((float(want.nan_to_num().abs().max()) for _, want in found[0] if want.numel()), default=0.0)
    noise = 64 * eps * largest  # a sum that is 0 but for rounding, such as a key's bias
    for (name, want), (_, got) in zip(*found, strict=True):
        if not torch.equal(want.isnan(), got.isnan()):
            return f"{name} has other entries that are not numbers"
        size = float(want.nan_to_num().abs().max()) if want.numel() else 0.0
        tolerance = max(TOLERANCES[flat.dtype], summed if name == OBJECTIVE else 0.0)
        error = float((want - got).nan_to_num().abs().max()) if want.numel() else 0.0
        if error > max(tolerance * size, noise):
            return f"{name} by {error:.3g}, its largest entry being {size:.3g}"
    return ""


def _results(
    program: NativeProgram, flat: Flat, states: Mapping[str, Tensor], before: list[Tensor]
) -> list[tuple[str, Tensor]]:
    changes: list[tuple[str, Any]] = []
    for what, tensor, old in zip(("the step of", *states), (flat.values, *states.values()), before, strict=True):
        changes += [(f"{what} {name}", part.clone()) for name, part in flat.views(tensor - old).items()]
    changes += [(f"the value of {name}", program.value(name).clone()) for name in program.plan.values]
    changes += [(f"the gradient of {name}", program.gradient(name).clone()) for name in program.plan.gradients]
    changes.append((OBJECTIVE, torch.tensor(program.objective(), dtype=torch.float64)))
    return changes
