"""A transformer of one block, before which every norm stands; its tokens are the rows of an image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scratchgrad.bench.problem import Problem

if TYPE_CHECKING:
    from scratchgrad.tape import Network

__all__ = ["Transformer"]

_D, _TOKENS, _CLASSES = 32, 8, 10
_NAMES = (
    *("P", "W_e", "b_e", "gamma_1", "beta_1", "W_q", "b_q", "W_k", "b_k", "W_v", "b_v", "W_o", "b_o"),
    *("gamma_2", "beta_2", "W_f", "b_f", "W_g", "b_g", "gamma_3", "beta_3", "W_s", "b_s"),
)
_WIDTHS = {"e": (_D, _TOKENS), "f": (2 * _D, _D), "g": (_D, 2 * _D), "s": (_CLASSES, _D)}  # the others are square


@dataclass(frozen=True)
class Transformer(Problem):
    """Eight tokens of 32 entries, one head, a layer of 64 behind it, ten classes."""

    kind: ClassVar[str] = "transformer"

    @property
    def inputs(self) -> tuple[int, ...]:
        """The shape of a sample."""
        return (_TOKENS, _TOKENS)

    @property
    def classes(self) -> int:
        """How many scores there are."""
        return _CLASSES

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """In the order of their names."""
        found: list[tuple[int, ...]] = []
        for name in _NAMES:
            what, _, layer = name.partition("_")
            weight = _WIDTHS.get(layer, (_D, _D))
            found.append({"P": (_TOKENS, _D), "W": weight, "b": weight[:1]}.get(what, (_D,)))
        return found

    @property
    def matrices(self) -> list[int]:
        """Those of the linear layers, not the tokens' places."""
        return [k for k, name in enumerate(_NAMES) if name.startswith("W")]

    def start(self, random: np.random.Generator) -> list[Any]:
        """As ever, gains around 1."""
        return [p + p.dtype.type(n.startswith("gamma")) for p, n in zip(super().start(random), _NAMES, strict=True)]

    def network(self) -> Network:
        """As in README."""
        import torch

        from scratchgrad.tape import Network

        net = Network(dtype=getattr(torch, self.dtype))
        x, y = net.input("x", self.inputs), net.target("y", _CLASSES)
        p = {n: net.parameter(n, shape) for n, shape in zip(_NAMES, self.shapes, strict=True)}

        def linear(h: Any, name: str) -> Any:
            return net.add("linear", h, p[f"W_{name}"], p[f"b_{name}"])

        def norm(h: Any, name: str) -> Any:
            return net.add("layer_norm", h, p[f"gamma_{name}"], p[f"beta_{name}"], 1e-5)

        h: Any = net.add("add", linear(x, "e"), p["P"])
        a = norm(h, "1")
        attended = net.add("scaled_dot_product_attention", linear(a, "q"), linear(a, "k"), linear(a, "v"))
        h = net.add("add", h, linear(attended, "o"))
        h = net.add("add", h, linear(net.add("gelu", linear(norm(h, "2"), "f")), "g"))
        scores = linear(net.add("mean", norm(h, "3")), "s")
        net.minimize(net.add("softmax_cross_entropy", scores, y, name=("o", "L"))[1])
        return net

    def module(self) -> Any:
        """Torch's own layers, and its attention."""
        import torch
        from torch import nn

        class Block(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.P = nn.Parameter(torch.empty(_TOKENS, _D))
                self.e, self.norm_1 = nn.Linear(_TOKENS, _D), nn.LayerNorm(_D)
                self.q, self.k, self.v, self.o = (nn.Linear(_D, _D) for _ in range(4))
                self.norm_2, self.f, self.g = nn.LayerNorm(_D), nn.Linear(_D, 2 * _D), nn.Linear(2 * _D, _D)
                self.norm_3, self.s = nn.LayerNorm(_D), nn.Linear(_D, _CLASSES)

            def forward(self, x: torch.Tensor) -> Any:
                h = self.e(x) + self.P
                a = self.norm_1(h)
                h = h + self.o(nn.functional.scaled_dot_product_attention(self.q(a), self.k(a), self.v(a)))
                h = h + self.g(nn.functional.gelu(self.f(self.norm_2(h))))
                return self.s(self.norm_3(h).mean(1))

        return Block()

    def scores(self, jax: Any, P: list[Any], x: Any) -> Any:
        """The same lines."""
        p = dict(zip(_NAMES, P, strict=True))

        def linear(h: Any, name: str) -> Any:
            return h @ p[f"W_{name}"] + p[f"b_{name}"]

        def norm(h: Any, name: str) -> Any:
            centred = h - h.mean(-1, keepdims=True)
            scale = jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
            return centred * scale * p[f"gamma_{name}"] + p[f"beta_{name}"]

        h = linear(x, "e") + p["P"]
        a = norm(h, "1")
        match = linear(a, "q") @ linear(a, "k").swapaxes(1, 2) / _D**0.5
        h = h + linear(jax.nn.softmax(match) @ linear(a, "v"), "o")
        h = h + linear(jax.nn.gelu(linear(norm(h, "2"), "f"), approximate=False), "g")
        return linear(norm(h, "3").mean(1), "s")

    def small(self) -> Problem:
        """The same at a small batch."""
        return replace(self, batch=min(self.batch, 8), dtype="float64")

    def __str__(self) -> str:
        """Its name and batch."""
        return f"transformer B{self.batch}"
