"""No verdict depends on the random numbers that certification draws; benchmarks/seeds.py tries many more of them."""

import pytest

import scratchgrad as sg
from scratchgrad.certification import judging
from scratchgrad.certification.reference import SEED
from tests.certification.collected.unusual import UNUSUAL
from tests.certification.collected.wrong import WRONG
from tests.certification.seeds import in_few_words, other_seed

CASES = [("refused", name, case) for name, case in WRONG.items()]
CASES += [("accepted", name, case) for name, case in UNUSUAL.items()]


def verdicts(seed, cases):
    with other_seed(seed), in_few_words():
        return {
            name: "accepted"
            if sg.certify(spec, *functions[:2], example=(*functions[2:], None)[0]).accepted
            else "refused"
            for _, name, (spec, *functions) in cases
        }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_verdicts_do_not_depend_on_random_numbers(seed):
    some = CASES[seed::97]
    assert verdicts(seed, some) == {name: right for right, name, _ in some}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 51))
def test_no_verdict_changes_under_fifty_seeds(seed):
    some = CASES[seed % 5 :: 5]
    assert verdicts(seed, some) == {name: right for right, name, _ in some}


def test_another_seed_gives_other_points_and_is_forgotten_afterwards():
    def first(seed):
        with other_seed(seed):
            return sg.certify("relu", *RELU).evidence["seed"], judging.SEED

    assert first(7) == (7, 7)
    assert sg.certify("relu", *RELU).evidence["seed"] == judging.SEED == SEED


RELU = (lambda u: u.relu(), lambda g, u: g * (u > 0))


def test_four_equal_numbers_are_a_tie_of_four_under_every_seed():
    with other_seed(5):  # of 24 gradients around such a tie, none gave all to one of them
        assert sg.certify("max_pool2d").accepted
