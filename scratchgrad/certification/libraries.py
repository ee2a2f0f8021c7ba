"""Functions of NumPy, of JAX, or of C, called with the arrays that they take; what they return becomes tensors.

In   a Subject, arguments to try it with
Out  the library whose arrays its functions take, which makes functions of tensors of them

    torch    tensors, as they are
    NumPy    arrays in the memory of the tensors: a function that writes into its arguments is seen
    other    arrays of the namespace that the example's arrays have (the array API), or of jax.numpy where it is loaded

What is returned may be anything that DLPack or `__array__` makes an array of.  The library is the one whose arrays
bring both functions to an end, or one for each where none does; NumPy before torch where the source names NumPy alone,
or the example has its arrays.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from scratchgrad.certification.named_modules import modules_named
from scratchgrad.certification.subject import Misbehaviour, Subject

__all__ = ["TORCH", "Library", "as_numpy", "is_foreign", "libraries_of"]


@dataclass(frozen=True)
class Library:
    """How a function's arguments are made of tensors."""

    name: str
    given: Callable[[torch.Tensor], Any]

    def adapted(
        self, function: Callable[..., Any] | None, widened: set[str] | None = None
    ) -> Callable[..., Any] | None:
        """The function, called with this library's arrays, returning tensors; `widened` gains what is said of it."""
        if function is None or self is TORCH:
            return function

        # TRUST: numpy-is-double
        def as_single(value: Any) -> Any:
            """What NumPy makes of float32 and its own float64 (`np.zeros(n)`), as the inputs are."""
            if not isinstance(value, torch.Tensor) or value.dtype != torch.float64:
                return value
            if widened is not None:
                widened.add("it answers float32 with float64, as NumPy's defaults do: compared as rounded to float32")
            return value.float()

        def call(*arguments: Any) -> Any:
            dtypes = [a.dtype for a in arguments if isinstance(a, torch.Tensor) and a.is_floating_point()]
            found = function(*(_mapped(a, self._handed) for a in arguments))
            found = _mapped(_with_numbers(found, dtypes), _tensor)
            return _mapped(found, as_single) if self is _NUMPY and set(dtypes) == {torch.float32} else found

        return call

    def _handed(self, value: Any) -> Any:
        return self.given(value) if isinstance(value, torch.Tensor) else value


TORCH = Library("torch", lambda tensor: tensor)
_NUMPY = Library("NumPy", lambda tensor: tensor.detach().numpy())


def libraries_of(
    subject: Subject, arguments: tuple[Sequence[torch.Tensor], Sequence[torch.Tensor]], example: Sequence[Any] = ()
) -> tuple[Library, Library]:
    """The libraries whose arrays forward and backward take: one for both where one will do, torch in doubt.

    `arguments` are tensors and upstream gradients to try it with, `example` has the arrays that were given.
    """
    functions = (subject.forward_function, subject.backward_function)
    wanted = sum(function is not None for function in functions)

    def reached(both: tuple[Library, Library]) -> int:
        """How many of the two functions come to an end, in the dtype in which most do."""
        forward, backward = (library.adapted(f) for library, f in zip(both, functions, strict=True))
        tried = replace(subject, forward_function=forward, backward_function=backward)
        return max(ended(tried, dtype) for dtype in (torch.float64, torch.float32))

    def ended(tried: Subject, dtype: torch.dtype) -> int:
        tensors, upstream = (
            [t.to(dtype, copy=True) if t.is_floating_point() else t.clone() for t in some] for some in arguments
        )
        done = 0
        with tried.running(), contextlib.suppress(Misbehaviour):
            outputs, saved = tried.forward(tensors)
            done += all(isinstance(u, torch.Tensor) for u in outputs) and tried.forward_function is not None
            found = tried.backward(saved, upstream, tensors)
            done += all(g is None or isinstance(g, torch.Tensor) for g in found) and tried.backward_function is not None
        return done

    libraries = _libraries(example, functions)
    same = [(library, library) for library in libraries]
    apart = list(itertools.permutations(libraries, 2)) if wanted > 1 else []
    best, most = (TORCH, TORCH), -1
    for both in (*same, *apart):
        done = reached(both)
        if done > most:
            best, most = both, done
        if done == wanted:
            break
    return best


def _libraries(example: Sequence[Any], functions: Sequence[Any]) -> list[Library]:
    """The libraries to be tried, in this order."""
    named = set() if functions[-1] is None else modules_named(*functions)  # what torch records is made of tensors
    arrays = any(isinstance(value, np.ndarray) for value in example) or ("numpy" in named and "torch" not in named)
    spaces: dict[str, Any] = {}
    for value in example:
        if is_foreign(value) and hasattr(value, "__array_namespace__"):
            space = value.__array_namespace__()
            spaces[getattr(space, "__name__", str(space))] = space
    if "jax" in sys.modules:
        spaces.setdefault("jax.numpy", sys.modules["jax"].numpy)
    others = [Library(name, partial(_in_space, space)) for name, space in spaces.items()]
    own = [_NUMPY, TORCH] if arrays else [TORCH, _NUMPY]
    return [*own, *others]


def _in_space(space: Any, tensor: torch.Tensor) -> Any:
    """The tensor as an array of the namespace."""
    return space.asarray(tensor.detach().numpy())


def is_foreign(value: Any) -> bool:
    """Whether it is an array of neither torch nor NumPy."""
    plain = isinstance(value, torch.Tensor | np.ndarray | np.generic)
    return not plain and not isinstance(value, type) and any(hasattr(value, n) for n in ("__dlpack__", "__array__"))


def as_numpy(value: Any) -> Any:
    """The array that an array of another library is."""
    if not hasattr(value, "__array__"):
        return np.array(np.from_dlpack(value))
    return np.array(value)


def _tensor(value: Any) -> Any:
    """The tensor that an array is; anything else as it is."""
    if is_foreign(value):
        value = as_numpy(value)
    if isinstance(value, np.generic | np.ndarray) and np.asarray(value).dtype.kind in "biufc":
        array = np.asarray(value)
        shared = array.flags.writeable and all(n >= 0 for n in array.strides)
        return torch.from_numpy(array if shared else array.copy())
    return value


def _with_numbers(found: Any, dtypes: Sequence[torch.dtype]) -> Any:
    """What a function returned, with a tensor of the arguments' dtype for a Python number among its results."""
    if isinstance(found, float) and dtypes:
        return torch.tensor(found, dtype=dtypes[0])
    if type(found) in (tuple, list):
        return type(found)(torch.tensor(v, dtype=dtypes[0]) if isinstance(v, float) and dtypes else v for v in found)
    return found


def _mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    """The value with the function applied to all that is in its tuples, lists and mappings."""
    if isinstance(value, Mapping):
        return {key: _mapped(v, function) for key, v in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_mapped(v, function) for v in value) if type(value) in (tuple, list) else value
    return function(value)
