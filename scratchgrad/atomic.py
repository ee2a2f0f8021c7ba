"""A file appears whole or not at all: written under a temporary name beside it, fsynced, then renamed.

A process killed at any point leaves the old file or the new one, never half of either.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

__all__ = ["write_bytes", "write_text", "write_with"]


def write_with(path: str | os.PathLike[str], write: Callable[[Path], object]) -> Path:
    """The file at `path` is what `write(temporary_path)` wrote; its folder is made where it is missing.

    The temporary name keeps the suffix, because some writers choose the format by it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(6)}{target.suffix}")
    try:
        try:
            temporary.touch()
        except OSError as error:  # the person knows the target's name, not the temporary one
            raise type(error)(error.errno, error.strerror, str(target)) from None
        mode = temporary.stat().st_mode
        write(temporary)
        temporary.chmod(mode)  # some writers put a file of their own there, which nobody else may read
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)
    return target


def write_bytes(path: str | os.PathLike[str], content: bytes) -> Path:
    """The file at `path` holds exactly `content`."""
    return write_with(path, lambda temporary: temporary.write_bytes(content))


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """The file at `path` holds `text` in UTF-8, with newlines as they are."""
    return write_bytes(path, text.encode("utf-8"))


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there, and the rename is durable without it
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
