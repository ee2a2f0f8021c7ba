"""A layer as its author wrote it, in one form for all: forward and backward over named tensors.

    NodeClass      the course's protocol: inputs are layers given to the constructor, `output`, `grad`, accumulate_grad
    CalledClass    layer.forward(x), layer.backward(dout); weights and their gradients are attributes
    Functions      linear_forward(x, W, b) and linear_backward(dout, cache), or a loss that returns (loss, dx)
    Autograd       a torch.autograd.Function

Each makes everything anew at every call, so that one call cannot disturb the next (the tape's checks look at that).
"""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from scratchgrad.certification.through_autograd import by_autograd
from scratchgrad.grading.arrays import given, returned
from scratchgrad.grading.binding import Binding, CannotBind, bind, gradient_names, matches, parameters_of
from scratchgrad.grading.kinds import Kind, Part
from scratchgrad.grading.returns import returned_names

__all__ = ["Autograd", "CalledClass", "Functions", "NodeClass", "Subject", "default_dtype", "feed_class", "output_of"]

Tensors = Mapping[str, torch.Tensor]

_OUTPUTS = ("output", "outputs", "value", "out", "y", "result", "loss", "a")
_OUTPUT_WORDS = re.compile(r"out(put)?s?|y|o|h|a|s|probs?|p|activation\w*|result", re.IGNORECASE)
_UPSTREAM = ("grad", "output_grad", "grad_output", "grads", "gradient", "gradients", "out_grad", "delta", "d_output")


class Subject(Protocol):
    """Forward and backward of a kind, over tensors named as its parts, in the layout of the code."""

    kind: Kind
    style: str

    def forward(self, tensors: Tensors) -> torch.Tensor:
        """The output."""

    def backward(self, grad_out: torch.Tensor, tensors: Tensors) -> dict[str, Any]:
        """The gradients by part; a part that gets none is missing."""


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """What torch.zeros gives: students' layers are run in the precision of the probe."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class _Size(tuple[int, ...]):
    """A shape that may also be called, as torch's `size()` is."""

    __slots__ = ()

    def __call__(self, axis: int | None = None) -> Any:
        return self if axis is None else self[axis]


def feed_class(base: type | None) -> type:
    """A stand-in for a layer that feeds another: it holds an output, and adds up the gradients that it is given."""

    def accumulate(self: Any, *gradients: Any, **named: Any) -> None:
        self.__dict__["received"].extend([*gradients, *named.values()])

    def nothing(self: Any, *_: Any, **__: Any) -> None:
        """Feeds compute nothing."""

    members = dict.fromkeys(("forward", "backward", "step", "clear_grad", "zero_grad", "update"), nothing)
    names = ("accumulate_grad", "accumulate_gradient", "add_grad", "accumulate", "acc_grad")
    return type("Feed", (base,) if base else (), {**members, **dict.fromkeys(names, accumulate)})


def feed(cls: Any, value: Any) -> Any:
    """A feed whose output is `value`; the author's constructor is not run."""
    made = cls.__new__(cls)
    shape = tuple(value.shape) if hasattr(value, "shape") else ()
    zeros = value * 0 if shape or hasattr(value, "shape") else 0.0
    attributes = {name: value for name in ("output", "outputs", "value", "out")}
    attributes |= {name: zeros for name in ("grad", "output_grad", "gradient")}
    attributes |= {name: _Size(shape) for name in ("shape", "size", "output_shape", "output_size", "out_shape")}
    attributes |= {"rows": shape[0] if shape else 1, "cols": shape[1] if len(shape) > 1 else 1}
    attributes |= {"train": True, "trainable": True, "received": []}
    for name, content in attributes.items():
        try:
            setattr(made, name, content)
        except AttributeError:
            made.__dict__[name] = content
    return made


def received(made: Any) -> Any:
    """The sum of the gradients that a feed was given; None where there was none."""
    total: Any = None
    for gradient in made.__dict__["received"]:
        total = gradient if total is None else total + gradient
    if total is None:
        for name in ("grad", "output_grad", "gradient"):
            changed = made.__dict__.get(name)
            if changed is not None and (changed != 0).any():
                return changed
    return total


def output_of(layer: Any, result: Any) -> Any:
    """A layer's output after forward: an attribute of one of the usual names, else what forward returned."""
    for name in _OUTPUTS:
        value = getattr(layer, name, None)
        if value is not None and not callable(value):
            return value
    return result


def _number(tensor: torch.Tensor) -> float:
    return float(tensor)


@dataclass
class _Class:
    """What the classes share: how an object is made."""

    cls: type
    kind: Kind
    library: str
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def constructor(self) -> list[inspect.Parameter]:
        return parameters_of(self.cls.__init__, method=True)  # type: ignore[misc]  # the class is somebody's own

    def made(self, binding: Binding, values: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> Any:
        """An object, with shapes as tuples, or as numbers where it wants those."""
        failed: Exception | None = None
        for whole in (True, False):

            def extra(word: str, whole: bool = whole) -> Any:
                shape = shapes.get(word, ())
                if word in ("in", "out"):
                    return shape if whole else (shape[-1] if shape else 1)
                return {"tiny": 1e-12, "train": True, "columns": 1}[word]

            try:
                return self.cls(**binding.arguments(values, extra))
            except (TypeError, AssertionError, ValueError, IndexError) as error:
                failed = failed or error
                if not set(binding.extra.values()) & {"in", "out"}:
                    break
        assert failed is not None  # the loop ends with a return or an error
        raise failed


@dataclass
class NodeClass(_Class):
    """A class of the course's protocol."""

    style: str = "a class whose inputs are layers"

    def __post_init__(self) -> None:
        """Bind the constructor's parameters; what it does not take may have a setter.  Raises CannotBind."""
        self.setters = self._setters() if len(self.constructor) < len(self.kind.parts) else {}
        taken = [part for part in self.kind.parts if part.name not in self.setters]
        self.binding = bind(self.constructor, taken, self.told)
        roots = [c for c in self.cls.__mro__[1:] if c is not object and c.__module__ != "torch.nn.modules.module"]
        self.feed = feed_class(roots[-1] if roots and roots[-1].__module__ != "abc" else None)

    def _setters(self) -> dict[str, str]:
        """Part -> the method that takes it, as `set_target(y)`."""
        found = {}
        for name in dir(self.cls):
            match = re.fullmatch(r"(set|add|attach)_(\w+)", name)
            part = next((p for p in self.kind.parts if match and matches(p, match[2])), None)
            if part is not None:
                found[part.name] = name
        return found

    def over(self, values: Mapping[str, Any]) -> Any:
        """The layer over other layers (and numbers), by part."""
        shapes = {name: tuple(getattr(output_of(value, None), "shape", ())) for name, value in values.items()}
        first = shapes[self.kind.parts[0].name]
        out = shapes.get("b") or (shapes["W"][:1] if "x" in shapes and "W" in shapes else first)
        made = self.made(self.binding, values, {"in": first, "out": out})
        for part, setter in self.setters.items():
            getattr(made, setter)(values[part])
        return made

    def _run(self, tensors: Tensors) -> tuple[Any, dict[str, Any], Any]:
        feeds: dict[str, Any] = {}
        values: dict[str, Any] = {}
        for part in self.kind.parts:
            if part.sort == "constant":
                values[part.name] = _number(tensors[part.name])
            else:
                values[part.name] = feeds[part.name] = feed(self.feed, given(tensors[part.name], self.library))
        layer = self.over(values)
        result = layer.forward()
        return layer, feeds, output_of(layer, result)

    def forward(self, tensors: Tensors) -> torch.Tensor:
        """The layer's output."""
        like = _real(tensors)
        with default_dtype(like.dtype):
            return returned(self._run(tensors)[2], like)

    def backward(self, grad_out: torch.Tensor, tensors: Tensors) -> dict[str, Any]:
        """What the feeds received."""
        with default_dtype(grad_out.dtype):
            layer, feeds, output = self._run(tensors)
            shape = getattr(output, "shape", ())
            upstream = grad_out.reshape(tuple(shape)) if grad_out.numel() == 1 else grad_out
            arriving = given(upstream, self.library)
            there = [name for name in _UPSTREAM if name in vars(layer)] or ["grad"]
            for name in there:
                setattr(layer, name, arriving)
            wanted = parameters_of(layer.backward)
            layer.backward(*([arriving] if wanted and wanted[0].default is inspect.Parameter.empty else []))
            found = {name: received(one) for name, one in feeds.items()}
        return {name: returned(value, grad_out) for name, value in found.items() if value is not None}


@dataclass
class CalledClass(_Class):
    """A class with forward(x) and backward(dout)."""

    style: str = "a class with forward(x) and backward(gradient)"

    def __post_init__(self) -> None:
        """Bind the parameters of the constructor and of forward.  Raises CannotBind."""
        self.called = "forward" if hasattr(self.cls, "forward") else "__call__"
        signals = [part for part in self.kind.parts if part.sort in ("tensor", "target", "labels")]
        self.own = [part for part in self.kind.parts if part not in signals]
        taken = parameters_of(getattr(self.cls, self.called), method=True)
        self.binding = bind(taken, signals, self.told)
        takes = self.constructor
        self.given_parts = [part for part in self.own if any(matches(part, p.name) for p in takes)]
        self.construction = bind(takes, self.given_parts, self.told)

    def _run(self, tensors: Tensors) -> tuple[Any, Any]:
        values = {
            part.name: _number(tensors[part.name])
            if part.sort == "constant"
            else given(tensors[part.name], self.library)
            for part in self.kind.parts
        }
        sizes: dict[str, tuple[int, ...]] = {"in": (), "out": ()}
        if "W" in tensors:
            last = tensors[self.kind.parts[0].name].shape[-1]
            other = [n for n in tensors["W"].shape if n != last] or [last]
            sizes = {"in": (last,), "out": (other[0],)}
        made = self.made(self.construction, {part.name: values[part.name] for part in self.given_parts}, sizes)
        for part in self.own:
            if part not in self.given_parts and not _set(made, part, values[part.name]):
                raise CannotBind(f"{self.cls.__name__} has no attribute for {part.name}")
        arguments = self.binding.arguments(values, _further)
        result = getattr(made, self.called)(**arguments)
        return made, result[0] if isinstance(result, tuple) else output_of(made, result) if result is None else result

    def forward(self, tensors: Tensors) -> torch.Tensor:
        """What forward returns."""
        like = _real(tensors)
        with default_dtype(like.dtype):
            return returned(self._run(tensors)[1], like)

    def backward(self, grad_out: torch.Tensor, tensors: Tensors) -> dict[str, Any]:
        """What backward returns, and the gradients that it leaves in attributes."""
        with default_dtype(grad_out.dtype):
            made, output = self._run(tensors)
            shape = tuple(getattr(output, "shape", ()))
            upstream = grad_out.reshape(shape) if grad_out.numel() == 1 else grad_out
            wanted = parameters_of(made.backward)
            needs = [p for p in wanted if p.default is inspect.Parameter.empty]
            passed = bool(wanted)
            result = made.backward(*([given(upstream, self.library)] if passed else []))
            if len(needs) > 1:
                raise CannotBind(f"{self.cls.__name__}.backward takes {', '.join(p.name for p in needs)}")
            names = [part.name for part in self.kind.parts if part.sort not in ("constant", "labels")]
            found = _named(result, names, returned_names(self.cls.backward), dict(self.binding.parts))  # type: ignore[attr-defined]
            for part in self.own:
                value = _attribute(made, part)
                if value is not None:
                    found[part.name] = value
            if not passed:  # a loss whose backward takes no gradient counts it as 1
                found = {name: _times(value, grad_out) for name, value in found.items()}
        return {name: returned(value, grad_out) for name, value in found.items() if value is not None}


def _further(word: str) -> Any:
    """What a parameter that is no tensor gets."""
    return {"tiny": 1e-12, "train": True}[word]


def _times(value: Any, grad_out: torch.Tensor) -> Any:
    return None if value is None else returned(value, grad_out) * grad_out


def _real(tensors: Tensors) -> torch.Tensor:
    return next(t for t in tensors.values() if t.is_floating_point())


def _set(made: Any, part: Part, value: Any) -> bool:
    """Whether the object has a place for the part, which now holds the value."""
    for name, content in list(vars(made).items()):
        if isinstance(content, dict):
            for key in content:
                if isinstance(key, str) and matches(part, key) and not key.lower().startswith("d"):
                    content[key] = value
                    return True
        elif matches(part, name) and (hasattr(content, "shape") or isinstance(content, int | float) or content is None):
            if isinstance(content, torch.nn.Parameter):
                content.data = value
            else:
                setattr(made, name, value)
            return True
    return False


def _attribute(made: Any, part: Part) -> Any:
    """The gradient of the part that the object holds."""
    for name, content in vars(made).items():
        if isinstance(content, dict) and re.search("grad", name, re.IGNORECASE):
            for key, value in content.items():
                if isinstance(key, str) and (matches(part, key) or _is_gradient(part, key)):
                    return value
        elif hasattr(content, "shape") and _is_gradient(part, name):
            return content
    return None


def _is_gradient(part: Part, name: str) -> bool:
    if gradient_names(part.name).fullmatch(name):
        return True
    stripped = re.sub(r"^(d|grad_?|g_?|delta_?|d_)|_?(grad|gradient)s?$", "", name, flags=re.IGNORECASE)
    return stripped != name and matches(part, stripped)


def _named(result: Any, parts: Sequence[str], names: Sequence[str], bound: Mapping[str, str]) -> dict[str, Any]:
    """The returned gradients by part: by the names in the return statement, else in order."""
    if result is None:
        return {}
    if isinstance(result, dict):
        values, names = list(result.values()), list(map(str, result))
    else:
        values = list(result) if isinstance(result, tuple | list) else [result]
    if len(names) == len(values):
        found = {}
        for part in parts:
            calls = {part, bound.get(part, part)}
            name = next((n for n in names if any(gradient_names(call).fullmatch(n) for call in calls)), None)
            if name is not None:
                found[part] = values[names.index(name)]
        if len(found) == len(values):
            return found
    return dict(zip(parts, values, strict=False))


@dataclass
class Functions:
    """A pair of plain functions, or one that returns the loss and its gradient."""

    forward_function: Callable[..., Any]
    backward_function: Callable[..., Any] | None
    kind: Kind
    library: str
    told: Mapping[str, str] = field(default_factory=dict)
    style: str = "functions"

    def __post_init__(self) -> None:
        """Bind the parameters.  Raises CannotBind."""
        self.binding = bind(parameters_of(self.forward_function), self.kind.parts, self.told)

    def _values(self, tensors: Tensors) -> dict[str, Any]:
        return {
            part.name: _number(tensors[part.name])
            if part.sort == "constant"
            else given(tensors[part.name], self.library)
            for part in self.kind.parts
        }

    def _run(self, tensors: Tensors) -> tuple[Any, Any]:
        """The output, and what else forward returned."""
        first = tuple(_real(tensors).shape)

        def extra(word: str) -> Any:
            return {"tiny": 1e-12, "train": True, "columns": 1}.get(word, first)

        result = self.forward_function(**self.binding.arguments(self._values(tensors), extra))
        if isinstance(result, tuple | list) and len(result) >= 2:
            return result[0], result[1] if len(result) == 2 else tuple(result[1:])
        return result, None

    def forward(self, tensors: Tensors) -> torch.Tensor:
        """The output."""
        like = _real(tensors)
        with default_dtype(like.dtype):
            return returned(self._run(tensors)[0], like)

    def backward(self, grad_out: torch.Tensor, tensors: Tensors) -> dict[str, Any]:
        """The gradients."""
        parts = [part.name for part in self.kind.parts if part.sort not in ("constant", "labels")]
        with default_dtype(grad_out.dtype):
            output, cache = self._run(tensors)
            if self.backward_function is None:
                found = _named(cache, parts, returned_names(self.forward_function)[1:], self.binding.parts)
                return {n: _times(value, grad_out) for n, value in found.items() if value is not None}
            shape = tuple(getattr(output, "shape", ()))
            upstream = grad_out.reshape(shape) if grad_out.numel() == 1 else grad_out
            result, scaled = self._called(given(upstream, self.library), output, cache, tensors)
            found = _named(result, parts, returned_names(self.backward_function), self.binding.parts)
        found = {n: (_times(v, grad_out) if scaled else v) for n, v in found.items()}
        return {n: returned(value, grad_out) for n, value in found.items() if value is not None}

    def _called(self, upstream: Any, output: Any, cache: Any, tensors: Tensors) -> tuple[Any, bool]:
        """What backward returns, and whether it still has to be multiplied by the upstream gradient."""
        assert self.backward_function is not None  # the caller looked
        values = self._values(tensors)
        by_name = {self.binding.parts[part]: value for part, value in values.items()}
        arguments: dict[str, Any] = {}
        arrived = ""
        for number, parameter in enumerate(parameters_of(self.backward_function)):
            name = parameter.name
            known = next((own for own in by_name if own.lower() == name.lower()), None)
            part = self._part(name)
            if re.fullmatch(r"\w*cache\w*|saved|ctx|context|memory|mem|store[ds]?", name, re.IGNORECASE):
                arguments[name] = cache
            elif not arrived and known is None and (_is_upstream(name) or (number == 0 and part is None)):
                arguments[name], arrived = upstream, name
            elif known is not None:
                arguments[name] = by_name[known]
            elif gradient_names(name).fullmatch(arrived) or (part is not None and self._is_output(name)):
                arguments[name] = output
            elif part is not None:
                arguments[name] = values[part]
            elif _OUTPUT_WORDS.fullmatch(name):
                arguments[name] = output
            elif parameter.default is inspect.Parameter.empty:
                raise CannotBind(f"{self.backward_function.__name__}: what is the parameter {name!r}?")
        return self.backward_function(**arguments), not arrived

    def _is_output(self, name: str) -> bool:
        """Whether a function of one tensor means its output by this name, which is not that of its input."""
        signals = [part for part in self.kind.parts if part.sort == "tensor"]
        return len(signals) == 1 and len(self.kind.parts) == 1 and _OUTPUT_WORDS.fullmatch(name) is not None

    def _part(self, name: str) -> str | None:
        return next((part.name for part in self.kind.parts if matches(part, name)), None)


def _is_upstream(name: str) -> bool:
    return re.fullmatch(
        r"d(out|output|y|a|z|h|u|v|s|l|loss|o|j|L)?\w{0,5}|(g|grad|gradient|up\w*|delta)(_?(out|output|upstream|in|y|h|u|o|s|L|loss|a|z))?\w*|g",
        name,
    ) is not None and name not in ("d", "decay", "data")


@dataclass
class Autograd:
    """A torch.autograd.Function: its backward is reached as torch reaches it."""

    function: Any
    kind: Kind
    library: str = "torch"
    told: Mapping[str, str] = field(default_factory=dict)
    style: str = "a torch.autograd.Function"

    def __post_init__(self) -> None:
        """Bind the parameters of forward.  Raises CannotBind."""
        takes = parameters_of(self.function.forward)
        takes = takes[1:] if takes and takes[0].name in ("ctx", "self") else takes
        self.binding = bind(takes, self.kind.parts, self.told)
        self.parts = {parameter: part for part, parameter in self.binding.parts.items()}
        self._forward, self._backward = by_autograd(self.function)

    def _arguments(self, tensors: Tensors) -> dict[str, Any]:
        values = {
            part.name: _number(tensors[part.name]) if part.sort == "constant" else tensors[part.name]
            for part in self.kind.parts
        }
        return self.binding.arguments(values, _further)

    def forward(self, tensors: Tensors) -> torch.Tensor:
        """The output."""
        outputs, _ = self._forward(*self._arguments(tensors).values())
        return returned(outputs[0] if isinstance(outputs, tuple) else outputs, _real(tensors))

    def backward(self, grad_out: torch.Tensor, tensors: Tensors) -> dict[str, Any]:
        """The gradients that torch gets from the function's backward."""
        arguments = self._arguments(tensors)
        outputs, recorded = self._forward(*arguments.values())
        shape = (outputs[0] if isinstance(outputs, tuple) else outputs).shape
        found = self._backward(recorded, grad_out.reshape(shape))
        names = [self.parts[name] for name, value in arguments.items() if isinstance(value, torch.Tensor)]
        return {name: value for name, value in zip(names, found, strict=True) if value is not None}
