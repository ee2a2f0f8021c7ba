"""Generated from layers/hinge.py: scratchgrad certify hinge --update writes it anew."""

import torch


class Kernel:
    """L[n] = Sum(where(v[n,i]*y[n,i] < 1, 1 - v[n,i]*y[n,i], 0), i)"""

    @staticmethod
    def forward(v, y):
        # v [N, i], y [N, i]
        t1 = v * y  # [N, i]
        s1 = t1 < 1  # [N, i]
        L = torch.where(s1, 1 - t1, 0).sum(1)  # [N]
        return L, (v, y, s1)

    @staticmethod
    def backward(saved, grad_L):
        v, y, s1 = saved
        t1 = -grad_L  # [N]
        grad_v = torch.where(s1, y * t1[:, None], 0)  # [N, i]
        grad_y = torch.where(s1, v * t1[:, None], 0)  # [N, i]
        return (grad_v, grad_y)
