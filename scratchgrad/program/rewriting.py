"""Rewriting: fewer calls with the same results.

    fold       calls on constants alone are made once, now
    plain      a constant of equal entries becomes a number; times 1 and copies vanish
    factors    numbers that multiply a gradient travel along to where they cost nothing (a product's alpha)
    epilogues  exp(log_softmax) is softmax; relu(addmm), a + b * c, a comparison as numbers 0 and 1 are one call
    alive      what nobody reads is not computed

Each takes calls and gives calls.  All hold for all real values, for infinities and for what is not a number; the order
of rounding may differ in the last place.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from scratchgrad.program.op import Op, Storage, View

__all__ = ["Factors", "alive", "epilogues", "fills", "fold", "moved", "plain", "uses"]

_aten = torch.ops.aten
_METADATA = {
    getattr(_aten, name).default
    for name in ("new_zeros", "new_ones", "new_full", "zeros_like", "ones_like", "full_like")
}
_UNSET = {_aten.empty_like.default, _aten.new_empty.default, _aten.empty.memory_format}
_COPIES = {_aten.clone.default, _aten.contiguous.default}
_BY_NUMBER = {_aten.mul.Tensor, _aten.div.Tensor, _aten.add.Tensor, _aten.sub.Tensor}
_COMMUTE = {_aten.mul.Tensor, _aten.add.Tensor}
_COMPARISONS = {getattr(_aten, name).Tensor for name in ("eq", "ne", "lt", "le", "gt", "ge")}
_LINEAR = {_aten.sum.dim_IntList, _aten.mean.dim, _aten.clone.default}
_SUMS = {_aten.add.Tensor, _aten.sub.Tensor, _aten.addcmul.default}
_ADDING = {_aten.add_.Tensor, _aten.copy_.default}


def uses(ops: Iterable[Op], others: Iterable[View] = ()) -> Counter[Storage]:
    """How many calls read each storage; `others` are read once more each."""
    count: Counter[Storage] = Counter()
    for op in ops:
        count.update(op.reads)
    count.update(view.storage for view in others)
    return count


def fold(ops: list[Op]) -> list[Op]:
    """The calls without those on constants alone, whose results are constants now."""
    changed = {storage for op in ops if op.inplace for storage in op.writes}
    left = []
    for op in ops:
        if op.inplace or op.writes & changed or not isinstance(op.function, torch._ops.OpOverload):
            left.append(_filled(op) if op.function in _METADATA else op)
        elif op.function in _UNSET:
            continue
        elif op.function in _METADATA or (
            all(s.value is not None for s in op.reads) and not _is_random(op.function) and not op.beside
        ):
            _keep(op)
        else:
            left.append(op)
    return [op for op in left if op.function not in _UNSET]


def plain(ops: list[Op], pinned: set[Storage]) -> tuple[list[Op], dict[Storage, View]]:
    """The calls with numbers in the place of constant tensors, and the storages that turned out to be another view."""
    changed = {storage for op in ops if op.inplace for storage in op.writes}
    same: dict[Storage, View] = {}
    left = []
    for before in ops:
        op = replace(before, args=moved(before.args, same), kwargs=moved(before.kwargs, same))
        if op.function in _BY_NUMBER and not op.inplace:
            op = _with_number(op)  # the same call, simpler
        source = _identical(op)
        if source is not None and not (op.writes | {source.storage}) & (changed | pinned):
            same[op.outs[0].storage] = source
        else:
            left.append(op)
    return left, same


def moved(value: Any, same: dict[Storage, View]) -> Any:
    """The arguments with every storage replaced by the view that it is the same as."""
    if isinstance(value, View):
        other = same.get(value.storage)
        return value if other is None else replace(value, storage=other.storage, offset=value.offset + other.offset)
    if isinstance(value, tuple):
        return tuple(moved(v, same) for v in value)
    if isinstance(value, list):
        return [moved(v, same) for v in value]
    if isinstance(value, dict):
        return {k: moved(v, same) for k, v in value.items()}
    return value


class Factors:
    """Numbers travel along linear calls: what is stored is the value divided by its storage's factor.

    In   g = (o - y) * 0.03125;  grad_h = g @ M;  grad_M = g.T @ h
    Out  g = o - y;  grad_h = g @ M;  grad_M = g.T @ h, both with the factor 0.03125 beside them
    Who needs the value itself (a call that is not linear, a reader outside) gets it by one multiplication.
    """

    def __init__(self, pinned: set[Storage]) -> None:
        """`pinned` storages hold their values themselves."""
        self._pinned = pinned
        self._factor: dict[Storage, float] = {}
        self._same: dict[Storage, View] = {}
        self._ready: dict[Storage, View] = {}
        self._sums: set[Storage] = set()

    def of(self, view: View) -> tuple[View, float]:
        """Where the view is stored, and the number by which that is to be multiplied."""
        factor = self._factor.get(view.storage, 1.0)
        return moved(view, self._same), factor

    def apply(self, ops: list[Op]) -> list[Op]:
        """The calls, with their numbers on the way."""
        changed = {storage for op in ops if op.inplace for storage in op.writes}
        self._sums = changed - self._pinned - {s for op in ops if not _adds(op) for s in op.writes}
        done: list[Op] = []
        for op in ops:
            self._one(op, done, changed)
        return done

    def _one(self, op: Op, done: list[Op], changed: set[Storage]) -> None:
        function = op.function
        if function in _ADDING and op.writes <= self._sums and op.outs[0].storage.kind == "temporary":
            self._added(op, done)
            return
        free = not op.inplace and len(op.outs) == 1 and not op.writes & (self._pinned | changed)
        if free and function in (_aten.mul.Tensor, _aten.div.Tensor) and isinstance(op.args[1], float | int):
            number = float(op.args[1]) if function is _aten.mul.Tensor else 1 / float(op.args[1])
            if self._travels(op.args[0], op.outs[0], changed, number):
                return
        if free and function is _aten.neg.default and self._travels(op.args[0], op.outs[0], changed, -1.0):
            return
        if free and function in (_aten.mm.default, _aten.bmm.default):
            (a, fa), (b, fb) = self.of(op.args[0]), self.of(op.args[1])
            self._linear(op, (a, b), fa * fb, done)
        elif free and function is _aten.addmm.default and not op.kwargs:
            bias, (a, fa), (b, fb) = self._value(op.args[0], done), self.of(op.args[1]), self.of(op.args[2])
            done.append(replace(op, args=(bias, a, b), kwargs={} if fa * fb == 1 else {"alpha": fa * fb}))
        elif free and function in _LINEAR:
            a, fa = self.of(op.args[0])
            self._linear(op, (a, *op.args[1:]), fa, done)
        elif free and function in (_aten.stack.default, _aten.cat.default):
            parts, factors = zip(*(self.of(part) for part in op.args[0]), strict=True)
            if len(set(factors)) == 1:
                self._linear(op, (list(parts), *op.args[1:]), factors[0], done)
            else:
                done.append(replace(op, args=(self._valued(op.args[0], done), *op.args[1:])))
        elif free and function is _aten.threshold_backward.default:
            (a, fa), b = self.of(op.args[0]), self._value(op.args[1], done)
            self._linear(op, (a, b, *op.args[2:]), fa, done)
        elif free and function in (_aten.mul.Tensor, _aten.div.Tensor) and all(isinstance(a, View) for a in op.args):
            (a, fa), (b, fb) = self.of(op.args[0]), self.of(op.args[1])
            self._linear(op, (a, b), fa * fb if function is _aten.mul.Tensor else fa / fb, done)
        elif free and function in _SUMS and all(isinstance(a, View) for a in op.args):
            self._sum(op, done)
        else:
            done.append(
                replace(
                    op,
                    args=tuple(self._valued(a, done) for a in op.args),
                    kwargs={k: self._valued(v, done) for k, v in op.kwargs.items()},
                )
            )

    def _added(self, op: Op, done: list[Op]) -> None:
        """A part of a sum that begins with nothing, or with zeros: the first part's factor is that of the sum."""
        into, (part, factor) = op.args[0], self.of(op.args[1])
        own = self._factor.setdefault(into.storage, factor)
        self._ready.pop(into.storage, None)  # what was multiplied out is no longer the sum
        if factor == own:
            done.append(replace(op, args=(into, part, *op.args[2:])))
        elif op.function is _aten.add_.Tensor:
            done.append(replace(op, args=(into, part), kwargs={"alpha": factor / own}))
        else:
            done.append(replace(op, args=(into, part, *op.args[2:])))
            done.append(Op(_aten.mul_.Tensor, (into, factor / own), outs=(into,), inplace=True, why=op.why))

    def _travels(self, source: View, out: View, changed: set[Storage], number: float) -> bool:
        """Whether the product need not be stored: it is the source, with a factor."""
        stored, factor = self.of(source)
        fits = (
            source.storage.kind == "temporary"
            and source.storage not in changed
            and source.shape == out.shape
            and source.strides == out.strides
            and out.offset == 0
            and number != 0
            and abs(number) < float("inf")
        )
        if fits:
            self._same[out.storage] = stored
            self._factor[out.storage] = number * factor
        return fits

    def _sum(self, op: Op, done: list[Op]) -> None:
        """A + alpha b, a - alpha b or a + value b c: the first term's factor is that of the sum, if it is not 1."""
        (a, factor), *others = map(self.of, op.args)
        name = "value" if op.function is _aten.addcmul.default else "alpha"
        before = op.kwargs.get(name, 1)
        ratio = before * math.prod(f for _, f in others) / factor
        if op.function is _aten.add.Tensor and before == 1 and factor != 1.0 == others[0][1]:
            factor, ratio, args = 1.0, factor, [others[0][0], a]
        else:
            args = [a, *(view for view, _ in others)]
        self._linear(replace(op, kwargs={} if ratio == 1 else {name: ratio}), tuple(args), factor, done)

    def _linear(self, op: Op, args: tuple[Any, ...], factor: float, done: list[Op]) -> None:
        done.append(replace(op, args=args))
        if factor != 1.0:
            self._factor[op.outs[0].storage] = factor

    def _valued(self, value: Any, done: list[Op]) -> Any:
        if isinstance(value, View):
            return self._value(value, done)
        if isinstance(value, list | tuple):
            return type(value)(self._valued(v, done) for v in value)
        return value

    def _value(self, view: View, done: list[Op]) -> View:
        """The view with its factor multiplied in, by a call if there is one to make."""
        stored, factor = self.of(view)
        if factor == 1.0:
            return stored
        ready = self._ready.get(view.storage)
        if ready is None:
            every = view if view.full else _whole(view.storage)
            held = moved(every, self._same)
            storage = Storage(f"{view.storage.name}_scaled", view.storage.size, view.storage.dtype, "temporary")
            ready = self._ready[view.storage] = replace(every, storage=storage)
            done.append(Op(_aten.mul.Tensor, (held, factor), outs=(ready,), why="a factor that travels no further"))
        return replace(view, storage=ready.storage)


def epilogues(ops: list[Op], pinned: set[Storage]) -> list[Op]:
    """The calls with pairs of them as one, where nobody else reads what is between and nothing changes meanwhile."""
    count = uses(ops)
    writer = {storage: op for op in ops for storage in op.writes}
    place = {id(op): k for k, op in enumerate(ops)}
    gone: set[int] = set()
    new: dict[int, Op] = {}
    for op in ops:
        product = _summand(op, writer, count, pinned)
        if product is not None:
            other, source = product
            if _changed(source.reads, ops[place[id(source)] : place[id(op)]]):
                continue
            new[id(op)] = _added_product(op, other, source)
            gone.add(id(source))
            continue
        if op.inplace or not op.args or not isinstance(op.args[0], View):
            continue
        source = op.args[0].storage
        before = writer.get(source)
        if before is None or count[source] != 1 or source in pinned or before.inplace or op.args[0] != before.outs[0]:
            continue
        if _changed(before.reads, ops[place[id(before)] : place[id(op)]]):
            continue
        if op.function is _aten.exp.default and before.function is _aten._log_softmax.default:
            fused = _aten._softmax.default
            new[id(op)] = Op(fused, before.args, outs=op.outs, why=f"{op.why}; exp(log_softmax) as one call")
        elif op.function is _aten._to_copy.default and before.function in _COMPARISONS:
            new[id(op)] = replace(before, outs=op.outs)
        elif op.function is _aten.relu.default and before.function is _aten.addmm.default:
            new[id(op)] = Op(
                _aten._addmm_activation.default,
                before.args,
                before.kwargs,
                outs=op.outs,
                why=f"{before.why}; with {op.why} in the same call",
            )
        else:
            continue
        gone.add(id(before))
    return [new.get(id(op), op) for op in ops if id(op) not in gone]


def _changed(storages: set[Storage], between: list[Op]) -> bool:
    """Whether a call changes what another reads, which therefore cannot be made later: a parameter follows, say."""
    return any(op.inplace and (op.writes | set(op.beside)) & storages for op in between)


def _summand(op: Op, writer: dict[Storage, Op], count: Counter[Storage], pinned: set[Storage]) -> Any:
    """Of a sum: the other summand, and the call that multiplies two tensors for this sum alone; None of other calls."""
    if op.function is not _aten.add.Tensor or op.inplace or not all(isinstance(a, View) for a in op.args):
        return None
    for other, view in (op.args, op.args[::-1]):
        source = writer.get(view.storage)
        if (
            source is not None
            and source.function is _aten.mul.Tensor
            and source.outs == (view,)
            and all(isinstance(a, View) for a in source.args)
            and count[view.storage] == 1
            and view.storage not in pinned
            and other.storage is not view.storage
            and other.shape == view.shape == op.outs[0].shape
            and (not op.kwargs or view is op.args[1])
            and not source.inplace
        ):
            return other, source
    return None


def _added_product(op: Op, other: View, source: Op) -> Op:
    """Other + alpha * product as one call."""
    kwargs = {"value": op.kwargs["alpha"]} if op.kwargs else {}
    return replace(op, function=_aten.addcmul.default, args=(other, *source.args), kwargs=kwargs)


def _adds(op: Op) -> bool:
    """Whether the call puts zeros somewhere, or adds to what is there, or writes there for the first time."""
    return (op.function in _ADDING and not op.kwargs) or (op.function is _aten.fill_.Scalar and op.args[1] == 0)


def fills(op: Op) -> bool:
    """Whether the call makes a tensor of one number, whatever its argument's entries."""
    return op.function in _METADATA


def alive(ops: list[Op], wanted: Iterable[Storage]) -> list[Op]:
    """The calls that something wanted depends on."""
    needed, kept = set(wanted), []
    for op in reversed(ops):
        if op.writes & needed:
            needed |= op.reads
            kept.append(op)
    return kept[::-1]


def _keep(op: Op) -> None:
    """Make the call once, and let what it writes be constants."""
    args = _real(op.args, op.function in _METADATA)
    found = op.function(*args, **{k: v for k, v in op.kwargs.items() if k != "device"})
    results = found if isinstance(found, tuple | list) else (found,)
    for view, result in zip(op.outs, results, strict=True):
        flat = torch.zeros(view.storage.size, dtype=view.storage.dtype)
        view.on(flat).copy_(result)
        view.storage.kind, view.storage.value = "constant", flat


def _real(value: Any, metadata: bool) -> Any:
    if isinstance(value, View):
        if value.storage.value is None or metadata:
            return torch.zeros((), dtype=value.storage.dtype).expand(value.shape)
        return value.on(value.storage.value.reshape(-1))
    if isinstance(value, list | tuple):
        return type(value)(_real(v, metadata) for v in value)
    return value


def _filled(op: Op) -> Op:
    """What creates a tensor that is written again later fills its memory each time."""
    args = _real(op.args, metadata=True)
    number = op.function(*args, **op.kwargs).reshape(-1)[:1]
    return Op(
        _aten.fill_.Scalar, (op.outs[0], number.item() if number.numel() else 0), outs=op.outs, inplace=True, why=op.why
    )


def _is_random(function: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in function.tags


def _with_number(op: Op) -> Op:
    """A constant of equal entries becomes a number, if the other argument alone has the result's shape and type."""
    a, b = op.args[:2]
    for one, other, order in ((a, b, 0), (b, a, 1)):
        if (order and op.function not in _COMMUTE) or (op.kwargs and order):
            continue
        if isinstance(one, View) and isinstance(other, View) and one.shape == op.outs[0].shape:
            number = _number(other)
            if number is not None and one.storage.dtype == op.outs[0].storage.dtype:
                return replace(op, args=(one, number))
    return op


def _number(view: View) -> float | None:
    """The one value of all entries of a constant."""
    value: Tensor | None = view.storage.value
    if view.storage.kind != "constant" or value is None or not value.is_floating_point() or not view.numel:
        return None
    entries = view.on(value.reshape(-1))
    first = entries.reshape(-1)[0]
    if view.storage.size > 1 and not bool((entries == first).all()):
        return None
    return float(first)


def _identical(op: Op) -> View | None:
    """The argument that the result is equal to, entry by entry and in the same places."""
    if op.inplace or len(op.outs) != 1 or not op.args or not isinstance(op.args[0], View):
        return None
    source, out = op.args[0], op.outs[0]
    if source.shape != out.shape or source.strides != out.strides or source.storage.dtype != out.storage.dtype:
        return None
    if source.storage.kind not in ("temporary", "constant") or out.offset:
        return None
    times_one = op.function in (_aten.mul.Tensor, _aten.div.Tensor) and op.args[1] == 1.0
    return source if op.function in _COPIES or times_one else None


def _whole(storage: Storage) -> View:
    return View(storage, (storage.size,), (1,))
