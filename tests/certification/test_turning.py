"""A kernel that is right at ordinary numbers is looked at where its own comparisons turn."""

import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification.turning import turning_points


def by_autograd(function):
    """The backward of a forward, by torch."""

    def backward(g, *tensors):
        with torch.enable_grad():
            own = [t.clone().requires_grad_() for t in tensors]
            found = torch.autograd.grad(function(*own), own, g, allow_unused=True)
        return tuple(torch.zeros_like(t) if d is None else d for t, d in zip(tensors, found, strict=True))

    return backward


def nothing(g, u):
    return (0 * g,)


WRONG = {
    "a positive number is clamped below": ("h[i] = x[i]/nu", "nu>0", lambda x, nu: x / nu.clamp(min=1e-6), None),
    "a positive number is clamped above": ("h[i] = x[i]*nu", "nu>0", lambda x, nu: x * nu.clamp(max=1e6), None),
    "a probability is clamped": (
        "L = -Sum(y[i]*log(p[i]), i)",
        "y:onehot; p:probability",
        lambda y, p: -(y * p.clamp(min=1e-12).log()).sum(),
        None,
    ),
    "an interval is clamped near its ends": (
        "h[i] = atanh(u[i])",
        "u in (-1,1)",
        lambda u: u.clamp(-1 + 1e-5, 1 - 1e-5).atanh(),
        None,
    ),
    "a norm is clamped": (
        "h[i] = x[i]/sqrt(Sum(x[j]**2, j))",
        "",
        lambda x: torch.nn.functional.normalize(x, dim=-1),
        None,
    ),
    "large numbers are another case": ("h[i] = 2*u[i]", "", lambda u: torch.where(u > 12345, 3 * u, 2 * u), None),
    "one number is another case": ("h[i] = 2*u[i]", "", lambda u: torch.where(u == 7, 3 * u, 2 * u), None),
    "a window is another case": (
        "h[i] = 2*u[i]",
        "",
        lambda u: torch.where((u > 5) & (u < 5.001), 3 * u, 2 * u),
        None,
    ),
    "a moderate bound, where large numbers overflow": ("h[i] = exp(u[i])", "", lambda u: u.clamp(max=50).exp(), None),
    "a gradient is clipped": ("h[i] = 2*u[i]", "", lambda u: 2 * u, lambda g, u: (2 * g.clamp(-1e5, 1e5),)),
    "a tie of values goes the other way": (
        "h[i] = where(2*u[i] > 1, u[i], 0)",
        "",
        lambda u: torch.where(2 * u >= 1, u, 0 * u),
        lambda g, u: (torch.where(2 * u >= 1, g, 0 * g),),
    ),
    "there are values near 0 only": (
        "h[i] = asin(1000000*u[i])",
        "",
        lambda u: (1000000 * u).asin(),
        lambda g, u: (1000000 * g,),
    ),
    "there are values far away only": (
        "h[i] = acosh(u[i]/100000)",
        "",
        lambda u: (u / 100000).acosh(),
        lambda g, u: (g / u,),
    ),
    "halves are rounded up": ("h[i] = round(u[i])", "", lambda u: (u + 0.5).floor(), nothing),
    "halves are rounded away from 0": (
        "h[i] = round(2*u[i])",
        "",
        lambda u: u.sign() * ((2 * u).abs() + 0.5).floor(),
        nothing,
    ),
    "halves are rounded up, far away": ("h[i] = round(u[i])", "u in [10,11)", lambda u: (u + 0.5).floor(), nothing),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_kernel_that_is_wrong_only_beyond_a_bound_of_its_own_is_refused(case):
    text, domains, forward, backward = WRONG[case]
    verdict = sg.certify(text, forward, backward or by_autograd(forward), domains=domains)
    assert not verdict.accepted, str(verdict)


def test_the_verdict_says_that_a_comparison_turns_there():
    forward = WRONG["a window is another case"][2]
    verdict = sg.certify("h[i] = 2*u[i]", forward, by_autograd(forward))
    assert any(5 <= u <= 5.001 for u in verdict.counterexample.tensors["u"])
    assert "right at ordinary numbers, wrong where one of its comparisons turns" in str(verdict)
    assert "wrong in float64" not in str(verdict)


@pytest.mark.parametrize(
    ("text", "domains", "forward"),
    [
        ("h[i] = max(u[i], 0.3)", "", lambda u: u.clamp(min=0.3)),
        ("h[i] = x[i]*nu", "nu>0", lambda x, nu: x * nu.clamp(min=0)),
        ("h[i] = x[i]/nu", "nu>=1", lambda x, nu: x / nu.clamp(min=1e-6)),
        ("h[i] = where(u[i] > 7, u[i]**2, u[i])", "", lambda u: torch.where(u > 7, u * u, u)),
        ("h[i] = log(1 + exp(u[i]))", "", torch.nn.functional.softplus),
    ],
)
def test_a_right_kernel_with_comparisons_is_accepted(text, domains, forward):
    verdict = sg.certify(text, forward, by_autograd(forward), domains=domains)
    assert verdict.accepted, str(verdict)


def test_nothing_is_searched_where_nothing_is_compared():
    from scratchgrad.certification.battery import Battery
    from scratchgrad.certification.exact_examination import entries_at
    from scratchgrad.certification.specification import specify

    battery = Battery(specify("h[i] = u[i]**2"))
    point = battery.point("normal", None, battery.sizes())
    entries = entries_at(battery, point)
    node = entries.outputs["h"].ravel()[0]
    assert turning_points(battery, entries, [(node, node)], [point]) == []
