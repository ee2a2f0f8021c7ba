"""One source, as people hand in their code: a kernel, two plain functions, an autograd.Function, NumPy functions.

NumPy functions take their tensors apart into arrays, so that nobody sees what they compute: they can only be probed.
"""

from typing import Any

import numpy as np
import torch

import scratchgrad as sg
from scratchgrad.certification.calling import Calling
from scratchgrad.certification.judging import judge
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.through_autograd import by_autograd
from tests.certification.mutation.room import Room

WRAPPERS = ("kernel", "functions", "autograd", "numpy")


def _backward(kernel, saved, gradients):
    found = kernel.backward(saved, *gradients)
    return found if isinstance(found, tuple) else (found,)


def _functions(room: Room, kernel):
    """forward(*tensors) -> outputs, backward(grad, *tensors) -> gradients."""

    def forward(*tensors):
        return kernel.forward(*tensors)[0]

    def backward(grad, *tensors):
        gradients = grad if len(room.outputs) > 1 else (grad,)
        return _backward(kernel, kernel.forward(*tensors)[1], gradients)

    return forward, backward


def _numpy(room: Room, kernel):
    """As `_functions`; arrays inside."""
    plain_forward, plain_backward = _functions(room, kernel)

    def through(function):
        def called(*arguments):
            return apart(function(*(apart(a) for a in arguments)))

        return called

    return through(plain_forward), through(plain_backward)


def apart(value: Any) -> Any:
    """The tensors as arrays, and as tensors again: nothing remains of how they came about."""
    if isinstance(value, tuple):
        return tuple(map(apart, value))
    return torch.from_numpy(np.asarray(value)) if isinstance(value, torch.Tensor) else value


def wrapped(room: Room, kernel):
    """A torch.autograd.Function."""

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *tensors):
            outputs, ctx.kept = kernel.forward(*tensors)
            return outputs

        @staticmethod
        def backward(ctx, *gradients):
            return _backward(kernel, ctx.kept, gradients)

    return Wrapped


def subject(room: Room, kernel: Any, wrapper: str) -> Subject:
    """The kernel to be examined, in this wrapper."""
    return subjects(room, kernel, wrapper)[0]


def subjects(room: Room, kernel: Any, wrapper: str) -> list[Subject]:
    """The same; for a Function followed by those in which one input alone asks for a gradient."""
    if wrapper == "kernel":
        how = Calling.SAVED_FIRST
        return [Subject(room.specification, kernel.forward, kernel.backward, kernel=True, calling=how)]
    if wrapper == "autograd":
        real = [place for place, role in enumerate(room.inputs) if not role.integer]
        return [_recorded(room, kernel, only) for only in (None, *(real if len(real) > 1 else ()))]
    forward, backward = (_functions if wrapper == "functions" else _numpy)(room, kernel)
    return [Subject(room.specification, forward, backward, kernel=False, calling=Calling.TENSORS)]


def _recorded(room: Room, kernel: Any, only: int | None) -> Subject:
    asking = None if only is None else frozenset({only})
    forward, backward = by_autograd(wrapped(room, kernel), len(room.outputs), asking)
    how = Calling.SAVED_FIRST
    return Subject(room.specification, forward, backward, kernel=False, calling=how, recorded=True)


def verdict(room: Room, kernel: Any, wrapper: str) -> Any:
    """What `certify` says to whoever hands it in."""
    if wrapper == "kernel":  # a Layer's own kernel: `certify` would hand out a certificate for it
        return judge(room.battery, subject(room, kernel, wrapper))
    if wrapper == "autograd":
        return sg.certify(room.name, wrapped(room, kernel))
    forward, backward = (_functions if wrapper == "functions" else _numpy)(room, kernel)
    return sg.certify(room.name, forward, backward)
