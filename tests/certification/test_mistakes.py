"""Every mistake that people make is refused, and the message shows what a person needs to find it.

The counterexample is the smallest one: sizes 1 where 1 is enough, numbers 0 and 1 where they are enough.
"""

import pytest

import scratchgrad as sg
from tests.certification.mistakes import MISTAKES

# For each mistake: which stage is wrong, and lines that the message has.
MESSAGES = {
    "sign": (
        "backward",
        "grad_x[0,0]:  yours = -1,  right = 1   (float64, batch 1)",
        "at  x = [[0]]",
        "    W = [[1]]",
        "    grad_u = [[1]]",
        "by the sheet  grad_x[j] = Sum(W[i,j]*grad_u[i], i)",
        "by the sheet  grad_x = grad_u @ W   (a batch, samples are rows)",
        "- the sign is wrong everywhere: yours = -right",
        "- forward is right; so is grad_W, grad_b",
    ),
    "transposed": (
        "backward",
        "grad_W has shape (2, 1); expected (1, 2)   (float64, batch 1)",
        "by the sheet  grad_W[i,j] = grad_u[i]*x[j]",
        "- transposed: yours, transposed, is right",
    ),
    "missing batch sum": (
        "backward",
        "grad_b has shape (1, 1); expected (1,)   (float64, batch 1)",
        "by the sheet  grad_b = grad_u.sum(0)   (a batch, samples are rows)",
        "- not summed over the batch: yours has one gradient for each sample",
    ),
    "factor 2": (
        "backward",
        "grad_W[0,0]:  yours = 2,  right = 1   (float64, batch 1)",
        "by the sheet  grad_W[i,j] = grad_u[i]*x[j]",
        "- yours = 2 x right everywhere",
    ),
    "mean over the batch": (
        "backward",
        "grad_b[0]:  yours = 0.5,  right = 1   (float64, batch 2)",
        "    grad_u = [[0], [1]]",
        "- right for batch 1, wrong for larger batches",
        "- yours = right / batch: a mean over the batch stands where the sum belongs",
    ),
    "first sample only": (
        "backward",
        "grad_b[0]:  yours = 0,  right = 1   (float64, batch 2)",
        "- right for batch 1, wrong for larger batches",
        "- not summed over the batch: only the first sample counts",
    ),
    "no upstream": (
        "backward",
        "grad_b[0]:  yours = 1,  right = 0   (float64, batch 1)",
        "    grad_u = [[0]]",
        "- the upstream gradient is ignored, grad_u is missing: right only where the upstream gradient is 1",
    ),
    "other order": (
        "backward",
        "- what stands in the place of grad_v is grad_y: the order is wrong",
    ),
    "logits for o": (
        "backward",
        "grad_v[0,0]:  yours = -1,  right = 0   (float64, batch 1)",
        "at  v = [[0]]",
        "    y = [[1]]",
        "    grad_o = [[0]]",
        "    grad_L = [1]",
        "by the sheet  grad_v[i] = grad_L*(o[i]*Sum(y[j], j) - y[i]) + (grad_o[i] - Sum(grad_o[j]*o[j], j))*o[i]",
        "- the logits v stand where the softmax o belongs: yours = grad_L*(v[i]*Sum(y[j], j) - y[i]) + (grad_o[i] - "
        "Sum(grad_o[j]*o[j], j))*o[i]",
        "- forward is right; so is grad_y",
    ),
    "sum of y": (
        "backward",
        "grad_v[0,0]:  yours = 0.5,  right = 1   (float64, batch 1)",
        "    y = [[0, 2]]",
        "- right where y is not negative and sums to 1, wrong elsewhere",
    ),
    "one for the sum of y": (
        "backward",
        "- right where y is not negative and sums to 1, wrong elsewhere",
        "- the factor Sum(y[j], j) is missing: yours = grad_L*(o[i] - y[i]) + "
        "(grad_o[i] - Sum(grad_o[j]*o[j], j))*o[i]",
    ),
    "mask of the gradient": (
        "backward",
        "grad_u[0,0]:  yours = 1,  right = 0   (float64, batch 1)",
        "at  u = [[-1]]",
        "    grad_h = [[1]]",
        "by the sheet  grad_u[i] = grad_h[i]*where(u[i] > 0, 1, 0)",
        "- the mask is taken from grad_h; it belongs to u: yours = grad_h[i]*where(grad_h[i] > 0, 1, 0)",
    ),
    "kink": (
        "backward",
        "grad_u[0,0]:  yours = -1,  right = between 0 and 1   (float64, batch 1)",
        "at  u = [[0]]",
        "- wrong at exactly 0: where u = 0, right everywhere else: any number between the one-sided derivatives is "
        "right there; the convention is: where u[i] == 0, the derivative is taken as 0",
    ),
    "unstable": (
        "forward",
        "o[0,0]:  yours = nan,  right = 1   (float64, batch 1)",
        "at  v = [[1000]]",
        "by the sheet  o[i] = exp(v[i])/Sum(exp(v[k]), k)",
        "- wrong where |v| > 709.8 in float64, where v > 88.7 in float32, right everywhere else: there yours is not "
        "finite",
        "- backward is right",
    ),
    "squeeze": (
        "backward",
        "grad_x has shape (); expected (1, 1)   (float64, batch 1)",
        "- wrong only where a size, or the batch, is 1: is there a squeeze?",
    ),
    "size 1": (
        "forward",
        "h has shape (1,); expected (1, 1)   (float64, batch 1)",
        "- wrong only for all sizes 1; all sizes 1, batch 1; size 1 of n_i",
    ),
    "view": (
        "backward",
        "    grad_h stored as: transposed storage",
        "- wrong only for everything non-contiguous; grad_h axis 1 expanded (stride 0); grad_h first axis expanded "
        "(stride 0); grad_h strided slice; and 3 more: strides must not matter",
    ),
    "cast": (
        "backward",
        "grad_v[0,0]:  yours = -0.20000000298023224,  right = -0.2   (float64, batch 1)",
        "    y = [[0.1]]",
        "- right in float32, wrong in float64: is there a cast, or a constant of few digits? (yours agrees to 4 "
        "digits)",
    ),
    "another dtype": (
        "backward",
        "grad_v is torch.float64; expected torch.float32, as the inputs are   (float32, batch 1)",
    ),
    "float32 constant": (
        "forward",
        "L[0]:  yours = 1.0000001,  right = 1   (float64, batch 1)",
        "- right in float32, wrong in float64: is there a cast, or a constant of few digits? (yours agrees to 6 "
        "digits)",
        "- yours = 1.0000001 x right everywhere",
    ),
    "none": ("backward", "backward returns None; is a return missing?"),
    "too few": ("backward", "backward returns 2 gradients; expected one for each of x, W, b"),
    "raises": ("backward", "- backward raises RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x2)"),
    "exits": ("forward", "forward raises SystemExit", "- backward is right"),
    "forward sign": (
        "forward",
        "L[0]:  yours = -1,  right = 1   (float64, batch 1)",
        "by the sheet  L = Sum((v[i] - y[i])**2, i)",
        "- the sign is wrong everywhere: yours = -right",
        "- backward is right",
    ),
    "forward mean": (
        "forward",
        "L[0]:  yours = 0.5,  right = 1   (float64, batch 1)",
        "at  v = [[0, 0]]",
        "    y = [[0, 1]]",
        "- yours = right / n_i: a mean stands where a sum belongs",
    ),
    "forward without exponent": ("forward", "- the power 2 is missing: yours = Sum(v[i] - y[i], i)"),
    "changes its input": ("forward", "forward changes its argument u   (float64, batch 1)", "at  u = [[-1]]"),
    "changes saved": ("backward", "backward changes what forward kept: saved   (float64, batch 1)"),
    "changes the upstream gradient": ("backward", "backward changes its argument grad_h   (float64, batch 1)"),
    "state": (
        "backward",
        "a backward after a forward of something else gives another grad_u: first 0.0, then 1.0   (float64, batch 1)",
        "at  u = [[0]]",
    ),
    "accumulates": ("backward", "- forward is right; so is grad_x, grad_b"),
    "shares memory": ("backward", "grad_a shares memory with grad_s; return a copy"),
    "absent": (
        "backward",
        "    grad_o = None",
        "- wrong only with no gradient of L; no gradient of o; no gradient of o and L: None means zero",
    ),
    "without backward": ("backward", "backward raises NotImplementedError: the kernel has no backward"),
    "text, transposed": (
        "backward",
        "grad_W has shape (2, 1); expected (1, 2)   (float64)",
        "- transposed: yours, transposed, is right",
    ),
    "text, division": (
        "backward",
        "grad_x[0]:  yours = 2,  right = 1/2   (float64)",
        "at  x = [2]",
        "    grad_L = 1",
        "by the sheet  grad_x[i] = grad_L/x[i]",
        "- the power -1 is missing: yours = grad_L*x[i]",
    ),
    "text, square matrix transposed": (
        "backward",
        "grad_A[0,1]:  yours = 0,  right = 1   (float64)",
        "by the sheet  grad_A[i,j] = grad_s*(x[i] + x[j])*A[j,i]",
        "- transposed: yours, transposed, is right",
    ),
}


def test_every_mistake_has_its_message():
    assert MISTAKES.keys() == MESSAGES.keys()


@pytest.mark.parametrize("name", MISTAKES)
def test_the_mistake_is_refused_and_the_message_shows_it(name):
    verdict = sg.certify(*MISTAKES[name])
    wrong, *lines = MESSAGES[name]
    assert not verdict.accepted
    assert not verdict.proven
    assert verdict.certificate is None
    assert verdict.wrong == (wrong,)
    assert verdict.counterexample.stage == wrong
    shown = " ".join(str(verdict).split())  # long lines are broken
    assert shown.startswith("REFUSED")
    for line in lines:
        assert " ".join(line.split()) in shown, str(verdict)


def test_a_counterexample_is_also_data():
    found = sg.certify(*MISTAKES["factor 2"]).counterexample
    assert (found.entry, found.yours, found.right) == ("grad_W[0,0]", "2", "1")
    assert found.tensors == {"x": [[1.0]], "W": [[0.0]], "b": [0.0]}
    assert found.grad_outputs == {"u": [[1.0]]}
    assert (found.dtype, found.batch, found.kind, found.tensor) == ("float64", 1, "value", "grad_W")


def test_the_same_mistake_has_the_same_message_every_time():
    assert str(sg.certify(*MISTAKES["sum of y"])) == str(sg.certify(*MISTAKES["sum of y"]))
