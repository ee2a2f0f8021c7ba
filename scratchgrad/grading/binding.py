"""Which parameter of a function is which tensor of the definition.

In   the parameters of a signature, the parts of a kind
Out  Binding: part -> parameter, and what the remaining parameters get

By name first, then in order.  A parameter that means a shape gets the shape, an epsilon something tiny; anything else
keeps its default.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scratchgrad.grading.kinds import Part

__all__ = ["Binding", "CannotBind", "bind", "gradient_names", "parameters_of"]

_SHAPE_OUT = re.compile(
    r"(out(put)?_?)?(shape|size|dims?|units|features)|out(put)?s?_?(shape|size|dims?|features|channels)|out|n_?out\w*|fan_?out|rows|num_?(outputs|units|nodes)",
    re.IGNORECASE,
)
_SHAPE_IN = re.compile(
    r"in(put)?s?_?(shape|size|dims?|features|channels)|n_?in\w*|fan_?in|matrix_shape|num_?inputs", re.IGNORECASE
)
_COLUMNS = re.compile(r"cols|columns|batch(_?size)?", re.IGNORECASE)
_EPSILON = re.compile(r"eps(ilon)?", re.IGNORECASE)
_NODE_SUFFIX = re.compile(r"_?(layer|node|tensor|matrix|vector|vec|values?)$", re.IGNORECASE)

_ABSENT = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class CannotBind(LookupError):
    """A parameter for which nothing fits."""


@dataclass(frozen=True)
class Binding:
    """Part -> parameter's name; `extra` maps further parameters to "out", "in", "columns", "tiny" or "train"."""

    order: tuple[str, ...]
    parts: Mapping[str, str]
    extra: Mapping[str, str]

    def arguments(self, values: Mapping[str, Any], extra: Callable[[str], Any]) -> dict[str, Any]:
        """The keyword arguments: values by part, `extra(word)` for each further parameter."""
        found = {parameter: values[part] for part, parameter in self.parts.items()}
        found |= {parameter: extra(word) for parameter, word in self.extra.items()}
        return {name: found[name] for name in self.order if name in found}


def parameters_of(function: Callable[..., Any], *, method: bool = False) -> list[inspect.Parameter]:
    """The named parameters of a function, of a method without `self`."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    parameters = [p for p in parameters if p.kind not in _ABSENT]
    return parameters[1:] if method and parameters and parameters[0].name in ("self", "cls", "ctx") else parameters


def matches(part: Part, name: str) -> bool:
    """Whether people call this part so: `W`, `W_layer`, `weight_node`."""
    short = _NODE_SUFFIX.sub("", name.strip("_")) or name
    exact = part.name.strip("_") in (name, short)
    return exact or re.fullmatch(part.names, short, re.IGNORECASE) is not None


def bind(
    parameters: Sequence[inspect.Parameter], parts: Sequence[Part], told: Mapping[str, str] | None = None
) -> Binding:
    """The binding of all parts.

    Raises CannotBind where a part finds no parameter, or a parameter without default finds no meaning.
    """
    free = {p.name: p for p in parameters}
    found: dict[str, str] = {}
    for part_name, parameter in (told or {}).items():
        if parameter in free and any(part.name == part_name for part in parts):
            found[part_name] = parameter
            del free[parameter]
    for strict in (True, False):
        for part in parts:
            if part.name not in found:
                name = next(
                    (n for n in free if (n == part.name if strict else matches(part, n) and not _is_extra(n))), None
                )
                if name is not None:
                    found[part.name] = name
                    del free[name]
    for part in parts:
        if part.name not in found:
            name = next((n for n, p in free.items() if not _is_extra(n) and p.default is inspect.Parameter.empty), None)
            if name is None:
                raise CannotBind(
                    f"no parameter for {part.name} among {', '.join(p.name for p in parameters) or 'none'}"
                )
            found[part.name] = name
            del free[name]
    extra = {}
    for name, left in free.items():
        word = _word(name, left)
        if word:
            extra[name] = word
        elif left.default is inspect.Parameter.empty:
            raise CannotBind(f"what is the parameter {name!r}?")
    return Binding(tuple(p.name for p in parameters), found, extra)


def _word(name: str, parameter: inspect.Parameter) -> str:
    if parameter.default is not inspect.Parameter.empty:
        return ""
    if _EPSILON.fullmatch(name):
        return "tiny"
    return (
        "in"
        if _SHAPE_IN.fullmatch(name)
        else "out"
        if _SHAPE_OUT.fullmatch(name)
        else "columns"
        if _COLUMNS.fullmatch(name)
        else "train"
        if re.fullmatch(r"(is_?)?train\w*|requires_?grad|learn\w*", name, re.IGNORECASE)
        else ""
    )


def _is_extra(name: str) -> bool:
    patterns = (_EPSILON, _SHAPE_IN, _SHAPE_OUT, _COLUMNS)
    return any(pattern.fullmatch(name) for pattern in patterns) and name not in ("o", "out", "output", "outputs")


def gradient_names(name: str) -> re.Pattern[str]:
    """What people call the gradient of something: dW, grad_W, W_grad, dJdW, delta_W, djdw."""
    bare = re.escape(name.strip("_"))
    return re.compile(
        rf"(d|grad_?|g_?|delta_?|d_|dj_?d_?|dl_?d_?|dloss_?d_?|d_?loss_?){bare}|{bare}_?(grad|gradient|delta|bar)s?",
        re.IGNORECASE,
    )
