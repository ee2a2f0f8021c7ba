"""A network as text and as plain data.

In   a Network, and its tape if it ran
Out  the listing that print(net) shows; the Graph that sheets and figures read
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scratchgrad.graph import Edge, Graph, Kind, Node
from scratchgrad.tape.signal import Signal
from scratchgrad.tape.tape import Tape

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network

__all__ = ["describe", "listing"]

_OUTSIDE: dict[str, Kind] = {"input": "input", "target": "target", "parameter": "parameter", "constant": "constant"}


def describe(network: Network, tape: Tape | None, *, values: bool) -> Graph:
    """The network's nodes in the order in which the figure is drawn, and an edge for every use of a signal."""
    nodes = [
        Node(s.name, _OUTSIDE[s.role], latex=s.latex, shape=s.shape, outputs=(s.name,))
        for s in network.signals
        if s.role in _OUTSIDE
    ]
    nodes += [
        Node(op.name, "operation", layer=op.layer.name, inputs=op.inputs, outputs=op.outputs)
        for op in network.operations
    ]
    known: dict[str, Any] = {}
    gradients: dict[str, Any] = {}
    if values:
        known = {name: value.tolist() for name, value in network.leaves.items()}
        if tape is not None and tape.has_run:
            known |= {name: tape.value(name).tolist() for name in tape.computed() if name not in known}
        if tape is not None and tape.has_gradients:
            gradients = {name: tape.gradient(name).tolist() for name in tape.computed()}
    return Graph(
        network.name,
        tuple(nodes),
        tuple(edge for signal in network.signals for edge in _edges(network, signal)),
        None if network.objective_signal is None else network.objective_signal.name,
        network.reduction,
        {op.layer.name: op.layer for op in network.operations},
        known,
        gradients,
        tape is not None and tape.has_run and tape.batch is not None,
    )


def listing(network: Network) -> str:
    """Every signal from outside with its shape, every operation, and the objective, one a line."""
    lines = [repr(network).strip("<>")]
    for signal in network.signals:
        if signal.role in _OUTSIDE:
            lines.append(f"  {signal.role:<9}  {signal.name} {_shape(signal)}")
    for op in network.operations:
        outputs = ", ".join(f"{name} {_shape(network.signal(name))}" for name in op.outputs)
        lines.append(f"  {'operation':<9}  {op.layer.name}({', '.join(op.inputs)}) -> {outputs}")
    if network.objective_signal is None:
        lines.append("  no objective yet")
    else:
        lines.append(f"  minimizes  {network.objective_signal.name}, its {network.reduction} over a batch")
    return "\n".join(lines)


def _edges(network: Network, signal: Signal) -> list[Edge]:
    source, output = signal.name, None
    for op in network.operations:
        if signal.name in op.outputs:
            source, output = op.name, op.layer.signature.outputs[op.outputs.index(signal.name)].name
    edges = [
        Edge(signal.name, signal.latex, signal.shape, source, op.name, output, tensor.name)
        for op in network.operations
        for tensor, name in zip(op.layer.signature.inputs, op.inputs, strict=True)
        if name == signal.name
    ]
    return edges or [Edge(signal.name, signal.latex, signal.shape, source, None, output)]


def _shape(signal: Signal) -> str:
    return f"[{', '.join(map(str, signal.shape))}]" if signal.shape else "(a number)"
