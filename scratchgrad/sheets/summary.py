"""Every gradient in every form side by side, and the rules that led there with their sources."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from scratchgrad.calculus.derivation import Derivation
from scratchgrad.calculus.steps import Rule
from scratchgrad.forms.forms import Forms
from scratchgrad.forms.matrix import assigned
from scratchgrad.forms.node import ROWS, Node
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.text import to_text
from scratchgrad.sheets.blocks import Block, Code, Display, Heading, Paragraph, Row, Table
from scratchgrad.sheets.gradient_section import Paper, listed
from scratchgrad.sheets.printer import matrix_latex
from scratchgrad.sheets.width import formula_width

__all__ = ["batch_blocks", "code_lines", "rule_blocks", "summary_blocks", "sweep_blocks"]

_TABLE_WIDTH = 34.0  # em that the formulae of a table may take
_CODE_WIDTH = 84  # characters


def summary_blocks(derivation: Derivation, forms: Forms, names: Sequence[str], paper: Paper) -> list[Block]:
    """The gradients of one sample, then those of a batch, as mathematics and as code."""
    rows: list[tuple[str, str, str, str]] = []
    for name in names:
        form, vector = derivation[name], forms.vector(name)
        right = "" if vector is None else matrix_latex(vector, paper.names)
        left = paper.gradient(name) if vector is None else paper.form_of(f"grad_{name}", vector)
        rows.append((paper.tex(form.target), paper.tex(form.element), left, right))
    blocks: list[Block] = [Heading("Summary"), Heading("One sample", 2)]
    widths = [max((formula_width(row[c]) for row in rows), default=0.0) for c in range(4)]
    if sum(widths) <= _TABLE_WIDTH:
        cells = tuple(tuple(f"${c}$" if c else "the element form" for c in row) for row in rows)
        blocks.append(Table(("Gradient", "Element form", "Gradient", "Vector form"), cells, display=True))
    else:
        blocks.append(Display(tuple(Row(row[0], row[1]) for row in rows)))
        vectors = tuple(Row(row[2], row[3]) for row in rows if row[3])
        blocks += [Paragraph("In vectors and matrices,"), Display(vectors)] if vectors else []
    return [*blocks, *sweep_blocks(derivation, forms, paper), *batch_blocks(forms, names, paper)]


def sweep_blocks(derivation: Derivation, forms: Forms, paper: Paper) -> list[Block]:
    """The backward pass line by line, each gradient in terms of those before it; none where forward is one equation."""
    definition = derivation.definition
    if len(definition.assignments) < 2:
        return []
    rows: list[Row] = []
    for name in derivation.sweep:
        tensor, node = definition.tensors[name], forms.local(name)
        assigned = definition.assignment(name) is not None
        adjoint = derivation.adjoint(tensor) if assigned else tensor.gradient
        if isinstance(node, Node):
            rows.append(Row(paper.form_of(adjoint.name, node), matrix_latex(node, paper.names)))
        else:
            rows.append(Row(paper.tex(adjoint.element), paper.tex(derivation.local(name))))
    return [
        Heading("The backward pass, line by line", 2),
        Paragraph("From the last equation to the first, each gradient is found from those above it:"),
        Display(tuple(rows)),
    ]


def batch_blocks(forms: Forms, names: Sequence[str], paper: Paper) -> list[Block]:
    """The gradients over a batch, as mathematics and as code."""
    derivation = forms.over_batch
    batch = derivation.definition.batch
    heading = Heading("A batch", 2)
    if batch is None:
        return [heading, Paragraph("No input carries samples, so a batch changes nothing.")]
    size = paper.tex(batch.size)
    samples = [f"${paper.name(name)}$" for name in _samples(derivation.definition)]
    rows, code = [], []
    for name in names:
        node = forms.batched(name)
        left = paper.form_of(f"grad_{name}", node) if node is not None else paper.tex(derivation[name].target)
        right = matrix_latex(node, paper.names) if node is not None else paper.tex(derivation[name].element)
        rows.append(Row(left, right))
        written = to_text(derivation[name].element) if node is None else assigned(node, ROWS, name)
        code.append(f"grad_{name} = {written}")
    shared = any(batch not in derivation.definition.tensors[name].indices for name in names)
    summed = " The gradient of what all samples share is the sum over them." if shared else ""
    have = "has" if len(samples) == 1 else "have"
    return [
        heading,
        Paragraph(
            f"Over a batch of ${size}$ samples these are rows, as in torch: {listed(samples)} "
            f"{have} ${size}$ of them.{summed} With $\\mathbf{{1}}$ for a column of ones,"
        ),
        Display(tuple(rows)),
        Paragraph("and in code"),
        Code(code_lines(code)),
    ]


def code_lines(statements: Iterable[str]) -> tuple[str, ...]:
    """Statements as lines that fit the page."""
    return tuple(line for statement in statements for line in _wrapped(statement))


def _wrapped(statement: str) -> list[str]:
    """A statement too long for a line stands in brackets, a line for each of its terms."""
    if len(statement) <= _CODE_WIDTH:
        return [statement]
    left, equals, right = statement.partition(" = ")
    terms, depth = [""], 0
    for position, c in enumerate(right):
        depth += (c in "([") - (c in ")]")
        if not depth and right[position : position + 3] in (" + ", " - "):
            terms.append("")
        terms[-1] += c
    lines = [line for t in terms for line in textwrap.wrap(t.strip(), _CODE_WIDTH - 4, subsequent_indent="    ")]
    return [f"{left}{equals}(", *(f"    {line}" for line in lines), ")"]


def rule_blocks(found: Sequence[Rule]) -> list[Block]:
    """The rules with what they state and where they stand."""
    rows = tuple((rule.name, _statement(rule), rule.source) for rule in found)
    return [Heading("Rules and sources"), Table(("Rule", "What it states", "Source"), rows)]


def _statement(rule: Rule) -> str:
    """What the rule states; a statement in words is no formula, so that its line may break."""
    words = re.fullmatch(r"\\text\{([^{}]*)\}", rule.statement)
    return words[1] if words else f"${rule.statement}$"


def _samples(definition: Definition) -> list[str]:
    """The tensors of a batched definition that carry samples."""
    every = (*definition.inputs, *definition.outputs)
    return [t.name for t in every if definition.batch is not None and definition.batch in t.indices]
