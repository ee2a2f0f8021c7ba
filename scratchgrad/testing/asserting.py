"""`assert_backward`: an assertion that fails with the verdict's text, and works on a user's autograd.Function, too.

assert_backward("linear", my_backward, my_forward)
assert_backward("h[i] = u[i]**2", Square)               # a torch.autograd.Function
assert_backward(torch_function, my_backward, example=(x, W))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchgrad.certification import Verdict, certify
from scratchgrad.certification.through_autograd import is_autograd_function

__all__ = ["assert_backward", "certified"]


def certified(
    spec: Any, forward: Any = None, backward: Any = None, example: Any = None, *, forward_only: bool = False
) -> Verdict:
    """The verdict of sg.certify; an autograd.Function stands for both, in whichever place it is given."""
    if is_autograd_function(backward):
        forward, backward = backward, None
    return certify(spec, forward, backward, example=example, forward_only=forward_only)


def assert_backward(
    spec: Any, backward: Any, forward: Callable[..., Any] | None = None, example: Any = None
) -> Verdict:
    """The verdict of an accepted backward; the arguments are those of sg.certify.

    `backward` may be a torch.autograd.Function: then its forward is examined as well.

    Raises AssertionError with the verdict's text: the smallest failing input, both numbers, the line of the sheet.
    """
    __tracebackhide__ = True
    verdict = certified(spec, forward, backward, example)
    if not verdict.accepted:
        raise AssertionError(str(verdict))
    return verdict
