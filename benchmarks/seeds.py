"""Verdicts that depend on random numbers, of which there should be none.

    python benchmarks/seeds.py [--seeds 50] [--share 5] [--room-seeds 5] [--minutes 60] [--resume FILE]

Certifies the collected gradients of people (tests/certification/collected: wrong ones, and right ones written in
unusual ways) with --seeds other seeds, and all rooms with --room-seeds, and lists every verdict that is not the usual
one.  With --share 5 each seed gets a fifth of the collected ones, in turn.  With --resume results are appended as lines
of JSON, and what the file has is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))  # where tests lie

import scratchgrad as sg
from scratchgrad import registry
from scratchgrad.certification.certifying import battery_of, kernel_subject
from scratchgrad.certification.judging import judge
from scratchgrad.certification.specification import specify
from tests.certification.collected.unusual import UNUSUAL
from tests.certification.collected.wrong import WRONG
from tests.certification.seeds import in_few_words, other_seed


def room(name: str) -> str:
    """What certification says of a room's own kernel."""
    layer = registry.layer(name)
    specification = specify(layer)
    return _word(judge(battery_of(specification), kernel_subject(layer, specification)))


def collected(specification: Any, forward: Any, backward: Any, example: Any = None) -> str:
    """What certification says of two functions."""
    return _word(sg.certify(specification, forward, backward, example=example))


def _word(verdict: Any) -> str:
    proven = ", proven" if verdict.proven else ""
    return f"accepted{proven}" if verdict.accepted else "refused" if verdict.judged else "not judged"


def cases(seed: int, options: argparse.Namespace) -> Iterator[tuple[str, str, Callable[[], str]]]:
    """(name, the verdict that is right, the call) of everything that is certified with this seed."""
    if seed <= options.seeds:
        every = [("refused", *one) for one in WRONG.items()] + [("accepted", *one) for one in UNUSUAL.items()]
        for right, name, case in every[seed % options.share :: options.share]:
            yield f"{right}: {name}", right, lambda case=case: collected(*case)
    if seed <= options.room_seeds:
        for name in registry.names():
            yield f"room: {name}", "accepted", lambda name=name: room(name)


def main() -> None:
    """Certify under all seeds, and print what changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--room-seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--resume")
    options = parser.parse_args()
    file = Path(options.resume) if options.resume else None
    lines = file.read_text(encoding="utf-8").splitlines() if file is not None and file.exists() else []
    done = {(seed, name): word for seed, name, word in map(json.loads, lines)}
    until = time.time() + 60 * options.minutes
    wrong = 0
    for seed in range(1, max(options.seeds, options.room_seeds) + 1):
        with other_seed(seed), in_few_words():
            for name, right, call in cases(seed, options):
                if (seed, name) not in done and time.time() < until:
                    done[seed, name] = call()
                    if file is not None:
                        with file.open("a", encoding="utf-8") as out:
                            out.write(json.dumps([seed, name, done[seed, name]]) + "\n")
                if not done.get((seed, name), right).startswith(right):
                    wrong += 1
                    print(f"seed {seed}: {name}: {done[seed, name]}", flush=True)
    print(f"{len(done)} verdicts, {len({seed for seed, _ in done})} seeds; {wrong} are not the usual ones")


if __name__ == "__main__":
    main()
