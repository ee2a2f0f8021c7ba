"""The floor, which is no contestant: the matrix products of a step, into memory that is there, and nothing else.

In   a network of linear layers
Out  step(k), from Python through torch.mm(out=), or from C through torch's own BLAS

No trainer that calls the same products can be faster.  Forward, the gradient of every layer's input but the first's,
and each weight's gradient added to the weight.
"""

from __future__ import annotations

import ctypes
from itertools import pairwise

import torch
from torch import Tensor

from scratchgrad.bench.kinds import Mlp
from scratchgrad.bench.problem import Problem, Skipped
from scratchgrad.program.native.build import NoCompiler, library, product

__all__ = ["Floor", "FloorFromC"]

_ALPHA = 1e-30  # the weights stay what they are


class Floor:
    """The products, called from Python."""

    def __init__(self, problem: Problem) -> None:
        """Raises Skipped where the network is not one of linear layers alone."""
        if not isinstance(problem, Mlp):
            raise Skipped(f"there is no floor for a {problem.kind}")
        self.mode = torch.inference_mode()
        self.mode.__enter__()
        dtype, generator = getattr(torch, problem.dtype), torch.Generator().manual_seed(problem.seed)
        self.h = [torch.randn(problem.batch, n, dtype=dtype, generator=generator) for n in problem.sizes]
        self.g = [torch.randn(problem.batch, n, dtype=dtype, generator=generator) for n in problem.sizes]
        self.W = [torch.randn(o, i, dtype=dtype, generator=generator) for i, o in pairwise(problem.sizes)]
        h, g, W = self.h, self.g, self.W
        self._forward = [(h[k], W[k].t(), h[k + 1]) for k in range(len(W))]
        self._back = [(g[k + 1], W[k], g[k], W[k].addmm_, g[k + 1].t(), h[k]) for k in reversed(range(len(W)))]

    def step(self, k: int) -> None:
        """The products of one step."""
        mm, last = torch.mm, len(self._back) - 1
        for a, b, out in self._forward:
            mm(a, b, out=out)
        for number, (g, W, into, add, gT, h) in enumerate(self._back):
            if number != last:
                mm(g, W, out=into)
            add(gT, h, alpha=_ALPHA)

    def parameters(self) -> list[Tensor]:
        """What the products have made, the last of each place."""
        return [*self.h[1:], *self.g[1:-1], *self.W]


class FloorFromC(Floor):
    """The same products in the same memory, called from one C function."""

    def __init__(self, problem: Problem) -> None:
        """Raises Skipped where there is no compiler."""
        super().__init__(problem)
        real = "s" if self.h[0].dtype == torch.float32 else "d"
        try:
            loaded, gemm = library(_source(self.h, real)), product(real)
        except NoCompiler as reason:
            self.mode.__exit__(None, None, None)
            raise Skipped(str(reason)) from reason
        loaded.products.argtypes, loaded.products.restype = [ctypes.c_void_p] * 2, None
        pointers = [t.data_ptr() for t in (*self.h, *self.g, *self.W)]
        self._pointers = (ctypes.c_void_p * len(pointers))(*pointers)
        self._products, self._given = loaded.products, (gemm, ctypes.addressof(self._pointers))

    def step(self, k: int) -> None:
        """The products of one step."""
        self._products(*self._given)


def _source(h: list[Tensor], real: str) -> str:
    """C: a line a product; BLAS counts by columns, where a matrix of rows is its transpose."""
    batch, sizes = len(h[0]), [t.shape[1] for t in h]
    n, lines = len(sizes), []

    def line(*given: object) -> None:
        lines.append(f"    run(gemm, {', '.join(map(str, given))});")

    for k, (i, o) in enumerate(pairwise(sizes)):  # h' = h W^T
        line("'T'", "'N'", o, batch, i, 1, f"p[{2 * n + k}]", i, f"p[{k}]", i, 0, f"p[{k + 1}]", o)
    for k, (i, o) in reversed(list(enumerate(pairwise(sizes)))):
        if k:  # g = g' W
            line("'N'", "'N'", i, batch, o, 1, f"p[{2 * n + k}]", i, f"p[{n + k + 1}]", o, 0, f"p[{n + k}]", i)
        line("'N'", "'T'", i, o, batch, _ALPHA, f"p[{k}]", i, f"p[{n + k + 1}]", o, 1, f"p[{2 * n + k}]", i)
    return f"""typedef {"float" if real == "s" else "double"} R;
typedef void (*gemm_t)(const char *, const char *, const int *, const int *, const int *, const R *, const R *,
                       const int *, const R *, const int *, const R *, R *, const int *);
static inline void run(gemm_t gemm, char ta, char tb, int m, int n, int k, R alpha, const R *a, int lda, const R *b,
                       int ldb, R beta, R *c, int ldc) {{
    gemm(&ta, &tb, &m, &n, &k, &alpha, a, &lda, b, &ldb, &beta, c, &ldc);
}}
void products(gemm_t gemm, R **p) {{
{chr(10).join(lines)}
}}
"""
