"""A recipe is the certified kernel, value by value: outputs, gradients, totals; edge cases among them."""

import pytest
import torch

from scratchgrad import registry
from scratchgrad.layer import Layer
from scratchgrad.program.recipes import Of, Value, recipe
from tests.program.close import close

SHAPES = {  # of the inputs that have samples, then of the others: sizes that leave rows and columns over
    "conv2d": ([(3, 9, 7)], [(5, 3, 3, 2), (5,)]),
    "conv1d": ([(3, 9)], [(5, 3, 2), (5,)]),
    "avg_pool2d": ([(3, 8, 7)], []),
    "max_pool2d": ([(3, 8, 7)], []),
}
ROOMS = [name for name in registry.names() if recipe(registry.layer(name)) is not None]
WITH_KERNEL = [name for name in ROOMS if hasattr(recipe(registry.layer(name)), "kernel")]
PLAIN = [name for name in WITH_KERNEL if not registry.layer(name).options]
WITH_OPTIONS = [  # whose windows are in one group, and do not overlap where they are pooled
    name
    for name in registry.with_variants(*(n for n in WITH_KERNEL if registry.layer(n).options))
    if (options := registry.layer(name).options).get("groups", 1) == 1
    and ("size" not in options or (options["size"] == options["stride"] and not options.get("padding")))
]
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


def compare(layer, inputs, unit=frozenset()):
    """Outputs and gradients, whichever outputs have one."""
    certified, planned = registry.kernel(layer), recipe(layer).kernel(unit, **layer.options)
    (want, saved), (got, kept) = certified.forward(*inputs), planned.forward(*inputs)
    grads = []
    for one, other in zip(outputs_of(want), outputs_of(got), strict=True):
        close(other, one, layer.name)
        grads.append(torch.randn(one.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64))
    choices = [grads] if len(grads) == 1 else [grads, [grads[0], None], [None, grads[1]]]
    for given in choices:
        for one, other in zip(
            outputs_of(certified.backward(saved, *given)), outputs_of(planned.backward(kept, *given)), strict=True
        ):
            if other is not None:  # which means zero
                close(other, one, layer.name)
            else:
                assert not one.any()


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize("name", PLAIN)
def test_a_recipe_gives_what_the_certified_kernel_gives(name, n, unit, special):
    inputs = drawn(registry.layer(name), n, unit=unit, special=special and not unit)
    compare(registry.layer(name), inputs, frozenset({1}) if unit else frozenset())


@pytest.mark.parametrize("side_by_side", [False, True])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_a_recipe_of_a_layer_with_options_does_so_too(name, n, ties, side_by_side):
    layer = registry.layer(name)
    generator = torch.Generator().manual_seed(n)
    samples, shared = SHAPES[layer.base.name]
    inputs = [
        torch.randn(shape, generator=generator, dtype=torch.float64) for shape in [*((n, *s) for s in samples), *shared]
    ]
    if ties:
        inputs[0] = inputs[0].round()
        inputs[0][:, 0, ..., :2] = torch.tensor([torch.inf, -torch.inf])
    if side_by_side:
        inputs[0] = inputs[0].movedim(0, -1).contiguous().movedim(-1, 0)
    compare(layer, inputs)


def test_a_convolution_of_many_windows_or_groups_is_left_to_torch():
    fits, options = (
        recipe(registry.layer("conv2d")).fits,
        dict(stride=1, padding=0, dilation=1, groups=1, compiled=False),
    )
    small, W, b = torch.empty(2, 3, 9, 9), torch.empty(5, 3, 3, 3), torch.empty(5)
    assert fits([small, W, b], **options)
    assert not fits([torch.empty(64, 3, 32, 32), W, b], **options)
    assert not fits([small, W, b], **options | {"groups": 3})
    middle = torch.empty(32, 3, 16, 16)
    assert fits([middle, W, b], **options)
    assert not fits([middle, W, b], **options | {"compiled": True})


def test_maxima_of_windows_that_overlap_or_of_samples_apart_are_left_to_torch():
    fits = recipe(registry.layer("max_pool2d")).fits
    apart, beside = torch.empty(4, 3, 8, 8), torch.empty(3, 8, 8, 4).permute(3, 0, 1, 2)
    assert fits([beside], size=2, stride=2, compiled=False)
    assert not fits([beside], size=3, stride=2, compiled=False)
    assert not fits([apart], size=2, stride=2, compiled=False)


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
