"""Updates: what the consumers of a parameter send back goes where it is needed, in as few calls as possible.

    descent            W <- W - lr grad_W              the parameter itself takes the contributions
    with momentum      V <- mu V + grad_W; W <- W - lr V    the velocity takes them
    gradients          G <- grad_W                     the gradient is kept, for whoever reads it

All three are one form, target <- beta target + alpha sum of contributions, and a contribution that is a product of
matrices is added inside the product itself (BLAS computes beta C + alpha A B): the gradient never exists.

A parameter is changed after the last call that reads it: grad_x = grad_u W comes first, whatever the order of lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from scratchgrad.program.op import Op, Rate, Storage, View
from scratchgrad.program.rewriting import uses

__all__ = ["Contribution", "Update", "runs", "with_updates"]

_aten = torch.ops.aten


@dataclass(frozen=True)
class Update:
    """How parameters follow their gradients within the program.

    "descent" changes them by the learning rate, with `momentum` through a velocity; "gradients" leaves that to an
    optimiser, who reads all gradients; "none" is for a program that only evaluates.  `accumulate` adds gradients to
    those of the micro-batches before.
    """

    kind: Literal["descent", "gradients", "none"] = "descent"
    momentum: float = 0.0
    accumulate: bool = False


@dataclass(frozen=True)
class Contribution:
    """What one consumer sends back: `factor` times the view."""

    view: View
    factor: float


@dataclass
class _Target:
    """The storage that takes contributions: beta target + alpha contribution."""

    view: View
    beta: Rate
    lr: bool  # whether alpha is -lr instead of 1

    def alpha(self, factor: float) -> Rate:
        return Rate(0.0, -factor) if self.lr else Rate(factor)


@dataclass(frozen=True)
class Places:
    """The storages of all parameters, gradients and velocities in one piece each, and where each parameter begins.

    What is in `pinned` is read after the step.
    """

    flats: Mapping[str, Storage]
    layout: Mapping[str, int]
    pinned: set[Storage]


def with_updates(
    ops: list[Op],
    parameters: Mapping[str, View],
    contributions: Mapping[str, list[Contribution]],
    *,
    update: Update,
    watched: set[str],
    places: Places,
) -> tuple[list[Op], dict[str, View]]:
    """The calls with those of the update among them, and where the gradients of the watched parameters are kept."""
    return _Updating(ops, parameters, contributions, update=update, watched=watched, places=places).done()


def runs(layout: list[str], numbers: Mapping[str, float]) -> list[list[str]]:
    """The names in `numbers` that follow each other in memory and have the same number."""
    found: list[list[str]] = []
    before: str | None = None
    for name in layout:
        if name in numbers:
            if before is not None and numbers[before] == numbers[name]:
                found[-1].append(name)
            else:
                found.append([name])
        before = name if name in numbers else None
    return found


class _Updating:
    """The state of planning one program's updates."""

    def __init__(
        self,
        ops: list[Op],
        parameters: Mapping[str, View],
        contributions: Mapping[str, list[Contribution]],
        *,
        update: Update,
        watched: set[str],
        places: Places,
    ) -> None:
        self.ops, self.parameters, self.contributions = ops, parameters, contributions
        self.update, self.watched, self.flats, self.layout = update, watched, places.flats, places.layout
        self.count = uses(ops, [c.view for many in contributions.values() for c in many])
        self.count.update(places.pinned)
        self.writer = {storage: k for k, op in enumerate(ops) for storage in op.writes}
        self.ones: dict[int, View] = {}
        self.gone: set[int] = set()
        self.insert: dict[int, list[Op]] = {}
        self.gradients: dict[str, View] = {}
        self.states: dict[str, Storage] = {}
        self.decays: dict[str, dict[str, float]] = {"grad": {}, "velocity": {}}
        self.last: list[Op] = []

    def done(self) -> tuple[list[Op], dict[str, View]]:
        last = {}
        for k, op in enumerate(self.ops):
            for storage in op.reads:
                last[storage] = k
        for name, parameter in self.parameters.items():
            if self.update.kind != "none":
                self._one(name, parameter, last.get(parameter.storage, -1))
        ops = list(self.insert.get(-1, ()))
        for k, op in enumerate(self.ops):
            if k not in self.gone:
                ops.append(op)
            ops += self.insert.get(k, ())
        for kind, decays in self.decays.items():
            ops += self._decay(kind, decays)
        return ops + self.last + self._flat(), self.gradients

    def _one(self, name: str, parameter: View, last: int) -> None:
        update, kept = self.update, name in self.watched or self.update.kind == "gradients"
        if kept:
            beta = Rate(1.0 if update.accumulate else 0.0)
            target = _Target(self._state("grad", name, parameter), beta, lr=False)
            self.gradients[name] = target.view
        elif update.momentum:
            target = _Target(self._state("velocity", name, parameter), Rate(update.momentum), lr=False)
        else:
            target = _Target(parameter, Rate(1.0), lr=True)
        first = True
        position = last if target.lr else -1
        ordered = sorted(self.contributions[name], key=lambda c: self.writer.get(c.view.storage, -1))
        ordered, decay = self._decayed(parameter, ordered)
        if target.lr:
            target = replace(target, beta=Rate(1.0, -decay))
        elif decay:
            self.decays[target.view.storage.name.partition("_")[0]][name] = decay
        for contribution in ordered:
            found = self._sunk(contribution, target, first, f"gradient of {name}")
            position = max(position, self.writer.get(contribution.view.storage, -1))
            self.insert.setdefault(position, []).extend(found)
            first = False
        if first and target.beta != Rate(1.0):
            self._only_beta(target, position, name)
        if kept and update.kind == "descent":
            self._from_gradient(name, parameter, target.view)

    def _decayed(self, parameter: View, contributions: list[Contribution]) -> tuple[list[Contribution], float]:
        """The contributions that are no multiples of the parameter itself, and the sum of those that are."""
        left, decay = [], 0.0
        for c in contributions:
            number = self._multiple(c, parameter)
            if number is None:
                left.append(c)
            else:
                self._take(c)
                decay += number
        return left, decay

    def _sunk(self, c: Contribution, target: _Target, first: bool, what: str) -> list[Op]:
        beta = target.beta if first else Rate(1.0)
        alpha = target.alpha(c.factor)
        kwargs: dict[str, Any] = {"alpha": alpha}
        product = self._product(c)
        into = target.view
        if product is not None:
            a, b = product
            self._take(c)
            into = into.matrix(a.shape[0])
            if beta == Rate(0.0) and alpha == Rate(1.0):
                return [Op(_aten.mm.default, (a, b), outs=(into,), why=what)]
            if beta != Rate(1.0):
                kwargs["beta"] = beta
            why = f"{what}, added inside the product"
            return [Op(_aten.addmm_.default, (into, a, b), kwargs, (into,), inplace=True, why=why)]
        rows = self._rows(c)
        if rows is not None:
            self._take(c)
            if beta == Rate(0.0) and alpha == Rate(1.0):
                return [Op(_aten.sum.dim_IntList, (rows.transposed, [0]), outs=(into,), why=what)]
            if beta != Rate(1.0):
                kwargs["beta"] = beta
            ones = self._ones(rows)
            why = f"{what}, its sum over the batch as a product with ones"
            return [Op(_aten.addmv_.default, (into, rows, ones), kwargs, (into,), inplace=True, why=why)]
        view = c.view
        found = []
        if beta == Rate(0.0):
            if kwargs["alpha"] == Rate(1.0):
                return [Op(_aten.copy_.default, (into, view), outs=(into,), inplace=True, why=what)]
            return [Op(_aten.mul.Tensor, (view, kwargs["alpha"]), outs=(into,), why=what)]
        if beta != Rate(1.0):
            found.append(Op(_aten.mul_.Tensor, (into, beta), outs=(into,), inplace=True, why=what))
        found.append(Op(_aten.add_.Tensor, (into, view), kwargs, (into,), inplace=True, why=what))
        return found

    def _only_beta(self, target: _Target, position: int, name: str) -> None:
        if target.beta == Rate(0.0):
            op = Op(
                _aten.fill_.Scalar, (target.view, 0.0), outs=(target.view,), inplace=True, why=f"gradient of {name}"
            )
        else:
            op = Op(
                _aten.mul_.Tensor,
                (target.view, target.beta),
                outs=(target.view,),
                inplace=True,
                why=f"update of {name}",
            )
        self.insert.setdefault(position, []).append(op)

    def _decay(self, kind: str, decays: Mapping[str, float]) -> list[Op]:
        """The multiples of parameters in their gradients or velocities; one call for those that lie side by side."""
        found = []
        for run in runs(list(self.layout), decays):
            parameters = [self.parameters[n].storage for n in run]
            states = [self.states[f"{kind}_{n}"] for n in run]
            begin = self.layout[run[0]]
            size = self.layout[run[-1]] + parameters[-1].size - begin
            P, T = (View(self.flats[k], (size,), (1,), begin) for k in ("parameter", kind))
            why = f"gradient of {', '.join(run)}: the multiple of {'itself' if len(run) == 1 else 'themselves'}"
            alpha = {"alpha": Rate(decays[run[0]])}
            found.append(
                Op(_aten.add_.Tensor, (T, P), alpha, (T,), inplace=True, why=why, beside=(*parameters, *states))
            )
        return found

    def _from_gradient(self, name: str, parameter: View, gradient: View) -> None:
        """The update of one parameter whose gradient is kept."""
        why, one = f"update of {name}, whose gradient is read", {"alpha": Rate(1.0)}
        if self.update.momentum:
            V, beta = self._state("velocity", name, parameter), Rate(self.update.momentum)
            self.last.append(Op(_aten.mul_.Tensor, (V, beta), outs=(V,), inplace=True, why=why))
            self.last.append(Op(_aten.add_.Tensor, (V, gradient), one, (V,), inplace=True, why=why))
            return  # the velocities of all parameters are subtracted at once
        alpha = {"alpha": Rate(0.0, -1.0)}
        self.last.append(Op(_aten.add_.Tensor, (parameter, gradient), alpha, (parameter,), inplace=True, why=why))

    def _flat(self) -> list[Op]:
        if self.update.kind != "descent" or not self.update.momentum:
            return []
        P, V = (View(self.flats[k], (self.flats[k].size,), (1,)) for k in ("parameter", "velocity"))
        beside = (*(p.storage for p in self.parameters.values()), *self.states.values())
        alpha, why = {"alpha": Rate(0.0, -1.0)}, "update of all parameters at once"
        return [Op(_aten.add_.Tensor, (P, V), alpha, (P,), inplace=True, why=why, beside=beside)]

    def _state(self, kind: str, name: str, parameter: View) -> View:
        key = f"{kind}_{name}"
        if key not in self.states:
            self.states[key] = Storage(key, parameter.storage.size, parameter.storage.dtype, "state")
        return replace(parameter, storage=self.states[key])

    def _take(self, c: Contribution) -> None:
        self.gone.add(self.writer[c.view.storage])

    def _producer(self, c: Contribution) -> Op | None:
        """The call that makes the contribution, if it does so for this purpose alone."""
        k = self.writer.get(c.view.storage)
        if k is None or self.count[c.view.storage] != 1:
            return None
        op = self.ops[k]
        return None if op.inplace or len(op.outs) != 1 else op

    def _movable(self, c: Contribution) -> Op | None:
        """The producer, if it may be made later: it reads no parameter, which might have changed by then."""
        op = self._producer(c)
        return None if op is None or any(s.kind == "parameter" for s in op.reads) else op

    def _product(self, c: Contribution) -> tuple[View, View] | None:
        op = self._movable(c)
        if op is None or op.function is not _aten.mm.default:
            return None
        a, b = op.args
        if c.view == op.outs[0] or (c.view.whole and op.outs[0].whole):  # a filter's, as a matrix
            return a, b
        return (b.transposed, a.transposed) if c.view == op.outs[0].transposed else None

    def _rows(self, c: Contribution) -> View | None:
        """The transpose of the matrix whose rows are added up."""
        op = self._movable(c)
        if op is None or op.function is not _aten.sum.dim_IntList or op.kwargs or c.view.storage != op.outs[0].storage:
            return None
        matrix, dims, *keep = op.args
        if len(matrix.shape) != 2 or list(dims) != [0] or any(keep) or c.view != op.outs[0]:
            return None
        return matrix.transposed  # type: ignore[no-any-return]  # it is a View

    def _multiple(self, c: Contribution, parameter: View) -> float | None:
        """The number that the contribution is of the parameter."""
        op = self._producer(c)
        if op is None or op.function is not _aten.mul.Tensor or c.view != op.outs[0] or op.args[0] != parameter:
            return None
        return c.factor * float(op.args[1]) if isinstance(op.args[1], float | int) else None

    def _ones(self, rows: View) -> View:
        n = rows.shape[1]
        if n not in self.ones:
            value = torch.ones(n, dtype=rows.storage.dtype)
            self.ones[n] = View(Storage(f"ones{n}", n, rows.storage.dtype, "constant", value), (n,), (1,))
        return self.ones[n]
