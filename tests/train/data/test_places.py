import numpy as np
import pytest

from scratchgrad.train.data import DataNotFound, load_data
from scratchgrad.train.data.places import IDX_SETS, IdxSet, find
from tests.train.data.test_idx import idx

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def write_set(folder, names=FILES, shade=255):
    """Four tiny IDX files: 5 + 2 images of 2 x 3, all of one shade."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(
        names,
        (np.full((5, 2, 3), shade), np.arange(5) % 3, np.full((2, 2, 3), shade), np.arange(2)),
        strict=True,
    ):
        (folder / name).write_bytes(idx(array.astype("u1")))


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("SCRATCHGRAD_DATA", raising=False)


@pytest.mark.parametrize("sub", [".", "fashion-mnist", "FashionMNIST/raw"])
def test_a_set_is_found_in_the_named_folder_and_its_usual_subfolders(tmp_path, sub):
    write_set(tmp_path / sub)
    data = load_data("fashion-mnist", data_dir=tmp_path)
    assert data.train[0].shape == (5, 6)
    assert data.test[0].shape == (2, 6)
    assert data.classes == 3
    assert "Zalando" in data.credit


def test_a_set_is_found_where_the_environment_variable_points(tmp_path, monkeypatch):
    write_set(tmp_path)
    monkeypatch.setenv("SCRATCHGRAD_DATA", str(tmp_path))
    assert load_data("mnist").features == 6


def test_the_named_folder_comes_before_the_environment_variable(tmp_path, monkeypatch):
    write_set(tmp_path / "named", shade=255)
    write_set(tmp_path / "variable", shade=0)
    monkeypatch.setenv("SCRATCHGRAD_DATA", str(tmp_path / "variable"))
    assert float(load_data("mnist", data_dir=tmp_path / "named").train[0].max()) == 1


def test_in_a_folder_with_both_sets_each_name_finds_its_own(tmp_path):
    write_set(tmp_path / "MNIST/raw", shade=255)
    write_set(tmp_path / "FashionMNIST/raw", shade=0)
    assert float(load_data("mnist", tmp_path).train[0].max()) == 1
    assert float(load_data("fashion-mnist", tmp_path).train[0].max()) == 0


def test_the_system_package_serves_where_no_folder_is_named(tmp_path):
    write_set(tmp_path)
    files = find(IdxSet("a", (), (str(tmp_path),), "ask", "us"))
    assert [file.name for file in files] == list(FILES)


def test_file_names_with_a_dot_instead_of_a_hyphen_are_read_as_well(tmp_path):
    write_set(tmp_path, [name.replace("-idx", ".idx") for name in FILES])
    assert load_data("mnist", tmp_path).features == 6


def test_a_folder_of_idx_files_is_a_data_set_by_its_path(tmp_path):
    write_set(tmp_path / "mine")
    assert repr(load_data(tmp_path / "mine")) == "<Dataset mine: 5 + 2 samples, 6 features, 3 classes>"


def test_a_set_that_is_nowhere_is_reported_with_every_place_and_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCHGRAD_DATA", str(tmp_path / "half"))
    write_set(tmp_path / "half")
    (tmp_path / "half" / FILES[2]).unlink()
    wanted = IdxSet("fashion-mnist", ("sub",), (str(tmp_path / "system"),), IDX_SETS["fashion-mnist"].get, "")
    with pytest.raises(DataNotFound) as error:
        find(wanted)
    message = str(error.value)
    assert message.startswith("fashion-mnist: not found. Looked at:\n")
    for line in (
        f"{tmp_path}/half/sub (no such folder)",
        f"{tmp_path}/half (lacks t10k-images-idx3-ubyte[.gz])",
        f"{tmp_path}/system (no such folder)",
    ):
        assert f"\n  {line}\n" in message
    assert "apt install dataset-fashion-mnist" in message
    assert message.endswith("name their folder with data_dir (--data-dir) or $SCRATCHGRAD_DATA.")


def test_a_folder_that_was_named_is_the_only_place(tmp_path):
    write_set(tmp_path / "system")
    wanted = IdxSet("a", (), (str(tmp_path / "system"),), "ask", "us")
    with pytest.raises(DataNotFound, match="nowhere_at_all \\(no such folder\\)"):
        find(wanted, tmp_path / "nowhere_at_all")


def test_mnist_without_any_folder_named_says_that_none_was():
    with pytest.raises(DataNotFound, match="nowhere: no folder was named"):
        find(IDX_SETS["mnist"])


def test_a_folder_that_lacks_a_file_is_reported_with_its_name(tmp_path):
    write_set(tmp_path)
    (tmp_path / FILES[1]).unlink()
    with pytest.raises(DataNotFound, match=r"the folder lacks train-labels-idx1-ubyte\[\.gz\]"):
        load_data(tmp_path)


def test_a_name_that_is_neither_a_set_nor_a_path_is_reported_with_what_there_is():
    with pytest.raises(DataNotFound, match="no data set 'cifar': expected digits, mnist, fashion-mnist, a .npz file"):
        load_data("cifar")
