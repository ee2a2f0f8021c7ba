"""A definition to the source of its kernel: forward and backward over batches, importing only torch.

Forward computes the assignments; backward computes one gradient for each intermediate and input, last assignment
first.  What backward reads of forward's values is saved, nothing else.
"""

from __future__ import annotations

import keyword
from dataclasses import replace

import sympy as sp

from scratchgrad.calculus.derivation import Derivation, ElementForm
from scratchgrad.calculus.differentiate import depends_on
from scratchgrad.calculus.sifting import sift
from scratchgrad.codegen.dag import CannotLower, Graph, Node
from scratchgrad.codegen.emit import Body, fixes, size_lines
from scratchgrad.codegen.flatten import flatten
from scratchgrad.codegen.lowering import Lowering
from scratchgrad.codegen.numbers import shape_comment
from scratchgrad.codegen.sliding import puts_together
from scratchgrad.forms.batched import batched
from scratchgrad.notation.binding import tensor_name, tensors_in
from scratchgrad.notation.definition import Assignment, Definition, Tensor
from scratchgrad.notation.indices import Size

__all__ = ["kernel_source"]


def kernel_source(definition: Definition) -> str:
    """The source of a kernel class for the batched definition.

    Raises CannotLower where an element form has no tensor operation yet.
    """
    if not definition.inputs:
        raise CannotLower("a definition without inputs is a constant: there is nothing to compute from")
    flat = _needed(flatten(batched(definition)))
    derivation = Derivation(flat)
    graph = Graph()
    inputs = {t.name: _input(graph, t) for t in flat.inputs}
    forward = Lowering(graph, inputs, flat.batch)
    for assignment in flat.assignments:
        right = assignment.right if puts_together(assignment.right) else sift(assignment.right)[0]
        forward.tensors[assignment.target.name] = forward.value(right, assignment.target.indices).node
    outputs = {o.name: forward.tensors[o.name] for o in flat.outputs}
    gradients, given = _backward(graph, flat, derivation, forward.tensors)
    return _source(flat, inputs=inputs, values=forward.tensors, outputs=outputs, given=given, gradients=gradients)


def _needed(definition: Definition) -> Definition:
    """The definition without assignments on which no output depends."""
    wanted = {o.name for o in definition.outputs}
    kept: list[Assignment] = []
    for assignment in reversed(definition.assignments):
        if assignment.target.name in wanted:
            kept.append(assignment)
            wanted |= {tensor_name(t) for t in tensors_in(assignment.right)}
    return replace(definition, assignments=tuple(reversed(kept)))


def _input(graph: Graph, tensor: Tensor) -> Node:
    return graph.make("input", (), (tensor.name, tensor.integer), tensor.sizes)


def _backward(
    graph: Graph, flat: Definition, derivation: Derivation, tensors: dict[str, Node]
) -> tuple[dict[str, Node], dict[str, Node]]:
    """The gradient of every differentiable input, and the nodes of the outputs' gradients."""
    given = {o.gradient.name: _input(graph, o.gradient) for o in flat.outputs}
    lowering = Lowering(graph, {**tensors, **given}, flat.batch)
    for assignment in reversed(flat.assignments):
        adjoint = derivation.adjoint(assignment.target)
        if adjoint.name not in given and _worth_a_gradient(flat, derivation, assignment):
            form = derivation[assignment.target.name]
            lowering.tensors[adjoint.name] = lowering.value(_known(form, lowering), assignment.target.indices).node
    gradients: dict[str, Node] = {}
    for tensor in flat.inputs:
        if not tensor.integer:
            form = derivation[tensor.name]
            gradients[tensor.name] = lowering.value(_known(form, lowering), tensor.indices).node
    return gradients, given


def _known(form: ElementForm, lowering: Lowering) -> sp.Expr:
    """The gradient in terms of its consumers' gradients where those are computed, else written out."""
    return form.local if all(tensor_name(t) in lowering.tensors for t in tensors_in(form.local)) else form.element


def _worth_a_gradient(flat: Definition, derivation: Derivation, assignment: Assignment) -> bool:
    """Whether an intermediate's gradient is computed on its own; not where it divides by an exponential's value.

    dL/do = -y / o of a cross entropy is such a case: o may be 0 in floating point, and must cancel before that.
    """
    if not any(depends_on(a.right, assignment.target.name) for a in flat.assignments):
        return False
    if not assignment.right.has(sp.exp):
        return True
    name = assignment.target.name
    local = derivation[name].local
    return not any(
        isinstance(p, sp.Pow) and p.exp.is_negative and depends_on(p.base, name) for p in sp.preorder_traversal(local)
    )


def _reachable(results: list[Node]) -> set[Node]:
    found: set[Node] = set()
    pending = list(results)
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(node.args)
    return found


def _saved(forward: set[Node], gradients: list[Node], given: list[Node]) -> list[Node]:
    """Forward's values that backward reads, in the order in which they were made."""
    wanted: set[Node] = set()
    seen: set[Node] = set()
    pending = [*gradients]
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.op == "max_pool_places" and node.args[0] in forward:
            wanted.add(node)
        elif node in forward and node.op not in ("number", "permute", "expand", "arrange", "apart", "window"):
            wanted.add(node)
        else:
            pending.extend(node.args)
    return sorted(wanted - set(given), key=lambda n: n.number)


def _source(
    flat: Definition,
    *,
    inputs: dict[str, Node],
    values: dict[str, Node],
    outputs: dict[str, Node],
    given: dict[str, Node],
    gradients: dict[str, Node],
) -> str:
    names = {node: _identifier(name) for name, node in inputs.items()}
    forward_nodes = _reachable(list(outputs.values()))
    saved = _saved(forward_nodes, list(gradients.values()), list(given.values()))
    several = len(flat.outputs) > 1
    if several and not any(_is_real_input(n) for n in saved):  # a gradient that is absent becomes zeros like this one
        saved = [*saved, *[n for n in inputs.values() if _is_real_input(n)][:1]]
    known = {node: name for name, node in values.items() if node not in names}
    results: dict[Node, str] = {}
    for node in [*saved, *outputs.values()]:
        if node not in names:
            results[node] = known.get(node, f"s{len(results) + 1}")
    intermediates = {node: known[node] for node in sorted(forward_nodes & set(known), key=lambda n: n.number)}
    ordered = {n: (intermediates | results)[n] for n in sorted(intermediates | results, key=lambda n: n.number)}
    forward = Body(names, ordered)
    saved_names = [{**names, **ordered}[n] for n in saved]
    returned = [_returned(forward, outputs[o.name], o.name, names) for o in flat.outputs]
    read = dict(zip(saved, saved_names, strict=True))
    backward_given = read | {node: name for name, node in given.items()}
    backward = Body(backward_given, {})
    grads = _gradient_lines(backward, flat, gradients)
    absent = _absent(backward, given) if several else []
    measured = read if several else backward_given
    _check_sizes(forward.sizes, list(names))
    missing = sorted((s for s in backward.sizes if not any(fixes(node, s) for node in measured)), key=str)
    forward.sizes |= set(missing)
    saved_names += map(str, missing)
    lines = [
        *_imports((*forward.lines, *backward.lines)),
        "class Kernel:",
        f'    """{flat}"""',
        "",
        "    @staticmethod",
        f"    def forward({', '.join(names.values())}):",
        f"        # {', '.join(f'{n} {shape_comment(node.sizes)}' for node, n in names.items())}",
        *(f"        {line}" for line in size_lines(forward.sizes, names)),
        *(f"        {line}" for line in forward.lines),
        f"        return {_tuple(returned)}, {_tuple(saved_names, always=True)}",
        "",
        "    @staticmethod",
        f"    def backward(saved, {', '.join(given)}):",
        *([f"        {_unpacked(saved_names)} = saved"] if saved_names else []),
        *(f"        {line}" for line in size_lines(backward.sizes, measured)),
        *(f"        {line}" for line in absent),
        *(f"        {line}" for line in backward.lines),
        f"        return {_tuple(grads)}",
        "",
    ]
    return "\n".join(lines).lstrip("\n")


def _imports(lines: tuple[str, ...]) -> list[str]:
    """The imports that the lines need: math for square roots of sizes, torch where no method of a tensor does it."""
    needed = [[f"import {name}", ""] for name in ("math", "torch") if any(f"{name}." in line for line in lines)]
    return [*(line for part in needed for line in part), ""] if needed else []


def _is_real_input(node: Node) -> bool:
    return node.op == "input" and not node.data[1]


def _absent(body: Body, given: dict[str, Node]) -> list[str]:
    """Lines that make the gradient of an output that nobody consumes 0; the sizes come from what forward saved."""
    lines = []
    for name, node in given.items():
        body.sizes |= {size for size in node.sizes if isinstance(size, Size)}
        shape = ", ".join(body._number(size)[0] for size in node.sizes)
        lines += [f"if {name} is None:", f"    {name} = {body.dtype_of}.new_zeros(({shape}{',' * (node.rank == 1)}))"]
    return lines


def _check_sizes(sizes: set[sp.Expr], given: list[Node]) -> None:
    for size in sorted(sizes, key=str):
        if not any(fixes(node, size) for node in given):
            raise CannotLower(f"nothing fixes the size {size}: no input has this axis")


def _returned(body: Body, node: Node, name: str, inputs: dict[Node, str]) -> str:
    """The name of an output; a copy where it is an input itself."""
    if node in inputs:
        body._line(name, f"{inputs[node]}.clone()", node)
        return name
    return body.names[node]


def _gradient_lines(body: Body, flat: Definition, gradients: dict[str, Node]) -> list[str]:
    """The lines of backward, and what it returns."""
    results: dict[Node, str] = {}
    for name, node in gradients.items():
        body._count(node)
        results.setdefault(node, f"grad_{name}")
    body.results = {n: results[n] for n in results if n not in body.names}
    returned = []
    done: set[Node] = set()
    for tensor in flat.inputs:
        if tensor.integer:
            returned.append("None")
            continue
        node, name = gradients[tensor.name], f"grad_{tensor.name}"
        if node in body.names or node in done:
            body._line(name, f"{body.value(node)}.clone()", node)
        else:
            body._assign(node, name)
        done.add(node)
        returned.append(name)
    return returned


def _identifier(name: str) -> str:
    """The name as Python can use it: lambda becomes lambda_."""
    return f"{name}_" if keyword.iskeyword(name) else name


def _tuple(names: list[str], always: bool = False) -> str:
    if len(names) == 1:
        return f"({names[0]},)" if always else names[0]
    return f"({', '.join(names)})"


def _unpacked(names: list[str]) -> str:
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names)
