"""Generated from layers/bce_with_logits.py: scratchgrad certify bce_with_logits --update writes it anew."""

import torch


class Kernel:
    """L[n] = Sum(log(exp(v[n,i]) + 1) - v[n,i]*y[n,i], i)"""

    @staticmethod
    def forward(v, y):
        # v [N, i], y [N, i]
        L = torch.addcmul(-torch.nn.functional.logsigmoid(-v), v, y, value=-1).sum(1)  # [N]
        return L, (v, y)

    @staticmethod
    def backward(saved, grad_L):
        v, y = saved
        grad_v = grad_L[:, None] * (v.sigmoid() - y)  # [N, i]
        grad_y = v * (-grad_L)[:, None]  # [N, i]
        return (grad_v, grad_y)
