"""The graph of a network as plain data: what a sheet, a figure or a report needs to know of it.

In   a Network (its method graph() gives this)
Out  nodes (inputs, targets, parameters, constants, operations), and edges, which are the named signals between them

Neither torch nor SymPy is imported: the sheets read this, the tape writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scratchgrad.layer import Layer

__all__ = ["Edge", "Graph", "Kind", "Node"]

Kind = Literal["input", "target", "parameter", "constant", "operation"]


@dataclass(frozen=True)
class Node:
    """A rounded box of the figure (a signal that comes from outside) or a box (an operation).

    A node that is no operation has the name, the LaTeX and the shape of the one signal that it gives.  An operation's
    name is its layer's, numbered from the second on ("linear", "linear 2"); `inputs` and `outputs` name its signals in
    the order of the layer's signature.  `shape` is one sample's shape, without the batch axis.
    """

    name: str
    kind: Kind
    layer: str | None = None
    latex: str | None = None
    shape: tuple[int, ...] | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edge:
    """A signal on its way from the node that gives it to one that takes it; a signal nobody takes has target None.

    `output` and `input` are the names that the two layers' signatures have for it (None at a node that is no
    operation): the signal h is `h` of relu and `x` of the second linear layer.
    """

    signal: str
    latex: str
    shape: tuple[int, ...]
    source: str
    target: str | None
    output: str | None = None
    input: str | None = None


@dataclass(frozen=True)
class Graph:
    """Nodes in the order of execution, edges in the order of their sources.

    `values` and `gradients` hold nested lists (a number for a scalar) by signal, where they were asked for and known;
    with `batched`, those of samples have the batch axis in front.  `layers` holds each layer by its name.
    """

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    objective: str | None = None
    reduction: str = "mean"
    layers: Mapping[str, Layer] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    gradients: Mapping[str, Any] = field(default_factory=dict)
    batched: bool = False

    @property
    def operations(self) -> tuple[Node, ...]:
        """The nodes that compute, in the order of execution."""
        return tuple(node for node in self.nodes if node.kind == "operation")

    def node(self, name: str) -> Node:
        """The node of this name; KeyError where there is none."""
        return {node.name: node for node in self.nodes}[name]

    def latex(self, signal: str) -> str:
        """How the signal of this name is written on a sheet."""
        return {edge.signal: edge.latex for edge in self.edges}[signal]

    def shape(self, signal: str) -> tuple[int, ...]:
        """One sample's shape of the signal of this name."""
        return {edge.signal: edge.shape for edge in self.edges}[signal]

    def consumers(self, signal: str) -> tuple[Edge, ...]:
        """The edges along which the signal reaches an operation: two or more are parallel paths."""
        return tuple(e for e in self.edges if e.signal == signal and e.target is not None)
