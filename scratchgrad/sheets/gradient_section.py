r"""One gradient told as on paper: a chosen element, the chain rule for every element, the vector form.

In   the element form with its steps (calculus), its vector form (forms)
Out  blocks: the equations written out and what they touch; the local partial; the chain rule step by step, with the
     name of the rule beside each line; the result boxed; the vector form with its shape
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from scratchgrad.calculus import rules
from scratchgrad.calculus.chosen import ChosenElement
from scratchgrad.calculus.derivation import ElementForm
from scratchgrad.calculus.steps import Rule, Step
from scratchgrad.forms.convolution import correlation
from scratchgrad.forms.node import Node
from scratchgrad.forms.stack import Stack
from scratchgrad.notation.binding import element, tensor_name
from scratchgrad.notation.definition import Definition, Tensor
from scratchgrad.notation.nodes import Partial
from scratchgrad.sheets.blocks import Block, Display, Heading, Paragraph, Row, pieces
from scratchgrad.sheets.names import latex_name
from scratchgrad.sheets.printer import SheetPrinter, first_index, gradient_symbol, matrix_latex

__all__ = [
    "Paper",
    "Told",
    "chosen_blocks",
    "gradient_blocks",
    "listed",
    "sizes_latex",
    "space_latex",
    "used_rules",
    "vector_blocks",
]


@dataclass(frozen=True)
class Paper:
    """How a sheet writes: its names, and where its indices begin."""

    names: Mapping[str, str] = field(default_factory=dict)
    first: int = 1

    @classmethod
    def of(cls, definition: Definition) -> Paper:
        """The way to write a definition and everything derived from it."""
        return cls(definition.latex, first_index(definition))

    def tex(self, e: sp.Basic) -> str:
        """An expression."""
        return str(SheetPrinter(self.names, first=self.first).doprint(e))

    def name(self, name: str) -> str:
        """A tensor's name."""
        return latex_name(name, self.names)

    def gradient(self, name: str) -> str:
        """The gradient of J with respect to the whole tensor."""
        return gradient_symbol(f"grad_{name}", self.names)

    def form_of(self, gradient: str, node: Node) -> str:
        """What stands before a matrix form: the gradient, at its leading indices where the form is for each of them."""
        leading = node.leading if isinstance(node, Stack) and not node.summed else ()
        return gradient_symbol(gradient, self.names, [self.tex(i) for i in leading])

    def whole(self, name: str) -> str:
        """A whole tensor, or its gradient, as a formula in a sentence."""
        kind, _, of = name.partition("_")
        return f"${self.gradient(of) if kind == 'grad' and of else self.name(name)}$"

    def acts(self, through: str) -> str:
        """How something acts on the objective: through one thing alone; what stands in it acts through nothing else."""
        J = f"${self.name('J')}$"
        return f"stands in {J} itself" if through == J else f"acts on {J} through {through} alone"

    def words(self, text: str) -> str:
        """The words of a step, whose formulae are names of the program or equations between indices."""
        return "".join(
            f"${self.name(piece) if piece.isidentifier() else piece}$" if kind == "formula" else piece
            for piece, kind in pieces(text)
        )


def listed(items: Sequence[str]) -> str:
    """Items as in a sentence: a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def sizes_latex(sizes: Iterable[sp.Expr], paper: Paper) -> str:
    r"""Sizes as a shape: n_{i} \times \left( n_{j} - 1 \right), with sums in brackets; empty for a scalar's."""
    written = [(paper.tex(size), isinstance(size, sp.Add)) for size in sizes]
    return " \\times ".join(f"({text})" if loose and len(written) > 1 else text for text, loose in written)


def space_latex(sizes: Iterable[sp.Expr | int], paper: Paper) -> str:
    r"""The set that a tensor of these sizes is from: \mathbb{R}^{n_{i} \times n_{j}}, \mathbb{R} for a scalar."""
    written = sizes_latex(map(sp.sympify, sizes), paper)
    return f"\\mathbb{{R}}^{{{written}}}" if written else "\\mathbb{R}"


@dataclass
class Told:
    """What a sheet has told already, and need not tell again: equations written out, gradients of intermediates."""

    equations: set[tuple[Row, ...]] = field(default_factory=set)
    gradients: set[sp.Basic] = field(default_factory=set)


def gradient_blocks(form: ElementForm, vector: Node | None, paper: Paper, told: Told | None = None) -> list[Block]:
    """The whole story of one gradient, without its heading; what is `told` already is referred to."""
    told = Told() if told is None else told
    blocks: list[Block] = []
    if form.chosen is not None:
        chosen = chosen_blocks(form.chosen, form.tensor, paper, told)
        blocks += [Heading("A chosen element", 2), *chosen, Heading("Every element", 2)]
    blocks += _chain_blocks(form, paper, told)
    return blocks + vector_blocks(form, vector, paper)


def chosen_blocks(chosen: ChosenElement, tensor: Tensor, paper: Paper, told: Told) -> list[Block]:
    """One element, the equations written out for a small size, and the chain rule over the outputs that it touches."""
    here = paper.tex(chosen.element)
    sizes = listed([f"${paper.tex(size)} = {count}$" for size, count in chosen.sizes.items()])
    equations = tuple(Row(paper.tex(left), paper.tex(right)) for left, right in chosen.equations)
    touched = [f"${paper.tex(t.output)}$" for t in chosen.touched]
    every = len(touched) == len(equations)
    if len(equations) == 1:
        follows = f"${here}$ {paper.acts(touched[0])}, and the scalar chain rule gives"
    elif len(touched) == 1:
        follows = f"Only {touched[0]} contains ${here}$, so the scalar chain rule is enough:"
    else:
        all_of_them = ("Both " if len(touched) == 2 else "All of ") if every else ""
        follows = f"{all_of_them}{listed(touched)} contain ${here}$, so the multivariate chain rule sums over them:"
    products = [_beside(paper.tex(t.upstream), paper.tex(Partial(t.output, chosen.element))) for t in chosen.touched]
    left = paper.tex(element(tensor.gradient.name, getattr(chosen.element, "indices", ())))
    if equations in told.equations:
        start: list[Block] = [Paragraph(f"Choose ${here}$ in the equations that were written out above. {follows}")]
    else:
        start = [Paragraph(f"Choose ${here}$. Written out for {sizes},"), Display(equations), Paragraph(follows)]
        told.equations.add(equations)
    rows = (
        Row(left, " + ".join(products), reason=chosen.rule.name),
        Row("", paper.tex(chosen.gradient), reason=rules.DIFFERENTIATE.name),
    )
    return [*start, Display(rows)]


def _beside(left: str, right: str) -> str:
    return f"{left}\\, {right}"


def _chain_blocks(form: ElementForm, paper: Paper, told: Told) -> list[Block]:
    """The chain rule for every element, with the derivation of each local partial before it."""
    if not form.steps:
        return [Paragraph(f"${paper.name('J')}$ does not depend on ${paper.name(form.tensor.name)}$.")]
    blocks: list[Block] = list(_local_blocks(form.steps, paper, told))
    start = "Inserted into the chain rule, it gives" if len(blocks) == 2 else "The chain rule gives"
    if len(blocks) > 2:
        start = "Inserted into the chain rule, they give"
    blocks.append(Paragraph(f"{start} the gradient with respect to ${paper.tex(form.tensor.element)}$:"))
    blocks += _rows(form.target, form.steps, paper, told, boxed=True)
    return blocks


def _local_blocks(steps: Iterable[Step], paper: Paper, told: Told) -> Iterator[Block]:
    for step in steps:
        if step.rule != rules.DIFFERENTIATE:
            continue
        for local in step.children:
            above, below = local.before.args
            yield Paragraph(f"The local partial of ${paper.tex(above)}$ with respect to ${paper.tex(below)}$ is")
            yield from _rows(local.before, local.children, paper, told)


def _rows(target: sp.Basic, steps: Sequence[Step], paper: Paper, told: Told, *, boxed: bool = False) -> Iterator[Block]:
    """Steps as rows of one display; where a whole gradient is inserted, its own story comes in between."""
    left = paper.tex(target)
    rows: list[Row] = []
    for step in steps:
        if step.rule == rules.ADJOINT and step.children:
            if rows:
                yield Display(tuple(rows))
            rows = []
            yield from _inner_blocks(step, paper, told)
        rows.append(Row("" if rows else left, paper.tex(step.after), reason=_reason(step, paper)))
    if rows and boxed:
        last = rows[-1]
        rows[-1] = Row(last.left, last.right, last.relation, last.reason, boxed=True)
    yield Display(tuple(rows))


def _inner_blocks(step: Step, paper: Paper, told: Told) -> Iterator[Block]:
    """The gradient of an intermediate, which a step inserts."""
    inner = step.children[0].before
    here, name = paper.tex(inner), paper.name(_of(inner))
    if inner in told.gradients:
        yield Paragraph(
            f"With ${here}$, the whole gradient with respect to ${name}$, as it was found above, this gives"
        )
        return
    told.gradients.add(inner)
    yield Paragraph(f"Still missing is ${here}$, the whole gradient with respect to ${name}$.")
    yield from _local_blocks(step.children, paper, told)
    words = paper.words(step.children[0].words)
    yield Paragraph(f"It is {words[0].lower()}{words[1:]}" if words.startswith("What") else f"{words} Hence")
    yield from _rows(inner, step.children, paper, told)
    yield Paragraph("Inserted above, this gives")


def _of(gradient: sp.Basic) -> str:
    return tensor_name(gradient).partition("_")[2]


def _reason(step: Step, paper: Paper) -> str:
    """The rule's name; for some rules also what it found."""
    if step.rule in (rules.SIFT, rules.NAME):
        words = paper.words(step.words).rstrip(".")
        return f"{step.rule.name}: {words[0].lower()}{words[1:]}"
    return step.rule.name


def vector_blocks(form: ElementForm, vector: Node | None, paper: Paper) -> list[Block]:
    """The vector form, with its shape."""
    if not form.tensor.indices and vector is None:
        return []
    if vector is None:
        called = correlation(form.element)
        if called is not None:
            return [Paragraph(f"It is {called.words(paper.whole)}: no product of matrices and vectors.")]
        return [Paragraph("It is no product of matrices and vectors: the element form is what is computed.")]
    sizes = sizes_latex(form.tensor.sizes, paper) or "1"
    left, every = paper.form_of(f"grad_{form.tensor.name}", vector), ""
    if isinstance(vector, Stack) and not vector.summed:
        every = f" for every {listed([f'${paper.tex(i)}$' for i in vector.leading])}"
        sizes = sizes_latex(form.tensor.sizes[len(vector.leading) :], paper) or "1"
    right = matrix_latex(vector, paper.names)
    if not form.tensor.indices and right == paper.tex(form.element):
        return []
    return [
        Paragraph(
            f"All elements together are the vector form{every}:" if form.tensor.indices else "In vectors and matrices,"
        ),
        Display(
            (
                Row(
                    left,
                    right,
                    reason=f"shape ${sizes}$" if form.tensor.indices else "",
                    boxed=True,
                ),
            )
        ),
    ]


def used_rules(forms: Iterable[ElementForm]) -> list[Rule]:
    """The rules that the steps of these gradients use, each once, in order."""
    found: dict[str, Rule] = {}

    def walk(steps: Iterable[Step]) -> None:
        for step in steps:
            found.setdefault(step.rule.name, step.rule)
            walk(step.children)

    for form in forms:
        if form.chosen is not None:
            found.setdefault(rules.WRITE_OUT.name, rules.WRITE_OUT)
            found.setdefault(form.chosen.rule.name, form.chosen.rule)
        walk(form.steps)
    return list(found.values())
