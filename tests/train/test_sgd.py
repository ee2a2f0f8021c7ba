"""The optimiser and its schedules against their formulas and against torch's own."""

import math

import pytest
import torch

from scratchgrad.train import SGD, Constant, Cosine, Step


def test_momentum_adds_up_past_gradients():
    W = torch.tensor([1.0], dtype=torch.float64)
    sgd = SGD(lr=0.5, momentum=0.5)
    for expected in (1 - 0.5 * 1, 0.5 - 0.5 * 1.5, -0.25 - 0.5 * 1.75):
        sgd.update({"W": W}, {"W": torch.ones(1, dtype=torch.float64)})
        assert float(W) == expected


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_its_path_is_that_of_torchs_sgd(momentum):
    ours, theirs = torch.linspace(-1, 1, 5, dtype=torch.float64), torch.linspace(-1, 1, 5, dtype=torch.float64)
    sgd, witness = SGD(0.1, momentum), torch.optim.SGD([theirs], lr=0.1, momentum=momentum)
    for _ in range(20):
        sgd.update({"W": ours}, {"W": ours.cos()})
        theirs.grad = theirs.cos()
        witness.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)


def test_the_rate_follows_the_schedule():
    assert SGD(0.5).rate(7.3) == 0.5
    assert SGD(0.5, schedule=Cosine(10)).rate(5) == pytest.approx(0.25)
    assert SGD(0.5, schedule=Step(2)).rate(4.0) == pytest.approx(0.005)


def test_cosine_goes_from_1_to_its_floor_and_stays_there():
    cosine = Cosine(4, floor=0.1)
    assert cosine(0) == 1
    assert cosine(1) == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2)
    assert cosine(4) == cosine(9) == pytest.approx(0.1)


def test_steps_happen_after_every_so_many_epochs():
    assert [Step(2, 0.5)(e) for e in (0, 1.99, 2, 3.9, 4)] == [1, 1, 0.5, 0.5, 0.25]
    assert Constant()(3) == 1


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="SGD: expected lr >= 0, got -1"):
        SGD(lr=-1)
    with pytest.raises(ValueError, match="SGD: expected lr >= 0, got nan"):
        SGD(lr=math.nan)
    with pytest.raises(ValueError, match="SGD: expected 0 <= momentum < 1, got 1"):
        SGD(momentum=1)
    with pytest.raises(ValueError, match="Cosine: expected epochs > 0, got 0"):
        Cosine(0)
    with pytest.raises(ValueError, match="Step: expected every > 0 epochs, got -1"):
        Step(-1)


def test_its_text_says_all_settings():
    assert repr(SGD(0.1, 0.9, Cosine(10))) == "SGD(lr=0.1, momentum=0.9, schedule=Cosine(epochs=10, floor=0.0))"
    assert repr(SGD(0.1, schedule=math.exp)) == "SGD(lr=0.1, momentum=0.0, schedule=exp)"
