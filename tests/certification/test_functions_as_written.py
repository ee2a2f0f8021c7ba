"""Functions as people write them: each right one is accepted, and each wrong one refused."""

import pytest

import scratchgrad as sg
from tests.certification.functions_as_written import RIGHT, WRONG


def verdict_about(spec, subject, example):
    forward, backward = subject if isinstance(subject, tuple) else (subject, None)
    return sg.certify(spec, forward, backward, example=example)


@pytest.mark.parametrize(("name", "spec", "subject", "example"), RIGHT, ids=[name for name, *_ in RIGHT])
def test_what_is_right_is_accepted(name, spec, subject, example):
    verdict = verdict_about(spec, subject, example)
    assert verdict.accepted, str(verdict)


@pytest.mark.parametrize(("name", "spec", "subject", "example"), WRONG, ids=[name for name, *_ in WRONG])
def test_what_is_wrong_is_refused(name, spec, subject, example):
    verdict = verdict_about(spec, subject, example)
    assert verdict.judged, str(verdict)
    assert not verdict.accepted
