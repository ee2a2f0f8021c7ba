import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scratchgrad.train.data import Batches, BatchesExhausted, DataMismatch, GivenBatches, batches, load_data

sizes = st.integers(0, 40)
X, y = torch.arange(10.0)[:, None], torch.arange(10)


def rows(epoch):
    return [x[:, 0].tolist() for x, _ in epoch]


def numbered(n, size, seed=0, **options):
    return Batches(torch.arange(float(n))[:, None], torch.arange(n), size, seed, **options)


@given(n=sizes, size=st.integers(1, 50), seed=st.integers(0, 2**40), epoch=st.integers(0, 1000))
def test_an_epoch_has_every_sample_once_in_full_batches_and_one_of_what_is_left(n, size, seed, epoch):
    parts = list(numbered(n, size, seed).epoch(epoch))
    assert len(parts) == len(numbered(n, size))
    assert sorted(row for batch in rows(parts) for row in batch) == list(range(n))
    assert all(len(x) == size for x, _ in parts[:-1])
    assert all(x[:, 0].tolist() == labels.tolist() for x, labels in parts)


@given(n=sizes, size=st.integers(1, 50), seed=st.integers(0, 9), epoch=st.integers(0, 9), start=st.integers(0, 60))
def test_an_epoch_resumed_at_a_batch_goes_on_as_the_unbroken_one(n, size, seed, epoch, start):
    unbroken = rows(numbered(n, size, seed).epoch(epoch))
    assert rows(numbered(n, size, seed).epoch(epoch, start)) == unbroken[start:]


def test_epochs_and_seeds_differ_in_their_order():
    orders = [tuple(numbered(50, 50, seed).order(epoch).tolist()) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9


def test_the_order_does_not_depend_on_random_numbers_drawn_elsewhere():
    before = numbered(20, 5).order(1)
    torch.rand(3)
    np.random.rand(3)
    assert torch.equal(before, numbered(20, 5).order(1))


def test_the_order_of_an_epoch_is_the_one_that_checkpoints_were_written_with():
    # A recording: if a version of numpy changes its generators, a resumed run is no longer the unbroken one.
    assert numbered(10, 10, seed=7).order(3).tolist() == [3, 5, 4, 7, 8, 0, 9, 2, 1, 6]


def test_without_shuffling_the_samples_come_in_their_order():
    assert rows(Batches(X, y, 4, shuffle=False).epoch(5)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_batch_shares_no_memory_with_the_samples():
    data = torch.arange(6.0)[:, None]
    x, _ = next(Batches(data, torch.arange(6), 6, shuffle=False).epoch(0))
    x.zero_()
    assert data[:, 0].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, y, 0), "batch size of at least 1, got 0"),
        ((X, y, 1, -1), "seed of at least 0, got -1"),
        ((X, y[:4], 1), "10 inputs but 4 labels"),
    ],
)
def test_a_batch_size_seed_or_length_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Batches(*arguments)


def test_a_torch_dataloader_is_taken_as_it_is():
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X.reshape(10, 1, 1), y.int()), batch_size=4)
    given_batches = batches(loader)
    for epoch in range(2):
        parts = list(given_batches.epoch(epoch))
        assert rows(parts) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert parts[0][1].dtype == torch.int64
    assert len(given_batches) == 3
    assert rows(given_batches.epoch(2, 2)) == [[8, 9]]


def test_a_list_of_numpy_batches_is_scaled_and_flattened():
    x, labels = next(batches([(np.full((2, 2, 2), 255, "u1"), np.array([1, 0]))]).epoch(0))
    assert x.tolist() == [[1] * 4] * 2
    assert labels.tolist() == [1, 0]


def test_a_generator_serves_one_epoch_and_is_refused_for_the_next():
    given_batches = batches(pair for pair in [(X, y)])
    assert len(list(given_batches.epoch(0))) == 1
    with pytest.raises(BatchesExhausted, match="epoch 1: the generator of batches was used up in an earlier"):
        next(given_batches.epoch(1))


@pytest.mark.parametrize("broken", [[X], [(X, y), (X, y, y)], [{"x": X}]])
def test_a_batch_that_is_no_pair_is_named_by_its_number(broken):
    with pytest.raises(DataMismatch, match=rf"batch {len(broken) - 1}: expected a pair \(X, y\)"):
        list(batches(broken).epoch(0))


def test_a_data_set_and_its_training_arrays_give_the_same_batches():
    data = load_data((X, y))
    assert rows(batches(data, 3, 1).epoch(0)) == rows(batches((X, y), 3, 1).epoch(0))


@pytest.mark.parametrize("made", [Batches(X, y), GivenBatches([])])
def test_batches_pass_as_they_are(made):
    assert batches(made) is made


def test_what_has_no_batches_is_a_type_error():
    with pytest.raises(TypeError, match=r"expected a Dataset, \(X, y\) or an iterable of batches, got int"):
        batches(3)
