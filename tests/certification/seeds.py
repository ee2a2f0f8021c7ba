"""Certification with other random numbers than those that everybody gets.

Every draw starts from `reference.SEED`; there is no switch for users.  Here the number is exchanged in every module
that has it, and batteries that were made from another one are forgotten.
"""

import contextlib
import sys

from scratchgrad.certification import certifying
from scratchgrad.certification.reference import SEED

_PACKAGE = "scratchgrad.certification"


@contextlib.contextmanager
def other_seed(seed):
    """Everything that certification draws starts from this number."""
    modules = [m for name, m in list(sys.modules.items()) if name.startswith(_PACKAGE) and hasattr(m, "SEED")]
    assert modules
    known = dict(certifying._batteries)
    try:
        for module in modules:
            module.SEED = seed
        certifying._batteries.clear()
        yield
    finally:
        for module in modules:
            module.SEED = SEED
        certifying._batteries.clear()
        certifying._batteries.update(known)
