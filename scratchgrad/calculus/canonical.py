"""One form for equal expressions, and the tidy form that a sheet prints.

    canonical(e)    products multiplied out, sums split over terms, constants in front, nested sums joined, bound
                    indices renamed in a fixed way: alpha-equivalent terms become identical and merge or cancel
    factored(e)     the same with products of brackets left as they are: equal terms still merge, nothing grows
    tidy(e, taken)  the shorter of the two, with readable letters, and common factors collected for every upstream
                    gradient

A product is multiplied out only where that makes it shorter: (1 - z)(1 - g**2) stays, as on paper, and so that
its value does not suffer from cancellation.

Never `simplify`: it hides the step, and it can hang.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import permutations, product

import sympy as sp

from scratchgrad.calculus.sifting import pull_out
from scratchgrad.calculus.signs import Signs
from scratchgrad.notation.binding import (
    bound,
    free_indices,
    index_names,
    kinds,
    operands,
    rebuild,
    rename_bound,
    substitute,
    sum_over,
    tensor_names,
)
from scratchgrad.notation.indices import Index, Size, fresh
from scratchgrad.notation.nodes import MaxOver
from scratchgrad.notation.text import to_text

__all__ = ["canonical", "collect", "equal", "factored", "reletter", "same_but_letters", "terms", "tidy"]

_EXPANDED = 100  # a power with more terms than this stays a power
_TRIED = 48  # an expression with more terms than this is not multiplied out to see whether that is shorter
_WRITTEN = 5_000  # nor where its terms would be this much to write: SymPy sorts the factors of each
_LETTERS = 7  # a fraction in more letters than this is not brought to lowest terms
_WEIGHED = 60  # nor one with more to write than this: SymPy's factor takes seconds for it, and cannot be interrupted
_PERMUTED = 5  # up to this many indices of one size are matched by trying every order


def equal(a: sp.Expr, b: sp.Expr) -> bool:
    """Whether the canonical forms agree, that is: equal up to names of bound indices, order, and distributivity."""
    return bool(canonical(a) == canonical(b))


def terms(e: sp.Expr) -> tuple[sp.Expr, ...]:
    """The terms of e once every product and every sum is distributed over additions."""
    if isinstance(e, sp.Add):
        return tuple(t for part in e.args for t in terms(part))
    if isinstance(e, sp.Mul):
        parts = [terms(f) for f in e.args]
        if all(len(p) == 1 for p in parts):
            return (sp.Mul(*(p[0] for p in parts)),)
        return tuple(t for chosen in product(*parts) for t in terms(sp.Mul(*chosen)))
    small = isinstance(e, sp.Pow) and e.exp.is_Integer and 1 < e.exp <= 4
    if small and (isinstance(e.base, sp.Add) or (isinstance(e.base, sp.Sum) and terms(e.base) != (e.base,))):
        base = terms(e.base)
        if len(base) ** int(e.exp) <= _EXPANDED:
            return tuple(t for chosen in product(base, repeat=int(e.exp)) for t in terms(sp.Mul(*chosen)))
    if isinstance(e, sp.Sum):
        return tuple(pull_out(sum_over(t, *bound(e))) for t in terms(e.function))
    return (e,)


@lru_cache(maxsize=4096)  # naming compares the same sums again and again
def canonical(e: sp.Expr) -> sp.Expr:
    """The canonical form; equal results mean equal expressions."""
    return sp.Add(*(_term(t) for t in terms(_inside(_neutral(e), canonical))))


@lru_cache(maxsize=4096)
def factored(e: sp.Expr) -> sp.Expr:
    """The form with the same names of bound indices in which no product is multiplied out."""
    return sp.Add(*(_term(t) for t in _kept_terms(_inside(_neutral(e), factored))))


def _kept_terms(e: sp.Expr) -> tuple[sp.Expr, ...]:
    """The terms of e where only sums are split; a bracket that is a factor stays one, in one of its two signs."""
    if isinstance(e, sp.Add):
        return tuple(t for part in e.args for t in _kept_terms(part))
    if isinstance(e, sp.Mul):
        return (sp.Mul(*(_kept_factor(f) for f in e.args)),)
    if isinstance(e, sp.Sum):
        return tuple(pull_out(sum_over(t, *bound(e))) for t in _kept_terms(e.function))
    return (_kept_factor(e),)


def _kept_factor(e: sp.Expr) -> sp.Expr:
    """A factor: its sums split, a bracket in the sign that is written with fewer minus signs in front."""
    if isinstance(e, sp.Sum):
        e = sp.Add(*_kept_terms(e))
    base, exponent = e.as_base_exp()
    if isinstance(base, sp.Add) and exponent.is_Integer:
        number = _content(base)
        return sp.Mul(number**exponent, (base / number) ** exponent, evaluate=False) if number != 1 else e
    return e


def _content(e: sp.Add) -> sp.Expr:
    """The number that all terms of a bracket have in front; its sign makes the bracket and its negative one."""
    numbers = {abs(t.as_coeff_Mul()[0]) for t in e.args}
    number = numbers.pop() if len(numbers) == 1 else sp.Integer(1)
    return -number if e.could_extract_minus_sign() else number


@lru_cache(maxsize=1 << 14)
def _binders(e: sp.Basic) -> frozenset[Index]:
    """Every index that some node of e binds."""
    if not _binds(e):
        return frozenset()
    return frozenset(bound(e)).union(*map(_binders, operands(e)))


def _binds(e: sp.Basic) -> bool:
    """Whether some node of e binds an index."""
    return not kinds(e).isdisjoint((sp.Sum, MaxOver))


def _neutral(e: sp.Expr) -> sp.Expr:
    """E with canonical names of bound indices replaced by others, so that naming them again cannot catch one."""
    named = {i.name for i in _binders(e) if i.name.startswith("#")}
    return sp.sympify(rename_bound(e, named)) if named else e


def _inside(e: sp.Basic, form: Callable[[sp.Expr], sp.Expr]) -> sp.Expr:
    """E with the arguments of functions, denominators and (where they are kept) brackets in the given form."""
    if form is factored and isinstance(e, sp.Mul):
        return sp.Mul(*(form(f) if isinstance(f, sp.Add) else _inside(f, form) for f in e.args))
    if isinstance(e, (sp.Add, sp.Mul, sp.Sum)):
        return sp.sympify(rebuild(e, lambda child: _inside(child, form)))
    if isinstance(e, sp.Pow) and e.exp.is_Integer and e.exp > 0:
        return form(e.base) ** e.exp
    if isinstance(e, MaxOver):
        return _named(MaxOver(form(e.args[0]), *bound(e)))
    if e.args and not isinstance(e, sp.Indexed):
        return sp.sympify(rebuild(e, lambda child: form(child) if isinstance(child, sp.Expr) else _inside(child, form)))
    return sp.sympify(e)


def _term(e: sp.Expr) -> sp.Expr:
    """One term, its sums joined (Sum a * Sum b stays a product) and named canonically."""
    return sp.Mul(*(_sum_named(f) for f in sp.Mul.make_args(e)))


def _sum_named(factor: sp.Expr) -> sp.Expr:
    """A sum, or a power of one, joined and named."""
    if isinstance(factor, sp.Pow) and isinstance(factor.base, sp.Sum):
        return _named(_joined(factor.base)) ** factor.exp
    return _named(_joined(factor))


def _joined(e: sp.Expr) -> sp.Expr:
    """Sum_i a(i) Sum_j b(i, j) as one sum over i and j."""
    if not isinstance(e, sp.Sum):
        return e
    indices = list(bound(e))
    factors: list[sp.Expr] = []
    taken = index_names(e)
    outside = {i.name for i in (*indices, *free_indices(e))}
    for factor in sp.Mul.make_args(e.function):
        inner = factor
        if isinstance(inner, sp.Sum):
            inner = _joined(inner)
        if isinstance(inner, sp.Sum):
            by: dict[Index, sp.Expr] = {}
            for index in bound(inner):
                new = fresh(index, taken) if index.name in outside else index
                taken.add(new.name)
                by[index] = new
            factors.append(sp.sympify(substitute(inner.function, by)))
            indices += [by[i] for i in bound(inner)]
            outside |= {i.name for i in indices}
        else:
            factors.append(inner)
    return sum_over(sp.Mul(*factors), *indices)


@lru_cache(maxsize=4096)  # one sum stands in many terms
def _named(e: sp.Expr) -> sp.Expr:
    """A sum or maximum with its bound indices in canonical names: of all orders, the least written one."""
    if not isinstance(e, (sp.Sum, MaxOver)):
        return e
    indices = bound(e)
    classes: dict[sp.Expr, list[Index]] = {}
    for index in indices:
        classes.setdefault(index.size, []).append(index)
    depth = 1 + max((int(i.name[1:].split("_")[0]) for i in _binders(e.args[0]) if i.name.startswith("#")), default=0)
    names = {size: [Index(f"#{depth}_{size}_{k}", size) for k in range(len(group))] for size, group in classes.items()}
    orders = [
        list(permutations(names[size])) if len(group) <= _PERMUTED else [tuple(names[size])]
        for size, group in classes.items()
    ]
    best: tuple[str, sp.Expr] | None = None
    for chosen in product(*orders):
        by: dict[Index, sp.Expr] = {}
        for group, order in zip(classes.values(), chosen, strict=True):
            by.update(dict(zip(group, order, strict=True)))
        body = sp.sympify(substitute(e.args[0], by))
        key = to_text(body)
        if best is None or key < best[0]:
            best = (key, body)
    assert best is not None  # there is always one order
    ordered = sorted((n for group in names.values() for n in group), key=lambda n: n.name)
    return sum_over(best[1], *ordered) if isinstance(e, sp.Sum) else MaxOver(best[1], *ordered)


def reletter(
    e: sp.Expr,
    taken: Iterable[str] = (),
    ranges: dict[str, sp.Expr] | None = None,
    own_letters: Mapping[sp.Expr, str] | None = None,
) -> sp.Expr:
    """E with readable letters for its bound indices: the letter of the axis, or the next free one.

    A letter has one size in the whole expression, as the text grammar wants it; `ranges` remembers which.  For a size
    that is a formula, `own_letters` gives the letter that the reader knows.
    """
    ranges = {} if ranges is None else ranges
    own_letters = own_letters or {}
    ranges |= {i.name: i.size for i in free_indices(e)}

    def walk(node: sp.Basic, used: frozenset[str]) -> sp.Basic:
        if not _binds(node):
            return node
        own = bound(node)
        if own:
            names = used | {i.name for i in free_indices(node)}
            by: dict[Index, sp.Expr] = {}
            kept: list[Index] = []
            for index in own:
                name = str(index.size).removeprefix("n_") if str(index.size).startswith("n_") else index.name.strip("#")
                letter = name if name[:1].isalpha() and len(name) == 1 else own_letters.get(index.size, "i")
                elsewhere = {name for name, size in ranges.items() if size != index.size}
                new = fresh(Index(letter, index.size), names | elsewhere)
                ranges[new.name] = new.size
                names |= {new.name}
                by[index] = new
                kept.append(new)
            body = walk(substitute(node.args[0], by), frozenset(names))
            return sum_over(sp.sympify(body), *kept) if isinstance(node, sp.Sum) else MaxOver(body, *kept)
        return rebuild(node, lambda child: walk(child, used)) if node.args else node

    return sp.sympify(walk(e, frozenset(taken)))


def same_but_letters(a: sp.Expr, b: sp.Expr) -> bool:
    """Whether a and b differ at most in the letters and the order of their bound indices."""
    # With equal letters like terms merge by themselves: then there is less to write.
    return bool(a == b or (_weight(a) == _weight(b) and _lettered(_neutral(a)) == _lettered(_neutral(b))))


def _lettered(e: sp.Basic) -> sp.Basic:
    """E with every sum and maximum named canonically, and nothing else changed."""
    if isinstance(e, sp.Indexed) or not _binds(e):
        return e
    return _named(rebuild(e, _lettered))


def _one_size_each(e: sp.Expr) -> bool:
    """Whether every letter has one size in e, as the text grammar wants it."""
    every = {*_binders(e), *free_indices(e)}
    return len({i.name for i in every}) == len(every)


def tidy(e: sp.Expr, taken: Iterable[str] = (), signs: Signs | None = None) -> sp.Expr:
    """The form that a sheet prints: like terms merged, common factors collected for every upstream gradient."""
    taken, signs = tuple(taken), signs or Signs()
    found = _shortest(e, taken, signs)
    # The reader's own letters stay where nothing else has changed.
    return e if same_but_letters(e, found) and _one_size_each(e) else found


def _shortest(e: sp.Expr, taken: tuple[str, ...], signs: Signs) -> sp.Expr:
    kept = _tidied(factored(e), e, taken, signs)
    if not 1 < _expanded_terms(e) <= _TRIED or _expanded_terms(e) * _weight(e) > _WRITTEN:
        return kept
    ways = [kept, _tidied(canonical(e), e, taken, signs)]
    fraction = _cancelled(factored(e))
    if fraction is not None:
        ways.append(_tidied(factored(fraction), e, taken, signs))
    return min(ways, key=_weight)


def _cancelled(e: sp.Expr) -> sp.Expr | None:
    """E as one fraction in lowest terms: p (1 - p) ((1 - y)/(1 - p) - y/p) is p - y; None where nothing could cancel.

    What is no sum, product or power of whole exponent counts as a letter; with many letters nothing is tried.  So does
    a difference that is squared: v² - 2 v y + y² would lose the digits that (v - y)² has.
    """
    letters: dict[sp.Basic, sp.Basic] = {}
    squared = {p.base for p in e.atoms(sp.Pow) if isinstance(p.base, sp.Add) and p.exp.is_Integer and p.exp > 1}

    def walk(node: sp.Basic) -> sp.Basic:
        if node in squared:
            return letters.setdefault(node, sp.Dummy(real=True))
        whole = isinstance(node, sp.Pow) and not isinstance(node, sp.exp) and node.exp.is_Integer
        if isinstance(node, (sp.Add, sp.Mul)) or whole:
            return node.func(*map(walk, node.args))
        return node if node.is_Number else letters.setdefault(node, sp.Dummy(real=True))

    if _weight(e) > _WEIGHED:
        return None
    below = [b for p in e.atoms(sp.Pow) for b, x in [p.as_base_exp()] if x.is_negative and isinstance(b, sp.Add)]
    if not below:
        return None
    rational = walk(e)
    if len(letters) > _LETTERS:
        return None
    names = {letter: node for node, letter in letters.items()}
    return sp.sympify(sp.factor(rational).xreplace(names))


@lru_cache(maxsize=1 << 16)
def _weight(e: sp.Basic) -> int:
    """How much there is to write: tensors, functions and sums."""
    if isinstance(e, (sp.Indexed, Index)) or not e.args:
        return int(not isinstance(e, sp.Integer) or e not in (1, -1))
    if isinstance(e, sp.Pow) and e.exp == -1 and isinstance(e.base, Size):  # a mean is no more to write than a sum
        return 1
    return 1 + sum(map(_weight, operands(e)))


@lru_cache(maxsize=1 << 16)
def _expanded_terms(e: sp.Basic) -> int:
    """How many terms e would have if all its products were multiplied out; _TRIED + 1 where they would be more."""
    count = 1
    if isinstance(e, sp.Add):
        count = sum(map(_expanded_terms, e.args))
    elif isinstance(e, sp.Mul):
        count = math.prod(map(_expanded_terms, e.args))
    elif isinstance(e, sp.Pow) and e.exp.is_Integer and 1 < e.exp <= 4:
        count = _expanded_terms(e.base) ** int(e.exp)
    elif isinstance(e, sp.Sum):
        count = _expanded_terms(e.function)
    return min(count, _TRIED + 1)  # nested squares would fill the memory with the number alone


def _tidied(form: sp.Expr, e: sp.Expr, taken: tuple[str, ...], signs: Signs) -> sp.Expr:
    groups: dict[str, list[sp.Expr]] = {}
    for term in sp.Add.make_args(form):
        upstream = sorted(n for n in tensor_names(term) if n.startswith(("grad_", "bar_")))
        groups.setdefault(upstream[0] if upstream else "", []).append(term)
    ranges = {i.name: i.size for i in free_indices(e)}
    letters = {i.size: i.name for i in sorted(_binders(e), key=str, reverse=True) if i.name.isalpha()}
    written = [reletter(collect(_merged(group)), taken, ranges, letters) for group in groups.values()]
    return sp.Add(*map(signs.signed, written))


def _merged(group: list[sp.Expr]) -> list[sp.Expr]:
    """The terms, with sums over the same indices joined where their bodies share factors and all else is equal."""
    buckets: dict[tuple[tuple[Index, ...], sp.Expr], list[sp.Expr]] = {}
    merged: list[sp.Expr] = []
    for term in group:
        sums = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.Sum)]
        if len(sums) == 1:
            outside = (term / sums[0]).as_coeff_Mul()[1]
            buckets.setdefault((bound(sums[0]), outside), []).append(term)
        else:
            merged.append(term)
    for (indices, _), several in buckets.items():
        bodies = [sp.Mul(*(f.function if isinstance(f, sp.Sum) else f for f in sp.Mul.make_args(t))) for t in several]
        joined = collect(bodies)
        inside = [f for f in sp.Mul.make_args(joined) if set(free_indices(f)) & set(indices)]
        merged += [pull_out(sum_over(joined, *indices))] if len(several) > 1 and len(inside) > 1 else several
    return merged


def collect(group: list[sp.Expr]) -> sp.Expr:
    """The sum of the terms with the factors that all share in front."""
    if len(group) == 1:
        return group[0]
    powers = [dict(f.as_base_exp() for f in sp.Mul.make_args(t)) for t in group]
    common = {
        base: min((p[base] for p in powers), key=lambda x: x)
        for base in powers[0]
        if not base.is_number
        and all(base in p and p[base].is_Rational and p[base] * powers[0][base] > 0 for p in powers)
    }
    positive = [b**x if x > 0 else b ** max(p[b] for p in powers) for b, x in common.items()]
    shared = sp.Mul(*positive)
    numbers = {abs(t.as_coeff_Mul()[0]) for t in group}
    if len(numbers) == 1:
        shared *= next(iter(numbers))
    if all(t.could_extract_minus_sign() for t in group):
        shared = -shared
    return shared * sp.Add(*(t / shared for t in group))
