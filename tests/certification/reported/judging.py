"""What comes of a reported bug: refused, its counterpart accepted, the fault named, or a claim that misleads.

In   a Report
Out  Outcome

A claim is a sentence of the diagnosis that says what the mistake is; a sentence that says where it was seen is a fact.
A claim misleads where none of the report's words for the fault are in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import scratchgrad as sg
from tests.certification.reported.report import Report

__all__ = ["Outcome", "outcome_of"]

CLAIMS = (
    r"^yours (=|is|agrees)",
    r"the sign is wrong",
    r"transposed",
    r"stands? (where|in)",
    r"is missing",
    r"counts? (twice|squared|without)",
    r"held constant",
    r"the order is wrong",
    r"order along",
    r"runs backwards",
    r"exchanged|reversed",
    r"is ignored",
    r"not summed",
    r"overwritten",
    r"only the (first|last|diagonal)",
    r"remember",
    r"is there a",
    r"column-major",
    r"in another order|shifted",
    r"the shape is not",
)


@dataclass(frozen=True)
class Outcome:
    """What certify says about both pairs of a report."""

    refused: bool
    accepted: bool
    named: bool
    misleading: tuple[str, ...]
    message: str
    counterpart: str


def outcome_of(report: Report) -> Outcome:
    """The outcome of a report."""
    wrong = sg.certify(report.spec, *report.wrong, example=report.example, **report.options)
    right = sg.certify(report.spec, *report.right, example=report.example, **report.options)
    message = str(wrong)
    whole = "\n".join((message, *wrong.diagnosis))  # the message wraps its lines
    claims = [line for line in wrong.diagnosis if any(re.search(claim, line) for claim in CLAIMS)]
    return Outcome(
        refused=wrong.judged and not wrong.accepted,
        accepted=right.accepted,
        named=_found(report.names, whole),
        misleading=tuple(line for line in claims if not _found((*report.names, *report.true), line)),
        message=message,
        counterpart=str(right),
    )


def _found(words: tuple[str, ...], text: str) -> bool:
    return any(re.search(one, text) for one in words)
