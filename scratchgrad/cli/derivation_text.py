"""A derivation to read in a terminal: the definition, a chosen element, every step with its rule, the result in a box.

An expression stands in the text grammar, in which `partial(u[k], W[i,j])` is a partial that is still to be found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scratchgrad.calculus.chosen import ChosenElement
from scratchgrad.calculus.steps import Rule, Step
from scratchgrad.cli.line import Line
from scratchgrad.gradients import Gradient, Gradients
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.text import to_text

__all__ = ["derivation_text"]

_INDENT = "    "


def derivation_text(gradients: Gradients, wanted: Sequence[Gradient]) -> RenderableType:
    """The derivation of the wanted gradients."""
    lines = [*_definition(gradients.definition)]
    for gradient in wanted:
        lines += [Text(), *_gradient(gradient)]
    return Group(*lines, *_sweep(gradients), *_kinks(gradients), *_sources(wanted))


def _definition(definition: Definition) -> Iterator[RenderableType]:
    yield Text(definition.name or "Definition", "bold")
    yield from _equations([(to_text(a.left), to_text(a.right)) for a in definition.assignments])
    outputs = " and ".join(to_text(t.element) for t in definition.outputs)
    given = " and ".join(to_text(t.gradient.element) for t in definition.outputs)
    yield Line(Text(f"Given: {given}, the gradient of J with respect to {outputs}. Indices count from 0."))
    said = [t.domain.said_of(t.name) for t in definition.inputs if not t.domain.is_reals and not t.integer]
    if said:
        yield Line(Text(f"For {', '.join(said)}."))
    samples = [to_text(t.element) for t in definition.inputs if t.name not in definition.shared]
    shared = [to_text(t.element) for t in definition.inputs if t.name in definition.shared]
    roles = ["each sample has its own " + ", ".join(samples)] if samples else []
    roles += ["all samples share " + ", ".join(shared)] if shared else []
    yield Line(Text(f"In a batch, {'; '.join(roles)}."))


def _gradient(gradient: Gradient) -> Iterator[RenderableType]:
    yield Text(f"The gradient with respect to {gradient.name}", "bold underline")
    chosen = gradient.chosen
    if chosen is not None:
        yield from _chosen(chosen, gradient)
        yield Text("All elements", "bold")
    yield from _chain(gradient.steps, _INDENT)
    yield _result(gradient)


def _chosen(chosen: ChosenElement, gradient: Gradient) -> Iterator[RenderableType]:
    sizes = ", ".join(f"{size} = {number}" for size, number in chosen.sizes.items())
    yield Line(Text.assemble(("One element", "bold"), f", written out for {sizes}"))
    yield from _equations([(to_text(left), to_text(right)) for left, right in chosen.equations])
    element = to_text(chosen.element)
    outputs = [to_text(c.output) for c in chosen.touched]
    where = f"{outputs[0]} alone" if len(outputs) == 1 else f"{', '.join(outputs[:-1])} and {outputs[-1]}"
    yield Line(Text(f"{element} occurs in {where}: the {chosen.rule.name}."))
    terms = [f"{to_text(c.upstream)}*partial({to_text(c.output)}, {element})" for c in chosen.touched]
    target = element.replace(gradient.name, f"grad_{gradient.name}", 1)
    yield from _equations([(target, " + ".join(terms)), ("", to_text(chosen.gradient))])


def _equations(rows: Sequence[tuple[str, str]]) -> Iterator[Line]:
    """Equations with their signs in one column."""
    width = max(len(left) for left, _ in rows)
    for left, right in rows:
        yield Line(Text(f"{left:<{width}} = {right}"), _INDENT, width + 3)


def _chain(steps: Sequence[Step], margin: str) -> Iterator[Line]:
    """The steps as one chain of equations, each with its rule above it; sub-steps stand behind a bar."""
    value = None
    for step in steps:
        children = step.children
        in_detail = bool(children) and children[0].before == step.before and children[-1].after == step.after
        if in_detail:  # the sub-steps are this very step, one by one
            yield Line(Text(_plain(step.words), "italic"), margin)
            yield from _chain(children, margin)
        else:
            if step.before != value:
                yield Line(Text(to_text(step.before)), margin, 2)
            yield Line(Text.assemble((f"{step.rule.name}. ", "cyan"), (_plain(step.words), "italic")), margin + _INDENT)
            yield from _chain(children, f"{margin}{_INDENT}│ ")
            yield Line(Text(f"= {to_text(step.after)}"), margin, 2)
        value = step.after


def _result(gradient: Gradient) -> RenderableType:
    forms = Table.grid(padding=(0, 2))
    target = gradient.parent.definition.tensors[gradient.name].gradient.element
    forms.add_row("element", Text(f"{to_text(target)} = {to_text(gradient.element)}", "bold"))
    form, batched = gradient.form, gradient.batched_form
    if form.kind == "matrix":
        forms.add_row("vector", str(form))
    elif form.kind == "einsum":
        forms.add_row("einsum", f"{form}  (it is no product of matrices)")
    else:
        forms.add_row("vector", f"none: it is {form.words}" if form.words else "none: see the element form")
    forms.add_row("batched", str(batched) if batched.kind != "element" else f"{batched}  (element form)")
    if gradient.doubt is not None:
        forms.add_row("doubt", Text(gradient.doubt, "bold yellow"))
    return Panel(forms, expand=False, padding=(0, 1))


def _sweep(gradients: Gradients) -> Iterator[RenderableType]:
    """The whole backward pass, one line for each gradient, where forward has more steps than one."""
    if len(gradients.definition.assignments) < 2:
        return
    yield Text()
    yield Text("The backward pass, line by line", "bold underline")
    adjoints = {a.target.name: gradients.derivation.adjoint(a.target).name for a in gradients.definition.assignments}
    rows = [(adjoints.get(name, f"grad_{name}"), form) for name, form in gradients.sweep().items()]
    yield from _equations([(left, str(form)) for left, form in rows])


def _kinks(gradients: Gradients) -> Iterator[RenderableType]:
    if gradients.kinks:
        yield Text()
        yield Text("Kinks", "bold")
    for kink in gradients.kinks:
        yield Line(Text(str(kink)), _INDENT, 2)


def _sources(wanted: Sequence[Gradient]) -> Iterator[RenderableType]:
    rules: dict[Rule, None] = {}
    for gradient in wanted:
        if gradient.chosen is not None:
            rules[gradient.chosen.rule] = None
        rules |= dict.fromkeys(_rules(gradient.steps))
    width = max((len(rule.name) for rule in rules), default=0) + 2
    yield Text()
    yield Text("Rules and their sources", "bold")
    for rule in rules:
        yield Line(Text.assemble((f"{rule.name:<{width}}", "cyan"), rule.source), _INDENT, width)


def _rules(steps: Sequence[Step]) -> list[Rule]:
    return [rule for step in steps for rule in (step.rule, *_rules(step.children))]


def _plain(words: str) -> str:
    """The words without the marks of mathematics: a name or a number is itself."""
    return words.replace("$", "")
