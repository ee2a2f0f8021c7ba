"""For people who test gradients: assertions, hypothesis strategies, a pytest plugin, and marks for the grader.

    shapes, tensors, members       sizes for a signature; a tensor of a shape, dtype and domain; one of a signature
    layers, networks               a certified layer with a batch that fits it; a whole network
    case.check                     one drawn batch against the definition, in some milliseconds
    gradients_agree                the same at tensors of your own: a truth value, with the entry and both numbers
    assert_backward, certify       the whole of sg.certify, as an assertion, as a fixture, and as the marker `certifies`
    grades                         which layer a class is, for `scratchgrad grade`

A test file that has one of each; a test of ours runs it:

    import pytest
    import torch
    from hypothesis import given, settings
    from hypothesis import strategies as st

    from scratchgrad.testing import assert_backward, gradients_agree, grades, layers, members, networks, shapes, tensors

    settings.register_profile("quick", deadline=None, max_examples=10)  # what is derived first takes its time
    settings.load_profile("quick")


    def forward(x, W, b):
        return x @ W.mT + b


    def backward(grad_u, x, W, b):
        return grad_u @ W, grad_u.mT @ x, grad_u.sum(0)


    @given(layers("linear", largest=8))
    def test_a_drawn_batch(case):
        case.check(forward, backward)


    @given(tensors((65, 64)), tensors((3, 64)), tensors(3), st.data())
    def test_at_tensors_of_my_own(x, W, b, data):
        grad_u = data.draw(tensors((65, 3), min_value=-1, max_value=1))
        agreement = gradients_agree("linear", forward, backward, x, W, b, grad_outputs=grad_u)
        assert agreement or not agreement.judged, str(agreement)


    @given(shapes("x[j] W[i,j]", largest=3), st.data())
    def test_shapes_of_a_signature(sizes, data):
        x = data.draw(tensors(sizes["j"], dtype=st.sampled_from([torch.float32, torch.float64])))
        W = data.draw(tensors((sizes["i"], sizes["j"]), unique=True, dtype=x.dtype))
        assert (W @ x).shape == (sizes["i"],)


    @given(members("p[n,i]:simplex"), tensors((4, 4), allow_nan=True), tensors(5, elements=st.integers(0, 9)))
    def test_values(p, x, counts):
        assert torch.allclose(p.sum(-1), torch.ones(len(p), dtype=p.dtype))
        assert (x.isnan() == (x != x)).all() and (counts >= 0).all()


    @given(networks(operations=5, dtype=torch.float32))
    def test_a_network(case):
        case.network.forward(*case.given.values())
        case.network.backward()


    def test_the_whole_battery(certify):
        certify("linear", forward, backward, sizes={"batch": 300})
        assert_backward("linear", backward, forward)


    @pytest.mark.certifies("h[i] = u[i]**2")
    def test_marked():
        return lambda u: u * u, lambda grad_h, u: 2 * grad_h * u


    @grades("relu")
    class Rectifier:
        def forward(self, u): ...

        def backward(self, grad_h): ...

Importing the package loads neither torch nor SymPy nor hypothesis (PEP 562): a name is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scratchgrad.grading.mark import grades as grades
    from scratchgrad.testing.agreeing import Agreement as Agreement
    from scratchgrad.testing.agreeing import gradients_agree as gradients_agree
    from scratchgrad.testing.asserting import assert_backward as assert_backward
    from scratchgrad.testing.layer_cases import layers as layers
    from scratchgrad.testing.network_cases import networks as networks
    from scratchgrad.testing.strategies import members as members
    from scratchgrad.testing.strategies import shapes as shapes
    from scratchgrad.testing.strategies import tensors as tensors

_HOMES = {
    "Agreement": "scratchgrad.testing.agreeing",
    "assert_backward": "scratchgrad.testing.asserting",
    "gradients_agree": "scratchgrad.testing.agreeing",
    "grades": "scratchgrad.grading.mark",
    "layers": "scratchgrad.testing.layer_cases",
    "members": "scratchgrad.testing.strategies",
    "networks": "scratchgrad.testing.network_cases",
    "shapes": "scratchgrad.testing.strategies",
    "tensors": "scratchgrad.testing.strategies",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  # the table is the one list of names


def __getattr__(name: str) -> Any:
    """The public name, from its module.  Raises ImportError where hypothesis is missing, saying how to install it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_HOMES))}")
    try:
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        message = f"scratchgrad.testing.{name} needs hypothesis: pip install 'scratchgrad[testing]'"
        raise ImportError(message, name="hypothesis") from error
    return value


def __dir__() -> list[str]:
    """The public names, fetched or not yet."""
    return list(__all__)
