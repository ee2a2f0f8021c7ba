"""What property tests of gradients cost: a draw of `tensors`, and `case.check` for every room.

    python benchmarks/testing.py [--examples 50] [--json]

Milliseconds of CPU time of this process, the median of the examples; for `tensors` all that hypothesis does for one is
counted.  Before a room counts, a backward that is wrong by a thousandth must fail.  Targets: a (64, 64) tensor in
milliseconds, a check in under 5.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from hypothesis import HealthCheck, given, settings

from scratchgrad import registry
from scratchgrad.testing import layers, tensors

SHAPES = ((3, 4), (64, 64), (512, 512))
VISIBLE = 0.01
"""A thousandth of a gradient that is larger must be seen."""


def drawn(strategy: Any, examples: int, use: Callable[[Any], None]) -> None:
    """Use some examples of the strategy."""

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def run(example: Any) -> None:
        use(example)

    run()


def draws(shape: tuple[int, ...], examples: int) -> float:
    """Milliseconds for a tensor of the shape."""
    seen: list[torch.Tensor] = []
    began = time.process_time()
    drawn(tensors(shape), examples, seen.append)
    return 1e3 * (time.process_time() - began) / len(seen)


def checks(name: str, examples: int) -> tuple[float, float]:
    """Milliseconds for a check of the room's kernel, and the share of checks that need no exact numbers."""
    kernel = registry.kernel(name)
    cases: list[Any] = []
    drawn(layers(name), examples, cases.append)
    assert any(fails(case, kernel) for case in cases), f"{name}: a wrong backward is accepted"
    times = []
    for case in cases:
        began = time.process_time()
        case.check(kernel.forward, kernel.backward)
        times.append(1e3 * (time.process_time() - began))
    return median(times), sum(ms < 5 for ms in times) / len(times)


def fails(case: Any, kernel: Any) -> bool:
    """Whether a backward that is a thousandth off fails, where its gradient is large enough to show."""

    def off(saved: Any, *grads: Any) -> tuple[Any, ...]:
        found = kernel.backward(saved, *grads)
        found = found if isinstance(found, tuple) else (found,)
        return tuple(None if g is None else 1.001 * g for g in found)

    right = kernel.backward(kernel.forward(*case.inputs.values())[1], *case.grad_outputs.values())
    right = right if isinstance(right, tuple) else (right,)
    if not any(g is not None and bool((g.abs() > VISIBLE).any()) for g in right):
        return False
    try:
        case.check(kernel.forward, off)
    except AssertionError:
        return True
    raise SystemExit(f"{case}: a wrong backward is accepted")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    given_ = parser.parse_args()
    torch.set_num_threads(1)
    draws(SHAPES[0], 5)  # imports
    table = {f"tensors({shape})": {"ms": draws(shape, given_.examples)} for shape in SHAPES}
    for name in registry.names():
        ms, share = checks(name, given_.examples)
        table[f"check {name}"] = {"ms": ms, "under 5 ms": share}
    if given_.json:
        print(json.dumps(table, indent=2))
        return
    for name, row in table.items():
        share = f"   {100 * row['under 5 ms']:3.0f} % under 5 ms" if "under 5 ms" in row else ""
        print(f"{name:40} {row['ms']:7.2f} ms{share}")


if __name__ == "__main__":
    main()
