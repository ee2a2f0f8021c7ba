"""The kinds of networks that are measured, a file each, and their names.

mlp           linear layers with ReLU between them
cnn           the small convolutional network that reads digits
transformer   one block of attention, whose tokens are the rows of an image
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from scratchgrad.bench.kinds.cnn import Cnn
from scratchgrad.bench.kinds.mlp import Mlp
from scratchgrad.bench.kinds.transformer import Transformer
from scratchgrad.bench.problem import Problem

__all__ = ["NETWORKS", "Cnn", "Mlp", "Transformer", "applicable", "named", "restored"]

KINDS: dict[str, type[Problem]] = {cls.kind: cls for cls in (Mlp, Cnn, Transformer)}
NETWORKS: dict[str, tuple[tuple[int, ...], int]] = {
    "a": ((64, 32, 10), 32),
    "b1": ((784, 256, 10), 64),
    "b2": ((784, 512, 256, 10), 128),
    "d": ((*[64] * 32, 10), 32),
    "c": ((4096, 4096, 4096, 10), 256),
    "m": ((*[1024] * 64, 10), 1024),
}


def named(text: str, dtype: str = "float32") -> Problem:
    """The problem of this name: a, b1, ..., cnn, transformer, or sizes; x128 behind it is a batch of 128, else 32.

    Raises ValueError where it is none of these.
    """
    if text in NETWORKS:
        sizes, batch = NETWORKS[text]
        return Mlp(batch, dtype, sizes=sizes)
    name, cross, rest = text.partition("x")
    batch = int(rest) if cross else 32
    sizes = () if name in KINDS else tuple(map(int, name.split("-")))
    if batch < 1 or any(n < 1 for n in sizes) or (name not in KINDS and len(sizes) < 2) or name == Mlp.kind:
        raise ValueError(f"{text!r} is no network")
    return KINDS[name](batch, dtype) if name in KINDS else Mlp(batch, dtype, sizes=sizes)


def restored(text: str) -> Problem:
    """The problem that `described` wrote."""
    described: dict[str, Any] = json.loads(text)
    kind = KINDS[described.pop("kind")]
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in described.items()}
    return kind(**fields)


def applicable(problem: Problem, contestants: Sequence[str]) -> list[str]:
    """Those that there are for this kind of network."""
    return [name for name in contestants if name not in problem.lacks]
