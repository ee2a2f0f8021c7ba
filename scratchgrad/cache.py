"""What is kept on this machine between runs lies in one folder: certificates, kernels, comparisons, programs.

The variable SCRATCHGRAD_CACHE names it, for all of them.  What lies there is executed or loaded, so a folder that
somebody else owns, or that everybody may write to, is not used: then a private temporary one is, and a warning says so.
"""

from __future__ import annotations

import os
import stat
import tempfile
import warnings
from functools import cache
from pathlib import Path

__all__ = ["CacheNotUsed", "cache_folder", "writable_cache_folder"]


class CacheNotUsed(UserWarning):
    """The cache folder is not used, for the reason that it says; what was to be kept is kept for this process only."""


def cache_folder(name: str) -> Path:
    """Where the things of this name lie, whether or not the folder is there."""
    root = _root()
    return (root if _objection(root) is None else _private(str(root), _objection(root) or "")) / name


def writable_cache_folder(name: str) -> Path:
    """The folder of this name, which is there and can be written to."""
    folder = cache_folder(name)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "it cannot be written to", str(folder))
    except OSError as error:
        folder = _private(str(_root()), error.strerror or type(error).__name__) / name
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _root() -> Path:
    from platformdirs import user_cache_dir  # imported here, because a built-in layer never needs it

    return Path(os.environ.get("SCRATCHGRAD_CACHE") or user_cache_dir("scratchgrad", appauthor=False))


def _objection(root: Path) -> str | None:
    """Why what lies in the folder is not to be trusted; None where it is, or where nothing is there yet."""
    if os.name != "posix":
        return None
    try:
        found = root.stat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return "it is no folder"
    if found.st_uid not in (os.geteuid(), 0):
        return "it belongs to another user"
    return "everybody may write to it" if found.st_mode & stat.S_IWOTH else None


@cache
def _private(root: str, reason: str) -> Path:
    """A folder for this process, which goes with it; a warning says why, once."""
    warnings.warn(f"the cache folder {root} is not used: {reason}; nothing is kept after this run", CacheNotUsed, 3)
    made = tempfile.TemporaryDirectory(prefix="scratchgrad-")
    _made.append(made)
    return Path(made.name)


_made: list[tempfile.TemporaryDirectory[str]] = []
