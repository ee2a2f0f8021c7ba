"""Random definitions, each with two readings that share no code: its text in the grammar, and a dense torch program.

A term is a tree of tuples.  `write` gives its text.  `torch_value` evaluates it on arrays that have one axis for every
letter in scope, so that a bound letter which hides another one, an affine index and an element out of range are all
plain indexing.  torch.autograd on that program is the witness.

Letters i j run over axis A, k l over B, m q over C; the sizes of the axes are drawn pairwise distinct, 1 included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

import torch

from scratchgrad.gradients import Gradients, derive
from scratchgrad.notation.indices import Index, Size

AXIS = {"i": "A", "j": "A", "k": "B", "l": "B", "m": "C", "q": "C"}
TENSORS = {
    "x": "A", "y": "B", "z": "C", "W": "AB", "V": "BA", "Z": "BC", "S": "AA", "T": "ABC", "c": "", "lambda": "",
}  # fmt: skip
INTEGER = {"t": ("A", "B"), "s": ("C", "A")}  # name: its axis, the axis that its values index
SIZES = [dict(zip("ABC", sizes, strict=True)) for sizes in permutations((1, 2, 3, 4), 3)]
FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "exp": torch.exp, "sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
    "erf": torch.erf, "abs": torch.abs, "sign": torch.sign, "log": torch.log, "sqrt": torch.sqrt,
}  # fmt: skip
RELATIONS = {
    ">": torch.gt, "<": torch.lt, ">=": torch.ge, "<=": torch.le, "==": torch.eq, "!=": torch.ne,
}  # fmt: skip

Term = tuple[Any, ...]


# -- text


def write(e: Term) -> str:
    """The term in the text grammar, every operation in brackets."""
    match e:
        case ("number", text) | ("size", text) | ("letter", text):
            return str(text)
        case ("affine", parts, constant):
            written = [letter if factor == 1 else f"{factor}*{letter}" for factor, letter in parts]
            return "+".join(written + ([str(constant)] if constant or not parts else [])).replace("+-", "-")
        case ("element", name, indices):
            return f"{name}[{','.join(map(write, indices))}]" if indices else name
        case ("inverse", name, indices):
            return f"Inv({name})[{','.join(map(write, indices))}]"
        case (("Sum" | "Max") as binder, body, letters):
            return f"{binder}({write(body)}, {', '.join(letters)})"
        case ("operation", sign, a, b):
            return f"({write(a)} {sign} {write(b)})"
        case ("relation", sign, a, b):
            return f"{write(a)} {sign} {write(b)}"
        case ("and" | "or" as word, a, b):
            return f"({write(a)} {word} {write(b)})"
        case ("not", a):
            return f"not ({write(a)})"
        case ("power", a, exponent):
            return f"({write(a)})**{exponent}"
        case ("minus", a):
            return f"(-{write(a)})"
        case (name, *arguments):
            return f"{name}({', '.join(map(write, arguments))})"
    raise TypeError(e)


# -- torch


@dataclass
class Scope:
    """The letters in scope, each with its position among the axes of every value."""

    tensors: dict[str, torch.Tensor]
    sizes: dict[str, int]
    shape: tuple[int, ...] = ()
    position: dict[str, int] = field(default_factory=dict)

    def bind(self, letters: Sequence[str]) -> Scope:
        """The scope with further axes for the letters, which hide letters of the same name."""
        shape, position = list(self.shape), dict(self.position)
        for letter in letters:
            position[letter] = len(shape)
            shape.append(self.sizes[AXIS[letter]])
        return Scope(self.tensors, self.sizes, tuple(shape), position)

    def letter(self, letter: str) -> torch.Tensor:
        """0, 1, ... along the letter's axis."""
        shape = [1] * len(self.shape)
        shape[self.position[letter]] = -1
        return torch.arange(self.shape[self.position[letter]]).reshape(shape)


def place(e: Term, scope: Scope) -> torch.Tensor:
    """An index expression as integers."""
    if e[0] == "affine":
        start = torch.full([1] * len(scope.shape), e[2])
        return sum((factor * scope.letter(letter) for factor, letter in e[1]), start)
    return torch_value(e, scope).long()


def torch_value(e: Term, scope: Scope) -> torch.Tensor:
    """The term over all letters in scope (an axis on which it does not depend may have length 1)."""
    match e:
        case ("number", text):
            return torch.tensor(float(text), dtype=torch.float64).reshape([1] * len(scope.shape))
        case ("size", name):
            return torch.full([1] * len(scope.shape), scope.sizes[name[1:]], dtype=torch.float64)
        case ("letter", name):
            return scope.letter(name).double()
        case ("element", name, indices):
            values = scope.tensors[name]
            if not indices:
                return values.reshape([1] * len(scope.shape))
            places = torch.broadcast_tensors(*(place(i, scope) for i in indices))
            inside = torch.ones_like(places[0], dtype=torch.bool)
            for at, length in zip(places, values.shape, strict=True):
                inside = inside & (at >= 0) & (at < length)
            clamped = tuple(at.clamp(0, length - 1) for at, length in zip(places, values.shape, strict=True))
            return torch.where(inside, values[clamped], torch.zeros((), dtype=values.dtype))
        case ("inverse", name, indices):
            inverse = replace(scope, tensors={**scope.tensors, name: torch.linalg.inv(scope.tensors[name])})
            return torch_value(("element", name, indices), inverse)
        case ("Det" | "LogDet" as which, ("element", name, _)):
            value = torch.linalg.det(scope.tensors[name])
            value = value if which == "Det" else value.abs().log()
            return value.reshape([1] * len(scope.shape))
        case ("Sum" | "Max" as which, body, letters):
            inner = scope.bind(letters)
            value = torch_value(body, inner).expand(inner.shape)
            axes = tuple(range(len(scope.shape), len(inner.shape)))
            return value.sum(axes) if which == "Sum" else value.amax(axes)
        case ("operation", sign, a, b):
            left, right = torch_value(a, scope), torch_value(b, scope)
            return {"+": left.add, "-": left.sub, "*": left.mul, "/": left.div}[sign](right)
        case ("power", a, exponent):
            return torch_value(a, scope) ** exponent
        case ("minus", a):
            return -torch_value(a, scope)
        case ("relation", sign, a, b):
            return RELATIONS[sign](torch_value(a, scope), torch_value(b, scope))
        case ("and", a, b):
            return torch_value(a, scope) & torch_value(b, scope)
        case ("or", a, b):
            return torch_value(a, scope) | torch_value(b, scope)
        case ("not", a):
            return ~torch_value(a, scope)
        case ("max" | "min" as which, a, b):
            function = torch.maximum if which == "max" else torch.minimum
            return function(*torch.broadcast_tensors(torch_value(a, scope), torch_value(b, scope)))
        case ("where", condition, a, b):
            return torch.where(torch_value(condition, scope), torch_value(a, scope), torch_value(b, scope))
        case ("delta", a, b):
            return (place(a, scope) == place(b, scope)).double()
        case (name, a):
            return FUNCTIONS[name](torch_value(a, scope))
    raise TypeError(e)


# -- the definition


def words(text: str) -> set[str]:
    """The names that a text is written with: derive takes sizes and ranges of no others."""
    return set(re.findall(r"[A-Za-z_]\w*", text))


@dataclass(frozen=True)
class RandomDefinition:
    """Assignments (name, letters, term) with declared tensors, and sizes at which both readings are evaluated."""

    assignments: tuple[tuple[str, tuple[str, ...], Term], ...]
    outputs: tuple[str, ...]
    sizes: dict[str, int]

    @property
    def text(self) -> str:
        """The definition in the text grammar."""
        return "; ".join(
            f"{name}[{','.join(letters)}] = {write(e)}" if letters else f"{name} = {write(e)}"
            for name, letters, e in self.assignments
        )

    def derived(self) -> Gradients:
        """The gradients, sizes as names; as numbers where no tensor and no gradient of an output would fix a name."""
        named = derive(self.text, **self.options())
        definition = named.definition
        known = {s for t in (*definition.inputs, *definition.outputs) for s in t.sizes}
        used = {s for t in definition.tensors.values() for s in t.sizes}
        for assignment in definition.assignments:
            used |= {i.size for i in assignment.right.atoms(Index)} | assignment.right.atoms(Size)
        if used <= known:
            return named
        numbered = re.sub(r"\bn([ABC])\b", lambda match: str(self.sizes[match[1]]), self.text)
        return derive(numbered, **self.options(fixed=True))

    def options(self, *, fixed: bool = False) -> dict[str, Any]:
        """What derive needs beside the text: sizes of axes (names or numbers), ranges of letters, outputs."""
        size = {a: str(self.sizes[a]) if fixed else f"n{a}" for a in "ABC"}
        tensors = {**TENSORS, **{name: axis for name, (axis, _) in INTEGER.items()}}
        return {
            "tensors": " ".join(
                n + (f"[{','.join(size[a] for a in axes)}]" if axes else "")
                for n, axes in tensors.items()
                if {n, *(size[a] for a in axes)} & words(self.text)
            ),
            "ranges": {letter: size[axis] for letter, axis in AXIS.items() if letter in words(self.text)},
            "outputs": list(self.outputs),
        }

    def __str__(self) -> str:
        """The call that derives it."""
        return f"derive({self.text!r}, outputs={self.outputs}) at {self.sizes}"

    __repr__ = __str__

    def tensors(self, seed: int = 1) -> dict[str, torch.Tensor]:
        """Random values for every tensor; integers may point outside, square matrices are well conditioned."""
        random = torch.Generator().manual_seed(seed)
        found = {}
        for name, axes in TENSORS.items():
            shape = [self.sizes[a] for a in axes]
            found[name] = 1.5 * torch.randn(shape, generator=random, dtype=torch.float64)
            if name == "S":
                found[name] = torch.eye(shape[0], dtype=torch.float64) * 3 + 0.3 * found[name]
        for name, (axis, values) in INTEGER.items():
            found[name] = torch.randint(-1, self.sizes[values] + 1, (self.sizes[axis],), generator=random)
        return found

    def forward(self, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The values of all assigned tensors, by torch."""
        values = dict(tensors)
        for name, letters, e in self.assignments:
            scope = Scope(values, self.sizes).bind(letters)
            values[name] = torch_value(e, scope).expand(scope.shape)
        return {name: values[name] for name, _, _ in self.assignments}

    def upstream(self, seed: int = 2) -> dict[str, torch.Tensor]:
        """A random gradient for every output."""
        random = torch.Generator().manual_seed(seed)
        letters = {name: own for name, own, _ in self.assignments}
        return {
            name: torch.randn([self.sizes[AXIS[a]] for a in letters[name]], generator=random, dtype=torch.float64)
            for name in self.outputs
        }

    def gradients(self, tensors: dict[str, torch.Tensor], upstream: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The witness: torch.autograd of sum(upstream * outputs) with respect to every real tensor."""
        leaves = {n: v.clone().requires_grad_(v.is_floating_point()) for n, v in tensors.items()}
        values = self.forward(leaves)
        objective = sum(((upstream[n] * values[n]).sum() for n in self.outputs), torch.zeros((), dtype=torch.float64))
        real = {n: v for n, v in leaves.items() if v.requires_grad}
        found = (
            torch.autograd.grad(objective, list(real.values()), allow_unused=True)
            if objective.requires_grad
            else [None] * len(real)
        )
        return {n: torch.zeros_like(v) if g is None else g for (n, v), g in zip(real.items(), found, strict=True)}


class Author:
    """Writes random definitions; `pick(options)` is the only source of chance (hypothesis or random.Random)."""

    def __init__(self, pick: Callable[[Sequence[Any]], Any]) -> None:
        self.pick = pick
        self.known: dict[str, str] = dict(TENSORS)

    def definition(self) -> RandomDefinition:
        """One to three assignments; the last is an output, others may be; results are used further on."""
        assignments = []
        names = ["a", "o", "u"][: self.pick([1, 1, 2, 3])]
        for name in names:
            letters = self.pick([(), ("i",), ("k",), ("i", "k"), ("k", "i"), ("i", "j"), ("i", "k", "m")])
            assignments.append((name, letters, self.term(list(letters), self.pick([1, 2, 3]))))
            self.known[name] = "".join(AXIS[a] for a in letters)
        outputs = (*(n for n in names[:-1] if self.pick([False, True])), names[-1])
        return RandomDefinition(tuple(assignments), outputs, self.pick(SIZES))

    def term(self, scope: list[str], depth: int) -> Term:
        """A term over the letters in scope."""
        if depth == 0:
            return self.leaf(scope)
        kind = self.pick(
            [
                "leaf",
                "+",
                "-",
                "*",
                "*",
                "Sum",
                "Sum",
                "Sum",
                "Max",
                "function",
                "quotient",
                "where",
                "max",
                "power",
                "minus",
                "wide",
            ]
        )
        if kind in "+-*":
            return ("operation", kind, self.term(scope, depth - 1), self.term(scope, depth - 1))
        if kind in ("Sum", "Max"):
            letters = self.pick(["i", "k", "m", "j", "l", "ik", "ij", "km", "kl"])
            if kind == "Max":
                letters = letters[:1]
            inside = [a for a in scope if a not in letters] + list(letters)
            body = self.term(inside, depth - 1)
            if kind == "Sum" and self.pick([True, True, False]):  # typical: a product that contains the bound letters
                body = ("operation", "*", self.element([*inside, *letters]), body)
            return (kind, body, tuple(letters))
        if kind == "function":
            return self.function(scope, depth)
        if kind == "quotient":
            below = ("operation", "+", ("number", "1"), ("power", self.term(scope, depth - 1), 2))
            return ("operation", "/", self.term(scope, depth - 1), below)
        if kind == "where":
            return ("where", self.condition(scope, depth), self.term(scope, depth - 1), self.term(scope, depth - 1))
        if kind == "max":
            other = self.pick([("number", "0"), ("number", "0.5"), self.term(scope, depth - 1)])
            return (self.pick(["max", "min"]), self.term(scope, depth - 1), other)
        if kind == "power":
            return ("power", self.term(scope, depth - 1), self.pick([2, 3]))
        if kind == "minus":
            return ("minus", self.term(scope, depth - 1))
        if kind == "wide":
            return self.pick(
                [
                    ("size", self.pick(["nA", "nB", "nC"])),
                    ("LogDet", ("element", "S", ())),
                    ("Det", ("element", "S", ())),
                    self.leaf(scope),
                ]
            )
        return self.leaf(scope)

    def function(self, scope: list[str], depth: int) -> Term:
        name = self.pick(list(FUNCTIONS))
        inner = self.term(scope, depth - 1)
        if name in ("log", "sqrt"):
            inner = ("operation", "+", ("number", "1"), ("power", inner, 2))
        return (name, inner)

    def condition(self, scope: list[str], depth: int) -> Term:
        kind = self.pick(["value", "value", "index", "and", "or", "not"])
        if kind == "index" and len(scope) > 1:
            return ("relation", self.pick(list(RELATIONS)), ("letter", self.pick(scope)), ("letter", self.pick(scope)))
        if kind in ("and", "or") and depth > 1:
            return (kind, self.condition(scope, depth - 1), self.condition(scope, depth - 1))
        if kind == "not" and depth > 1:
            return ("not", self.condition(scope, depth - 1))
        return (
            "relation",
            self.pick([">", "<", ">=", "<="]),
            self.term(scope, 0),
            self.pick([("number", "0"), self.term(scope, 0)]),
        )

    def leaf(self, scope: list[str]) -> Term:
        """An element, a number, a delta, an index as a value."""
        kind = self.pick(["element"] * 8 + ["number", "delta", "letter", "inverse", "scalar"])
        if kind == "number":
            return ("number", self.pick(["2", "0.5", "3", "1"]))
        if kind == "delta" and scope:
            return ("delta", self.index(scope, None), self.index(scope, None))
        if kind == "letter" and scope:
            return ("letter", self.pick(scope))
        if kind == "inverse" and [a for a in scope if AXIS[a] == "A"]:
            return ("inverse", "S", (self.index(scope, "A"), self.index(scope, "A")))
        if kind == "scalar":
            return ("element", self.pick(["c", "lambda"]), ())
        return self.element(scope)

    def element(self, scope: list[str]) -> Term:
        name = self.pick(list(self.known))
        return ("element", name, tuple(self.index(scope, axis) for axis in self.known[name]))

    def index(self, scope: list[str], axis: str | None) -> Term:
        """An index: mostly a bare letter of the axis, else affine, a constant, or integer-valued."""
        bare = [a for a in scope if axis in (None, AXIS[a])]
        kind = self.pick(["bare"] * 8 + ["affine", "affine", "integer", "constant"])
        if kind == "bare" and bare:
            return ("affine", ((1, self.pick(bare)),), 0)
        if kind == "integer" and axis in ("A", "B"):
            own, name = ("A", "t") if axis == "B" else ("C", "s")
            inner = [a for a in scope if AXIS[a] == own]
            if inner:
                return ("element", name, (("affine", ((1, self.pick(inner)),), 0),))
        if kind == "affine" and scope:
            parts = tuple(
                (self.pick([1, 1, -1, 2, 3]), a)
                for a in dict.fromkeys(self.pick(scope) for _ in range(self.pick([1, 2])))
            )
            constant = self.pick([0, 0, -1, 1])
            if len(parts) == 1 and parts[0][0] == 1 and AXIS[parts[0][1]] != axis:
                constant = constant or 1  # a bare letter would say that the axis is its own
            return ("affine", parts, constant)
        return ("affine", (), self.pick([0, 0, 1]))
