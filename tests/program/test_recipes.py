"""A recipe is the certified kernel, value by value: outputs, gradients, totals; edge cases among them."""

import pytest
import torch

from scratchgrad import registry
from scratchgrad.layer import Layer
from scratchgrad.program.recipes import Of, Value, recipe
from tests.program.close import close

ROOMS = [name for name in registry.names() if recipe(registry.layer(name)) is not None]
WITH_KERNEL = [name for name in ROOMS if hasattr(recipe(registry.layer(name)), "kernel")]
WITH_TOTAL = [name for name in ROOMS if hasattr(recipe(registry.layer(name)), "total")]


def drawn(layer, n, *, unit=False, special=False):
    generator = torch.Generator().manual_seed(n)
    sizes, inputs = {}, []
    for tensor in layer.signature.inputs:
        shape = tuple(sizes.setdefault(letter, 3 + len(sizes)) for letter in tensor.axes)
        shape = (n, *shape) if layer.carries_samples(tensor) else shape
        value = torch.randn(shape, generator=generator, dtype=torch.float64)
        if special and value.numel() > 3:
            value.view(-1)[:4] = torch.tensor([0.0, torch.inf, -torch.inf, torch.nan])
        if unit and len(inputs) == 1:
            value = value.softmax(-1)
        inputs.append(value)
    return inputs


def outputs_of(found):
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("name", WITH_KERNEL)
def test_a_recipe_gives_what_the_certified_kernel_gives(name, n, unit, special):
    layer = registry.layer(name)
    certified, planned = registry.kernel(layer), recipe(layer).kernel(frozenset({1}) if unit else frozenset())
    inputs = drawn(layer, n, unit=unit, special=special and not unit)
    (want, saved), (got, kept) = certified.forward(*inputs), planned.forward(*inputs)
    grads = []
    for one, other in zip(outputs_of(want), outputs_of(got), strict=True):
        close(other, one, name)
        grads.append(torch.randn(one.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64))
    choices = [grads] if len(grads) == 1 else [grads, [grads[0], None], [None, grads[1]]]
    for given in choices:
        for one, other in zip(
            outputs_of(certified.backward(saved, *given)), outputs_of(planned.backward(kept, *given)), strict=True
        ):
            if other is not None:  # which means zero
                close(other, one, name)
            else:
                assert not one.any()


@pytest.mark.parametrize("name", WITH_TOTAL)
def test_a_total_is_the_sum_of_the_last_output_over_the_batch(name):
    layer = registry.layer(name)
    inputs = drawn(layer, 4)
    found = recipe(layer)
    kernel = found.kernel(frozenset()) if hasattr(found, "kernel") else registry.kernel(layer)
    output, saved = kernel.forward(*inputs)
    total = 0.0
    for factor, what in found.total(inputs, saved):
        number = inputs[factor.position] if isinstance(factor, Value) else factor
        total = total + number * (inputs[what.position].sum() if isinstance(what, Of) else what)
    close(total, outputs_of(output)[-1].sum(), name)


def test_a_users_layer_of_a_rooms_name_has_no_recipe():
    assert recipe(Layer("relu", "u[i] -> h[i]")) is None
    assert recipe(Layer("mine", "u[i] -> h[i]")) is None
