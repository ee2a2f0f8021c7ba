"""Stacking: the updates of many small weights of one shape become one batched product.

    In   W1 <- beta W1 + alpha g1.T h0;  W2 <- beta W2 + alpha g2.T h1;  ...     a call each, and one for each bias
    Out  (W1, W2, ...) <- beta (W1, W2, ...) + alpha (g1, g2, ...).T (h0, h1, ...)     one call; two for all biases

The weights lie side by side already (`flat`); the gradients g and the inputs h are laid side by side for it, and live
until the last of them is there.  So this is done only where the products are small, and calling them costs more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch

from scratchgrad.program.op import Op, Storage, View
from scratchgrad.program.rewriting import moved

__all__ = ["stacked"]

_aten = torch.ops.aten
_LEAST, _MOST_OPERATIONS, _MOST_BYTES = 3, 1_000_000, 2**20


def stacked(
    ops: list[Op], parameters: Mapping[str, View], layout: Mapping[str, int], whole: Storage, pinned: set[Storage]
) -> list[Op]:
    """The calls with small updates of one shape as one; `whole` is the storage of all parameters."""
    names = {view.storage: name for name, view in parameters.items()}
    for run in _runs(ops, names, layout, pinned):
        ops = _Stack(ops, run, names, layout, whole).applied()
    return ops


def _runs(
    ops: list[Op], names: Mapping[Storage, str], layout: Mapping[str, int], pinned: set[Storage]
) -> list[list[Op]]:
    """Updates that may be one: equal shapes and numbers, weights at equal distances, operands of their own."""
    found = [op for op in ops if op.function is _aten.addmm_.default and _small(op, names, pinned)]
    found.sort(key=lambda op: layout[names[op.args[0].storage]])
    runs: list[list[Op]] = []
    taken: set[Storage] = set()
    for op in found:
        own = {op.args[1].storage, op.args[2].storage}
        if own & taken:
            continue
        taken |= own
        if runs and _alike(runs[-1], op, names, layout):
            runs[-1].append(op)
        else:
            runs.append([op])
    return [run for run in runs if len(run) >= _LEAST and _bytes(run) <= _MOST_BYTES]


def _small(op: Op, names: Mapping[Storage, str], pinned: set[Storage]) -> bool:
    W, gT, h = op.args
    return (
        W.storage in names
        and W.whole
        and gT.transposed.whole
        and h.whole
        and gT.storage is not h.storage
        and all(v.storage.kind == "temporary" and v.storage not in pinned for v in (gT, h))
        and 2 * W.numel * h.shape[0] <= _MOST_OPERATIONS
    )


def _alike(run: list[Op], op: Op, names: Mapping[Storage, str], layout: Mapping[str, int]) -> bool:
    first, last = run[0], run[-1]
    at = [layout[names[o.args[0].storage]] for o in (*run[-2:], op)]
    even = len(run) < 2 or at[-1] - at[-2] == at[-2] - at[-3]
    same = [v.shape for v in first.args] == [v.shape for v in op.args] and first.kwargs == op.kwargs
    return even and same and last is not op


def _bytes(run: list[Op]) -> int:
    return sum(v.storage.bytes for op in run for v in op.args[1:])


class _Stack:
    """One run of updates, stacked."""

    def __init__(
        self, ops: list[Op], run: list[Op], names: Mapping[Storage, str], layout: Mapping[str, int], whole: Storage
    ) -> None:
        self.ops, self.run, self.names, self.layout, self.whole = ops, run, names, layout, whole
        g, h = run[0].args[1].storage, run[0].args[2].storage
        self.G = Storage(f"{g.name}_and_others", g.size * len(run), g.dtype, "temporary")
        self.H = Storage(f"{h.name}_and_others", h.size * len(run), h.dtype, "temporary")
        self.where: dict[Storage, View] = {}
        for k, op in enumerate(run):
            for storage, into in ((op.args[1].storage, self.G), (op.args[2].storage, self.H)):
                self.where[storage] = View(into, (storage.size,), (1,), k * storage.size)

    def applied(self) -> list[Op]:
        gone = {id(op): "product" for op in self.run}
        biases = self._biases()
        gone |= {id(op): "bias" for op in biases}
        last = max(k for k, op in enumerate(self.ops) if id(op) in gone)
        done: list[Op] = []
        for k, op in enumerate(self.ops):
            if id(op) not in gone:
                done.append(self._moved(op))
            if k == last:
                done += [self._product(), *(self._sums(biases) if biases else [])]
        return done

    def _moved(self, op: Op) -> Op:
        return replace(
            op,
            args=moved(op.args, self.where),
            kwargs=moved(op.kwargs, self.where),
            outs=moved(op.outs, self.where),
        )

    def _product(self) -> Op:
        W, _, h = self.run[0].args
        count, (o, i), n = len(self.run), W.shape, h.shape[0]
        weights = self._side_by_side([op.args[0] for op in self.run])
        G = View(self.G, (count, o, n), (n * o, 1, o))
        H = View(self.H, (count, n, i), (n * i, i, 1))
        why = f"gradients of {self._list([op.args[0] for op in self.run])}, added inside one batched product"
        beside = tuple(op.args[0].storage for op in self.run)
        return Op(_aten.baddbmm_.default, (weights, G, H), self.run[0].kwargs, (weights,), True, why, beside)

    def _biases(self) -> list[Op]:
        """The updates of biases by row sums of the same g, if every one has one and they lie evenly."""
        by_g = {
            op.args[1].storage: op
            for op in self.ops
            if op.function is _aten.addmv_.default and op.args[0].storage in self.names and op.args[0].whole
        }
        found = [by_g.get(op.args[1].storage) for op in self.run]
        biases = [op for op in found if op is not None]
        if len(biases) < len(self.run) or any(op.kwargs != biases[0].kwargs or "beta" in op.kwargs for op in biases):
            return []
        at = [self.layout[self.names[op.args[0].storage]] for op in biases]
        even = len({b - a for a, b in pairwise(at)}) == 1
        return biases if even and len(biases) > 1 else []

    def _sums(self, biases: list[Op]) -> list[Op]:
        o, n = self.run[0].args[1].shape
        count = len(self.run)
        G = View(self.G, (count, n, o), (n * o, o, 1))
        sums = Storage(f"{self.G.name}_summed", count * o, self.G.dtype, "temporary")
        added = View(sums, (count, o), (o, 1))
        into = self._side_by_side([op.args[0] for op in biases])
        why = f"gradients of {self._list([op.args[0] for op in biases])}, their sums over the batch"
        beside = tuple(op.args[0].storage for op in biases)
        alpha: dict[str, Any] = {"alpha": biases[0].kwargs["alpha"]}
        return [
            Op(_aten.sum.dim_IntList, (G, [1]), outs=(added,), why=why),
            Op(_aten.add_.Tensor, (into, added), alpha, (into,), True, why, beside),
        ]

    def _side_by_side(self, views: list[View]) -> View:
        """All these parameters as one tensor with an axis more."""
        at = [self.layout[self.names[v.storage]] for v in views]
        return View(self.whole, (len(views), *views[0].shape), (at[1] - at[0], *views[0].strides), at[0])

    def _list(self, views: list[View]) -> str:
        names = [self.names[v.storage] for v in views]
        return f"{names[0]}, {names[1]} to {names[-1]}"
