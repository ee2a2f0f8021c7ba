"""A file appears whole or not at all."""

import pytest

from scratchgrad import atomic


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    atomic.write_text(tmp_path / "notes.txt", "old")

    def fail(temporary):
        temporary.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic.write_with(tmp_path / "notes.txt", fail)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("notes.txt", "old")]


def test_the_old_file_stands_until_the_new_one_is_complete(tmp_path):
    atomic.write_text(tmp_path / "notes.txt", "old")
    seen = []

    def write(temporary):
        temporary.write_text("new")
        seen.append((temporary.suffix, (tmp_path / "notes.txt").read_text()))

    assert atomic.write_with(tmp_path / "notes.txt", write).read_text() == "new"
    assert seen == [(".txt", "old")]


def test_a_missing_folder_is_made(tmp_path):
    assert atomic.write_bytes(tmp_path / "a" / "b" / "c.bin", b"\x00\n").read_bytes() == b"\x00\n"
