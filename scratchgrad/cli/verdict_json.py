"""A verdict as JSON: an object whose fields are documented here, and nothing that JSON does not have.

    subject         the layer's name
    verdict         "accepted" | "refused" | "not judged"
    proven          whether every entry was proven equal to the definition's, at several shapes
    wrong           ["forward", "backward"] or one of them, where refused
    counterexample  null, or an object: stage, kind, tensor, words, dtype, batch, entry, yours, right, tensors,
                    grad_outputs, layouts, formula (see scratchgrad.certification.Counterexample)
    diagnosis       what was seen, in sentences
    evidence        what was compared, as in the certificate; {} where it is not accepted
    errors          the largest error by dtype, in units of the conditioning
    recipe          verdicts about the layer's recipe by their premise, each an object like this one
    seconds         how long it took; absent inside of `recipe`

JSON has no NaN and no infinity: they are the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from scratchgrad.certification import Verdict

__all__ = ["to_json", "verdict_record", "word_of"]


def verdict_record(verdict: Verdict, subject: str, **more: Any) -> dict[str, Any]:
    """The fields of a verdict."""
    return {
        "subject": subject,
        "verdict": word_of(verdict),
        "proven": verdict.proven,
        "wrong": list(verdict.wrong),
        "counterexample": None if verdict.counterexample is None else asdict(verdict.counterexample),
        "diagnosis": list(verdict.diagnosis),
        "evidence": verdict.evidence,
        "errors": verdict.errors,
        "recipe": {premise: verdict_record(one, subject) for premise, one in verdict.recipe.items()},
        **more,
    }


def word_of(verdict: Verdict) -> str:
    """accepted, refused, or not judged: that is our failure, and says nothing about the kernel."""
    if verdict.accepted:
        return "accepted"
    return "refused" if verdict.judged else "not judged"


def to_json(records: Sequence[Mapping[str, Any]]) -> str:
    """The records as one JSON array."""
    return json.dumps([_plain(record) for record in records], indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """The value in what JSON has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, bool | str | int | None):
        return value
    number = float(value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
