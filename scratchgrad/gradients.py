"""`derive`: from an equation to its gradients, with the steps.

    d = sg.derive("u[i] = Sum(W[i,j]*x[j], j) + b[i]")
    print(d["W"].vector)                # grad_u @ x.T
    d["W"].evaluate({"u": g}, {"x": x, "W": W, "b": b})
    d.save("linear.tex")

Needs SymPy and numpy, not torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import sympy as sp

from scratchgrad.calculus.chosen import ChosenElement
from scratchgrad.calculus.derivation import Derivation, UnknownTensor
from scratchgrad.calculus.kinks import Kink, kinks
from scratchgrad.calculus.steps import Step
from scratchgrad.forms.convolution import correlation
from scratchgrad.forms.forms import Forms
from scratchgrad.forms.matrix import assigned
from scratchgrad.forms.node import COLUMNS, ROWS, STACKED, Node
from scratchgrad.forms.stack import Stack
from scratchgrad.forms.verification import Outcome
from scratchgrad.layer import NAME, Layer
from scratchgrad.notation.arithmetic import Arithmetic
from scratchgrad.notation.definition import Definition, Tensor
from scratchgrad.notation.evaluation import Valuation
from scratchgrad.notation.exact_arithmetic import Exact
from scratchgrad.notation.from_sympy import from_sympy
from scratchgrad.notation.grammar import parse
from scratchgrad.notation.indices import Index
from scratchgrad.notation.language import define_layer
from scratchgrad.notation.limits import task
from scratchgrad.notation.mistakes import UnknownName, UnusedName
from scratchgrad.notation.text import to_text
from scratchgrad.notation.values import NotSquare, finite, valuation

__all__ = ["Form", "Gradient", "Gradients", "MatrixForm", "NotSquare", "UnknownTensor", "definition_of", "derive"]


@dataclass(frozen=True)
class MatrixForm:
    """A gradient as products of matrices and vectors; `str` reads like code.

    style "columns": one sample, vectors are columns (`grad_u @ x.T`); "rows": a batch, samples are rows as in torch.
    "stacked": tensors of more than two axes, matrices stacked along the leading ones, as in torch's broadcasting.
    """

    node: Node
    style: str = COLUMNS
    name: str = ""

    @classmethod
    def of(cls, node: Node, style: str, name: str) -> MatrixForm:
        """The form of the gradient with respect to `name`; in the style of stacked matrices where it is a stack."""
        return cls(node, STACKED if isinstance(node, Stack) else style, name)

    def __str__(self) -> str:
        """The form as code."""
        return assigned(self.node, self.style, self.name)

    def latex(self) -> str:
        """The form as LaTeX."""
        from scratchgrad.sheets.printer import matrix_latex

        return matrix_latex(self.node)


@dataclass(frozen=True)
class Form:
    """The shortest form of a gradient that there is, as code.

    kind "matrix": products of matrices and vectors; "einsum": where those do not exist; "element": where neither does.
    `words` says what an element form is called, such as the correlation of x with grad_u; often nothing.
    """

    kind: str
    text: str
    words: str = ""

    def __str__(self) -> str:
        """The code."""
        return self.text


@dataclass(frozen=True)
class Gradient:
    """The gradient of J with respect to one tensor, in its forms, with the steps that led there."""

    parent: Gradients
    name: str

    @property
    def element(self) -> sp.Expr:
        """The element form (SymPy): the value of the derivation's last step, free in `indices`."""
        return self.parent.derivation[self.name].element

    @property
    def text(self) -> str:
        """The element form in the text grammar: it parses back."""
        definition = self.parent.definition
        tensors = (*definition.tensors.values(), *(o.gradient for o in definition.outputs))
        with task(f"writing the gradient with respect to {self.name}"):
            return to_text(self.element, {t.name: t.sizes for t in tensors})

    @property
    def indices(self) -> tuple[Index, ...]:
        """The free indices of the element form, one for each axis of the tensor."""
        return self.parent.derivation[self.name].indices

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, each with rule, before, after, words and sub-steps."""
        return self.parent.derivation[self.name].steps

    @property
    def chosen(self) -> ChosenElement | None:
        """One chosen element worked out for a small size, None for a scalar."""
        return self.parent.derivation[self.name].chosen

    @cached_property
    def vector(self) -> MatrixForm | None:
        """The matrix form for one sample, None where there is none."""
        node = self.parent.forms.vector(self.name)
        return None if node is None else MatrixForm.of(node, COLUMNS, self.name)

    @cached_property
    def batched(self) -> MatrixForm | None:
        """The matrix form for a batch, None where there is none."""
        node = self.parent.forms.batched(self.name)
        over_batch = self.parent.forms.over_batch.definition.batch is not None
        return None if node is None else MatrixForm.of(node, ROWS if over_batch else COLUMNS, self.name)

    @property
    def einsum(self) -> str | None:
        """The gradient as einsum where it has no matrix form, None where it has one or where there is no einsum."""
        found = self.parent.forms.einsum(self.name)
        return None if found is None else str(found)

    @property
    def form(self) -> Form:
        """The matrix form; where there is none, an einsum; where there is none either, the element form."""
        if self.vector is not None:
            return Form("matrix", str(self.vector))
        if self.einsum is not None:
            return Form("einsum", self.einsum)
        called = correlation(self.element)
        return Form("element", self.text, "" if called is None else called.words())

    @property
    def local(self) -> Form:
        """The gradient in terms of those of what consumes the tensor, as a paper has it: dQ = dS K / sqrt(d).

        The gradients of what forward assigns are called grad_S, or bar_S where S is an output, too.
        """
        found = self.parent.forms.local(self.name)
        if found is None:
            called = correlation(self.parent.derivation.local(self.name))
            text = to_text(self.parent.derivation.local(self.name))
            return Form("element", text, "" if called is None else called.words())
        return Form("matrix" if isinstance(found, Node) else "einsum", str(found))

    @property
    def batched_form(self) -> Form:
        """The same over a batch."""
        if self.batched is not None:
            return Form("matrix", str(self.batched))
        found = self.parent.forms.batched_einsum(self.name)
        return Form("element", to_text(self.batched_element)) if found is None else Form("einsum", str(found))

    @cached_property
    def doubt(self) -> str | None:
        """What could not be confirmed with numbers, in a sentence; None where everything was.

        The element form is compared with differences of the definition, every other form with the element form.
        """
        outcome = self.parent.forms.outcome(self.name)
        if outcome is Outcome.DIFFERS:
            return (
                f"grad_{self.name} could not be confirmed: at no probe does it agree with differences of the definition"
            )
        if outcome is Outcome.UNKNOWN:
            return f"grad_{self.name} could not be confirmed: at no probe has the definition finite values"
        if self.parent.forms.withheld(self.name):
            return f"grad_{self.name} has a shorter form that no probe could confirm, so it is not shown"
        return None

    @property
    def batched_element(self) -> sp.Expr:
        """The element form over a batch."""
        return self.parent.forms.over_batch[self.name].element

    def latex(self) -> str:
        """The derivation of this gradient as LaTeX, without preamble."""
        from scratchgrad.sheets.layer_sheet import gradient_latex

        with task(f"writing the derivation with respect to {self.name}"):
            return gradient_latex(self)

    def evaluate(self, grad_outputs: Mapping[str, Any] | None = None, tensors: Mapping[str, Any] | None = None) -> Any:
        """The element form evaluated: numpy float64, in the tensor's shape.

        `grad_outputs` maps the name of an output to the gradient of J with respect to it; one that is left out is zero.
        It may be omitted where the only output is a scalar, which then counts as J.  Arrays may be numpy's or torch's.
        Where float64 overflows on the way, as exp(1000) does, the numbers are `exact`'s, rounded: slower, but right.

        Raises EvaluationError where a tensor is missing, ShapeMismatch where sizes disagree, DomainViolated where a
        value lies outside the domain that is declared of its tensor.
        """
        if tensors is None:
            grad_outputs, tensors = None, grad_outputs or {}
        at = self.parent.valuation(tensors, grad_outputs or None)
        found = at.value(self.element, self.indices)
        return finite(self.parent.definition, found, at, lambda: self.exact(grad_outputs or None, tensors))

    def exact(self, grad_outputs: Mapping[str, Any] | None, tensors: Mapping[str, Any], digits: int = 50) -> Any:
        """As `evaluate`, in exact rational or `digits`-digit arithmetic: an object array."""
        return self.parent.valuation(tensors, grad_outputs or None, Exact(digits)).value(self.element, self.indices)


class Gradients(Mapping[str, Gradient]):
    """All gradients of a definition: `d["W"]` is the gradient of J with respect to W."""

    def __init__(self, definition: Definition) -> None:
        """The gradients of `definition`, derived when they are asked for."""
        self.definition = definition
        self.derivation = Derivation(definition)
        self.forms = Forms(self.derivation)
        self._gradients: dict[str, Gradient] = {}

    def __getitem__(self, name: str) -> Gradient:
        """The gradient with respect to the tensor `name`; UnknownTensor (a KeyError) for anything else."""
        _ = self.derivation[name]
        return self._gradients.setdefault(name, Gradient(self, name))

    def __iter__(self) -> Iterator[str]:
        """The differentiable inputs, in order."""
        return iter(self.derivation.differentiable)

    def __len__(self) -> int:
        """How many differentiable inputs there are."""
        return len(self.derivation.differentiable)

    def __repr__(self) -> str:
        """The definition and, for every input, its element form."""
        lines = [str(self.definition)]
        lines += [f"  grad_{name} = {to_text(self[name].element)}" for name in self]
        return "\n".join(lines)

    @cached_property
    def kinks(self) -> tuple[Kink, ...]:
        """Where the definition has kinks, each with its convention and with what is true of the outputs there."""
        return tuple(kinks(self.definition, self.derivation))

    def sweep(self) -> dict[str, Form]:
        """The backward pass line by line, each gradient in terms of those before it, from the last assignment back."""
        return {name: self[name].local for name in self.derivation.sweep}

    def latex(self) -> str:
        """The whole derivation as LaTeX, without preamble."""
        return "\n\n".join(self[name].latex() for name in self)

    def kernel_source(self) -> str:
        """The torch source of a kernel for a batch, forward and backward; it imports only torch.

        Raises codegen.lowering.CannotLower where an element form has no tensor operation yet.
        """
        from scratchgrad.codegen.generate import kernel_source

        with task("generating the kernel"):
            return kernel_source(self.definition)

    def kernel(self) -> Any:
        """The kernel that `kernel_source` writes, certified: a class with forward(*inputs) and backward(saved, *grads).

        Inputs that are not shared have a batch axis in front.  Raises KernelRefused, which says what is wrong, where
        the kernel does not agree with the definition; CannotLower where there is none.
        """
        from scratchgrad.certification.certifying import certified_kernel

        return certified_kernel(self.definition)

    def save(self, path: str | Path) -> Path:
        """Write the derivation sheet to `path`: .tex, .html or .pdf by its suffix."""
        from scratchgrad.sheets.layer_sheet import layer_sheet
        from scratchgrad.sheets.writing import save_sheet

        with task("writing the derivation sheet"):
            return save_sheet(layer_sheet(self), Path(path))

    def forward(self, tensors: Mapping[str, Any], arithmetic: Arithmetic | None = None) -> dict[str, Any]:
        """The values of all assigned tensors, by name; in float64, and exact where that overflows, unless told."""
        at = self.valuation(tensors, {}, arithmetic)
        names = [a.target.name for a in self.definition.assignments]
        if arithmetic is not None:
            return {name: at.tensors[name] for name in names}

        @cache
        def exact() -> dict[str, Any]:
            return self.forward(tensors, Exact())

        return {
            name: finite(self.definition, at.tensors[name], at, partial(lambda name: exact()[name], name))
            for name in names
        }

    def valuation(
        self, tensors: Mapping[str, Any], grad_outputs: Mapping[str, Any] | None, arithmetic: Arithmetic | None = None
    ) -> Valuation:
        """The tensors, all values that forward computes from them, and the gradients of the outputs.

        Raises DomainViolated, which names the tensor and the value, where one lies outside its domain.
        """
        return valuation(self.definition, tensors, grad_outputs, arithmetic)


def derive(
    source: str | Layer | Definition | sp.Basic | list[sp.Basic],
    *,
    tensors: str = "",
    ranges: Mapping[str, str | int] | None = None,
    outputs: str | list[str] | None = None,
    shared: str | None = None,
    domains: str = "",
) -> Gradients:
    """The gradients of J with respect to every input of a layer, a definition, a text or SymPy equations.

    `source` is a text in the grammar ("u[i] = Sum(W[i,j]*x[j], j) + b[i]"), the name of a layer ("linear"), a Layer, a
    Definition, or sympy.Eq (several in a list).  `tensors` and `ranges` name sizes where a text leaves them open,
    `outputs` the outputs ("o L"; default: the last left side), `shared` the inputs that carry no samples in the batched
    form (default for a text: scalars, and names that begin with a capital letter or b), `domains` the values that
    inputs may have ("nu>0; p[i]:simplex", see `domain`; default: all real numbers).  The gradient with respect to a
    matrix that is :symmetric, or to rows of a :simplex, takes their entries as independent variables, as torch does.

    Raises NotationError (its subclasses point at the place in a text; UnusedName where a name is given for what is not
    there) or registry.UnknownLayer.  What takes longer or becomes larger than `sg.limits` allows (60 seconds, 200,000
    nodes) ends in OutOfTime or TooLarge.
    """
    return Gradients(
        definition_of(source, tensors=tensors, ranges=ranges, outputs=outputs, shared=shared, domains=domains)
    )


def definition_of(
    source: str | Layer | Definition | sp.Basic | list[sp.Basic],
    *,
    tensors: str = "",
    ranges: Mapping[str, str | int] | None = None,
    outputs: str | list[str] | None = None,
    shared: str | None = None,
    domains: str = "",
) -> Definition:
    """The definition that `source` stands for; the arguments are those of `derive`."""
    _check_unused(source, tensors=tensors, ranges=ranges, outputs=outputs, shared=shared, domains=domains)
    if isinstance(source, Definition):
        return source if shared is None else _sharing(source, shared)
    if isinstance(source, str) and NAME.fullmatch(source.strip()):
        from scratchgrad import registry

        source = registry.layer(source.strip())
    if isinstance(source, Layer):
        return define_layer(source)
    wanted = outputs.split() if isinstance(outputs, str) else outputs
    if isinstance(source, str):
        definition = parse(source, tensors=tensors, ranges=ranges, outputs=wanted, domains=domains, strict=True)
    else:
        definition = from_sympy(source, tensors=tensors, ranges=ranges, outputs=wanted, domains=domains, strict=True)
    if shared is None:
        return replace(definition, shared=tuple(t.name for t in definition.inputs if _looks_shared(t)))
    return _sharing(definition, shared)


def _check_unused(source: Any, **given: Any) -> None:
    """UnusedName where a layer, or a definition, is told what it says itself."""
    layer = isinstance(source, Layer) or (isinstance(source, str) and NAME.fullmatch(source.strip()) is not None)
    if not layer and not isinstance(source, Definition):
        return
    name = "the definition" if isinstance(source, Definition) else f"layer {str(getattr(source, 'name', source))!r}"
    for option, value in given.items():
        if value and (layer or option != "shared"):
            raise UnusedName(f"{option}: {name} says that itself; {option}= belongs to a text or to SymPy equations")


def _sharing(definition: Definition, shared: str) -> Definition:
    """The definition whose batches share the inputs named; UnknownName for a name that no input has."""
    known = [t.name for t in definition.inputs]
    for name in shared.split():
        if name not in known:
            raise UnknownName(f"shared: no input is named {name!r}; the inputs are {', '.join(known) or 'none'}")
    return replace(definition, shared=tuple(shared.split()))


def _looks_shared(tensor: Tensor) -> bool:
    return (not tensor.indices and not tensor.integer) or tensor.name[0].isupper() or tensor.name.startswith("b")
