"""The operations of a network, each with its layer's derivation in the network's own names.

In   Graph: linear(h, M, b2) -> v
Out  Occurrence: the definition v_i = sum_j M_ij h_j + b2_i, its derivation and its forms
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scratchgrad.calculus.derivation import Derivation
from scratchgrad.calculus.differentiate import depends_on
from scratchgrad.forms.batched import mapped
from scratchgrad.forms.forms import Forms
from scratchgrad.forms.node import Node
from scratchgrad.forms.reduction import matrix_form
from scratchgrad.graph import Graph
from scratchgrad.graph import Node as GraphNode
from scratchgrad.layer import Layer
from scratchgrad.notation.definition import Definition, Tensor
from scratchgrad.notation.language import define_layer
from scratchgrad.sheets.gradient_section import Paper
from scratchgrad.sheets.special_cases import sums_over, without_gradients, without_sum
from scratchgrad.sheets.titles import layer_title

__all__ = ["Occurrence", "carrying_samples", "leading_to_objective", "occurrences"]


@dataclass(frozen=True)
class Occurrence:
    """One operation: its layer in the network's names.  `signals` maps the definition's names to the network's."""

    node: GraphNode
    layer: Layer
    definition: Definition
    derivation: Derivation
    forms: Forms
    paper: Paper
    signals: dict[str, str]
    unconsumed: tuple[str, ...]
    targets: tuple[Tensor, ...]

    @property
    def title(self) -> str:
        """What the layer is called."""
        return layer_title(self.layer)

    def gradient(self, name: str, *, normalised: bool = True) -> Node | None:
        """The vector form of the gradient with respect to an input, as this network needs it.

        Outputs that nobody takes are left out; with `normalised`, targets are probability vectors.
        """
        form = self.derivation[name]
        taken = {i.name for i in form.indices}
        e = form.element
        gone = [o for o in self.definition.outputs if o.name in self.unconsumed and depends_on(e, o.gradient.name)]
        if gone:
            e = without_gradients(e, gone, taken)
        for target in self.assumed(name) if normalised else ():
            e = without_sum(e, target, taken)
        return self.forms.vector(name) if e == form.element else matrix_form(e, form.indices)

    def assumed(self, name: str) -> tuple[Tensor, ...]:
        """The targets whose sum occurs in a gradient, which is 1 for a probability vector."""
        return tuple(t for t in self.targets if sums_over(self.derivation[name].element, t))


def occurrences(graph: Graph) -> Iterator[Occurrence]:
    """Every operation in the order of execution."""
    objective = {"J": graph.latex(graph.objective)} if graph.objective else {}
    for node in graph.operations:
        layer = graph.layers[node.layer or ""]
        names: dict[str, str] = {}
        signals: dict[str, str] = {}
        latex = dict(objective)
        given = (*node.inputs, *node.outputs)
        for tensor, signal in zip((*layer.signature.inputs, *layer.signature.outputs), given, strict=True):
            # A signal that an operation takes twice is two inputs to the derivation; their gradients are added later.
            again = sum(s == signal for s in signals.values())
            names[tensor.name] = f"{signal}_{again + 1}" if again else signal
            signals[names[tensor.name]] = signal
            latex[names[tensor.name]] = _primed(graph.latex(signal), again)
        definition = mapped(define_layer(layer), _mapped_axes(graph, layer, node)).renamed(names, latex)
        derivation = Derivation(definition)
        unconsumed = tuple(o for o in node.outputs if o != graph.objective and not graph.consumers(o))
        kinds = {n.name: n.kind for n in graph.nodes}
        targets = tuple(t for t in definition.inputs if kinds.get(signals[t.name]) == "target")
        yield Occurrence(
            node, layer, definition, derivation, Forms(derivation), Paper.of(definition), signals, unconsumed, targets
        )


def _mapped_axes(graph: Graph, layer: Layer, node: GraphNode) -> int:
    """How many axes the samples have in front of the layer's own: it is applied at each of their places."""
    taken = zip(layer.signature.inputs, node.inputs, strict=True)
    own = [(len(graph.shape(signal)), len(t.axes)) for t, signal in taken if t.name not in layer.shared]
    return own[0][0] - own[0][1] if own else 0


def leading_to_objective(graph: Graph) -> frozenset[str]:
    """The names of the operations on which the objective depends: those that the reverse sweep visits."""
    reached = {graph.objective}
    found: set[str] = set()
    for node in reversed(graph.operations):
        if reached & set(node.outputs):
            found.add(node.name)
            reached |= set(node.inputs)
    return frozenset(found)


def carrying_samples(graph: Graph) -> frozenset[str]:
    """The signals that have a value for each sample of a batch: inputs, targets, and what is computed from them."""
    carrying = {n.name for n in graph.nodes if n.kind in ("input", "target")}
    for node in graph.operations:
        if carrying & set(node.inputs):
            carrying |= set(node.outputs)
    return frozenset(carrying)


def _primed(latex: str, times: int) -> str:
    if not times:
        return latex
    primes = " ".join(["\\prime"] * times)
    return f"{{{latex}}}^{{{primes}}}" if "^" in latex else f"{latex}^{{{primes}}}"
