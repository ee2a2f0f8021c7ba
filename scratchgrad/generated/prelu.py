"""Generated from layers/prelu.py: scratchgrad certify prelu --update writes it anew."""

import torch


class Kernel:
    """h[n,i] = where(u[n,i] > 0, u[n,i], a[i]*u[n,i])"""

    @staticmethod
    def forward(u, a):
        # u [N, i], a [i]
        s1 = u > 0  # [N, i]
        h = torch.where(s1, u, u * a)  # [N, i]
        return h, (u, a, s1)

    @staticmethod
    def backward(saved, grad_h):
        u, a, s1 = saved
        grad_u = grad_h * torch.where(s1, 1, a)  # [N, i]
        grad_a = (u * torch.where(u <= 0, grad_h, 0)).sum(0)  # [i]
        return (grad_u, grad_a)
