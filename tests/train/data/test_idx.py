import gzip
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scratchgrad.train.data import MalformedIDX, read_idx

CODES = {"u1": 8, "i1": 9, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array, code=None):
    """The bytes of an array in the IDX format."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code or CODES[array.dtype.str[1:]], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
    ),
    zipped=st.booleans(),
)
def test_reading_an_idx_file_gives_back_the_array_written(tmp_path_factory, array, zipped):
    path = tmp_path_factory.mktemp("idx") / "a"
    path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    got = read_idx(path)
    assert got.dtype == array.dtype
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, array)


GOOD = idx(np.arange(6, dtype="u1").reshape(2, 3))
# With the time of day in it, the tests' names would differ between xdist's workers.
ZIPPED = gzip.compress(GOOD, mtime=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "magic number .* got an empty file"),
        (b"\x00\x00", "magic number .* got 00 00"),
        (b"PK\x03\x04rest", "expected the magic number 00 00 TT NN .* got 50 4b 03 04"),
        (b"\x00\x00\x07\x01\x00\x00\x00\x00", "TT one of 08, 09, 0b, 0c, 0d, 0e.* got 00 00 07 01"),
        (GOOD[:10], "expected 2 sizes of 4 bytes after the magic number, got 6 bytes"),
        (GOOD[:-1], r"sizes \(2, 3\) need 6 bytes of data, got 5; fetch the file again"),
        (GOOD + b"x", r"sizes \(2, 3\) need 6 bytes of data, got 7"),
        (ZIPPED[:-9], "gzip stream is damaged"),
        (ZIPPED[:-5] + b"12345", "gzip stream is damaged"),
    ],
)
def test_a_malformed_file_is_named_with_what_was_expected_and_got(tmp_path, content, message):
    path = tmp_path / "broken-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(MalformedIDX, match=f"broken-idx3-ubyte: .*{message}"):
        read_idx(path)


def test_a_header_that_claims_more_than_the_memory_of_this_machine_is_refused_before_anything_is_allocated(tmp_path):
    path = tmp_path / "huge"
    path.write_bytes(struct.pack(">BBBB4I", 0, 0, 8, 4, *[2**32 - 1] * 4))
    with pytest.raises(MalformedIDX, match=f"need {math.prod([2**32 - 1] * 4)} bytes of data, got 0"):
        read_idx(path)
