"""A kernel whose results are changed around it: for some sizes, values, upstream gradients, layouts, dtypes, calls.

size       an axis or the batch, or two, is longer than k, is k, is a multiple of k; what lies beyond k is dropped
value      an input is c somewhere
region     an input is large, small, in an interval
joint      several inputs together: u > v, the product is large, two entries are equal
upstream   the gradient that arrives is all ones, zeros, equal, positive; is clipped, flushed, rounded; has stride 0
layout     memory is read as if it were contiguous, as if it began at 0; or only other layouts are wrong
dtype      only float32, or only float64, is wrong; a tensor goes through float32
calls      the second, third, tenth, fiftieth call; what was kept from earlier ones; what was saved is changed
"""

from dataclasses import dataclass, field

import numpy as np
import torch

from tests.certification.mutation.inside import FAULTS, MAGNITUDES, magnitude, special
from tests.certification.mutation.mutant import Mutant, Place
from tests.certification.mutation.room import Room, variable

_TEMPLATE = """

{before}class Mutant:

    @staticmethod
    def forward({inputs}):
        {forward_first}
        {outputs}, saved = Kernel.forward({inputs})
        {forward_last}
        return ({outputs}, (saved, {inputs}, [0]))

    @staticmethod
    def backward(kept, {upstream}):
        saved, {inputs}, calls = kept
        {backward_first}
        found = Kernel.backward(saved, {upstream})
        {results}, = found if isinstance(found, tuple) else (found,)
        {backward_last}
        return ({results},)
"""


@dataclass
class Change:
    """Statements before and after the kernel's own, forward or backward; and where they matter."""

    stage: str
    first: str = ""
    last: str = ""
    before: str = ""
    places: list[Place] = field(default_factory=list)


class Around:
    """The makers of one room; each draws a Change of its kind."""

    def __init__(self, room: Room, rng) -> None:
        self.room, self.rng = room, rng
        self.real = [role for role in room.inputs if not role.integer]

    # what is wrong

    def one(self, of):
        """One of them at random."""
        return of[int(self.rng.integers(len(of)))]

    def target(self, stage: str):
        """A result of that stage: its variable, and whose shape it has."""
        role = self.one(self.room.outputs if stage == "forward" else self.real)
        return (variable(role) if stage == "forward" else f"grad_{role.name}"), role

    def fault(self, r: str, role) -> str:
        """The result, wrong."""
        faults = [*FAULTS[:4], "1.01 * {e}"]
        if self.room.dimensions(role):
            faults += ["{e}.roll(1, -1)", "torch.cat([{e}[..., :-1], 0 * {e}[..., -1:]], -1)"]
        return self.one(faults).format(e=r)

    def when(self, condition: str, places, stage: str = "") -> Change:
        """One result is wrong if the condition holds."""
        stage = stage or self.one(("forward", "backward"))
        r, role = self.target(stage)
        return Change(stage, last=f"if {condition}: {r} = {self.fault(r, role)}", places=places)

    def where(self, condition: str, of, places) -> Change:
        """The entries of a result are wrong where the condition holds for those of a tensor of the same shape."""
        stage = self.one(("forward", "backward"))
        r, role = self.target(stage)
        if not self.room.alike(role, of):
            return self.when(f"({condition}).any()", places)
        return Change(stage, last=f"{r} = torch.where({condition}, {self.fault(r, role)}, {r})", places=places)

    # the kinds

    def size(self) -> Change:
        axis, k = self.one(self.room.axes), int(10 ** self.rng.uniform(np.log10(6), np.log10(4000)))
        places = [Place(f"{axis.size} = {n}", sizes={axis.size: n}) for n in (k + 1, k, 2 * k, k + 7)]
        form = int(self.rng.integers(6))
        if form == 0:
            return self.when(f"{axis.source} == {k}", places)
        if form == 1:
            return self.when(f"{axis.source} % {k} == 0 and {axis.source}", places)
        if form == 2:
            role = self.one(self.room.inputs)
            several = [Place(f"{a.size} = {2 * k}", sizes={a.size: 2 * k}) for a in self.room.axes]
            return self.when(f"{variable(role)}.numel() > {k}", several)
        if form == 3:
            stage = self.one(("forward", "backward"))
            r, role = self.target(stage)
            if self.room.dimensions(role):
                last = "batch" if self.room.dimensions(role) == role.sample else str(role.tensor.sizes[-1])
                beyond = [Place(f"{last} = {n}", sizes={last: n}) for n in (k + 1, 2 * k)]
                cut = f"{r} = torch.cat([{r}[..., :{k}], 0 * {r}[..., {k}:]], -1)"
                known = last == "batch" or any(a.size == last for a in self.room.axes)
                return Change(stage, last=cut, places=beyond if known else places)
        other = self.one([a for a in self.room.axes if a.size != axis.size] or [axis])
        if form == 4 and other is not axis:
            k, m = (int(10 ** self.rng.uniform(np.log10(6), 1.8)) for _ in range(2))
            both = [Place(f"{axis.size} and {other.size} are long", sizes={axis.size: k + 1, other.size: m + 1})]
            return self.when(f"{axis.source} > {k} and {other.source} > {m}", both)
        return self.when(f"{axis.source} > {k}", places)

    def value(self) -> Change:
        role, c = self.one(self.room.inputs), special(self.rng)
        u = variable(role)
        if role.integer:
            c = float(self.rng.integers(3))
        return self.where(f"{u} == {c}", role, [_filled(role.name, c, part) for part in (0.3, 0.6, 1.0)])

    def region(self) -> Change:
        role = self.one(self.real)
        u = variable(role)
        form = int(self.rng.integers(5))
        if form == 0:
            low = round(float(self.rng.normal(0, 3)), 2)
            high = round(low + magnitude(self.rng, -2, 0.5), 3)
            inner = [_filled(role.name, low + part * (high - low), n) for part, n in ((0.5, 0.4), (0.25, 1.0))]
            return self.where(f"({u} > {low}) & ({u} < {high})", role, inner)
        if form == 1:
            c = magnitude(self.rng, -9, -0.5)
            inner = [_filled(role.name, c * part, n) for part, n in ((0.5, 0.4), (-0.3, 1.0))]
            return self.where(f"{u}.abs() < {c}", role, inner)
        c = magnitude(self.rng, 0.3, 5)
        inner = [_filled(role.name, c * part, n) for part, n in ((1.5, 0.4), (-2.0, 0.4), (3.0, 1.0), (-1.2, 1.0))]
        condition = (f"{u}.abs() > {c}", f"{u} > {c}", f"{u} < -{c}")[form - 2]
        return self.where(condition, role, inner)

    def joint(self) -> Change:
        role, other = self.one(self.real), self.one(self.real)
        u, v, c = variable(role), variable(other), magnitude(self.rng, -1, 4)
        places = [*MAGNITUDES, _filled(role.name, 2 * c, 1.0), _filled(role.name, -2 * c, 1.0)]
        if role is not other and self.room.alike(role, other):
            if self.rng.random() < 0.5:
                return self.where(f"{u} > {v} + {c}", role, [*places, _filled(other.name, -3 * c, 0.5)])
            return self.where(f"{u} * {v} > {c}", role, places)
        condition = self.one((f"{u}.sum() > {c}", f"({u} * {u}).sum() > {c}", f"{u}.sum() * {v}.sum() > {c}"))
        if self.room.dimensions(role) and self.rng.random() < 0.3:
            condition = self.one((f"({u}[..., 0] == {u}[..., -1]).all()", f"{u}.max() - {u}.min() > {c}"))
            places.append(_filled(role.name, 0.7, 1.0))
        return self.when(condition, places)

    def upstream(self) -> Change:
        role = self.one(self.room.outputs)
        g = f"grad_{role.name}"
        c, tiny = magnitude(self.rng, 0, 6), magnitude(self.rng, -28, -2)
        conditions = {
            f"({g} == 1).all()": 1.0,
            f"({g} == 0).all()": 0.0,
            f"({g} == {g}.flatten()[:1]).all()": 0.7,
            f"({g} > 0).all()": 0.7,
            f"({g} < 0).all()": -0.7,
            f"({g}.abs() < {tiny}).all()": tiny / 3,
            f"({g}.abs() > {c}).any()": 2 * c,
        }
        changes = {
            f"{g}.clamp(-{c}, {c})": 2 * c,
            f"torch.where({g}.abs() < {tiny}, 0.0, {g})": tiny / 3,
            f"{g} / ({g}.norm() / {c}).clamp(min=1)": 2 * c,
            f"{g}.nan_to_num()": float("nan"),
            f"{g}.round(decimals=4)": 3e-5,
            f"{g}.float().to({g}.dtype)": 0.1,
            f"torch.ones_like({g}) if ({g} > 0).all() else {g}": 0.7,
        }
        if self.room.dimensions(role):
            conditions[f"0 in {g}.stride()"] = None
            changes[f"{g}[:1].expand({g}.shape)"] = None
        if self.rng.random() < 0.5:
            condition = self.one(list(conditions))
            places = _arriving(role.name, conditions[condition])
            return self.when(f"{g} is not None and {condition}", places, "backward")
        changed = self.one(list(changes))
        places = _arriving(role.name, changes[changed])
        return Change("backward", first=f"{g} = None if {g} is None else {changed}", places=places)

    def layout(self) -> Change:
        upstream = self.rng.random() < 0.4
        role = self.one(self.room.outputs if upstream else self.real)
        t, name = (f"grad_{role.name}" if upstream else variable(role)), f"{'grad_' * upstream}{role.name}"
        places = [Place(words, layouts={name: build}) for words, build in LAYOUTS.items()]
        read = (
            f"{t}.as_strided({t}.shape, torch.empty({t}.shape).stride(), {t}.storage_offset())",
            f"{t}.as_strided({t}.shape, {t}.stride(), 0)",
            f"{t}.as_strided({t}.shape, torch.empty({t}.shape).stride(), 0)",
            f"{t}.new_empty(0).set_({t}.untyped_storage(), 0, {t}.shape)",
            f"{t}.view(-1).view({t}.shape)",
        )
        conditions = [f"not {t}.is_contiguous()", f"{t}.storage_offset()", f"{t}.data_ptr() % 16"]
        if self.room.dimensions(role):
            conditions += [f"{t}.stride(-1) != 1 and {t}.shape[-1] > 1", f"0 in {t}.stride()"]
        if self.room.dimensions(role) == 4:
            lies = f"{t}.is_contiguous(memory_format=torch.channels_last) and not {t}.is_contiguous()"
            conditions += [lies] * 4
        stage = "backward" if upstream else self.one(("forward", "backward"))
        if self.rng.random() < 0.5:
            return Change(stage, first=f"{t} = {t} if {t} is None else {self.one(read)}", places=places)
        return self.when(f"{t} is not None and ({self.one(conditions)})", places, stage)

    def dtype(self) -> Change:
        role = self.one(self.real)
        u = variable(role)
        single = [Place("float32", dtype="float32")]
        if self.rng.random() < 0.5:
            dtype = self.one(("float32", "float64"))
            return self.when(f"{u}.dtype == torch.{dtype}", single if dtype == "float32" else [])
        stage = self.one(("forward", "backward"))
        r, _ = self.target(stage)
        through = self.one(("float", "half", "bfloat16", "long"))
        return Change(stage, last=f"{r} = {r}.{through}().to({r}.dtype)")

    def calls(self) -> Change:
        k, stage = self.one((2, 3, 10, 50)), self.one(("forward", "backward"))
        r, role = self.target(stage)
        places, before = [Place(f"{k + 1} calls", calls=k + 1)], "_calls = [0]\n_kept = {}\n\n"
        form = int(self.rng.integers(7))
        if form <= 2:
            condition = (f"_calls[0] == {k}", f"_calls[0] >= {k}", f"_calls[0] % {k} == 0")[form]
            last = f"_calls[0] += 1\n        if {condition}: {r} = {self.fault(r, role)}"
        elif form == 3:
            last = f"{r} = _kept.setdefault(tuple({r}.shape), {r}).clone()"
        elif form == 4:
            last = f"{r} = _kept[tuple({r}.shape)] = {r} + 0.5 * _kept.get(tuple({r}.shape), 0)"
        elif form == 5:
            k, stage, (r, role) = self.one((2, 3)), "backward", self.target("backward")
            last = f"calls[0] += 1\n        if calls[0] == {k}: {r} = {self.fault(r, role)}"
        else:
            t = variable(self.one(self.real)) if stage == "forward" else f"grad_{self.one(self.room.outputs).name}"
            last = f"{t} is None or {t}.{self.one(('mul_(2)', 'neg_()', 'zero_()'))}"
        return Change(stage, last=last, before=before, places=places)

    def mutant(self, kind: str) -> Mutant:
        """A mutant of that kind."""
        change = getattr(self, kind)()
        room = self.room
        results = [("_" if role.integer else "grad_") + role.name for role in room.inputs]
        outputs = ", ".join(variable(role) for role in room.outputs)
        body = _TEMPLATE.format(
            before=change.before,
            inputs=", ".join(variable(role) for role in room.inputs),
            outputs=f"({outputs})" if len(room.outputs) > 1 else outputs,
            upstream=", ".join(f"grad_{role.name}" for role in room.outputs),
            results=", ".join(results),
            **{
                f"{stage}_{end}": (getattr(change, end) if stage == change.stage else "") or "pass"
                for stage in ("forward", "backward")
                for end in ("first", "last")
            },
        )
        source = "\n".join(line for line in (room.source + body).splitlines() if line.strip() != "pass")
        words = f"{change.stage}: {' '.join((change.first or change.last).split())}"
        return Mutant(room.name, kind, words, room.source, source, "Mutant", tuple(change.places))


def drawn(room: Room, kind: str, rng):
    """Mutants of that kind at random, without end."""
    around = Around(room, rng)
    while True:
        yield around.mutant(kind)


def _filled(name: str, c: float, part: float) -> Place:
    """A part of the entries of an input are c."""

    def change(tensors, upstream):
        a = tensors[name]
        chosen = np.random.default_rng(7).random(a.shape) < part
        if a.size and not chosen.any():
            chosen = np.ones(a.shape, bool)
        tensors[name] = np.where(chosen, np.asarray(c).astype(a.dtype), a)

    return Place(f"{part:.0%} of {name} are {c:g}", change=change, batch=3)


def _arriving(name: str, c: float | None) -> list[Place]:
    """The upstream gradient is c everywhere, or in some entries; or expanded."""
    if c is None:
        return [Place(words, layouts={f"grad_{name}": build}) for words, build in LAYOUTS.items()]

    def whole(tensors, upstream):
        upstream[name] = np.full_like(upstream[name], c)

    def some(tensors, upstream):
        flat = upstream[name].copy().reshape(-1)
        flat[::2] = c
        upstream[name] = flat.reshape(upstream[name].shape)

    return [Place(f"grad_{name} is {c:g}", change=whole), Place(f"some of grad_{name} are {c:g}", change=some)]


def _offset(t):
    larger = t.new_full((t.numel() + 1,), 3.0)
    larger[1:] = t.flatten()
    return larger[1:].view(t.shape)


def _transposed(t):
    order = list(reversed(range(t.ndim)))
    return t.permute(order).contiguous().permute(order)


def _channels_last(t):
    return t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t


def _every_second(t):
    larger = t.new_full([2 * n + 1 for n in t.shape] or [2], 3.0)
    view = larger[(slice(1, None, 2),) * t.ndim] if t.ndim else larger[1]
    return view.copy_(t)


LAYOUTS = {
    "an offset": _offset,
    "transposed": _transposed,
    "channels last": _channels_last,
    "strided": _every_second,
    "first axis expanded": lambda t: t[:1].clone().expand(t.shape) if t.ndim else t,
    "last axis expanded": lambda t: t[..., :1].clone().expand(t.shape) if t.ndim else t,
    "all expanded": lambda t: t.flatten()[:1].clone().expand(t.numel()).view(t.shape) if t.ndim == 1 else t,
}
