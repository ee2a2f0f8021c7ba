"""Batches that are prepared many at a time are those that come one by one, and the steps on them are the same."""

import numpy as np
import pytest
import torch

from scratchgrad.lab import lab_network
from scratchgrad.program import Runner
from scratchgrad.tape import Network, Sequential
from scratchgrad.train import SGD, Cosine, LabelMismatch, NotTrainable, one_hot, prepared
from scratchgrad.train.data import Batches, load_data
from scratchgrad.train.feed import Feed
from scratchgrad.train.prepared import Prepared


def small_network():
    return Sequential(3, ("linear", 4), "relu", ("linear", 2), loss="softmax_cross_entropy")


def samples(n=50):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, 3, generator=generator), torch.randint(2, (n,), generator=generator)


@pytest.mark.parametrize("batch_size", [32, 27])  # 27 rows of ten classes do not end where memory is aligned
@pytest.mark.parametrize("piece", [40_000, 1 << 21])
def test_fit_is_the_loop_written_out_by_hand_bit_for_bit(batch_size, piece, monkeypatch):
    monkeypatch.setattr(prepared, "PIECE", piece)
    X, y = load_data("digits").train
    net, by_hand = lab_network(), lab_network()
    history = net.fit(
        (X, y), epochs=3, batch_size=batch_size, seed=4, optimizer=SGD(0.1, 0.9, Cosine(3)), progress=False
    )
    sgd = SGD(0.1, 0.9, Cosine(3))
    runner = Runner(by_hand, sgd, values=("v",), unit_rows=("y",))
    for epoch in range(3):
        order = torch.from_numpy(np.random.default_rng((4, epoch)).permutation(len(X)))
        losses = right = 0.0
        parts = order.split(batch_size)
        for number, rows in enumerate(parts):
            given = {"x": X[rows], "y": one_hot(y[rows], 10)}
            losses += runner.step(given, len(rows), epoch + number / len(parts)) * len(rows)
            right += int((runner.program(len(rows)).value("v").argmax(1) == y[rows]).sum())
        assert history["loss"][epoch] == losses / len(X)
        assert history["accuracy"][epoch] == right / len(X)
    for name in net.names("parameter"):
        assert torch.equal(net.value(name), by_hand.value(name)), name


@pytest.mark.parametrize("size", [1, 7, 16, 50, 64])
def test_batches_are_those_that_come_one_by_one_and_begin_where_memory_is_aligned(size, monkeypatch):
    monkeypatch.setattr(prepared, "PIECE", 600)
    source, feed = Batches(*samples(), size, seed=2), Feed.of(small_network())
    for start in (0, 2):
        found = list(Prepared(source, feed, counted=False).epoch(1, start))
        wanted = list(source.epoch(1, start))
        assert len(found) == len(wanted)
        for batch, (x, labels) in zip(found, wanted, strict=True):
            assert batch.rows == len(x) and batch.one_hot and batch.classes.tolist() == labels.tolist()
            assert torch.equal(batch.given["x"], x) and torch.equal(batch.given["y"], one_hot(labels, 2))
            assert all(t.data_ptr() % 64 == 0 and t.is_contiguous() for t in batch.given.values())


def test_what_is_gathered_at_once_is_bounded():
    source = Batches(torch.zeros(4000, 300), torch.zeros(4000, dtype=torch.int64), 10)
    net = Sequential(300, ("linear", 2), loss="softmax_cross_entropy")
    sizes = {
        batch.given["x"].untyped_storage().nbytes() for batch in Prepared(source, Feed.of(net), counted=False).epoch(0)
    }
    assert max(sizes) <= prepared.PIECE < 4000 * 300 * 4


def test_batches_that_someone_makes_in_epoch_are_asked_for_there():
    class Doubled(Batches):
        def epoch(self, epoch, start=0):
            for x, y in super().epoch(epoch, start):
                yield 2 * x, y

    X, y = samples()
    one, other = small_network(), small_network()
    one.fit(Doubled(X, y, 8), epochs=2, progress=False)
    other.fit(Batches(2 * X, y, 8), epochs=2, progress=False)
    assert torch.equal(one.value("W"), other.value("W"))


def test_a_label_without_a_place_is_refused_before_the_first_step():
    X, y = samples()
    y[-1] = 5
    net = small_network()
    before = net.value("W")
    with pytest.raises(LabelMismatch, match="target 'y' has 2 classes; expected class numbers from 0 to 1, found 5"):
        net.fit((X, y), batch_size=4, progress=False)
    assert torch.equal(net.value("W"), before)


@pytest.mark.parametrize(("backend", "micro_batches"), [("torch", 1), ("torch", 3), ("tape", 1)])
def test_an_integer_target_is_itself_the_class(backend, micro_batches):
    net = Network()
    x, y = net.input("x", 3), net.target("y", (), integer=True)
    v = net.add("linear", x, net.parameter("W", (2, 3)), net.parameter("b", 2), name="v")
    net.minimize(net.add("nll", net.add("log_softmax", v), y, name="L"))
    X, labels = samples()
    history = net.fit(
        (X, labels),
        epochs=1,
        batch_size=16,
        optimizer=SGD(0.0),
        accuracy="v",
        backend=backend,
        micro_batches=micro_batches,
        validation=(X, labels),
        progress=False,
    )
    right = int((net.forward(X)["v"].argmax(1) == labels).sum())
    assert history.last.accuracy == history.last.test_accuracy == right / len(X)


def test_an_accuracy_that_means_nothing_is_refused():
    net = Sequential(3, ("linear", 2), loss="l2_loss")
    with pytest.raises(NotTrainable, match=r"fit: accuracy='L' has shape \[\], whose largest entries name no classes"):
        net.fit(samples(), accuracy=net.objective_signal, progress=False)
