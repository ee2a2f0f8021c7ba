"""Whole numbers of an example keep their structure: permutations, offsets, segments, distinct ones; not accidents."""

import itertools

import numpy as np
import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification.integers import structure_of

RNG = np.random.default_rng(0)


def numbers(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("example", "words"),
    [
        ([2, 0, 1, 3], "a permutation"),
        ([0, 2, 5], "as given, growing"),
        ([1, 4, 5, 9], "as given, growing"),
        ([0, 2, 2, 5, 5], "sorted"),
        ([0, 0, 1, 2, 2], "sorted"),
        ([4, 0, 5, 2], "distinct numbers"),
        ([[1, 0, 0], [0, 0, 1]], "one-hot"),
        ([[3, 1], [0, 2], [1, 0], [2, 3], [4, 1], [0, 4]], "distinct numbers"),
        ([2, 0, 1], ""),  # labels
        ([0, 1, 2, 3], ""),  # labels, too
        ([7, 2, 9, 4], ""),  # every second time four of ten are distinct
        ([1, 0, 1, 1], ""),
        ([5], ""),
    ],
)
def test_the_structure_of_whole_numbers(example, words):
    assert structure_of([np.array(example)]).words == words


def drawn(example, shape, times=20):
    example = np.array(example)
    return [structure_of([example]).draw([example], RNG, shape) for _ in range(times)]


def test_numbers_are_drawn_with_the_structure():
    assert all(sorted(p) == list(range(6)) for p in drawn([2, 0, 1, 3], (6,)))
    assert all(p.tolist() == [0, 2, 5] for p in drawn([0, 2, 5], (3,)))
    segments = drawn([0, 0, 1, 2, 2], (5,))
    assert all((np.diff(s) >= 0).all() and set(s) == {0, 1, 2} for s in segments)
    assert len({s.tobytes() for s in segments}) > 1
    assert all((np.diff(s) >= 0).all() and s[0] == 0 and s[-1] == 2 for s in drawn([0, 0, 1, 2, 2], (9,)))
    distinct = drawn([4, 0, 5, 2], (4,))
    assert all(sorted(d) == [0, 2, 4, 5] for d in distinct)
    assert len({d.tobytes() for d in distinct}) > 1
    assert all(len(set(d)) == 3 for d in drawn([4, 0, 5, 2], (3,)))
    assert all((h.sum(-1) == 1).all() for h in drawn([[1, 0, 0], [0, 0, 1]], (5, 3)))
    assert {n for a in drawn([2, 0, 1], (100,), 1) for n in a} == {0, 1, 2}


def segment_sum(x, ids):
    return torch.zeros(3, x.shape[1], dtype=x.dtype).index_add(0, ids, x)


def between(x, offsets):
    return torch.stack([x[int(a) : int(b)].sum(0) for a, b in itertools.pairwise(offsets)])


def taken(x, ids):
    return x.index_select(0, ids)


def put(g, x, ids):
    found = torch.zeros_like(x)
    found[ids] = g  # of equal ids the last one wins
    return found, None


def spread(g, x, offsets):
    return torch.repeat_interleave(g, offsets[1:] - offsets[:-1], 0), None


def entropy(x, y):
    return -(x.log_softmax(-1) * y.to(x.dtype)).sum(-1)


@pytest.mark.parametrize(
    ("function", "backward", "example", "said"),
    [
        (segment_sum, lambda g, x, ids: (g[ids], None), (numbers(5, 2), [0, 0, 1, 2, 2]), "ids: sorted"),
        (between, spread, (numbers(5, 2), [0, 2, 3, 5]), "offsets: as given, growing"),
        (between, spread, (numbers(5, 2), [0, 0, 2, 2, 5]), "offsets: sorted"),
        (taken, put, (numbers(6, 2), [0, 2, 3, 5]), "ids: as given, growing"),
        (taken, put, (numbers(6, 2), [4, 0, 5, 2]), "ids: distinct numbers"),
        (
            entropy,
            lambda g, x, y: (g[:, None] * (x.softmax(-1) - y), None),
            (numbers(2, 3), [[1, 0, 0], [0, 0, 1]]),
            "y: one-hot",
        ),
    ],
)
def test_code_that_relies_on_the_structure_is_right_and_the_verdict_says_it(function, backward, example, said):
    verdict = sg.certify(function, function, backward, example=(example[0], torch.tensor(example[1])))
    assert verdict.accepted, str(verdict)
    assert f"{said}, as in the example" in verdict.diagnosis


def test_equal_numbers_are_drawn_where_the_example_has_some():
    verdict = sg.certify(taken, taken, put, example=(numbers(6, 2), torch.tensor([4, 0, 4, 2])))
    assert verdict.wrong == ("backward",)
