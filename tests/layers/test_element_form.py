"""Every room's kernel against the element form that is derived from its definition, sample by sample."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import scratchgrad as sg
from scratchgrad import registry
from scratchgrad.membership import inside
from scratchgrad.testing.domains import domains_of
from scratchgrad.testing.sizes import free_letters, sizes_of
from tests.tolerances import tolerance

MANY = 5  # letters from which on sizes stay small: an element form is evaluated place by place

DERIVED = {name: sg.derive(name) for name in registry.names()}
for name in registry.names():
    registry.attach_kernel(registry.layer(name))
# TRUST: other-at-ties
OTHER_AT_TIES = {"max_pool2d"}  # the sheet shares evenly, the kernel gives all to the first: both are subgradients
# TRUST: moderate-numbers
EXPONENTIAL = {"info_nce", "scaled_dot_product_attention"}  # of products, which the element form takes as they are
SMALL = st.floats(-2, 2).map(lambda x: round(x, 3))
VALUES = st.floats(-30, 30).map(lambda x: round(x, 3))


@pytest.mark.parametrize("name", registry.names())
@settings(max_examples=20)
@given(data=st.data())
def test_kernel_agrees_with_the_element_form(name, data):
    layer, derived = registry.layer(name), DERIVED[name]
    largest = 4 if len(free_letters(layer)) < MANY else 2
    sizes = sizes_of(layer, lambda letter: data.draw(st.integers(1, largest), label=letter))
    n = data.draw(st.integers(1, 3), label="n")

    def drawn(tensor, label):
        shape = tuple(sizes[letter] for letter in tensor.axes)
        batched = layer.carries_samples(tensor)
        if tensor.integer:
            return np.zeros((n, *shape) if batched else shape, dtype=np.int64)
        elements = SMALL if name in EXPONENTIAL else VALUES
        whole = (n, *shape) if batched else shape
        values = data.draw(arrays(np.float64, whole, elements=elements, unique=name in OTHER_AT_TIES), label=label)
        return inside(domains_of(layer).get(tensor.name, tensor.domain), values, margin=1 / 8)

    inputs = {t.name: drawn(t, t.name) for t in layer.signature.inputs}
    grads = {t.name: drawn(t, f"grad_{t.name}") for t in layer.signature.outputs}
    outputs, saved = layer.kernel_class.forward(*map(torch.from_numpy, inputs.values()))
    gradients = layer.kernel_class.backward(saved, *map(torch.from_numpy, grads.values()))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)

    def sample(values, k):
        tensors = {t.name: t for t in (*layer.signature.inputs, *layer.signature.outputs)}
        return {name: v[k] if layer.carries_samples(tensors[name]) else v for name, v in values.items()}

    drawn_size = max(float(np.abs(v).max()) for v in (*inputs.values(), *grads.values()) if v.size)
    if layer.batch is not None:
        forward, samples = [derived.forward(inputs)], None
    else:
        samples = range(n) if any(layer.carries_samples(t) for t in layer.signature.inputs) else [0]
        forward = [derived.forward(sample(inputs, k)) for k in samples]
    for tensor, got in zip(layer.signature.outputs, outputs, strict=True):
        want = [values[tensor.name] for values in forward]
        stacked = samples is not None and layer.carries_samples(tensor)
        agree(got, np.stack(want) if stacked else want[0], tensor, drawn_size)
    for tensor, got in zip(layer.signature.inputs, gradients, strict=True):
        if tensor.integer:
            assert got is None
            continue
        if samples is None:  # the definition speaks of the whole batch
            agree(got, derived[tensor.name].evaluate(grads, inputs), tensor, drawn_size)
            continue
        want = [derived[tensor.name].evaluate(sample(grads, k), sample(inputs, k)) for k in samples]
        agree(got, np.stack(want) if layer.carries_samples(tensor) else np.sum(want, axis=0), tensor, drawn_size)


def agree(got, want, tensor, drawn_size):
    """Equal up to rounding, which grows with the largest entry: scores up to 30 give terms up to e**60 that cancel."""
    assert tuple(got.shape) == np.shape(want), tensor
    size = max(1.0, drawn_size, float(np.abs(want).max())) if np.size(want) else 1.0
    np.testing.assert_allclose(got.numpy() / size, want / size, **tolerance(), err_msg=str(tensor))
