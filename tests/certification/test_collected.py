"""Gradients that people wrote: the wrong ones are refused, the odd but right ones accepted."""

import pytest

import scratchgrad as sg
from tests.certification.collected.unusual import UNUSUAL
from tests.certification.collected.wrong import WRONG

SLOW = ("attention:", "batch norm:", "conv:", "layer norm:", "rnn:", "swiglu:")


def cases(collection):
    """The names, those that take seconds marked slow."""
    params = []
    for name in collection:
        marks = [pytest.mark.slow] if name.startswith(SLOW) else []
        params.append(pytest.param(name, marks=marks))
    return params


def verdict_of(specification, forward, backward, example=None):
    return sg.certify(specification, forward, backward, example=example)


@pytest.mark.parametrize("name", cases(WRONG))
def test_a_wrong_gradient_that_people_wrote_is_refused(name):
    verdict = verdict_of(*WRONG[name])
    assert not verdict.accepted, str(verdict)
    assert verdict.counterexample is not None


@pytest.mark.parametrize("name", cases(UNUSUAL))
def test_a_right_gradient_is_accepted_however_it_is_written(name):
    verdict = verdict_of(*UNUSUAL[name])
    assert verdict.accepted, str(verdict)


def test_the_collections_are_as_large_as_promised():
    assert len(WRONG) >= 100
    assert len(UNUSUAL) >= 40
