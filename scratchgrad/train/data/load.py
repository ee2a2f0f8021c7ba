"""load_data: one door for every form in which data comes.

In   "digits" | "mnist" | "fashion-mnist" | a folder of IDX files | a .npz file | (X, y) | ((X, y), (X_test, y_test))
Out  Dataset

A data set in batches (a torch DataLoader, any iterable) has no place here: `batches` takes it as it is.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scratchgrad.train.data.dataset import DataMismatch, Dataset
from scratchgrad.train.data.digits import CREDIT, read_digits
from scratchgrad.train.data.idx import read_idx
from scratchgrad.train.data.places import IDX_SETS, DataNotFound, find, in_folder

__all__ = ["NAMES", "load_data"]

NAMES = ("digits", *IDX_SETS)

_ALIASES = {"fashionmnist": "fashion-mnist", "fashion": "fashion-mnist"}
_NPZ_TRAIN = (("x_train", "y_train"), ("X_train", "y_train"), ("X", "y"), ("x", "y"))
_NPZ_TEST = (("x_test", "y_test"), ("X_test", "y_test"))


def load_data(
    data: Any = "digits", data_dir: str | Path | None = None, *, dtype: torch.dtype = torch.float32
) -> Dataset:
    """The data set of this name, path or arrays: X [N, features] in `dtype`, y [N] class numbers.

    Grey values come scaled to [0, 1].  Raises DataNotFound, MalformedIDX or DataMismatch.
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, (str, Path)):
        return _named(data, data_dir, dtype)
    if isinstance(data, tuple) and len(data) == 2:
        if all(isinstance(part, tuple) and len(part) == 2 for part in data):
            return Dataset.of(*data, dtype=dtype)
        return Dataset.of(data, dtype=dtype)
    raise TypeError(
        f"load_data: expected a name ({', '.join(NAMES)}), a path, (X, y) or ((X, y), (X_test, y_test)), "
        f"got {type(data).__name__}; for an iterable of batches use batches(...)"
    )


def _named(data: str | Path, data_dir: str | Path | None, dtype: torch.dtype) -> Dataset:
    name = str(data).lower().replace("_", "-")
    name = _ALIASES.get(name, name)
    if name == "digits":
        train, test = read_digits()
        return Dataset.of(train, test, dtype=dtype, name=name, credit=CREDIT)
    if name in IDX_SETS:
        return _idx(find(IDX_SETS[name], data_dir), name, IDX_SETS[name].credit, dtype)
    path = Path(data)
    if path.is_dir():
        files, missing = in_folder(path)
        if missing:
            raise DataNotFound(f"{path}: expected a data set's four IDX files; the folder lacks {', '.join(missing)}")
        return _idx(files, path.name, "", dtype)
    if path.is_file():
        return _npz(path, dtype)
    raise DataNotFound(
        f"no data set {str(data)!r}: expected {', '.join(NAMES)}, a .npz file or a folder of IDX files; "
        f"there is no file or folder of this name"
    )


def _idx(paths: tuple[Path, ...], name: str, credit: str, dtype: torch.dtype) -> Dataset:
    X, y, X_test, y_test = map(read_idx, paths)
    return Dataset.of((X, y), (X_test, y_test), dtype=dtype, name=name, credit=credit)


def _npz(path: Path, dtype: torch.dtype) -> Dataset:
    if not zipfile.is_zipfile(path):
        raise DataMismatch(f"{path}: expected a .npz file (numpy.savez), found something else")
    with np.load(path, allow_pickle=False) as arrays:
        train, test = (
            next((pair for pair in pairs if set(pair) <= set(arrays)), None) for pairs in (_NPZ_TRAIN, _NPZ_TEST)
        )
        if train is None:
            raise DataMismatch(
                f"{path}: expected arrays x_train, y_train (and x_test, y_test), or X, y; "
                f"got {', '.join(arrays) or 'none'}"
            )
        return Dataset.of(
            (arrays[train[0]], arrays[train[1]]),
            None if test is None else (arrays[test[0]], arrays[test[1]]),
            dtype=dtype,
            name=path.stem,
        )
