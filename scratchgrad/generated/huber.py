"""Generated from layers/huber.py: scratchgrad certify huber --update writes it anew."""

import torch


class Kernel:
    """e[n,i] = v[n,i] - y[n,i]; L[n] = Sum(where(abs(e[n,i]) < d, e[n,i]**2/2, d*(abs(e[n,i]) - d/2)), i)"""

    @staticmethod
    def forward(v, y, d):
        # v [N, i], y [N, i], d []
        e = v - y  # [N, i]
        s2 = e.abs()  # [N, i]
        s3 = s2 < d  # [N, i]
        L = torch.where(s3, e.square() * 0.5, d * (s2 - d * 0.5)).sum(1)  # [N]
        return L, (d, e, s2, s3)

    @staticmethod
    def backward(saved, grad_L):
        d, e, s2, s3 = saved
        t1 = torch.where(s3, e, d * e.sign())  # [N, i]
        grad_v = grad_L[:, None] * t1  # [N, i]
        grad_y = t1 * (-grad_L)[:, None]  # [N, i]
        grad_d = (grad_L * torch.where(s2 >= d, s2 - d, 0).sum(1)).sum()
        return (grad_v, grad_y, grad_d)
