"""Generated from layers/triplet.py: scratchgrad certify triplet --update writes it anew."""

import torch


class Kernel:
    """d[n] = Sum((a[n,i] - p[n,i])**2, i); e[n] = Sum((a[n,i] - q[n,i])**2, i); L[n] = max(margin + d[n] - e[n], 0)"""

    @staticmethod
    def forward(a, p, q, margin):
        # a [N, i], p [N, i], q [N, i], margin []
        s1 = a - p  # [N, i]
        d = s1.square().sum(1)  # [N]
        s2 = a - q  # [N, i]
        e = s2.square().sum(1)  # [N]
        s3 = margin + d - e  # [N]
        L = s3.clamp(min=0)  # [N]
        return L, (s1, s2, s3)

    @staticmethod
    def backward(saved, grad_L):
        s1, s2, s3 = saved
        t2 = s3 > 0  # [N]
        t1 = torch.where(t2, -grad_L, 0)  # [N]
        t3 = torch.where(t2, grad_L, 0)  # [N]
        grad_a = torch.addcmul(s1 * (t3 * 2)[:, None], s2, (t1 * 2)[:, None])  # [N, i]
        grad_p = s1 * (t3 * -2)[:, None]  # [N, i]
        grad_q = s2 * (t1 * -2)[:, None]  # [N, i]
        grad_margin = t3.sum()
        return (grad_a, grad_p, grad_q, grad_margin)
