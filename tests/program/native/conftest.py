"""Compiled programs of these tests lie in a folder of their own."""

import pytest

from scratchgrad.program.native import build, compiler

# TRUST: native-fallback
needs_compiler = pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory):
    """A cache of compiled programs for these tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setattr(build, "cache_folder", lambda: folder)
        yield folder


def pytest_collection_modifyitems(items):
    for item in items:
        if "program/native" in item.path.as_posix():
            item.add_marker(needs_compiler)
