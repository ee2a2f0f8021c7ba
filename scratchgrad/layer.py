"""Layer: what a room declares.  Its signature, its definition, and (optionally) its torch kernel.

    linear = Layer("linear", "x[j] W[i,j] b[i] -> u[i]", shared="W b")

    @linear.define                 # called only when someone asks for the mathematics; s is the notation
    def definition(s):
        x, W, b, u = s.tensors
        return s.eq(u[s.i], s.sum(W[s.i, s.j] * x[s.j], s.j) + b[s.i])

    @linear.kernel                 # batched: x is [n, j]; the tensors named in `shared` carry no batch axis
    class Kernel:
        @staticmethod
        def forward(x, W, b): return u, saved
        @staticmethod
        def backward(saved, grad_u): return grad_x, grad_W, grad_b

Plain Python: neither torch nor SymPy is imported here, so that a room costs nothing until it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from scratchgrad.signature import Axes, Signature, SignatureError

__all__ = ["Kernel", "Layer"]


class Kernel(Protocol):
    """The torch pair of a layer, over batches: sample tensors are [n, ...], shared ones have no batch axis.

    forward(*inputs) gives (output, saved), or (outputs, saved) with a tuple of outputs where there are several;
    backward(saved, *grad_outputs) gives one gradient per input, None for an integer-valued input.  Where a layer
    has several outputs, the gradient of one that nobody consumes is None, which means zero.
    """

    @staticmethod
    def forward(*inputs: Any) -> tuple[Any, Any]:
        """The outputs, and what backward needs."""

    @staticmethod
    def backward(saved: Any, *grad_outputs: Any) -> Any:
        """The gradient of J with respect to every input, given those with respect to the outputs."""


class Layer:
    """A layer: a name, a signature, a definition, a kernel.

    `shared` names the inputs that all samples of a batch share (weights, constants); every other input carries a
    batch axis in front.  A layer none of whose inputs carries samples has outputs without a batch axis.
    """

    def __init__(self, name: str, signature: str, *, shared: str = "") -> None:
        """A layer without definition or kernel yet; SignatureError where `shared` names no input."""
        self.name = name
        self.signature = Signature.parse(signature)
        self.shared = tuple(shared.split())
        self.definition_function: Callable[[Any], Any] | None = None
        self.kernel_class: type[Kernel] | None = None
        inputs = [t.name for t in self.signature.inputs]
        for other in self.shared:
            if other not in inputs:
                raise SignatureError(f"layer {name!r}: shared tensor {other!r} is not among the inputs {inputs}")

    def define(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Take `function(s)`, which writes the forward equation in the notation s, as the definition."""
        self.definition_function = function
        return function

    def kernel(self, cls: type[Any]) -> type[Any]:
        """Take `cls`, with its static methods forward and backward, as the kernel."""
        self.kernel_class = cls
        return cls

    def carries_samples(self, tensor: Axes) -> bool:
        """Whether this input or output has a batch axis in the batched form."""
        samples = [t for t in self.signature.inputs if t.name not in self.shared]
        return tensor in samples or (tensor in self.signature.outputs and bool(samples))

    def __repr__(self) -> str:
        """The layer as its room declares it."""
        return f"<Layer {self.name}: {self.signature}>"
