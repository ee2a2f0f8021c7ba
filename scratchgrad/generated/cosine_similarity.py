"""Generated from layers/cosine_similarity.py: scratchgrad certify cosine_similarity --update writes it anew."""

import torch


class Kernel:
    """z1[n] = Sum(a[n,i]**2, i); p[n] = sqrt(z1[n]); z2[n] = Sum(b[n,i]**2, i); q[n] = sqrt(z2[n]); c[n] = Sum(a[n,i]*b[n,i], i)/p[n]/q[n]"""

    @staticmethod
    def forward(a, b):
        # a [N, i], b [N, i]
        z1 = a.square().sum(1)  # [N]
        p = z1.sqrt()  # [N]
        z2 = b.square().sum(1)  # [N]
        q = z2.sqrt()  # [N]
        c = (a * b).sum(1) / p / q  # [N]
        return c, (a, b, p, q, c)

    @staticmethod
    def backward(saved, grad_c):
        a, b, p, q, c = saved
        t1 = -(c * grad_c)  # [N]
        grad_a = torch.addcmul(b * grad_c[:, None] / p[:, None] / q[:, None], a, (t1 / p * 0.5 / p * 2)[:, None])  # [N, i]
        grad_b = torch.addcmul(a * grad_c[:, None] / p[:, None] / q[:, None], b, (t1 / q * 0.5 / q * 2)[:, None])  # [N, i]
        return (grad_a, grad_b)
