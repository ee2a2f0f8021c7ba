"""Generated from layers/softmax.py: scratchgrad certify softmax --update writes it anew."""

import torch


class Kernel:
    """o[n,i] = exp(v[n,i])/Sum(exp(v[n,k]), k)"""

    @staticmethod
    def forward(v):
        # v [N, i]
        o = torch.softmax(v, 1)  # [N, i]
        return o, (o,)

    @staticmethod
    def backward(saved, grad_o):
        (o,) = saved
        t1 = o * grad_o  # [N, i]
        grad_v = torch.addcmul(t1, o, t1.sum(1)[:, None], value=-1)  # [N, i]
        return grad_v
