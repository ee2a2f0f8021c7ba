"""The library as a whole: what goes wrong between layers that are right one by one.

In   a module whose layers keep the course's protocol
Out  TapeCheck for each property

    fan-out accumulates        a signal with two consumers gets the sum of both gradients
    accumulating is private    adding to a layer's gradient does not change the tensor that was added before
    gradients are cleared      clear_grad gives zeros, of the shape of the output
    every parameter reached    in a small network, W, b, M and the second bias all get a gradient that is not zero
    second run equals first    forward and backward again, after clearing, give the same gradients
    seed present               Network.backward starts with dJ/dJ = 1
    network clears             two runs of Network do not add up

The network is x -> Linear -> ReLU -> Linear -> loss, with regularization of both matrices where the file has it.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch

from scratchgrad.grading.arrays import given, library_of, returned
from scratchgrad.grading.binding import parameters_of
from scratchgrad.grading.judging import Candidate
from scratchgrad.grading.matching import Meant, match, stored
from scratchgrad.grading.record import ERROR, RIGHT, WRONG, TapeCheck
from scratchgrad.grading.subjects import NodeClass, default_dtype, output_of

__all__ = ["tape_checks"]

_GRADIENTS = ("grad", "output_grad", "gradient", "grads")
# TRUST: grading-tape
_TOLERANCE = 1e-9


class _Unclear(Exception):
    """The library cannot be driven from outside; the words say where it stopped."""


def tape_checks(
    module: ModuleType, candidates: list[Candidate], known: Mapping[str, tuple[str, int]]
) -> list[TapeCheck]:
    """The checks that apply; nothing for a file without layers of the protocol.  `known`: readings found before."""
    nodes = {
        kind.name.partition(" ")[0]: candidate
        for candidate in candidates
        for kind, subject in candidate.kinds.items()
        if isinstance(subject, NodeClass)
    }
    if not nodes:
        return []
    with default_dtype(torch.float64):
        return list(_Library(module, nodes, known).checks())


@dataclass(frozen=True)
class _Built:
    """A layer of the file, with the reading that its forward agrees with."""

    subject: NodeClass
    meant: Meant


class _Library:
    def __init__(
        self, module: ModuleType, nodes: Mapping[str, Candidate], known: Mapping[str, tuple[str, int]]
    ) -> None:
        self.nodes, self.known = nodes, known
        self.library = library_of(module)
        self.rng = np.random.default_rng(20260101)
        self.input_class = _named(module, ("input", "inputlayer", "parameter"))
        self.network_class = _named(module, ("network", "net", "neuralnetwork", "model", "tape"))

    def checks(self) -> Iterator[TapeCheck]:
        """Every check, each guarded by itself."""
        for name, check in (
            ("fan-out accumulates", self._accumulates),
            ("accumulating is private", self._private),
            ("gradients are cleared", self._cleared),
        ):
            yield from self._guarded(name, check)
        yield from self._whole()

    @staticmethod
    def _guarded(name: str, check: Callable[[], TapeCheck | None]) -> Iterator[TapeCheck]:
        try:
            done = check()
        except _Unclear as error:
            yield TapeCheck(name, ERROR, f"not checked: {error}")
        except Exception as error:  # the library is somebody else's
            yield TapeCheck(name, WRONG, f"raises {type(error).__name__}: {' '.join(str(error).split())[:200]}")
        else:
            if done is not None:
                yield done

    def _array(self, *shape: int) -> Any:
        return given(torch.from_numpy(np.asarray(self.rng.standard_normal(shape))), self.library)

    def input(self, value: Any, *, train: bool = True) -> Any:
        """An input layer of the file that holds a value.  Raises _Unclear where it cannot be made."""
        if self.input_class is None:
            raise _Unclear("the file has no class Input")
        shape = tuple(value.shape)
        attempts: tuple[Callable[[Any], Any], ...] = (tuple, torch.Size, _alone)
        failed: Exception | None = None
        for attempt in attempts:
            arguments: dict[str, Any] = {}
            for parameter in parameters_of(self.input_class.__init__, method=True):
                name = parameter.name.lower()
                if "train" in name:
                    arguments[parameter.name] = train
                elif parameter.default is not inspect.Parameter.empty and name not in ("output", "outputs", "value"):
                    continue
                elif name in ("rows", "cols", "columns"):
                    arguments[parameter.name] = shape[0] if name == "rows" else (shape[1] if len(shape) > 1 else 1)
                elif any(word in name for word in ("shape", "size", "dim")):
                    arguments[parameter.name] = attempt(shape)
                elif any(word in name for word in ("output", "value", "data", "tensor")):
                    arguments[parameter.name] = value
                else:
                    arguments[parameter.name] = attempt(shape)
            try:
                made = self.input_class(**arguments)
                self._set(made, value)
                return made
            except Exception as error:
                failed = failed or error
        raise _Unclear(f"Input cannot be made: {failed}")

    @staticmethod
    def _set(made: Any, value: Any) -> None:
        """The input holds the value: by its own `set`, or by its attribute."""
        for name in ("set", "set_value", "set_output", "set_input"):
            if hasattr(made, name):
                getattr(made, name)(value)
                return
        for name in ("output", "outputs", "value"):
            if hasattr(made, name):
                setattr(made, name, value)
                return
        made.output = value

    def _accumulates(self) -> TapeCheck | None:
        name = "fan-out accumulates"
        layer = self.input(self._array(3, 2))
        first, second = self._array(3, 2), self._array(3, 2)
        _clear(layer)
        layer.accumulate_grad(_copied(first))
        layer.accumulate_grad(_copied(second))
        got, want = _gradient(layer), first + second
        if _same(got, want):
            return TapeCheck(name, RIGHT, "a signal with two consumers gets the sum of both gradients")
        if _same(got, second):
            return TapeCheck(
                name, WRONG, "accumulate_grad replaces the gradient: of two consumers only the last one counts"
            )
        if _same(got, first):
            return TapeCheck(
                name, WRONG, "accumulate_grad keeps the first gradient: of two consumers only the first counts"
            )
        return TapeCheck(name, WRONG, f"two gradients {_short(first)} and {_short(second)} add up to {_short(got)}")

    def _private(self) -> TapeCheck | None:
        name = "accumulating is private"
        one, other = self.input(self._array(3, 2)), self.input(self._array(3, 2))
        passed = self._array(3, 2)
        before = _copied(passed)
        for layer in (one, other):
            _clear(layer, to_none=True)
            layer.accumulate_grad(passed)
        one.accumulate_grad(self._array(3, 2))
        if not _same(passed, before) or not _same(_gradient(other), before):
            words = (
                "accumulate_grad keeps the very tensor that it is given and adds to it in place: when a layer passes "
                "one gradient to two inputs, as Sum does, what one of them gets later changes the other's, too"
            )
            return TapeCheck(name, WRONG, words)
        return TapeCheck(name, RIGHT, "adding to one layer's gradient changes no other's")

    def _cleared(self) -> TapeCheck | None:
        name = "gradients are cleared"
        layer = self.input(self._array(3, 2))
        if not hasattr(layer, "clear_grad") and not hasattr(layer, "zero_grad"):
            return TapeCheck(name, WRONG, "layers have no clear_grad: gradients of all batches add up")
        _clear(layer)
        layer.accumulate_grad(self._array(3, 2))
        (getattr(layer, "clear_grad", None) or layer.zero_grad)()
        got = _gradient(layer)
        if got is None or (_number(got) == 0).all():
            shape = tuple(getattr(got, "shape", (3, 2)))
            if got is not None and shape not in ((3, 2), ()):
                return TapeCheck(
                    name, WRONG, f"clear_grad gives zeros of shape {shape}; expected (3, 2), that of output"
                )
            return TapeCheck(name, RIGHT, "clear_grad leaves zeros")
        return TapeCheck(name, WRONG, f"after clear_grad the gradient is {_short(got)}")

    def _whole(self) -> Iterator[TapeCheck]:
        """The checks on a small network."""
        names = ("every parameter reached", "second run equals first")
        try:
            small = self._small()
        except _Unclear as error:
            yield TapeCheck(names[0], ERROR, f"not checked: {error}")
            return
        except Exception as error:  # the library is somebody else's
            words = (
                f"a small network cannot be built or run: {type(error).__name__}: {' '.join(str(error).split())[:160]}"
            )
            yield TapeCheck(names[0], ERROR, f"not checked: {words}")
            return
        yield from self._guarded(names[0], small.reached)
        yield from self._guarded(names[1], small.again)
        if self.network_class is not None:
            yield from self._guarded("seed present", lambda: small.seed(self.network_class))
            yield from self._guarded("network clears", lambda: small.clears(self.network_class))

    def _built(self, layer: str) -> _Built:
        candidate = self.nodes[layer]
        name, number = self.known.get(candidate.name, ("", 0))
        known = next((kind for kind in candidate.kinds if kind.name == name), None)
        if known is not None:
            meant = Meant(known, known.readings[number])
        else:
            found, kind = match(candidate.kinds, candidate.convention)
            if kind is None or not found.readings:
                raise _Unclear(f"{candidate.name} does not run forward")
            meant = found.readings[0]
        subject = candidate.kinds[meant.kind]
        assert isinstance(subject, NodeClass)  # only those are in `nodes`
        return _Built(subject, meant)

    def _small(self) -> _Small:
        """The network, built as a whole; where a layer wants to know the output of another first, run on the way."""
        try:
            small = self._network(forward=False)
            for layer in small.order:
                layer.forward()
        except _Unclear:
            raise
        except Exception:  # whatever a layer says that meets another one without an output
            return self._network(forward=True)
        return small

    def _network(self, *, forward: bool) -> _Small:
        if "linear" not in self.nodes:
            raise _Unclear("the file has no linear layer of the protocol")
        linear = self._built("linear")
        n, sizes = 3, (4, 5, 2)
        reading = linear.meant.reading
        single = reading.convention == "one sample"

        def signal(size: int) -> Any:
            if single:
                shape: tuple[int, ...] = (size,)
            else:
                shape = (n, size) if reading.convention == "rows" else (size, n)
            return self._held(shape, reading.stored.get("x", ""))

        turned = "W[j,i]" in reading.text

        def weights(i: int, j: int) -> Any:
            return self._held((j, i) if turned else (i, j), reading.stored.get("W", ""))

        order: list[Any] = []
        parameters: dict[str, Any] = {}

        def parameter(name: str, value: Any) -> Any:
            parameters[name] = self.input(value)
            order.append(parameters[name])
            return parameters[name]

        x = self.input(signal(sizes[0]), train=False)
        order.append(x)
        W = parameter("W", weights(sizes[1], sizes[0]))
        b1 = parameter("b1", self._held((sizes[1],), reading.stored.get("b", "")))
        u = self._add(forward, order, linear, {"x": x, "W": W, "b": b1})
        h = self._add(forward, order, self._built("relu"), {"u": u}) if "relu" in self.nodes else u
        M = parameter("M", weights(sizes[2], sizes[1]))
        b2 = parameter("b2", self._held((sizes[2],), reading.stored.get("b", "")))
        v = self._add(forward, order, linear, {"x": h, "W": M, "b": b2})
        terms = []
        loss = next((k for k in ("softmax_cross_entropy", "mse_loss") if k in self.nodes), None)
        if loss is None:
            raise _Unclear("the file has no loss layer of the protocol")
        target = signal(sizes[2])
        y = self.input(target * 0 + 0.5, train=False)
        order.insert(1, y)
        terms.append(self._add(forward, order, self._built(loss), {"v": v, "y": y}))
        if "penalty" in self.nodes:
            penalty = self._built("penalty")
            terms += [self._add(forward, order, penalty, {"W": one, "c": 0.1}) for one in (W, M)]
        if "add" in self.nodes:
            while len(terms) > 1:
                a, b = terms.pop(), terms.pop()
                terms.append(self._add(forward, order, self._built("add"), {"a": a, "b": b}))
        return _Small(self.library, order, parameters, x, y, terms)

    def _held(self, shape: tuple[int, ...], how: str) -> Any:
        tensor = torch.from_numpy(np.asarray(self.rng.standard_normal(shape)))
        return given(stored(tensor, how), self.library)

    @staticmethod
    def _add(forward: bool, order: list[Any], built: _Built, values: Mapping[str, Any]) -> Any:
        wanted = {part.name for part in built.subject.kind.parts}
        layer = built.subject.over({name: value for name, value in values.items() if name in wanted})
        if forward:
            layer.forward()
        order.append(layer)
        return layer


@dataclass
class _Small:
    """A small network of the file's own layers, in the order of the tape."""

    library: str
    order: list[Any]
    parameters: dict[str, Any]
    x: Any
    y: Any
    heads: list[Any]

    def _run(self) -> dict[str, Any]:
        """Forward, seed, backward; the gradients of the parameters."""
        for layer in self.order:
            layer.forward()
        for layer in self.order:
            _clear(layer)
        for head in self.heads:
            _seed(head, self.library)
        for layer in reversed(self.order):
            layer.backward()
        return {name: _gradient(layer) for name, layer in self.parameters.items()}

    def reached(self) -> TapeCheck:
        """Whether every parameter has a gradient that is not zero."""
        name = "every parameter reached"
        found = self._run()
        missing = [n for n, g in found.items() if g is None or not (_number(g) != 0).any()]
        if missing:
            return TapeCheck(name, WRONG, f"no gradient arrives at {', '.join(missing)}")
        return TapeCheck(name, RIGHT, f"{', '.join(found)} all get a gradient")

    def again(self) -> TapeCheck:
        """Whether a second run gives the same gradients."""
        name = "second run equals first"
        first = {n: _copied(g) for n, g in self._run().items()}
        second = self._run()
        differing = [n for n in first if not _same(first[n], second[n])]
        if differing:
            words = f"the second time {_apart(differing[0], second, first)}"
            return TapeCheck(name, WRONG, words)
        return TapeCheck(name, RIGHT, "forward and backward again, after clearing, give the same gradients")

    def _driven(self, cls: Any) -> Any:
        """The file's Network over these layers.  Raises _Unclear where it takes them in another way."""
        if parameters_of(cls.__init__, method=True):
            needed = [p for p in parameters_of(cls.__init__, method=True) if p.default is inspect.Parameter.empty]
            network = cls(*([self.order] if len(needed) == 1 else []))
        else:
            network = cls()
        add = next((getattr(network, n) for n in ("add", "add_layer", "append") if hasattr(network, n)), None)
        if add is None:
            raise _Unclear("Network has no add(layer)")
        for layer in self.order:
            add(layer)
        for name, value in (("set_input", self.x), ("set_output", self.heads[-1])):
            if hasattr(network, name):
                with contextlib.suppress(Exception):
                    getattr(network, name)(value)
        return network

    def _network_run(self, network: Any) -> None:
        forward = network.forward
        needed = [p for p in parameters_of(forward) if p.default is inspect.Parameter.empty]
        values = [_value(self.x), _value(self.y)][: len(needed)]
        try:
            forward(*values)
        except Exception as error:
            raise _Unclear(f"Network.forward stops with {type(error).__name__}: {error}") from error
        asked = [p for p in parameters_of(network.backward) if p.default is inspect.Parameter.empty]
        network.backward(*[_value(self.y)][: len(asked)])

    def seed(self, cls: Any) -> TapeCheck:
        """Whether Network.backward starts with 1."""
        name = "seed present"
        if len(self.heads) != 1:
            raise _Unclear("the file has no Sum that makes one J of the loss and the regularization")
        network = self._driven(cls)
        for layer in self.order:
            _clear(layer)
        self._network_run(network)
        got = _gradient(self.heads[0])
        if got is not None and _same(_number(got), _number(got) * 0 + 1):
            return TapeCheck(name, RIGHT, "Network.backward starts with dJ/dJ = 1")
        if got is None or not (_number(got) != 0).any():
            return TapeCheck(name, WRONG, "after Network.backward the gradient of J is 0: it starts with no dJ/dJ = 1")
        return TapeCheck(name, WRONG, f"after Network.backward the gradient of J is {_short(got)}; it should be 1")

    def clears(self, cls: Any) -> TapeCheck:
        """Whether two runs of Network, with its own step and clearing between them, do not add up."""
        name = "network clears"
        if len(self.heads) != 1:
            raise _Unclear("the file has no Sum that makes one J of the loss and the regularization")
        network = self._driven(cls)
        for layer in self.order:
            _clear(layer)
        self._network_run(network)
        first = {n: _copied(_gradient(layer)) for n, layer in self.parameters.items()}
        with contextlib.suppress(Exception):
            network.step(0.0)
        for clear in ("clear_grad", "zero_grad", "clear_grads", "clear_gradients"):
            if hasattr(network, clear):
                getattr(network, clear)()
        self._network_run(network)
        second = {n: _gradient(layer) for n, layer in self.parameters.items()}
        differing = [n for n in first if not _same(first[n], second[n])]
        if not differing:
            return TapeCheck(name, RIGHT, "a second step starts from cleared gradients")
        words = f"gradients are not cleared between two runs: {_apart(differing[0], second, first)}"
        return TapeCheck(name, WRONG, words)


def _named(module: ModuleType, names: tuple[str, ...]) -> Any:
    """The class of the module that has one of the names."""
    return next((c for n, c in vars(module).items() if inspect.isclass(c) and n.lower() in names), None)


def _alone(shape: tuple[int, ...]) -> Any:
    """The length of a vector, the shape of anything else."""
    return shape[0] if len(shape) == 1 else shape


def _value(layer: Any) -> Any:
    return output_of(layer, None)


def _gradient(layer: Any) -> Any:
    return next((getattr(layer, name) for name in _GRADIENTS if hasattr(layer, name)), None)


def _clear(layer: Any, *, to_none: bool = False) -> None:
    """The layer's gradient is as at the start: by our hand, because its own clear_grad is what is examined."""
    for name in _GRADIENTS:
        if hasattr(layer, name):
            held = getattr(layer, name)
            if to_none and held is None:
                return
            output = _value(layer)
            zeros = output * 0 if hasattr(output, "shape") else held * 0 if held is not None else None
            with contextlib.suppress(AttributeError):
                setattr(layer, name, zeros)


def _seed(layer: Any, library: str) -> None:
    output = _value(layer)
    one = output * 0 + 1
    for name in _GRADIENTS:
        if hasattr(layer, name):
            setattr(layer, name, one)


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    return value.copy() if isinstance(value, np.ndarray) else value


def _number(value: Any) -> torch.Tensor:
    return returned(value, torch.zeros((), dtype=torch.float64))


def _same(got: Any, want: Any) -> bool:
    if got is None or want is None:
        return got is want
    one, other = _number(got), _number(want)
    return one.shape == other.shape and bool(torch.allclose(one, other, rtol=_TOLERANCE, atol=_TOLERANCE))


def _apart(name: str, now: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """The entry of a gradient that has changed the most, in words."""
    one, other = now[name], before[name]
    if one is None or other is None or tuple(one.shape) != tuple(other.shape):
        return f"the gradient of {name} is {_short(one)}, at first it was {_short(other)}"
    far = (_number(one) - _number(other)).abs()
    place = np.unravel_index(int(far.argmax()), tuple(far.shape))
    entry = f"{name}[{','.join(map(str, place))}]"
    return f"the gradient of {entry} is {_number(one)[place]:.3g}, at first it was {_number(other)[place]:.3g}"


def _short(value: Any) -> str:
    if value is None:
        return "None"
    numbers = [f"{number:.3g}" for number in _number(value).reshape(-1).tolist()]
    return f"[{', '.join(numbers[:4])}{', ...' if len(numbers) > 4 else ''}]"
