"""Generated from layers/logsumexp.py: scratchgrad certify logsumexp --update writes it anew."""

import torch


class Kernel:
    """z1[n] = Sum(exp(v[n,i]), i); m[n] = log(z1[n])"""

    @staticmethod
    def forward(v):
        # v [N, i]
        m = v.logsumexp(1)  # [N]
        return m, (v,)

    @staticmethod
    def backward(saved, grad_m):
        (v,) = saved
        grad_v = grad_m[:, None] * torch.softmax(v, 1)  # [N, i]
        return grad_v
