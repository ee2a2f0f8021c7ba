"""Calls, each beside what torch makes of it, compiled together: one library for many calls.

calls = Calls(torch.float64)
calls.add(aten.relu.default, torch.randn(3))
for name, got, want in calls.results(): ...
"""

import ctypes

import torch
from torch import Tensor

from scratchgrad.program.memory import plan
from scratchgrad.program.native.build import library, product
from scratchgrad.program.native.emit import emit
from scratchgrad.program.op import Op, Storage, View
from scratchgrad.program.planning import Plan, Request


class Calls:
    """Calls on tensors that are given; every result can be read."""

    def __init__(self, dtype=torch.float64):
        self.dtype, self.ops, self.given, self.wanted = dtype, [], {}, []
        self.tensors = {}

    def add(self, function, *args, **kwargs):
        """The results' views, so that later calls may read them."""
        held = [self.tensor(a) for a in args]
        result = function(*held, **kwargs)
        results = [r for r in (result if isinstance(result, tuple | list) else (result,)) if isinstance(r, Tensor)]
        outs = []
        for r in results:
            storage = Storage(f"t{len(self.tensors)}", r.untyped_storage().nbytes() // r.itemsize, r.dtype, "temporary")
            outs.append(View(storage, tuple(r.shape), r.stride(), r.storage_offset()))
            self.tensors[outs[-1]] = r
        self.ops.append(Op(function, tuple(self.view(a) for a in args), dict(kwargs), tuple(outs), why=str(function)))
        self.wanted += [
            (f"{len(self.ops)} {function} {_shown(args)}", v, r) for v, r in zip(outs, results, strict=True)
        ]
        return outs[0] if len(outs) == 1 else tuple(outs)

    def view(self, value):
        if isinstance(value, Tensor):
            whole = torch.as_strided(value, (value.untyped_storage().nbytes() // value.itemsize,), (1,), 0)
            storage = Storage(f"g{len(self.given)}", whole.numel(), value.dtype, "given")
            self.given[View(storage, tuple(whole.shape), (1,))] = whole
            return View(storage, tuple(value.shape), value.stride(), value.storage_offset())
        return [self.view(v) for v in value] if isinstance(value, list) else value

    def tensor(self, value):
        if isinstance(value, View):
            base = next(v for v in self.tensors if v.storage is value.storage)
            return torch.as_strided(self.tensors[base], value.shape, value.strides, value.offset)
        return [self.tensor(v) for v in value] if isinstance(value, list) else value

    def plan(self, values=None):
        """The plan of the calls, all of whose results are wanted unless `values` says which."""
        values = [v for _, v, _ in self.wanted] if values is None else values
        arena = plan(self.ops, {v.storage for v in values})
        flats = {"parameter": Storage("all parameters", 0, self.dtype, "parameter")}
        given = {v.storage.name: v for v in self.given}
        named = {v.storage.name: v for v in values}
        return Plan(Request(1), self.ops, arena, given, {}, named, {}, [], flats, (), [])

    def results(self, values=None):
        """Of every call: its name, what the compiled one gives, what torch gives."""
        code, self.plan_ = self.run(values)
        assert code == 0, f"call {code} was given a wrong index"
        arena = self.arena
        for name, view, want in self.wanted:
            if values is None or view in values:
                begin = self.plan_.arena.offsets[self.plan_.arena.owner(view.storage)]
                got = view.on(arena[begin : begin + view.storage.bytes].view(view.storage.dtype))
                yield name, got, want

    def run(self, values=None):
        """What the step returns, and its plan; the results lie in the arena."""
        made = self.plan(values)
        emitted = emit(made)
        self.source = emitted.source
        loaded = library(emitted.source)
        loaded.sg_bind.argtypes = [ctypes.c_void_p]
        loaded.sg_bind(product("s" if self.dtype == torch.float32 else "d"))
        self.arena = torch.full((made.arena.size,), 0xAB, dtype=torch.uint8)  # what was there before is not read
        scratch, rate = torch.full((emitted.scratch,), float("nan"), dtype=self.dtype), ctypes.c_double(0)
        constants = [s.value for s in emitted.storages]
        held = [self.arena, scratch, *constants]
        first, *others = [t.data_ptr() for t in held]
        pointers = (ctypes.c_void_p * (len(others) + 2))(first, ctypes.addressof(rate), *others)
        loaded.sg_step.restype = ctypes.c_int
        loaded.sg_step.argtypes = [ctypes.c_void_p] * (1 + len(self.given))
        return loaded.sg_step(pointers, *(t.data_ptr() for t in self.given.values())), made


def agree(calls, values=None):
    """Every result is torch's: to 1e-12 of its largest entry, what is infinite or no number in the same places."""
    for name, got, want in calls.results(values):
        assert got.dtype == want.dtype, name
        if not want.is_floating_point():
            assert torch.equal(got, want), name
            continue
        assert torch.equal(got.isnan(), want.isnan()), name
        assert torch.equal(got[want.isinf()], want[want.isinf()]), name
        finite = want.isfinite()
        size = max(1.0, float(want[finite].abs().max())) if finite.any() else 1.0
        error = float((got - want)[finite].abs().max()) if finite.any() else 0.0
        assert error <= (1e-12 if want.dtype == torch.float64 else 1e-5) * size, f"{name}: off by {error:.3g}"


def _shown(args):
    return ", ".join(f"{list(a.shape)}" if isinstance(a, Tensor | View) else f"{a}"[:60] for a in args)
