"""What is kept on this machine between runs lies in one folder: certificates, kernels, comparisons, programs."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(name: str) -> Path:
    """Where the things of this name lie: in the folder SCRATCHGRAD_CACHE, else in the user's cache."""
    from platformdirs import user_cache_dir  # imported here, because a built-in layer never needs it

    return Path(os.environ.get("SCRATCHGRAD_CACHE") or user_cache_dir("scratchgrad", appauthor=False)) / name
