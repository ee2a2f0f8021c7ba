"""Entrywise: the value of one entry from those of the arguments, and the loop of calls that share one.

In   calls whose results lie alike
Out  one nest of loops; what is read is loaded once, as far outside as it can be

The expressions are torch's, also for infinities and for what is not a number.  Every entry is read whether it is needed
or not: GCC 12.2 compiles `m <= 0 ? 0 : g[i]` wrongly.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import torch

from scratchgrad.notation.functions import of_aten
from scratchgrad.program.native.emit.fusing import Group
from scratchgrad.program.native.emit.nests import nest
from scratchgrad.program.native.emit.writer import Unsupported, Writer
from scratchgrad.program.op import Op, Rate, View, views_in

__all__ = ["EXPRESSIONS", "entrywise", "expression", "write"]

_WITHOUT_MEANING = {"dtype", "layout", "device", "pin_memory", "non_blocking", "memory_format"}  # the result has them


def _clamp(a: str, low: str | None = None, high: str | None = None) -> str:
    least = a if low is None else f"({a} < {low} ? {low} : {a})"
    return least if high is None else f"{least} > {high} ? {high} : {least}"


def _pow(a: str, b: str) -> str:
    return {"(R)2.0": f"{a} * {a}", "(R)3.0": f"{a} * {a} * {a}", "(R)0.5": f"SQRT({a})"}.get(b, f"POW({a}, {b})")


# R is the type of real numbers; an argument is a variable or a number.  Functions have theirs in the table.
EXPRESSIONS: dict[str, Callable[..., str]] = {
    "add": lambda a, b, alpha="1": f"{a} + {b}" if alpha == "1" else f"{a} + {alpha} * {b}",
    "sub": lambda a, b, alpha="1": f"{a} - {b}" if alpha == "1" else f"{a} - {alpha} * {b}",
    "rsub": lambda a, b, alpha="1": f"{b} - {a}" if alpha == "1" else f"{b} - {alpha} * {a}",
    "mul": lambda a, b: f"{a} * {b}",
    "div": lambda a, b: f"{a} / {b}",
    "addcmul": lambda a, b, c, value="1": f"{a} + {b} * {c}" if value == "1" else f"{a} + {value} * {b} * {c}",
    "addcdiv": lambda a, b, c, value="1": f"{a} + {b} / {c}" if value == "1" else f"{a} + {value} * {b} / {c}",
    "lerp": lambda a, b, w: f"{a} + {w} * ({b} - {a})",
    "neg": lambda a: f"-{a}",
    "square": lambda a: f"{a} * {a}",
    "reciprocal": lambda a: f"1 / {a}",
    "rsqrt": lambda a: f"1 / SQRT({a})",
    "maximum": lambda a, b: f"{a} != {a} || {a} > {b} ? {a} : {b}",
    "minimum": lambda a, b: f"{a} != {a} || {a} < {b} ? {a} : {b}",
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": lambda a, high: _clamp(a, None, high),
    "hardswish": lambda a: f"{a} * ({_clamp(f'({a} + 3)', '0', '6')}) / 6",
    "hardswish_backward": lambda g, a: f"{a} <= -3 ? 0 : {a} >= 3 ? {g} : {g} * ({a} / 3 + (R)0.5)",
    "log_sigmoid_backward": lambda g, a, z: f"{g} * (({a} < 0) - ({a} < 0 ? 1 : -1) * ({z} / (1 + {z})))",
    "bitwise_not": lambda a: f"!{a}",
    "logical_not": lambda a: f"!{a}",
    "bitwise_and": lambda a, b: f"{a} & {b}",
    "logical_and": lambda a, b: f"{a} && {b}",
    "bitwise_or": lambda a, b: f"{a} | {b}",
    "logical_or": lambda a, b: f"{a} || {b}",
    "relu": lambda a: f"{a} <= 0 ? 0 : {a}",  # what is not a number stays what it is
    "threshold_backward": lambda g, h, t: f"{h} <= {t} ? 0 : {g}",
    "where": lambda c, a, b: f"{c} ? {a} : {b}",
    "masked_fill": lambda a, mask, value: f"{mask} ? {value} : {a}",
    "gt": lambda a, b: f"{a} > {b}",
    "ge": lambda a, b: f"{a} >= {b}",
    "lt": lambda a, b: f"{a} < {b}",
    "le": lambda a, b: f"{a} <= {b}",
    "eq": lambda a, b: f"{a} == {b}",
    "ne": lambda a, b: f"{a} != {b}",
    "clone": lambda a: a,
    "_to_copy": lambda a: a,
    "copy_": lambda a, b: b,
    "fill_": lambda a, b: b,
    "add_": lambda a, b, alpha="1": f"{a} + {b}" if alpha == "1" else f"{a} + {alpha} * {b}",
    "mul_": lambda a, b: f"{a} * {b}",
    "pow": _pow,
}


def expression(name: str) -> Callable[..., str] | None:
    """The expression of an operation: one of those above, or that of a function of the table; None for others."""
    row = of_aten(name)
    return EXPRESSIONS.get(name) if row is None else row.c.format


def entrywise(op: Op) -> bool:
    """Whether the call has an expression."""
    known = isinstance(op.function, torch._ops.OpOverload) and expression(op.name) is not None
    return known and len(op.outs) == 1


def write(writer: Writer, group: Group) -> None:
    """The loops of the group."""
    out = group.ops[0].outs[0]
    written: set[View] = set()
    loaded: list[View] = []
    for op in group.ops:
        _check(op)
        for view in _arguments(op):
            if view not in written and view not in loaded:
                loaded.append(view)
        written.add(op.outs[0])
    stored = [v for v in dict.fromkeys(op.outs[0] for op in group.ops) if v.storage in group.needed]
    around = nest(out.shape, list(dict.fromkeys([out, *written, *loaded])))
    names, numbers = {}, count(1)
    loads: dict[int, list[str]] = {depth: [] for depth in range(len(around.sizes) + 1)}
    for view in loaded:
        names[view] = f"a{next(numbers)}"
        loads[around.depth(view)].append(f"{writer.type(view.storage)} {names[view]} = {around.entry(writer, view)};")
    body = []
    for op in group.ops:
        value = _value(writer, op, names)
        kind = writer.type(op.outs[0].storage)
        names[op.outs[0]] = f"a{next(numbers)}"
        body.append(f"{kind} {names[op.outs[0]]} = {f'({value}) != 0' if kind == 'B8' else value};")
    body += [f"{around.entry(writer, view)} = {names[view]};" for view in stored]
    writer.write("{ " + " ".join(loads[0]))
    for k in around.axes:
        if k == around.axes[-1]:
            writer.write(*around.side_by_side)
        writer.write(around.loops([k]) + "{ " + " ".join(loads[k + 1]))
    writer.write(*body, "}" * (1 + len(around.sizes)))


def _arguments(op: Op) -> list[View]:
    """The views whose entries the call reads: an assignment does not read what it overwrites."""
    args = op.args[1:] if op.name in ("copy_", "fill_") else op.args
    return list(views_in(args))


def _check(op: Op) -> None:
    """Raises Unsupported where an argument would change the meaning in a way that no expression has."""
    others = set(op.kwargs) - _WITHOUT_MEANING - {"alpha", "value"}
    if others:
        raise Unsupported(f"{op.name} with {', '.join(sorted(others))} ({op.why})")


def _value(writer: Writer, op: Op, names: dict[View, str]) -> str:
    if op.name in ("clone", "_to_copy"):
        return names[op.args[0]]
    if op.name in ("copy_", "fill_"):
        source = op.args[1]
        return names[source] if isinstance(source, View) else writer.number(source)
    factors = {k: _factor(writer, op.kwargs[k]) for k in ("alpha", "value") if k in op.kwargs}
    values = [_argument(writer, a, names) for a in op.args]
    written = expression(op.name)
    assert written is not None  # asked before
    return written(*values, **factors)


def _argument(writer: Writer, value: Any, names: dict[View, str]) -> str | None:
    if value is None:
        return None
    return names[value] if isinstance(value, View) else writer.number(value)


def _factor(writer: Writer, value: Any) -> str:
    return "1" if value in (1, 1.0, Rate(1.0)) else writer.number(value)
