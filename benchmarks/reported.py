"""How certify fares with gradient bugs that people reported: a table, one line for each.

    python benchmarks/reported.py [--messages] [WORDS...]

refused     the wrong functions are refused
accepted    their right counterpart is accepted
named       the message contains the words for the fault
misleading  a sentence of the message claims a mistake that is not the one made

--messages prints every message below its line; WORDS choose the reports whose names contain one of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.certification.reported import REPORTED
from tests.certification.reported.judging import outcome_of

_COLUMNS = ("refused", "accepted", "named", "misleading")


def main() -> int:
    """Print the table; the exit status is 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--messages", action="store_true")
    options = parser.parse_args()
    chosen = {n: r for n, r in REPORTED.items() if not options.words or any(w in n for w in options.words)}
    totals = dict.fromkeys(_COLUMNS, 0)
    start = time.process_time()
    width = max(map(len, chosen), default=0)
    print(f"{'':{width}}  {'  '.join(_COLUMNS)}")
    for name, report in chosen.items():
        found = outcome_of(report)
        told = (found.refused, found.accepted, found.named, bool(found.misleading))
        for column, holds in zip(_COLUMNS, told, strict=True):
            totals[column] += holds
        cells = (
            "yes" if holds else "-" if column == "misleading" else "NO"
            for column, holds in zip(_COLUMNS, told, strict=True)
        )
        row = "  ".join(f"{cell:{len(column)}}" for cell, column in zip(cells, _COLUMNS, strict=True))
        print(f"{name:{width}}  {row}".rstrip(), flush=True)
        for line in found.misleading:
            print(f"    misleading: {line}")
        if options.messages:
            print("\n".join(f"    {line}" for line in found.message.splitlines()))
        if not found.accepted:
            print("\n".join(f"    counterpart: {line}" for line in found.counterpart.splitlines()))
    counted = "  ".join(f"{totals[column]:<{len(column)}}" for column in _COLUMNS)
    print(f"{f'of {len(chosen)}':{width}}  {counted}".rstrip())
    print(f"{time.process_time() - start:.0f} s")
    return int(totals["refused"] < len(chosen) or totals["accepted"] < len(chosen) or totals["misleading"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
