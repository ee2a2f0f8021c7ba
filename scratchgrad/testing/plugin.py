"""The pytest plugin: a fixture, a marker, and sections of the report with what was certified.

    def test_my_layer(certify):
        certify("linear", my_forward, my_backward)          # an AssertionError with the counterexample

    @given(st.sampled_from([3, 5]))                         # also under hypothesis, whose deadline it is no part of
    def test_widths(certify, width):
        certify("u[i] = Sum(W[i,j]*x[j], j)", forward(width), backward(width), sizes={"n_i": width})

    @pytest.mark.certifies("linear", sizes={"batch": 300})  # the test returns nothing: the check is the marker's
    def test_dense(): return my_forward, my_backward        # ... it hands over (forward, backward)

Both take what sg.certify takes: example=, domains=, sizes=, forward_only=, ...  The report of a failing test has a
section "scratchgrad" with its verdicts, and the summary a line for every kernel that was refused; with pytest-xdist,
too.

Every pytest run of whoever installs scratchgrad loads it, so importing it loads neither torch nor SymPy: they come with
the first test that asks.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from scratchgrad.certification import Verdict

__all__: list[str] = []

_RUNNING = pytest.StashKey[pytest.Item | None]()
_SEEN = pytest.StashKey[dict[str, bool]]()
"""For a test the first lines of its verdicts, each with whether it was accepted."""

_LISTED = 10
"""So many of them stand in its section, the last ones."""

_ATTRIBUTE = "scratchgrad_verdicts"
"""What a report carries from a worker of pytest-xdist to the summary."""


def pytest_configure(config: pytest.Config) -> None:
    """The marker is known."""
    config.addinivalue_line(
        "markers",
        "certifies(spec, example=None, **options): the test function gives (forward, backward), or an "
        "autograd.Function, which are held against the spec: a layer's name, or a definition such as 'h[i] = u[i]**2'; "
        "options are those of sg.certify",
    )
    config.stash[_RUNNING] = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """The test that runs is known to the fixture, which lives as long as the session: hypothesis asks for that."""
    item.config.stash[_RUNNING] = item
    item.stash[_SEEN] = {}
    try:
        return (yield)
    finally:
        item.config.stash[_RUNNING] = None
        if item.stash[_SEEN]:
            item.add_report_section("call", "scratchgrad", "\n".join([*item.stash[_SEEN]][-_LISTED:]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """The report carries the verdicts."""
    report = yield
    if call.when == "call" and item.stash.get(_SEEN, {}):
        setattr(report, _ATTRIBUTE, item.stash[_SEEN])
    return report


@pytest.fixture(scope="session")
def certify(request: pytest.FixtureRequest) -> Callable[..., Verdict]:
    """A function like sg.certify: the verdict where it is accepted, a failed test where it is refused.

    It takes what sg.certify takes; with `accept=False`, a refused kernel does not fail the test.
    """
    from scratchgrad.testing.asserting import certified

    def check(
        spec: Any,
        forward: Any = None,
        backward: Any = None,
        example: Any = None,
        *,
        accept: bool = True,
        **options: Any,
    ) -> Verdict:
        __tracebackhide__ = True
        verdict = certified(spec, forward, backward, example, **options)
        _note(request.config.stash[_RUNNING], verdict)
        if accept and not verdict.accepted:
            _fail(verdict)
        return verdict

    return check


def _fail(verdict: Verdict) -> NoReturn:
    """The test fails with the verdict's text; under hypothesis with its failing case, which stands in a traceback."""
    __tracebackhide__ = True
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is not None and hypothesis.currently_in_test_context():
        raise AssertionError(str(verdict))
    pytest.fail(str(verdict), pytrace=False)


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
    verdict = certified(marker.args[0], forward, backward, *marker.args[1:], **marker.kwargs)
    _note(pyfuncitem, verdict)
    if not verdict.accepted:
        _fail(verdict)
    return True


def _note(item: pytest.Item | None, verdict: Verdict) -> None:
    """The verdict stands in the test's report; each once, in the order in which they came last."""
    if item is not None:
        seen = item.stash[_SEEN]
        line = str(verdict).partition("\n")[0]
        seen.pop(line, None)
        seen[line] = verdict.accepted


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A line for every kernel that was refused, also where the test expected it."""
    reports = [report for some in terminalreporter.stats.values() for report in some]
    seen = [
        (report.nodeid, line, accepted)
        for report in reports
        for line, accepted in getattr(report, _ATTRIBUTE, {}).items()
    ]
    refused = [(node, line) for node, line, accepted in seen if not accepted]
    if not refused:
        return
    terminalreporter.section("gradients refused by scratchgrad")
    for node, line in refused:
        terminalreporter.write_line(f"{node}: {line}")
    terminalreporter.write_line(f"{len(seen) - len(refused)} accepted, {len(refused)} refused")
