r"""The one printer for mathematics: element forms as LaTeX, in the notation and order of a derivation sheet.

    Sum(grad_u[k]*delta(i,k)*x[j], k)   ->   \sum_{k=1}^{n_{i}} \frac{\partial J}{\partial u_{k}}\, \delta_{ik}\, x_{j}

Order of factors: number, gradients of J, deltas and indicators, scalars, matrices, vectors, functions, brackets, sums.
Order of terms: positive before negative, sums and long products before single elements.  A tensor called grad_u is
printed as the partial derivative, bar_u as the whole gradient of a value that is also used inside its layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.core.relational import Relational
from sympy.printing.latex import LatexPrinter

from scratchgrad.forms.node import Node
from scratchgrad.notation.binding import bound, tensor_name, tensor_names, tensors_in
from scratchgrad.notation.definition import Definition
from scratchgrad.notation.elementary import row_of
from scratchgrad.notation.indices import Index, Size
from scratchgrad.notation.limits import tick
from scratchgrad.notation.nodes import (
    Determinant,
    Indicator,
    InverseElement,
    LogDeterminant,
    Maximum,
    MaxOver,
    Minimum,
    Partial,
    Where,
)
from scratchgrad.sheets.latex import OPERATORS
from scratchgrad.sheets.names import accented, indexed, latex_name

__all__ = ["SheetPrinter", "element_latex", "first_index", "gradient_symbol", "matrix_latex", "partial"]

_RELATIONS = {"==": "=", "!=": "\\neq", "<": "<", "<=": "\\leq", ">": ">", ">=": "\\geq"}
_GRADIENTS = ("grad_", "bar_")
_HALF = sp.Rational(1, 2)
_FRACTIONS = 1000  # a number with a smaller denominator is a fraction
_DECIMALS = 10


def element_latex(e: sp.Basic, names: Mapping[str, str] | None = None, *, first: int | None = None) -> str:
    """The LaTeX of an element form; indices are counted from `first` (default: 1 where that can be said)."""
    return str(SheetPrinter(names, first=first_index(e) if first is None else first).doprint(e))


def matrix_latex(node: Node, names: Mapping[str, str] | None = None) -> str:
    """The LaTeX of a matrix form."""
    from scratchgrad.sheets.matrix_printer import MatrixPrinter

    return MatrixPrinter(names).latex(node)


def first_index(*sources: sp.Basic | Definition) -> int:
    """1, as on paper; 0 where an index is computed with (x[2*i+k], i < 3, E[t[b]]), which counts as programs do."""
    for source in sources:
        expressions = [a.right for a in source.assignments] if isinstance(source, Definition) else [source]
        for e in expressions:
            positions = [i for t in tensors_in(e) for i in getattr(t, "indices", ())]
            positions += [a for d in e.atoms(sp.KroneckerDelta) for a in d.args]
            sides = [s for r in e.atoms(Relational) for s in r.args if r.atoms(Index) and not _has_tensor(r)]
            if any(not isinstance(p, (Index, sp.Integer)) for p in positions) or any(
                not isinstance(s, Index) for s in sides
            ):
                return 0
    return 1


def partial(above: str, below: str) -> str:
    """The partial derivative of one thing with respect to another."""
    return f"\\frac{{\\partial {above}}}{{\\partial {below}}}"


def gradient_symbol(name: str, names: Mapping[str, str] | None, indices: Sequence[str] = ()) -> str:
    r"""The symbol of grad_u or bar_u, at indices: \frac{\partial J}{\partial u_{i}} or \bar{u}_{i}."""
    kind, _, of = name.partition("_")
    if kind == "bar":
        return indexed(accented("bar", latex_name(of, names)), indices)
    return partial(latex_name("J", names), indexed(latex_name(of, names), indices))


def _has_tensor(e: sp.Basic) -> bool:
    return bool(tensor_names(e))


def _counts(e: sp.Expr) -> bool:
    """Whether e is made of sizes, indices and numbers alone."""
    return bool(e.free_symbols) and all(isinstance(s, (Index, Size)) for s in e.free_symbols)


def _is_operator(latex: str) -> bool:
    """Whether TeX sets the name with a space before its argument: log x; else the argument is in brackets."""
    return latex.startswith("\\") and latex[1:] in OPERATORS


def _has_brackets(e: sp.Basic) -> bool:
    """Whether the function brings its own brackets."""
    row = row_of(e)
    named = row is not None and row.name != "exp" and (_is_operator(row.latex) or "operatorname" in row.latex)
    return (row is not None and not named) or isinstance(e, (Maximum, Minimum))


def _is_gradient(e: sp.Basic) -> bool:
    return isinstance(e, Partial) or (type(e) in (sp.Indexed, sp.Symbol) and tensor_name(e).startswith(_GRADIENTS))


class SheetPrinter(LatexPrinter):
    """SymPy's LaTeX printer with the nodes of the notation, and teaching order instead of SymPy's."""

    def __init__(self, names: Mapping[str, str] | None = None, *, first: int = 1) -> None:
        """A printer with the sheet's names, whose indices count from `first`."""
        super().__init__({"ln_notation": False})
        self.names = dict(names or {})
        self.first = first
        self._written: dict[sp.Basic, str] = {}  # sorting and bracketing ask for the text of a node again and again

    def _print(self, expr: Any, **kwargs: Any) -> str:
        """The text of a node; each is written once, so that printing is linear in the nodes and in the text."""
        if kwargs or not isinstance(expr, sp.Basic):
            return str(super()._print(expr, **kwargs))
        if expr not in self._written:
            tick()
            self._written[expr] = str(super()._print(expr))
        return self._written[expr]

    # Letters

    def _print_Symbol(self, e: sp.Symbol) -> str:
        if isinstance(e, (Index, Size)):
            return latex_name(e.name)
        return gradient_symbol(e.name, self.names) if e.name.startswith(_GRADIENTS) else latex_name(e.name, self.names)

    def _print_Indexed(self, e: sp.Indexed) -> str:
        name, indices = str(e.base.label), [self.position(i) for i in e.indices]
        if name.startswith(_GRADIENTS):
            return gradient_symbol(name, self.names, indices)
        return indexed(latex_name(name, self.names), indices)

    def _print_Rational(self, e: sp.Rational) -> str:
        return decimal(e) or str(super()._print_Rational(e))

    def position(self, index: sp.Expr) -> str:
        """An index at its place: a number counts from the sheet's first."""
        return str(int(index) + self.first) if index.is_Integer else str(self._print(index))

    def _print_KroneckerDelta(self, e: sp.KroneckerDelta, exp: str | None = None) -> str:
        text = indexed("\\delta", [self.position(a) for a in e.args])
        return text if exp is None else f"{text}^{{{exp}}}"

    # Sums and products

    def _print_Add(self, e: sp.Add, order: object = None) -> str:
        terms = sorted(e.args, key=self._place_key if _counts(e) else self._term_key)
        text = str(self._print(terms[0]))
        for term in terms[1:]:
            if term.could_extract_minus_sign():
                text += f" - {self._term(-term)}"
            else:
                text += f" + {self._term(term)}"
        return text

    def _term(self, e: sp.Expr) -> str:
        text = str(self._print(e))
        return f"\\left( {text} \\right)" if isinstance(e, sp.Add) or text.startswith("-") else text

    def _term_key(self, term: sp.Expr) -> tuple[bool, int, int, str]:
        negative = term.could_extract_minus_sign()
        factors = sp.Mul.make_args(-term if negative else term)
        if all(f.is_number for f in factors):
            return negative, 0, 0, ""
        deltas = any(isinstance(f, sp.KroneckerDelta) for f in factors)
        sums = any(isinstance(f, sp.Sum) for f in factors)
        upstream = any(map(_is_gradient, factors))
        kind = 1 if upstream and not sums else 2 if deltas else 3
        return negative, kind, -len(factors) - sums, str(self._print(term))

    def _place_key(self, term: sp.Expr) -> tuple[bool, bool, bool, str]:
        """The order in a sum of sizes and indices, n - k + 1: what is taken away behind, numbers last."""
        return bool(term.is_number), term.could_extract_minus_sign(), not term.has(Index), str(self._print(term))

    def _print_Mul(self, e: sp.Expr) -> str:
        if e.could_extract_minus_sign():
            rest = -e
            return f"-{self._term(rest)}"
        over: list[sp.Expr] = []
        under: list[sp.Expr] = []
        front: list[sp.Expr] = []
        behind: list[sp.Expr] = []
        number, *factors = _without_surds(sp.Mul.make_args(e))
        for factor in factors:
            if factor.is_Rational:
                number *= factor
            elif (
                isinstance(factor, sp.Pow) and not isinstance(factor, sp.exp) and factor.exp.could_extract_minus_sign()
            ):
                under.append(_inverse(factor))
            elif _is_gradient(factor) or isinstance(factor, (sp.KroneckerDelta, Indicator)):
                front.append(factor)
            elif isinstance(factor, (sp.Sum, MaxOver)):
                behind.append(factor)
            else:
                over.append(factor)
        parts = [str(self._print(number))] if number != 1 and not under else []
        parts += [self._factor(f, alone=False) for f in sorted(front, key=self._factor_key)]
        if under:
            # A bracket with fractions or sums in it stands beside the fraction, where they have their full size.
            tall = [f for f in over if isinstance(f, sp.Add) and self._is_tall(f)]
            parts.append(self._fraction(number, [f for f in over if f not in tall], under))
            parts += [self._factor(f, alone=False) for f in sorted(tall, key=self._factor_key)]
        else:
            parts += [self._factor(f, alone=False) for f in sorted(over, key=self._factor_key)]
        sums = sorted(behind, key=self._factor_key)
        parts += [self._factor(f, alone=False, last=n == len(sums) - 1) for n, f in enumerate(sums)]
        return _joined(parts)

    def _is_tall(self, e: sp.Expr) -> bool:
        return any(word in str(self._print(e)) for word in ("\\frac", "\\sum", "\\begin"))

    def _fraction(self, number: sp.Expr, over: list[sp.Expr], under: list[sp.Expr]) -> str:
        above = (
            [] if number == 1 else [decimal(number)] if decimal(number) else [str(number.p)] if number.p != 1 else []
        )
        below = [str(number.q)] if number.q != 1 and not decimal(number) else []
        above += [self._factor(f, alone=len(over) == 1 and not above) for f in sorted(over, key=self._factor_key)]
        below += [self._factor(f, alone=len(under) == 1 and not below) for f in sorted(under, key=self._factor_key)]
        return f"\\frac{{{_joined(above) or '1'}}}{{{_joined(below)}}}"

    def _factor(self, e: sp.Expr, *, alone: bool, last: bool = True) -> str:
        """A factor, in brackets where it would not hold together; a sum may stand bare where it is the last."""
        text = str(self._print(e))
        if alone:
            return text
        loose = isinstance(e, sp.Add) or text.startswith("-") or (isinstance(e, (sp.Sum, MaxOver)) and not last)
        return f"\\left( {text} \\right)" if loose else text

    def _factor_key(self, e: sp.Expr) -> tuple[int, int, str]:
        base = e.base if isinstance(e, sp.Pow) and not isinstance(e, sp.exp) else e
        if _is_gradient(base):
            kind = 1 if isinstance(base, Partial) else 0
        elif isinstance(base, (sp.KroneckerDelta, Indicator)):
            kind = 2 if isinstance(base, sp.KroneckerDelta) else 3
        elif isinstance(base, (sp.Symbol, sp.Indexed)) or base.is_number:
            kind = 4
        elif _has_brackets(base):
            kind = 5  # they bring their own brackets
        elif isinstance(base, sp.Add):
            kind = 6
        else:
            kind = 8 if isinstance(base, sp.Sum) else 7
        # Matrices before vectors: W_ij x_j.  Scalars before both.
        rank = len(getattr(base, "indices", ()))
        return kind, -rank if rank else -9, str(self._print(e))

    def _print_Pow(self, e: sp.Pow) -> str:
        base, exponent = e.args
        if base == sp.E:
            return self._print_exp(e)
        if exponent == sp.Rational(1, 2):
            return f"\\sqrt{{{self._print(base)}}}"
        if exponent.could_extract_minus_sign():
            below = 1 / e
            return f"\\frac{{1}}{{{self._print(below)}}}"
        power = str(self._print(exponent))
        row = row_of(base)
        if row is not None and row.powers and exponent.is_Integer:
            return f"{row.latex}^{{{power}}} {self._argument(base.args[0])}"
        text = str(self._print(base))
        simple = isinstance(base, (sp.Symbol, sp.Indexed, Index)) or (base.is_Integer and base >= 0)
        bare = simple and "^" not in text and "\\frac" not in text
        return f"{text}^{{{power}}}" if bare else f"\\left( {text} \\right)^{{{power}}}"

    def _print_exp(self, e: sp.Expr, exp: str | None = None) -> str:
        exponent = e.exp if isinstance(e, sp.exp) else e.args[1]
        text = str(self._print(exponent))
        tall = any(word in text for word in ("\\frac", "\\sum", "\\begin", "\\left"))
        return f"\\exp\\left( {text} \\right)" if tall else f"e^{{{text}}}"

    def _print_Sum(self, e: sp.Sum) -> str:
        signs = " ".join(self._sum_sign(i) for i in bound(e))
        body = str(self._print(e.function))
        return (
            f"{signs} \\left( {body} \\right)"
            if isinstance(e.function, sp.Add) or body.startswith("-")
            else f"{signs} {body}"
        )

    def _sum_sign(self, index: Index) -> str:
        size = index.size
        last = size - 1 + self.first
        return f"\\sum_{{{self._print(index)}={self.first}}}^{{{self._print(last)}}}"

    def _print_MaxOver(self, e: MaxOver) -> str:
        body = str(self._print(e.args[0]))
        letters = ", ".join(str(self._print(i)) for i in bound(e))
        return f"\\max_{{{letters}}} " + (f"\\left( {body} \\right)" if isinstance(e.args[0], sp.Add) else body)

    # Functions

    def _argument(self, e: sp.Expr) -> str:
        """The argument of a function: a single element needs no brackets."""
        text = str(self._print(e))
        return text if isinstance(e, (sp.Indexed, sp.Symbol)) and not _is_gradient(e) else f"\\left( {text} \\right)"

    def _print_Function(self, e: sp.Expr, exp: str | None = None) -> str:
        row = row_of(e)
        if row is None:
            return str(super()._print_Function(e, exp))
        if "{0}" in row.latex:
            text = row.latex.format(*map(self._print, e.args))
            return text if exp is None else f"{text}^{{{exp}}}"
        if row.arity > 1:
            return f"{row.latex}\\left( {', '.join(str(self._print(a)) for a in e.args)} \\right)"
        inner = self._argument(e.args[0])
        if not _is_operator(row.latex) and not inner.startswith("\\left"):
            inner = f"({inner})"
        called = f"{row.latex}^{{{exp}}}" if exp else row.latex
        return f"{called}{inner}" if inner.startswith("(") else f"{called} {inner}"

    _print_log = _print_sin = _print_cos = _print_tanh = _print_erf = _print_sign = _print_Function
    _print_Abs = _print_RealFunction = _print_Function  # noqa: N815  # SymPy calls it by the class's name

    def _print_floor(self, e: sp.floor, exp: str | None = None) -> str:
        r"""\lfloor n/2 \rfloor, which is no taller than a line."""
        above, below = e.args[0].as_numer_denom()
        loose = isinstance(above, sp.Add) and below != 1
        text = f"({self._print(above)})" if loose else str(self._print(above))
        text = f"\\lfloor {text}{'' if below == 1 else f'/{self._print(below)}'} \\rfloor"
        return text if exp is None else f"{text}^{{{exp}}}"

    def _print_Maximum(self, e: Maximum) -> str:
        return f"\\max\\left( {self._print(e.args[0])}, {self._print(e.args[1])} \\right)"

    def _print_Minimum(self, e: Minimum) -> str:
        return f"\\min\\left( {self._print(e.args[0])}, {self._print(e.args[1])} \\right)"

    # Conditions

    def _print_Indicator(self, e: Indicator) -> str:
        return f"\\mathbf{{1}}\\!\\left[ {self._print(e.args[0])} \\right]"

    def _print_Where(self, e: Where) -> str:
        rows = []
        rest: sp.Basic = e
        while isinstance(rest, Where):
            condition, then, otherwise = rest.args
            if isinstance(then, Where) and not isinstance(otherwise, Where) and isinstance(condition, Relational):
                condition, then, otherwise = condition.negated, otherwise, then
            rows.append(f"{self._print(then)} & \\text{{if }} {self._print(condition)}")
            rest = otherwise
        rows.append(f"{self._print(rest)} & \\text{{otherwise}}")
        return "\\begin{cases} " + " \\\\ ".join(rows) + " \\end{cases}"

    def _print_Relational(self, e: Relational) -> str:
        left, right = e.args
        tensors = _has_tensor(e)
        sides = [str(self._print(s)) if tensors or not s.is_Integer else self.position(s) for s in (left, right)]
        return f"{sides[0]} {_RELATIONS[e.rel_op]} {sides[1]}"

    def _print_And(self, e: sp.And) -> str:
        return " \\text{ and } ".join(str(self._print(a)) for a in e.args)

    def _print_Or(self, e: sp.Or) -> str:
        return " \\text{ or } ".join(str(self._print(a)) for a in e.args)

    def _print_Not(self, e: sp.Not) -> str:
        return f"\\text{{not }} \\left( {self._print(e.args[0])} \\right)"

    # Derivatives and matrices

    def _print_Partial(self, e: Partial) -> str:
        above, below = e.args
        if isinstance(above, (sp.Indexed, sp.Symbol)) and not _is_gradient(above):
            return partial(str(self._print(above)), str(self._print(below)))
        return f"\\frac{{\\partial}}{{\\partial {self._print(below)}}} \\left( {self._print(above)} \\right)"

    def _print_InverseElement(self, e: InverseElement) -> str:
        matrix, i, j = e.args
        return f"\\left( {latex_name(str(matrix), self.names)}^{{-1}} \\right)_{{{self.position(i)}{self.position(j)}}}"

    def _print_Determinant(self, e: Determinant) -> str:
        return f"\\det {latex_name(str(e.args[0]), self.names)}"

    def _print_LogDeterminant(self, e: LogDeterminant) -> str:
        return f"\\log \\left| \\det {latex_name(str(e.args[0]), self.names)} \\right|"


def decimal(number: sp.Rational) -> str:
    """A number that was written with many decimals, as it was written: 0.044715; empty for others."""
    places = next((n for n in range(3, _DECIMALS + 1) if (number * 10**n).is_Integer), 0)
    if number.q < _FRACTIONS or not places:
        return ""
    return f"{'-' if number < 0 else ''}{abs(int(number * 10**places)) / 10**places:.{places}f}"


def _without_surds(factors: Sequence[sp.Expr]) -> list[sp.Expr]:
    r"""The factors with their rational number first and the square roots of numbers joined.

    \frac{1}{5} \sqrt{5} -> \frac{1}{\sqrt{5}},  \frac{\sqrt{2}}{\sqrt{\pi}} -> \sqrt{\frac{2}{\pi}}
    """
    number, root, others = sp.Integer(1), sp.Integer(1), list[sp.Expr]()
    for factor in factors:
        if factor.is_Rational:
            number *= factor
        elif (
            isinstance(factor, sp.Pow)
            and abs(factor.exp) == _HALF
            and (factor.base.is_Rational or factor.base == sp.pi)
        ):
            root *= factor.base if factor.exp > 0 else 1 / factor.base
        else:
            others.append(factor)
    whole = sp.Rational(root.as_coeff_Mul()[0])
    if whole.p > 1 and number.q % whole.p == 0:  # what stands below twice and above once, stands below once
        number, root = number * whole.p, root / whole.p**2
    if root == 1:
        return [number, *others]
    above, below = root.as_numer_denom()
    if above == 1:
        return [number, sp.Pow(below, -_HALF, evaluate=False), *others]
    return [number, sp.Pow(root, _HALF, evaluate=False), *others]


def _inverse(e: sp.Pow) -> sp.Expr:
    """What stands below the line; square roots of numbers are left as they are."""
    return sp.Pow(e.base, -e.exp, evaluate=False) if e.base.is_number and abs(e.exp) == _HALF else 1 / e


def _joined(parts: Sequence[str]) -> str:
    """Factors side by side, with a thin space where two would run together, a dot between two numbers."""
    text, before = "", ""
    for part in parts:
        if not before:
            text = part
        elif before[-1].isdigit() and part[0].isdigit():
            text += f" \\cdot {part}"
        else:
            # TeX itself leaves a space before brackets and signs of sums.
            airy = part.startswith(_AIRY) or before.startswith(_AIRY) or "." in before[:-1].lstrip("0123456789")[:1]
            thin = airy and not part.startswith(("\\sum", "\\left"))
            text += f"\\, {part}" if thin else f" {part}"
        before = part
    return text


_AIRY = ("\\frac", "\\delta", "\\mathbf", "\\mathrm", "\\bar", "\\left")
