"""Whether the source of a generated kernel computes, over a batch, what the element forms say of each sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from scratchgrad.codegen.generate import kernel_source
from scratchgrad.forms.batched import batched
from scratchgrad.gradients import Gradients
from tests.tolerances import tolerance

__all__ = ["BATCH", "NEAR", "assert_agreement", "one_sample", "run"]

BATCH = 3
NEAR = {"rtol": tolerance(torch.float64)["rtol"], "atol": 1e-10}


def run(source: str) -> Any:
    """The class that the source defines."""
    space: dict[str, Any] = {}
    exec(source, space)
    return space["Kernel"]


def one_sample(d: Gradients, given: dict[str, torch.Tensor], n: int) -> dict[str, torch.Tensor]:
    """The tensors of one sample."""
    return {name: value if name in d.definition.shared else value[n] for name, value in given.items()}


def assert_agreement(d: Gradients, given: dict[str, torch.Tensor]) -> None:
    """The generated kernel agrees with the element forms, summed over the samples for shared inputs.

    Raises CannotLower where there is no source.
    """
    kernel = run(kernel_source(d.definition))
    outputs, saved = kernel.forward(*given.values())
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    upstream = [torch.randn_like(o) for o in outputs]
    grads = kernel.backward(saved, *upstream)
    grads = grads if isinstance(grads, tuple) else (grads,)
    over_batch = batched(d.definition)
    carries = {o.name: over_batch.batch is not None and over_batch.batch in o.indices for o in over_batch.outputs}
    samples = range(BATCH) if any(carries.values()) else range(1)
    for n in samples:
        values = d.forward(one_sample(d, given, n))
        for name, output in zip(carries, outputs, strict=True):
            np.testing.assert_allclose((output[n] if carries[name] else output).numpy(), values[name], **NEAR)
    for tensor, grad in zip(d.definition.inputs, grads, strict=True):
        if tensor.integer:
            assert grad is None
            continue
        each = [
            d[tensor.name].evaluate(
                {name: g[n] if carries[name] else g for name, g in zip(carries, upstream, strict=True)},
                one_sample(d, given, n),
            )
            for n in samples
        ]
        right = sum(each) if tensor.name in d.definition.shared else np.stack(each * (BATCH // len(each)))
        assert grad.shape == np.shape(right), tensor.name
        np.testing.assert_allclose(grad.numpy(), right, **NEAR)
