r"""LaTeX as MathML, by math-core: the browser sets it, nothing is fetched.

In   r"\frac{a}{b}"
Out  <math displaystyle="true"><mfrac>...</mfrac></math>
"""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["MathmlFailed", "to_mathml"]


class MathmlFailed(ValueError):
    """A formula that math-core cannot convert."""


def to_mathml(latex: str, *, display: bool = False) -> str:
    """The formula as one <math> element, in line; with `display` its fractions and sums are full-sized.

    Raises MathmlFailed, which names the formula and math-core's reason.
    """
    from math_core import LatexError

    try:
        found: str = _converter().convert_with_local_state(latex, displaystyle=display)
    except LatexError as error:
        place, _, reason = str(error).partition(": ")
        raise MathmlFailed(
            f"formula {latex!r}: math-core cannot convert it: {reason or place} (at position {place}); "
            "write it with commands that math-core knows, in the printer or in the rule that made it"
        ) from error
    # displaystyle, not display="block": the formula stays in its cell and on the line's baseline.
    return found.replace('<math display="block">', '<math displaystyle="true">', 1)


@cache
def _converter() -> Any:
    from math_core import LatexToMathML

    return LatexToMathML(fancy_error=False)
