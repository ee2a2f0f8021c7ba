"""Gradient bugs that people reported: refused, their counterparts accepted, the fault named, nobody misled."""

import pytest

from tests.certification.reported import REPORTED
from tests.certification.reported.judging import outcome_of
from tests.certification.reported.memory_and_protocol import MEMORY_AND_PROTOCOL
from tests.certification.reported.pointwise import POINTWISE

QUICK = POINTWISE.keys() | MEMORY_AND_PROTOCOL.keys()
"""The others take two minutes together; benchmarks/reported.py runs them all."""


OPEN = ("a norm of zero",)
"""Nothing is compared where the definition has no gradient; the verdict says so."""


def cases():
    for name in REPORTED:
        marks = [] if name in QUICK else [pytest.mark.slow]
        marks += [pytest.mark.xfail(reason="judged otherwise", strict=True)] if name in OPEN else []
        yield pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", list(cases()))
def test_a_reported_bug_is_refused_and_named_and_its_counterpart_accepted(name):
    found = outcome_of(REPORTED[name])
    assert found.refused, found.message
    assert found.accepted, found.counterpart
    assert found.named, found.message
    assert not found.misleading, found.message
    lines = found.message.splitlines()
    assert len(lines) <= 30 and max(map(len, lines)) <= 120, found.message


def test_the_collection_is_as_large_as_promised():
    assert len(REPORTED) >= 140
    assert all(report.source and report.what and report.names for report in REPORTED.values())
