"""`certify`: is this kernel, or are these two functions, the forward and backward of that definition?

    verdict = sg.certify("linear", forward=my_forward, backward=my_backward)
    print(verdict)

In   a specification; functions, or the Layer's own kernel
Out  Verdict; for an accepted Layer also a certificate, which the registry takes for this process
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Any

import torch

import scratchgrad
from scratchgrad import certificate as certificates
from scratchgrad import generated, registry
from scratchgrad.certificate import Certificate
from scratchgrad.certification.batteries import battery_for, battery_of
from scratchgrad.certification.battery import Battery, Example
from scratchgrad.certification.calling import Calling
from scratchgrad.certification.error_model import CLAIMED, DTYPES
from scratchgrad.certification.examples import as_examples, given_examples
from scratchgrad.certification.function_specification import specify_function
from scratchgrad.certification.given import judge_given
from scratchgrad.certification.judging import judge
from scratchgrad.certification.large_sizes import UnknownSize, named_sizes
from scratchgrad.certification.modules import example_for, of_module
from scratchgrad.certification.recipe_examination import examine_recipe
from scratchgrad.certification.recorded import judge_recorded
from scratchgrad.certification.smaller_examples import OfExamples, smaller_examples
from scratchgrad.certification.specification import (
    ExampleMismatch,
    NothingToCertify,
    Specification,
    batched_specification,
    dtypes_named,
    layer_of,
    specify,
)
from scratchgrad.certification.subject import Subject
from scratchgrad.certification.transforms import judge_transforms
from scratchgrad.certification.verdict import Verdict
from scratchgrad.codegen.lowering import CannotLower
from scratchgrad.codegen.writing import generate_kernel, is_in_memory, kernel_of
from scratchgrad.layer import Layer
from scratchgrad.notation.definition import Definition
from scratchgrad.recipes import Recipe

__all__ = ["KernelRefused", "battery_of", "certified_kernel", "certify", "is_generated", "kernel_subject"]


class KernelRefused(RuntimeError):
    """A generated kernel that the battery refuses; the message is the verdict."""


_GENERATED = (
    "this kernel was generated: write the equation so that nothing overflows or cancels on the way (logaddexp, log1p, "
    "expm1, sigmoid), or write a kernel by hand (CONTRIBUTING.md, Add a layer)"
)


def certify(
    spec: Any,
    forward: Callable[..., Any] | None = None,
    backward: Callable[..., Any] | None = None,
    example: Example | Callable[[int], Example] | None = None,
    domains: str = "",
    *,
    forward_only: bool = False,
    sizes: Any = None,
    second_order: bool = False,
    jvp: bool = False,
    vmap: bool = False,
    parameters: Mapping[str, str] | None = None,
    dtypes: Sequence[Any] = DTYPES,
) -> Verdict:
    """Whether forward and backward compute what the specification says; never an exception because of what they do.

    `spec` is a room's name, a Layer, a Definition, a text in the grammar, or a torch function that is the specification
    of the forward (then an example is needed, and the derivative is taken of what it does).  Without functions the
    Layer's own kernel is examined, and an accepted one may be used in this process.  forward(*tensors) gives the
    output, or (outputs, saved); backward(grad_out, *tensors) gives a tuple aligned with the tensors (None where it does
    not differentiate); one whose parameters say so is called as backward(saved, *grad_outputs), see calling.py.
    Without backward=, forward is examined through torch's autograd: a torch.autograd.Function or its apply, an
    nn.Module, a custom op, any function whose outputs carry gradients.  `forward_only=True` leaves backward out.
    A module's own parameters stand for the inputs of their names, or else for the last ones in order (weight, bias for
    W, b); `parameters={"W": "weight"}` says which is which.  Functions of NumPy, JAX or C get arrays.
    Larger sizes are compared in float64; `sizes`, such as {"batch": 5000, "n_i": 300} or several of these, names more.
    Examined on request, against exact derivatives: `second_order=True`, backward differentiated once more by the inputs
    and by what arrives; `jvp=True`, forward mode; `vmap=True`, forward and backward under torch.func.vmap.
    `dtypes=("float32",)` compares functions in these dtypes alone; "bfloat16" and "float16" may be among them.

    For a room or a Layer the tensors are batches, as for its kernel; for a text, one sample as it says, unless the
    example has a batch.  `example`, a tuple of tensors or a function seed -> tensors, fixes shapes, integer inputs and
    domains; what is no tensor in it is a constant.  `domains` ("nu>0; p[i]:simplex") says which values the inputs of a
    text or a function may have; a Layer says it in its signature.  Undeclared means all real numbers.

    Raises NothingToCertify where there is no function to examine, or no backward, ExampleMismatch where the
    example does not fit, ParametersMismatch where a module's parameters do not, DomainMisfit where a domain does not,
    UnknownSize where `sizes` names none, UnknownDtype where `dtypes` does.
    """
    for name, function in (("forward", forward), ("backward", backward)):
        if function is not None and not callable(function):
            raise NothingToCertify(f"{name}= takes a function, got {type(function).__name__}: {function!r}")
    given = given_examples(example)
    asked = [name for name, on in (("second_order", second_order), ("jvp", jvp), ("vmap", vmap)) if on]
    question = _Question(spec, forward, backward, domains, forward_only, sizes, asked, parameters, dtypes_named(dtypes))
    smaller = None if isinstance(forward, torch.nn.Module) else smaller_examples(given)
    if smaller is not None:
        verdict = _at_smaller_sizes(question, given, smaller)
        if verdict is not None:
            return verdict
    return question.answer(given)


@dataclass(frozen=True)
class _Question:
    """The arguments of certify but for the examples."""

    spec: Any
    forward: Any
    backward: Any
    domains: str
    forward_only: bool
    sizes: Any
    asked: Sequence[str]
    parameters: Mapping[str, str] | None
    dtypes: tuple[str, ...]

    def specified(self, examples: Sequence[Example]) -> Specification:
        """What the functions are held against, in the dtypes that were asked for."""
        found = _specified(self.spec, examples, self.domains, self.forward_only)
        return found if self.dtypes == DTYPES else replace(found, dtypes=self.dtypes)

    def answer(self, given: Sequence[Example]) -> Verdict:
        """The verdict with these examples."""
        spec, forward, backward, sizes, asked = self.spec, self.forward, self.backward, self.sizes, self.asked
        forward_only = self.forward_only
        examples = as_examples(given)
        specification = self.specified(examples)
        if forward is None and backward is None:
            if self.dtypes != DTYPES:
                raise NothingToCertify("dtypes= is about functions; a layer's own kernel says it itself, dtypes = ...")
            layer = None if specification.function is not None else layer_of(spec)
            return _own_kernel(layer, specification, examples, sizes, asked)
        if forward_only and (forward is None or backward is not None):
            raise NothingToCertify("forward_only=True examines forward= alone: give forward=, and no backward=")
        notes: list[str] = []
        if isinstance(forward, torch.nn.Module):
            forward = of_module(forward, specification, self.parameters)
            notes, used = forward.sentences(), example_for(forward, specification, examples)
            if used is not examples:
                examples, specification = used, self.specified(used)
        elif isinstance(forward, type) and issubclass(forward, torch.nn.Module):
            raise NothingToCertify(f"forward={forward.__name__} is a class: give a module, {forward.__name__}(...)")
        elif self.parameters:
            raise NothingToCertify("parameters= says which inputs are parameters of a module, and forward= is none")
        own = partial(_yardstick, None if specification.function is not None else layer_of(spec), specification)
        if backward is None and not forward_only:
            verdict = judge_recorded(specification, examples, forward, sizes=sizes, asked=asked, own=own)
        else:
            claimed, both = _claimed(forward, backward), (examples, given)
            verdict = judge_given(
                specification, both, (forward, backward), claimed=claimed, sizes=sizes, asked=asked, own=own
            )
        return replace(verdict, diagnosis=(*verdict.diagnosis, *notes))


def _at_smaller_sizes(question: _Question, given: Sequence[Example], smaller: Sequence[Example]) -> Verdict | None:
    """The verdict from smaller examples and plain float64 at the given ones; None where it takes those alone."""
    sizes = question.sizes
    named = [] if sizes is None else list(sizes) if isinstance(sizes, list | tuple) else [sizes]
    try:
        verdict = replace(question, sizes=[*named, OfExamples(as_examples(given))]).answer(smaller)
    except (ExampleMismatch, NothingToCertify, UnknownSize):
        return None  # it is said of the given ones
    shapes = ", ".join(str(list(value.shape)) for value in smaller[0] if hasattr(value, "shape"))
    words = f"the example is large: probed at smaller sizes ({shapes}), and compared in float64 at its own"
    if verdict.accepted:
        return replace(verdict, diagnosis=(*verdict.diagnosis, words))
    return verdict if verdict.judged else None


def _own_kernel(
    layer: Layer | None, specification: Specification, examples: Sequence[Example], sizes: Any, asked: Sequence[str]
) -> Verdict:
    """The verdict about the layer's kernel, with a certificate where it is accepted."""
    if layer is None:
        raise NothingToCertify("give forward= and backward=: a definition has no kernel of its own")
    subject = kernel_subject(layer, specification)
    battery = battery_for(specification, examples, subject)
    verdict = judge(battery, subject, more=named_sizes(battery, sizes))
    verdict = judge_transforms(battery, subject, None, verdict, asked)
    if not verdict.accepted and is_generated(layer):
        verdict = replace(verdict, diagnosis=(*verdict.diagnosis, _GENERATED))
    return _certified(layer, _with_recipe(layer, verdict, battery, subject))


def _specified(spec: Any, examples: Sequence[Example], domains: str, forward_only: bool) -> Specification:
    if callable(spec) and not isinstance(spec, Layer | type):
        if not examples:
            raise NothingToCertify("a function as the specification needs an example: a tuple of its arguments")
        return specify_function(spec, examples[0], domains, forward_only=forward_only)
    return specify(spec, examples[0] if examples else None, domains)


def is_generated(layer: Layer) -> bool:
    """Whether nobody has written a kernel by hand."""
    kernel = layer.kernel_class
    return kernel is None or kernel.__module__.startswith(f"{generated.__name__}.") or is_in_memory(kernel)


def kernel_subject(layer: Layer, specification: Specification) -> Subject:
    """The layer's own kernel, to be examined: the hand-written one, else the generated one.

    Raises NothingToCertify where neither exists.
    """
    if not registry.attach_kernel(layer):
        try:
            generate_kernel(layer)
        except CannotLower as error:
            raise NothingToCertify(
                f"layer {layer.name!r} has no kernel, and none can be generated ({error}); write one under "
                f"@{layer.name}.kernel, or give forward= and backward="
            ) from error
    kernel = layer.kernel_class
    assert kernel is not None  # attached or generated
    forward, backward = (getattr(kernel, name, None) or _missing(name) for name in ("forward", "backward"))
    claimed = _claimed(kernel)
    return Subject(specification, forward, backward, kernel=True, calling=Calling.SAVED_FIRST, claimed=claimed)


def _yardstick(layer: Layer | None, specification: Specification) -> Subject | None:
    """The layer's kernel, where it has one already."""
    return kernel_subject(layer, specification) if layer is not None and registry.attach_kernel(layer) else None


def _claimed(*owners: Any) -> tuple[str, ...]:
    """The dtypes of 16 bits that a kernel or a function claims in its attribute `dtypes`."""
    named = {str(name).removeprefix("torch.") for owner in owners for name in getattr(owner, "dtypes", ()) or ()}
    return tuple(name for name in CLAIMED if name in named)


def certified_kernel(definition: Definition) -> type[Any]:
    """The generated kernel of the definition, over batches.  Raises KernelRefused with the verdict, or CannotLower."""
    kernel = kernel_of(definition)
    specification = batched_specification(definition)
    subject = Subject(specification, kernel.forward, kernel.backward, kernel=True, calling=Calling.SAVED_FIRST)
    verdict = judge(battery_of(specification), subject)
    if not verdict.accepted:
        if not verdict.judged:
            raise KernelRefused(f"the generated kernel could not be compared with the definition:\n{verdict}")
        raise KernelRefused(f"the generated kernel does not agree with the definition:\n{verdict}\n  - {_GENERATED}")
    return kernel


def _missing(name: str) -> Callable[..., Any]:
    """A function that says that the kernel lacks it."""

    def function(*_: Any) -> Any:
        raise NotImplementedError(f"the kernel has no {name}")

    return function


def _with_recipe(layer: Layer, verdict: Verdict, battery: Battery, subject: Subject) -> Verdict:
    """The verdict about the kernel and the recipe of a layer; the first one that refuses, where one does."""
    if layer.recipe is None or not verdict.accepted:
        return verdict

    def examined(kernel: Any, unit: frozenset[int]) -> tuple[Battery, Subject]:
        own = replace(subject, forward_function=kernel.forward, backward_function=kernel.backward)
        names = [layer.signature.inputs[k].name for k in sorted(unit)]
        return Battery(battery.specification, unit_rows=names) if names else battery, own

    found = examine_recipe(Recipe(layer, layer.recipe), (battery, subject), examined)
    refused = next((one for one in found.values() if not one.accepted), None)
    if refused is not None:
        return refused
    evidence = {"digest": certificates.recipe_digest(layer)} | {words: one.evidence for words, one in found.items()}
    lines = [f"its recipe, {words}: {one.diagnosis[0]}" for words, one in found.items()]
    return replace(
        verdict,
        evidence={**verdict.evidence, "recipe": evidence},
        diagnosis=(*verdict.diagnosis, *lines),
        proven=verdict.proven and all(one.proven for one in found.values()),
        recipe=found,
    )


def _certified(layer: Layer, verdict: Verdict) -> Verdict:
    """The verdict with a certificate, which the registry takes, if it is accepted."""
    if not verdict.accepted:
        return verdict
    certificate = Certificate(
        layer=layer.name,
        signature=str(layer.signature),
        digest=certificates.digest(layer),
        made_with={
            "torch": certificates.torch_version(),
            "sympy": version("sympy"),
            "python-flint": version("python-flint"),
            "python": platform.python_version(),
            "scratchgrad": scratchgrad.__version__,
        },
        evidence=dict(verdict.evidence),
    )
    registry.accept(certificate)
    return replace(verdict, certificate=certificate)
