"""How long it takes to derive every room: element, vector and batched form of every gradient.

    python benchmarks/derive.py [--json]

Seconds of CPU time of this process, each room derived anew; SymPy's import is timed apart.  Before a room counts, its
element forms are evaluated once, so that nothing is timed that does not work.  The target for the lab's seven is 5 s.
"""

from __future__ import annotations

import argparse
import json
import time

LAB = ("linear", "relu", "softmax_cross_entropy", "squared_norm", "l2_loss", "scale", "add")


def seconds(name: str) -> float:
    """The CPU time of deriving one room."""
    from scratchgrad.gradients import derive

    start = time.process_time()
    d = derive(name)
    for gradient in d.values():
        assert gradient.element.is_commutative  # a form, not None
        _ = gradient.vector, gradient.batched
    return time.process_time() - start


def main() -> None:
    """Print the time of every room, and of the lab's together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one line of JSON: seconds by room")
    arguments = parser.parse_args()
    start = time.process_time()
    from scratchgrad import registry
    from scratchgrad.gradients import derive

    loaded = time.process_time() - start
    derive("linear")["W"].evaluate({"u": [1.0]}, {"x": [1.0], "W": [[1.0]], "b": [0.0]})
    times = {name: seconds(name) for name in registry.names()}
    if arguments.json:
        print(json.dumps(times))
        return
    print(f"{'importing SymPy and the mathematics':<40} {loaded:6.2f} s")
    for name, time_of_one in times.items():
        print(f"{name:<40} {time_of_one:6.2f} s")
    print(f"{'the seven of the lab':<40} {sum(times[n] for n in LAB):6.2f} s   target < 5 s")
    print(f"{'all ' + str(len(times)):<40} {sum(times.values()):6.2f} s")


if __name__ == "__main__":
    main()
