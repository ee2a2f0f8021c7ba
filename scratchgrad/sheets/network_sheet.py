r"""The sheet of a whole network, in its own names.

In   the graph of a network, and numbers for its inputs if it is to be worked through
Out  a Sheet: the figure; the forward equations; a section for each operation with every gradient derived (an operation
     whose layer was derived before only states the results); signals with several consumers, whose gradients add up;
     the reverse sweep on one page; the numbers forward and backward; the rules with their sources
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scratchgrad.calculus.derivation import Derivation
from scratchgrad.forms.forms import Forms
from scratchgrad.forms.reduction import matrix_form
from scratchgrad.graph import Graph
from scratchgrad.sheets.blocks import Block, Display, Heading, Meta, Note, Paragraph, Row, Sheet
from scratchgrad.sheets.gradient_section import Paper, Told, gradient_blocks, listed, space_latex, used_rules
from scratchgrad.sheets.layer_sheet import forward_blocks, given_blocks
from scratchgrad.sheets.network_figure import network_figure
from scratchgrad.sheets.occurrences import Occurrence, carrying_samples, leading_to_objective, occurrences
from scratchgrad.sheets.printer import matrix_latex, partial
from scratchgrad.sheets.special_cases import special_blocks
from scratchgrad.sheets.summary import batch_blocks, rule_blocks
from scratchgrad.sheets.worked import work

__all__ = ["network_sheet"]

_WORKED_SIZE = 6  # the longest axis whose numbers are printed


def network_sheet(
    graph: Graph, *, title: str = "", meta: Meta | None = None, numbers: Mapping[str, Any] | None = None
) -> Sheet:
    """The derivation report of a network.

    `numbers` gives values of inputs and targets (one sample, without batch axis); those of parameters and constants are
    the graph's.  Without numbers, or where the network is too large to print them, nothing is worked through.
    """
    operations = list(occurrences(graph))
    active = leading_to_objective(graph)
    wanted = _wanted(graph, active)
    blocks: list[Block] = [Heading("The network"), *_network_blocks(graph, operations)]
    blocks.append(Paragraph(_outline(graph)))
    first: dict[str, Occurrence] = {}
    for operation in operations:
        if operation.node.name not in active:
            continue
        blocks += _operation_blocks(graph, operation, wanted, first.get(operation.layer.name))
        first.setdefault(operation.layer.name, operation)
    sweep = [o for o in reversed(operations) if o.node.name in active]
    blocks += [Heading("The reverse sweep"), *_sweep_blocks(graph, sweep, wanted, active)]
    blocks += _worked_blocks(graph, operations, numbers, wanted)
    forms = [o.derivation[n] for o in first.values() for n in o.derivation.differentiable if o.signals[n] in wanted]
    blocks += rule_blocks(used_rules(forms))
    called = "" if graph.name == "network" else f" {graph.name}"
    return Sheet(title or f"Back-propagation through the network{called}", tuple(blocks), meta or Meta())


def _wanted(graph: Graph, active: frozenset[str]) -> tuple[str, ...]:
    """The signals whose gradients a report needs: all that are computed or trained, and the network's input."""
    sources = [n.name for n in graph.nodes if n.kind in ("parameter", "input")]
    computed = [o for n in graph.operations if n.name in active for o in n.outputs]
    return tuple(n for n in (*sources, *computed) if any(e.target in active for e in graph.consumers(n)))


def _network_blocks(graph: Graph, operations: Sequence[Occurrence]) -> list[Block]:
    kinds: dict[str, str] = {"input": "input", "target": "target", "parameter": "parameter", "constant": "constant"}
    sentences = []
    for kind, word in kinds.items():
        nodes = [f"${n.latex} \\in {space_latex(n.shape or (), Paper())}$" for n in graph.nodes if n.kind == kind]
        if nodes:
            sentences.append(f"{word if len(nodes) == 1 else f'{word}s'} {listed(nodes)}")
    blocks: list[Block] = [Paragraph(f"The network has the {'; the '.join(sentences)}.")] if sentences else []
    blocks.append(network_figure(graph))
    blocks.append(Paragraph("Forward, in the order of execution:"))
    rows = [row for operation in operations for row in _forward_rows(operation)]
    blocks.append(Display(tuple(rows)))
    if graph.objective:
        J = graph.latex(graph.objective)
        over = f" Over a batch, $J$ is the {graph.reduction} over its samples." if graph.reduction else ""
        blocks.append(
            Paragraph(
                f"The objective is ${J}$.{over.replace('$J$', f'${J}$')} All vectors are columns, one sample at a time."
            )
        )
    return blocks


def _forward_rows(operation: Occurrence) -> list[Row]:
    """The forward equations as matrix forms; in element form where there is none."""
    rows = []
    for assignment in operation.definition.assignments:
        node = matrix_form(assignment.right, assignment.target.indices)
        if node is None:
            left, right = operation.paper.tex(assignment.left), operation.paper.tex(assignment.right)
        else:
            left = operation.paper.name(assignment.target.name)
            right = matrix_latex(node, operation.paper.names)
        rows.append(Row(left, right, reason=operation.title))
    return rows


def _outline(graph: Graph) -> str:
    """What the next sections do."""
    J = graph.latex(graph.objective) if graph.objective else "J"
    given = [f"${n.latex}$" for n in graph.nodes if n.kind in ("target", "constant") and graph.consumers(n.name)]
    text = (
        f"Each operation is derived alone: we know the gradients of ${J}$ with respect to its outputs, and want those "
        "with respect to its inputs. The chain rule joins them in the reverse sweep."
    )
    if given:
        trained = "it is" if len(given) == 1 else "they are"
        text += f" No gradient is needed with respect to {listed(given)}: {trained} not trained."
    return text


def _operation_blocks(
    graph: Graph, operation: Occurrence, wanted: Sequence[str], before: Occurrence | None
) -> list[Block]:
    """One section: derived in full, or stated where the same layer was derived before."""
    paper, definition = operation.paper, operation.definition
    names = [n for n in operation.derivation.differentiable if operation.signals[n] in wanted]
    outputs = listed([f"${paper.name(o.name)}$" for o in definition.outputs])
    blocks: list[Block] = [Heading(f"{operation.title}, which gives {outputs}")]
    blocks += given_blocks(definition, names, paper, _sizes(graph, operation))
    blocks += forward_blocks(definition, paper, operation.derivation)
    shared = [n for n in names if len(graph.consumers(operation.signals[n])) > 1]
    if shared:
        written = listed([f"${paper.name(n)}$" for n in shared])
        several = "has several consumers" if len(shared) == 1 else "have several consumers"
        blocks.append(
            Note(
                "Parallel paths",
                f"{written} {several}; this is the part of the gradient that comes through this operation.",
            )
        )
    if before is not None:
        return [*blocks, *_stated_blocks(operation, names, before), *_batch_blocks(graph, operation, names)]
    told = Told()
    for name in names:
        blocks.append(Heading(f"The gradient with respect to ${paper.name(name)}$", 2))
        form = operation.derivation[name]
        story = gradient_blocks(form, operation.forms.vector(name), paper, told)
        blocks += [Heading(b.text, 3) if isinstance(b, Heading) else b for b in story]
        blocks += special_blocks(form, definition, paper, operation.unconsumed)
    return blocks + _batch_blocks(graph, operation, names)


def _batch_blocks(graph: Graph, operation: Occurrence, names: Sequence[str]) -> list[Block]:
    """The gradients over a batch, where a batch comes through this operation; what carries none is summed over it."""
    carrying = carrying_samples(graph)
    definition = operation.definition
    alone = tuple(n for n, signal in operation.signals.items() if signal not in carrying)
    if not names or not any(operation.signals[t.name] in carrying for t in definition.inputs):
        return []
    batched = replace(definition, shared=tuple(t.name for t in definition.inputs if t.name in alone))
    return batch_blocks(Forms(Derivation(batched)), names, operation.paper)


def _sizes(graph: Graph, operation: Occurrence) -> str:
    """The sizes of the operation's axes in this network, as words."""
    found: dict[str, int] = {}
    for tensor in (*operation.definition.inputs, *operation.definition.outputs):
        shape = graph.shape(operation.signals[tensor.name])
        found |= dict(zip((operation.paper.tex(s) for s in tensor.sizes), shape, strict=True))
    return listed([f"${size} = {length}$" for size, length in found.items()])


def _stated_blocks(operation: Occurrence, names: Sequence[str], before: Occurrence) -> list[Block]:
    """The results in this operation's names, for a layer that was derived before."""
    paper = operation.paper
    outputs = listed([f"${before.paper.name(o.name)}$" for o in before.definition.outputs])
    rows = []
    for name in names:
        form, vector = operation.derivation[name], operation.gradient(name)
        right = paper.tex(form.element)
        if vector is not None and form.indices:
            right += f", \\qquad {paper.gradient(name)} = {matrix_latex(vector, paper.names)}"
        rows.append(Row(paper.tex(form.target), right))
    return [
        Paragraph(
            f"It is the layer that gave {outputs}, so its derivation is the same in these names, and its results are"
        ),
        Display(tuple(rows)),
    ]


def _sweep_blocks(
    graph: Graph, operations: Sequence[Occurrence], wanted: Sequence[str], active: frozenset[str]
) -> list[Block]:
    """All gradients in the order of the reverse sweep, those of parallel paths added."""
    if graph.objective is None:
        return [Paragraph("The network has no objective yet.")]
    J = graph.latex(graph.objective)
    rows = [Row(partial(J, J), "1", reason="start")]
    parts: dict[str, list[tuple[str, str]]] = {}
    for operation in operations:
        for name in operation.derivation.differentiable:
            signal = operation.signals[name]
            if signal not in wanted:
                continue
            form, vector = operation.derivation[name], operation.gradient(name)
            paper = operation.paper
            element = paper.tex(form.element)
            right = element if vector is None else matrix_latex(vector, paper.names)
            output = next(graph.latex(o) for o in operation.node.outputs if graph.consumers(o) or o == graph.objective)
            parts.setdefault(signal, []).append((right, output))
            count = sum(edge.target in active for edge in graph.consumers(signal))
            if len(parts[signal]) < count:
                continue
            left = partial(J, graph.latex(signal)) if vector is not None else paper.tex(form.target)
            if count == 1:
                assumed = [f"$\\mathbf{{1}}^{{\\top}} {paper.name(t.name)} = 1$" for t in operation.assumed(name)]
                rows.append(Row(left, right, reason=", ".join([operation.title, *assumed])))
                continue
            pieces = [f"\\left. {left} \\right|_{{{through}}}" for _, through in parts[signal]]
            rows.append(Row(left, " + ".join(pieces), reason=f"{count} parallel paths"))
            rows.append(Row("", _summed([piece for piece, _ in parts[signal]]), reason="added", boxed=True))
    return [
        Paragraph(
            "From the objective backwards, every operation turns the gradients of its outputs into those of its "
            "inputs. A signal with several consumers acts on the objective along parallel paths; by the multivariate "
            "chain rule what they bring is added."
        ),
        Display(tuple(rows)),
    ]


def _summed(pieces: Sequence[str]) -> str:
    text = pieces[0]
    for piece in pieces[1:]:
        text += f" - {piece[1:]}" if piece.startswith("-") else f" + {piece}"
    return text


def _worked_blocks(
    graph: Graph, operations: Sequence[Occurrence], numbers: Mapping[str, Any] | None, wanted: Sequence[str]
) -> list[Block]:
    if numbers is None or any(size > _WORKED_SIZE for edge in graph.edges for size in edge.shape):
        return []
    own = {n.name: graph.values[n.name] for n in graph.nodes if n.name in graph.values}
    worked = work(graph, operations, {**own, **numbers}, wanted)
    words = "Numbers are exact where they are written with $=$, and rounded to four digits where with $\\approx$."
    blocks: list[Block] = [Heading("Worked numbers"), Paragraph(words), Heading("Forward", 2), *worked.forward]
    return blocks + ([Heading("Backward", 2), *worked.backward] if worked.backward else [])
