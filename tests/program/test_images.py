"""Networks on images go the way of the plain tape, and their steps allocate nothing (compiled: see native)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgrad.tape import Sequential
from scratchgrad.train import SGD
from tests.program.random_images import images
from tests.program.test_dispatches import counted
from tests.program.test_trajectories import OPTIMIZERS, PHASES, agree


@settings(max_examples=25, phases=PHASES)
@given(drawn=images(), make=st.sampled_from(OPTIMIZERS), watched=st.integers(0, 2**24 - 1))
def test_a_network_on_images_goes_the_way_of_the_tape(drawn, make, watched):
    agree(drawn, make, watched)


@pytest.mark.slow
@settings(max_examples=200, phases=PHASES)
@given(drawn=images(), make=st.sampled_from(OPTIMIZERS), watched=st.integers(0, 2**24 - 1))
def test_200_networks_on_images_go_the_way_of_the_tape(drawn, make, watched):
    agree(drawn, make, watched)


def test_a_step_of_a_convolutional_network_allocates_nothing():
    net = Sequential(
        (1, 8, 8),
        ("conv2d(padding=1)", 8, 3, 3),
        "relu",
        "max_pool2d",
        ("conv2d(padding=1)", 16, 3, 3),
        "gelu",
        "avg_pool2d",
        "flatten",
        ("linear", 10),
        loss="softmax_cross_entropy",
    )
    program, counting = counted(net, 32, 10, SGD(0.05))
    assert not counting.new
    assert len(counting.names) <= 62, counting.names
    assert program.plan.arena.size == program.plan.arena.bound
