r"""The sheet of one layer: forward equation, every gradient derived, all forms side by side.

In   the gradients of a definition (derive gives them)
Out  a Sheet: 1 the layer alone, with what is given; 2... one section for each input; then the summary, and the rules
     with their sources
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from scratchgrad import registry
from scratchgrad.calculus.derivation import Derivation
from scratchgrad.calculus.kinks import kinks
from scratchgrad.forms.forms import Forms
from scratchgrad.notation.definition import Definition
from scratchgrad.sheets.blocks import Block, Display, Heading, Meta, Note, Paragraph, Row, Sheet
from scratchgrad.sheets.domains import domain_sentences
from scratchgrad.sheets.element_figure import element_figure
from scratchgrad.sheets.gradient_section import Paper, Told, gradient_blocks, listed, space_latex, used_rules
from scratchgrad.sheets.printer import gradient_symbol
from scratchgrad.sheets.special_cases import special_blocks
from scratchgrad.sheets.summary import rule_blocks, summary_blocks
from scratchgrad.sheets.tex import fragment
from scratchgrad.sheets.titles import layer_title

if TYPE_CHECKING:
    from scratchgrad.gradients import Gradient

__all__ = ["Derived", "forward_blocks", "given_blocks", "gradient_latex", "layer_sheet"]


class Derived(Protocol):
    """What this sheet needs of the gradients of a definition."""

    definition: Definition
    derivation: Derivation
    forms: Forms


def layer_sheet(gradients: Derived, *, title: str = "", about: str = "", meta: Meta | None = None) -> Sheet:
    """The derivation sheet of one layer; `title` and `about` say in words what it is called and what it does."""
    definition, paper = gradients.definition, Paper.of(gradients.definition)
    names = gradients.derivation.differentiable
    blocks: list[Block] = [Heading("The layer")]
    if about:
        blocks.append(Paragraph(about))
    blocks += [*given_blocks(definition, names, paper), *forward_blocks(definition, paper, gradients.derivation)]
    found = [gradients.derivation[name] for name in names]
    blocks += element_figure(definition, found, paper)
    told = Told()
    for form in found:
        blocks.append(Heading(f"The gradient with respect to ${paper.name(form.tensor.name)}$"))
        blocks += gradient_blocks(form, gradients.forms.vector(form.tensor.name), paper, told)
        blocks += special_blocks(form, definition, paper)
    blocks += summary_blocks(gradients.derivation, gradients.forms, names, paper)
    blocks += rule_blocks(used_rules(found))
    called = title or _title(definition.name)
    return Sheet(f"Back-propagation: {called}" if called else "Back-propagation", tuple(blocks), meta or Meta())


def gradient_latex(gradient: Gradient) -> str:
    """The derivation of one gradient as LaTeX, without preamble; it needs amsmath and nothing else."""
    form = gradient.parent.derivation[gradient.name]
    vector = gradient.parent.forms.vector(gradient.name)
    return fragment(gradient_blocks(form, vector, Paper.of(gradient.parent.definition)))


def given_blocks(definition: Definition, names: Sequence[str], paper: Paper, sizes: str = "") -> list[Block]:
    """What the backward pass starts from and what we want, with the shapes; `sizes` says what they are in a network."""
    inputs = [
        f"${paper.name(t.name)}$ (whole numbers)"
        if t.integer
        else f"${paper.name(t.name)} \\in {space_latex(t.sizes, paper)}$"
        for t in definition.inputs
    ]
    outputs = [f"${paper.name(t.name)} \\in {space_latex(t.sizes, paper)}$" for t in definition.outputs]
    upstream = [f"${paper.gradient(t.name)}$" for t in definition.outputs]
    wanted = [f"${paper.gradient(name)}$" for name in names]
    here = f" (in this network, {sizes})" if sizes else ""
    values = domain_sentences(definition, paper)
    gradient, output = ("gradient", "output") if len(upstream) == 1 else ("gradients", "outputs")
    J = paper.name("J")
    if [paper.name(t.name) for t in definition.outputs] == [J]:
        start = f"${paper.gradient('J')} = 1$"
        given = f"Its output is the objective ${J}$ itself, so the backward pass starts from {start}"
    else:
        given = (
            f"The backward pass starts from the {gradient} {listed(upstream)} of the objective ${J}$ with respect to "
            f"its {output}"
        )
    return [
        Paragraph(
            f"From {listed(inputs)} the layer computes {listed(outputs)}{here}. {given}; "
            f"we want {listed(wanted)}. {values + ' ' if values else ''}"
            "In element form,"
        )
    ]


def forward_blocks(definition: Definition, paper: Paper, derivation: Derivation | None = None) -> list[Block]:
    """The forward equations in element form, the conventions at their kinks, and what a bar means."""
    rows = []
    for assignment in definition.assignments:
        ranges = [
            f"{paper.tex(i)} = {paper.first}, \\dots, {paper.tex(i.size - 1 + paper.first)}"
            for i in assignment.target.indices
        ]
        where = ", \\qquad " + ",\\; ".join(ranges) if ranges else ""
        rows.append(Row(paper.tex(assignment.left), paper.tex(assignment.right) + where))
    blocks: list[Block] = [Display(tuple(rows))]
    derivation = derivation or Derivation(definition)
    for kink in kinks(definition, derivation):
        title = "A jump" if kink.whole.verdict == "jump" else "Convention at the kink"
        blocks.append(Note(title, kink.sentences(lambda e: f"${paper.tex(e)}$")))
    for assignment in definition.assignments:
        adjoint = derivation.adjoint(assignment.target)
        if adjoint.name.startswith("bar_"):
            name = assignment.target.name
            text = (
                f"${paper.name(name)}$ leaves the layer and is also used inside it. Its whole gradient is written "
                f"${gradient_symbol(adjoint.name, paper.names)}$: what arrives from outside, ${paper.gradient(name)}$, "
                "plus what comes back from inside."
            )
            blocks.append(Note("The bar", text))
    return blocks


def _title(name: str) -> str:
    """What the layer of this name calls itself; for other definitions, the name in words."""
    return layer_title(registry.layer(name)) if name in registry.names() else name.replace("_", " ").capitalize()
