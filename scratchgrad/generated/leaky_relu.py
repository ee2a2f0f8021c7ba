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
        t1 = u <= 0  # [N, i]
        grad_u = grad_h * (torch.where(t1, slope, 0) + s1.to(u.dtype))  # [N, i]
        grad_slope = (u * torch.where(t1, grad_h, 0)).sum()
        return (grad_u, grad_slope)
