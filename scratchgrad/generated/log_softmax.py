"""Generated from layers/log_softmax.py: scratchgrad certify log_softmax --update writes it anew."""

import torch


class Kernel:
    """z1[n] = Sum(exp(v[n,k]), k); l[n,i] = v[n,i] - log(z1[n])"""

    @staticmethod
    def forward(v):
        # v [N, i]
        l = v - v.logsumexp(1)[:, None]  # [N, i]
        return l, (v,)

    @staticmethod
    def backward(saved, grad_l):
        (v,) = saved
        grad_v = torch.addcmul(grad_l, grad_l.sum(1)[:, None], torch.softmax(v, 1), value=-1)  # [N, i]
        return grad_v
