r"""Plain text and text with formulae, such that TeX prints exactly it.

In   "Choose $W_{12}$ & b_1"
Out  "Choose $W_{12}$ \& b\_1"
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from scratchgrad.sheets.blocks import pieces, plain
from scratchgrad.sheets.width import formula_width

__all__ = ["NotTypesettable", "bare", "bookmark", "cell", "code", "escape", "heading", "words"]

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "|": "$|$", '"': "''",
    "`": "`{}", "−": "$-$", "×": r"$\times$", "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$", "≠": r"$\neq$",
    "≈": r"$\approx$", "→": r"$\to$", "∂": r"$\partial$", "∑": r"$\sum$", "∞": r"$\infty$", "±": r"$\pm$",
    "ᵀ": r"$^{\top}$", "²": "$^{2}$", "³": "$^{3}$", "½": r"$\tfrac{1}{2}$", "–": "--", "—": "---", "‘": "`", "’": "'",
    "“": "``", "”": "''", "„": r"\quotedblbase{}", "…": r"\dots{}", "\u00a0": "~", "\u00ad": "",
    "€": r"\texteuro{}", "°": r"\textdegree{}",
}  # fmt: skip
_GREEK = dict(
    pair.split()
    for pair in (
        "α alpha,β beta,γ gamma,δ delta,ε varepsilon,ζ zeta,η eta,θ theta,ι iota,κ kappa,λ lambda,μ mu,ν nu,ξ xi,π pi,"
        "ρ rho,σ sigma,τ tau,υ upsilon,φ varphi,χ chi,ψ psi,ω omega,Γ Gamma,Δ Delta,Θ Theta,Λ Lambda,Ξ Xi,Π Pi,Σ Sigma,"
        "Φ Phi,Ψ Psi,Ω Omega"
    ).split(",")
)
# What T1 encodes beyond ASCII (t1enc.dfu), and so what pdflatex sets without further packages.
_T1 = set(
    "¡¿«»ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿĀāĂăĄąĆćĈĉĊċČčĎďĐđĒēĔĕĖėĘęĚěĜĝĞğĠġĢģĤĥĨĩĪīĬĭĮįİı"
    "ĲĳĴĵĶķĹĺĻļĽľŁłŃńŅņŇňŊŋŌōŎŏŐőŒœŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŨũŪūŬŭŮůŰűŲųŴŵŶŷŸŹźŻżŽžȘșȚț§©®¶"
)


class NotTypesettable(ValueError):
    """A text with a character that LaTeX's standard fonts lack."""


def escape(text: str) -> str:
    """Plain text such that TeX prints exactly it.

    Raises NotTypesettable for a character that pdflatex's fonts lack.
    """
    found: list[str] = []
    for c in unicodedata.normalize("NFC", text):
        if c in _SPECIAL:
            found.append(_SPECIAL[c])
        elif c in _GREEK:
            found.append(f"$\\{_GREEK[c]}$")
        elif " " <= c <= "~" or c in _T1:
            found.append(c)
        elif c.isspace():
            found.append(" ")
        else:
            name = unicodedata.name(c, f"U+{ord(c):04X}")
            raise NotTypesettable(
                f"text {text!r}: LaTeX's standard fonts lack {c!r} ({name}); "
                "write it in Latin or Greek letters, or save the sheet as .html only"
            )
    return "".join(found)


def words(text: str) -> str:
    """Text with formulae between dollars and code between backticks, ready for TeX."""
    return "".join(_SET[kind](piece) for piece, kind in pieces(text))


def code(line: str) -> str:
    """A line of a program, its indentation kept."""
    text = line.lstrip(" ")
    return "~" * (len(line) - len(text)) + escape(text)


def heading(text: str) -> str:
    """The same for a heading, which is also a bookmark, where formulae cannot stand."""
    typeset = words(text)
    return typeset if "$" not in typeset else f"\\texorpdfstring{{{typeset}}}{{{bookmark(text)}}}"


def bookmark(text: str) -> str:
    """The text for the PDF's outline and its properties: unicode, formulae as plain letters."""
    return bare(plain(text))


def bare(text: str) -> str:
    """Plain text for the PDF's properties."""
    return "".join(
        {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}.get(
            c, f"\\{c}" if c in "{}$&#%_" else c
        )
        for c in text
    )


def cell(text: str, display: bool) -> str:
    """The cell of a table; with `display` its formulae are full-sized, with room around them."""
    if not display:
        return words(text)
    return "".join(
        f"\\roomy{{{_checked(piece)}}}" if kind == "formula" else _SET[kind](piece) for piece, kind in pieces(text)
    )


def _checked(latex: str) -> str:
    formula_width(latex)  # which refuses what is no formula
    return latex


_SET: dict[str, Callable[[str], str]] = {
    "text": escape,
    "formula": lambda piece: f"${_checked(piece)}$",
    "code": lambda piece: f"\\texttt{{{escape(piece)}}}",
}
