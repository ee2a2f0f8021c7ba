"""The graph of tensor operations as Python source: one line for every value that is used twice or is worth a name.

Elementwise operations that are used once are written where they are used.  Every line ends in the value's shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from scratchgrad.codegen.dag import Node
from scratchgrad.codegen.numbers import Binding, number_text, shape_comment
from scratchgrad.codegen.windows import surely_nonnegative
from scratchgrad.notation.functions import TABLE
from scratchgrad.notation.indices import Size

__all__ = ["Body"]

_COMPARE, _SUM, _MATMUL, _PRODUCT, _SIGN, _POWER, _ATOM = Binding
_BINARY = {"add": ("+", _SUM), "sub": ("-", _SUM), "mul": ("*", _PRODUCT), "div": ("/", _PRODUCT)}
_COMPARISONS = (">", ">=", "<", "<=", "==", "!=")
_METHODS = ("rsqrt", "square")
_VIEWS = ("permute", "expand", "diagonal", "input", "window", "arrange", "apart")


class Body:
    """The lines of one function."""

    def __init__(self, given: Mapping[Node, str], results: Mapping[Node, str]) -> None:
        """`given` maps nodes that are there already to their names, `results` the nodes to be computed to theirs."""
        self.names: dict[Node, str] = dict(given)
        self.results = dict(results)
        self.lines: list[str] = []
        self.sizes: set[sp.Expr] = set()
        self.uses: dict[Node, int] = {}
        self.dtype_of = next((n for node, n in given.items() if node.op == "input" and not node.data[1]), "x")
        for node in results:
            self._count(node)
        self.temporary = 0
        for node, name in self.results.items():
            self._assign(node, name)

    def _count(self, node: Node) -> None:
        self.uses[node] = self.uses.get(node, 0) + 1
        if self.uses[node] == 1 and node not in self.names:
            for arg in node.args:
                self._count(arg)

    def _assign(self, node: Node, name: str) -> None:
        if self.names.get(node) == name:
            return
        places = next((n for n in self.results if n.op == "max_pool_places" and n.args[0] is node), None)
        if places is not None and places not in self.names:  # both come out of one call
            self.names[places] = self.results[places]
            self._line(f"{name}, {self.results[places]}", f"{self.code(node)[0][:-1]}, return_indices=True)", node)
            self.names[node] = name
            return
        filled = node.op == "expand" and node.args[0].op == "number"
        fresh = (filled or node.op not in _VIEWS) and node not in self.names
        code = self.code(node)[0] if node not in self.names else self.names[node]
        self._line(name, code if fresh else f"{self._atom(code)}.clone()", node)
        self.names.setdefault(node, name)

    def _line(self, name: str, code: str, node: Node) -> None:
        left = f"{name} = {code}"
        self.lines.append(f"{left}  # {shape_comment(node.sizes)}" if node.sizes else left)

    @staticmethod
    def _atom(code: str) -> str:
        return (
            code if code.replace("_", "").isalnum() or (code.endswith((")", "]")) and " " not in code) else f"({code})"
        )

    def value(self, node: Node, at_least: int = _COMPARE) -> str:
        """Code for the node: its name, or its expression where it is used once and elementwise."""
        if node in self.names:
            return self.names[node]
        if node.op == "number":
            text, level = self._number(node.data[0])
            return text if level >= at_least else f"({text})"
        named = self.results.get(node)
        if named is not None:
            self._assign(node, named)
            return named
        if self.uses.get(node, 1) > 1 and node.op not in ("permute",):
            self.temporary += 1
            name = f"t{self.temporary}"
            self._line(name, self.code(node)[0], node)
            self.names[node] = name
            return name
        text, level = self.code(node)
        return text if level >= at_least else f"({text})"

    def _number(self, value: sp.Expr) -> tuple[str, int]:
        self.sizes |= value.atoms(Size)
        return number_text(value)

    def aligned(self, node: Node, places: tuple[int, ...], rank: int, at_least: int) -> str:
        """The operand of an elementwise operation, its dimensions moved to their places."""
        if not places:
            return self.value(node, at_least)
        order = sorted(range(len(places)), key=lambda k: places[k])
        moved = [places[k] for k in order]
        full = list(range(moved[0], rank))
        if order == list(range(len(order))) and moved == full:
            return self.value(node, at_least)
        code = self.value(node, _ATOM)
        if order != list(range(len(order))):
            code += self._permutation(tuple(order))
        if moved != full:
            code += "[" + ", ".join(":" if p in moved else "None" for p in full) + "]"
        return code

    @staticmethod
    def _permutation(order: tuple[int, ...]) -> str:
        return ".T" if order == (1, 0) else f".permute({', '.join(map(str, order))})"

    def code(self, node: Node) -> tuple[str, int]:
        """The operation of the node as an expression, and how tightly it binds."""
        if node.op == "number":  # a result that is a constant
            return f"{self.dtype_of}.new_full((), {self._number(node.data[0])[0]})", _ATOM
        special: Callable[[Node], tuple[str, int]] | None = getattr(self, f"_{node.op}", None)
        if special is not None and node.op not in TABLE:
            return special(node)
        if node.op in ("softmax", "log_softmax"):
            return f"torch.{node.op}({self.value(node.args[0])}, {node.data[0][0]})", _ATOM
        if node.op in ("sum", "amax", "logsumexp"):
            return self._reduction(node)
        return self._pointwise(node)

    def _pointwise(self, node: Node) -> tuple[str, int]:
        places = node.data[0]
        args = list(zip(node.args, places, strict=True))

        def operand(k: int, at_least: int) -> str:
            return self.aligned(*args[k], node.rank, at_least)

        op = node.op
        if op == "add" and (fused := self._addmm(node) or self._biased(node)) is not None:
            return fused, _ATOM
        if op in ("add", "sub") and (fused := self._addcmul(node)) is not None:
            return fused, _ATOM
        if op in _BINARY:
            sign, level = _BINARY[op]
            return f"{operand(0, level)} {sign} {operand(1, level + (op in ('sub', 'div')))}", level
        if op in _COMPARISONS:
            compared = f"{operand(0, _SUM)} {op} {operand(1, _SUM)}"
            if all(arg.op == "number" for arg in node.args):  # of sizes: Python's own truth value
                return f"torch.tensor({compared}, device={self.dtype_of}.device)", _ATOM
            return compared, _COMPARE
        if op in ("and", "or"):
            return f"{operand(0, _ATOM)} {'&' if op == 'and' else '|'} {operand(1, _ATOM)}", _COMPARE
        simple: dict[str, tuple[str, int]] = {
            "neg": (f"-{operand(0, _SIGN)}", _SIGN),
            "not": (f"~{operand(0, _ATOM)}", _SIGN),
            "reciprocal": (f"1 / {operand(0, _SIGN)}", _PRODUCT),
        }
        if op in simple:
            return simple[op]
        if op in TABLE:
            return self._function(node, operand), _ATOM
        return self._called(node, operand)

    def _called(self, node: Node, operand: Callable[[int, int], str]) -> tuple[str, int]:
        """An elementwise operation that is no operator of Python."""
        op = node.op
        if op == "logsigmoid":
            return f"torch.nn.functional.logsigmoid({operand(0, _COMPARE)})", _ATOM
        if op in _METHODS:
            return f"{operand(0, _ATOM)}.{op}()", _ATOM
        if op == "pow":
            return f"{operand(0, _ATOM)} ** {operand(1, _ATOM)}", _POWER
        if op == "threshold":
            bound = self._number(node.data[1])[0]
            given = f"{operand(0, _COMPARE)}, {operand(1, _COMPARE)}, {bound}"
            return f"torch.ops.aten.threshold_backward({given})", _ATOM
        if op in ("mask", "where"):
            first, *rest = [operand(k, _COMPARE) for k in range(1, len(node.args))] + ["0"] * (op == "mask")
            if all(arg.op == "number" for arg in node.args[1:]):  # else torch would choose a dtype for them
                first = f"{self.dtype_of}.new_tensor({first})"
            return f"torch.where({', '.join((operand(0, _COMPARE), first, *rest))})", _ATOM
        if op == "excluded":
            return f"torch.where({operand(0, _COMPARE)}, {operand(1, _COMPARE)}, -math.inf)", _ATOM
        if op in ("indicator", "real"):
            return f"{self._atom(operand(0, _COMPARE))}.to({self.dtype_of}.dtype)", _ATOM
        if op == "inside":
            inner, size = operand(0, _ATOM), self._number(node.data[1])[0]
            return f"({inner} >= 0) & ({inner} < {size})", _COMPARE
        if op == "clamped":
            return f"{operand(0, _ATOM)}.clamp(0, {self._number(node.data[1] - 1)[0]})", _ATOM
        if op in ("maximum", "minimum"):
            return self._extremum(node, operand)
        raise NotImplementedError(op)

    def _function(self, node: Node, operand: Callable[[int, int], str]) -> str:
        """A function of the table, as torch's; torch takes a number only where it is an order."""
        template = TABLE[node.op].torch
        level = _ATOM if template.startswith("{0}.") else _COMPARE
        given = [self._number(order)[0] for order in node.data[1:]]
        for k, arg in enumerate(node.args):
            code = operand(k, level)
            given.append(f"{self.dtype_of}.new_tensor({code})" if arg.op == "number" else code)
        return template.format(*given)

    def _addmm(self, node: Node) -> str | None:
        """A bias added to the columns of a matrix product, as one call."""
        for product, bias, at in (
            (*node.args, node.data[0][1]),
            (*node.args[::-1], node.data[0][0]),
        ):
            inner = product.op == "contract" and product.rank == node.rank == 2 and self.uses.get(product, 1) == 1
            if inner and bias.rank == 1 and at == (1,) and product not in self.names:
                code, _ = self._contract(product)
                if " @ " in code and code.count(" @ ") == 1:
                    left, right = code.split(" @ ")
                    return f"torch.addmm({self.value(bias)}, {left}, {right})"
        return None

    def _addcmul(self, node: Node) -> str | None:
        """A product of two tensors added to a third (or taken away from it), in one pass over the memory."""
        whole = tuple(range(node.rank))
        for k in (1, 0) if node.op == "add" else (1,):
            product, other, number = node.args[k], node.args[1 - k], sp.Integer(1)
            if node.data[0][k] != whole or product.op != "mul" or not self._is_own(product):
                continue
            factors, times = product.args, product.args[1]
            if times.op == "number" and not times.data[0].atoms(Size) and product.data[0][0] == whole:
                product, number = factors[0], times.data[0]
            if product.op != "mul" or not self._is_own(product) or product.rank != node.rank:
                continue
            if any(n.op == "number" or self._is_place(n) for n in (*product.args, other)):
                continue
            inner = [
                self.aligned(a, at, node.rank, _COMPARE) for a, at in zip(product.args, product.data[0], strict=True)
            ]
            first = self.aligned(other, node.data[0][1 - k], node.rank, _COMPARE)
            value = number if node.op == "add" else -number
            times_value = "" if value == 1 else f", value={self._number(value)[0]}"
            return f"torch.addcmul({first}, {inner[0]}, {inner[1]}{times_value})"
        return None

    def _is_own(self, node: Node) -> bool:
        """Whether the node is used here only, and has no name."""
        return self.uses.get(node, 1) == 1 and node not in self.names and node not in self.results

    @staticmethod
    def _is_place(node: Node) -> bool:
        """Whether the node holds integers: places, which addcmul does not take."""
        return node.op in ("arange", "clamped") or (node.op == "input" and bool(node.data[1]))

    def _biased(self, node: Node) -> str | None:
        """A bias added to the channels of a convolution, as one call."""
        for k in (0, 1):
            made, bias = node.args[k], node.args[1 - k]
            own = made.op == "convolution" and self.uses.get(made, 1) == 1 and made not in self.names
            if own and made.rank == node.rank and bias.rank == 1 and node.data[0][1 - k] == (1,):
                return self._convolved(made, self.value(bias))
        return None

    def _extremum(self, node: Node, operand: Callable[[int, int], str]) -> tuple[str, int]:
        if all(arg.op == "number" for arg in node.args):
            chosen = "max" if node.op == "maximum" else "min"
            return f"{self.dtype_of}.new_tensor({chosen}({operand(0, _COMPARE)}, {operand(1, _COMPARE)}))", _ATOM
        for k, other in ((0, 1), (1, 0)):
            if node.args[k].op == "number":
                bound = "min" if node.op == "maximum" else "max"
                return f"{operand(other, _ATOM)}.clamp({bound}={operand(k, _COMPARE)})", _ATOM
        return f"torch.{node.op}({operand(0, _COMPARE)}, {operand(1, _COMPARE)})", _ATOM

    def _reduction(self, node: Node) -> tuple[str, int]:
        dims = node.data[0]
        inner = self.value(node.args[0], _ATOM)
        whole = len(dims) == node.args[0].rank and node.op == "sum"
        return f"{inner}.{node.op}({'' if whole else str(dims[0]) if len(dims) == 1 else str(dims)})", _ATOM

    def _permute(self, node: Node) -> tuple[str, int]:
        return self.value(node.args[0], _ATOM) + self._permutation(node.data[0]), _ATOM

    def _expand(self, node: Node) -> tuple[str, int]:
        where = node.data[0]
        inner = node.args[0]
        shape = ", ".join(self._number(s)[0] for s in node.sizes)
        if inner.op == "number":
            shape += "," * (node.rank == 1)
            if inner.data == (0,):
                return f"{self.dtype_of}.new_zeros(({shape}))", _ATOM
            return f"{self.dtype_of}.new_full(({shape}), {self.value(inner)})", _ATOM
        code = self.aligned(inner, where, node.rank, _ATOM)
        return f"{self._atom(code)}.expand({shape})", _ATOM

    def _diagonal(self, node: Node) -> tuple[str, int]:
        dims = "" if node.data == (0, 1) else ", ".join(map(str, (0, *node.data)))
        return f"{self.value(node.args[0], _ATOM)}.diagonal({dims})", _ATOM

    def _select(self, node: Node) -> tuple[str, int]:
        """One place of a dimension; the sum of the slice, which is empty and so 0, where it may be out of range."""
        k, place, sure = node.data
        code, before = self.value(node.args[0], _ATOM), ":, " * k
        at = self._number(place)[0]
        if not sure:
            at = f"{at}:{self._number(place + 1)[0]}"
        return f"{code}[{before}{at}]{'' if sure else f'.sum({k})'}", _ATOM

    def _inv(self, node: Node) -> tuple[str, int]:
        return f"torch.linalg.inv({self.value(node.args[0])})", _ATOM

    def _det(self, node: Node) -> tuple[str, int]:
        return f"torch.linalg.det({self.value(node.args[0])})", _ATOM

    def _logdet(self, node: Node) -> tuple[str, int]:
        return f"torch.linalg.slogdet({self.value(node.args[0])})[1]", _ATOM

    def _index(self, node: Node) -> tuple[str, int]:
        aligned, rank = node.data
        places = dict(aligned)
        codes = []
        rest = iter(node.args[1:])
        for k in range(node.args[0].rank):
            codes.append(self.aligned(next(rest), places[k], rank, _COMPARE) if k in places else ":")
        while codes[-1] == ":":
            codes.pop()
        return f"{self.value(node.args[0], _ATOM)}[{', '.join(codes)}]", _ATOM

    def _arange(self, node: Node) -> tuple[str, int]:
        return f"torch.arange({self._number(node.data[0])[0]}, device={self.dtype_of}.device)", _ATOM

    def _scatter(self, node: Node) -> tuple[str, int]:
        where, values = node.args
        shape = ", ".join(self._number(s)[0] for s in node.sizes)
        flat = f".flatten(0, {where.rank - 1})" if where.rank > 1 else ""
        picked = f"{self.value(where, _ATOM)}{'.flatten()' if where.rank > 1 else ''}"
        rows = self.value(values, _ATOM)
        return f"{self.dtype_of}.new_zeros({shape}).index_add(0, {picked}, {rows}{flat})", _ATOM

    def _placed(self, node: Node) -> tuple[str, int]:
        where, values = node.args
        shape = ", ".join(self._number(s)[0] for s in node.sizes)
        places, given = self.value(where, _ATOM), self.value(values, _ATOM)
        return (
            f"{self.dtype_of}.new_zeros(({shape})).scatter({where.rank}, {places}[..., None], {given}[..., None])",
            _ATOM,
        )

    def _contract(self, node: Node) -> tuple[str, int]:
        a, b = node.args
        first, second, out = node.data[0]
        inner = [i for i in first if i in second and i not in out]
        batch = [i for i in first if i in second and i in out]
        if not batch and len(inner) == 1 and len(first) <= 2 and len(second) <= 2:  # matrices and vectors
            left = self.value(a, _ATOM) + (".T" if len(first) == 2 and first[0] == inner[0] else "")
            right = self.value(b, _ATOM) + (".T" if len(second) == 2 and second[1] == inner[0] else "")
            return f"{left} @ {right}", _MATMUL
        if not batch and len(inner) == 1 and first[-1] == inner[0] and len(second) == 2:  # a matrix on the right
            right = self.value(b, _ATOM) + (".T" if second[1] == inner[0] else "")
            return f"{self.value(a, _ATOM)} @ {right}", _MATMUL
        if not batch and len(inner) > 1 and first[:-1] == second[:-1] == tuple(inner):
            last = len(inner) - 1
            return f"{self.value(a, _ATOM)}.flatten(0, {last}).T @ {self.value(b, _ATOM)}.flatten(0, {last})", _MATMUL
        lead = len(batch)
        if (
            batch
            and len(inner) == 1
            and len(first) == len(second) == lead + 2
            and list(first[:lead]) == list(second[:lead]) == batch
        ):
            left = self.value(a, _ATOM) + (".mT" if first[lead] == inner[0] else "")
            right = self.value(b, _ATOM) + (".mT" if second[-1] == inner[0] else "")
            return f"{left} @ {right}", _MATMUL
        letters = "abcdefghijklmnopqrstuvwxyz"
        spec = (
            ",".join("".join(letters[i] for i in part) for part in (first, second))
            + "->"
            + "".join(letters[i] for i in out)
        )
        return f'torch.einsum("{spec}", {self.value(a)}, {self.value(b)})', _ATOM

    def _input(self, node: Node) -> tuple[str, int]:
        return str(node.data[0]), _ATOM

    def _window(self, node: Node) -> tuple[str, int]:
        return self._moved(node), _ATOM

    def _moved(self, node: Node) -> str:
        """The code of a view at affine places: padded where places may lie outside, else cut; then strided."""
        (inner,), (spec,) = node.args, node.data
        code = self.value(inner, _ATOM)
        outside = {
            k: (-part[0], part[0] + part[1] - inner.sizes[k])
            for k, part in enumerate(spec)
            if part is not None and not _inside(part[0], part[1], inner.sizes[k])
        }
        if outside:
            amounts: list[str] = []
            for k in reversed(range(min(outside), inner.rank)):
                amounts += [self._number(sp.expand(a))[0] for a in outside.get(k, (sp.Integer(0), sp.Integer(0)))]
            code = f"torch.nn.functional.pad({self.value(inner)}, ({', '.join(amounts)}))"
        cuts = [
            ":" if part is None else self._cut(part, inner.sizes[k], padded=k in outside) for k, part in enumerate(spec)
        ]
        while cuts and cuts[-1] == ":":
            cuts.pop()
        code += f"[{', '.join(cuts)}]" if cuts else ""
        for k, part in enumerate(spec):
            if part is not None and len(part[2]) == 1 and part[2][0][0].is_negative:
                code += f".flip({k})"
        appended = inner.rank
        for k, part in enumerate(spec):
            if part is not None and len(part[2]) > 1:
                code += self._windows(part[2], k, appended)
                appended += len(part[2]) - 1
        return code

    def _cut(self, part: tuple[Any, ...], size: sp.Expr, *, padded: bool) -> str:
        first, extent, steps = part
        step = abs(steps[0][0]) if len(steps) == 1 else 1
        start = sp.Integer(0) if padded else first
        whole = padded or sp.expand(first + extent - size) == 0
        begin = "" if start == 0 else self._number(start)[0]
        end = "" if whole else self._number(sp.expand(first + extent))[0]
        return f"{begin}:{end}" + (f":{self._number(step)[0]}" if step != 1 else "")

    def _windows(self, steps: tuple[tuple[sp.Expr, sp.Expr], ...], at: int, appended: int) -> str:
        """One dimension into one for each step: the first stays where it is, the others come last."""
        code, where = "", at
        for k in range(len(steps) - 1):
            extent = sp.expand(1 + sum(s * (n - 1) for s, n in steps[k + 1 :]))
            code += f".unfold({where}, {self._number(extent)[0]}, {self._number(steps[k][0])[0]})"
            where = appended + k
        last = steps[-1][0]
        return code if last == 1 else f"{code}[..., ::{self._number(last)[0]}]"

    def _cat(self, node: Node) -> tuple[str, int]:
        return f"torch.cat(({', '.join(self.value(a) for a in node.args)}), {node.data[0]})", _ATOM

    def _arrange(self, node: Node) -> tuple[str, int]:
        order, lengths = node.data
        code = self.value(node.args[0], _ATOM)
        if order != tuple(range(len(order))):
            code += self._permutation(order)
        at = 0
        for length in lengths:
            if length == 0:
                code += f".unsqueeze({at})"
            elif length > 1:
                code += f".flatten({at}, {at + length - 1})"
            at += 1
        return code, _ATOM

    def _apart(self, node: Node) -> tuple[str, int]:
        code, at = self.value(node.args[0], _ATOM), 0
        for sizes in node.data[0]:
            if not sizes:
                code += f".squeeze({at})"
            elif len(sizes) > 1:
                code += f".unflatten({at}, ({', '.join(self._number(s)[0] for s in sizes)}))"
            at += len(sizes)
        return code, _ATOM

    def _convolution(self, node: Node) -> tuple[str, int]:
        return self._convolved(node), _ATOM

    def _convolved(self, node: Node, bias: str = "") -> str:
        kind, stride, padding, dilation, groups, *more = node.data
        a, b = (self.value(arg) for arg in node.args)
        rank = len(stride)
        options = "".join(
            f", {name}={_same(values)}"
            for name, values, default in (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1))
            if any(v != default for v in values)
        )
        options += "" if groups == 1 else f", groups={self._number(groups)[0]}"
        added = f", {bias}" if bias else ""
        if kind == "forward":
            return f"torch.nn.functional.conv{rank}d({a}, {b}{added}{options})"
        if kind == "weight":
            shape = ", ".join(self._number(s)[0] for s in more[0])
            return f"torch.nn.grad.conv{rank}d_weight({a}, ({shape}), {b}{options})"
        if any(m != 0 for m in more[0]):
            options += f", output_padding=({', '.join(self._number(m)[0] for m in more[0])}{',' * (rank == 1)})"
        return f"torch.nn.functional.conv_transpose{rank}d({a}, {b}{added}{options})"

    def _window_sums(self, node: Node) -> tuple[str, int]:
        size, stride, padding, divisor = node.data
        options = "" if stride == size else f", stride={_same(stride)}"
        options += f", padding={_same(padding)}" if any(padding) else ""
        options += "" if divisor == math.prod(size) else f", divisor_override={divisor}"
        return f"torch.nn.functional.avg_pool2d({self.value(node.args[0])}, {_same(size)}{options})", _ATOM

    def _max_pool(self, node: Node) -> tuple[str, int]:
        size, stride = node.data
        options = "" if stride == size else f", stride={_same(stride)}"
        return f"torch.nn.functional.max_pool2d({self.value(node.args[0])}, {_same(size)}{options})", _ATOM

    def _max_pool_places(self, node: Node) -> tuple[str, int]:
        pooled = self.code(node.args[0])[0]
        return f"{pooled[:-1]}, return_indices=True)[1]", _ATOM

    def _unpool(self, node: Node) -> tuple[str, int]:
        (given, places), (size, stride) = node.args, node.data
        shape = ", ".join(self._number(s)[0] for s in node.sizes)
        gradient = self.value(given, _ATOM)
        return (
            f"torch.ops.aten.max_pool2d_with_indices_backward({gradient}, {gradient}.new_empty(({shape})), "
            f"{list(size)}, {list(stride)}, [0, 0], [1, 1], False, {self.value(places)})"
        ), _ATOM

    def _spread(self, node: Node) -> tuple[str, int]:
        size, stride, padding, divisor = node.data
        given = self.value(node.args[0], _ATOM)
        shape = ", ".join(self._number(s)[0] for s in node.sizes)
        return (
            f"torch.ops.aten.avg_pool2d_backward({given}, {given}.new_empty(({shape})), "
            f"{list(size)}, {list(stride)}, {list(padding)}, False, True, {divisor})"
        ), _ATOM

    def _fold(self, node: Node) -> tuple[str, int]:
        """Values of windows added up where the windows lie: [a, b, p, q, k, l] to [a, b, h, w]."""
        (inner,), (stride, padding, dilation) = node.args, node.data
        rank = len(stride)
        size = self._number
        offsets = inner.sizes[2 + rank :]
        code = self.value(inner, _ATOM)
        lead = ", ".join(size(s)[0] for s in node.sizes[:2])
        image = [size(s)[0] for s in node.sizes[2:]]
        kernel = [size(s)[0] for s in offsets]
        if rank == 1:
            rows = f"{code}.permute(0, 1, 3, 2).flatten(1, 2)"
            options = f"dilation=(1, {dilation[0]}), padding=(0, {padding[0]}), stride=(1, {stride[0]})"
            given = f"(1, {image[0]}), (1, {kernel[0]}), {options}"
        else:
            rows = f"{code}.permute(0, 1, 4, 5, 2, 3).flatten(4).flatten(1, 3)"
            given = (
                f"({', '.join(image)}), ({', '.join(kernel)}), dilation={dilation}, padding={padding}, stride={stride}"
            )
        return f"torch.nn.functional.fold({rows}, {given}).reshape({lead}, {', '.join(image)})", _ATOM


def _same(values: tuple[Any, ...]) -> str:
    """One number where all are the same, as torch's functions take it."""
    return str(values[0]) if len(set(values)) == 1 else str(values)


def _inside(first: sp.Expr, extent: sp.Expr, size: sp.Expr) -> bool:
    """Whether the places from first on surely lie on an axis of this size."""
    return surely_nonnegative(first) and surely_nonnegative(size - first - extent)


def size_lines(sizes: set[sp.Expr], given: Mapping[Node, str]) -> list[str]:
    """Lines that read the sizes from the shapes of what is given; n_m from an axis of 2*n_m."""
    return [line for size in sorted(sizes, key=str) if (line := _size_line(size, given)) is not None]


def fixes(node: Node, size: sp.Expr) -> bool:
    """Whether the node's shape says what the size is."""
    return _size_line(size, {node: ""}) is not None


def _size_line(size: sp.Expr, given: Mapping[Node, str]) -> str | None:
    for node, name in given.items():
        if size in node.sizes:
            return f"{size} = {name}.shape[{node.sizes.index(size)}]"
    for node, name in given.items():
        for k, length in enumerate(node.sizes):
            factor = length / size
            if factor.is_Integer:
                return f"{size} = {name}.shape[{k}] // {factor}"
    return None
