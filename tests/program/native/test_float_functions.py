"""exp, erf and tanh in float, in forms that the compiler vectorises, against float64 over the whole range."""

import math

import pytest
import torch

from tests.program.native.calls import Calls

aten = torch.ops.aten
ODD = torch.tensor([0.0, -0.0, torch.nan, torch.inf, -torch.inf, 1e-38, -1e-45, 3e38, -3e38])


def all_sizes():
    """Floats of every size, of both signs, the densest where the functions bend."""
    exponents = torch.linspace(-45, 38, 40_001, dtype=torch.float64)
    middle = torch.linspace(-20, 20, 200_001, dtype=torch.float64)
    far = torch.linspace(-110, 95, 50_001, dtype=torch.float64)
    x = torch.cat([10.0**exponents, -(10.0**exponents), middle, far]).float()
    return torch.cat([x, ODD])


@pytest.fixture(scope="module")
def compiled():
    calls, x = Calls(torch.float32), all_sizes()
    for name in ("exp", "erf", "tanh"):
        calls.add(getattr(aten, name).default, x)
    return x, [got.clone() for _, got, _ in calls.results()]


@pytest.mark.parametrize(
    ("place", "function", "ulps"), [(0, torch.exp, 1.5), (1, torch.erf, 1.5), (2, torch.tanh, 2.0)]
)
def test_a_function_in_float_is_right_to_two_units_in_the_last_place(compiled, place, function, ulps):
    x, got = compiled[0], compiled[1][place].double()
    want = function(x.double())
    single = want.float()
    assert torch.equal(got.isnan(), want.isnan())
    assert torch.equal(got.isinf(), single.isinf())
    finite = single.isfinite()
    spacing = torch.nextafter(single.abs(), torch.tensor(math.inf)).double() - single.abs().double()
    error = ((got - want)[finite].abs() / spacing[finite]).max()
    assert error <= ulps, f"{error:.3g} at {x[finite][((got - want)[finite].abs() / spacing[finite]).argmax()]}"


def test_signs_of_zero_stay(compiled):
    x, (_, *odd) = compiled
    for got in odd:
        assert torch.equal(torch.signbit(got[x == 0]), torch.signbit(x[x == 0]))
