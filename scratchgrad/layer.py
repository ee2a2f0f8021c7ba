"""Layer: what a room declares.  Its signature, its equation, and (optionally) its torch kernel.

    linear = Layer("linear", "x[j] W[i,j] b[i] -> u[i]", "u[i] = Sum(W[i,j]*x[j], j) + b[i]", shared="W b")

    @linear.kernel                 # batched: x is [n, j]; the tensors named in `shared` carry no batch axis
    class Kernel:
        @staticmethod
        def forward(x, W, b): return u, saved
        @staticmethod
        def backward(saved, grad_u): return grad_x, grad_W, grad_b

The equation is the definition, in the text grammar; it is read when someone asks for the mathematics.  A definition
that no text can say is a function of the notation:

    power = Layer("power", "x[i] -> y[i]", options="degree=3")

    @power.define                  # called only when someone asks for the mathematics; s is the notation
    def definition(s):
        x, y = s.tensors
        return s.eq(y[s.i], sum(x[s.i]**k for k in range(s.degree + 1)))

A layer may have options, whole numbers that its equation and the formulas of its sizes name:

    conv1d = Layer(
        "conv1d",
        "x[c,i] W[o,c,k] -> u[o,p]; p = (i - k)//stride + 1",
        "u[o,p] = Sum(W[o,c,k]*x[c, stride*p + k], c, k)",
        shared="W",
        options="stride=1",
    )
    conv1d.with_options(stride=2)      # a layer of its own, conv1d(stride=2): with its own kernel and certificate

Plain Python: neither torch nor SymPy is imported here, so that a room costs nothing until it is used.
"""

from __future__ import annotations

import copy
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, Protocol

from scratchgrad.signature import Axes, Signature, SignatureError

__all__ = ["NAME", "DefinedTwice", "EquationIsNoText", "Kernel", "Layer", "OptionMismatch", "options_in"]

NAME = re.compile(r"(?P<base>\w+)(?:\((?P<options>[^()]*)\))?")
"""The name of a layer, perhaps with options: relu, conv2d(stride=2,padding=1)."""


class OptionMismatch(ValueError):
    """An option that a layer does not have, or a value that is no whole number."""


class DefinedTwice(ValueError):
    """A layer with both an equation and a function that defines it."""


class EquationIsNoText(TypeError):
    """An equation that is something else than text."""


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
    """A layer: a name, a signature, an equation, a kernel.

    `equation` is the definition in the text grammar, assignments separated by new lines or semicolons.  It is read only
    when someone asks for the mathematics; without it, `define` takes a function.

    `shared` names the inputs that all samples of a batch share (weights, constants); every other input carries a
    batch axis in front.  A layer none of whose inputs carries samples has outputs without a batch axis.

    `usual` are the values that shared inputs usually start from, "gamma=1 eps=1e-5": `Sequential` takes them.

    `options` are "stride=1 padding=0": whole numbers with their defaults, which may be another option's name.
    `variants` are the options, beside the defaults, for which the package ships a kernel and a certificate.
    `batch` is the letter of the batch axis where the samples depend on one another (batch norm): the definition then
    speaks of x[n,i], the kernel is called as any other.
    """

    def __init__(
        self,
        name: str,
        signature: str,
        equation: str | None = None,
        *,
        shared: str = "",
        usual: str = "",
        options: str = "",
        variants: tuple[str, ...] = (),
        batch: str | None = None,
    ) -> None:
        """A layer without kernel yet; SignatureError where `shared` names no input."""
        if not isinstance(equation, str | None):
            raise EquationIsNoText(
                f"layer {name!r}: the equation is a text such as 'u[i] = 2*x[i]', got {equation!r}; "
                f"a function goes under @{name}.define"
            )
        self.name = name
        self.base = self
        self.signature = Signature.parse(signature)
        self.shared = tuple(shared.split())
        self.usual = {name: float(value) for name, _, value in (word.partition("=") for word in usual.split())}
        self.batch = batch
        self.defaults = options_in(options)
        self.options = _resolved(self.defaults)
        self.chosen: dict[str, int] = {}
        self.variants = variants
        self.equation = None if equation is None else inspect.cleandoc(equation)
        self.definition_function: Callable[[Any], Any] | None = None
        caller = sys._getframe(1)  # as for a named tuple: the header and the errors of a layer are those of its file
        self.module = str(caller.f_globals.get("__name__", ""))
        self.place = f"{caller.f_code.co_filename}, line {caller.f_lineno}"
        self.kernel_class: type[Kernel] | None = None
        self.recipe: ModuleType | None = None  # the room's, see scratchgrad.recipes
        self.known_variants: dict[str, Layer] = {}
        inputs = [t.name for t in self.signature.inputs]
        for other in self.shared:
            if other not in inputs:
                raise SignatureError(f"layer {name!r}: shared tensor {other!r} is not among the inputs {inputs}")
        for other in self.usual:
            if other not in self.shared:
                raise SignatureError(f"layer {name!r}: {other!r} has a usual value, but is not among the shared inputs")
        for tensor in self.signature.inputs:
            if tensor.name in self.usual and self.usual[tensor.name] not in tensor.domain.interval:
                raise SignatureError(
                    f"layer {name!r}: {tensor} has the usual value {self.usual[tensor.name]:g}, "
                    "which lies outside its domain"
                )
        known = {*self.options, *(letter for tensor in self.signature.inputs for letter in tensor.axes)}
        for letter, formula in self.signature.formulas.items():
            unknown = [used for used in formula.names if used not in known]
            if len(unknown) > (letter in known):  # one may be solved for where an input has the axis
                raise SignatureError(
                    f"layer {name!r}: {letter} = {formula} uses {unknown[0]!r}, which is neither an axis of an input "
                    "nor an option"
                )
            known |= {letter, *unknown}
        for clash in (*self.options, *((batch,) if batch else ())):
            if clash in self.signature.letters:
                raise SignatureError(f"layer {name!r}: {clash!r} is an axis of {self.signature}; call it otherwise")
        for clash in self.options:
            if clash in (t.name for t in (*self.signature.inputs, *self.signature.outputs)):
                raise SignatureError(f"layer {name!r}: {clash!r} is a tensor of {self.signature}; call it otherwise")

    def define(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Take `function(s)`, which writes the forward equation in the notation s, as the definition.

        Raises DefinedTwice where the layer has an equation.
        """
        if self.equation is not None:
            raise DefinedTwice(
                f"layer {self.name!r} ({self.place}) has an equation, {self.equation.splitlines()[0]!r}, and a "
                f"function that defines it, {getattr(function, '__qualname__', function)!s}; keep one of them"
            )
        self.definition_function = function
        return function

    @property
    def definition(self) -> str | Callable[[Any], Any] | None:
        """What defines the layer: its equation, else the function given to `define`, None where there is neither."""
        return self.definition_function if self.equation is None else self.equation

    def kernel(self, cls: type[Any]) -> type[Any]:
        """Take `cls`, with its static methods forward and backward, as the kernel."""
        self.kernel_class = cls
        return cls

    def with_options(self, **options: int) -> Layer:
        """The layer with these options, a layer of its own; itself where they are the defaults.

        Its kernel is generated: a kernel written by hand is one for the defaults.  Raises OptionMismatch.
        """
        for option, value in options.items():
            if option not in self.base.defaults:
                known = ", ".join(self.base.defaults) or "none"
                raise OptionMismatch(f"layer {self.base.name!r} has no option {option!r}; its options: {known}")
            if type(value) is not int and type(value) is not bool:
                raise OptionMismatch(f"layer {self.base.name!r}: {option} takes a whole number, got {value!r}")
        wanted = {**self.chosen, **{option: int(value) for option, value in options.items()}}
        resolved = _resolved({**self.base.defaults, **wanted})
        chosen = {o: v for o, v in wanted.items() if v != _resolved({**self.base.defaults, **_but(wanted, o)})[o]}
        name = f"{self.base.name}({','.join(f'{o}={chosen[o]}' for o in self.base.defaults if o in chosen)})"
        if not chosen:
            return self.base
        found = self.base.known_variants.get(name)
        if found is None or found.definition != self.base.definition:
            found = copy.copy(self.base)
            found.name, found.chosen, found.options = name, chosen, resolved
            found.kernel_class, found.variants = None, ()
            self.base.known_variants[name] = found
        return found

    @property
    def stem(self) -> str:
        """The name as a file may have it: conv2d_stride_2 for conv2d(stride=2)."""
        return re.sub(r"\W+", "_", self.name).strip("_")

    @property
    def whole(self) -> Signature:
        """The signature of the definition: with the batch axis, where the definition speaks of the whole batch."""
        if self.batch is None:
            return self.signature

        def widened(tensor: Axes) -> Axes:
            return replace(tensor, axes=(str(self.batch), *tensor.axes)) if self.carries_samples(tensor) else tensor

        return Signature(
            tuple(map(widened, self.signature.inputs)),
            tuple(map(widened, self.signature.outputs)),
            self.signature.formulas,
        )

    def carries_samples(self, tensor: Axes) -> bool:
        """Whether this input or output has a batch axis in the batched form."""
        samples = [t for t in self.signature.inputs if t.name not in self.shared]
        return tensor in samples or (tensor in self.signature.outputs and bool(samples))

    def __repr__(self) -> str:
        """The layer as its room declares it."""
        return f"<Layer {self.name}: {self.signature}>"


def options_in(text: str) -> dict[str, int | str]:
    """The options of "stride=1 padding=0"; OptionMismatch where the text is not of this form."""
    found: dict[str, int | str] = {}
    for word in text.replace(",", " ").split():
        option, equals, value = word.partition("=")
        if not (option.isidentifier() and equals and (value.lstrip("-").isdigit() or value.isidentifier())):
            raise OptionMismatch(f"options {text!r}: cannot read {word!r}; write stride=2")
        found[option] = value if value.isidentifier() else int(value)
    return found


def _resolved(options: Mapping[str, int | str]) -> dict[str, int]:
    """The options as numbers, those that are another option's name resolved."""
    found: dict[str, int] = {}
    for option, value in options.items():
        if isinstance(value, str) and value not in found:
            raise OptionMismatch(f"option {option}={value}: {value!r} is no option before it")
        found[option] = found[value] if isinstance(value, str) else value
    return found


def _but(options: Mapping[str, int], option: str) -> dict[str, int]:
    return {o: v for o, v in options.items() if o != option}
