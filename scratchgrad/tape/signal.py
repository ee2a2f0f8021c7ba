"""A signal: a named edge of the network's figure, with one sample's shape and the way it is written on a sheet."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from scratchgrad.tape.network import Network

__all__ = ["Role", "Signal", "default_latex"]

Role = Literal["input", "target", "parameter", "constant", "result"]

_GREEK = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split()
)


@dataclass(frozen=True, eq=False)
class Signal:
    """A signal of one network: its name, one sample's shape (without the batch axis), and where it comes from."""

    name: str
    shape: tuple[int, ...]
    role: Role
    latex: str
    integer: bool = False
    network: Network = field(repr=False, kw_only=True)

    def __repr__(self) -> str:
        """The signal as the network lists it."""
        return f"<Signal {self.name} {list(self.shape)}, {self.role} of {self.network.name!r}>"


def default_latex(name: str) -> str:
    r"""How a name is written unless someone says otherwise: lambda is \lambda, W1 is W_1, x_hat is x_{\mathrm{hat}}."""
    stem, digits = re.fullmatch(r"(.*?)_?(\d*)", name, re.DOTALL).groups()  # type: ignore[union-attr]  # matches any text
    if not stem.strip("_"):
        return name.replace("_", r"\_")
    head, *rest = [_word(part) for part in stem.split("_") if part]
    subscripts = [*rest, digits] if digits else rest
    if not subscripts:
        return head
    subscript = ", ".join(subscripts)
    return f"{head}_{subscript}" if len(subscript) == 1 else f"{head}_{{{subscript}}}"


def _word(word: str) -> str:
    if word in _GREEK:
        return rf"\{word}"
    return word if len(word) == 1 else rf"\mathrm{{{word}}}"
