"""The conditions on sizes that a subject meets: it is run on tensors without numbers, whose sizes are symbols.

In   a Subject, the sizes at which it is run
Out  Trace: every condition, whether it holds at these sizes, and which line of the subject asks

    if v.shape[-1] > 6: ...      v.numel() % 4      len(u) == 16      u.stride(0) < 100      the 8 of g[:, :8]

Torch's fake tensors compute sizes and nothing else, as make_fx(tracing_mode="symbolic") has them.  There a condition
once met narrows what is known of a size, and a size that becomes a number stays one.  Here nothing is narrowed: each
condition is answered for the sizes of this run, and the run goes on with symbols.
"""

from __future__ import annotations

import builtins
import contextlib
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

import sympy as sp
import torch
from torch._dispatch.python import enable_python_dispatcher
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

from scratchgrad.certification.battery import Sizes
from scratchgrad.certification.layouts import CONTIGUOUS, Layout
from scratchgrad.certification.point import Point
from scratchgrad.certification.specification import Role
from scratchgrad.certification.subject import Misbehaviour, Subject

__all__ = ["BATCH", "At", "Condition", "Trace", "trace"]

BATCH = sp.Symbol("batch", integer=True, positive=True)
"""The number of samples, in conditions."""

_TORCH = str(Path(torch.__file__).parent)
_OURS = str(Path(__file__).parent)
_FRAMES = 80
"""So many callers are looked at, to find the subject's own line."""

_PATCHING = threading.RLock()
_LEN = builtins.len
_LOGS = ("torch.fx.experimental.symbolic_shapes", "torch._subclasses.fake_tensor")


@dataclass(frozen=True)
class Condition:
    """A statement about sizes, and whether it holds in this run.

    `asked` says that code of the subject asks, and not torch within one of its functions; `place` is that line.
    """

    statement: sp.Basic
    holds: bool
    asked: bool
    place: str


@dataclass
class Trace:
    """What a run meets: conditions in their order, and the code in which a size becomes a number.

    `failed` says why the run ends early: it needs the numbers themselves, or leaves torch.
    """

    conditions: list[Condition] = field(default_factory=list)
    numbers_in: set[CodeType] = field(default_factory=set)
    failed: str = ""
    raised: bool = False
    """Whether it ends early because code of the subject raises."""


@dataclass(frozen=True)
class At:
    """Sizes at which a subject is run; `symbols` are those that are kept open, BATCH stands for the batch.

    `point` draws numbers of these sizes, which are used only where a subject asks for them.
    """

    batch: int | None
    sizes: Sizes
    symbols: Mapping[sp.Expr, sp.Symbol]
    point: Callable[[], Point]
    dtype: str = "float64"
    layout: Layout = CONTIGUOUS


def trace(subject: Subject, at: At, *, numbers: bool = True) -> Trace:
    """The trace of forward and backward; with `numbers` a run that needs them is made with some."""
    first = _run(subject, at, None)
    if not first.failed or not numbers:
        return first
    try:
        point = at.point()
    except MemoryError:
        return first
    second = _run(subject, at, point)
    known = {(c.statement, c.holds) for c in second.conditions}
    second.conditions += [c for c in first.conditions if (c.statement, c.holds) not in known]
    second.numbers_in |= first.numbers_in
    return second


def _run(subject: Subject, at: At, point: Point | None) -> Trace:
    """What is met; with the numbers of the point, where there is one."""
    found = Trace()
    try:
        with _quiet(), _counted():
            recorder = _Recorder(found)
            mode = FakeTensorMode(shape_env=recorder, allow_non_fake_inputs=True)
            mode.cache_enabled = False  # what is remembered asks for no sizes
            mode.propagate_real_tensors = point is not None
            lengths = {**at.sizes, BATCH: at.batch or 0}
            own = {size: recorder.size(symbol, lengths[size]) for size, symbol in at.symbols.items()}
            with enable_python_dispatcher(), mode, torch.no_grad():
                _Run(subject, at, own, point).both()
    except Misbehaviour as seen:
        found.failed = seen.words
        found.raised = _is_own(seen.__cause__)
    except Exception as error:  # torch has no such run; nothing is known then, and that is said
        found.failed = f"{type(error).__name__}: {error}"
    return found


@dataclass
class _Run:
    """One run of a subject on tensors whose sizes are symbols."""

    subject: Subject
    at: At
    own: Mapping[sp.Expr, Any]
    point: Point | None

    def both(self) -> None:
        """Forward and backward."""
        spec = self.subject.specification
        inputs = [self._tensor(role, self._shape(role)) for role in spec.inputs]
        shapes: dict[str, Any] = {}
        saved, failed = None, None
        try:
            outputs, saved = self.subject.forward(inputs)
            shapes = {r.name: u.shape for r, u in zip(spec.outputs, outputs, strict=True) if hasattr(u, "shape")}
        except Misbehaviour as seen:
            if self.subject.protocol:
                raise
            failed = seen
        upstream: list[Any] = []
        for role in spec.outputs:
            shape = self._shape(role)
            found = shapes.get(role.name, shape)
            upstream.append(self._tensor(role, found if _LEN(found) == _LEN(shape) else shape, upstream=True))
        self.subject.backward(saved, upstream, inputs)
        if failed is not None:
            raise failed

    def _tensor(self, role: Role, shape: Sequence[Any], *, upstream: bool = False) -> Any:
        dtype = torch.int64 if role.integer else getattr(torch, self.at.dtype)
        found = torch.empty(shape, dtype=dtype)
        if self.point is not None:
            values = (self.point.upstream if upstream else self.point.tensors)[role.name]
            with torch.utils._python_dispatch._disable_current_modes():
                found.real_tensor = torch.tensor(values).to(dtype)  # type: ignore[attr-defined]
        return self.at.layout.build(found) if self.at.layout.fits(_LEN(shape)) else found

    def _shape(self, role: Role) -> list[Any]:
        """The sizes of a tensor: symbols, but numbers where the specification has numbers, or a quotient."""
        numbers = role.shape(self.at.sizes, self.at.batch)
        sample = role.sample and self.at.batch is not None
        names = [*([BATCH] if sample else []), *role.tensor.sizes]
        return [self._size(name, n) for name, n in zip(names, numbers, strict=True)]

    def _size(self, name: sp.Expr, number: int) -> Any:
        """A size that is a symbol, or a polynomial of some; else its number."""
        symbols = sorted(name.free_symbols, key=str)
        if name in self.own or not symbols or not name.is_polynomial(*symbols):
            return self.own.get(name, number)
        lengths = [self.own.get(s, self.at.sizes.get(s)) for s in symbols]
        return sp.lambdify(symbols, name, "math")(*lengths)


class _Recorder(ShapeEnv):
    """Sizes that stay symbols: each question is answered for the numbers of this run, and written down."""

    def __init__(self, found: Trace) -> None:
        """Nothing asked yet."""
        super().__init__(duck_shape=False, specialize_zero_one=False)
        self.found = found
        self.lengths: dict[sp.Basic, sp.Basic] = {}
        self.names: dict[sp.Basic, sp.Basic] = {}
        self.seen: set[tuple[sp.Basic, bool]] = set()

    def size(self, name: sp.Symbol, length: int) -> Any:
        """A size of that length."""
        source = ConstantSource(f"size_{len(self.names)}")
        symbol = self.create_symbol(
            length, source=source, dynamic_dim=DimDynamic.DYNAMIC, do_not_specialize_zero_one=True
        )
        self.lengths[symbol], self.names[symbol] = sp.Integer(length), name
        return self.create_symintnode(symbol, hint=length, source=source)

    def evaluate_expr(self, orig_expr: Any, *rest: Any, **more: Any) -> Any:
        """What the expression is at the lengths of this run."""
        free = orig_expr.free_symbols
        data = getattr(self, "real_tensor_prop_unbacked_vals", None) or getattr(self, "unbacked_var_to_val", {})
        if not free or not free <= self.lengths.keys() | data.keys():
            return super().evaluate_expr(orig_expr, *rest, **more)
        found = orig_expr.xreplace({**data, **self.lengths})
        if free <= self.lengths.keys():
            self._note(orig_expr, found)
        return found

    def _note(self, expression: Any, found: Any) -> None:
        asked, frame = _asker()
        if found not in (sp.true, sp.false):
            if frame is not None:
                self.found.numbers_in.add(frame.f_code)
            return
        key = (expression, bool(found))
        if key not in self.seen:
            self.seen.add(key)
            place = "" if frame is None else f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"
            statement = expression.xreplace(self.names)
            if statement not in (sp.true, sp.false):
                self.found.conditions.append(Condition(statement, bool(found), asked, place))


def _is_own(error: BaseException | None) -> bool:
    """Whether code of the subject raises it, and not torch or we."""
    entry = error.__traceback__ if error is not None else None
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    return entry is not None and not entry.tb_frame.f_code.co_filename.startswith((_TORCH, _OURS))


def _asker() -> tuple[bool, Any]:
    """Whether an `if` of the subject asks, and the innermost frame of the subject's own code."""
    frame: Any = sys._getframe(2)
    below = frame
    for _ in range(_FRAMES):
        if frame is None or (frame.f_code.co_filename.startswith(_OURS) and frame.f_code.co_filename != __file__):
            return False, None
        if not frame.f_code.co_filename.startswith(_TORCH) and frame.f_code.co_filename != __file__:
            return below.f_code.co_name == "__bool__", frame
        below, frame = frame, frame.f_back
    return False, None


@contextlib.contextmanager
def _counted() -> Iterator[None]:
    """`len` of a tensor whose sizes are symbols is a symbol; Python's own makes it a number, which says no more.

    For everything else, and on other threads, it does what it always does.
    """

    def counted(thing: Any) -> Any:
        return thing.size(0) if isinstance(thing, FakeTensor) and thing.dim() else _LEN(thing)

    with _PATCHING:
        builtins.len = counted
        try:
            yield
        finally:
            builtins.len = _LEN


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Neither warnings nor lines in torch's log about a run that was only tried."""
    loggers: Sequence[logging.Logger] = [logging.getLogger(name) for name in _LOGS]
    before = [logger.disabled for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.disabled = True
        try:
            yield
        finally:
            for logger, disabled in zip(loggers, before, strict=True):
                logger.disabled = disabled
