"""Graphs of networks as plain data, made without torch: the lab's, and random ones with fan-out and parallel paths."""

from typing import Any

from hypothesis import strategies as st

from scratchgrad import registry
from scratchgrad.graph import Edge, Graph, Kind, Node
from scratchgrad.sheets.names import latex_name


class Builder:
    """A network of layers, written down as a Graph."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.latex: dict[str, str] = {}
        self.made: dict[str, tuple[str, str]] = {}
        self.uses: list[tuple[str, str, str]] = []
        self.layers: dict[str, Any] = {}

    def outside(self, name: str, kind: Kind, shape: tuple[int, ...], latex: str | None = None) -> str:
        self.shapes[name], self.latex[name] = shape, latex or latex_name(name)
        self.nodes.append(Node(name, kind, latex=self.latex[name], shape=shape, outputs=(name,)))
        return name

    def add(self, layer: str, *inputs: str, names: tuple[str, ...]) -> tuple[str, ...]:
        found = self.layers.setdefault(layer, registry.layer(layer))
        sizes = found.signature.sizes(layer, [self.shapes[i] for i in inputs])
        title = f"{layer} {sum(n.layer == layer for n in self.nodes) + 1}"
        self.nodes.append(Node(title, "operation", layer=layer, inputs=inputs, outputs=names))
        for name, tensor in zip(names, found.signature.outputs, strict=True):
            self.shapes[name], self.latex[name] = tuple(sizes[a] for a in tensor.axes), latex_name(name)
            self.made[name] = (title, tensor.name)
        for signal, tensor in zip(inputs, found.signature.inputs, strict=True):
            self.uses.append((signal, title, tensor.name))
        return names

    def graph(self, objective: str | None, values: dict[str, Any] | None = None) -> Graph:
        edges = []
        for signal, shape in self.shapes.items():
            source, output = self.made.get(signal, (signal, None))
            mine = [(t, i) for s, t, i in self.uses if s == signal] or [(None, None)]
            edges += [Edge(signal, self.latex[signal], shape, source, t, output, i) for t, i in mine]
        return Graph("test", tuple(self.nodes), tuple(edges), objective, layers=self.layers, values=values or {})


def lab() -> Graph:
    """The course's network at the course's numbers."""
    net = Builder()
    net.outside("x", "input", (2,))
    net.outside("W", "parameter", (3, 2))
    net.outside("b1", "parameter", (3,), "b^{(1)}")
    net.add("linear", "x", "W", "b1", names=("u",))
    net.add("relu", "u", names=("h",))
    net.outside("M", "parameter", (2, 3))
    net.outside("b2", "parameter", (2,), "b^{(2)}")
    net.add("linear", "h", "M", "b2", names=("v",))
    net.outside("y", "target", (2,))
    net.add("softmax_cross_entropy", "v", "y", names=("o", "L"))
    net.outside("lambda", "constant", ())
    net.add("squared_norm", "W", "lambda", names=("s1",))
    net.add("squared_norm", "M", "lambda", names=("s2",))
    net.add("add", "s1", "s2", names=("s",))
    net.add("add", "L", "s", names=("J",))
    values = {
        "W": [[4, 5], [-2, 2], [7, 1]],
        "b1": [1, -2, 3],
        "M": [[-4, 5, 3], [-2, 2, 7]],
        "b2": [-3, 2],
        "lambda": 0.1,
    }
    return net.graph("J", values)


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """A random network: vectors through linear and relu, any signal used again, losses and norms summed to J."""
    net = Builder()
    vectors = [net.outside(f"x{n}", "input", (3,)) for n in range(draw(st.integers(1, 2)))]
    weights: list[str] = []
    scalars: list[str] = []
    constant = net.outside("lambda", "constant", ())
    for n in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["linear", "relu", "shared", "norm", "loss"]))
        one = draw(st.sampled_from(vectors))
        if kind == "relu":
            vectors += net.add("relu", one, names=(f"h{n}",))
        elif kind == "linear" or (kind in ("shared", "norm") and not weights):
            weights.append(net.outside(f"W{n}", "parameter", (3, 3)))
            vectors += net.add("linear", one, weights[-1], net.outside(f"b{n}", "parameter", (3,)), names=(f"u{n}",))
        elif kind == "shared":
            bias = net.outside(f"b{n}", "parameter", (3,))
            vectors += net.add("linear", one, draw(st.sampled_from(weights)), bias, names=(f"u{n}",))
        elif kind == "norm":
            scalars += net.add("squared_norm", draw(st.sampled_from(weights)), constant, names=(f"s{n}",))
        else:
            scalars += net.add("l2_loss", one, draw(st.sampled_from(vectors)), names=(f"q{n}",))
    total = net.add("l2_loss", vectors[-1], vectors[0], names=("L",))[0]
    for n, scalar in enumerate(scalars):
        total = net.add("add", total, scalar, names=(f"t{n}",))[0]
    return net.graph(total)
