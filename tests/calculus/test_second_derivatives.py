"""A derived gradient is a definition again: deriving it gives second derivatives, which torch witnesses.

For every input a of a definition, with gradient g of J = sum(w * output), the gradient of sum(r * g) with respect to
every input b is row r of the second derivative: a Hessian-vector product, mixed ones included.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from scratchgrad.gradients import derive
from scratchgrad.notation.text import to_text
from tests.calculus.identities import IDENTITIES, Identity
from tests.calculus.test_identities import Worked, work

FAST = ["x' B x", "log |det X|", "a' inv(X) b", "||x - a||", "silu", "softmax", "huber", "embedding", "bilinear"]
SLOW = [
    "b' X' D X c", "tr(X^3)", "Rayleigh quotient", "gelu", "softplus", "mish", "elu", "logsumexp", "layer norm",
    "cross-entropy of probabilities", "Kullback-Leibler divergence", "cosine similarity", "rms norm", "Gaussian loss",
    "attention scores", "convolution with stride and padding", "logistic regression", "residual block",
]  # fmt: skip
ROWS = {identity.name: identity for identity in IDENTITIES}
CASES = [pytest.param(ROWS[n], id=n) for n in FAST] + [
    pytest.param(ROWS[n], id=n, marks=pytest.mark.slow) for n in SLOW
]


@pytest.mark.parametrize("identity", CASES)
def test_deriving_the_gradient_again_gives_the_second_derivative(identity: Identity) -> None:
    worked = work(identity.name)
    first = worked.derived
    random = torch.Generator().manual_seed(9)
    for name in first:
        indices = first[name].indices
        left = f"G[{','.join(i.name for i in indices)}]" if indices else "G"
        element = re.sub(r"\bgrad_", "w_", to_text(first[name].element))  # the first gradient's givens are inputs now
        tensors = {f"w_{n}": g for n, g in worked.upstream.items()} | worked.tensors
        definition = first.definition
        declared = [*definition.tensors.values()]
        sizes = {t.name: t.sizes for t in declared} | {f"w_{o.name}": o.sizes for o in definition.outputs}
        second = derive(
            f"{definition}; {left} = {element}",
            tensors=" ".join(f"{n}[{','.join(map(str, s))}]" if s else n for n, s in sizes.items()),
            ranges={**identity.ranges, **{i.name: str(i.size) for i in indices}},
        )
        direction = torch.randn(worked.tensors[name].shape, generator=random, dtype=torch.float64)
        given = {t.name: tensors[t.name] for t in second.definition.inputs}
        for other in (n for n in second if not n.startswith("w_")):
            got = second[other].evaluate({"G": direction}, given)
            want = hessian_row(identity, worked, name, other, direction)
            np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-9, err_msg=f"{identity.name}: d2/d{name} d{other}")


def hessian_row(identity: Identity, worked: Worked, name: str, other: str, direction: torch.Tensor) -> torch.Tensor:
    """The witness: torch.autograd of sum(direction * torch.autograd's gradient)."""
    leaves = {n: v.clone().requires_grad_(v.is_floating_point()) for n, v in worked.tensors.items()}
    outputs = identity.witness(**leaves)
    values = zip(worked.upstream, outputs if isinstance(outputs, tuple) else (outputs,), strict=True)
    objective = torch.stack([(worked.upstream[n] * v).sum() for n, v in values]).sum()
    (gradient,) = torch.autograd.grad(objective, leaves[name], create_graph=True)
    if not gradient.requires_grad:
        return torch.zeros_like(leaves[other])
    (row,) = torch.autograd.grad((gradient * direction).sum(), leaves[other], allow_unused=True)
    return torch.zeros_like(leaves[other]) if row is None else row
