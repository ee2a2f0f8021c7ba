"""Functions of the table, from text to certified kernel; and what nobody understands is never accepted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

import scratchgrad as sg
from scratchgrad.certification.batteries import battery_of
from scratchgrad.certification.specification import NothingToCertify, specify
from scratchgrad.layer import Layer
from scratchgrad.notation.functions import TABLE, Function
from scratchgrad.notation.mistakes import UnknownName
from scratchgrad.sheets.layer_sheet import layer_sheet
from scratchgrad.sheets.tex import to_tex
from tests.notation.test_functions import ROWS, definition
from tests.tolerances import tolerance

ERFCX = Function(
    name="erfcx",
    range=">0",
    at_zero="1",
    derivatives=(lambda s, x: 2 * x * s.erfcx(x) - 2 / s.sqrt(s.pi),),
    numpy=None,
    mpmath=lambda mp, x: mp.exp(x**2) * mp.erfc(x),
    arb=lambda x: (x * x).exp() * x.erfc(),
    torch="torch.special.erfcx({0})",
    c="EXP({0} * {0}) * F(erfc)({0})",
    latex="\\operatorname{erfcx}",
)
"""A function that the table does not have: exp(x^2) erfc(x)."""


def in_torch(row: Function, *arguments: Any) -> torch.Tensor:
    """The value as the table's torch column has it."""
    names = [f"a{k}" for k in range(row.arity)]
    value = eval(row.torch.format(*names), {"torch": torch, **dict(zip(names, arguments, strict=True))})
    assert isinstance(value, torch.Tensor)
    return value


def text_in_torch(text: str, u: torch.Tensor) -> torch.Tensor:
    """A text about u[i] as torch computes it."""

    def called(row: Function) -> Any:
        return lambda *a: in_torch(row, *(x if isinstance(x, torch.Tensor) else torch.full_like(u, x) for x in a))

    value = eval(text.replace("[i]", ""), {"u": u, **{row.name: called(row) for row in TABLE.values()}})
    assert isinstance(value, torch.Tensor)
    return value


@ROWS
def test_the_generated_kernel_of_a_function_is_certified(row: Function) -> None:
    kernel = sg.derive(definition(row)).kernel()
    inputs = [torch.tensor([[0.3, 0.6]], dtype=torch.float64) + (row.domain == ">1") for _ in row.derivatives]
    h, saved = kernel.forward(*inputs)
    gradients = kernel.backward(saved, torch.ones_like(h))
    for given in inputs:
        given.requires_grad_()
    value = in_torch(row, *(order + 1 for order in row.orders), *inputs)
    np.testing.assert_allclose(h, value.detach(), **tolerance())
    if row.name != "hurwitz":  # torch differentiates zeta by its first argument only
        wanted = torch.autograd.grad(value.sum(), inputs)
        for got, want in zip(gradients if isinstance(gradients, tuple) else (gradients,), wanted, strict=True):
            np.testing.assert_allclose(got, want, **tolerance(times=1e4 if row.name == "digamma" else 1))


@pytest.mark.slow
@ROWS
def test_a_sign_flipped_in_backward_is_refused(row: Function) -> None:
    if row.kink is not None and row.name != "abs":  # its derivative is 0
        return
    kernel = sg.derive(definition(row)).kernel()

    def backward(saved: Any, grad_h: torch.Tensor) -> Any:
        found = kernel.backward(saved, grad_h)
        return tuple(-g for g in found) if isinstance(found, tuple) else -found

    assert not sg.certify(definition(row), forward=kernel.forward, backward=backward).accepted


@pytest.mark.parametrize(
    ("text", "backward"),
    [
        ("atan2(u[i], 2)", lambda g, u: g * 2 / (u * u + 4)),
        ("logaddexp(u[i], 0)", lambda g, u: g * u.sigmoid()),
        ("normcdf(u[i])*2 - 1", lambda g, u: g * (2 / torch.pi) ** 0.5 * (-u * u / 2).exp()),
        ("acos(u[i]) + asin(u[i])", lambda g, u: 0 * g),
        ("tanh(u[i])*cosh(u[i])", lambda g, u: g * u.cosh()),
        ("log1p(u[i]**2)", lambda g, u: 2 * g * u / (1 + u * u)),
        ("erf(u[i]) + erfc(u[i]) + floor(u[i]) + ceil(-u[i])", lambda g, u: 0 * g),
        ("tan(u[i])*cos(u[i])", lambda g, u: g * u.cos()),
    ],
)
def test_functions_are_combined_with_numbers_and_with_one_another(text: str, backward: Any) -> None:
    gradients = sg.derive(f"h[i] = {text}")
    assert gradients.kernel() is not None
    verdict = sg.certify(f"h[i] = {text}", forward=lambda u: text_in_torch(text, u), backward=backward)
    assert verdict.accepted and verdict.proven, verdict


@pytest.mark.parametrize(
    "text",
    [
        "h[i] = u[i]*exp(-i)",
        "h[i] = u[i] + sin(i/10)",
        "h[i] = u[i]*floor(i/2)*0.1*i",
        "h[i] = exp(t[i])*E[t[i]]",
        "h[i] = logaddexp(u[i], t[])",
        "h[i] = max(u[i], atan(2))*atan2(1, 2)*erfinv(1/2)",
        "L = Sum(log1p(exp(-y[i]*v[i])), i)",
        "L = Sum(log(sigmoid(v[i])), i)",
        "L = Sum(v[i]*floor(w), i)",
    ],
)
def test_functions_of_indices_numbers_and_of_one_another_have_certified_kernels(text: str) -> None:
    assert sg.derive(text).kernel() is not None


@ROWS
def test_an_input_that_stands_bare_in_a_function_is_examined_in_its_domain(row: Function) -> None:
    battery = battery_of(specify(definition(row)))
    assert {str(domain) for domain in battery.domains.values()} == {row.domain}


def test_a_function_added_in_one_row_works_from_text_to_certified_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="unknown function 'erfcx'; did you mean 'erfc'"):
        sg.derive("h[i] = erfcx(u[i])")
    monkeypatch.setitem(TABLE, "erfcx", ERFCX)
    gradients = sg.derive("h[i] = erfcx(u[i])*v[i]")
    assert str(gradients.definition) == "h[i] = erfcx(u[i])*v[i]"
    assert "\\operatorname{erfcx}" in to_tex(layer_sheet(gradients))
    kernel = gradients.kernel()
    u, v = torch.tensor([[0.5, -0.25]], dtype=torch.float64), torch.tensor([[2.0, 3.0]], dtype=torch.float64)
    h, _ = kernel.forward(u, v)
    np.testing.assert_allclose(h, v * torch.special.erfcx(u), **tolerance())
    wrong = sg.certify(
        "h[i] = erfcx(u[i])*v[i]",
        forward=kernel.forward,
        backward=lambda s, g: tuple(-x for x in kernel.backward(s, g)),
    )
    assert not wrong.accepted


def test_a_function_of_torch_without_a_rule_is_refused_by_name() -> None:
    u = torch.rand(2, 3, dtype=torch.float64)
    with pytest.raises(NothingToCertify, match="no exact rule for aten.bessel_j0"):
        sg.certify(
            torch.special.bessel_j0,
            forward=torch.special.bessel_j0,
            backward=lambda g, u: -g * torch.special.bessel_j1(u),
            example=(u,),
        )


def test_a_kernel_that_calls_an_unknown_function_is_never_proven() -> None:
    verdict = sg.certify(
        "h[i] = 2*u[i]",
        forward=lambda u: 2 * u + 0 * torch.special.bessel_j0(u),
        backward=lambda g, u: 2 * g,
    )
    assert not verdict.proven
    assert "no exact rule for aten.bessel_j0" in str(verdict)


def test_a_node_without_a_rule_in_a_definition_is_refused_by_name() -> None:
    layer = Layer("gamma_of", "u[i] -> h[i]")

    @layer.define
    def _(s: Any) -> Any:
        u, h = s.tensors
        return s.eq(h[s.i], sp.gamma(u[s.i]))

    for forward in (torch.sin, lambda u: u):
        with pytest.raises(NothingToCertify, match="gamma_of: no value is known for gamma in gamma"):
            sg.certify(layer, forward=forward, backward=lambda g, u: (g,))


@pytest.mark.parametrize("text", ["log(0 - 1 - u[i]**2)", "asin(2 + u[i]**2)", "sqrt(0 - 1 - abs(u[i]))"])
def test_a_definition_without_a_value_accepts_no_kernel(text: str) -> None:
    verdict = sg.certify(f"h[i] = {text}", forward=lambda u: u.clone(), backward=lambda g, u: g.clone())
    assert not verdict.accepted
    assert not verdict.judged
    assert verdict.wrong == ()
    assert "h was never compared with anything: the definition has no finite value" in str(verdict)
