"""The history as columns, text, JSON and picture."""

import dataclasses

import pytest

from scratchgrad.train import Epoch, History
from scratchgrad.train.history import HistoryUnreadable


def history(*, accuracy=0.5):
    return History(
        [
            Epoch(1, 1.25, accuracy, 1.5, accuracy, 0.1, 0.25),
            Epoch(2, 0.75, accuracy, 1.0, accuracy, 0.05, 0.25),
        ]
    )


def test_a_column_is_one_value_an_epoch():
    assert history()["loss"] == [1.25, 0.75]
    assert history().last.test_loss == 1.0
    assert [e.epoch for e in history()] == [1, 2] and len(history()) == 2
    with pytest.raises(LookupError, match="history: no column 'los'; there are epoch, loss, accuracy, test_loss"):
        history()["los"]


def test_it_is_read_back_as_it_was_written(tmp_path):
    assert History.load(history().save(tmp_path / "history.json")) == history()


@pytest.mark.parametrize("text", ["", "3", '[{"epoch": 1}]'])
def test_a_file_that_is_no_history_is_named(tmp_path, text):
    (tmp_path / "h.json").write_text(text)
    with pytest.raises(HistoryUnreadable, match="h.json: expected the JSON of a history"):
        History.load(tmp_path / "h.json")


def test_its_text_is_a_table():
    lines = repr(history()).splitlines()
    assert lines[0].split() == "epoch loss accuracy test loss test accuracy lr seconds".split()
    assert lines[2].split() == "2 0.7500 50.00 % 1.0000 50.00 % 0.05 0.25".split()


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_its_picture_has_the_format_of_the_suffix(tmp_path, suffix, magic):
    path = history().plot(tmp_path / "out" / f"curves.{suffix}")
    assert path.read_bytes().startswith(magic)
    assert [p.name for p in path.parent.iterdir()] == [f"curves.{suffix}"]


def test_without_accuracy_there_is_one_pair_of_axes(tmp_path):
    both = history().plot(tmp_path / "both.svg").read_text()
    one = history(accuracy=None).plot(tmp_path / "one.svg").read_text()
    assert both.count('id="axes_') == 2 and one.count('id="axes_') == 1


def test_a_run_without_test_data_is_plotted_and_printed(tmp_path):
    bare = History([dataclasses.replace(e, test_loss=None, test_accuracy=None) for e in history()])
    bare.plot(tmp_path / "bare.png")
    assert repr(bare).splitlines()[1].split() == "1 1.2500 50.00 % 0.1 0.25".split()
