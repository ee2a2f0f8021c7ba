"""The folder that a command writes into, looked at before the work begins."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["FolderNotWritable", "prepared"]


class FolderNotWritable(OSError):
    """A folder that cannot be made, or not be written into."""


def prepared(folder: Path) -> Path:
    """The folder, which now exists and takes files; FolderNotWritable where that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderNotWritable(f"{folder}: this folder cannot be made ({error.strerror}); name another one") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FolderNotWritable(f"{folder}: this folder does not take files (no permission); name another one")
    return folder
