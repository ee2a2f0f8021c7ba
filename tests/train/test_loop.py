"""fit: what it reaches, what it measures, what it refuses."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from scratchgrad.lab import lab_network
from scratchgrad.program.runner import UnknownDevice
from scratchgrad.tape import Network, Sequential
from scratchgrad.tape.tape import NoObjective, UnreachableParameter
from scratchgrad.train import (
    SGD,
    Cosine,
    Diverged,
    Epoch,
    InvalidSetting,
    LabelMismatch,
    NotTrainable,
    WrongSettingType,
)
from scratchgrad.train.data import DataMismatch, load_data
from scratchgrad.train.loop import evaluate
from scratchgrad.train.progress import epoch_line


def blobs(n=64):
    """Two well separated clouds of points in the plane, by class."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 2
    return torch.randn(n, 2, generator=generator) + 6 * y[:, None] - 3, y


def small_network(**options):
    return Sequential(2, ("linear", 4), "relu", ("linear", 2), loss="softmax_cross_entropy", **options)


def test_the_lab_network_reaches_96_percent_on_digits():
    history = lab_network().fit("digits", progress=False)
    assert len(history) == 10
    assert history.last.test_accuracy >= 0.96
    assert history["loss"][-1] < 0.15 < history["loss"][0]
    assert all(e.seconds > 0 for e in history)


@pytest.mark.slow
def test_the_lab_network_reaches_88_percent_on_fashion_mnist():
    try:
        fashion = load_data("fashion-mnist")
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    net = lab_network(784, 256, 10)
    history = net.fit(fashion, epochs=10, batch_size=128, optimizer=SGD(0.1, 0.9, Cosine(10)), progress=False)
    assert history.last.test_accuracy >= 0.88


def test_measures_are_those_of_a_forward_pass_over_all_samples():
    X, y = blobs()
    net = small_network()
    history = net.fit((X, y), epochs=1, batch_size=64, optimizer=SGD(0.0), validation=(X, y), progress=False)
    v = net.forward(X)["v"]
    loss = float(torch.nn.functional.cross_entropy(v, y))
    accuracy = float((v.argmax(1) == y).float().mean())
    assert history.last.loss == pytest.approx(loss, rel=1e-5) == pytest.approx(history.last.test_loss, rel=1e-5)
    assert history.last.accuracy == pytest.approx(accuracy) == pytest.approx(history.last.test_accuracy)


def test_the_last_smaller_batch_counts_by_its_samples():
    X, y = blobs(10)
    whole = small_network().fit((X, y), epochs=1, batch_size=10, optimizer=SGD(0.0), progress=False)
    parts = small_network().fit((X, y), epochs=1, batch_size=4, optimizer=SGD(0.0), progress=False)
    assert whole.last.loss == pytest.approx(parts.last.loss, rel=1e-5)
    assert whole.last.accuracy == parts.last.accuracy


def test_a_seed_decides_the_run():
    runs = []
    for seed in (1, 1, 2):
        net = small_network()
        net.fit(blobs(), epochs=2, batch_size=8, seed=seed, progress=False)
        runs.append(net.value("W"))
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def test_batches_of_someone_elses_making_train_as_well():
    X, y = blobs()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), batch_size=16)
    history = small_network().fit(loader, epochs=5, validation=(X, y), progress=False)
    assert history.last.test_accuracy > 0.9
    listed = small_network().fit([(X, y)], epochs=2, accuracy="o", progress=False)
    assert listed.last.accuracy is not None
    tested = small_network().fit((X, y), epochs=5, validation=loader, progress=False)
    assert tested.last.test_accuracy == history.last.test_accuracy == 1.0


@pytest.mark.parametrize("data", [(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)), []])
def test_data_without_a_sample_are_refused(data):
    with pytest.raises(DataMismatch, match="not one sample"):
        small_network().fit(data, epochs=1, progress=False)
    with pytest.raises(DataMismatch, match="validation: there is not one batch"):
        small_network().fit(blobs(), validation=[], progress=False)


def test_regression_has_no_accuracy():
    X = torch.linspace(-1, 1, 32)[:, None]
    net = Sequential(1, ("linear", 8), "relu", ("linear", 1), loss="l2_loss")
    history = net.fit((X, X[:, 0].abs()), epochs=60, progress=False)
    assert history.last.accuracy is None
    assert history.last.loss < 0.05


def test_accuracy_can_be_switched_off_or_pointed_at_a_signal():
    net = small_network()
    assert net.fit(blobs(), epochs=1, accuracy=False, progress=False).last.accuracy is None
    history = net.fit(blobs(), epochs=1, accuracy=net.signal("o"), validation=False, progress=False)
    assert history.last.accuracy > 0.5


def test_images_are_brought_into_the_inputs_shape():
    X, y = blobs()
    net = Network()
    x = net.input("x", (1, 2))
    assert x.shape == (1, 2)
    net.add("squared_norm", net.parameter("W", (1, 2)), 1.0, name="J")
    net.target("y", 2)
    net.minimize("J")
    for backend in ("torch", "tape"):
        net.fit((X.reshape(-1, 1, 2), y), epochs=1, accuracy=False, progress=False, backend=backend)
    assert net.tape.value("x").shape[1:] == (1, 2)


def test_a_loss_that_is_no_number_stops_the_run_and_says_where():
    with pytest.raises(Diverged, match=r"epoch \d, batch \d+: the objective is (nan|inf); a learning rate below 1"):
        small_network().fit(blobs(), epochs=3, optimizer=SGD(1e30), progress=False)


def test_networks_that_cannot_be_trained_are_refused():
    net = Network(name="pair")
    net.input("x", 2)
    net.input("z", 2)
    with pytest.raises(NotTrainable, match="network 'pair': fit trains networks of one input and one target, this one"):
        net.fit(blobs(), progress=False)
    with pytest.raises(NoObjective):
        aimless = Network()
        aimless.input("x", 2)
        aimless.target("y", 2)
        aimless.fit(blobs(), progress=False)
    with pytest.raises(UnreachableParameter, match="'V'"):
        loose = small_network()
        loose.parameter("V", 2)
        loose.fit(blobs(), progress=False)


def test_data_that_do_not_fit_the_network_are_refused():
    with pytest.raises(DataMismatch, match="input 'x' takes 784 features a sample, the data have 64"):
        lab_network(784).fit("digits", progress=False)
    with pytest.raises(LabelMismatch, match="target 'y' has 2 classes; expected class numbers from 0 to 1, found 5"):
        small_network().fit((blobs(6)[0], torch.arange(6)), progress=False)
    with pytest.raises(LabelMismatch, match=r"target 'y' is \[2\] a sample, the data's are \[3\]"):
        small_network().fit((blobs(6)[0], torch.zeros(6, 3)), progress=False)


def test_the_test_part_is_measured_in_pieces():
    data, net = load_data("digits"), lab_network()
    X, y = (torch.cat([part] * 8) for part in data.test)
    whole, piece = evaluate(net, X, y, "o"), evaluate(net, *data.test, "o")
    assert len(X) > 2048
    assert whole == pytest.approx(piece, rel=1e-5)


def test_training_shows_a_line_an_epoch_on_the_error_stream(capsys):
    small_network().fit(blobs(), epochs=2)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line.split()[:2] for line in shown.err.splitlines() if "loss" in line] == [["epoch", "1"], ["epoch", "2"]]
    assert epoch_line(Epoch(3, 0.5, 0.25, 1.0, 0.75, 0.1, 2)) == (
        "epoch   3  loss 0.5000  accuracy 25.00 %  test 75.00 %  2.00 s"
    )
    assert epoch_line(Epoch(3, 0.5, None, 1.0, None, 0.1, 2)) == "epoch   3  loss 0.5000  test loss 1.0000  2.00 s"


def test_ctrl_c_waits_for_the_batch_and_leaves_a_checkpoint(tmp_path):
    X, y = blobs()

    def interrupting():
        for k in range(8):
            if k == 3:
                os.kill(os.getpid(), signal.SIGINT)
            yield X[8 * k : 8 * k + 8], y[8 * k : 8 * k + 8]

    with pytest.raises(KeyboardInterrupt):
        small_network().fit(interrupting(), epochs=1, progress=False, checkpoint=tmp_path / "run.safetensors")
    assert (tmp_path / "run.safetensors").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_training_loads_neither_sympy_nor_the_mathematics_but_the_table_of_functions():
    code = (
        "import sys; import tests.tape.conftest as c; from scratchgrad import registry\n"
        "for name in registry.names(): c.accept(registry.layer(name))\n"
        "from scratchgrad.lab import lab_network; import scratchgrad.train.loop\n"
        "ours = [m for m in sys.modules if m.startswith('scratchgrad.')]\n"
        "maths = ('notation', 'calculus', 'forms', 'sheets', 'certify', 'derive')\n"
        "before = 'sympy' in sys.modules\n"
        "lab_network().fit('digits', epochs=1, progress=False)\n"
        "print(before, [m for m in ours if m.split('.')[1] in maths])\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    table = ["scratchgrad.notation", "scratchgrad.notation.functions"]  # plain data: the calls that write into out=
    assert shown == f"False {table}\n"


def test_numbers_that_are_not_finite_are_named_before_the_learning_rate_is_blamed():
    net = Sequential(2, ("linear", 2), loss="l2_loss")
    with pytest.raises(Diverged, match="epoch 1, batch 1: .*; the batch's inputs hold numbers that are not finite"):
        net.fit(([[float("nan"), 1.0]], [[0.0, 1.0]]), epochs=1, progress=False)


def test_a_batch_without_samples_is_passed_over():
    X, y = torch.randn(6, 2), torch.randn(6, 2)
    nets = [Sequential(2, ("linear", 2), loss="l2_loss") for _ in range(2)]
    nets[0].fit([(X, y), (X[:0], y[:0])], epochs=2, progress=False)
    nets[1].fit([(X, y)], epochs=2, progress=False)
    assert all(torch.equal(nets[0].value(name), nets[1].value(name)) for name in ("W1", "b1"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, InvalidSetting, "fit: expected epochs of at least 1, got 0"),
        ({"epochs": -1}, InvalidSetting, "fit: expected epochs of at least 1, got -1"),
        ({"epochs": 1.5}, WrongSettingType, "fit: expected a whole number for epochs, got 1.5"),
        ({"epochs": True}, WrongSettingType, "fit: expected a whole number for epochs, got True"),
        ({"batch_size": 1.5}, WrongSettingType, "fit: expected a whole number for batch_size, got 1.5"),
        ({"batch_size": 0}, InvalidSetting, "fit: expected batch_size of at least 1, got 0"),
        ({"micro_batches": 0}, InvalidSetting, "fit: expected micro_batches of at least 1, got 0"),
        ({"micro_batches": "2"}, WrongSettingType, "fit: expected a whole number for micro_batches, got '2'"),
        ({"checkpoint_every": 0}, InvalidSetting, "fit: expected checkpoint_every of at least 1, got 0"),
        ({"seed": -1}, InvalidSetting, "batches: expected a seed of at least 0, got -1"),
        ({"backend": "jax"}, InvalidSetting, "fit: expected backend 'torch', 'native', 'auto' or 'tape', got 'jax'"),
        ({"device": "gpu"}, UnknownDevice, "device: expected 'cpu', 'cuda' or 'cuda:0', 'cuda:1', ..., got 'gpu'"),
        ({"device": None}, UnknownDevice, "device: expected 'cpu', 'cuda' or 'cuda:0', 'cuda:1', ..., got None"),
        (
            {"optimizer": "sgd"},
            WrongSettingType,
            r"fit: expected an optimiser, such as optimizer=sg.SGD\(0.05, momentum=0.9\) or sg.Adam\(\), got 'sgd'",
        ),
        ({"optimizer": SGD}, WrongSettingType, "fit: expected an optimiser, such as .*, got the class SGD"),
        ({"accuracy": True}, WrongSettingType, "fit: expected a signal, its name, or False for accuracy, got True"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_before_anything_happens(options, error, message):
    net = small_network()
    before = net.value("W")
    with pytest.raises(error, match=message):
        net.fit(blobs(), progress=False, **options)
    assert torch.equal(net.value("W"), before)
