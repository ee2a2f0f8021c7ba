"""A resumed run ends bit for bit where an unbroken one does; a file is whole or not there."""

import random
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import save_file

from scratchgrad.lab import lab_network
from scratchgrad.program.runner import Runner
from scratchgrad.tape import Sequential
from scratchgrad.train import SGD, Adam, AdamW, CheckpointMismatch, Cosine


def optimizer():
    return SGD(0.05, 0.9, Cosine(4))


def run(net, epochs, **options):
    options = {"batch_size": 64, "optimizer": optimizer(), "seed": 5, "progress": False} | options
    return net.fit("digits", epochs=epochs, **options)


def same(one, other):
    return all(torch.equal(one.value(name), other.value(name)) for name in one.names("parameter"))


def without_time(history):
    return [(e.epoch, e.loss, e.accuracy, e.test_loss, e.test_accuracy, e.lr) for e in history]


def test_two_epochs_resumed_for_two_more_equal_four_bit_for_bit(tmp_path):
    path = tmp_path / "run.safetensors"
    unbroken, first, second = lab_network(), lab_network(), lab_network(seed=9)
    whole = run(unbroken, 4)
    run(first, 2, checkpoint=path)
    resumed = run(second, 4, resume=path)
    assert same(unbroken, second)
    assert without_time(whole) == without_time(resumed)


@pytest.mark.parametrize(
    "optimizer", [SGD(0.05, 0.9, Cosine(4)), SGD(0.05), Adam(0.01), AdamW(0.01, clip=1.0)], ids=repr
)
def test_a_run_broken_off_within_an_epoch_resumes_at_its_batch(tmp_path, monkeypatch, optimizer):
    path, step, steps = tmp_path / "run.safetensors", Runner.step, []

    def stopping(*arguments, **options):
        steps.append(1)
        if len(steps) == 31:  # within the second epoch of 23 batches
            raise RuntimeError("power cut")
        return step(*arguments, **options)

    unbroken, broken, resumed = lab_network(), lab_network(), lab_network()
    whole = run(unbroken, 3, optimizer=optimizer)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="power cut"):
        patch.setattr(Runner, "step", stopping)
        run(broken, 3, checkpoint=path, checkpoint_every=7, optimizer=optimizer)
    again = run(resumed, 3, resume=True, checkpoint=path, optimizer=optimizer)
    assert without_time(again) == without_time(whole)
    assert same(unbroken, resumed)


def test_resume_starts_afresh_where_no_checkpoint_is_yet_and_does_nothing_where_all_is_done(tmp_path):
    path = tmp_path / "run.safetensors"
    one, other = lab_network(), lab_network()
    run(one, 1, checkpoint=path, resume=True)
    assert len(run(other, 1, checkpoint=path, resume=True)) == 1
    assert same(one, other)
    with pytest.raises(FileNotFoundError, match="none.safetensors: no checkpoint there"):
        run(other, 1, resume=tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="fit: resume=True goes on from checkpoint=path; give the path"):
        run(other, 1, resume=True)


def test_random_numbers_go_on_where_they_were(tmp_path):
    path = tmp_path / "run.safetensors"
    run(lab_network(), 1, checkpoint=path)
    expected = torch.rand(3)
    torch.manual_seed(999)
    run(lab_network(), 1, resume=path)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 32}, "was written with batch size 64, this run has 32; resume with the same settings"),
        ({"seed": 6}, "was written with seed 5, this run has 6"),
        ({"optimizer": SGD(0.1)}, r"was written with optimiser SGD\(lr=0.05, .* this run has SGD\(lr=0.1, "),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, options, message):
    path = tmp_path / "run.safetensors"
    run(lab_network(), 1, checkpoint=path)
    with pytest.raises(CheckpointMismatch, match=f"run.safetensors: {message}"):
        run(lab_network(), 2, resume=path, **options)


def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(tmp_path):
    path = tmp_path / "run.safetensors"
    run(lab_network(), 1, checkpoint=path)
    wide = lab_network(hidden=16)
    before = wide.value("W")
    with pytest.raises(CheckpointMismatch, match=r"parameter 'W' is \[32, 64\] there, \[16, 64\] in network 'lab'"):
        run(wide, 2, resume=path)
    assert torch.equal(wide.value("W"), before)
    with pytest.raises(CheckpointMismatch, match="belongs to another network than 'network': it lacks W1, W2, W3, b3"):
        Sequential(64, ("linear", 9), ("linear", 9), ("linear", 10)).load(path)
    with pytest.raises(CheckpointMismatch, match=r"was written with constants {'lambda': .*}, this run has"):
        run(lab_network(weight_decay=0.5), 2, resume=path)
    with pytest.raises(CheckpointMismatch, match="was written with precision torch.float32, this run has"):
        run(lab_network(dtype=torch.float64), 2, resume=path)


def test_what_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointMismatch, match="a.safetensors: expected a checkpoint of scratchgrad, found"):
        lab_network().load(tmp_path / "a.safetensors")
    save_file({"W": torch.zeros(2)}, tmp_path / "b.safetensors")
    with pytest.raises(CheckpointMismatch, match="b.safetensors: expected a checkpoint of scratchgrad"):
        lab_network().load(tmp_path / "b.safetensors")
    with pytest.raises(FileNotFoundError, match="c.safetensors: no checkpoint there"):
        lab_network().load(tmp_path / "c.safetensors")
    saved = lab_network().save(tmp_path / "d.safetensors")
    with pytest.raises(CheckpointMismatch, match="d.safetensors: holds parameters but no run to resume; read"):
        run(lab_network(), 1, resume=saved)


def test_parameters_are_read_back_from_either_kind_of_file(tmp_path):
    net = lab_network()
    run(net, 1, checkpoint=tmp_path / "run.safetensors")
    net.save(tmp_path / "net.safetensors")
    assert same(net, lab_network(seed=3).load(tmp_path / "net.safetensors"))
    assert same(net, lab_network(seed=3).load(tmp_path / "run.safetensors"))


def test_a_killed_process_leaves_a_whole_checkpoint_from_which_the_run_ends_as_if_unbroken(tmp_path):
    path = tmp_path / "run.safetensors"
    code = (
        "import tests.tape.conftest as c; from scratchgrad import registry\n"
        "for name in registry.names(): c.accept(registry.layer(name))\n"
        "from scratchgrad.lab import lab_network; from tests.train.test_checkpoint import run\n"
        f"run(lab_network(), 4, checkpoint={str(path)!r}, checkpoint_every=1)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    try:
        while not path.exists() and process.poll() is None:
            time.sleep(0.002)
        time.sleep(random.Random().uniform(0, 0.05))
    finally:
        process.kill()
        process.communicate()
    unbroken, resumed = lab_network(), lab_network()
    run(unbroken, 4)
    run(resumed, 4, resume=path)
    assert same(unbroken, resumed)


def test_a_shuffled_data_loader_is_resumed_within_an_epoch_with_the_batches_that_were_left(tmp_path):
    generator = torch.Generator().manual_seed(3)
    samples = torch.utils.data.TensorDataset(torch.randn(24, 4, generator=generator), torch.arange(24) % 2)

    def trained(stop=None, **options):
        torch.manual_seed(11)
        loader = torch.utils.data.DataLoader(samples, batch_size=4, shuffle=True)

        class Stopping:
            seen = 0

            def __len__(self):
                return len(loader)

            def __iter__(self):
                for batch in loader:
                    if self.seen == stop:
                        raise KeyboardInterrupt
                    self.seen += 1
                    yield batch

        net = Sequential(4, ("linear", 3), "relu", ("linear", 2), loss="softmax_cross_entropy")
        net.fit(Stopping(), epochs=3, progress=False, checkpoint_every=1, **options)
        return net

    unbroken = trained()
    path = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        trained(stop=9, checkpoint=path)
    torch.manual_seed(99)
    assert same(unbroken, trained(checkpoint=path, resume=True))
