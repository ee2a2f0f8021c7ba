"""What raises for a dtype, or for a layout of memory, computes nothing wrong: functions of C, through ctypes."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
import torch

import scratchgrad as sg
from scratchgrad.certification import NothingToCertify, UnknownDtype

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


@pytest.mark.parametrize(("kind", "taken"), [("double", "float64"), ("float", "float32")])
def test_dtypes_restricts_what_is_compared(compiled, kind, taken):
    verdict = sg.certify(SQUARE, *compiled(kind), dtypes=(taken,))
    assert verdict.accepted, str(verdict)
    assert f"compared in {taken} alone, as dtypes= says" in verdict.diagnosis
    assert sg.certify(SQUARE, *compiled(kind, factor=3), dtypes=[getattr(torch, taken)]).wrong == ("backward",)


def test_branches_are_found_in_float32_alone_too():
    def narrow(g, u):
        return torch.where((u > 5.5) & (u < 5.6), 0 * g, 2 * g * u)

    right = sg.certify(SQUARE, torch.square, lambda g, u: 2 * g * u, dtypes=("float32",))
    assert right.accepted, str(right)
    assert "not compared at larger sizes: that needs float64, which dtypes= leaves out" in str(right)
    verdict = sg.certify(SQUARE, torch.square, narrow, dtypes=("float32",))
    assert verdict.wrong == ("backward",), str(verdict)
    assert verdict.counterexample.dtype == "float32"


def test_dtypes_adds_those_of_16_bits():
    every = ("float64", "float32", "bfloat16")

    def careless(x):
        return (x + 0.004).square() if x.dtype == torch.bfloat16 else x.square()

    def twice(g, x):
        return 2 * g * x

    assert sg.certify(SQUARE, torch.square, twice, dtypes=every).accepted
    assert sg.certify(SQUARE, careless, twice).accepted
    assert sg.certify(SQUARE, careless, twice, dtypes=every).wrong == ("forward",)


def test_a_dtype_that_nothing_is_compared_in_is_an_error():
    with pytest.raises(UnknownDtype) as refusal:
        sg.certify(SQUARE, torch.square, dtypes=("float8",))
    assert str(refusal.value) == ("dtypes: expected at least one of float64, float32, bfloat16, float16, got float8")
    with pytest.raises(NothingToCertify, match="dtypes= is about functions; a layer's own kernel says it itself"):
        sg.certify("relu", dtypes=("float64",))


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


def test_a_function_that_raises_for_an_empty_batch_is_not_compared_there_and_that_is_said():
    def row_by_row(v):
        return torch.stack([row.softmax(0) for row in v])

    def backward(g, v):
        p = row_by_row(v)
        return p * (g - (g * p).sum(-1, keepdim=True))

    for verdict in (sg.certify("softmax", row_by_row, backward), sg.certify("softmax", row_by_row)):
        assert verdict.accepted, str(verdict)
        said = " ".join(str(verdict).split())
        assert "not compared for an empty batch: there forward raises RuntimeError: stack expects a non-empty" in said
    nothing = lambda v: v.softmax(-1) if len(v) else torch.ones(1, 1, dtype=v.dtype)  # noqa: E731
    assert sg.certify("softmax", nothing, forward_only=True).wrong == ("forward",)
