"""For people who test gradients: assertions, hypothesis strategies, a pytest plugin, and marks for the grader.

    from scratchgrad.testing import assert_backward, layers, members, networks, shapes, tensors

Importing the package loads neither torch nor SymPy nor hypothesis (PEP 562): a name is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scratchgrad.grading.mark import grades as grades
    from scratchgrad.testing.agreeing import Agreement as Agreement
    from scratchgrad.testing.agreeing import gradients_agree as gradients_agree
    from scratchgrad.testing.asserting import assert_backward as assert_backward
    from scratchgrad.testing.layer_cases import layers as layers
    from scratchgrad.testing.network_cases import networks as networks
    from scratchgrad.testing.strategies import members as members
    from scratchgrad.testing.strategies import shapes as shapes
    from scratchgrad.testing.strategies import tensors as tensors

_HOMES = {
    "Agreement": "scratchgrad.testing.agreeing",
    "assert_backward": "scratchgrad.testing.asserting",
    "gradients_agree": "scratchgrad.testing.agreeing",
    "grades": "scratchgrad.grading.mark",
    "layers": "scratchgrad.testing.layer_cases",
    "members": "scratchgrad.testing.strategies",
    "networks": "scratchgrad.testing.network_cases",
    "shapes": "scratchgrad.testing.strategies",
    "tensors": "scratchgrad.testing.strategies",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  # the table is the one list of names


def __getattr__(name: str) -> Any:
    """The public name, from its module.  Raises ImportError where hypothesis is missing, saying how to install it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_HOMES))}")
    try:
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        message = f"scratchgrad.testing.{name} needs hypothesis: pip install 'scratchgrad[testing]'"
        raise ImportError(message, name="hypothesis") from error
    return value


def __dir__() -> list[str]:
    """The public names, fetched or not yet."""
    return list(__all__)
