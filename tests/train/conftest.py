"""Training's tests are about training: every room's kernel counts as certified, as it stands."""

from tests.tape.conftest import certified

__all__ = ["certified"]
