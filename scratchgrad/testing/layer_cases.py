"""Hypothesis strategies: a certified layer, with a batch of tensors that fit it and lie in their domains.

It shrinks to smaller sizes, one sample, contiguous storage, and the simplest numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from hypothesis import assume
from hypothesis import strategies as st

from scratchgrad import registry
from scratchgrad.layer import Layer
from scratchgrad.signature import Axes
from scratchgrad.testing.domains import domains_of, letters_below
from scratchgrad.testing.elements import CannotDraw, is_whole
from scratchgrad.testing.sizes import sizes_of
from scratchgrad.testing.strategies import tensor_of, tensors

if TYPE_CHECKING:
    from scratchgrad.testing.agreeing import Agreement

__all__ = ["LayerCase", "layers"]

_SHOWN = 24
"""So many numbers of a tensor are printed; of a larger one its shape."""


@dataclass(frozen=True)
class LayerCase:
    """A layer, tensors for its inputs (a batch), and upstream gradients for its outputs."""

    layer: Layer
    batch: int
    inputs: dict[str, torch.Tensor]
    grad_outputs: dict[str, torch.Tensor]

    def check(
        self, forward: Callable[..., Any] | None, backward: Callable[..., Any] | type[Any] | None = None
    ) -> Agreement:
        """That forward and backward are right at these tensors; the functions are those of sg.certify.

            @given(layers(["linear"]))
            def test_mine(case):
                case.check(my_forward, my_backward)

        One batch is compared with the definition in plain float64, which takes some milliseconds; no kernel takes part.

        Raises AssertionError with the entry, both numbers and the inputs.
        """
        from scratchgrad.testing.agreeing import gradients_agree

        __tracebackhide__ = True
        arriving = tuple(self.grad_outputs.values())
        agreement = gradients_agree(self.layer, forward, backward, *self.inputs.values(), grad_outputs=arriving)
        if not agreement:
            raise AssertionError(str(agreement))
        return agreement

    def __repr__(self) -> str:
        """The layer and the numbers, of large tensors the shape; hypothesis prints it for the smallest failing case."""
        given = ", ".join(f"{name}={_shown(tensor)}" for name, tensor in self.inputs.items())
        return f"LayerCase({self.layer.name}, batch {self.batch}, {given})"


def _shown(tensor: torch.Tensor) -> str:
    if tensor.numel() <= _SHOWN:
        return str(tensor.tolist())
    first = ", ".join(f"{value:g}" for value in tensor.flatten()[:3].tolist())
    return f"<{' x '.join(map(str, tensor.shape))} numbers: {first}, ...>"


def layers(
    names: Sequence[str] | str | None = None,
    *,
    dtype: torch.dtype | st.SearchStrategy[torch.dtype] = torch.float64,
    extremes: bool = False,
    strides: bool = True,
    largest: int = 5,
    batches: st.SearchStrategy[int] | None = None,
) -> st.SearchStrategy[LayerCase]:
    """A layer of the registry (or one of `names`), with a batch of tensors that fit its signature.

        @given(layers(["linear", "conv2d(stride=2)"], dtype=torch.float32))
        def test_it(case):
            output, saved = registry.kernel(case.layer.name).forward(*case.inputs.values())

    Sizes that have formulas follow from the others, which are at most `largest` where the formulas allow it; whole
    numbers that index stay below the size that they index.  Where the definition has no value (0/0), nothing is drawn.

    Raises UnknownLayer where a name is none, CannotDraw where nothing can be drawn.
    """
    chosen = sorted(registry.names() if names is None else [names] if isinstance(names, str) else names)
    if not chosen:
        raise CannotDraw("layers: expected at least one name of a layer, got none; leave names out for all of them")
    if largest < 1:
        raise CannotDraw(f"layers: expected sizes of at least 1, got largest={largest}")
    if not isinstance(dtype, st.SearchStrategy) and is_whole(dtype):
        raise CannotDraw(f"layers: gradients need a dtype of floating point, got {dtype}; give torch.float64")
    known = [registry.layer(name) for name in chosen]
    number = batches if batches is not None else st.integers(1, 3)

    def prepared() -> st.SearchStrategy[LayerCase]:
        """The strategy, once everything is derived: as part of the first draws, hypothesis would find them slow."""
        for layer in known:
            _derive(layer)
        return _layers(known, dtype, st.integers(1, largest), number, extremes=extremes, strides=strides)

    return st.deferred(prepared)


def _derive(layer: Layer) -> None:
    from scratchgrad.testing.point_reference import specified

    domains_of(layer)
    letters_below(layer)
    if layer.definition is not None:
        gradients = specified(layer, ())[0].gradients
        for name in gradients or ():
            _ = gradients[name].element if gradients is not None else None


@st.composite
def _layers(
    draw: st.DrawFn, /, known: Sequence[Layer], dtype: Any, lengths: Any, batches: Any, **options: Any
) -> LayerCase:
    layer = draw(st.sampled_from(known))
    sizes = sizes_of(layer, lambda letter: draw(lengths, label=letter))
    batch = draw(batches)
    options["dtype"] = draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype

    def shape(tensor: Axes) -> tuple[int, ...]:
        own = tuple(sizes[letter] for letter in tensor.axes)
        return (batch, *own) if layer.carries_samples(tensor) else own

    made = {}
    for tensor in layer.signature.inputs:
        domain = domains_of(layer)[tensor.name]
        below = sizes[letters_below(layer)[tensor.name]] if tensor.integer else 0
        made[tensor.name] = draw(tensor_of(replace(tensor, domain=domain), shape(tensor), below, **options))
    upstream = {tensor.name: draw(tensors(shape(tensor), **options)) for tensor in layer.signature.outputs}
    case = LayerCase(layer, batch, made, upstream)
    assume(_has_values(case))
    return case


def _has_values(case: LayerCase) -> bool:
    """Whether the definition has a value of every entry there."""
    from scratchgrad.testing.point_reference import has_values, point_at, specified

    if case.layer.definition is None:
        return True
    tensors = list(case.inputs.values())
    specification, reference = specified(case.layer, tensors)
    at = point_at(specification, tensors, list(case.grad_outputs.values()), lambda _: [])
    return has_values(reference, at.point)
