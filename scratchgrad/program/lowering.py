"""Lowering: a tape, for one batch size, becomes a list of calls; nothing is planned yet.

In   a Tape, the number of samples, what shall be readable afterwards
Out  Lowered: the calls of forward and of the reverse sweep in order, the gradient of each parameter as the list of what
     its consumers send back, the objective as terms factor * scalar

Every kernel, certified or a recipe of the same values, is recorded (`tracing`) as the tape would call it (`Entry`).  A
kernel that cannot be recorded becomes one call of the kernel itself, on copies of its inputs: slower, and as right.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from scratchgrad import registry
from scratchgrad.program.op import Op, Storage, View, contiguous_strides
from scratchgrad.program.rewriting import fills
from scratchgrad.program.tracing import Trace, Untraceable
from scratchgrad.recipes import Of, Recipe, Value
from scratchgrad.tape.entry import Entry

if TYPE_CHECKING:
    from scratchgrad.tape.tape import Tape

__all__ = ["Lowered", "lower"]


@dataclass
class Lowered:
    """The calls in order, and where to find what they compute.

    `values` and `gradients` are those of all signals, as far as they are computed; a parameter's gradient is the sum
    of its `contributions`.  `terms` add up to the objective.  `opaque` names the kernels that could not be recorded.
    """

    ops: list[Op]
    given: dict[str, View]
    parameters: dict[str, View]
    values: dict[str, View]
    gradients: dict[str, View]
    contributions: dict[str, list[View]]
    terms: list[tuple[float, View]]
    opaque: tuple[str, ...]


def lower(
    tape: Tape, batch: int | None, *, unit_rows: Iterable[str] = (), weight: float = 1.0, compiled: bool = False
) -> Lowered:
    """The calls of one step on `batch` samples, without the update.

    `unit_rows` names signals whose rows are known to sum to 1.  `weight` multiplies the objective whose gradients are
    taken: the share of a micro-batch.  `compiled` says that the calls will be compiled, which some recipes ask.  Raises
    NoObjective, UnreachableParameter, BatchOnShared.
    """
    return _Lowering(tape, batch, frozenset(unit_rows), weight, compiled).lowered()


class _Lowering:
    """The state of one lowering."""

    def __init__(self, tape: Tape, batch: int | None, unit_rows: frozenset[str], weight: float, compiled: bool) -> None:
        tape.check()
        self.tape, self.batch, self.weight, self.compiled = tape, batch, weight, compiled
        self.unit = {tape.slots[name] for name in unit_rows}
        self.trace = Trace()
        self.values: list[Tensor] = [None] * len(tape.names)  # type: ignore[list-item]  # every slot is filled below
        self.gradients: list[Tensor | None] = [None] * len(tape.names)
        self.contributions: dict[str, list[View]] = {}
        self.saved: list[Any] = []
        self.inputs: list[list[Tensor]] = []
        self.entries: list[Entry] = []
        self.opaque: list[str] = []
        self.recipes = {layer: registry.recipe(layer) for layer in {entry.layer for entry in tape.entries}}

    def lowered(self) -> Lowered:
        net, names = self.tape.network, self.tape.names
        if self.batch is not None:
            for entry in self.tape.entries:
                entry.check_shared(names)
        self._leaves()
        for entry in self.tape.entries:
            self._forward(entry)
        terms = self._terms(self._objective)
        self.trace.backward = True
        self._backward()
        view = self.trace.view
        values = {name: view(value) for name, value in zip(names, self.values, strict=True)}
        gradients = {n: view(g) for n, g in zip(names, self.gradients, strict=True) if g is not None}
        _name(values, gradients, self.trace.ops)
        factor = self._factor()
        return Lowered(
            self.trace.ops,
            {n: values[n] for n in (*net.names("input"), *net.names("target"))},
            {n: values[n] for n in net.names("parameter")},
            values,
            gradients,
            self.contributions,
            [(factor * f, v) for f, v in terms],
            tuple(self.opaque),
        )

    @property
    def _objective(self) -> int:
        signal = self.tape.network.objective_signal
        assert signal is not None  # tape.check has seen to it
        return self.tape.slots[signal.name]

    def _factor(self) -> float:
        """What the total over the batch is multiplied by."""
        if self.tape.network.reduction == "sum":
            return 1.0
        samples = self.values[self._objective].numel()
        return 1 / samples if samples else math.nan

    def _leaves(self) -> None:
        net = self.tape.network
        for slot, signal in enumerate(net.signals):
            dtype = torch.int64 if signal.integer else net.dtype
            if signal.role in ("input", "target"):
                shape = signal.shape if self.batch is None else (self.batch, *signal.shape)
                self.values[slot] = self.trace.tensor(signal.name, shape, dtype, "given")
            elif signal.role == "parameter":
                self.values[slot] = self.trace.tensor(signal.name, signal.shape, dtype, "parameter")
                self.contributions[signal.name] = []
            elif signal.role == "constant":
                leaf = net.leaves[signal.name].detach().cpu().clone()
                self.values[slot] = self.trace.tensor(signal.name, signal.shape, leaf.dtype, "constant", leaf)

    def _forward(self, entry: Entry) -> None:
        arguments = [self.values[slot] for slot in entry.inputs]
        found = self.recipes[entry.layer]
        unit = frozenset(k for k, slot in enumerate(entry.inputs) if slot in self.unit)
        planned = None if found is None else found.kernel(unit)
        if found is not None and planned is not None:
            fits = partial(found.fits, compiled=self.compiled)
            kernel: Any = _Fitting(entry.kernel, planned, fits)
            entry = dataclasses.replace(entry, kernel=kernel)
        try:
            entry, (outputs, saved) = self._recorded(entry, arguments)
            for output in outputs:
                self.trace.view(output)
        except Untraceable:
            outputs, saved = self._opaque_forward(entry, arguments)
        for slot, output in zip(entry.outputs, outputs, strict=True):
            self.values[slot] = output
        self.entries.append(entry)
        self.inputs.append(arguments)
        self.saved.append(saved)

    def _recorded(self, entry: Entry, arguments: list[Tensor]) -> tuple[Entry, Any]:
        """The entry as it is called, and what forward gives.

        A layer applied at every place is called on all places as one batch, for which tensors in an order of their own
        would be copied.  Where it has no shared inputs and makes entrywise calls only, they are taken as they are.
        """
        lies_otherwise = any(not _usual(argument) for argument in arguments)
        if entry.mapped and lies_otherwise and not entry.layer.shared and not entry.batched.expanded:
            as_it_is, before = dataclasses.replace(entry, mapped=()), len(self.trace.ops)
            found = self.trace.record(entry.name, lambda: as_it_is.forward(list(arguments), self.batch))
            if all(op.entrywise or fills(op) for op in self.trace.ops[before:]):
                return as_it_is, found
            del self.trace.ops[before:]
        return entry, self.trace.record(entry.name, lambda: entry.forward(list(arguments), self.batch))

    def _backward(self) -> None:
        net, J = self.tape.network, self.values[self._objective]
        share = self.weight * (1 / max(1, J.numel()) if net.reduction == "mean" else 1.0)
        seed = self.trace.tensor("share", (), J.dtype, "constant", torch.full((), share, dtype=J.dtype))
        self.gradients[self._objective] = seed.expand(J.shape)
        parameters = {self.tape.slots[name]: name for name in self.contributions}
        if self._objective in parameters:
            self.contributions[parameters[self._objective]].append(self.trace.view(seed.expand(J.shape)))
        for k in reversed(range(len(self.entries))):
            entry, saved = self.entries[k], self.saved[k]
            grad_outputs = [self.gradients[slot] for slot in entry.outputs]
            if all(g is None for g in grad_outputs):
                continue
            for slot, gradient in zip(entry.inputs, self._entry_backward(k, entry, saved, grad_outputs), strict=True):
                if gradient is None:
                    continue
                if slot in parameters:
                    self.contributions[parameters[slot]].append(self.trace.view(gradient))
                    continue
                self.gradients[slot] = self._sum(entry.name, self.gradients[slot], gradient)

    def _sum(self, why: str, before: Tensor | None, gradient: Tensor) -> Tensor:
        if before is None:
            return gradient
        total: Tensor = self.trace.record(f"{why}, backward", lambda: before + gradient)
        return total

    def _entry_backward(
        self, k: int, entry: Entry, saved: Any, grad_outputs: list[Tensor | None]
    ) -> list[Tensor | None]:
        if isinstance(saved, _Opaque):
            return saved.backward(self.trace, entry, self.inputs[k], grad_outputs)
        try:
            before = len(self.trace.ops)
            found: list[Tensor | None] = self.trace.record(
                f"{entry.name}, backward", lambda: entry.backward(saved, list(grad_outputs), self.batch)
            )
            certified = self.tape.entries[k]
            made = self.trace.ops[before:]
            if certified.mapped and not entry.mapped and not all(op.entrywise or fills(op) for op in made):
                del self.trace.ops[before:]
                raise Untraceable(f"{entry.name}: entrywise forward, but not backward")
            for gradient in found:
                if gradient is not None:
                    self.trace.view(gradient)
        except Untraceable:  # then forward is called as it is, too: what it saves is what backward wants
            outputs, opaque = self._opaque_forward(entry, self.inputs[k])
            for output, slot in zip(outputs, entry.outputs, strict=True):
                assert output.shape == self.values[slot].shape
            return opaque.backward(self.trace, entry, self.inputs[k], grad_outputs)
        return found

    def _opaque_forward(self, entry: Entry, arguments: list[Tensor]) -> tuple[list[Tensor], _Opaque]:
        certified = next(e for e in self.tape.entries if e.name == entry.name)
        opaque = _Opaque(certified, self.batch)
        signals, carries = self.tape.network.signals, self.tape.carries
        outputs = []
        for slot in entry.outputs:
            shape = signals[slot].shape
            shape = (self.batch, *shape) if self.batch is not None and carries[slot] else shape
            outputs.append(self.trace.tensor(signals[slot].name, shape, self.tape.network.dtype, "temporary"))
        opaque.outs = tuple(self.trace.view(o) for o in outputs)
        reads = tuple(self.trace.view(a) for a in arguments)
        self.trace.ops.append(
            Op(
                opaque.forward,
                reads,
                outs=opaque.outs,
                why=f"{entry.name}: called as it is",
                backward=self.trace.backward,
            )
        )
        self.opaque.append(entry.name)
        return outputs, opaque

    def _terms(self, slot: int) -> list[tuple[float, View]]:
        """The total of the signal over the batch, as factor * scalar."""
        count = self.values[slot].numel()
        for entry, inputs, saved in zip(self.entries, self.inputs, self.saved, strict=True):
            if slot == entry.outputs[-1] and not isinstance(saved, _Opaque):
                found = self.recipes[entry.layer]
                if found is not None and found.total is not None:
                    structured = self._structured(found, entry, inputs, saved, count)
                    if structured is not None:
                        return structured
        value = self.values[slot]
        total = self.trace.record("objective", value.sum)
        return [(1.0, self.trace.view(total))]

    def _structured(
        self, found: Recipe, entry: Entry, inputs: list[Tensor], saved: Any, count: int
    ) -> list[tuple[float, View]] | None:
        total = found.total
        assert total is not None  # asked before
        parts = self.trace.record("objective", lambda: total(inputs, saved))
        terms: list[tuple[float, View]] = []
        for factor, what in parts:
            number = self._constant(inputs[factor.position]) if isinstance(factor, Value) else factor
            if number is None:
                return None
            if isinstance(what, Of):
                slot = entry.inputs[what.position]
                times = count / max(1, self.values[slot].numel())  # a signal without a batch counts once a sample
                terms += [(number * times * f, v) for f, v in self._terms(slot)]
            else:
                terms.append((number, self.trace.view(what)))
        return terms

    def _constant(self, tensor: Tensor) -> float | None:
        value = self.trace.view(tensor).storage.value
        return float(value) if value is not None and value.numel() == 1 else None


class _Fitting:
    """The recipe's kernel where it fits the inputs, else the certified one."""

    def __init__(self, certified: Any, planned: Any, fits: Callable[[Sequence[Tensor]], bool]) -> None:
        self._certified, self._planned, self._fits = certified, planned, fits
        self._taken: Any = None

    def forward(self, *inputs: Tensor) -> Any:
        self._taken = self._planned if self._fits(inputs) else self._certified
        return self._taken.forward(*inputs)

    def backward(self, saved: Any, *grad_outputs: Tensor | None) -> Any:
        return self._taken.backward(saved, *grad_outputs)


class _Opaque:
    """A kernel that is called as it is, on copies: what it saves is no memory of the program's."""

    def __init__(self, entry: Entry, batch: int | None) -> None:
        self._entry, self._batch = entry, batch
        self._saved: Any = None
        self.outs: tuple[View, ...] = ()

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs, self._saved = self._entry.forward([i.clone() for i in inputs], self._batch)
        return outputs

    def backward(
        self, trace: Trace, entry: Entry, inputs: list[Tensor], grad_outputs: list[Tensor | None]
    ) -> list[Tensor | None]:
        """The gradients as new tensors of the trace, and the call that computes them."""
        wanted = [k for k, i in enumerate(inputs) if i.is_floating_point()]
        known = [k for k, g in enumerate(grad_outputs) if g is not None]

        def call(*grads: Tensor) -> tuple[Tensor, ...]:
            given: list[Tensor | None] = [None] * len(grad_outputs)
            for k, g in zip(known, grads, strict=True):
                given[k] = g.clone()
            found = self._entry.backward(self._saved, given, self._batch)
            return tuple(
                torch.zeros(inputs[k].shape, dtype=inputs[k].dtype) if g is None else g
                for k in wanted
                for g in (found[k],)
            )

        call.__name__ = "backward"
        new = {k: trace.tensor(f"g{k}", tuple(inputs[k].shape), inputs[k].dtype, "temporary") for k in wanted}
        reads = tuple(trace.view(g) for g in grad_outputs if g is not None)
        outs = tuple(trace.view(t) for t in new.values())
        beside = tuple(v.storage for v in self.outs)
        trace.ops.append(
            Op(call, reads, outs=outs, why=f"{entry.name}, backward: called as it is", beside=beside, backward=True)
        )
        return [new.get(k) for k in range(len(inputs))]


def _usual(tensor: Tensor) -> bool:
    """Whether the entries lie one after the other; a tensor without data is asked by its strides."""
    return tuple(tensor.stride()) == contiguous_strides(tuple(tensor.shape))


def _name(values: dict[str, View], gradients: dict[str, View], ops: list[Op]) -> None:
    """Temporaries have the names of the signals that they hold; others are numbered."""
    taken: set[str] = {v.storage.name for v in values.values() if v.storage.kind != "temporary"}
    named: set[Storage] = set()
    for prefix, views in (("", values), ("grad_", gradients)):
        for name, view in views.items():
            if view.storage.kind == "temporary" and view.storage not in named and prefix + name not in taken:
                view.storage.name = prefix + name
                named.add(view.storage)
                taken.add(prefix + name)
    number = 0
    for op in ops:
        for view in op.outs:
            if view.storage not in named and view.storage.kind == "temporary":
                named.add(view.storage)
                number += 1
                while f"t{number}" in taken:
                    number += 1
                view.storage.name = f"t{number}"
