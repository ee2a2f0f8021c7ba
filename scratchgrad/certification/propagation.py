"""What is not a number must not come out as one: a NaN, or an infinity, reaches everything that depends on it.

In   a Battery, a Subject
Out  findings of the kind "nan": an entry that depends on a tensor of NaN, and is an ordinary number

Asked is only what every implementation gives.  An entry depends on a number for certain where sums, products and
functions that are smooth for all numbers lead from it to the entry; and on an infinity where sums and products with
other numbers do.  Where something is compared, divided by it, or has a domain, people guard against zeros and kinks
(relu, the norm of 0, a masked row), and a NaN may be dropped: torch.where(u > 0, u, 0) is a right relu.  Only inputs
that may be all real numbers are tried, and upstream gradients; what raises an error is not asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgrad.certification.exact.balls import Program
from scratchgrad.certification.exact.floats import every_value
from scratchgrad.certification.exact.scalar import Scalar
from scratchgrad.certification.examination import Examination
from scratchgrad.certification.finding import Finding
from scratchgrad.certification.point import Point
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.reference import Undefined
from scratchgrad.certification.subject import Subject
from scratchgrad.notation.functions import TABLE

if TYPE_CHECKING:
    from scratchgrad.certification.battery import Battery

__all__ = ["swallowed"]

_NOT, _PERHAPS, _CERTAINLY = 0, 1, 2

Array = Any


def swallowed(battery: Battery, subject: Subject) -> list[Finding]:
    """The entries that are numbers though all entries of a tensor on which they depend are NaN, or infinite."""
    spec = battery.specification
    # TRUST: nan
    if spec.function is not None:
        return []
    found: list[Finding] = []
    examination = Examination(battery.reference, subject)
    base = battery.probes[0]
    try:
        truths = battery.reference.at(base.point)
    except Undefined:
        return []
    real = [role for role in spec.differentiable if battery.domains[role.name].is_reals]
    for role, upstream in [*((role, False) for role in real), *((role, True) for role in spec.outputs)]:
        name = role.tensor.gradient.name if upstream else role.name
        values = base.point.upstream[role.name] if upstream else base.point.tensors[role.name]
        if values is None or not values.size:
            continue
        for special in (np.nan, np.inf):
            other = np.full_like(values, special)
            probe = Probe("nan", f"{name} {special}", base.point.with_array(role.name, other, upstream=upstream))
            reached = _reached(battery, base.point, name, smooth=bool(np.isnan(special)))
            for result, array in examination.results(probe).items():
                if result not in reached or array.shape != reached[result].shape:
                    continue
                wrong = reached[result] & truths[result].nonzero & (truths[result].high != 0) & np.isfinite(array)
                if wrong.any():
                    entry = tuple(int(n) for n in np.argwhere(wrong)[0])
                    words = f"{name} is {special}, and {result}, which depends on it, is a number"
                    stage = "forward" if any(result == r.name for r in spec.outputs) else "backward"
                    found.append(Finding(stage, "nan", result, words, probe, entry, float(array[entry]), special))
    return found


def _reached(battery: Battery, point: Point, name: str, *, smooth: bool) -> dict[str, Array]:
    """Which entries of every result depend for certain on a tensor."""
    spec = battery.specification
    roles = [(r, r.name, point.tensors[r.name]) for r in spec.differentiable]
    roles += [(r, r.tensor.gradient.name, np.asarray(point.upstream[r.name])) for r in spec.outputs]
    shapes = {r.name: r for r in spec.outputs} | {r.tensor.gradient.name: r for r in spec.differentiable}
    found = {result: np.zeros(r.shape(point.sizes, point.batch), np.int8) for result, r in shapes.items()}
    for n in range(point.batch if spec.batched and point.batch is not None else 1):
        entries, program = battery.reference.entries(point, n)
        symbols: dict[str, Array] = {}
        tainted: set[str] = set()
        for role, tensor, values in roles:
            own = role.sample and point.batch is not None
            nodes = entries.inputs[tensor] if tensor in entries.inputs else entries.upstream[tensor]
            mine = np.ravel(values[n] if own else values).astype(np.float64)
            symbols |= {node.args[0]: mine[k : k + 1] for k, node in enumerate(nodes.ravel())}
            if tensor == name:
                tainted = {node.args[0] for node in nodes.ravel()}
        states = _states(program, symbols, tainted, smooth=smooth)
        for result, nodes in entries.results.items():
            here = np.array([states[node.key] for node in nodes.ravel()], np.int8).reshape(nodes.shape)
            if shapes[result].sample and point.batch is not None:
                found[result][n] = here
            else:
                found[result] = np.maximum(found[result], here)
    return {result: states == _CERTAINLY for result, states in found.items()}


def _states(program: Program, symbols: dict[str, Array], tainted: set[str], *, smooth: bool) -> dict[int, int]:
    """How every node, by its key, depends on some symbols; `smooth` says that functions hand it on."""
    values = every_value(program, symbols, 1, "float64")
    states: dict[int, int] = {}
    for node in program.nodes:
        below = [states[a.key] for a in node.operands]
        if node.op == "symbol":
            states[node.key] = _CERTAINLY if node.args[0] in tainted else _NOT
        elif max(below, default=_NOT) == _NOT:
            states[node.key] = _NOT
        else:
            states[node.key] = _state(node, below, [bool(values[a.key][0] == 0) for a in node.operands], smooth=smooth)
    return states


def _state(node: Scalar, below: list[int], zero: list[bool], *, smooth: bool) -> int:
    """How a node depends on what some of its operands depend on."""
    if node.op == "add":
        return max(below)
    if node.op == "mul":  # 0 times NaN may be left out
        handed = all(b == _CERTAINLY or (b == _NOT and not z) for b, z in zip(below, zero, strict=True))
        return _CERTAINLY if handed else _PERHAPS
    if node.op == "div":
        return below[0] if below[1] == _NOT else _PERHAPS
    if node.op == "power":
        return below[0] if node.args[1] > 0 else _PERHAPS
    if node.op == "choice" and below[0] == _NOT:
        taken = below[1] if not zero[0] else below[2]
        return taken
    if smooth and node.op in TABLE and not TABLE[node.op].domain and not TABLE[node.op].kink:
        return min(below[len(TABLE[node.op].orders) :])
    return _PERHAPS
