"""Whatever a compiler does wrong is a reason, and a damaged library is built again."""

from __future__ import annotations

import ctypes
import os
import stat
from pathlib import Path

import pytest

from scratchgrad.program.native import build
from scratchgrad.program.native.build import NoCompiler, library

SOURCE = "int answer(void) { return 42; }"

pytestmark = pytest.mark.skipif(build.compiler() is None, reason="no C compiler")


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCRATCHGRAD_CACHE", str(tmp_path / "cache"))


def script(path: Path, text: str) -> str:
    """An executable file."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def use(monkeypatch: pytest.MonkeyPatch, compiler: str) -> None:
    """This compiler, and none other."""
    monkeypatch.setattr(build, "compiler", lambda: compiler)
    build._version.cache_clear()


def kept(tmp_path: Path) -> Path:
    """The one library that is kept."""
    (found,) = (tmp_path / "cache" / "native").glob("*.so")
    return found


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "no hash", "foreign"])
def test_a_damaged_library_is_built_again_and_never_loaded(tmp_path: Path, damage: str) -> None:
    assert library(SOURCE).answer() == 42
    path = kept(tmp_path)
    whole = path.read_bytes()
    copy = tmp_path / "copy.so"  # what is loaded already is not touched
    copy.write_bytes(whole)
    path.unlink()
    if damage == "no hash":
        path.write_bytes(whole)
        path.with_suffix(".sha256").unlink()
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "bit":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "foreign":
        path.write_bytes(b"\x7fELF, but not ours")
    else:
        path.write_bytes(b"")
    assert library(SOURCE).answer() == 42
    assert path.read_bytes() == whole
    assert isinstance(ctypes.CDLL(str(path)), ctypes.CDLL)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exit 0", "says that all is well, and has written no library"),
        ('echo "bad luck"; exit 1', "refused the source: bad luck"),
        ("exit 3", "refused the source: no message"),
        ('while [ "$1" != "-o" ]; do shift; [ $# -gt 0 ] || exit 0; done; echo text > "$2"', "cannot be loaded"),
    ],
)
def test_a_compiler_that_does_something_else_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    use(monkeypatch, script(tmp_path / "cc", text))
    with pytest.raises(NoCompiler, match=words):
        library(SOURCE)


def test_a_compiler_that_hangs_is_stopped_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "SECONDS", 0.2)
    use(monkeypatch, script(tmp_path / "cc", f"sleep 60 & echo $! > {tmp_path / 'child'}; wait"))
    with pytest.raises(NoCompiler, match=r"was stopped after 0\.2 s"):
        library(SOURCE)
    child = int((tmp_path / "child").read_text())
    status = Path(f"/proc/{child}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_a_compiler_that_is_no_program_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cc").write_text("text")
    use(monkeypatch, str(tmp_path / "cc"))
    with pytest.raises(NoCompiler, match="cannot be run"):
        library(SOURCE)


def test_a_full_disk_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(build.atomic, "write_bytes", full)
    with pytest.raises(NoCompiler, match="the library cannot be written: .*No space left"):
        library(SOURCE + "\n")
