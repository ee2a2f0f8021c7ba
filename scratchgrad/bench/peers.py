"""What we compare ourselves with: the same step by others, each as its own documentation recommends.

Here, and in tests, gradients come from somebody's automatic differentiation.  A peer that is not installed raises
ImportError, and is skipped by name.
"""

from __future__ import annotations

from typing import Any

from scratchgrad.bench.problem import BATCHES, Problem, Skipped

__all__ = ["PEERS"]


def _started(problem: Problem) -> Any:
    """The torch module with the numbers that it starts from."""
    import torch

    module = problem.module().to(getattr(torch, problem.dtype))
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), problem.P, strict=True):
            parameter.copy_(torch.from_numpy(value))
    return module


def _squares(problem: Problem, P: Any) -> Any:
    """The sum of the squared norms of the weight matrices; 0 where nothing decays."""
    return sum(P[k].square().sum() for k in problem.matrices) if problem.decay else 0.0


class Eager:
    """torch: a module, cross_entropy, loss.backward(), optim.SGD."""

    options: dict[str, Any] = {}  # noqa: RUF012  # a constant of each subclass

    def __init__(self, problem: Problem) -> None:
        import torch

        self.problem, self.module = problem, _started(problem)
        self.P = list(self.module.parameters())
        self.X = [torch.from_numpy(x) for x in problem.X]
        self.y = [torch.from_numpy(y) for y in problem.y]
        self.optimizer = torch.optim.SGD(self.P, lr=problem.lr, **self.options)
        self.cross_entropy = torch.nn.functional.cross_entropy

    def step(self, k: int) -> Any:
        self.optimizer.zero_grad(set_to_none=True)
        squares = _squares(self.problem, self.P)  # before the network, so that their gradients come last: less memory
        loss = self.cross_entropy(self.module(self.X[k]), self.y[k])
        if self.problem.decay:
            loss = loss + self.problem.decay / 2 * squares
        loss.backward()  # type: ignore[no-untyped-call]  # torch has not written it
        self.optimizer.step()
        return loss.detach()

    def parameters(self) -> list[Any]:
        return [p.detach().numpy() for p in self.P]


class Foreach(Eager):
    """The same with optim.SGD(foreach=True)."""

    options = {"foreach": True}  # noqa: RUF012


class Fused(Eager):
    """The same with optim.SGD(fused=True)."""

    options = {"fused": True}  # noqa: RUF012


class Compiled:
    """torch.compile of the whole step: gradients and update in one graph."""

    def __init__(self, problem: Problem) -> None:
        import torch

        module, functional = _started(problem), torch.nn.functional
        names = [name for name, _ in module.named_parameters()]
        self.P = [p.detach() for p in module.parameters()]
        self.X = [torch.from_numpy(x) for x in problem.X]
        self.y = [torch.from_numpy(y) for y in problem.y]

        def loss(P: list[Any], x: Any, y: Any) -> Any:
            squares = _squares(problem, P)
            scores = torch.func.functional_call(module, dict(zip(names, P, strict=True)), (x,))
            return functional.cross_entropy(scores, y) + problem.decay / 2 * squares

        def whole(P: list[Any], x: Any, y: Any) -> Any:
            gradients, value = torch.func.grad_and_value(loss)(P, x, y)
            for p, g in zip(P, gradients, strict=True):
                p.sub_(problem.lr * g)  # add_(g, alpha=-lr) next to a product loses its alpha: pytorch/pytorch#167313
            return value

        self.compiled = torch.compile(whole, fullgraph=True, dynamic=False)
        self.no_grad = torch.no_grad()
        self.no_grad.__enter__()
        self.compiled([p.clone() for p in self.P], self.X[0], self.y[0])

    def step(self, k: int) -> Any:
        return self.compiled(self.P, self.X[k], self.y[k])

    def parameters(self) -> list[Any]:
        return [p.numpy() for p in self.P]


class Jax:
    """JAX: jit of value_and_grad and update, parameters donated."""

    inner = 1

    def __init__(self, problem: Problem) -> None:
        import jax
        import jax.numpy as jnp
        import numpy as np

        jax.config.update("jax_enable_x64", problem.dtype == "float64")
        self.problem, turned = problem, set(problem.matrices)
        self.P = [jnp.asarray(p.T.copy() if k in turned else p) for k, p in enumerate(problem.P)]
        self.X = [jax.device_put(x) for x in problem.X]
        self.y = [jax.device_put(y.astype(np.int32)) for y in problem.y]
        decay, lr = problem.decay / 2, problem.lr

        def loss(P: Any, x: Any, y: Any) -> Any:
            log_o = jax.nn.log_softmax(problem.scores(jax, P, x))
            cross_entropy = -jnp.take_along_axis(log_o, y[:, None], 1).mean()
            return cross_entropy + decay * sum((P[k] * P[k]).sum() for k in problem.matrices if decay)

        def step(P: Any, x: Any, y: Any) -> Any:
            value, gradients = jax.value_and_grad(loss)(P, x, y)
            return jax.tree.map(lambda p, g: p - lr * g, P, gradients), value

        self.jax, self.np = jax, np
        self.compiled = self.compile(jax, jnp, step)
        self.value: Any = None

    def compile(self, jax: Any, jnp: Any, step: Any) -> Any:
        """The step as one executable."""
        return jax.jit(step, donate_argnums=0).lower(self.P, self.X[0], self.y[0]).compile()

    def step(self, k: int) -> Any:
        self.P, self.value = self.compiled(self.P, self.X[k], self.y[k])
        return self.value

    def parameters(self) -> list[Any]:
        turned = set(self.problem.matrices)
        return [self.np.asarray(p.T if k in turned else p) for k, p in enumerate(self.P)]

    def finish(self) -> None:
        """Wait for what was only asked for."""
        self.jax.block_until_ready((self.P, self.value))


class JaxScan(Jax):
    """JAX: forty steps in one lax.scan."""

    inner = 40

    def compile(self, jax: Any, jnp: Any, step: Any) -> Any:
        X = jnp.stack([self.X[k % BATCHES] for k in range(self.inner)])
        y = jnp.stack([self.y[k % BATCHES] for k in range(self.inner)])
        self.X, self.y = [X] * BATCHES, [y] * BATCHES

        def many(P: Any, X: Any, y: Any) -> Any:
            P, values = jax.lax.scan(lambda p, batch: step(p, *batch), P, (X, y))
            return P, values[-1]

        return jax.jit(many, donate_argnums=0).lower(self.P, X, y).compile()


class Numpy:
    """numpy: forward, backward and update written by hand, for linear layers with ReLU between them."""

    def __init__(self, problem: Problem) -> None:
        import numpy as np

        if problem.kind != "mlp":
            raise Skipped(f"nobody has written a {problem.kind} by hand")
        self.np, self.problem = np, problem
        self.W, self.b = [W.copy() for W in problem.P[::2]], [b.copy() for b in problem.P[1::2]]
        self.rows = np.arange(problem.batch)

    def step(self, k: int) -> Any:
        np, problem = self.np, self.problem
        x, y = problem.X[k], problem.y[k]
        real, n, h = x.dtype.type, len(self.W), [x]
        for layer in range(n):
            u = h[-1] @ self.W[layer].T + self.b[layer]
            h.append(np.maximum(u, 0) if layer < n - 1 else u)
        v = h.pop()
        largest = v.max(1, keepdims=True)
        e = np.exp(v - largest)
        total = e.sum(1, keepdims=True)
        squares = sum(np.vdot(W, W) for W in self.W)
        value = (np.log(total[:, 0]) + largest[:, 0] - v[self.rows, y]).mean() + real(problem.decay / 2) * squares
        g = e / total
        g[self.rows, y] -= 1
        g *= real(1 / problem.batch)
        for layer in range(n - 1, -1, -1):
            grad_W, grad_b = g.T @ h[layer] + real(problem.decay) * self.W[layer], g.sum(0)
            if layer:
                g = (g @ self.W[layer]) * (h[layer] > 0)
            self.W[layer] -= real(problem.lr) * grad_W
            self.b[layer] -= real(problem.lr) * grad_b
        return value

    def parameters(self) -> list[Any]:
        return [p for pair in zip(self.W, self.b, strict=True) for p in pair]


PEERS: dict[str, Any] = {
    "eager": Eager,
    "eager, foreach": Foreach,
    "eager, fused": Fused,
    "torch.compile": Compiled,
    "JAX jit": Jax,
    "JAX, 40 steps in a scan": JaxScan,
    "numpy by hand": Numpy,
}
