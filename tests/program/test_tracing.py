"""Recording: what is no call, what cannot be recorded, and that it loads no SymPy."""

import subprocess
import sys

import pytest
import torch

from scratchgrad.program.tracing import Trace, Untraceable


def test_views_are_no_calls_and_in_place_calls_say_so():
    trace = Trace()
    x = trace.tensor("x", (2, 3), torch.float32, "given")
    y = trace.record("here", lambda: (x.T.unsqueeze(0).expand(4, 3, 2)[1] + 1).mul_(2))
    assert [op.name for op in trace.ops] == ["add", "mul_"]
    assert [op.inplace for op in trace.ops] == [False, True]
    assert trace.view(y).storage is trace.ops[0].outs[0].storage
    assert str(trace.ops[0].args[0]) == "x.T"


def test_a_kernel_that_asks_for_an_entry_cannot_be_recorded():
    trace = Trace()
    x = trace.tensor("x", (2,), torch.float32, "given")
    with pytest.raises(Untraceable, match="here: .*"):
        trace.record("here", lambda: x * 2 if float(x.sum()) > 0 else x)
    assert not trace.ops


def test_planning_and_training_load_no_sympy():
    code = (
        "import sys\n"
        "from scratchgrad.lab import lab_network\n"
        "lab_network().fit('digits', epochs=1, progress=False)\n"
        "print('sympy' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
