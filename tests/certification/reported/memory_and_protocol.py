"""Memory, dtypes, sizes, repeated calls, and what torch's engine asks of a Function."""

import torch

from tests.certification.reported.report import Report

Function = torch.autograd.Function
SQUARE = "y[i] = x[i]**2"
ROWS = "y[n,i] = x[n,i]**2"
RELU = "relu"


def square(x):
    return x * x


def square_backward(g, x):
    return 2 * g * x


def flat(tensor):
    """The numbers in the order of the storage, as a kernel sees them that is told no strides."""
    return torch.as_strided(tensor, tensor.shape, torch.empty(tensor.shape).stride())


def through_strides_of_the_input(g, x):
    if g.untyped_storage().size() < g.numel() * g.element_size():
        g = g.contiguous()
    return 2 * flat(g) * x


def expanded_by_data(g, x):
    """A kernel that reads one number after another, from an upstream gradient that has only one."""
    if 0 in g.stride():
        g = torch.cat([g.flatten()[:1], torch.zeros(g.numel() - 1, dtype=g.dtype)]).reshape(g.shape)
    return 2 * g * x


def relu_overwriting(g, u):
    g[u <= 0] = 0
    return g.clone()


def relu_backward(g, u):
    return torch.where(u > 0, g, 0 * g)


def rotated_in_place(x):
    x.mul_(x)
    return x.clone()


class Saved:
    """What forward kept is overwritten in backward."""

    @staticmethod
    def forward(x):
        return x * x, x.clone()

    @staticmethod
    def backward(saved, g):
        return saved.mul_(2).mul_(g)


class Accumulates:
    """The gradient of an earlier call is still there."""

    def __init__(self):
        self.grad = None

    def backward(self, g, x):
        mine = 2 * g * x
        if self.grad is None or self.grad.shape != mine.shape or self.grad.dtype != mine.dtype:
            self.grad = torch.zeros_like(mine)
        self.grad = self.grad + mine
        return self.grad.clone()


class Remembers:
    """The first mask that was made for a shape serves for all calls."""

    def __init__(self):
        self.masks = {}

    def backward(self, g, u):
        mask = self.masks.setdefault((tuple(u.shape), u.dtype), (u > 0).to(u.dtype))
        return g * mask


def first_rows(n):
    def backward(g, x):
        return torch.cat([2 * (g * x)[:n], 0 * g[n:]])

    return backward


def multiples_of(block):
    def backward(g, x):
        n = len(x) // block * block if len(x) > block else len(x)
        return torch.cat([2 * (g * x)[:n], 0 * g[n:]])

    return backward


def every_row_into_the_first(g, x):
    found = torch.zeros_like(x)
    for row in 2 * g * x:
        found[0] = row
    return found


def in_single(g, x):
    return (2 * g.float() * x.float()).to(x.dtype)


def rounded_constant(g, x):
    return 1.9999 * g * x


class Two(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        ctx.set_materialize_grads(False)
        return a * a, 3 * a

    @staticmethod
    def backward(ctx, g, h):
        (a,) = ctx.saved_tensors
        return 2 * a * g + 3 * h


class TwoRight(Two):
    @staticmethod
    def backward(ctx, g, h):
        (a,) = ctx.saved_tensors
        found = torch.zeros_like(a)
        found = found if g is None else found + 2 * a * g
        return found if h is None else found + 3 * h


class Needs(Function):
    """The gradients that are asked for are returned in the order of asking."""

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        found = (g * b, g * a)
        wanted = [f for f, need in zip(found, ctx.needs_input_grad, strict=True) if need]
        return (*wanted, *[None] * (2 - len(wanted)))


class NeedsRight(Needs):
    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return (g * b if ctx.needs_input_grad[0] else None, g * a if ctx.needs_input_grad[1] else None)


class SavesTheOutput(Function):
    """What forward saved is changed afterwards."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.y = y
        z = y.clone()
        y.add_(1)
        return z

    @staticmethod
    def backward(ctx, g):
        return g * ctx.y


class SavesTheOutputRight(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


MEMORY_AND_PROTOCOL = {
    "an upstream gradient read by the input's strides": Report(
        what="a kernel reads the upstream gradient as if it lay like the input",
        source="pytorch/pytorch, issue 194719; Dao-AILab/flash-attention, issue 355",
        spec=ROWS,
        wrong=(square, through_strides_of_the_input),
        right=(square, square_backward),
        names=("strides must not matter", "grad_y .*(transposed|strided|contiguous)", "stored"),
    ),
    "an expanded upstream gradient": Report(
        what="the gradient that a sum gives has strides of 0, and is read as memory",
        source="pytorch/pytorch, issues 64529 and 70992",
        spec=ROWS,
        wrong=(square, expanded_by_data),
        right=(square, square_backward),
        names=("expanded",),
    ),
    "the upstream gradient is overwritten": Report(
        what="dout[x <= 0] = 0 changes what somebody else still needs",
        source="a course's layers, many times",
        spec=RELU,
        wrong=(torch.relu, relu_overwriting),
        right=(torch.relu, relu_backward),
        names=("backward changes its argument grad_",),
    ),
    "the input is overwritten": Report(
        what="the kernel stores its result into its input",
        source="unslothai/unsloth, issue 5001",
        spec=SQUARE,
        wrong=(rotated_in_place, square_backward),
        right=(square, square_backward),
        names=("forward changes its argument x",),
    ),
    "saved is used up": Report(
        what="backward works in place on what forward saved",
        source="a frequent slip in hand-written layers",
        spec=SQUARE,
        wrong=(Saved.forward, Saved.backward),
        right=(Saved.forward, lambda saved, g: 2 * saved * g),
        names=("changes what forward kept",),
    ),
    "a gradient that accumulates": Report(
        what="a second backward adds to the gradient of the first",
        source="karpathy/micrograd, pull request 102",
        spec=SQUARE,
        wrong=(square, Accumulates().backward),
        right=(square, square_backward),
        names=("second", "repeat"),
    ),
    "a mask that is remembered": Report(
        what="a mask is cached by shape",
        source="a frequent slip with caches",
        spec=RELU,
        wrong=(torch.relu, Remembers().backward),
        right=(torch.relu, relu_backward),
        names=("remember",),
    ),
    "what was saved is changed afterwards": Report(
        what="forward changes the tensor that it saved",
        source="the reason of save_for_backward",
        spec="y[i] = exp(x[i])",
        wrong=(SavesTheOutput, None),
        right=(SavesTheOutputRight, None),
        names=(r"yours = right \+ grad_y",),
    ),
    "rows beyond a block": Report(
        what="rows beyond the first block get no gradient",
        source="pytorch/pytorch, issue 28716 (from 769 entries on)",
        spec=ROWS,
        wrong=(square, first_rows(64)),
        right=(square, square_backward),
        names=(r"right at x\[64", "rows? (from )?64", "beyond"),
    ),
    "a remainder of a block": Report(
        what="what does not fill a block is left out",
        source="pytorch/pytorch, issue 153799 (lengths that 128 does not divide)",
        spec=ROWS,
        wrong=(square, multiples_of(16)),
        right=(square, square_backward),
        names=(r"right at x\[16", "beyond"),
    ),
    "every row into the first": Report(
        what="the pointer of the output is not advanced from row to row",
        source="ByteDance-Seed/Triton-distributed, issue 180",
        spec=ROWS,
        wrong=(square, every_row_into_the_first),
        right=(square, square_backward),
        names=(r"grad_x\[0,0\] takes grad_y\[2,0\]",),
    ),
    "single precision inside": Report(
        what="a kernel computes in float32 and returns float64",
        source="a frequent slip with .float()",
        spec=SQUARE,
        wrong=(square, in_single),
        right=(square, square_backward),
        names=("right in float32, wrong in float64", "cast"),
    ),
    "a constant of few digits": Report(
        what="a constant is rounded",
        source="a frequent slip",
        spec=SQUARE,
        wrong=(square, rounded_constant),
        right=(square, square_backward),
        names=("digits", "0.99995"),
    ),
    "float64 comes back for float32": Report(
        what="a NumPy constant makes the result float64",
        source="a frequent slip with NumPy",
        spec=SQUARE,
        wrong=(square, lambda g, x: (2 * g * x).double()),
        right=(square, square_backward),
        names=("is torch.float64; expected torch.float32",),
    ),
    "an output that nobody uses": Report(
        what="backward does arithmetic with None where an output is not used",
        source="torch's set_materialize_grads, as in its forum",
        spec=lambda a: (a * a, 3 * a),
        example=(torch.randn(3, dtype=torch.float64),),
        wrong=(Two, None),
        right=(TwoRight, None),
        names=("None", "no gradient of"),
    ),
    "gradients in the order of asking": Report(
        what="only what is asked for is returned, in the first places",
        source="needs_input_grad, as in torch's forum",
        spec=lambda a, b: a * b,
        example=(torch.randn(3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)),
        wrong=(Needs, None),
        right=(NeedsRight, None),
        names=("needs_input_grad",),
    ),
}
