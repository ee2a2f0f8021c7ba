"""Peak memory, measured in a process of its own: beside it the parameters and what the plan must keep."""

import sys

import pytest

from scratchgrad.bench.kinds import Mlp
from scratchgrad.bench.peak import peak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the count is the Linux kernel's")


def test_a_programs_peak_is_above_what_must_live_and_far_below_twice_the_sum():
    problem = Mlp(2048, sizes=(*[512] * 9, 10))  # signals of 4 MiB
    found = peak(problem, "program")
    assert found["parameters"] == pytest.approx(8 * 513 * 512 * 4 / 2**20 + 513 * 10 * 4 / 2**20)
    assert 36 <= found["bound"] < 37  # eight of them, and the gradient of the last
    assert found["bound"] - 1 < found["peak"] - found["parameters"] < 2 * found["bound"]


def test_a_process_that_ends_early_has_no_peak(tmp_path):
    assert peak(Mlp(2, sizes=(3, 2)), "JAX jit", "/bin/false") == {"failure": "the process ended"}
