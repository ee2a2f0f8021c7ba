"""The plugin in a pytest run of its own, in a folder of its own."""

import importlib.metadata
import os
import subprocess
import sys
import textwrap

import pytest

TESTS = """
import pytest
import torch


def relu(u):
    return u.clamp_min(0)


def test_right(certify):
    assert certify("relu", relu, lambda g, u: g * (u > 0)).accepted


def test_wrong(certify):
    certify("relu", relu, lambda g, u: g * (g > 0))


def test_wrong_as_expected(certify):
    assert "mask" in str(certify("relu", relu, lambda g, u: g * (g > 0), accept=False))


@pytest.mark.certifies("relu")
def test_marked():
    return relu, lambda g, u: g * (u > 0)


@pytest.mark.certifies("h[i] = u[i]**2")
def test_marked_and_wrong(factor):
    return lambda u: u * u, lambda g, u: factor * g * u


@pytest.mark.certifies("relu")
def test_marked_and_empty():
    pass


@pytest.fixture
def factor():
    return 3


def test_other():
    pass
"""


@pytest.fixture
def pytest_run(tmp_path):
    """pytest_run(text, *arguments): what pytest says about a file, with the plugin as an installation loads it."""
    installed = {entry.name for entry in importlib.metadata.entry_points(group="pytest11")}
    plugin = [] if "scratchgrad" in installed else ["-p", "scratchgrad.testing.plugin"]

    def run(text, *arguments):
        (tmp_path / "test_them.py").write_text(text, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, *arguments, "test_them.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    return run


def test_fixture_and_marker_certify_and_the_report_lists_what_was_refused(pytest_run):
    said = pytest_run(TESTS, "--strict-markers")
    assert "3 failed, 4 passed" in said
    assert "REFUSED  relu: backward is wrong" in said
    assert "yours = 3,  right = 2" in said
    assert "a test marked certifies returns (forward, backward), or an autograd.Function" in said
    _, _, section = said.partition("gradients refused by scratchgrad")
    assert "test_them.py::test_wrong: REFUSED  relu: backward is wrong" in section
    assert "test_them.py::test_wrong_as_expected: REFUSED" in section
    assert "2 accepted, 3 refused" in section


def test_the_verdicts_of_a_failing_test_stand_in_its_report_with_xdist_too(pytest_run):
    text = """
        import pytest
        import torch


        def test_two(certify):
            certify("relu", lambda u: u.clamp_min(0), lambda g, u: g * (u > 0))
            certify("relu", lambda u: u.clamp_min(0), lambda g, u: 2 * g * (u > 0), accept=False)
            raise ValueError("something else")


        def test_fine(certify):
            certify("add", torch.add, lambda g, a, b: (g, g))
    """
    for arguments in ((), ("-n", "2")):
        said = pytest_run(textwrap.dedent(text), *arguments)
        _, _, section = said.partition("Captured scratchgrad call")
        section, _, summary = section.partition("gradients refused by scratchgrad")
        assert "ACCEPTED  relu\nREFUSED  relu: backward is wrong\n" in section, said
        assert "add" not in section
        assert "test_them.py::test_two: REFUSED  relu: backward is wrong" in summary
        assert "2 accepted, 1 refused" in summary


@pytest.mark.slow
def test_under_hypothesis_the_fixture_has_no_health_check_no_deadline_and_shrinks(pytest_run):
    text = """
        import time

        import pytest
        from hypothesis import given, settings
        from hypothesis import strategies as st

        CALLS = []


        def relu(u):
            return u.clamp_min(0)


        @settings(deadline=20, max_examples=5)  # a first verdict takes longer
        @given(factor=st.integers(1, 1))
        def test_right(certify, factor):
            CALLS.append(factor)
            assert certify("relu", relu, lambda g, u: factor * g * (u > 0)).accepted


        @settings(max_examples=10, derandomize=True, database=None)
        @given(factor=st.integers(1, 1000))
        def test_wrong(certify, factor):
            certify("relu", relu, lambda g, u: factor * g * (u > 0))


        @settings(deadline=20, max_examples=5, database=None)
        @given(st.integers(0, 0))
        def test_slow_by_itself(certify, zero):
            certify("relu", relu, lambda g, u: g * (u > 0))
            time.sleep(0.1)
    """
    said = pytest_run(textwrap.dedent(text))
    assert "2 failed, 1 passed" in said, said
    assert "factor=2," in said and "REFUSED  relu: backward is wrong" in said
    assert "DeadlineExceeded" in said and said.count("HealthCheck") == 0


def test_fixture_marker_and_assertion_take_what_certify_takes(pytest_run):
    text = """
        import pytest
        import torch

        from scratchgrad.testing import assert_backward


        def short(u):  # wrong beyond 5999 columns, without a condition on sizes
            return torch.where(torch.arange(u.shape[-1]) < 5999, u.clamp_min(0), u - 1)


        def backward(g, u):
            return g * (u > 0)


        @pytest.mark.parametrize("sizes", [None, {"n_i": 6000}])
        def test_sizes(certify, sizes):
            verdict = certify("relu", short, backward, sizes=sizes, accept=False)
            assert verdict.accepted == (sizes is None), str(verdict)
            if sizes is None:
                assert_backward("relu", backward, short)
            else:
                with pytest.raises(AssertionError, match="u.1, 6000."):
                    assert_backward("relu", backward, short, sizes=sizes)


        @pytest.mark.certifies("relu", sizes={"n_i": 6000})
        def test_marked():
            return short, backward


        def test_forward_only_and_domains(certify):
            assert certify("relu", short, forward_only=True).accepted
            assert assert_backward("relu", forward=short, forward_only=True).accepted
            assert assert_backward("h[i] = log(u[i])", lambda g, u: g / u, torch.log, domains="u>0").accepted


        def test_unknown(certify):
            with pytest.raises(TypeError, match="size"):
                certify("relu", short, backward, size=3)
    """
    said = pytest_run(textwrap.dedent(text))
    assert "1 failed, 4 passed" in said, said
    assert "test_them.py::test_marked: REFUSED  relu" in said


def test_the_examples_of_the_packages_page_run(pytest_run):
    import scratchgrad.testing

    page = scratchgrad.testing.__doc__
    text = page[page.index("    import pytest\n") : page.index("\nImporting the package loads")]
    said = pytest_run(textwrap.dedent(text))
    assert "7 passed" in said, said


def test_a_run_without_refusals_has_no_section(pytest_run):
    assert "scratchgrad" not in pytest_run("def test_one():\n    pass\n")


def test_a_marker_without_specification_says_so(pytest_run):
    text = "import pytest\n@pytest.mark.certifies()\ndef test_one():\n    return None\n"
    assert "@pytest.mark.certifies needs a spec: certifies('linear')" in pytest_run(text)


def test_a_run_that_asks_for_nothing_loads_neither_torch_nor_sympy(pytest_run):
    text = (
        "import sys\ndef test_light():\n    assert not {'torch', 'sympy', 'numpy', 'hypothesis'} & set(sys.modules)\n"
    )
    said = pytest_run(text, "-p", "no:hypothesispytest")
    assert "1 passed" in said, said


def test_the_plugin_is_declared_as_an_entry_point():
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"scratchgrad": "scratchgrad.testing.plugin"}
