"""What forward is given: values in order or by name become one tensor for each input and target.

In   positional values in the order of declaration (inputs first, then targets), named values
Out  tensors of the network's dtype, and the number of samples that all of them carry
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from scratchgrad.tape.operation import WrongInputs
from scratchgrad.tape.values import BatchMismatch, sample_value

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network

__all__ = ["feed"]


def feed(network: Network, values: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[dict[str, Tensor], int | None]:
    """The tensors by signal, and their number of samples: None where each is one sample without a batch axis.

    A target that is left out, or None, is absent.  Raises WrongInputs, ValueMismatch, BatchMismatch, UnknownSignal.
    """
    order = (*network.names("input"), *network.names("target"))
    if len(values) > len(order):
        raise WrongInputs(f"forward: expected at most {len(order)} values ({', '.join(order)}), got {len(values)}")
    everything = dict(zip(order, values, strict=False))
    for name, value in named.items():
        role = network.signal(name).role
        if role not in ("input", "target"):
            raise WrongInputs(f"forward: {name!r} is a {role}; only inputs and targets are given")
        if name in everything:
            raise WrongInputs(f"forward: {name!r} is given twice")
        everything[name] = value
    for name in network.names("input"):
        if everything.get(name) is None:
            raise WrongInputs(f"forward: input {name!r} is missing; expected {', '.join(order)}")
    given: dict[str, Tensor] = {}
    carried: dict[str, int | None] = {}
    for name, value in everything.items():
        if value is not None:
            given[name], carried[name] = sample_value(value, network.signal(name), network.dtype)
    if len(set(carried.values())) > 1:
        counts = ", ".join(
            f"{name!r} is one sample" if n is None else f"{name!r} carries {n}" for name, n in carried.items()
        )
        raise BatchMismatch(f"forward: all inputs and targets carry the same number of samples, but {counts}")
    return given, next(iter(carried.values()), None)
