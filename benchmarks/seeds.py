"""Verdicts that depend on random numbers, of which there should be none.

    python benchmarks/seeds.py [--seeds 50] [--room-seeds 5] [--minutes 60] [--resume FILE]

Certifies the collected gradients of people (tests/certification/collected: wrong ones, and right ones written in
unusual ways) with --seeds other seeds, and all rooms with --room-seeds, and lists every verdict that is not the usual
one.  With --resume results are appended as lines of JSON, and what the file has is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
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
from tests.certification.seeds import other_seed


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


def work(seeds: int, room_seeds: int) -> Iterator[tuple[int, str, str, Callable[[], str]]]:
    """(seed, name, the verdict that is right, the call): all cases for the first seed, then for the next."""
    for seed in range(1, max(seeds, room_seeds) + 1):
        if seed <= seeds:
            for right, cases in (("refused", WRONG), ("accepted", UNUSUAL)):
                for name, case in cases.items():
                    yield seed, f"{right}: {name}", right, lambda case=case: collected(*case)
        if seed <= room_seeds:
            for name in registry.names():
                yield seed, f"room: {name}", "accepted", lambda name=name: room(name)


def main() -> None:
    """Certify under all seeds, and print what changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--room-seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--resume")
    options = parser.parse_args()
    file = Path(options.resume) if options.resume else None
    done: dict[tuple[int, str], str] = {}
    if file is not None and file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            seed, name, word = json.loads(line)
            done[seed, name] = word
    until = time.time() + 60 * options.minutes
    wrong = []
    for seed, name, right, call in work(options.seeds, options.room_seeds):
        if (seed, name) not in done:
            if time.time() > until:
                break
            with other_seed(seed):
                done[seed, name] = call()
            if file is not None:
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps([seed, name, done[seed, name]]) + "\n")
        if not done[seed, name].startswith(right):
            wrong.append((seed, name, done[seed, name]))
            print(f"seed {seed}: {name}: {done[seed, name]}", flush=True)
    seeds = Counter(seed for seed, _ in done)
    print(f"{len(done)} verdicts, {len(seeds)} seeds; {len(wrong)} are not the usual ones")


if __name__ == "__main__":
    main()
