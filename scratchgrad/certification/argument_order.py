"""Whether a pair of functions is right once its arguments come in another order.

In   a Battery, a subject whose forward goes wrong
Out  a sentence that names the order in which it is right, or None

A text names its inputs in the order in which they appear; who wrote forward(x, gamma) for "gamma[i]*x[i]" sees numbers
that no hypothesis about the mathematics explains.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from scratchgrad.certification.battery import Battery
from scratchgrad.certification.calling import Calling
from scratchgrad.certification.examination import Examination
from scratchgrad.certification.probes import Probe
from scratchgrad.certification.subject import Subject

__all__ = ["another_order"]

_MOST = 4
"""More inputs are not tried in every order."""


def another_order(battery: Battery, subject: Subject) -> str | None:
    """The order in which all is right at some ordinary points, where there is one."""
    spec = battery.specification
    count = len(spec.inputs)
    possible = not subject.kernel and subject.calling is Calling.TENSORS and not spec.constants
    if not possible or not 1 < count <= _MOST or subject.forward_function is None:
        return None
    points = [battery.point("normal", battery.batch, battery.sizes(), salt=f"order {n}") for n in range(2)]
    for order in itertools.permutations(range(count)):
        if order == tuple(range(count)):
            continue
        turned = replace(
            subject,
            forward_function=_called_in(subject.forward_function, order, before=0),
            backward_function=_backward_in(subject.backward_function, order),
        )
        examination = Examination(battery.reference, turned)
        if (
            not any(examination.at(Probe("order", "", point, calls=1)) for point in points)
            and examination.measured.probes
        ):
            wanted = ", ".join(spec.inputs[n].name for n in order)
            given = ", ".join(role.name for role in spec.inputs)
            return (
                f"right if the arguments come in the order {wanted}; they come as {given}, as the definition names them"
            )
    return None


def _called_in(function: Callable[..., Any], order: Sequence[int], *, before: int) -> Callable[..., Any]:
    """The function, called with its arguments behind the first `before` in the order."""

    def call(*arguments: Any) -> Any:
        first, rest = arguments[:before], arguments[before:]
        return function(*first, *(rest[n] for n in order))

    return call


def _backward_in(function: Callable[..., Any] | None, order: Sequence[int]) -> Callable[..., Any] | None:
    """The backward, called in the order; its gradients come back in that of the definition."""
    if function is None:
        return None
    call = _called_in(function, order, before=1)

    def backward(*arguments: Any) -> Any:
        found = call(*arguments)
        if not isinstance(found, tuple | list) or len(found) != len(order):
            return found
        return tuple(found[order.index(n)] for n in range(len(order)))

    return backward
