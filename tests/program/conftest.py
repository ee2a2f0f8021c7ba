"""The program's tests are about the program: every room's kernel counts as certified, as it stands."""

from tests.tape.conftest import certified

__all__ = ["certified"]
