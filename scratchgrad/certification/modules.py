"""An nn.Module as a function of all inputs of a specification: its own parameters are among them, and so examined.

In   a module, a Specification; perhaps which input is which parameter
Out  OfModule: what is called with tensors, and an example whose sizes are those of the parameters

    the arguments of forward   the inputs that are no parameters, in order
    parameters and buffers     as `parameters=` says, else by their names, else those that are left, in order

The module is called through torch.func.functional_call, with copies of all else that it holds, in the dtype of the
arguments: running statistics stay as they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from scratchgrad.certification.battery import Battery, Example
from scratchgrad.certification.specification import ExampleMismatch, Role, Specification

__all__ = ["OfModule", "ParametersMismatch", "example_for", "of_module"]

_SAMPLES = 4


class ParametersMismatch(ExampleMismatch):
    """A module whose parameters cannot be told to be inputs of the specification."""


@dataclass(frozen=True, eq=False)
class OfModule:
    """A module called with all inputs of a specification; `named` says which of these places are its parameters."""

    module: torch.nn.Module
    named: Mapping[int, str]
    inputs: Mapping[int, str]

    def __call__(self, *arguments: Any) -> Any:
        """What the module returns with these parameters."""
        if isinstance(self.module, torch.jit.ScriptModule):
            return self.module(*arguments)
        dtype = next((a.dtype for a in arguments if isinstance(a, torch.Tensor) and a.is_floating_point()), None)
        own: dict[str, Any] = {
            name: t.to(dtype, copy=True) if t.is_floating_point() else t.clone()
            for name, t in (*self.module.named_parameters(), *self.module.named_buffers())
        }
        own |= {name: arguments[place].contiguous() for place, name in self.named.items()}  # as a module stores them
        rest = tuple(a for place, a in enumerate(arguments) if place not in self.named)
        return torch.func.functional_call(self.module, own, rest)

    def sentences(self) -> list[str]:
        """Which parameter is which input; which are none."""
        said = [f"{self.inputs[place]} is the module's {name}" for place, name in self.named.items()]
        left = [n for n, p in self.module.named_parameters() if n not in self.named.values() and p.requires_grad]
        lines = [", ".join(said)] if said else []
        if left:
            lines.append(
                f"the module's {', '.join(left)} {'is no input' if len(left) == 1 else 'are no inputs'} of the "
                "specification: no gradient of it is examined"
            )
        return lines


def of_module(module: torch.nn.Module, specification: Specification, parameters: Mapping[str, str] | None) -> OfModule:
    """The module as a function of the inputs.  Raises ParametersMismatch where it is not clear which is which."""
    constants = specification.constants
    count = len(specification.inputs) + len(constants)
    places = [n for n in range(count) if n not in constants]
    roles = dict(zip(places, specification.inputs, strict=True))
    own = {name: p for name, p in (*module.named_parameters(), *module.named_buffers()) if p.is_floating_point()}
    needed, most = _arguments(module)
    if isinstance(module, torch.jit.ScriptModule) and count > most:
        raise _mismatch(module, specification, "torch.jit keeps its parameters, give the module that it was made of")
    named: dict[int, str] = {}
    for place, role in roles.items():
        said = (parameters or {}).get(role.name)
        if said is not None and said not in own:
            raise _mismatch(module, specification, f"it has no parameter {said!r}")
        if said is not None:
            named[place] = said
    unknown = sorted(set(parameters or {}) - {role.name for role in roles.values()})
    if unknown:
        raise _mismatch(module, specification, f"the specification has no input {unknown[0]!r}")
    if count - len(named) > most:
        taken = set(named.values())
        alike = {p: role.name for p, role in roles.items() if role.name in own and p not in named}
        named |= {place: name for place, name in alike.items() if name not in taken}
    if count - len(named) > most:
        left = [name for name, _ in module.named_parameters() if name not in named.values()]
        free = [place for place in range(count) if place not in named][most:]
        if len(free) != len(left) or any(place in constants for place in free):
            names = ", ".join(roles[place].name for place in free if place in roles)
            raise _mismatch(module, specification, f"it is not clear which of these are {names}")
        named |= dict(zip(free, left, strict=True))
    if count - len(named) < needed:
        raise _mismatch(
            module, specification, f"its forward needs {needed} arguments, and {count - len(named)} are left"
        )
    for place, name in named.items():
        role, batched = roles[place], specification.function is None and roles[place].sample
        if len(role.tensor.indices) + role.sample != own[name].ndim or batched:
            shape = list(own[name].shape)
            raise _mismatch(module, specification, f"{name} of shape {shape} cannot be {role.name}")
    return OfModule(module, dict(sorted(named.items())), {place: role.name for place, role in roles.items()})


def example_for(found: OfModule, specification: Specification, examples: Sequence[Example]) -> Sequence[Example]:
    """The examples; one of the sizes that the parameters have, where there is none.

    Raises ParametersMismatch where a parameter has another shape than in the example.
    """
    if not found.named:
        return examples
    own = dict((*found.module.named_parameters(), *found.module.named_buffers()))
    for example in examples:
        for place, name in found.named.items():
            shape = tuple(getattr(example[place], "shape", ())) if place < len(example) else ()
            if shape != tuple(own[name].shape):
                raise ParametersMismatch(
                    f"{found.inputs[place]} has shape {shape} in the example, and the module's {name}, which it is, "
                    f"has shape {tuple(own[name].shape)}"
                )
    if examples:
        return examples
    sizes: dict[Any, int] = {}
    roles: Mapping[int, Role] = dict(enumerate(specification.inputs))
    for place, name in found.named.items():
        sizes |= {s: n for s, n in zip(roles[place].tensor.sizes, own[name].shape, strict=True) if s.is_Symbol}
    battery = Battery(specification)
    whole = battery.completed({**battery.sizes(), **sizes}, tuple(sizes))
    if whole is None:
        names = ", ".join(f"{name} {tuple(own[name].shape)}" for name in found.named.values())
        raise _mismatch(found.module, specification, f"no sizes of the specification fit {names}")
    point = battery.point("normal", _SAMPLES, whole, salt="module")
    return [tuple(torch.tensor(point.tensors[role.name]) for role in specification.inputs)]


def _arguments(module: torch.nn.Module) -> tuple[int, int]:
    """How many arguments forward needs, and how many it takes."""
    if isinstance(module, torch.jit.ScriptModule):
        schema: Any = module.forward
        return 1, len(schema.schema.arguments) - 1  # the first one is the module
    parameters = list(inspect.signature(module.forward).parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 1, 10**6
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return sum(p.default is p.empty for p in plain), len(plain)


def _mismatch(module: torch.nn.Module, specification: Specification, what: str) -> ParametersMismatch:
    inputs = ", ".join(role.name for role in specification.inputs)
    own = ", ".join(name for name, _ in (*module.named_parameters(), *module.named_buffers())) or "no parameters"
    needed, most = _arguments(module)
    takes = f"{needed}" if needed == most else f"{needed} to {most}"
    return ParametersMismatch(
        f"{specification.title} has the inputs {inputs}; the module {type(module).__name__} takes {takes} arguments "
        f"and has {own}: {what}. Say which is which, parameters={{'W': 'weight'}}, or give a function as the "
        "specification, with an example"
    )
