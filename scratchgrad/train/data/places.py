"""Where a data set's IDX files lie on this machine.

In   "fashion-mnist", perhaps a folder that the user names
Out  the four files: training images and labels, test images and labels

Looked at, in order: the user's folder, the folder in SCRATCHGRAD_DATA, where Debian's package puts the files.  In a
folder of the user's, the subfolders that torchvision and people make come before the folder itself, because MNIST and
Fashion-MNIST give their files the same names.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["IDX_SETS", "DataNotFound", "IdxSet", "find", "in_folder"]

VARIABLE = "SCRATCHGRAD_DATA"

_ROLES = ("train-images{}idx3-ubyte", "train-labels{}idx1-ubyte", "t10k-images{}idx3-ubyte", "t10k-labels{}idx1-ubyte")


class DataNotFound(FileNotFoundError):
    """A data set that is in none of the places looked at; the message names them all."""


@dataclass(frozen=True)
class IdxSet:
    """A data set in IDX files: where it may lie, how to get it, whose it is."""

    name: str
    folders: tuple[str, ...]
    system: tuple[str, ...]
    get: str
    credit: str


IDX_SETS = {
    "mnist": IdxSet(
        "mnist",
        ("mnist", "MNIST/raw", "MNIST"),
        (),
        "download the four files *-ubyte.gz of MNIST (torchvision.datasets.MNIST(root, download=True) fetches them)",
        "MNIST, Y. LeCun, C. Cortes, C. Burges, CC BY-SA 3.0",
    ),
    "fashion-mnist": IdxSet(
        "fashion-mnist",
        ("fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
        ("/usr/share/datasets/fashion-mnist",),
        "on Debian and Ubuntu: apt install dataset-fashion-mnist; elsewhere: the four files *-ubyte.gz from "
        "https://github.com/zalandoresearch/fashion-mnist",
        "Fashion-MNIST, H. Xiao, K. Rasul, R. Vollgraf, 2017, Zalando SE, MIT licence",
    ),
}


def find(wanted: IdxSet, data_dir: str | Path | None = None) -> tuple[Path, ...]:
    """The four files of a data set, from the first place that has all of them.

    A folder that is named is the only place; otherwise the environment's comes first, then the system's.  Raises
    DataNotFound, which names every place looked at, what each lacks, and how to get the data.
    """
    named = data_dir if data_dir is not None else os.environ.get(VARIABLE)
    places = [Path(named) / sub for sub in (*wanted.folders, ".")] if named else []
    if data_dir is None:
        places += [Path(folder) for folder in wanted.system]
    for place in places:
        files, missing = in_folder(place)
        if not missing:
            return files
    looked = "".join(f"\n  {_state(place)}" for place in places) or "\n  nowhere: no folder was named"
    raise DataNotFound(
        f"{wanted.name}: not found. Looked at:{looked}\n"
        f"To get it, {wanted.get}; then name their folder with data_dir (--data-dir) or ${VARIABLE}."
    )


def in_folder(folder: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The four files as far as the folder has them, with '-' or '.' in the name, gzipped or not; and what it lacks."""
    files, missing = [], []
    for role in _ROLES:
        names = [role.format(mark) + end for end in ("", ".gz") for mark in "-."]
        present = [folder / name for name in names if (folder / name).is_file()]
        if present:
            files.append(present[0])
        else:
            missing.append(f"{role.format('-')}[.gz]")
    return tuple(files), tuple(missing)


def _state(place: Path) -> str:
    if not place.is_dir():
        return f"{place} (no such folder)"
    missing = in_folder(place)[1]
    return f"{place} (lacks {', '.join(missing)})"
