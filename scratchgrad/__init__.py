"""scratchgrad: write a layer's forward equation once; get its derivation, its kernel, and the proof that they agree.

    import scratchgrad as sg

Importing the package loads neither torch nor SymPy (PEP 562): a name is fetched from its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scratchgrad.certification import Verdict as Verdict
    from scratchgrad.certification import certify as certify
    from scratchgrad.gradients import derive as derive
    from scratchgrad.layer import Layer as Layer
    from scratchgrad.notation.limits import OutOfTime as OutOfTime
    from scratchgrad.notation.limits import TooLarge as TooLarge
    from scratchgrad.notation.limits import limits as limits
    from scratchgrad.signature import ShapeMismatch as ShapeMismatch
    from scratchgrad.signature import Signature as Signature
    from scratchgrad.tape import Network as Network
    from scratchgrad.tape import Sequential as Sequential
    from scratchgrad.train import SGD as SGD
    from scratchgrad.train import Adam as Adam
    from scratchgrad.train import AdamW as AdamW
    from scratchgrad.train import Constant as Constant
    from scratchgrad.train import Cosine as Cosine
    from scratchgrad.train import Step as Step
    from scratchgrad.train.data import Batches as Batches
    from scratchgrad.train.data import Dataset as Dataset
    from scratchgrad.train.data import load_data as load_data

__version__ = "0.1.0"

# Public name -> the module that has it.  No name may also be that of a module in this folder: importing the module
# would put it in the name's place (tests/test_import.py).
_HOMES = {
    "Verdict": "scratchgrad.certification",
    "certify": "scratchgrad.certification",
    "derive": "scratchgrad.gradients",
    "Layer": "scratchgrad.layer",
    "OutOfTime": "scratchgrad.notation.limits",
    "TooLarge": "scratchgrad.notation.limits",
    "limits": "scratchgrad.notation.limits",
    "ShapeMismatch": "scratchgrad.signature",
    "Signature": "scratchgrad.signature",
    "Network": "scratchgrad.tape",
    "Sequential": "scratchgrad.tape",
    "SGD": "scratchgrad.train",
    "Adam": "scratchgrad.train",
    "AdamW": "scratchgrad.train",
    "Constant": "scratchgrad.train",
    "Cosine": "scratchgrad.train",
    "Step": "scratchgrad.train",
    "Batches": "scratchgrad.train.data",
    "Dataset": "scratchgrad.train.data",
    "load_data": "scratchgrad.train.data",
}

__all__ = sorted(("__version__", *_HOMES))  # noqa: PLE0605  # the table is the one list of names


def __getattr__(name: str) -> Any:
    """The public name, from its module; from then on it is an ordinary attribute."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_HOMES))}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    """The public names, fetched or not yet."""
    return list(__all__)
