import subprocess
import sys

import pytest
import torch

from scratchgrad.testing import assert_backward


def square(u):
    return u * u


class Square(torch.autograd.Function):
    factor = 2

    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return u * u

    @classmethod
    def backward(cls, ctx, g):
        (u,) = ctx.saved_tensors
        return 2 * g * u


class Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return u * u

    @staticmethod
    def backward(ctx, g):
        (u,) = ctx.saved_tensors
        return g * u


def test_a_right_backward_gives_its_verdict():
    assert assert_backward("h[i] = u[i]**2", lambda g, u: 2 * g * u, square).accepted


def test_a_wrong_backward_fails_with_the_counterexample():
    with pytest.raises(
        AssertionError, match=r"REFUSED[\s\S]*yours = 1,  right = 2[\s\S]*grad_u\[i\] = 2\*grad_h\[i\]\*u\[i\]"
    ):
        assert_backward("h[i] = u[i]**2", lambda g, u: g * u, square)


def test_the_forward_that_is_given_is_examined_too():
    with pytest.raises(AssertionError, match="forward is wrong"):
        assert_backward("h[i] = u[i]**2", lambda g, u: 2 * g * u, lambda u: u)


def test_an_autograd_function_stands_for_both():
    assert assert_backward("h[i] = u[i]**2", Square).accepted
    with pytest.raises(AssertionError, match="backward is wrong"):
        assert_backward("h[i] = u[i]**2", Half)


def test_importing_the_package_is_light():
    code = "import scratchgrad.testing, sys; print({'torch', 'sympy', 'hypothesis', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_without_hypothesis_the_strategies_say_what_to_install():
    code = "import sys; sys.modules['hypothesis'] = None\nfrom scratchgrad.testing import tensors"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (
        "ImportError: scratchgrad.testing.tensors needs hypothesis: pip install 'scratchgrad[testing]'" in done.stderr
    )


def test_an_unknown_name_is_an_attribute_error_that_lists_the_known_ones():
    import scratchgrad.testing

    with pytest.raises(
        AttributeError,
        match="no attribute 'tensor'; it has Agreement, assert_backward, grades, gradients_agree",
    ):
        scratchgrad.testing.tensor  # noqa: B018  # the access is what is tested
    assert "tensors" in dir(scratchgrad.testing)
