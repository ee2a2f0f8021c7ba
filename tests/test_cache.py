"""The cache folder is used where it is private, and nothing in it is executed that no certificate was made for."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from scratchgrad import cache, certificate, registry
from scratchgrad.cache import CacheNotUsed, cache_folder, writable_cache_folder
from scratchgrad.certification.rooms import certify_room
from scratchgrad.registry import NotCertified

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes of folders")

ROOM = "conv1d(stride=3)"
"""A room at options that the package does not ship: its kernel is generated into the cache."""


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("SCRATCHGRAD_CACHE", str(tmp_path / "cache"))
    cache._private.cache_clear()
    yield
    cache._private.cache_clear()


def test_the_folder_that_the_variable_names_is_used_and_private(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cache_folder("kernels") == tmp_path / "cache" / "kernels"
        assert not (tmp_path / "cache").exists()
        assert writable_cache_folder("native") == tmp_path / "cache" / "native"
    assert (tmp_path / "cache" / "native").is_dir()


def test_a_folder_that_everybody_may_write_to_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    with pytest.warns(CacheNotUsed, match=r"cache is not used: everybody may write to it; nothing is kept after this"):
        found = cache_folder("kernels")
    assert tmp_path not in found.parents
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said once
        assert cache_folder("kernels") == found


def test_a_folder_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").mkdir()
    owner = (tmp_path / "cache").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner == 0:
        os.chown(tmp_path / "cache", 12345, -1)
    with pytest.warns(CacheNotUsed, match="it belongs to another user"):
        assert tmp_path not in cache_folder("native").parents


def test_a_path_that_is_no_folder_falls_back(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.warns(CacheNotUsed, match="it is no folder"):
        assert writable_cache_folder("native").is_dir()


def test_a_folder_that_cannot_be_written_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.warns(CacheNotUsed, match="it cannot be written to"):
        assert writable_cache_folder("native").is_dir()


def _forget() -> None:
    """As in another process: nothing is attached, nothing accepted."""
    registry._accepted.pop(ROOM, None)
    registry.layer(ROOM).kernel_class = None


def test_a_cached_kernel_is_executed_only_as_it_was_certified(tmp_path: Path) -> None:
    assert certify_room(ROOM, write="cache").accepted
    path = certificate.cached_kernel_path(registry.layer(ROOM).stem)
    _forget()
    assert registry.kernel(ROOM).forward is not None
    written, mark = path.read_text(), tmp_path / "executed"
    for changed in (f"open({str(mark)!r}, 'w')\n{written}", "this is no Python (", "", written + "\n# a word more"):
        path.write_text(changed)
        _forget()
        with pytest.raises(NotCertified, match=r"Run: scratchgrad certify 'conv1d\(stride=3\)'"):
            registry.kernel(ROOM)
    assert not mark.exists()
    assert certify_room(ROOM, write="cache").accepted  # the remedy writes it anew
    _forget()
    assert registry.kernel(ROOM).forward is not None
    assert path.read_text() == written
    path.unlink()
    _forget()
    with pytest.raises(NotCertified, match="has no kernel"):
        registry.kernel(ROOM)
    _forget()
