"""Emission: the calls of a plan as C.

In   a Plan
Out  C source with the functions sg_bind(gemm) and sg_step(pointers, given...); the storages behind the pointers

Shapes and strides are numbers in the source.  Entrywise calls are one loop each, over one index where the tensors lie
alike; sums, softmax and dot products are loops of their own; products call BLAS.  A call that is not among these raises
Unsupported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

import torch

from scratchgrad.program.op import Op, Rate, Storage, View, contiguous_strides
from scratchgrad.program.planning import Plan

__all__ = ["Unsupported", "emit"]

_aten = torch.ops.aten
_TYPES = {torch.bool: "B8", torch.int64: "I64"}


class Unsupported(NotImplementedError):
    """A call that has no form in C here."""


# The value of one entry, from those of the arguments; R is the type of real numbers.
_ENTRYWISE: dict[str, Callable[..., str]] = {
    "add": lambda a, b, alpha="1": f"{a} + {b}" if alpha == "1" else f"{a} + (R){alpha} * {b}",
    "sub": lambda a, b, alpha="1": f"{a} - {b}" if alpha == "1" else f"{a} - (R){alpha} * {b}",
    "rsub": lambda a, b, alpha="1": f"{b} - {a}" if alpha == "1" else f"{b} - (R){alpha} * {a}",
    "mul": lambda a, b: f"{a} * {b}",
    "div": lambda a, b: f"{a} / {b}",
    "addcmul": lambda a, b, c, value="1": f"{a} + (R){value} * {b} * {c}",
    "addcdiv": lambda a, b, c, value="1": f"{a} + (R){value} * {b} / {c}",
    "lerp": lambda a, b, w: f"{a} + {w} * ({b} - {a})",
    "neg": lambda a: f"-{a}",
    "square": lambda a: f"{a} * {a}",
    "reciprocal": lambda a: f"1 / {a}",
    "rsqrt": lambda a: f"1 / SQRT({a})",
    "log1p": lambda a: f"LOG1P({a})",
    "sin": lambda a: f"SIN({a})",
    "cos": lambda a: f"COS({a})",
    "maximum": lambda a, b: f"{a} != {a} || {a} > {b} ? {a} : {b}",
    "minimum": lambda a, b: f"{a} != {a} || {a} < {b} ? {a} : {b}",
    "bitwise_not": lambda a: f"!{a}",
    "logical_not": lambda a: f"!{a}",
    "bitwise_and": lambda a, b: f"{a} & {b}",
    "logical_and": lambda a, b: f"{a} && {b}",
    "bitwise_or": lambda a, b: f"{a} | {b}",
    "logical_or": lambda a, b: f"{a} || {b}",
    "exp": lambda a: f"EXP({a})",
    "log": lambda a: f"LOG({a})",
    "sqrt": lambda a: f"SQRT({a})",
    "tanh": lambda a: f"TANH({a})",
    "erf": lambda a: f"ERF({a})",
    "expm1": lambda a: f"EXPM1({a})",
    "abs": lambda a: f"FABS({a})",
    "sigmoid": lambda a: f"1 / (1 + EXP(-{a}))",
    "sign": lambda a: f"({a} > 0) - ({a} < 0)",
    "relu": lambda a: f"{a} <= 0 ? 0 : {a}",  # what is not a number stays what it is
    "threshold_backward": lambda g, h, t: f"{h} <= {t} ? 0 : {g}",
    "where": lambda c, a, b: f"{c} ? {a} : {b}",
    "masked_fill": lambda a, mask, value: f"{mask} ? {value} : {a}",
    "gt": lambda a, b: f"{a} > {b}",
    "ge": lambda a, b: f"{a} >= {b}",
    "lt": lambda a, b: f"{a} < {b}",
    "le": lambda a, b: f"{a} <= {b}",
    "eq": lambda a, b: f"{a} == {b}",
    "ne": lambda a, b: f"{a} != {b}",
    "clone": lambda a: a,
    "_to_copy": lambda a: a,
    "copy_": lambda a, b: b,
    "fill_": lambda a, b: b,
    "add_": lambda a, b, alpha="1": f"{a} + (R){alpha} * {b}",
    "mul_": lambda a, b: f"{a} * {b}",
    "pow": lambda a, b: {"(R)2.0": f"{a} * {a}", "2": f"{a} * {a}"}.get(b, f"POW({a}, {b})"),
}


def emit(plan: Plan) -> tuple[str, list[Storage]]:
    """The source, and the storages to whose addresses the pointers are, after those of the arena and the rate.

    The library keeps nothing of its own: two programs of one content share it.
    """
    return _Emitter(plan).emitted()


class _Emitter:
    """The state of writing one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.given = {view.storage: f"g{k}" for k, view in enumerate(plan.given.values())}
        self.pointers: dict[Storage, str] = {}
        self.lines: list[str] = []

    def emitted(self) -> tuple[str, list[Storage]]:
        for k, op in enumerate(self.plan.ops):
            self.lines.append(f"    /* {k + 1}  {op.name}: {op.why} */".replace("*/ */", "*/"))
            self._one(op)
        real = next(iter(self.plan.flats.values())).dtype
        dtypes = [_TYPES.get(s.dtype, "R") for s in self.given]
        parameters = ", ".join(f"const {t} *{n}" for t, n in zip(dtypes, self.given.values(), strict=True))
        taken = "".join(
            f"    {_TYPES.get(s.dtype, 'R')} *{n} = c[{k + 2}];\n" for k, (s, n) in enumerate(self.pointers.items())
        )
        prelude = files("scratchgrad.program.native").joinpath("prelude.h").read_text(encoding="utf-8")
        source = (
            f"#define REAL {'float' if real == torch.float32 else 'double'}\n"
            f"#define IS_FLOAT {int(real == torch.float32)}\n{prelude}\n"
            "void sg_bind(void *gemm_) { GEMM = (gemm_t)gemm_; }\n\n"
            f"void sg_step(void **c{', ' + parameters if parameters else ''}) {{\n"
            f"    char *arena = c[0];\n    double lr = *(double *)c[1];\n{taken}" + "\n".join(self.lines) + "\n}\n"
        )
        return source, list(self.pointers)

    # Where things are

    def _pointer(self, storage: Storage) -> str:
        if storage in self.given:
            return self.given[storage]
        if storage.kind == "temporary":
            offset = self.plan.arena.offsets[self.plan.arena.owner(storage)]
            return f"(({_TYPES.get(storage.dtype, 'R')} *)(arena + {offset}))"
        return self.pointers.setdefault(storage, f"p{len(self.pointers)}")

    def _at(self, view: View) -> str:
        pointer = self._pointer(view.storage)
        return f"({pointer} + {view.offset})" if view.offset else pointer

    def _entry(self, view: View, index: Sequence[str], shape: tuple[int, ...]) -> str:
        """The entry of a view that is broadcast to a shape; entry i of all where the shape is ()."""
        if not shape:
            return f"{self._at(view)}[{'i' if view.numel != 1 else 0}]"
        missing = len(shape) - len(view.shape)
        terms = [
            f"{stride} * {i}" if stride != 1 else i
            for i, n, stride in zip(index[missing:], view.shape, view.strides, strict=True)
            if n != 1 and stride
        ]
        return f"{self._at(view)}[{' + '.join(terms) or '0'}]"

    def _number(self, value: Any) -> str:
        if isinstance(value, Rate):
            return f"(R)({value.constant!r} + {value.slope!r} * lr)" if value.slope else f"(R){value.constant!r}"
        if isinstance(value, bool):
            return str(int(value))
        if isinstance(value, float) and not math.isfinite(value):
            return "(R)NAN" if math.isnan(value) else f"(R){'-' if value < 0 else ''}INFINITY"
        return f"(R){float(value)!r}" if isinstance(value, float | int) else self._refuse(f"the argument {value!r}")

    def _refuse(self, what: str) -> str:
        raise Unsupported(what)

    # The calls

    def _one(self, op: Op) -> None:
        if not isinstance(op.function, torch._ops.OpOverload):
            raise Unsupported(f"{op.why}")
        writers: dict[Any, Callable[[Op], None]] = {
            _aten.mm.default: self._mm,
            _aten.addmm.default: self._addmm,
            _aten._addmm_activation.default: self._addmm,
            _aten.addmm_.default: self._addmm_,
            _aten.baddbmm_.default: self._baddbmm_,
            _aten.bmm.default: self._bmm,
            _aten.mean.dim: self._mean,
            _aten.amax.default: self._amax,
            _aten.index.Tensor: self._index,
            _aten.index_add.default: self._index_add,
            _aten.addmv_.default: self._addmv_,
            _aten.dot.default: self._dot,
            _aten.sum.dim_IntList: self._sum,
            _aten.sum.default: self._sum,
            _aten._softmax.default: self._softmax,
            _aten._log_softmax.default: self._softmax,
            _aten.log_sigmoid_forward.default: self._log_sigmoid,
        }
        writer = writers.get(op.function)
        if writer is not None:
            writer(op)
        elif op.name in _ENTRYWISE and op.outs[0].storage.dtype not in (torch.float16, torch.bfloat16):
            self._entrywise(op)
        else:
            raise Unsupported(f"{op.name} ({op.why})")

    def _entrywise(self, op: Op) -> None:
        out = op.outs[0]
        views = [a for a in op.args if isinstance(a, View)]
        args = op.args[:2] if op.name == "_to_copy" else op.args
        alpha = {k: self._alpha(op.kwargs[k]) for k in ("alpha", "value") if k in op.kwargs}

        def body(index: Sequence[str], shape: tuple[int, ...]) -> str:
            """Every entry is read whether it is needed or not: GCC 12.2 compiles `m <= 0 ? 0 : g[i]` wrongly."""
            read, found = [], []
            for k, a in enumerate(args):
                found.append(f"a{k}" if isinstance(a, View) else self._number(a))
                if isinstance(a, View):
                    read.append(f"{_TYPES.get(a.storage.dtype, 'R')} a{k} = {self._entry(a, index, shape)};")
            result = f"{self._entry(out, index, shape)} = {_ENTRYWISE[op.name](*found, **alpha)};"
            return f"{{ {' '.join(read)} {result} }}"

        self._over(out, views, body)

    def _alpha(self, value: Any) -> str:
        return "1" if value in (1, 1.0, Rate(1.0)) else self._number(value)

    def _over(self, out: View, views: list[View], body: Callable[[Sequence[str], tuple[int, ...]], str]) -> None:
        """The body for every entry of `out`; over one index where the others lie as it does, or are one number."""
        if all(v.numel == 1 or (v.shape == out.shape and v.strides == out.strides) for v in views) and _dense(out):
            self.lines += ["#pragma GCC ivdep", f"    for (long i = 0; i < {out.numel}; i++) {body(['i'], ())};"]
            return
        *outer, last = sorted(range(len(out.shape)), key=lambda k: -out.strides[k])
        index = [f"i{k}" for k in range(len(out.shape))]
        head = "".join(f"for (long i{k} = 0; i{k} < {out.shape[k]}; i{k}++) " for k in outer)
        self.lines += [
            f"    {head}{{",
            "#pragma GCC ivdep",
            f"    for (long i{last} = 0; i{last} < {out.shape[last]}; i{last}++) {body(index, out.shape)}; }}",
        ]

    def _mm(self, op: Op) -> None:
        self._product(op.outs[0], op.args[0], op.args[1], "1", "0")

    def _addmm(self, op: Op) -> None:
        """The product, then bias, and ReLU if it is that call, in one loop."""
        bias, a, b = op.args[:3]
        out = op.outs[0]
        if op.kwargs or len(op.args) > 3:
            raise Unsupported(f"addmm with factors ({op.why})")
        self._product(out, a, b, "1", "0")
        relu = op.function is _aten._addmm_activation.default

        def body(index: Sequence[str], shape: tuple[int, ...]) -> str:
            entry, added = self._entry(out, index, shape), self._entry(bias, index, shape)
            if relu:
                return f"{{ R u = {entry} + {added}; {entry} = u <= 0 ? 0 : u; }}"
            return f"{entry} += {added}"

        self._over(out, [bias], body)

    def _addmm_(self, op: Op) -> None:
        into, a, b = op.args
        self._product(into, a, b, self._number(op.kwargs.get("alpha", 1)), self._number(op.kwargs.get("beta", 1)))

    def _baddbmm_(self, op: Op) -> None:
        into, a, b = op.args
        alpha, beta = (self._number(op.kwargs.get(k, 1)) for k in ("alpha", "beta"))
        for k in range(into.shape[0]):
            parts = [View(v.storage, v.shape[1:], v.strides[1:], v.offset + k * v.strides[0]) for v in (into, a, b)]
            self._product(parts[0], parts[1], parts[2], alpha, beta)

    def _bmm(self, op: Op) -> None:
        a, b = op.args
        for k in range(op.outs[0].shape[0]):
            parts = [View(v.storage, v.shape[1:], v.strides[1:], v.offset + k * v.strides[0]) for v in (*op.outs, a, b)]
            self._product(parts[0], parts[1], parts[2], "1", "0")

    def _index(self, op: Op) -> None:
        """Rows of a table, at the places that one tensor of integers says."""
        table, places = op.args
        if len(places) != 1 or places[0] is None or places[0].storage.dtype != torch.int64:
            raise Unsupported(f"an index of several tensors ({op.why})")
        self._at_places(op.outs[0], places[0], table, places[0].shape, gather=True)

    def _index_add(self, op: Op) -> None:
        """A copy of the first tensor, to whose rows others are added."""
        start, dim, places, rows = op.args
        if dim != 0 or op.kwargs:
            raise Unsupported(f"index_add along another axis ({op.why})")
        out = op.outs[0]
        copied = Op(_aten.clone.default, (start,), outs=(out,))
        self._entrywise(copied)
        self._at_places(out, places, rows, places.shape, gather=False)

    def _at_places(self, out: View, places: View, other: View, shape: tuple[int, ...], *, gather: bool) -> None:
        rows = out if gather else other
        table = other if gather else out
        index = [f"i{k}" for k in range(len(rows.shape))]
        loops = "".join(f"for (long i{k} = 0; i{k} < {n}; i{k}++) " for k, n in enumerate(rows.shape))
        place = self._entry(places, index[: len(shape)], shape) if shape else f"{self._at(places)}[0]"
        inner = index[len(shape) :]
        entry = self._entry(table, ["place", *inner], table.shape)
        line = self._entry(rows, index, rows.shape) if rows.shape else f"{self._at(rows)}[0]"
        body = f"{line} = {entry};" if gather else f"{entry} += {line};"
        size = table.shape[0]
        self.lines.append(f"    {loops}{{ long place = {place}; if (place < 0) place += {size}; {body} }}")

    def _mean(self, op: Op) -> None:
        self._sum(replace(op, function=_aten.sum.dim_IntList))
        source, out = op.args[0], op.outs[0]
        count = source.numel // max(1, out.numel)

        def body(index: Sequence[str], shape: tuple[int, ...]) -> str:
            return f"{self._entry(out, index, shape)} /= {count}"

        self._over(out, [], body)

    def _amax(self, op: Op) -> None:
        source, out = op.args[0], op.outs[0]
        rank = len(source.shape)
        gone = {d % max(1, rank) for d in (op.args[1] if len(op.args) > 1 and op.args[1] else range(rank))}
        kept = [k for k in range(rank) if k not in gone]
        strides = [out.strides[k] for k in kept] if len(op.args) > 2 and op.args[2] else list(out.strides)
        target = " + ".join(f"{s} * i{k}" for k, s in zip(kept, strides, strict=True)) or "0"
        entry = self._entry(source, [f"i{k}" for k in range(rank)], source.shape)
        outer = "".join(f"for (long i{k} = 0; i{k} < {source.shape[k]}; i{k}++) " for k in kept)
        inner = "".join(f"for (long i{k} = 0; i{k} < {source.shape[k]}; i{k}++) " for k in sorted(gone))
        step = f"{{ R u = {entry}; m = u != u || u > m ? u : m; }}"
        self.lines.append(f"    {outer}{{ R m = -INFINITY; {inner}{step} {self._at(out)}[{target}] = m; }}")

    def _product(self, c: View, a: View, b: View, alpha: str, beta: str) -> None:
        """C <- beta c + alpha a b: BLAS counts by columns, so a matrix in rows is its transpose."""
        m, k = a.shape
        n = b.shape[1]
        if not m * n:
            return
        (ta, lda), (tb, ldb), (rows, ldc) = _layout(a), _layout(b), _layout(c)
        if rows is None or ta is None or tb is None:
            raise Unsupported("a product of matrices whose entries lie neither in rows nor in columns")
        pa, pb, pc = self._at(a), self._at(b), self._at(c)
        if rows:
            first = (f"'{'N' if tb else 'T'}'", f"'{'N' if ta else 'T'}'", n, m, k, alpha, pb, ldb, pa, lda)
        else:
            first = (f"'{'T' if ta else 'N'}'", f"'{'T' if tb else 'N'}'", m, n, k, alpha, pa, lda, pb, ldb)
        self.lines.append(f"    gemm({', '.join(map(str, first))}, {beta}, {pc}, {ldc});")

    def _addmv_(self, op: Op) -> None:
        """Y <- beta y + alpha A x, row by row, or all rows at once where A lies in columns."""
        y, A, x = op.args
        alpha, beta = (self._number(op.kwargs.get(k, 1)) for k in ("alpha", "beta"))
        n, m = A.shape
        ones = x.storage.value is not None and bool((x.storage.value == 1).all())
        times = "" if ones else f" * {self._at(x)}[{x.strides[0]} * j]"
        entry = f"{self._at(A)}[{A.strides[0]} * i + {A.strides[1]} * j]{times}"
        into = f"{self._at(y)}[{y.strides[0]} * i]"
        start = f"({beta} == 0 ? 0 : {beta} * {into})"
        if A.strides[0] == 1:
            self.lines += [
                f"    {{ R s[{n}]; memset(s, 0, sizeof s);",
                f"    for (long j = 0; j < {m}; j++) for (long i = 0; i < {n}; i++) s[i] += {entry};",
                f"    for (long i = 0; i < {n}; i++) {into} = {start} + {alpha} * s[i]; }}",
            ]
        else:
            self.lines += [
                f"    for (long i = 0; i < {n}; i++) {{ R s = 0;",
                "#pragma omp simd reduction(+ : s)",
                f"    for (long j = 0; j < {m}; j++) s += {entry};",
                f"    {into} = {start} + {alpha} * s; }}",
            ]

    def _dot(self, op: Op) -> None:
        a, b = op.args
        if a.strides != (1,) or b.strides != (1,):
            raise Unsupported(f"a dot product of vectors with gaps ({op.why})")
        self.lines.append(f"    *{self._at(op.outs[0])} = (R)dot({self._at(a)}, {self._at(b)}, {a.numel});")

    def _sum(self, op: Op) -> None:
        source, out = op.args[0], op.outs[0]
        if op.kwargs or out.storage.dtype != source.storage.dtype:
            raise Unsupported(f"a sum into another type ({op.why})")
        rank = len(source.shape)
        gone = {d % max(1, rank) for d in (op.args[1] if len(op.args) > 1 and op.args[1] else range(rank))}
        kept = [k for k in range(rank) if k not in gone]
        strides = list(out.strides)
        if len(op.args) > 2 and op.args[2]:
            strides = [out.strides[k] for k in kept]
        target = " + ".join(f"{s} * i{k}" for k, s in zip(kept, strides, strict=True)) or "0"
        entry = self._entry(source, [f"i{k}" for k in range(rank)], source.shape)
        outer = "".join(f"for (long i{k} = 0; i{k} < {source.shape[k]}; i{k}++) " for k in kept)
        loops = sorted(gone, key=lambda k: -source.strides[k])
        inner = "".join(f"for (long i{k} = 0; i{k} < {source.shape[k]}; i{k}++) " for k in loops)
        at = f"{self._at(out)}[{target}]"
        if kept and loops and source.strides[kept[-1]] == 1:  # add rows, so that the inner loop runs along memory
            self.lines += [f"    {outer}{at} = 0;", f"    {inner}{outer}{at} += {entry};"]
        else:
            self.lines.append(f"    {outer}{{ R s = 0; {inner}s += {entry}; {at} = s; }}")

    def _softmax(self, op: Op) -> None:
        """Every line minus its largest, exponentials, their sum; the lines side by side where they lie so."""
        v, dim = op.args[0], op.args[1] % max(1, len(op.args[0].shape))
        out = op.outs[0]
        if len(v.shape) != 2:
            self._rows(op, v, dim)
            return
        n, lines = v.shape[dim], v.shape[1 - dim]
        sv, lv, so, lo = v.strides[dim], v.strides[1 - dim], out.strides[dim], out.strides[1 - dim]
        x, o = f"{self._at(v)}[{sv} * j + {lv} * i]", f"{self._at(out)}[{so} * j + {lo} * i]"
        log = op.function is _aten._log_softmax.default
        if lv == 1 and lines <= 4096:
            over_i = f"for (long i = 0; i < {lines}; i++)"
            over_j = f"for (long j = 0; j < {n}; j++)"
            x0 = f"{self._at(v)}[{lv} * i]"
            last = (
                f"    {over_i} s[i] = m[i] + LOG(s[i]);\n    {over_j} {over_i} {o} = {x} - s[i]; }}"
                if log
                else f"    {over_i} s[i] = 1 / s[i];\n    {over_j} {over_i} {o} *= s[i]; }}"
            )
            held = "s[i] += EXP({x} - m[i])" if log else "{{ R e = EXP({x} - m[i]); {o} = e; s[i] += e; }}"
            self.lines += [
                f"    {{ R m[{lines}], s[{lines}];",
                f"    {over_i} {{ m[i] = {x0}; s[i] = 0; }}",
                f"    for (long j = 1; j < {n}; j++) {over_i} m[i] = {x} > m[i] || {x} != {x} ? {x} : m[i];",
                f"    {over_j} {over_i} {held.format(x=x, o=o)};",
                last,
            ]
            return
        over_j = f"for (long j = 0; j < {n}; j++)"
        self.lines += [
            f"    for (long i = 0; i < {lines}; i++) {{ R m = -INFINITY, s = 0;",
            f"    {over_j} m = {x} > m || {x} != {x} ? {x} : m;",
            f"    {over_j} {{ R e = EXP({x} - m); s += e; {'' if log else f'{o} = e;'} }}",
            f"    {f's = m + LOG(s); {over_j} {o} = {x} - s;' if log else f's = 1 / s; {over_j} {o} *= s;'} }}",
        ]

    def _rows(self, op: Op, v: View, dim: int) -> None:
        """Softmax over the last of several axes, whose tensors have no gaps: over the rows of a matrix."""
        out, n = op.outs[0], v.shape[-1] if v.shape else 1
        if dim != len(v.shape) - 1 or v.strides != out.strides or not v.strides or v.strides != v.usual:
            raise Unsupported(f"softmax over another axis than the last ({op.why})")
        lines = v.numel // max(1, n)
        flat = [View(w.storage, (lines, n), (n, 1), w.offset) for w in (v, out)]
        self._softmax(replace(op, args=(flat[0], 1, *op.args[2:]), outs=(flat[1],)))

    def _log_sigmoid(self, op: Op) -> None:
        x, out, buffer = op.args[0], op.outs[0], op.outs[1]

        def body(index: Sequence[str], shape: tuple[int, ...]) -> str:
            a, o, z = (self._entry(v, index, shape) for v in (x, out, buffer))
            return f"{{ R u = {a}, e = EXP(-FABS(u)); {z} = e; {o} = (u < 0 ? u : 0 * u) - LOG1P(e); }}"

        self._over(out, [x, buffer], body)


def _dense(view: View) -> bool:
    """Whether the view's entries fill a piece of memory without gaps."""
    order = sorted(range(len(view.shape)), key=lambda k: -view.strides[k])
    shape = tuple(view.shape[k] for k in order if view.shape[k] != 1)
    strides = tuple(view.strides[k] for k in order if view.shape[k] != 1)
    return strides == contiguous_strides(shape)


def _layout(view: View) -> tuple[bool | None, int]:
    """Whether a matrix lies in rows, and the distance from one to the next; None where neither rows nor columns do."""
    (m, n), (row, column) = view.shape, view.strides
    if column == 1 or n == 1:
        if m == 1:
            return True, max(1, n)
        if row >= max(1, n):
            return True, row
    if row == 1 or m == 1:
        if n == 1:
            return False, max(1, m)
        if column >= max(1, m):
            return False, column
    return None, 0
