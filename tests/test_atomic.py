"""A file appears whole or not at all."""

from pathlib import Path

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


def test_a_file_may_be_read_by_whom_other_files_may_be_read(tmp_path):
    def write(temporary):
        temporary.unlink()
        temporary.touch(mode=0o600)

    (tmp_path / "plain.txt").touch()
    written = atomic.write_with(tmp_path / "notes.txt", write)
    assert written.stat().st_mode == (tmp_path / "plain.txt").stat().st_mode


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that takes no files, /proc")
def test_a_place_where_nothing_can_be_written_is_named_and_not_the_temporary_file():
    with pytest.raises(OSError, match="/proc/notes.txt"):
        atomic.write_text("/proc/notes.txt", "")
