"""Each kind of sentence that a refusal has, read from a small case; the page on which it lies."""

import numpy as np
import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification.entry_conditions import Feature, separating
from scratchgrad.certification.page import COLUMNS, shown, wrapped
from scratchgrad.certification.partitions import _elsewhere
from scratchgrad.testing import gradients_agree

D = torch.float64
SQUARE = "y[n,i] = x[n,i]**2"
CUBES = "y[i] = x[i]**3"


def square(x):
    return x * x


def right(g, x):
    return 2 * g * x


def scaled(factor):
    return lambda g, x: factor(x) * right(g, x)


def moved(change):
    return lambda g, x: change(right(g, x)).clone()


class Remembers:
    """The first mask of a shape serves for all calls."""

    def __init__(self):
        self.kept = {}

    def __call__(self, g, x):
        return 2 * g * self.kept.setdefault((tuple(x.shape), x.dtype), x.clone())


BACKWARDS = {
    "yours = 3 x right everywhere": scaled(lambda x: 3),
    "the sign is wrong everywhere: yours = -right": scaled(lambda x: -1),
    "yours = right x n_i: a sum stands where a mean belongs": scaled(lambda x: x.shape[1]),
    "yours = right / n_n: a mean stands where a sum belongs": scaled(lambda x: 1 / len(x)),
    "yours = right x sqrt(n_i)": scaled(lambda x: x.shape[1] ** 0.5),
    "yours = right / sqrt(n_i)": scaled(lambda x: x.shape[1] ** -0.5),
    "the right numbers in reversed order along axis 1 (i)": moved(lambda r: r.flip(1)),
    "the right numbers, shifted by one towards the end along axis 1 (i)": moved(lambda r: r.roll(1, 1)),
    "the right numbers, shifted by one towards the beginning along axis 0 (n)": moved(lambda r: r.roll(-1, 0)),
    "the right numbers stand in another order": moved(lambda r: r.reshape(-1).sort().values.reshape(r.shape)),
    "grad_x is 0 everywhere": scaled(lambda x: 0),
    "yours is grad_y itself": lambda g, x: g.clone(),
    "yours = right + grad_y": lambda g, x: 2 * g * x + g,
    "grad_y counts squared": lambda g, x: 2 * g * g * x,
    "grad_y counts without its sign": lambda g, x: 2 * g.abs() * x,
    "only the first part of grad_y along axis 0 (n) counts: a sum is missing": lambda g, x: (
        2 * x * torch.cat([g[:1], 0 * g[1:]])
    ),
    "wrong where x > 2, right everywhere else: there yours is 0": lambda g, x: torch.where(x > 2, 0 * g, right(g, x)),
    "wrong where x < -1": lambda g, x: torch.where(x < -1, 3 * right(g, x), right(g, x)),
    "there yours = 3 x right": lambda g, x: torch.where(x < -1, 3 * right(g, x), right(g, x)),
    "there the sign is wrong": lambda g, x: right(g, x).abs() * g.sign(),
    "column - row (0 on the diagonal) = 0": lambda g, x: right(g, x) * (1 - torch.eye(*x.shape, dtype=x.dtype)),
    "right in the first call at a size, wrong in the next ones": Remembers(),
    "right in float64, wrong in float32": lambda g, x: right(g, x) * (1 if x.dtype == D else 1 + 1e-4),
    "right in float32, wrong in float64: is there a cast": lambda g, x: right(g.float(), x.float()).to(x.dtype),
    "strides must not matter": lambda g, x: right(g, x) if g.is_contiguous() else 0 * g,
    "yours agrees to 3 digits at every probe": lambda g, x: right(g, x) * (1 + 1e-4 * torch.cos(7 * x)),
    "grad_x[0,0] takes grad_y[1,0]; it should take grad_y[0,0]": lambda g, x: right(
        torch.cat([g[1:2], g[1:]]) if len(g) > 1 else g, x
    ),
}


@pytest.mark.parametrize("sentence", BACKWARDS)
def test_the_sentence_is_in_the_message(sentence):
    verdict = sg.certify(SQUARE, square, BACKWARDS[sentence])
    assert not verdict.accepted
    assert any(sentence in line for line in verdict.diagnosis), str(verdict)


def test_arguments_in_another_order_are_named():
    verdict = sg.certify("y[i] = w[i]*x[i]**3 + b", lambda x, w, b: w * x**3 + b, forward_only=True)
    assert verdict.diagnosis == (
        "right if the arguments come in the order x, w, b; they come as w, x, b, as the definition names them",
    )


def test_what_explains_only_some_probes_is_not_said():
    def backward(g, x):
        return 3 * g * x**2 * (1 if g.dtype == D else -1)

    verdict = sg.certify(CUBES, lambda x: x**3, backward)
    assert "right in float64, wrong in float32" in str(verdict)
    assert "the sign is wrong everywhere" not in str(verdict)


def test_lost_digits_are_no_wrong_sign():
    verdict = sg.certify("y[i] = expm1(x[i])", lambda x: x.exp() - 1, lambda g, x: g * x.exp())
    assert "the sign" not in str(verdict), str(verdict)


def test_no_columns_are_suspected_where_rows_are_right():
    def backward(g, x, W, b):
        if len(x) == 1:
            raise ValueError("one sample")
        return g @ W, g.mT @ x, g.sum(0)

    verdict = sg.certify("linear", lambda x, W, b: x @ W.mT + b, backward)
    assert "column-major" not in str(verdict)
    assert "backward raises ValueError: one sample" in str(verdict)


def test_the_words_of_the_counterexample_are_said_once():
    verdict = sg.certify("relu", torch.relu, lambda g, u: None)
    assert str(verdict).count("backward returns None") == 1


def test_an_accepted_verdict_says_what_was_probed_and_what_was_not():
    verdict = sg.certify("relu", torch.relu, lambda g, u: g * (u > 0))
    (line,) = (line for line in verdict.diagnosis if line.startswith("probed: "))
    for words in (
        "and exact zeros",
        "batches of 0, 1, 2",
        "upstream gradients random",
        "strided",
        "float64 and float32",
    ):
        assert words in line, line
    assert "nothing is said about other dtypes, other devices, and sizes far beyond these" in verdict.diagnosis


def test_a_large_tensor_is_cut_around_the_entry():
    numbers = list(range(100))
    assert shown("x", numbers, (31,), str) == "x[29:33] = [29, 30, 31, 32]   (of 100 numbers)"
    assert shown("x", [1, 2], (0,), str) == "x = [1, 2]"
    assert shown("x", None, (), str) == "x = None"
    table = np.arange(200.0).reshape(10, 20).tolist()
    assert shown("W", table, (9, 0), str).startswith("W[8:10,0:4] = [[160, 161, 162, 163], [180, 181, 182, 183]]")


def test_long_lines_are_broken_and_many_are_counted():
    lines = wrapped(["word " * 60, "end"], 10, "    ")
    assert max(map(len, lines)) <= COLUMNS and len(lines) == 4 and lines[1].startswith("    word")
    assert wrapped(["a"] * 9, 3, "  ") == ["a", "a", "  ... (7 more lines)"]


def maximum_backward(g, u, v):
    return g * ((u > v) + 2.0 * (u == v)), g * (u < v)


def test_zero_is_said_only_of_kinks_where_the_input_is_zero():
    ties = str(sg.certify("h[i] = max(u[i], v[i])", torch.maximum, maximum_backward))
    assert "wrong at exact zeros and ties: any number between the one-sided derivatives" in ties
    assert "exactly 0" not in ties and "each of the two counts one half" in ties
    zero = str(sg.certify("h[i] = max(u[i], 0)", torch.relu, lambda g, u: torch.where(u == 0, -g, g * (u > 0))))
    assert "wrong at exactly 0: where u = 0, right everywhere else: any number between" in zero


def test_gradients_that_are_legal_only_one_by_one_have_words_of_their_own():
    found = sg.certify("m = Max(x[i], i)", lambda x: x.max(), lambda g, x: g * (x == x.max()).to(x.dtype))
    assert found.counterexample is not None and found.counterexample.kind == "together"
    assert (found.counterexample.yours, found.counterexample.right) == ("1", "0.5")
    said = " ".join(str(found).split())
    assert "the entries of grad_x at a tie are no gradient together, though each of them could be one" in said
    assert "any number between" not in said


def test_every_tensor_is_cut_around_its_own_part_of_the_wrong_entry():
    def backward(g, a, b):
        return torch.where(torch.arange(a.shape[1]) == 40, 0.0, 1.0).to(g) * (g @ b.mT), a.mT @ g

    a, b = torch.arange(240, dtype=D).reshape(4, 60), torch.arange(300, dtype=D).reshape(60, 5)
    found = gradients_agree("c[i,j] = Sum(a[i,k]*b[k,j], k)", torch.matmul, backward, a, b)
    assert found.entry == "grad_a[0,40]" and found.counterexample is not None
    assert found.counterexample.around == {"a": (0, 40), "b": (40, 0), "c": (0, 0)}
    assert "a[0:2,38:42] = " in str(found) and "b[39:41,0:4] = " in str(found) and "grad_c[0:2,0:4] = " in str(found)


def test_the_rest_is_not_called_right_where_some_such_entries_are():
    feature = Feature("x", lambda s: s.right)
    values, wrong = np.array([2.0, 2.0, *np.arange(3.0, 20.0)]), np.arange(19) < 1
    condition = next(separating(feature, values, wrong))
    assert condition.only and condition.words == "only where x = 2, though not at every such entry"
    assert _elsewhere([condition]) == ""
    assert _elsewhere(list(separating(feature, values[1:], wrong[:-1]))) == ", right everywhere else"
