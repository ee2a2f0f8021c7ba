"""The page about mutants: how many were made, refused, equivalent; and every one that was accepted though it is wrong.

In   the records of benchmarks/mutants.py
Out  numbers by kind and by wrapper (mutants.json), and the page (MUTANTS.md)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]

RESULTS = ("refused", "not judged", "equivalent", "survivor", "alarm", "crash")
_SHOWN = {"survivor": "survivors", "alarm": "alarms", "crash": "crashes"}
_OUTSIDE = {
    "was not given": (None, "a plain function may leave a gradient out (None); the verdict names what is not checked"),
    "so sizes were sampled": (
        ("size",),
        'the verdict says "so sizes were sampled", and lists those that were compared',
    ),
    "the other side is not compared": (None, 'the verdict says of a branch "the other side is not compared"'),
    "values are read without a torch operation": (
        ("value", "region", "joint", "upstream"),
        'the verdict says "probed, not proven: values are read without a torch operation"',
    ),
}
"""What a verdict says that it has not covered: its words, the kinds of mutants that this speaks of, the argument."""


@dataclass(frozen=True)
class Page:
    """What is kept: numbers for programs, text for people."""

    numbers: dict[str, Any]
    text: str


def argument(record: Record) -> str:
    """Why a survivor is outside of what the verdict says that it covers, in the verdict's words; "" where it is not."""
    said = "; ".join(record["said"])
    for words, (kinds, found) in _OUTSIDE.items():
        if words in said and (kinds is None or record["kind"] in kinds):
            return found
    return ""


def page(records: Sequence[Record], command: str) -> Page:
    """The page of all records."""
    by_kind, by_wrapper = (_table(records, field) for field in ("kind", "wrapper"))
    total = Counter(record["result"] for record in records)
    survivors = [r for r in records if r["result"] == "survivor"]
    numbers = {
        "command": command,
        "rooms": len({record["room"] for record in records}),
        "made": len(records),
        "by_result": {result: total[result] for result in RESULTS},
        "by_kind": by_kind,
        "by_wrapper": by_wrapper,
        "equivalent_proven": sum(r["result"] == "equivalent" and r["proven"] for r in records),
        "survivors": [
            {key: r[key] for key in ("room", "kind", "wrapper", "words", "shown")} | {"argument": argument(r)}
            for r in survivors
        ],
        "others": [
            {key: r[key] for key in ("room", "kind", "wrapper", "words", "result", "shown")}
            for r in records
            if r["result"] in ("not judged", "alarm", "crash")
        ],
    }
    return Page(numbers, _text(numbers))


def _table(records: Sequence[Record], field: str) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for record in records:
        counts.setdefault(record[field], Counter())[record["result"]] += 1
    return {name: {"made": c.total()} | {r: c[r] for r in RESULTS} for name, c in counts.items()}


def _text(numbers: Mapping[str, Any]) -> str:
    survivors = numbers["survivors"]
    argued = Counter(s["argument"] for s in survivors)
    lines = [
        "# Mutants",
        "",
        f"Written by `{numbers['command']}`. Every mutant is the source of a room's kernel with one planted",
        "mistake, run beside the room's own kernel where the mistake shows. Then certification judges it.",
        "",
        f"{numbers['made']:,} mutants of {numbers['rooms']} rooms. **Equivalent** are those that were accepted and",
        f"differ from the room's kernel nowhere that they were run; {numbers['equivalent_proven']} are proven equal.",
        "**Survivors** were accepted and differ. **Alarms** were refused and differ nowhere.",
        "",
        *_rows("kind", numbers["by_kind"]),
        "",
        *_rows("wrapper", numbers["by_wrapper"]),
        "",
        "## Survivors",
        "",
        *(f"- {times}: outside of what was covered: {words}" for words, times in argued.most_common() if words),
        "",
        *_listed([s for s in survivors if not s["argument"]]),
    ]
    if numbers["others"]:
        lines += ["", "## Not judged, alarms, crashes", "", *_listed(numbers["others"])]
    return "\n".join(lines) + "\n"


def _rows(name: str, table: Mapping[str, Mapping[str, int]]) -> list[str]:
    head = (name, "made", *(_SHOWN.get(r, r) for r in RESULTS))
    total = {key: sum(row[key] for row in table.values()) for key in ("made", *RESULTS)}
    rows = [*table.items(), ("all", total)]
    return [
        f"| {' | '.join(head)} |",
        f"|---{'|--:' * (len(head) - 1)}|",
        *(f"| {kind} | {' | '.join(f'{row[k]:,}' for k in ('made', *RESULTS))} |" for kind, row in rows),
    ]


def _listed(found: Sequence[Record]) -> list[str]:
    return [
        f"- {r['room']}, {r['kind']}, {r['wrapper']}{', ' + r['result'] if 'result' in r else ''}: "
        f"`{' '.join(r['words'].split())}` (differs at: {r['shown'] or 'no place'})"
        for r in found
    ] or ["None else."]
