"""Every function of torch.nn, torch.linalg, torch.special and torch can be a specification, and agrees with itself.

Forward is the function, backward is torch's autograd through it: whatever torch chooses at a tie, or rounds badly next
to a singular matrix, is no mistake.  What cannot be executed exactly is refused by name.
"""

from __future__ import annotations

import pytest

import scratchgrad as sg
from scratchgrad.certification.specification import NothingToCertify
from tests.certification.torch_functions import REFUSED, ROWS, example_of, function_of

QUICK = 12
"""Each twelfth row is tried in every run."""


@pytest.mark.parametrize(
    "row", [r if n % QUICK == 0 else pytest.param(r, marks=pytest.mark.slow) for n, r in enumerate(ROWS)]
)
def test_a_function_of_torch_agrees_with_itself(row):
    function, names = function_of(row)
    verdict = sg.certify(function, function, example=example_of(names))
    assert verdict.accepted, verdict


@pytest.mark.parametrize("row", REFUSED)
def test_what_cannot_be_a_specification_is_refused_by_name(row):
    function, names = function_of(row)
    try:
        words = str(sg.certify(function, function, example=example_of(names)))
    except NothingToCertify as error:
        words = str(error)
    else:
        assert words.startswith("NOT JUDGED")
    assert REFUSED[row] in words


def test_no_row_stands_in_the_table_twice():
    assert len({*ROWS, *REFUSED}) == len(ROWS) + len(REFUSED) > 230
