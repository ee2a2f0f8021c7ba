"""Generated from layers/elu.py: scratchgrad certify elu --update writes it anew."""

import torch


class Kernel:
    """h[n,i] = where(u[n,i] > 0, u[n,i], alpha*(exp(u[n,i]) - 1))"""

    @staticmethod
    def forward(u, alpha):
        # u [N, i], alpha []
        s1 = u > 0  # [N, i]
        s2 = u.expm1()  # [N, i]
        h = torch.where(s1, u, alpha * s2)  # [N, i]
        return h, (u, alpha, s1, s2)

    @staticmethod
    def backward(saved, grad_h):
        u, alpha, s1, s2 = saved
        grad_u = grad_h * torch.where(s1, 1, alpha * u.exp())  # [N, i]
        grad_alpha = (grad_h * torch.where(u <= 0, s2, 0)).sum()
        return (grad_u, grad_alpha)
