"""Generated from layers/silu.py: scratchgrad certify silu --update writes it anew."""

import torch


class Kernel:
    """h[n,i] = u[n,i]*sigmoid(u[n,i])"""

    @staticmethod
    def forward(u):
        # u [N, i]
        s1 = u.sigmoid()  # [N, i]
        h = u * s1  # [N, i]
        return h, (s1, h)

    @staticmethod
    def backward(saved, grad_h):
        s1, h = saved
        grad_u = grad_h * torch.addcmul(s1 + h, s1, h, value=-1)  # [N, i]
        return grad_u
