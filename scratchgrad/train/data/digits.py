"""The embedded data set: 1,797 handwritten digits, 8 x 8 grey values 0..16.

Out  training and test arrays, inputs in [0, 1]

Of each class every fifth digit, in the file's order, is a test digit: 1,442 train, 355 test.  No random number takes
part, so the split is the same everywhere and for ever.
"""

from __future__ import annotations

import gzip
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CREDIT", "read_digits"]

CREDIT = (
    "Optical Recognition of Handwritten Digits (test part), E. Alpaydin and C. Kaynak, 1998, "
    "UCI Machine Learning Repository, CC BY 4.0, as scikit-learn distributes it"
)

_EVERY = 5

Arrays = tuple[NDArray[Any], NDArray[Any]]


def read_digits() -> tuple[Arrays, Arrays]:
    """((X, y), (X_test, y_test)): X float64 in [0, 1], y the digits."""
    text = gzip.decompress(files(__package__).joinpath("digits.csv.gz").read_bytes()).decode()
    rows = np.array(text.replace("\n", ",").rstrip(",").split(","), dtype=np.int64).reshape(-1, 65)
    X, y = rows[:, :64] / 16, rows[:, 64]
    test = np.zeros(len(y), dtype=bool)
    for digit in range(10):
        test[np.flatnonzero(y == digit)[_EVERY - 1 :: _EVERY]] = True
    return (X[~test], y[~test]), (X[test], y[test])
