r"""What a gradient becomes under an assumption that a network often meets, said aloud where it is used.

dJ/dv_i = dJ/dL (o_i sum_j y_j - y_i) + ...      no other consumer of o: the rest vanishes
        = dJ/dL (o_i - y_i)                      sum_j y_j = 1
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from scratchgrad.calculus import rules
from scratchgrad.calculus.canonical import tidy
from scratchgrad.calculus.derivation import ElementForm
from scratchgrad.calculus.differentiate import depends_on
from scratchgrad.notation.binding import bound, rebuild, replace_tensors, tensor_name
from scratchgrad.notation.definition import Definition, Tensor
from scratchgrad.sheets.blocks import Block, Display, Paragraph, Row
from scratchgrad.sheets.gradient_section import Paper, listed

__all__ = ["special_blocks", "sums_over", "without_gradients", "without_sum"]


def special_blocks(
    form: ElementForm, definition: Definition, paper: Paper, unconsumed: Iterable[str] | None = None
) -> list[Block]:
    """The special cases of a gradient: outputs without another consumer, and inputs that sum to 1.

    `unconsumed` names the outputs that nothing consumes; None asks what would be if the arrays had no consumer.
    """
    e, taken, blocks = form.element, {i.name for i in form.tensor.indices}, list[Block]()
    scalars = [o for o in definition.outputs if not o.indices and depends_on(e, o.gradient.name)]
    if unconsumed is None:
        gone = [o for o in definition.outputs if o.indices and depends_on(e, o.gradient.name)] if scalars else []
        start = "Where nothing else consumes"
    else:
        gone = [o for o in definition.outputs if o.name in set(unconsumed) and depends_on(e, o.gradient.name)]
        start = "In this network nothing consumes"
    left = paper.tex(form.target)
    if gone:
        e = without_gradients(e, gone, taken)
        names = listed([f"${paper.name(o.name)}$" for o in gone])
        zero = " and ".join(f"${paper.gradient(o.name)} = 0$" for o in gone)
        blocks += [
            Paragraph(f"{start} {names}, {zero} and what is left is"),
            Display((Row(left, paper.tex(e), reason=f"no consumer of {names}"),)),
        ]
    for tensor in definition.inputs:
        if not sums_over(e, tensor):
            continue
        e = without_sum(e, tensor, taken)
        index = tensor.indices[0]
        total = paper.tex(sp.Sum(tensor.element, (index, 0, index.size - 1)))
        name = paper.name(tensor.name)
        blocks += [
            Paragraph(f"If ${name}$ is a probability vector (one hot class, for example), ${total} = 1$ and"),
            Display((Row(left, paper.tex(e), reason=f"{rules.NORMALISED_TARGET.name} ${name}$", boxed=True),)),
        ]
    return blocks


def sums_over(e: sp.Basic, tensor: Tensor) -> bool:
    """Whether the sum of all elements of a vector occurs in e."""
    return len(tensor.indices) == 1 and any(_is_sum_of(node, tensor) for node in sp.preorder_traversal(e))


def without_gradients(e: sp.Expr, outputs: Iterable[Tensor], taken: set[str]) -> sp.Expr:
    """E where the gradients of these outputs are zero."""
    names = {o.gradient.name for o in outputs}
    zero = replace_tensors(e, lambda t: sp.Integer(0) if tensor_name(t) in names else None)
    return tidy(sp.sympify(zero), taken)


def without_sum(e: sp.Expr, tensor: Tensor, taken: set[str]) -> sp.Expr:
    """E where the elements of the tensor sum to 1."""
    return tidy(_one(e, tensor), taken)


def _one(e: sp.Basic, tensor: Tensor) -> sp.Expr:
    if _is_sum_of(e, tensor):
        return sp.Integer(1)
    inside = e.args and not isinstance(e, sp.Indexed)
    return sp.sympify(rebuild(e, lambda child: _one(child, tensor)) if inside else e)


def _is_sum_of(e: sp.Basic, tensor: Tensor) -> bool:
    if not isinstance(e, sp.Sum) or not isinstance(e.function, sp.Indexed):
        return False
    return tensor_name(e.function) == tensor.name and bound(e) == tuple(e.function.indices)
