"""Generated from layers/leaky_relu.py: scratchgrad certify leaky_relu --update writes it anew."""

import torch


class Kernel:
    """h[n,i] = where(u[n,i] > 0, u[n,i], slope*u[n,i])"""

    @staticmethod
    def forward(u, slope):
        # u [N, i], slope []
        s1 = u > 0  # [N, i]
        h = torch.where(s1, u, u * slope)  # [N, i]
        return h, (u, slope, s1)

    @staticmethod
    def backward(saved, grad_h):
        u, slope, s1 = saved
        grad_u = grad_h * torch.where(s1, 1, slope)  # [N, i]
        grad_slope = (u * torch.where(u <= 0, grad_h, 0)).sum()
        return (grad_u, grad_slope)
