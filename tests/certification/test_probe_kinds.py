"""Every kind of probe is needed: for each there is a wrong kernel that no other kind refuses.

The kernels compute with NumPy, so that nothing but the probes sees them.
"""

import math

import numpy as np
import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification.battery import Battery
from scratchgrad.certification.calling import Calling
from scratchgrad.certification.judging import examined
from scratchgrad.certification.specification import specify
from scratchgrad.certification.subject import Subject

SQUARE, IMAGES, ERFC = "h[i,j] = u[i,j]**2", "h[n,c,i,j] = u[n,c,i,j]**2", "h[i,j] = erfc(u[i,j])"


def opaque(function):
    """The function, called with numpy arrays."""
    return lambda *tensors: torch.from_numpy(np.asarray(function(*(t.numpy() for t in tensors))))


def square(u):
    return torch.from_numpy(u.numpy() ** 2)


def times(g, u):
    return torch.from_numpy(2 * g.numpy() * u.numpy())


def where(condition):
    """The gradient of a square, 0 where the condition holds."""
    return opaque(lambda g, u: np.where(condition(g, u), 0 * g, 2 * g * u))


def memory(wrong):
    """The gradient of a square, which takes the upstream gradient's memory for something else where `wrong` says so."""
    return lambda g, u: times(g.as_strided(g.shape, g.contiguous().stride(), 0) if wrong(g) else g, u)


def from_the_twentieth_call_on():
    """Wrong from the 20th to the 45th time that it is called with the same numbers, stored in the same way."""
    seen = {"before": None, "calls": 0}

    def backward(g, u):
        now = (g.tolist(), g.stride(), g.storage_offset(), u.tolist(), u.stride(), u.storage_offset())
        seen["calls"] = seen["calls"] + 1 if seen["before"] == now else 1
        seen["before"] = now
        return times(g, u) * (2 if 19 < seen["calls"] < 46 else 1)

    return backward


def bell(g, u):
    return -2 / math.sqrt(math.pi) * g * np.exp(-u * u)


KINDS = {
    "upstream gradients ones": (SQUARE, square, opaque(lambda g, u: u if (g == 1).all() else 2 * g * u)),
    "axis 1 expanded": (SQUARE, square, memory(lambda g: g.stride() == (1, 0) and g.shape[1] > 1 < g.shape[0])),
    "channels last": (IMAGES, square, memory(lambda g: g.dim() == 4 and g.stride(1) == 1 != g.shape[1] > 1)),
    "part of a larger storage": (SQUARE, square, memory(lambda g: g.is_contiguous() and g.storage_offset())),
    "inputs of size": (SQUARE, square, where(lambda g, u: np.abs(u) > 5000)),
    "upstream gradients of size 1e+": (SQUARE, square, where(lambda g, u: np.abs(g) > 5000)),
    "upstream gradients of size 1e-": (SQUARE, square, where(lambda g, u: (np.abs(g) < 1e-6).all())),
    "inputs near +8": (ERFC, opaque(lambda u: (1 - np.vectorize(math.erf)(u)).astype(u.dtype)), opaque(bell)),
    "inputs tails": (SQUARE, square, where(lambda g, u: (np.abs(u) > 12) & (np.abs(u) < 25))),
    "50 calls": (SQUARE, square, from_the_twentieth_call_on()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_kernel_that_only_this_kind_of_probe_refuses(kind):
    spec, forward, backward = KINDS[kind]
    specification = specify(spec)
    subject = Subject(specification, forward, backward, kernel=False, calling=Calling.TENSORS)
    found = examined(Battery(specification), subject).found
    assert found
    after = {"inputs normal"} if kind == "50 calls" else set()  # it follows with the same numbers
    assert {f.probe.name for f in found if kind not in f.probe.name} <= after


@pytest.mark.parametrize("nth", [3, 7, 50])  # before, it is called to see what it takes and gives
@pytest.mark.parametrize("stage", ["forward", "backward"])
def test_no_one_of_the_first_fifty_calls_is_taken_for_granted(stage, nth):
    counted = {"forward": 0, "backward": 0}

    def once(which, values):
        counted[which] += 1
        return 2 * values if (which, counted[which]) == (stage, nth) else values

    def forward(u):
        return once("forward", u * u)

    verdict = sg.certify("h[i] = u[i]**2", forward, lambda g, u: once("backward", 2 * g * u))
    assert verdict.wrong == (stage,)


def test_a_third_backward_from_the_same_saved_is_compared():
    def backward(saved, g):
        saved["calls"] += 1
        return 2 * g * saved["u"] * (2 if saved["calls"] == 3 else 1)

    verdict = sg.certify("h[i] = u[i]**2", lambda u: (u * u, {"u": u, "calls": 0}), backward)
    assert verdict.wrong == ("backward",)
