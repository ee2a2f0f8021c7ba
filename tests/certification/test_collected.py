"""Gradients that people wrote: the wrong ones are refused, the odd but right ones accepted."""

import pytest

import scratchgrad as sg
from tests.certification.collected.unusual import UNUSUAL
from tests.certification.collected.wrong import WRONG

CRASH = "shrinking a scalar tensor raises TypeError"
SQUARE = "no probe has two equal sizes"
MISSED = {
    "linear: W in place of its transpose, works for square W": SQUARE,
    "matmul: transposes exchanged, right for symmetric": SQUARE,
    "softmax: the maximum of the whole batch is subtracted": "no probe has samples of different magnitudes",
    "leaky relu: slope of the gradient's sign": CRASH,
    "elu: nan where exp overflows on the side that is not taken": CRASH,
    "leaky relu: slope on the wrong side": CRASH,
    "leaky relu: the slope is 0.01 whatever was given": CRASH,
    "leaky relu: slope times the input": CRASH,
    "elu: alpha forgotten": CRASH,
    "elu: output without + alpha": CRASH,
    "mse: absolute value": CRASH,
    "squared norm: absolute values": CRASH,
    "huber: linear part times the difference": CRASH,
    "layer norm: statistics as constants": CRASH,
}
SIZE = "the size of the output is made up where the example does not fix it"
FALSE_ALARM = {
    "conv: window by window": SIZE,
    "conv: einsum and transposed convolution": SIZE,
    "conv: padding as a matrix": SIZE,
}


SLOW = ("attention:", "batch norm:", "conv:", "layer norm:", "rnn:", "swiglu:")


def cases(collection, known):
    """The names, those that take seconds marked slow, those that are known to go wrong marked so."""
    assert known.keys() <= collection.keys()
    params = []
    for name in collection:
        marks = [pytest.mark.xfail(reason=known[name], strict=True)] if name in known else []
        marks += [pytest.mark.slow] if name.startswith(SLOW) else []
        params.append(pytest.param(name, marks=marks))
    return params


def verdict_of(specification, forward, backward, example=None):
    return sg.certify(specification, forward, backward, example=example)


@pytest.mark.parametrize("name", cases(WRONG, MISSED))
def test_a_wrong_gradient_that_people_wrote_is_refused(name):
    verdict = verdict_of(*WRONG[name])
    assert not verdict.accepted, str(verdict)
    assert verdict.counterexample is not None


@pytest.mark.parametrize("name", cases(UNUSUAL, FALSE_ALARM))
def test_a_right_gradient_is_accepted_however_it_is_written(name):
    verdict = verdict_of(*UNUSUAL[name])
    assert verdict.accepted, str(verdict)


def test_the_collections_are_as_large_as_promised():
    assert len(WRONG) >= 100
    assert len(UNUSUAL) >= 40
