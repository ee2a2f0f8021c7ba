import warnings

import numpy as np
import pytest
import torch

from scratchgrad.train.data import DataMismatch, Dataset, load_data
from tests.tolerances import tolerance

X = np.arange(24, dtype="f8").reshape(4, 6)
y = np.array([0, 2, 1, 0])


def test_the_digits_are_1797_of_which_every_fifth_of_a_class_is_for_testing():
    data = load_data("digits")
    (inputs, labels), (test_inputs, test_labels) = data.train, data.test
    assert (inputs.shape, test_inputs.shape) == ((1442, 64), (355, 64))
    assert torch.equal(test_labels.bincount(), (labels.bincount() + test_labels.bincount()) // 5)
    assert (data.classes, data.features) == (10, 64)
    assert (inputs.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert (float(inputs.min()), float(inputs.max())) == (0, 1)
    assert "Alpaydin" in data.credit
    assert "CC BY 4.0" in data.credit


def test_the_first_digit_is_the_zero_that_the_source_shows():
    inputs, labels = load_data("digits", dtype=torch.float64).train
    assert int(labels[0]) == 0
    row = (inputs[0] * 16).reshape(8, 8)[0].tolist()
    assert row == [0, 0, 5, 13, 9, 1, 0, 0]


def test_no_test_digit_is_also_a_training_digit_more_often_than_the_file_repeats_it():
    data = load_data("digits")
    together = torch.cat([data.train[0], data.test[0]])
    assert len(together) == 1797
    assert len(together.unique(dim=0)) == 1797


def test_arrays_become_rows_of_the_wanted_dtype_and_class_numbers():
    data = load_data((X.reshape(4, 2, 3), y.astype("u1")), dtype=torch.float64)
    torch.testing.assert_close(data.train[0], torch.from_numpy(X), **tolerance("float64"))
    assert data.train[1].tolist() == y.tolist()
    assert data.train[1].dtype == torch.int64
    assert data.test is None
    assert data.classes == 3


def test_grey_values_of_8_bits_are_divided_by_255_and_other_numbers_are_not():
    grey = np.array([[0, 51, 255]], dtype="u1")
    assert load_data((grey, [0]), dtype=torch.float64).train[0].tolist() == [[0, 0.2, 1]]
    assert load_data((grey.astype(int), [0])).train[0].tolist() == [[0, 51, 255]]


def test_floating_labels_are_targets_of_a_regression():
    data = load_data((X, y * 0.5))
    assert data.classes == 0
    assert data.train[1].dtype == torch.float32
    assert "real targets" in repr(data)


def test_a_column_of_labels_is_a_list_of_labels():
    assert load_data((X, y[:, None])).train[1].shape == (4,)


@pytest.mark.parametrize(
    "form",
    [
        torch.from_numpy,
        lambda a: a.astype(a.dtype.newbyteorder(">")),
        lambda a: a[::-1][::-1].copy()[::-1][::-1],
        np.asfortranarray,
        lambda a: a.tolist(),
        lambda a: np.broadcast_to(a, a.shape),
    ],
)
def test_the_form_in_which_arrays_come_does_not_matter(form):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load_data((form(X), form(y)), dtype=torch.float64)
    assert data.train[0].tolist() == X.tolist()
    assert data.train[1].tolist() == y.tolist()


def test_reversed_arrays_stay_in_their_order():
    data = load_data((X[::-1], y[::-1]))
    assert data.train[1].tolist() == y[::-1].tolist()


def test_no_samples_at_all_keep_their_number_of_features():
    assert load_data((np.zeros((0, 2, 3)), np.zeros(0, int))).train[0].shape == (0, 6)


def test_a_tensor_that_remembers_gradients_arrives_without_them():
    assert not load_data((torch.ones(2, 3, requires_grad=True), [0, 1])).train[0].requires_grad


@pytest.mark.parametrize(
    "keys",
    [("x_train", "y_train", "x_test", "y_test"), ("X_train", "y_train", "X_test", "y_test"), ("X", "y"), ("x", "y")],
)
def test_an_npz_file_is_read_by_the_usual_names(tmp_path, keys):
    np.savez(tmp_path / "set.npz", **dict(zip(keys, (X, y, X[:2], y[:2]), strict=False)))
    data = load_data(str(tmp_path / "set.npz"))
    assert data.train[0].shape == (4, 6)
    assert (data.test is not None) == (len(keys) == 4)
    assert data.name == "set"


def test_an_npz_file_with_other_names_is_reported_with_its_names(tmp_path):
    np.savez(tmp_path / "set.npz", pictures=X, y=y)
    with pytest.raises(DataMismatch, match="expected arrays x_train, y_train .* got pictures, y"):
        load_data(tmp_path / "set.npz")


def test_a_file_that_is_no_npz_is_reported(tmp_path):
    (tmp_path / "set.npz").write_text("x,y")
    with pytest.raises(DataMismatch, match=r"set.npz: expected a .npz file \(numpy.savez\)"):
        load_data(tmp_path / "set.npz")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X.T, y), r"data, training: 6 inputs but 4 labels; is X transposed \(one column a sample\)\? Give X.T"),
        ((X, y[:3]), "data, training: 4 inputs but 3 labels$"),
        ((X, 3), r"expected X \[N, ...\] and y \[N\], got shapes \(4, 6\) and \(\)"),
        ((X, -y), "class numbers count from 0, found -2"),
        ((X, np.eye(4, dtype=int)), r"of shape \(4, 4\); of one-hot rows give y.argmax\(1\)"),
        (((X, y), (X[:, :5], y)), "training inputs have 6 features, test inputs 5"),
        (((X, y), (X, y * 0.5)), r"training labels are int64 of shape \[N\], test labels float32 of shape \[N\]"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(data, message):
    with pytest.raises(DataMismatch, match=message):
        load_data(data)


def test_a_data_set_passes_as_it_is():
    data = Dataset.of((X, y))
    assert load_data(data) is data


def test_what_is_no_data_is_a_type_error_that_lists_the_forms():
    with pytest.raises(TypeError, match=r"expected a name .* got int; for an iterable of batches use batches"):
        load_data(3)
