r"""How a name of the program is written on paper.

    lambda -> \lambda      s1 -> s_{1}      x_hat -> \hat{x}      n_i -> n_{i}      v_max -> v_{\mathrm{max}}

A sheet may give names of its own (b1 -> b^{(1)}); the indices of an element join whatever subscript a name has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["accented", "indexed", "is_greek", "latex_name"]

_GREEK = set(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell".split()
)
_ACCENTS = {"hat", "bar", "tilde", "dot"}


# A base, its subscript (braces may nest once in it), and a superscript behind it.
_SUBSCRIPTED = re.compile(
    r"(?P<base>.*?)_(?:\{(?P<sub>(?:[^{}]|\{[^{}]*\})*)\}|(?P<sign>\w))(?P<sup>\^\{(?:[^{}]|\{[^{}]*\})*\})?"
)


def latex_name(name: str, names: Mapping[str, str] | None = None) -> str:
    """The LaTeX of a name: that of `names`, else by the rules above."""
    if names and name in names:
        return names[name]
    stem, _, rest = name.strip("_").partition("_")
    if rest in _ACCENTS:
        return accented(rest, latex_name(stem, names))
    match = re.fullmatch(r"(.*?[A-Za-z])(\d+)", stem)
    digits = match[2] if match else ""
    if match:
        stem = match[1]
    base = _letters(stem)
    subscript = ", ".join(part for part in (digits, *(_subscript(p) for p in rest.split("_"))) if part)
    return indexed(base, [subscript]) if subscript else base


def _letters(word: str) -> str:
    if word in _GREEK:
        return f"\\{word}"
    if word == "eps":
        return "\\varepsilon"
    if re.fullmatch(r"[a-z][A-Z]", word):  # the size nB
        return f"{word[0]}_{{{word[1]}}}"
    return word if len(word) == 1 else f"\\mathrm{{{word}}}"


def _subscript(part: str) -> str:
    if not part or part.isdigit():
        return part
    return latex_name(part) if re.fullmatch(r"[A-Za-z]\d*", part) or part in _GREEK else f"\\mathrm{{{part}}}"


def is_greek(word: str) -> bool:
    """Whether the word is the name of a Greek letter."""
    return word in _GREEK


def accented(accent: str, base: str) -> str:
    r"""The base with an accent over its letter alone: \bar{c}_{\mathrm{new}}, not a bar over the subscript too."""
    own = re.fullmatch(r"(?P<letter>\\?[A-Za-z]+|\\mathrm\{[^{}]*\})(?P<rest>[_^].*)?", base)
    return f"\\{accent}{{{own['letter']}}}{own['rest'] or ''}" if own else f"\\{accent}{{{base}}}"


def indexed(base: str, indices: Iterable[str]) -> str:
    """The base with its indices: side by side where each is one sign, else with commas between them."""
    parts = [i for i in indices if i]
    if not parts:
        return base
    tight = all(re.fullmatch(r"\w|\\[A-Za-z]+", part) for part in parts)
    text = "".join(f"{p} " if p[0] == "\\" else p for p in parts).strip() if tight else ", ".join(parts)
    own = _SUBSCRIPTED.fullmatch(base)
    if own:
        return f"{own['base']}_{{{own['sub'] or own['sign']}, {text}}}{own['sup'] or ''}"
    return f"{base}_{{{text}}}"
