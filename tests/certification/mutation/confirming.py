"""Whether a mutant computes something else than the room's own kernel, and where: the kernel is the witness.

What differs only at a tie, and lies within what is legal there, is no difference.
"""

import warnings
from functools import partial
from typing import Any

import numpy as np
import torch

from tests.certification.mutation.inside import MAGNITUDES
from tests.certification.mutation.mutant import Mutant, Place
from tests.certification.mutation.room import Room
from tests.certification.mutation.wrapping import apart, wrapped

PLAIN = (
    Place("ordinary numbers"),
    Place("a batch of 3", batch=3),
    Place("small numbers", kind="small"),
    Place("mixed magnitudes", kind="mixed magnitudes"),
    Place("float32", dtype="float32"),
    Place("no samples", batch=0),
    Place("4 calls", calls=4),
)
TIED = (
    Place("ties", kind="ties", batch=5),
    Place("zeros", kind="zeros", batch=5),
    Place("all zero", kind="all zero"),
)

# TRUST: mutants-equal
_DIGITS = {"float64": 1e-10, "float32": 1e-3}


def shown(room: Room, mutant: Mutant, wrapper: str = "kernel") -> str:
    """The place at which the mutant differs from the room's kernel, wrapped like that; "" where none is found."""
    usual = PLAIN if room.specification.batched else [place for place in PLAIN if place.batch is None]
    for place in (*mutant.places, *usual, *MAGNITUDES, *TIED):
        if differs(room, mutant, place, wrapper) and not _legal(room, mutant, place):
            return place.words
    return ""


def runs(room: Room, mutant: Mutant) -> bool:
    """Whether the mutant gives results of the right kind at ordinary numbers."""
    found, right = (_results(k, room, PLAIN[0], "functions") for k in (mutant.kernel(), room.kernel))
    return isinstance(found, list) and len(found) == len(right) and all(map(_fits, found, right))


def differs(room: Room, mutant: Mutant, place: Place, wrapper: str = "kernel") -> bool:
    """Whether the two are different there; a kernel's results must lie in as many pieces of memory, too."""
    right = _results(room.kernel, room, place, wrapper)
    if not isinstance(right, list):  # there is no such place
        return False
    found = _results(mutant.kernel(), room, place, wrapper)
    if not isinstance(found, list) or len(found) != len(right):
        return True
    return not all(_fits(a, b) and _equal(a, b, _DIGITS[place.dtype]) for a, b in zip(found, right, strict=True))


def _results(kernel: Any, room: Room, place: Place, wrapper: str) -> Any:
    """Everything that a kernel returns there, and its arguments afterwards; or what it raises."""
    point = place.point or room.point(place)
    if point is None:
        return None
    found: list[Any] = []
    once = _recorded(room, kernel) if wrapper == "autograd" else partial(_once, kernel, wrapper)
    with torch.inference_mode(wrapper == "kernel"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for call in range(place.calls):
                inputs = [_tensor(place, role.name, point.tensors[role.name], 1 - call % 3 / 4) for role in room.inputs]
                upstream = [
                    _tensor(place, f"grad_{role.name}", point.upstream[role.name], 1 + call) for role in room.outputs
                ]
                if wrapper == "numpy":  # arrays know no offset of a storage
                    inputs, upstream = list(apart(tuple(inputs))), list(apart(tuple(upstream)))
                found += once(inputs, upstream)
        except Exception as error:
            return type(error)
    return found


def _once(kernel: Any, wrapper: str, inputs: list[Any], upstream: list[Any]) -> list[Any]:
    """One forward, and its backward; a kernel's three times with the same saved, and without each gradient."""
    outputs, saved = kernel.forward(*inputs)
    found = [*_all(outputs)]
    if wrapper != "kernel":
        _, saved = kernel.forward(*inputs)
    found += _all(kernel.backward(saved, *upstream))
    if wrapper == "kernel":
        found += [*_all(kernel.backward(saved, *upstream)), *_all(kernel.backward(saved, *upstream))]
        for absent in range(len(upstream) if len(upstream) > 1 else 0):
            found += _all(kernel.backward(saved, *(None if n == absent else g for n, g in enumerate(upstream))))
    found += [*inputs, *upstream]
    if wrapper == "kernel":
        own = [t for t in found if isinstance(t, torch.Tensor) and t.numel()]
        found.append(torch.tensor(len({t.untyped_storage().data_ptr() for t in own})))
    return found


def _recorded(room: Room, kernel: Any) -> Any:
    """The same through torch's engine, which adds up and casts what the Function gives."""
    function = wrapped(room, kernel)

    def once(inputs: list[Any], upstream: list[Any]) -> list[Any]:
        given = [t.requires_grad_() if t.is_floating_point() else t for t in inputs]
        outputs = _all(function.apply(*given))
        real = [t for t in given if t.requires_grad]
        found = [t.detach() for t in outputs]
        for _ in range(3):
            found += torch.autograd.grad(outputs, real, upstream, retain_graph=True, allow_unused=True)
        return [*found, *(t.detach() for t in given), *upstream]

    return once


def _all(gradients: Any) -> Any:
    return gradients if isinstance(gradients, tuple | list) else (gradients,)


def _tensor(place: Place, name: str, values: Any, factor: float) -> Any:
    if values is None:
        return None
    tensor = torch.tensor(values)
    if tensor.is_floating_point():
        tensor = tensor.to(getattr(torch, place.dtype)) * factor
    return place.layouts[name](tensor) if name in place.layouts else tensor


def _fits(a: Any, b: Any) -> bool:
    if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor):
        return a is None and b is None
    return a.shape == b.shape and a.dtype == b.dtype


def _equal(a: Any, b: Any, digits: float) -> bool:
    if a is None or not a.numel():
        return True
    a, b = a.double(), b.double()
    largest = float(b[b.isfinite()].abs().max()) if b.isfinite().any() else 0.0
    return torch.allclose(a, b, rtol=digits, atol=digits * largest, equal_nan=True)


def _legal(room: Room, mutant: Mutant, place: Place) -> bool:
    """Whether there is a tie at the place, and what the mutant gives is legal there, as is what the kernel gives."""
    point = place.point or room.point(place)
    if point is None or place.layouts or place.calls > 1 or point.entries > 1000:
        return False
    truths = room.battery.reference.at(point)
    if not any((truth.slack > 0).any() for truth in truths.values()):
        return False
    tensors = [torch.tensor(point.tensors[role.name]) for role in room.inputs]
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kernel = mutant.kernel()
        try:
            outputs, saved = kernel.forward(*tensors)
            gradients = _all(
                kernel.backward(saved, *(torch.tensor(point.upstream[role.name]) for role in room.outputs))
            )
        except Exception:
            return False
    found = dict(zip((role.name for role in room.outputs), _all(outputs), strict=False))
    found |= {r.tensor.gradient.name: g for r, g in zip(room.inputs, gradients, strict=False) if not r.integer}
    return all(
        isinstance(t, torch.Tensor) and t.shape == truths[name].high.shape and _within(truths[name], t)
        for name, t in found.items()
    )


def _within(truth: Any, tensor: Any) -> bool:
    return bool((truth.units(tensor.double().numpy()) <= 1 / np.finfo(np.float32).eps).all())
