"""Every room's kernel against torch autograd as an independent witness, and the promises of the room protocol."""

import itertools

import pytest
import torch

from scratchgrad import registry
from scratchgrad.membership import inside
from scratchgrad.testing.domains import domains_of
from scratchgrad.testing.sizes import sizes_of
from tests.tolerances import tolerance

SIZES = {"i": 3, "j": 4, "k": 5, "l": 2, "v": 6}
LAYERS = registry.names()
for name in LAYERS:
    registry.attach_kernel(registry.layer(name))


def inputs_of(layer, batch, dtype=torch.float64, seed=0):
    """Random inputs of a layer: sample tensors [batch, ...], shared ones without the batch axis."""
    generator = torch.Generator().manual_seed(seed)
    numbers = itertools.cycle((3, 4, 5, 2))
    sizes = sizes_of(layer, lambda letter: SIZES.get(letter) or next(numbers))
    tensors = []
    for tensor in layer.signature.inputs:
        axes = [sizes[letter] for letter in tensor.axes]
        shape = [batch, *axes] if layer.carries_samples(tensor) else axes
        if tensor.integer:
            tensors.append(torch.randint(min(SIZES.values()), shape, generator=generator))
            continue
        drawn = torch.randn(shape, generator=generator, dtype=torch.float64).numpy()
        tensors.append(torch.from_numpy(inside(domains_of(layer)[tensor.name], drawn, 20, margin=1 / 8)).to(dtype))
    return tensors


def outputs_of(kernel, inputs):
    """The outputs as a tuple, and what forward saved."""
    outputs, saved = kernel.forward(*inputs)
    return (outputs if isinstance(outputs, tuple) else (outputs,)), saved


def gradients_of(kernel, saved, grad_outputs):
    """The gradients as a tuple."""
    gradients = kernel.backward(saved, *grad_outputs)
    return gradients if isinstance(gradients, tuple) else (gradients,)


def upstream(outputs, seed=1):
    """Random gradients of the outputs: never ones, which hide a missing factor."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.dtype) for o in outputs]


def by_differences(layer, inputs, place, *, entry, grad_outputs, step=1e-6):
    """The slope of the objective along one entry of one input: a difference of forward on both sides."""
    ends = []
    for way in (1, -1):
        moved = [x.clone() for x in inputs]
        moved[place][entry] += way * step
        outputs, _ = outputs_of(layer.kernel_class, moved)
        ends.append(sum((g * u).sum().item() for g, u in zip(grad_outputs, outputs, strict=True)))
    return (ends[0] - ends[1]) / (2 * step)


@pytest.mark.parametrize("batch", [0, 1, 2, 5])
@pytest.mark.parametrize("name", LAYERS)
def test_backward_agrees_with_autograd_through_forward(name, batch):
    layer = registry.layer(name)
    if layer.batch is not None and batch == 0:
        return  # a mean over no samples: neither has a value
    inputs = inputs_of(layer, batch)
    witnesses = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    expected, _ = outputs_of(layer.kernel_class, witnesses)
    outputs, saved = outputs_of(layer.kernel_class, inputs)
    grad_outputs = upstream(outputs)
    differentiable = [x for x in witnesses if x.requires_grad]
    by_autograd = list(torch.autograd.grad(expected, differentiable, grad_outputs))
    gradients = gradients_of(layer.kernel_class, saved, grad_outputs)
    assert [g is None for g in gradients] == [t.integer for t in layer.signature.inputs]
    for place, tensor in enumerate(layer.signature.inputs):
        got, want = gradients[place], None if tensor.integer else by_autograd.pop(0)
        if want is None:
            continue
        assert got.shape == want.shape, tensor
        for entry in map(tuple, want.isnan().nonzero().tolist()):  # 0*inf behind a condition that does not hold
            slope = by_differences(layer, inputs, place, entry=entry, grad_outputs=grad_outputs)
            assert got[entry].item() == pytest.approx(slope, abs=1e-6), (tensor, entry)
        right = torch.where(want.isnan(), got, want)
        torch.testing.assert_close(got, right, **tolerance(torch.float64), msg=lambda m, t=tensor: f"{name}, {t}: {m}")


@pytest.mark.parametrize("name", [n for n in LAYERS if len(registry.layer(n).signature.outputs) > 1])
def test_an_output_that_nobody_consumes_counts_as_gradient_zero(name):
    layer = registry.layer(name)
    outputs, saved = outputs_of(layer.kernel_class, inputs_of(layer, 3))
    grad_outputs = upstream(outputs)
    for kept in itertools.product([True, False], repeat=len(outputs)):
        absent = [g if keep else None for g, keep in zip(grad_outputs, kept, strict=True)]
        zeros = [g if keep else torch.zeros_like(g) for g, keep in zip(grad_outputs, kept, strict=True)]
        for got, want in zip(
            gradients_of(layer.kernel_class, saved, absent),
            gradients_of(layer.kernel_class, saved, zeros),
            strict=True,
        ):
            torch.testing.assert_close(got, want, **tolerance(torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", LAYERS)
def test_the_dtype_is_kept_and_no_memory_is_shared_or_changed(name, dtype):
    layer = registry.layer(name)
    inputs = inputs_of(layer, 3, dtype)
    before = [x.clone() for x in inputs]
    outputs, saved = outputs_of(layer.kernel_class, inputs)
    grad_outputs = upstream(outputs)
    gradients = gradients_of(layer.kernel_class, saved, grad_outputs)
    again = gradients_of(layer.kernel_class, saved, grad_outputs)
    assert all(torch.equal(x, y) for x, y in zip(inputs, before, strict=True))
    assert all(x is y or torch.equal(x, y) for x, y in zip(gradients, again, strict=True))
    gradients = [g for g in gradients if g is not None]
    assert {t.dtype for t in (*outputs, *gradients)} == {dtype}
    memory = [t.untyped_storage().data_ptr() for t in (*inputs, *outputs, *grad_outputs, *gradients)]
    assert len(set(memory)) == len(memory)


@pytest.mark.parametrize("name", LAYERS)
def test_strides_do_not_matter(name):
    layer = registry.layer(name)
    inputs = inputs_of(layer, 3)
    strided = [x.mT.contiguous().mT if x.ndim > 1 else x.repeat_interleave(2)[::2] if x.ndim else x for x in inputs]
    plain, saved = outputs_of(layer.kernel_class, inputs)
    outputs, strided_saved = outputs_of(layer.kernel_class, strided)
    grad_outputs = upstream(plain)
    expanded = [g[:1].expand_as(g) if g.ndim else g for g in grad_outputs]
    want = (*plain, *gradients_of(layer.kernel_class, saved, [g.contiguous() for g in expanded]))
    for x, y in zip((*outputs, *gradients_of(layer.kernel_class, strided_saved, expanded)), want, strict=True):
        if x is None and y is None:
            continue
        torch.testing.assert_close(x, y, **tolerance(torch.float64))
