"""Plans that were made before: networks of one structure share them, as do the runs of one network.

In   a Tape, the layout of its parameters, a Request
Out  its Plan, made now or remembered

A plan is data that nobody changes, and depends on everything but the parameters' values: layers with their kernels,
signals, constants, what is asked for.  A scan over learning rates, or one more `fit`, plans nothing anew.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from scratchgrad.program.planning import Plan, Request, planned

if TYPE_CHECKING:
    from scratchgrad.program.flat import Flat
    from scratchgrad.tape.tape import Tape

__all__ = ["plan_of"]

_MANY = 32
_plans: OrderedDict[tuple[Any, ...], Plan] = OrderedDict()


def plan_of(tape: Tape, flat: Flat, request: Request) -> Plan:
    """The plan of the tape as it is now."""
    key = (_structure(tape), tuple(flat.offsets.items()), flat.dtype, flat.device, request)
    found = _plans.get(key)
    if found is None:
        found = planned(tape, flat, request)
        if found.opaque:  # a kernel that is called as it is may remember something
            return found
        _plans[key] = found
        if len(_plans) > _MANY:
            _plans.popitem(last=False)
    _plans.move_to_end(key)
    return found


def _structure(tape: Tape) -> tuple[Any, ...]:
    net = tape.network
    signals = tuple((s.name, s.shape, s.role, s.integer) for s in net.signals)
    constants = tuple((name, net.leaves[name].numpy().tobytes()) for name in net.names("constant"))
    kernels = tuple((e, e.kernel.forward, e.kernel.backward) for e in tape.entries)
    objective = None if net.objective_signal is None else net.objective_signal.name
    return signals, constants, kernels, objective, net.reduction, net.dtype
