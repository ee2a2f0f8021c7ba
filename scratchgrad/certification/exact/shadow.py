"""A torch function executed over exact scalars, by shadowing storages.

The function runs for real, in float64, at a concrete point.  Every storage that carries symbolic data has a shadow: an
array of nodes, as long as the storage.  A tensor's shadow is the strided view of its storage's shadow with the tensor's
own offset, size and strides: so transposes, expands, slices, in-place writes, out= and aliasing need no model, and
cannot be modelled wrongly.  Only operations that make values have a rule, and every rule is checked as it is used: its
nodes, evaluated at the concrete point, must agree with what torch has just computed.

Control flow that depends on values, random numbers, casts that round, and memory that is read behind torch's back
(numpy, lists) cannot be executed: CannotExecute names what it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch._dynamo  # a dispatch mode imports it when it first works, where a time limit would leave half of it
from torch._decomp import decomposition_table
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

from scratchgrad.certification.exact import (  # noqa: F401  # each enters its rules
    algebra,
    arrangement,
    pointwise,
    pooling,
    reductions,
    resampling,
    rounding,
    scattering,
    systems,
    windows,
)
from scratchgrad.certification.exact.arrays import Arrays
from scratchgrad.certification.exact.constants import Constants
from scratchgrad.certification.exact.losses import REWRITTEN
from scratchgrad.certification.exact.point_values import Values
from scratchgrad.certification.exact.questions import Asked
from scratchgrad.certification.exact.rules import CannotExecute, RuleFails, rule_of
from scratchgrad.certification.exact.scalar import Graph, Scalar
from scratchgrad.certification.exact.stopping import within_autograd_function

__all__ = ["CannotExecute", "Shadows"]

Array = Any

_ALLOCATES = {"empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "empty_permuted"}
_RESIZES = {"resize_", "resize_as_", "set_"}
_READS_VALUES = {"_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "unique"}
_RANDOM = {"bernoulli", "rand", "randn", "rand_like", "randn_like", "normal", "uniform", "randint", "multinomial"}
_RANDOM |= {"native_dropout", "randperm", "random", "exponential"}
_BEHIND = {"numpy", "tolist", "__array__", "data_ptr", "storage", "untyped_storage", "__dlpack__", "apply_", "map_"}
_IGNORED = {"layout", "device", "pin_memory", "memory_format", "non_blocking", "dtype"}
# TRUST: rules-checked-at-points
_AGREES = 1e-9
_NARROW = {torch.float16, torch.bfloat16, torch.float32}


class _Guard(TorchFunctionMode):
    """Refuses what reads a tensor's memory without an operation."""

    def __init__(self, owner: Shadows) -> None:
        super().__init__()
        self.owner = owner

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _BEHIND and not self.owner.inside:
            self.owner.refuse(f"Tensor.{name}: values are read without a torch operation")
        if name == "item" and self.owner.asks(args[0]):
            return self.owner.asked.handed(func(*args), self.owner.node_of(args[0]))
        if getattr(func, "__self__", None) is torch.Tensor.data and self.owner.stops:
            return self.owner.detached(name, func, args)
        if name == "as_strided" and self.owner.stops:
            self.owner.refuse("aten.as_strided: what it takes depends on how its argument lies in memory")
        if name == "detach_" and self.owner.stops:  # which torch does without an operation
            self.owner.hold(args[0])
        if name in REWRITTEN and (name != "one_hot" or (args[1:] or (-1,))[0] > 0):
            return REWRITTEN[name](*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


class Shadows(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The shadows of all storages that carry symbolic data while a function runs."""

    def __init__(self, graph: Graph, *, stops: bool = False, asked: Asked | None = None) -> None:
        """Nothing is symbolic yet.  With `stops`, what is detached is constant to derivatives, see stopping.py.

        `asked` gains what is asked of values.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = graph
        self.stops = stops
        self.constants = Constants(graph)
        self.on = Arrays(graph, self.constants, stops=stops)
        self.inside = False
        self.refused: str | None = None
        self.asked = asked or Asked(graph)
        self._shadows: dict[int, tuple[Array, torch.dtype]] = {}
        self._alive: list[torch.Tensor] = []
        self._blank: set[int] = set()
        self._values = Values()
        self._constant: set[int] = set()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """What runs inside is executed exactly."""
        with _Guard(self), self:
            yield

    def refuse(self, words: str) -> None:
        """Remember why nothing can be proven, and stop."""
        self.refused = self.refused or words
        raise CannotExecute(words)

    def asks(self, tensor: torch.Tensor) -> bool:
        """Whether it is a symbolic number, so that a comparison of it is a question."""
        return tensor.is_floating_point() and tensor.numel() == 1 and self._is_symbolic(tensor)

    def node_of(self, tensor: torch.Tensor) -> Scalar:
        """The node of a tensor of one number."""
        return self._lifted(tensor).item()  # type: ignore[no-any-return]

    def give(self, tensor: torch.Tensor, nodes: Array) -> None:
        """The tensor's entries are these nodes; symbols among them have the tensor's values at the concrete point."""
        for node, value in zip(nodes.ravel(), tensor.detach().ravel().tolist(), strict=True):
            self._values.known[node.key] = float(value)
        self._new(tensor, nodes)

    def nodes(self, tensor: torch.Tensor) -> Array:
        """The tensor's entries as nodes, checked against its values.  Raises CannotExecute where they disagree."""
        with _disable_current_modes():
            found = self.on.number(self._lifted(tensor))
            self._check("the result", tensor, found)
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The operation, for real and over nodes."""
        kwargs = kwargs or {}
        try:
            return self._dispatched(func, args, kwargs)
        except CannotExecute as error:
            self.refused = self.refused or str(error)
            raise
        except Exception as error:
            if self._fails_by_itself(func, args, kwargs):
                raise
            self.refused = self.refused or f"aten.{func.__name__}: {error}"
            raise RuleFails(f"aten.{func.__name__}: {error}") from error

    @staticmethod
    def _fails_by_itself(func: Any, args: Any, kwargs: Any) -> bool:
        """Whether the operation raises without us, too."""
        with _disable_current_modes():
            try:
                func(*args, **kwargs)
            except Exception:
                return True
        return False

    def _dispatched(self, func: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
        schema = func._schema
        name = schema.name.split("::")[1]
        if self._is_stopped() and within_autograd_function():
            raise CannotExecute("torch.autograd.Function: its backward cannot be executed exactly")
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        if name.rstrip("_") in _RANDOM:
            raise CannotExecute(f"aten.{name}: random numbers; pass them as an input")
        if name in _ALLOCATES:
            found = func(*args, **kwargs)
            self._blank.add(_key(found))
            self._alive.append(found)
            return found
        writes = [(i, a) for i, a in enumerate(schema.arguments) if a.alias_info is not None and a.alias_info.is_write]
        if not any(map(self._is_symbolic, tensors)):
            if writes:  # what was empty may have been filled
                self._blank -= {_key(t) for t in tensors if t.layout == torch.strided}
            return func(*args, **kwargs)
        if name in _READS_VALUES:  # noted, answered as here, and no proof of anything any more
            self.asked.of(name, [self._lifted(t) for t in tensors])
            self.refused = self.refused or f"aten.{name}: what happens next depends on values"
            return func(*args, **kwargs)
        views = any(r.alias_info is not None and not r.alias_info.is_write for r in schema.returns)
        reshapes = torch.Tag.inplace_view in func.tags and name not in _RESIZES  # squeeze_ writes no number
        if (views and not writes) or reshapes or name == "detach":
            found = self._viewed(name, func, args, kwargs)
            if all(self._is_symbolic(t) for t in tree_leaves(found) if isinstance(t, torch.Tensor) and t.numel()):
                return found
            return self._decomposed(func, args, kwargs)  # it has copied
        plain = _plain_name(name, schema.overload_name)
        if plain == "_to_copy":
            return self._copied(func, args, kwargs)
        rule = rule_of(plain)
        if rule is None:
            return self._decomposed(func, args, kwargs)
        if any(t.dtype in _NARROW for t in tensors if self._is_symbolic(t)):
            raise CannotExecute(f"aten.{name}: a dtype of lower precision inside the function")
        outs = {a.name for _, a in writes if a.kwarg_only}
        named = {k: v for k, v in kwargs.items() if k not in outs and (k not in _IGNORED or k == "memory")}
        result = rule(self.on, *tree_map(self._argument, args), **tree_map(self._argument, named))
        found = func(*args, **kwargs)
        results = result if isinstance(result, tuple) else (result,)
        if writes:
            targets = [kwargs[a.name] if a.kwarg_only else args[i] for i, a in writes]
            for target, nodes in zip(targets, results, strict=False):
                self._write(name, target, nodes)
            return found
        for out, nodes in zip(found if isinstance(found, tuple | list) else (found,), results, strict=True):
            if isinstance(out, torch.Tensor) and nodes is not None and out.numel():
                if tuple(out.shape) != tuple(np.shape(nodes)):
                    raise CannotExecute(
                        f"aten.{name}: our rule gives shape {np.shape(nodes)}, torch {tuple(out.shape)}"
                    )
                self._new(out, self._still(self.on.of(nodes)))
                self._check(f"aten.{name}", out, self._view(out))
        return found

    def detached(self, name: str, get: Any, args: Any) -> Any:
        """What x.data is: the memory of x, constant to derivatives.  It may not be set."""
        if name != "__get__":
            self.refuse("Tensor.data is set: memory changes hands without a torch operation")
        found = get(*args)
        self.hold(found)
        return found

    def hold(self, tensor: torch.Tensor) -> None:
        """What the tensor has is constant to derivatives, whoever else sees its memory."""
        self._constant.add(id(tensor))
        self._alive.append(tensor)

    def _is_stopped(self) -> bool:
        """Whether nothing that is computed now has a derivative."""
        return self.stops and not torch.is_grad_enabled()

    def _still(self, nodes: Array) -> Array:
        """The nodes, constant to derivatives where torch records nothing."""
        return self.on.stopped(nodes, 0) if self._is_stopped() else nodes

    def _viewed(self, name: str, func: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
        found = func(*args, **kwargs)
        still = name == "detach" or self._is_stopped() or any(id(a) in self._constant for a in args)
        for out in tree_leaves(found):
            if self.stops and still and isinstance(out, torch.Tensor) and out is not args[0]:
                self.hold(out)
            if isinstance(out, torch.Tensor) and self._is_symbolic(out) and self._shadows[_key(out)][1] != out.dtype:
                raise CannotExecute(f"{func}: memory is read as {out.dtype}")
        return found

    def _copied(self, func: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
        """A copy, perhaps in another dtype."""
        source, target = args[0].dtype, kwargs.get("dtype") or args[0].dtype
        nodes = self._lifted(args[0])
        if target in _NARROW:
            raise CannotExecute(f"a cast from {source} to {target}")
        if target == torch.bool:
            nodes = self.on.condition(nodes)
        elif not target.is_floating_point and source.is_floating_point:
            if all(node.op == "number" for node in nodes.ravel()):
                return func(*args, **kwargs)  # no value decides it
            raise CannotExecute(f"a cast from {source} to {target}")
        else:
            nodes = self.on.number(nodes)
        found = func(*args, **kwargs)
        self._new(found, self._still(nodes))
        return found

    def _decomposed(self, func: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
        with self:
            found = func.decompose(*args, **kwargs) if func._can_decompose() else NotImplemented
            if found is NotImplemented and func in decomposition_table:
                found = decomposition_table[func](*args, **kwargs)
        if found is NotImplemented:
            raise CannotExecute(f"no exact rule for aten.{func._schema.name.split('::')[1]}")
        outs = [t for t in tree_leaves(found) if isinstance(t, torch.Tensor) and t.numel()]
        if outs and not any(map(self._is_symbolic, outs)):  # it went past us
            raise CannotExecute(f"no exact rule for aten.{func._schema.name.split('::')[1]}")
        self._compare(func, args, kwargs, outs)
        return found

    def _compare(self, func: Any, args: Any, kwargs: Mapping[str, Any], outs: Sequence[torch.Tensor]) -> None:
        """A decomposition that makes new values gives those of the operation itself."""
        if any(a.alias_info is not None for a in func._schema.arguments):
            return
        with _disable_current_modes():
            given = [t for t in tree_leaves(func(*args, **kwargs)) if isinstance(t, torch.Tensor) and t.numel()]
            same = len(given) == len(outs) and all(
                a.shape == b.shape and torch.allclose(a.double(), b.double(), _AGREES, _AGREES, equal_nan=True)
                for a, b in zip(given, outs, strict=True)
            )
        if not same:
            raise CannotExecute(f"torch's decomposition of aten.{func.__name__} gives other values than it")

    def _argument(self, value: Any) -> Any:
        return self._lifted(value) if isinstance(value, torch.Tensor) else value

    def _is_symbolic(self, tensor: torch.Tensor) -> bool:
        return (
            _key(tensor) in self._shadows if tensor.layout == torch.strided and tensor.device.type == "cpu" else False
        )

    def _lifted(self, tensor: torch.Tensor) -> Array:
        """The nodes of a tensor; of one that carries nothing symbolic, its numbers."""
        if self._is_symbolic(tensor):
            nodes = self._view(tensor).copy()
            return self.on.stopped(nodes, 0) if id(tensor) in self._constant else nodes
        if _key(tensor) in self._blank and tensor.is_floating_point():
            return np.full(tuple(tensor.shape), self.graph.undefined, dtype=object)
        with _disable_current_modes():
            self.inside = True
            try:
                array = tensor.detach().resolve_conj().numpy()
            finally:
                self.inside = False
        return self.on.of(array) if tensor.dtype.is_floating_point else array.copy()

    def _view(self, tensor: torch.Tensor) -> Array:
        base, _ = self._shadows[_key(tensor)]
        if not tensor.numel():
            return np.empty(tuple(tensor.shape), dtype=object)
        strides = tuple(base.itemsize * s for s in tensor.stride())
        return np.lib.stride_tricks.as_strided(base[tensor.storage_offset() :], tuple(tensor.shape), strides)

    def _new(self, tensor: torch.Tensor, nodes: Array | None) -> None:
        length = _length(tensor)
        base = np.empty(length, dtype=object)
        base[:] = self.graph.zero
        self._shadows[_key(tensor)] = (base, tensor.dtype)
        self._alive.append(tensor)
        if nodes is not None and tensor.numel():
            self._view(tensor)[...] = nodes

    def _write(self, name: str, target: torch.Tensor, nodes: Array) -> None:
        """Write into a tensor that exists; storage that was not symbolic becomes so, with its numbers."""
        if not target.numel():
            return
        if not self._is_symbolic(target):
            blank = _key(target) in self._blank  # memory that nobody has written yet
            with _disable_current_modes():
                whole = torch.as_strided(target.detach(), (_length(target),), (1,), 0).tolist()
            self._new(target, None)
            base, _ = self._shadows[_key(target)]
            for place, value in enumerate(whole):
                base[place] = self.graph.undefined if blank else self.on.of(value).item()
        nodes = self.on.of(nodes)
        nodes = self.on.condition(nodes) if target.dtype == torch.bool else self.on.number(nodes)
        if self._is_stopped() or id(target) in self._constant:  # whoever else sees this memory keeps its derivative
            nodes = self.on.stopped(nodes, self._view(target))
        self._view(target)[...] = np.broadcast_to(nodes, tuple(target.shape))
        self._check(f"aten.{name}", target, self._view(target))

    def _check(self, name: str, tensor: torch.Tensor, nodes: Array) -> None:
        """The nodes have the tensor's values at the concrete point."""
        with _disable_current_modes():
            wanted = np.array(tensor.detach().to(torch.float64).ravel().tolist())
        with np.errstate(all="ignore"):
            got = np.array([self._values.of(node) for node in nodes.ravel()])
        size = max(1.0, float(np.max(np.abs(wanted[np.isfinite(wanted)]), initial=0.0)))
        if not np.allclose(got, wanted, rtol=_AGREES, atol=_AGREES * size, equal_nan=True):
            raise CannotExecute(f"{name}: our rule and torch disagree at the concrete point")


def _key(tensor: torch.Tensor) -> int:
    return int(torch._C.TensorBase.untyped_storage(tensor)._cdata)


def _length(tensor: torch.Tensor) -> int:
    return int(torch._C.TensorBase.untyped_storage(tensor).nbytes() // tensor.element_size())


def _plain_name(name: str, overload: str) -> str:
    """The name under which the rule stands: without the mark of an in-place form, with what an overload means."""
    plain = name if rule_of(name) is not None or not name.endswith("_") or name.startswith("__") else name[:-1]
    if plain in ("max", "min"):
        if overload.startswith("dim"):
            return f"{plain}_dim"
        return f"{plain}_other" if overload in ("other", "out") else plain
    return plain
