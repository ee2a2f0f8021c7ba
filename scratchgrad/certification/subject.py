"""The kernel under examination, wrapped so that whatever it does is an observation and never a crash.

In   two functions, and whether they keep the registry's protocol
Out  outputs and gradients as tuples of tensors of the right dtype and shape, else Misbehaviour with its reason

A kernel runs as the tape runs it, under torch.inference_mode(); a plain function runs as its author would run it.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from scratchgrad.certification.calling import Calling
from scratchgrad.certification.function_specification import with_constants
from scratchgrad.certification.specification import Role, Specification
from scratchgrad.certification.time_limit import TakesTooLong, within

__all__ = ["LIMIT", "Misbehaviour", "Subject", "is_plain"]

_EXCERPT = 200

LIMIT = 5.0
"""Seconds after which a call is stopped."""


class Misbehaviour(Exception):  # an observation about somebody else's function, not an error of ours
    """What a function did instead of returning what it should; `kind` sorts it."""

    def __init__(self, stage: str, kind: str, words: str, tensor: str = "") -> None:
        """At `stage` (forward or backward), about `tensor` where it is about one."""
        super().__init__(words)
        self.stage, self.kind, self.words, self.tensor = stage, kind, words, tensor


@dataclass(frozen=True)
class Subject:
    """A forward and a backward function.

    A backward that is called with tensors may leave out an input (None).  A `kernel` keeps the whole of the room
    protocol: its results share no memory with what it was given.
    """

    specification: Specification
    forward_function: Callable[..., Any] | None
    backward_function: Callable[..., Any] | None
    kernel: bool
    calling: Calling
    claimed: tuple[str, ...] = ()
    recorded: bool = False
    """Whether the backward is what torch's autograd recorded in forward."""

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The modes under which the functions run."""
        with warnings.catch_warnings(), torch.inference_mode(self.kernel):
            warnings.simplefilter("ignore")
            yield

    @property
    def called_as(self) -> str:
        """How backward is called, in names."""
        spec = self.specification
        grads = ", ".join(role.tensor.gradient.name for role in spec.outputs)
        names = ", ".join(role.name for role in spec.inputs)
        if self.calling is Calling.SAVED_FIRST:
            return f"backward(saved, {grads})"
        if self.calling is Calling.SAVED_LAST:
            return f"backward({grads}, saved)"
        return f"backward({f'({grads})' if spec.several and self.calling is Calling.TENSORS else grads}, {names})"

    @property
    def protocol(self) -> bool:
        """Whether backward takes what forward saved; then the gradient of an output may be absent."""
        return self.calling.takes_saved

    def forward(self, tensors: Sequence[torch.Tensor]) -> tuple[tuple[Any, ...], Any]:
        """The outputs as a tuple, and what was saved; unchecked but for their number.  May raise Misbehaviour."""
        if self.forward_function is None:
            return (), None
        found = self._called("forward", self.forward_function, *with_constants(tensors, self.specification.constants))
        wanted = len(self.specification.outputs)
        if self.kernel and not (isinstance(found, tuple) and len(found) == 2):
            raise Misbehaviour("forward", "arity", f"forward returns {_shown(found)}; expected a pair (output, saved)")
        outputs, saved = found, None
        if isinstance(found, tuple | list) and len(found) == 2 and (wanted == 1 or isinstance(found[0], tuple | list)):
            outputs, saved = found
        if wanted == 1 and isinstance(outputs, tuple | list) and len(outputs) == 1:
            outputs = outputs[0]
        if wanted == 1:
            return (outputs,), saved
        if not isinstance(outputs, tuple | list) or len(outputs) != wanted:
            names = ", ".join(r.name for r in self.specification.outputs)
            raise Misbehaviour(
                "forward",
                "arity",
                f"forward returns {_shown(outputs)}; expected a tuple of the {wanted} outputs {names}",
            )
        return tuple(outputs), saved

    def shapes(self, arrays: Sequence[Any]) -> list[tuple[int, ...]]:
        """The shapes of the outputs for these inputs; empty where forward does not take them."""
        with self.running():
            try:
                outputs, _ = self.forward([torch.tensor(a) for a in arrays])
            except Misbehaviour:
                return []
        return [tuple(u.shape) for u in outputs if isinstance(u, torch.Tensor)]

    def backward(
        self, saved: Any, upstream: Sequence[torch.Tensor | None], tensors: Sequence[torch.Tensor]
    ) -> tuple[Any, ...]:
        """One gradient for each input, unchecked but for their number.  May raise Misbehaviour."""
        if self.backward_function is None:
            return ()
        if self.calling is Calling.SAVED_FIRST:
            found = self._called("backward", self.backward_function, saved, *upstream)
        elif self.calling is Calling.SAVED_LAST:
            found = self._called("backward", self.backward_function, *upstream, saved)
        else:
            together = self.specification.several and self.calling is Calling.TENSORS
            arguments = with_constants(tensors, self.specification.constants)
            given = [tuple(upstream)] if together else list(upstream)
            found = self._called("backward", self.backward_function, *given, *arguments)
        wanted = len(self.specification.inputs)
        if found is None:
            raise Misbehaviour("backward", "none", "backward returns None; is a return missing?")
        if not isinstance(found, tuple | list):
            found = (found,)
        constants = self.specification.constants
        if constants and len(found) == wanted + len(constants):
            found = [g for place, g in enumerate(found) if place not in constants]
        real = len(self.specification.differentiable)
        if len(found) == real < wanted:
            rest = iter(found)
            found = [None if role.integer else next(rest) for role in self.specification.inputs]
        if len(found) != wanted:
            names = ", ".join(r.name for r in self.specification.inputs)
            raise Misbehaviour(
                "backward", "arity", f"backward returns {len(found)} gradients; expected one for each of {names}"
            )
        return tuple(found)

    def _called(self, stage: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function returns.  Raises Misbehaviour where it raises, exits, or takes longer than the limit."""
        try:
            with within(LIMIT):
                return function(*arguments)
        except TakesTooLong as error:
            words = f"{stage} does not come to an end: stopped after {LIMIT:g} s"
            raise Misbehaviour(stage, "hang", words) from error
        except Misbehaviour:  # of a function that this one calls
            raise
        except (Exception, SystemExit, GeneratorExit) as error:
            said = " ".join(str(error).split())
            said = said if len(said) <= _EXCERPT else said[: _EXCERPT - 3] + "..."
            words = f"{stage} raises {type(error).__name__}{said and ': '}{said}"
            if stage == "backward" and isinstance(error, TypeError) and "argument" in said:
                words += f" (it was called as {self.called_as})"
            raise Misbehaviour(stage, "exception", words) from error

    def checked(
        self,
        stage: str,
        found: Sequence[Any],
        roles: Sequence[Role],
        shapes: Mapping[str, tuple[int, ...]],
        dtype: torch.dtype,
    ) -> dict[str, torch.Tensor]:
        """The results by name, each a tensor of the right shape and dtype.  Raises Misbehaviour where one is not.

        A gradient of an integer input is left out, and so is one that a plain function gives as None.
        """
        results: dict[str, torch.Tensor] = {}
        for role, value in zip(roles, found, strict=True):
            if stage == "backward" and role.integer:
                continue
            name = role.name if stage == "forward" else role.tensor.gradient.name
            # TRUST: not-given
            if value is None and stage == "backward" and not self.kernel and any(v is not None for v in found):
                continue
            if not is_plain(value):
                kind = "none" if value is None else "type"
                raise Misbehaviour(stage, kind, f"{stage} gives {_shown(value)} for {name}; expected a tensor", name)
            if tuple(value.shape) != shapes[role.name]:
                raise Misbehaviour(
                    stage, "shape", f"{name} has shape {tuple(value.shape)}; expected {shapes[role.name]}", name
                )
            whole = role.integer and not value.is_floating_point() and not value.is_complex()
            if role.integer and not whole:
                raise Misbehaviour(stage, "dtype", f"{name} is {value.dtype}; expected whole numbers", name)
            if value.dtype != dtype and not whole:
                raise Misbehaviour(
                    stage, "dtype", f"{name} is {value.dtype}; expected {dtype}, as the inputs are", name
                )
            results[name] = value
        return results


# TRUST: devices
def is_plain(value: Any) -> bool:
    """Whether it is a dense tensor on the processor."""
    return isinstance(value, torch.Tensor) and value.layout == torch.strided and value.device.type == "cpu"


def _shown(value: Any) -> str:
    """What a value is, in a few words."""
    if value is None:
        return "None"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, torch.Tensor):
        return f"a tensor of layout {value.layout} on {value.device}"
    return f"a {type(value).__name__}"
