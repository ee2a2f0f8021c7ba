"""How long it takes to certify a room, and to refuse a wrong kernel with its diagnosis.

    python benchmarks/certify.py [--rounds 3] [NAMES...]
    python benchmarks/certify.py --every [--json]
    python benchmarks/certify.py --sizes

Proofs are included.  Validated before it is timed: the room's own kernel must be accepted, the planted mistake
(backward returns twice the gradients) refused.  Figures are the smallest processor time of the rounds, each in a fresh
interpreter, imports left out; one thread.  Targets: the lab's rooms in under 20 s together, a refusal in under 2 s.
--every certifies every room once, one after the other in this process, and refuses none.
--sizes certifies large ones, as functions and as texts, and twenty small kernels one after the other.  Targets: 5 s
each for a softmax of 2 x 5000 and a linear layer of 128 x 128, under 1 s for a small kernel after the first, 12 s for
twenty.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from functools import partial
from typing import Any

LAB = ("add", "l2_loss", "linear", "relu", "scale", "softmax_cross_entropy", "squared_norm")

TIMED = """
import sys, time, types
import torch
from scratchgrad import registry
from scratchgrad.certification import certify, certify_room
from scratchgrad.layer import Layer

torch.set_num_threads(1)
name = sys.argv[1]
start = time.process_time()
verdict = certify_room(name)
accepting = time.process_time() - start
room = registry.layer(name)
wrong = Layer(name, str(room.signature), room.equation, shared=" ".join(room.shared))


class Twice(room.kernel_class):
    @staticmethod
    def backward(saved, *grads):
        found = room.kernel_class.backward(saved, *grads)
        return tuple(g if g is None else 2 * g for g in (found if isinstance(found, tuple) else (found,)))


wrong.kernel(Twice)
start = time.process_time()
refused = certify(wrong)
refusing = time.process_time() - start
assert verdict.accepted, verdict
assert not refused.accepted
assert any("2 x right" in line for line in refused.diagnosis), refused
print(accepting, refusing, sum(verdict.evidence["probes"].values()), verdict.evidence["entries_compared"])
"""


def measured(name: str, rounds: int) -> tuple[float, float, int, int]:
    """Seconds to accept, seconds to refuse, probes, numbers compared."""
    best: list[tuple[float, float, int, int]] = []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, "-c", TIMED, name],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        accepting, refusing, probes, numbers = done.stdout.split()
        best.append((float(accepting), float(refusing), int(probes), int(numbers)))
    return min(b[0] for b in best), min(b[1] for b in best), best[0][2], best[0][3]


def every() -> dict[str, float]:
    """Seconds of processor time to certify each room, certificates and generated kernels being read from nowhere."""
    import torch

    from scratchgrad import registry
    from scratchgrad.certification import certify_room

    torch.set_num_threads(1)
    found = {}
    for name in registry.with_variants():
        start = time.process_time()
        verdict = certify_room(name)
        found[name] = time.process_time() - start
        assert verdict.accepted, verdict
    return found


def sizes() -> dict[str, float]:
    """Seconds of processor time for large examples, for named sizes, and for twenty small kernels after a first one."""
    import torch

    from scratchgrad.certification import certify

    torch.set_num_threads(1)

    def softmax(v: Any) -> Any:
        return v.softmax(-1)

    def softmax_backward(g: Any, v: Any) -> Any:
        p = v.softmax(-1)
        return p * (g - (g * p).sum(-1, keepdim=True))

    def linear(x: Any, W: Any, b: Any) -> Any:
        return x @ W.mT + b

    def linear_backward(g: Any, x: Any, W: Any, b: Any) -> Any:
        return g @ W, g.mT @ x, g.sum(0)

    def scaled(factor: int) -> tuple[str, Any, Any]:
        return (
            f"h[i] = {factor}*u[i]**2 + tanh(u[i])",
            lambda u: factor * u**2 + u.tanh(),
            lambda g, u: g * (2 * factor * u + 1 - u.tanh() ** 2),
        )

    double = {"dtype": torch.float64}
    rows = (torch.randn(2, 5000, **double),)
    layer = (torch.randn(4, 128, **double), torch.randn(128, 128, **double), torch.randn(128, **double))
    long, wide = {"n_i": 5000, "batch": 2}, {"n_i": 128, "n_j": 128, "batch": 4}
    small = [scaled(factor) for factor in range(2, 22)]

    def timed(*calls: Any) -> float:
        start = time.process_time()
        verdicts = [call() for call in calls]
        spent = time.process_time() - start
        assert all(verdict.accepted for verdict in verdicts), verdicts
        return spent

    timed(lambda: certify("tanh"))  # imports, and what a process does once
    return {
        "softmax 2 x 5000, a function": timed(lambda: certify(softmax, softmax, softmax_backward, rows)),
        "softmax 2 x 5000, sizes=": timed(lambda: certify("softmax", softmax, softmax_backward, sizes=long)),
        "linear 128 x 128, a function": timed(lambda: certify(linear, linear, linear_backward, layer)),
        "linear 128 x 128, sizes=": timed(lambda: certify("linear", linear, linear_backward, sizes=wide)),
        "one small kernel": timed(lambda: certify(*scaled(22))),
        "twenty small kernels": timed(*(partial(certify, *one) for one in small)),
    }


def main() -> None:
    """Print a line for each room, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=LAB)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", action="store_true", help="every room, accepted once")
    parser.add_argument("--sizes", action="store_true", help="large sizes, and many small kernels")
    parser.add_argument("--json", action="store_true", help="with --every: one line of JSON, seconds by room")
    arguments = parser.parse_args()
    if arguments.every or arguments.sizes:
        found = every() if arguments.every else sizes()
        lines = [f"{name:<32}{seconds:>8.2f} s" for name, seconds in found.items()]
        together = f"{'together':<32}{sum(found.values()):>8.2f} s"
        print(json.dumps(found) if arguments.json else "\n".join([*lines, together]))
        return
    total = 0.0
    print(f"{'layer':<24}{'accepted in':>12}{'refused in':>12}{'probes':>8}{'numbers':>9}")
    for name in arguments.names:
        accepting, refusing, probes, numbers = measured(name, arguments.rounds)
        total += accepting
        print(f"{name:<24}{accepting:>10.2f} s{refusing:>10.2f} s{probes:>8}{numbers:>9}")
    print(f"{'together':<24}{total:>10.2f} s")


if __name__ == "__main__":
    main()
