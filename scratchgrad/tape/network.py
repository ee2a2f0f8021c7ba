"""Network: the explicit graph, built one layer at a time from named signals.

    net = sg.Network()
    x, y = net.input("x", 784), net.target("y", 10)
    W, b = net.parameter("W", (10, 784)), net.parameter("b", 10)
    v = net.add("linear", x, W, b, name="v")
    o, L = net.add("softmax_cross_entropy", v, y, name=("o", "L"))
    net.minimize(L)
    net.forward(X, Y)["o"]; net.backward(); net.gradient("W")

In   shapes of one sample, values, layers by name or as objects
Out  a graph whose every signal has a name, a shape and a value; lowered once to a Tape when it first runs

A value with one axis more than its signal carries a batch, one row a sample; with exactly the signal's axes it is one
sample, and no signal has a batch axis.  All values are converted to the network's dtype.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from scratchgrad import registry
from scratchgrad.graph import Graph
from scratchgrad.layer import Layer
from scratchgrad.tape.describe import describe, listing
from scratchgrad.tape.feed import feed
from scratchgrad.tape.initial import INITIALIZERS, Initializer, default_initializer, generator
from scratchgrad.tape.operation import Operation, WrongInputs, mapped_axes, output_shapes
from scratchgrad.tape.signal import Role, Signal, default_latex
from scratchgrad.tape.snapshot import Values
from scratchgrad.tape.tape import Optimizer, Tape
from scratchgrad.tape.values import ValueMismatch, exact_value, own_copy, to_tensor

if TYPE_CHECKING:
    from scratchgrad.train.history import History

__all__ = [
    "DuplicateSignal",
    "ForeignSignal",
    "InvalidName",
    "Network",
    "NotScalar",
    "SeveralObjectives",
    "UnknownSignal",
]


class UnknownSignal(LookupError):
    """A name that no signal of the network has."""


class DuplicateSignal(ValueError):
    """A name that a signal of the network has already."""


class InvalidName(ValueError):
    """A name that could not be written as an argument of forward."""


class ForeignSignal(ValueError):
    """A signal of another network."""


class SeveralObjectives(ValueError):
    """A second objective: a network minimizes one signal."""


class NotScalar(ValueError):
    """An objective that is not one number a sample."""


class Network:
    """The graph of a network, and the values of its parameters and constants."""

    def __init__(self, *, name: str = "network", seed: int = 0, dtype: torch.dtype = torch.float32) -> None:
        """An empty graph; `seed` decides the parameters' starting values, `dtype` is float32 or float64."""
        self.name, self.seed = name, seed
        self.reduction: Literal["mean", "sum"] = "mean"
        self.objective_signal: Signal | None = None
        self.version, self.revision = 0, 0
        self._dtype = _floating(dtype)
        self._signals: dict[str, Signal] = {}
        self._operations: list[Operation] = []
        self._leaves: dict[str, Tensor] = {}
        self._tape: Tape | None = None

    # Building the graph

    def input(
        self, name: str, shape: int | tuple[int, ...], *, latex: str | None = None, integer: bool = False
    ) -> Signal:
        """A signal that forward is given; `shape` is one sample's, an int being one axis."""
        return self._declare(name, _shape(shape), "input", latex, integer=integer)

    def target(
        self, name: str, shape: int | tuple[int, ...], *, latex: str | None = None, integer: bool = False
    ) -> Signal:
        """A signal that forward may be given, without which there is a prediction but no objective."""
        return self._declare(name, _shape(shape), "target", latex, integer=integer)

    def parameter(
        self,
        name: str,
        shape: Any = None,
        *,
        value: Any = None,
        init: Initializer | str | None = None,
        latex: str | None = None,
    ) -> Signal:
        """A signal that training changes.

        The second argument is a shape if it is an int or a tuple, a value otherwise: parameter("b", [1, -2, 3]).
        Without a value, `init` gives one: a name (he_uniform, he_normal, zeros) or a function of the shape and a
        torch.Generator.  The default is he_uniform with two axes or more (outputs first), zeros with fewer.
        """
        if value is None and shape is not None and not isinstance(shape, int | tuple):
            value, shape = shape, None
        if value is None and shape is None:
            raise ValueMismatch(f"parameter {name!r}: expected a shape or a value, got neither")
        if value is not None and init is not None:
            raise ValueMismatch(f"parameter {name!r}: expected a value or an init, got both")
        if value is None:
            value = _initializer(name, init, _shape(shape))(_shape(shape), generator(self.seed, name))
        return self._declare_leaf(name, value, "parameter", latex, None if shape is None else _shape(shape))

    def constant(self, name: str, value: Any, *, latex: str | None = None) -> Signal:
        """A signal with a value that training leaves alone, such as lambda."""
        return self._declare_leaf(name, value, "constant", latex, None)

    def add(
        self,
        layer: str | Layer,
        *inputs: Signal | str | float,
        name: str | tuple[str, ...] | None = None,
        latex: str | tuple[str, ...] | None = None,
        **options: int,
    ) -> Any:
        """The output signal of the layer on these inputs, or a tuple of them where the layer has several.

        Inputs are signals, their names, or plain numbers where the layer takes a scalar.  Without `name`, an output
        is called as in the layer's signature, numbered from the second on.  `options` are the layer's own, as in
        net.add("conv2d", x, W, b, stride=2).  Raises UnknownLayer, OptionMismatch, UnknownSignal, ForeignSignal,
        WrongInputs, ShapeMismatch, DuplicateSignal, and DomainViolated where a number, a constant or a parameter starts
        outside the domain that the layer declares, such as eps > 0; training may still carry a parameter out of it.
        """
        found = registry.layer(layer) if isinstance(layer, str) else layer
        found = found.with_options(**options) if options else found
        names = self._output_names(found, name)
        latexes: tuple[str | None, ...] = (latex,) if isinstance(latex, str) else latex or (None,) * len(names)
        if len(latexes) != len(names):
            raise WrongInputs(f"{found.name}: expected {len(names)} texts in latex=, got {len(latexes)}")
        before = set(self._signals)
        try:
            signals = [self._as_signal(given, found, position) for position, given in enumerate(inputs)]
            shapes = output_shapes(found, signals)
            uses = sum(operation.layer.name == found.name for operation in self._operations)
            operation = Operation(
                f"{found.name} {uses + 1}" if uses else found.name,
                found,
                tuple(s.name for s in signals),
                names,
                mapped_axes(found, signals),
            )
            operation.check_domains(self._known())
        except Exception:
            for constant in set(self._signals) - before:  # numbers already turned into constants
                del self._signals[constant], self._leaves[constant]
            raise
        outputs = tuple(
            self._declare(n, shape, "result", text) for n, shape, text in zip(names, shapes, latexes, strict=True)
        )
        self._operations.append(operation)
        self._tape = None
        return outputs if len(outputs) > 1 else outputs[0]

    def minimize(
        self, objective: Signal | str, *others: Signal | str, reduction: Literal["mean", "sum"] = "mean"
    ) -> None:
        """Declare the objective J: one number a sample, averaged over the batch (or summed, on request).

        In J = L + s the s has no batch axis and counts once a sample: so its mean is the mean of L, plus s, and its
        sum is that mean times the number of samples, whatever the network.
        Raises SeveralObjectives for a second signal, now or in a later call, NotScalar where the signal has axes.
        """
        if others or isinstance(objective, list | tuple):
            raise SeveralObjectives(
                f"network {self.name!r}: expected one signal to minimize, got several; "
                "a network has one objective: add the two with the layer 'add'"
            )
        J = self._own(objective)
        if self.objective_signal is not None:
            raise SeveralObjectives(
                f"network {self.name!r} minimizes {self.objective_signal.name!r} already, got {J.name!r} as well; "
                "a network has one objective: add the two with the layer 'add'"
            )
        if J.shape:
            raise NotScalar(
                f"objective {J.name!r}: expected one number a sample, got shape {list(J.shape)}; "
                "let a loss layer reduce it first"
            )
        if reduction not in ("mean", "sum"):
            raise ValueError(f"objective {J.name!r}: expected reduction 'mean' or 'sum', got {reduction!r}")
        self.objective_signal, self.reduction, self._tape = J, reduction, None

    # Running it

    def forward(self, /, *values: Any, **named: Any) -> Values:
        """Compute all signals from the inputs and targets, given in the order of declaration (inputs first) or by name.

        Targets may be left out: then only what does not depend on them is computed.  Raises ValueMismatch,
        BatchMismatch, BatchOnShared, UnknownSignal, NotCertified, DomainViolated.
        """
        given, batch = feed(self, values, named)
        self.check_domains(given)
        tape = self.tape
        tape.forward(given, batch)
        return Values(self, {name: tape.value(name) for name in tape.computed()})

    def backward(self) -> None:
        """Compute the gradient of the objective with respect to every signal, for the values of the last forward run.

        A second call gives the same gradients: nothing accumulates.  Raises NoObjective, UnreachableParameter,
        NotComputed.
        """
        self.tape.backward()

    def step(self, optimizer: Optimizer, epoch: float = 0.0) -> None:
        """Let the optimiser change the parameters by their gradients; forward comes next.

        Raises NotComputed where backward has not run since the last forward.
        """
        self.tape.step(optimizer, epoch)

    def value(self, signal: Signal | str) -> Tensor:
        """A copy of the signal's value: in the last forward run, or, of a parameter or a constant, as it is now."""
        name = self._own(signal).name
        return own_copy(self._leaves[name] if name in self._leaves else self.tape.value(name))

    def gradient(self, signal: Signal | str) -> Tensor:
        """A copy of the gradient of the objective with respect to the signal; zeros where no path leads to it."""
        return own_copy(self.tape.gradient(self._own(signal).name))

    @property
    def objective(self) -> float:
        """The objective in the last forward run: the mean of J over the batch (or its sum)."""
        return float(self.tape.objective())

    @property
    def tape(self) -> Tape:
        """The graph in execution order with its certified kernels, lowered once."""
        if self._tape is None:
            self._tape = Tape(self)
        return self._tape

    def set(self, signal: Signal | str, value: Any) -> None:
        """Give a parameter or a constant another value of the same shape; DomainViolated where a layer forbids it."""
        found = self._own(signal)
        if found.name not in self._leaves:
            raise ValueMismatch(
                f"{found.role} {found.name!r}: only parameters and constants are set; give an input to net.forward"
            )
        tensor = exact_value(value, found, self._dtype)
        self.check_domains({found.name: tensor})
        self._leaves[found.name] = tensor
        self.revision += 1
        self.touch()

    def to(self, dtype: torch.dtype) -> Network:
        """This network with all its values in another precision; forward comes next."""
        self._dtype = _floating(dtype)
        self._leaves = {name: value.to(dtype) for name, value in self._leaves.items()}
        self._tape = None
        self.revision += 1
        self.touch()
        return self

    # Training it, keeping it

    def fit(self, data: Any = "digits", **options: Any) -> History:
        """Train on the data, and give the history: see scratchgrad.train.fit for the options."""
        from scratchgrad.train.loop import fit

        return fit(self, data, **options)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """The parameters, in a safetensors file at `path`, which appears whole or not at all."""
        from scratchgrad.train.checkpoint import save_parameters

        return save_parameters(self, path)

    def load(self, path: str | os.PathLike[str]) -> Network:
        """This network with the parameters of the file; CheckpointMismatch where names or shapes differ."""
        from scratchgrad.train.checkpoint import load_parameters

        load_parameters(self, path)
        return self

    def explain(
        self,
        batch: int | None = 32,
        optimizer: Any = None,
        *,
        values: tuple[str, ...] = (),
        gradients: tuple[str, ...] = (),
    ) -> str:
        """The program of one step of training, as text: its calls, their memory, what was fused and why, the peak.

        `values` and `gradients` name what shall be readable after a step: a gradient that is read is not fused away.
        """
        from scratchgrad.program.explain import explain
        from scratchgrad.program.runner import Runner
        from scratchgrad.train.sgd import SGD

        runner = Runner(self, SGD() if optimizer is None else optimizer, values=values, gradients=gradients)
        return explain(runner.program(batch).plan)

    def sheet(
        self,
        path: str | os.PathLike[str],
        *,
        numbers: Mapping[str, Any] | None = None,
        title: str = "",
        author: str = "",
        date: str = "",
        assignment: str = "",
    ) -> Path:
        """The derivation report of this network, in its own names, at `path`: .tex, .html or .pdf by the suffix.

        `numbers` gives values of inputs and targets, one sample each, to be worked through forward and backward with
        the parameters as they are.  Needs SymPy, which nothing else here does.  Raises sheets.writing.UnknownFormat.
        """
        from scratchgrad.sheets.blocks import Meta
        from scratchgrad.sheets.network_sheet import network_sheet
        from scratchgrad.sheets.writing import save_sheet

        meta = Meta(author, date, assignment)
        report = network_sheet(self.graph(values=numbers is not None), title=title, meta=meta, numbers=numbers)
        return save_sheet(report, path)

    # Looking at it

    def signal(self, name: str) -> Signal:
        """The signal of this name; UnknownSignal, with close names, where there is none."""
        if name not in self._signals:
            close = difflib.get_close_matches(name, self._signals, n=3)
            known = f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {', '.join(self._signals)}"
            raise UnknownSignal(f"network {self.name!r} has no signal {name!r}; {known}")
        return self._signals[name]

    @property
    def signals(self) -> tuple[Signal, ...]:
        """All signals, in the order of declaration."""
        return tuple(self._signals.values())

    @property
    def operations(self) -> tuple[Operation, ...]:
        """All operations, in the order of execution."""
        return tuple(self._operations)

    def names(self, role: Role) -> tuple[str, ...]:
        """The names of the signals of one role: input, target, parameter, constant or result."""
        return tuple(s.name for s in self._signals.values() if s.role == role)

    @property
    def dtype(self) -> torch.dtype:
        """The precision that every real value is converted to."""
        return self._dtype

    @property
    def leaves(self) -> Mapping[str, Tensor]:
        """The live tensors of parameters and constants, by name; change them through `set` or an optimiser."""
        return MappingProxyType(self._leaves)

    @property
    def live_parameters(self) -> dict[str, Tensor]:
        """The live tensors of the parameters, by name, as an optimiser changes them in place."""
        return {name: self._leaves[name] for name in self.names("parameter")}

    def touch(self) -> None:
        """Note that parameters have changed: what was computed before does not fit them any more."""
        self.version += 1

    def rebind(self, parameters: Mapping[str, Tensor]) -> None:
        """Let other tensors of the same values be the live parameters: a program keeps them in one piece."""
        self._leaves |= parameters
        self.revision += 1

    def graph(self, *, values: bool = False) -> Graph:
        """The graph as plain data, with the values and gradients that are known, as nested lists, if asked for."""
        return describe(self, self._tape, values=values)

    def __str__(self) -> str:
        """The listing: every signal with its shape, every operation, the objective."""
        return listing(self)

    def __repr__(self) -> str:
        """The network's name and size."""
        count = sum(self._leaves[name].numel() for name in self.names("parameter"))
        return f"<Network {self.name!r}: {len(self._operations)} operations, {count} parameter values, {self._dtype}>"

    def check_domains(self, values: Mapping[str, Tensor]) -> None:
        """Nothing where these values, by signal, lie in the domains that their layers declare; else DomainViolated."""
        known = {name: (self._signals[name], value) for name, value in values.items()}
        for operation in self._operations:
            operation.check_domains(known)

    # Inside

    def _known(self) -> dict[str, tuple[Signal, Tensor]]:
        return {name: (self._signals[name], value) for name, value in self._leaves.items()}

    def _declare(
        self, name: str, shape: tuple[int, ...], role: Role, latex: str | None, *, integer: bool = False
    ) -> Signal:
        self._check_name(name)
        signal = Signal(name, shape, role, latex or default_latex(name), integer, network=self)
        self._signals[name] = signal
        self._tape = None
        return signal

    def _declare_leaf(
        self, name: str, value: Any, role: Role, latex: str | None, shape: tuple[int, ...] | None
    ) -> Signal:
        self._check_name(name)
        if shape is None:
            shape = tuple(to_tensor(value, self._dtype, f"{role} {name!r}").shape)
        draft = Signal(name, shape, role, latex or default_latex(name), network=self)
        tensor = exact_value(value, draft, self._dtype)
        signal = self._declare(name, shape, role, latex)
        self._leaves[name] = tensor
        return signal

    def _check_name(self, name: str) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise InvalidName(f"signal {name!r}: expected letters, digits and '_', not beginning with a digit")
        if name.startswith(("grad_", "bar_")):
            raise InvalidName(
                f"signal {name!r}: names that begin with grad_ or bar_ are those of gradients; give it another name"
            )
        if name in self._signals:
            role = self._signals[name].role
            article = "an" if role == "input" else "a"
            raise DuplicateSignal(f"network {self.name!r} has {article} {role} named {name!r} already")

    def _own(self, signal: Signal | str) -> Signal:
        if isinstance(signal, Signal):
            if signal.network is not self:
                raise ForeignSignal(
                    f"signal {signal.name!r} belongs to another network, {signal.network.name!r}; use this one's own"
                )
            return signal
        if not isinstance(signal, str):
            raise UnknownSignal(f"expected a signal or its name, got {type(signal).__name__}")
        return self.signal(signal)

    def _as_signal(self, given: object, layer: Layer, position: int) -> Signal:
        if isinstance(given, Signal | str):
            return self._own(given)
        wanted = layer.signature.inputs
        if isinstance(given, bool) or not isinstance(given, Real):
            raise WrongInputs(f"{layer.name}: expected a signal or its name, got {type(given).__name__}")
        if position < len(wanted) and wanted[position].axes:
            raise WrongInputs(f"{layer.name}: {wanted[position]} takes a signal, got the number {given}")
        letter = wanted[position].name if position < len(wanted) else "c"
        return self.constant(self._free(letter), float(given), latex=f"{float(given):g}")

    def _output_names(self, layer: Layer, name: str | tuple[str, ...] | None) -> tuple[str, ...]:
        outputs = layer.signature.outputs
        if name is None:
            return tuple(self._free(tensor.name) for tensor in outputs)
        names = (name,) if isinstance(name, str) else tuple(name)
        if len(names) != len(outputs):
            raise WrongInputs(
                f"{layer.name}: expected {len(outputs)} names for {' '.join(map(str, outputs))}, got {len(names)}"
            )
        for one in names:
            self._check_name(one)
        if len(set(names)) < len(names):
            raise DuplicateSignal(f"{layer.name}: expected different names for its outputs, got {', '.join(names)}")
        return names

    def _free(self, letter: str) -> str:
        candidate, number = letter, 1
        while candidate in self._signals:
            number += 1
            candidate = f"{letter}{number}"
        return candidate


def _floating(dtype: torch.dtype) -> torch.dtype:
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"network: expected dtype torch.float32 or torch.float64, got {dtype}")
    return dtype


def _shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, Integral | Sequence):
        raise ValueMismatch(f"shape {shape!r}: expected a whole number or a tuple of them, got {type(shape).__name__}")
    axes = (shape,) if isinstance(shape, Integral) else tuple(shape)
    for size in axes:
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise ValueMismatch(f"shape {axes}: expected sizes of at least 1, got {size!r}")
    return tuple(map(int, axes))


def _initializer(name: str, init: Initializer | str | None, shape: tuple[int, ...]) -> Initializer:
    if init is None:
        return default_initializer(shape)
    if isinstance(init, str):
        if init not in INITIALIZERS:
            raise LookupError(f"parameter {name!r}: no initializer {init!r}; known are {', '.join(INITIALIZERS)}")
        return INITIALIZERS[init]
    return init
