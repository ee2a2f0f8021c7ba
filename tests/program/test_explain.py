"""What the program says about itself."""

from scratchgrad.lab import lab_network
from scratchgrad.train import SGD, Adam


def test_the_program_says_each_call_what_was_fused_and_how_much_memory_it_takes():
    text = lab_network().explain(32, SGD(0.1))
    lines = text.splitlines()
    assert lines[0] == "16 calls for 32 samples: gradient descent"
    assert lines[2].split("  ")[:2] == [" 1", "h = _addmm_activation(b1, x, W.T)"] or "_addmm_activation" in lines[2]
    assert "linear; with relu in the same call" in lines[2]
    assert "addmm_(W, grad_u.T, x, alpha=-0.03125 lr, beta=1 -0.0002 lr)" in text
    assert "gradient of W, added inside the product" in text
    assert "objective: |W|^2 + |M|^2 as one dot product" in text
    assert "grad_u = threshold_backward(grad_h, h, 0)" in text
    assert "over grad_h" in text
    assert "memory: 9.4 KiB for 12 temporaries (the least that any plan needs), 9.4 KiB of parameters" in lines
    assert "20 calls left out, whose results nobody reads" in lines


def test_a_gradient_that_is_read_is_not_fused_and_that_shows():
    text = lab_network().explain(32, gradients=("W",))
    assert "update of W, whose gradient is read" in text
    assert "gradient of M, added inside the product" in text


def test_other_updates_are_named():
    assert (
        lab_network()
        .explain(4, Adam())
        .splitlines()[0]
        .endswith("4 samples: all gradients, for an optimiser to follow")
    )
    assert "gradient descent with momentum 0.9" in lab_network().explain(None, SGD(0.1, 0.9))
