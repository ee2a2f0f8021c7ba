"""The optimisers against torch's own: by name and flat, clipped and not; and what they refuse."""

import pytest
import torch

from scratchgrad.lab import lab_network
from scratchgrad.program.flat import Flat
from scratchgrad.train import SGD, Adam, AdamW, Cosine, InvalidSetting, Step, WrongSettingType
from tests.program.close import close

PAIRS = [
    (lambda: SGD(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    (lambda: SGD(0.1, 0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    (lambda: SGD(0.1, 0.9, nesterov=True), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
    (lambda: Adam(0.02), lambda p: torch.optim.Adam(p, lr=0.02)),
    (lambda: Adam(0.02, (0.5, 0.9), 1e-3), lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.5, 0.9), eps=1e-3)),
    (lambda: AdamW(0.02, weight_decay=0.3), lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.3)),
]
NAMES = ("W", "b1", "M", "b2")


def gradient(name, value):
    return (value * (1 + NAMES.index(name))).cos()


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize(("make", "witness"), PAIRS, ids=[str(make()) for make, _ in PAIRS])
def test_its_path_is_torchs_by_name_and_flat(make, witness, clip):
    net, named, flat_one = lab_network(dtype=torch.float64), make(), make()
    named.clip = flat_one.clip = clip
    by_name = {name: net.value(name) for name in NAMES}
    theirs = {name: value.clone() for name, value in by_name.items()}
    flat = Flat(net)
    G = flat.zeros()
    flat_one.bind(flat)
    torchs = witness(list(theirs.values()))
    for _ in range(12):
        for name, value in theirs.items():
            value.grad = gradient(name, value)
        if clip is not None:
            norm = torch.cat([value.grad.flatten() for value in theirs.values()]).norm()
            for value in theirs.values():  # clip_grad_norm_ divides by norm + 1e-6
                value.grad *= min(1.0, clip / float(norm))
        torchs.step()
        named.update(by_name, {name: gradient(name, value) for name, value in by_name.items()})
        with torch.inference_mode():
            for name, part in flat.views(G).items():
                part.copy_(gradient(name, flat.parameters[name]))
            flat_one.update_flat(flat.values, G)
    for name, want in theirs.items():
        close(by_name[name], want, name)
        close(net.value(name), want, name)


def test_clipping_leaves_the_gradients_as_they_were():
    W, g = torch.zeros(3), torch.tensor([3.0, 0.0, 4.0])
    SGD(1.0, clip=1.0).update({"W": W}, {"W": g})
    torch.testing.assert_close(W, -g / 5)
    assert g.tolist() == [3, 0, 4]


def test_the_norm_is_that_of_all_gradients_together():
    W, b = torch.zeros(1), torch.zeros(1)
    SGD(1.0, clip=1.0).update({"W": W, "b": b}, {"W": torch.tensor([3.0]), "b": torch.tensor([4.0])})
    torch.testing.assert_close(torch.cat([W, b]), torch.tensor([-0.6, -0.8]))


def test_the_state_is_kept_by_name_and_goes_on_where_it_was():
    W = {name: torch.linspace(-1, 1, 4, dtype=torch.float64) for name in ("a", "b")}
    first, second = Adam(0.1), Adam(0.1)
    other = {name: value.clone() for name, value in W.items()}
    for _ in range(3):
        first.update(W, W)
        second.update(other, other)
    resumed = Adam(0.1)
    resumed.load_state(second.state())
    assert set(second.state()) == {"first/a", "first/b", "second/a", "second/b", "steps"}
    for optimizer, values in ((first, W), (resumed, other)):
        optimizer.update(values, values)
    assert all(torch.equal(W[name], other[name]) for name in W)


def test_reset_forgets_everything():
    adam, W = Adam(0.1), torch.ones(2)
    adam.update({"W": W}, {"W": W})
    adam.reset()
    assert adam.steps == 0
    assert set(adam.state()) == {"steps"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(clip=0), "SGD: expected clip > 0, got 0"),
        (lambda: SGD(nesterov=True), "SGD: expected momentum > 0 with nesterov=True, got 0"),
        (lambda: Adam(-1), "Adam: expected lr >= 0, got -1"),
        (lambda: Adam(betas=(0.9, 1)), "Adam: expected 0 <= beta < 1 for both betas, got 1"),
        (lambda: Adam(betas=(-0.1, 0.9)), "Adam: expected 0 <= beta < 1 for both betas, got -0.1"),
        (lambda: SGD(float("inf")), "SGD: expected lr >= 0 and finite, got inf"),
        (lambda: SGD(float("nan")), "SGD: expected lr >= 0, got nan"),
        (lambda: SGD(0.1, -0.5), "SGD: expected 0 <= momentum < 1, got -0.5"),
        (lambda: Step(1, -1), "Step: expected factor >= 0, got -1"),
        (lambda: Cosine(3, -1), "Cosine: expected floor >= 0, got -1"),
        (lambda: AdamW(eps=0), "AdamW: expected eps > 0, got 0"),
        (lambda: AdamW(weight_decay=-0.1), "AdamW: expected weight_decay >= 0, got -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(InvalidSetting, match=message) as raised:
        make()
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD("0.1"), "SGD: expected a number for lr, got '0.1'"),
        (lambda: SGD(True), "SGD: expected a number for lr, got True"),
        (lambda: SGD(0.1, None), "SGD: expected a number for momentum, got None"),
        (lambda: SGD(0.1, schedule=0.5), r"SGD: expected a function for schedule, such as sg.Cosine\(10\), got 0.5"),
        (lambda: Adam(betas=0.9), r"Adam: expected two numbers for betas, such as \(0.9, 0.999\), got 0.9"),
        (lambda: Adam(betas=("a", 0.9)), "Adam: expected a number for each of betas, got 'a'"),
        (lambda: AdamW(weight_decay="0"), "AdamW: expected a number for weight_decay, got '0'"),
        (lambda: Cosine("3"), "Cosine: expected a number for epochs, got '3'"),
    ],
)
def test_settings_of_another_kind_are_refused(make, message):
    with pytest.raises(WrongSettingType, match=message) as raised:
        make()
    assert isinstance(raised.value, TypeError)


def test_the_text_says_all_settings():
    assert repr(SGD(0.1, 0.9, nesterov=True, clip=2)) == (
        "SGD(lr=0.1, momentum=0.9, nesterov=True, schedule=Constant(), clip=2)"
    )
    assert repr(AdamW(0.1, schedule=Cosine(3))) == (
        "AdamW(lr=0.1, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01, schedule=Cosine(epochs=3, floor=0.0))"
    )


@pytest.mark.parametrize(
    "make", [lambda: Adam(0.01), lambda: AdamW(0.01, clip=1.0), lambda: SGD(0.05, 0.9, nesterov=True)]
)
def test_they_train(make):
    history = lab_network().fit("digits", epochs=3, optimizer=make(), progress=False)
    assert history.last.test_accuracy > 0.9
