"""Mutants of all rooms, judged by certification: python benchmarks/mutants.py writes benchmarks/MUTANTS.md.

    python benchmarks/mutants.py [--rooms relu,gelu] [--kinds size,value] [--limit 20] [--seed 1] [--jobs 1]
                                 [--minutes 75] [--resume FILE] [--again FILE] [--page]

Every mutant is the source of a room's kernel with one planted mistake, wrapped as a kernel, as two plain functions, as
an autograd.Function, or as functions of NumPy arrays (tests/certification/mutation).  It is run beside the room's own
kernel where its mistake shows; then certification judges it.  A survivor, accepted though it computes something else,
is printed with its difference.

--limit    how many mutants of each kind and room
--resume   results are appended to this file as lines of JSON, and those that it has are not judged again
--again    judge those of this file once more that were not refused
--page     write the page from what is kept in benchmarks/mutants.json and in the file of --resume
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))  # where tests lie

from mutants_page import page

from scratchgrad import registry
from tests.certification.mutation.drawing import KINDS, drawn
from tests.certification.mutation.room import Room
from tests.certification.mutation.trial import tried

HERE = Path(__file__).parent

KEPT, PAGE = HERE / "mutants.json", HERE / "MUTANTS.md"

COUNTS = dict(ordinary=140, size=28, value=18, region=24, joint=10, upstream=20, layout=12, dtype=140, calls=12)
"""How many mutants of each kind a room has."""

Record = Mapping[str, Any]


def key(record: Record) -> tuple[str, str]:
    """What a mutant in its wrapper is known by."""
    return record["digest"], record["wrapper"]


def trials(name: str, counts: Mapping[str, int], seed: int, skip: set[Any], only: set[Any] | None) -> Iterator[Record]:
    """The trials of one room's mutants."""
    room = Room(name)
    for mutant, wrapper in drawn(room, counts, seed):
        one = mutant.digest, wrapper
        if one in skip or (only is not None and one not in only):
            continue
        try:
            yield tried(room, mutant, wrapper).record()
        except Exception as error:
            yield {
                **{"room": name, "kind": mutant.kind, "wrapper": wrapper, "digest": mutant.digest},
                **{"words": mutant.words, "result": "crash", "shown": "", "found": f"{type(error).__name__}: {error}"},
                **{"said": [], "proven": False, "seconds": 0.0, "difference": mutant.difference()},
            }


def _room(arguments: tuple[Any, ...]) -> list[Record]:
    """All trials of one room, appended to the file as they come."""
    name, counts, seed, skip, only, file, until = arguments
    found = []
    for record in trials(name, counts, seed, skip, only):
        found.append(record)
        if file is not None:
            with Path(file).open("a", encoding="utf-8") as out:
                out.write(json.dumps(record) + "\n")
        if record["result"] not in ("refused", "equivalent"):
            print(report(record), flush=True)
        if time.time() > until:
            break
    print(f"{name}: {len(found)} mutants, {sum(r['seconds'] for r in found):.0f} s", file=sys.stderr, flush=True)
    return found


def report(record: Record) -> str:
    """A mutant that was not refused, for people."""
    return "\n".join(
        (
            f"{record['result'].upper()}: {record['room']}, {record['kind']}, {record['wrapper']}: {record['words']}",
            f"  differs at: {record['shown'] or 'no place that was tried'}",
            *(f"  verdict: {line}" for line in [*record["said"], *record["found"].splitlines()[:4]]),
            *(f"  | {line}" for line in record["difference"].splitlines()),
        )
    )


def read(file: str | None) -> dict[Any, Record]:
    """The records of a file, the last of each mutant."""
    if file is None or not Path(file).exists():
        return {}
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return {key(record): record for record in map(json.loads, lines)}


def main() -> None:
    """Judge, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", default=",".join(n for n in registry.names() if registry.is_built_in(n)))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--limit", type=int, help="mutants of each kind and room; by default as COUNTS says")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--resume")
    parser.add_argument("--again")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    known = read(options.resume)
    if not options.page:
        before = read(options.again)
        only = {k for k, r in before.items() if r["result"] not in ("refused", "equivalent")} if options.again else None
        counts = {kind: COUNTS[kind] if options.limit is None else options.limit for kind in options.kinds.split(",")}
        until = time.time() + 60 * options.minutes
        skip = set(known) if only is None else set()
        rooms = [n for n in options.rooms.split(",") if only is None or any(before[k]["room"] == n for k in only)]
        work = [(name, counts, options.seed, skip, only, options.resume, until) for name in rooms]
        known |= {key(record): record for record in _all(work, options.jobs)}
    if options.rooms == parser.get_default("rooms") and options.kinds == parser.get_default("kinds"):
        command = f"python benchmarks/mutants.py --seed {options.seed}"
        command += "" if options.limit is None else f" --limit {options.limit}"
        kept = page(list(known.values()), command)
        KEPT.write_text(json.dumps(kept.numbers, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(kept.text, encoding="utf-8")
        print(kept.text)


def _all(work: Iterable[tuple[Any, ...]], jobs: int) -> Iterator[Record]:
    """The trials of all rooms; each room in one process, so that exact values are computed once."""
    if jobs == 1:
        for one in work:
            yield from _room(one)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for found in pool.map(_room, work):
            yield from found


if __name__ == "__main__":
    main()
