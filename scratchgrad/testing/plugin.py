"""The pytest plugin: a fixture, a marker, and a section of the report with every kernel that was refused.

    def test_my_layer(certify):
        certify("linear", my_forward, my_backward)          # an AssertionError with the counterexample

    @pytest.mark.certifies("linear")                        # the test returns nothing: the check is the marker's
    def test_dense(): return my_forward, my_backward        # ... it hands over (forward, backward)

Every pytest run of whoever installs scratchgrad loads it, so importing it loads neither torch nor SymPy: they come with
the first test that asks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from scratchgrad.certification import Verdict

__all__: list[str] = []

_REFUSED = pytest.StashKey[list[tuple[str, str]]]()
_ACCEPTED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """The marker is known, and there is room for what will be refused."""
    config.addinivalue_line(
        "markers",
        "certifies(spec, example=None): the test function gives (forward, backward), or an autograd.Function, which "
        "are held against the spec: a layer's name, or a definition such as 'h[i] = u[i]**2'",
    )
    config.stash[_REFUSED] = []
    config.stash[_ACCEPTED] = []


@pytest.fixture
def certify(request: pytest.FixtureRequest) -> Iterator[Callable[..., Verdict]]:
    """A function like sg.certify: the verdict where it is accepted, a failed test where it is refused."""
    from scratchgrad.testing.asserting import certified

    def check(
        spec: Any,
        forward: Any = None,
        backward: Any = None,
        example: Any = None,
        *,
        accept: bool = True,
        forward_only: bool = False,
    ) -> Verdict:
        __tracebackhide__ = True
        verdict = certified(spec, forward, backward, example, forward_only=forward_only)
        _noted(request.config, request.node.nodeid, verdict)
        if accept and not verdict.accepted:
            pytest.fail(str(verdict), pytrace=False)
        return verdict

    yield check


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test with the marker gives its functions, which are certified; any other test runs as ever."""
    marker = pyfuncitem.get_closest_marker("certifies")
    if marker is None:
        return None
    if not marker.args:
        pytest.fail("@pytest.mark.certifies needs a spec: certifies('linear')", pytrace=False)
    wanted = [name for name in inspect.signature(pyfuncitem.obj).parameters if name in pyfuncitem.funcargs]
    given = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted})
    if given is None:
        pytest.fail("a test marked certifies returns (forward, backward), or an autograd.Function", pytrace=False)
    from scratchgrad.testing.asserting import certified

    forward, backward = given if isinstance(given, tuple) else (None, given)
    verdict = certified(marker.args[0], forward, backward, marker.kwargs.get("example"))
    _noted(pyfuncitem.config, pyfuncitem.nodeid, verdict)
    if not verdict.accepted:
        pytest.fail(str(verdict), pytrace=False)
    return True


def _noted(config: pytest.Config, node: str, verdict: Verdict) -> None:
    if verdict.accepted:
        config.stash[_ACCEPTED].append(node)
    else:
        config.stash[_REFUSED].append((node, str(verdict).splitlines()[0]))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """A line for every kernel that was refused, also where the test expected it."""
    refused, accepted = config.stash.get(_REFUSED, []), config.stash.get(_ACCEPTED, [])
    if not refused:
        return
    terminalreporter.section("gradients refused by scratchgrad")
    for node, line in refused:
        terminalreporter.write_line(f"{node}: {line}")
    terminalreporter.write_line(f"{len(accepted)} accepted, {len(refused)} refused")
