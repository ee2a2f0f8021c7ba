"""What compiles needs a compiler."""

import pytest

from scratchgrad.program.native import compiler

# TRUST: native-fallback
needs_compiler = pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")


def pytest_collection_modifyitems(items):
    for item in items:
        if "program/native" in item.path.as_posix():
            item.add_marker(needs_compiler)
