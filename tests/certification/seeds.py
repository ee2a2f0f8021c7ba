"""Certification with other random numbers than those that everybody gets.

Every draw starts from `reference.SEED`; there is no switch for users.  Here the number is exchanged in every module
that has it, and batteries that were made from another one are forgotten.
"""

import contextlib
import sys

from scratchgrad.certification import batteries, judging
from scratchgrad.certification.reference import SEED

_PACKAGE = "scratchgrad.certification"


@contextlib.contextmanager
def other_seed(seed):
    """Everything that certification draws starts from this number."""
    modules = [m for name, m in list(sys.modules.items()) if name.startswith(_PACKAGE) and hasattr(m, "SEED")]
    known = dict(batteries._batteries)
    try:
        for module in modules:
            module.SEED = seed
        batteries._batteries.clear()
        yield
    finally:
        for module in modules:
            module.SEED = SEED
        batteries._batteries.clear()
        batteries._batteries.update(known)


@contextlib.contextmanager
def in_few_words():
    """What is refused is neither shrunk nor explained, which takes most of the time."""
    shrink, diagnose = judging.shrink, judging.diagnose
    try:
        judging.shrink = lambda battery, subject, finding, **_: finding
        judging.diagnose = lambda *_: []
        yield
    finally:
        judging.shrink, judging.diagnose = shrink, diagnose
