"""What raises for a dtype, or for a layout of memory, computes nothing wrong: functions of C, through ctypes."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
import torch

import scratchgrad as sg

SQUARE = "y[i] = x[i]**2"
SOURCE = """
void square(const TYPE *x, TYPE *y, long n) { for (long i = 0; i < n; i++) y[i] = x[i] * x[i]; }
void backward(const TYPE *g, const TYPE *x, TYPE *d, long n) {
    for (long i = 0; i < n; i++) d[i] = FACTOR * g[i] * x[i];
}
"""
COMPILER = shutil.which("cc") or shutil.which("gcc")

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The two functions of C, of a type and a factor, as functions of arrays."""
    folder = tmp_path_factory.mktemp("c")

    def made(kind, factor=2, prepared=np.ascontiguousarray):
        name = f"{kind}{factor}"
        source, library = folder / f"{name}.c", folder / f"{name}.so"
        if not library.exists():
            source.write_text(SOURCE)
            defined = [f"-DTYPE={kind}", f"-DFACTOR={factor}"]
            subprocess.run([COMPILER, "-shared", "-fPIC", *defined, "-o", library, source], check=True)
        functions = ctypes.CDLL(str(library))
        array = np.ctypeslib.ndpointer(np.float64 if kind == "double" else np.float32, flags="C_CONTIGUOUS")
        functions.square.argtypes = [array, array, ctypes.c_long]
        functions.backward.argtypes = [array, array, array, ctypes.c_long]
        functions.square.restype = functions.backward.restype = None

        def call(function, *arrays):
            arrays = [prepared(a) for a in arrays]
            found = np.empty(arrays[0].shape, arrays[0].dtype)
            function(*arrays, found, found.size)
            return found

        return (lambda x: call(functions.square, x)), (lambda g, x: call(functions.backward, g, x))

    return made


@pytest.mark.parametrize(
    ("kind", "taken", "other"), [("double", "float64", "float32"), ("float", "float32", "float64")]
)
def test_a_dtype_that_is_not_taken_is_said_with_what_to_do(compiled, kind, taken, other):
    verdict = sg.certify(SQUARE, *compiled(kind))
    assert not verdict.accepted
    assert not verdict.judged
    assert verdict.diagnosis[0] == (
        f"right in {taken}, and {other} is not taken: forward raises ArgumentError: argument 1: TypeError: array must "
        f'have data type {taken}; where that is meant, say dtypes=("{taken}",)'
    )


def test_what_is_wrong_in_the_dtype_that_is_taken_is_refused(compiled):
    verdict = sg.certify(SQUARE, *compiled("double", factor=3))
    assert "backward" in verdict.wrong


def test_a_function_of_torch_that_raises_in_one_dtype_is_not_judged_either():
    table = torch.full((), 2.0, dtype=torch.float64).reshape(1, 1)

    def backward(g, x):
        return ((g * x)[:, None] @ table)[:, 0]  # a matrix product of two dtypes raises

    verdict = sg.certify(SQUARE, torch.square, backward)
    assert not verdict.judged
    assert "right in float64, and float32 is not taken: backward raises RuntimeError" in verdict.diagnosis[0]


def test_contiguous_arrays_alone_are_compared_where_the_others_raise(compiled):
    def strict(function):
        def call(*arrays):
            if not all(a.flags.c_contiguous for a in arrays):
                raise TypeError("contiguous arrays, please")
            return function(*arrays)

        return call

    verdict = sg.certify(SQUARE, strict(lambda x: np.square(x)), strict(lambda g, x: 2 * g * x))  # noqa: PLW0108
    assert verdict.accepted, str(verdict)
    assert any(
        line.startswith("not compared in ")
        and line.endswith("there forward raises TypeError: contiguous arrays, please")
        for line in verdict.diagnosis
    )
    unread = sg.certify(SQUARE, strict(lambda x: x * x), lambda g, x: 2 * g.copy().ravel() * x)
    assert unread.accepted, str(unread)
