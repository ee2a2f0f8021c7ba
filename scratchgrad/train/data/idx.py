"""IDX, the format of MNIST: two zero bytes, a type, the number of axes, their sizes, the numbers, all big-endian.

In   a file, gzip-compressed or not
Out  a numpy array

Source  Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MalformedIDX", "read_idx"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"


class MalformedIDX(ValueError):
    """A file that is not what the IDX format says."""


def read_idx(path: str | Path) -> NDArray[Any]:
    """The array in an IDX file, in this machine's byte order.

    Raises MalformedIDX, with what was expected and what stands in the file.
    """
    path = Path(path)
    raw = path.read_bytes()
    if raw[:2] == _GZIP:
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise MalformedIDX(f"{path}: the gzip stream is damaged ({error}); fetch the file again") from error
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _TYPES:
        kinds = ", ".join(f"{kind:02x}" for kind in _TYPES)
        raise MalformedIDX(
            f"{path}: expected the magic number 00 00 TT NN (TT one of {kinds}; NN the number of axes), "
            f"got {raw[:4].hex(' ') or 'an empty file'}"
        )
    kind, axes = np.dtype(_TYPES[raw[2]]), raw[3]
    start = 4 + 4 * axes
    if len(raw) < start:
        raise MalformedIDX(f"{path}: expected {axes} sizes of 4 bytes after the magic number, got {len(raw) - 4} bytes")
    shape = struct.unpack(f">{axes}I", raw[4:start])
    expected, got = math.prod(shape) * kind.itemsize, len(raw) - start
    if expected != got:
        raise MalformedIDX(f"{path}: sizes {shape} need {expected} bytes of data, got {got}; fetch the file again")
    return np.frombuffer(raw, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))
