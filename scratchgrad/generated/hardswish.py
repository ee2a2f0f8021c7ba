"""Generated from layers/hardswish.py: scratchgrad certify hardswish --update writes it anew."""

import torch


class Kernel:
    """h[n,i] = where(u[n,i] > -3, where(u[n,i] < 3, (u[n,i] + 3)*u[n,i]/6, u[n,i]), 0)"""

    @staticmethod
    def forward(u):
        # u [N, i]
        s1 = u > -3  # [N, i]
        s2 = u < 3  # [N, i]
        h = torch.where(s1, torch.where(s2, u * (u + 3) / 6, u), 0)  # [N, i]
        return h, (u, s1, s2)

    @staticmethod
    def backward(saved, grad_h):
        u, s1, s2 = saved
        grad_u = torch.where(s1, grad_h * (s2.to(u.dtype) * 0.5 + torch.where(s2, u / 3, 0) + (u >= 3).to(u.dtype)), 0)  # [N, i]
        return grad_u
