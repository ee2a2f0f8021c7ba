"""`assert_backward`: an assertion that fails with the verdict's text, and works on a user's autograd.Function, too.

assert_backward("linear", my_backward, my_forward)
assert_backward("h[i] = u[i]**2", Square)               # a torch.autograd.Function
assert_backward("softmax", forward=MySoftmax.apply, sizes={"n_i": 300})
assert_backward(torch_function, my_backward, example=(x, W))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchgrad.certification import Verdict, certify
from scratchgrad.certification.through_autograd import is_autograd_function
from scratchgrad.testing.deadline import outside_deadline

__all__ = ["assert_backward", "certified"]


def certified(spec: Any, forward: Any = None, backward: Any = None, example: Any = None, **options: Any) -> Verdict:
    """The verdict of sg.certify, which takes the `options`; an autograd.Function may stand in the place of backward.

    Under hypothesis it is no part of the test's deadline: what is asked about a kernel for the first time takes longer.
    """
    if is_autograd_function(backward):
        forward, backward = backward, None
    with outside_deadline():
        return certify(spec, forward, backward, example=example, **options)


def assert_backward(
    spec: Any, backward: Any = None, forward: Callable[..., Any] | None = None, example: Any = None, **options: Any
) -> Verdict:
    """The verdict of an accepted backward; the arguments are those of sg.certify, `options` its further ones.

    `backward` may be a torch.autograd.Function: then its forward is examined as well.  Without backward, forward is
    examined through torch's autograd; domains=, sizes=, forward_only= and the others are handed on as they are.

    Raises AssertionError with the verdict's text: the smallest failing input, both numbers, the line of the sheet.
    """
    __tracebackhide__ = True
    verdict = certified(spec, forward, backward, example, **options)
    if not verdict.accepted:
        raise AssertionError(str(verdict))
    return verdict
