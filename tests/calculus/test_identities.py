"""Derivatives from the literature, against torch's own functions and torch.autograd in float64."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch

from scratchgrad.gradients import Gradients, derive
from scratchgrad.notation.indices import Size
from tests.calculus.identities import IDENTITIES, Identity

TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}  # inverses and quotients of sums of some hundred terms


class Worked:
    """An identity with random tensors of pairwise distinct sizes, its outputs and gradients by torch."""

    def __init__(self, identity: Identity) -> None:
        self.derived: Gradients = derive(
            identity.text, tensors=identity.tensors, ranges=identity.ranges, outputs=identity.outputs or None
        )
        definition = self.derived.definition
        names = dict.fromkeys(s for t in definition.tensors.values() for s in t.sizes if isinstance(s, Size))
        others = iter(n for n in range(2, 12) if n not in identity.sizes.values())
        self.sizes = {s: identity.sizes.get(str(s)) or next(others) for s in names}
        random = torch.Generator().manual_seed(3)
        self.tensors = {t.name: self._values(t, identity, random) for t in definition.inputs}
        leaves = {n: v.clone().requires_grad_(v.is_floating_point()) for n, v in self.tensors.items()}
        outputs = identity.witness(**leaves)
        self.outputs = dict(
            zip(
                (o.name for o in definition.outputs), outputs if isinstance(outputs, tuple) else (outputs,), strict=True
            )
        )
        self.upstream = {n: torch.randn(v.shape, generator=random, dtype=v.dtype) for n, v in self.outputs.items()}
        objective = sum((self.upstream[n] * v).sum() for n, v in self.outputs.items())
        self.gradients = dict(
            zip(self.derived, torch.autograd.grad(objective, [leaves[n] for n in self.derived]), strict=True)
        )

    def _values(self, tensor: Any, identity: Identity, random: torch.Generator) -> torch.Tensor:
        shape = [int(sp.sympify(s).subs(self.sizes)) for s in tensor.sizes]
        if tensor.name in identity.classes:
            below = next(n for s, n in self.sizes.items() if str(s) == identity.classes[tensor.name])
            return torch.randint(below, shape, generator=random)
        values = torch.randn(shape, generator=random, dtype=torch.float64)
        if tensor.name in identity.positive.split():
            return values.abs() + 0.5
        if tensor.name in identity.probability.split():
            return torch.softmax(values, -1)
        if tensor.name in identity.square.split():
            return 2 * torch.eye(shape[0], dtype=torch.float64) + 0.3 * values
        return values


@cache
def work(name: str) -> Worked:
    """The identity of that name, derived once for all tests."""
    return Worked(next(identity for identity in IDENTITIES if identity.name == name))


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.name)
def test_the_identity_agrees_with_torch(identity: Identity) -> None:
    worked = work(identity.name)
    at = worked.derived.valuation(worked.tensors, worked.upstream)
    for name, want in worked.outputs.items():
        np.testing.assert_allclose(at.tensors[name], want.detach(), **TOLERANCE, err_msg=f"{identity.name}: {name}")
    for name, want in worked.gradients.items():
        gradient = worked.derived[name]
        got = gradient.evaluate(worked.upstream, worked.tensors)
        np.testing.assert_allclose(got, want, **TOLERANCE, err_msg=f"{identity.name}: grad_{name}")
        if gradient.vector is not None:
            value = np.reshape(gradient.vector.node.value(at), got.shape)
            np.testing.assert_allclose(value, want, **TOLERANCE, err_msg=f"{identity.name}: {gradient.vector}")


def test_every_identity_has_a_source_and_a_name_of_its_own() -> None:
    assert len({identity.name for identity in IDENTITIES}) == len(IDENTITIES)
    assert all(identity.source for identity in IDENTITIES)


# What the literature writes: columns for one sample, torch's rows for a batch.
LITERATURE = {
    "linear": {"W": "grad_u @ x.T", "x": "W.T @ grad_u", "b": "grad_u"},
    "a' X b": {"X": "grad_s * (a @ b.T)"},
    "det X": {"X": "grad_s * s * inv(X).T"},
    "log |det X|": {"X": "grad_s * inv(X).T"},
    "trace": {"X": "grad_s * eye"},
    "||X||_F^2": {"X": "2 * grad_s * X"},
    "softmax": {"v": "o * (grad_o - grad_o.T @ o)"},
    "relu": {"u": "grad_h * (u > 0)"},
    "squared error": {"v": "2 * grad_L * (v - y)"},
}


@pytest.mark.parametrize("identity", [i for i in IDENTITIES if i.forms or i.lines], ids=lambda i: i.name)
def test_the_forms_are_those_that_the_source_prints(identity: Identity) -> None:
    derived = work(identity.name).derived
    for tensor, form in identity.forms.items():
        assert str(derived[tensor].vector) == form
    for tensor, line in identity.lines.items():
        assert str(derived[tensor].local) == line


@pytest.mark.parametrize("name", LITERATURE)
def test_the_vector_form_reads_as_in_the_literature(name: str) -> None:
    identity = next(i for i in IDENTITIES if i.name == name)
    derived = derive(identity.text, outputs=identity.outputs or None)
    for tensor, form in LITERATURE[name].items():
        assert str(derived[tensor].vector) == form
