"""Generated from layers/label_smoothing_cross_entropy.py: scratchgrad certify label_smoothing_cross_entropy --update writes it anew."""

import torch


class Kernel:
    """o[n,i] = exp(v[n,i])/Sum(exp(v[n,k]), k); q[n,i] = (1 - eps)*y[n,i] + eps/n_i; L[n] = -Sum(log(o[n,i])*q[n,i], i)"""

    @staticmethod
    def forward(v, y, eps):
        # v [N, i], y [N, i], eps []
        n_i = v.shape[1]
        s1 = 1 - eps
        q = torch.addcmul(eps / n_i, y, s1)  # [N, i]
        s3 = torch.log_softmax(v, 1)  # [N, i]
        L = -(q * s3).sum(1)  # [N]
        return L, (v, y, s1, q, s3)

    @staticmethod
    def backward(saved, grad_L):
        v, y, s1, q, s3 = saved
        n_i = v.shape[1]
        grad_v = grad_L[:, None] * (torch.softmax(v, 1) * q.sum(1)[:, None] - q)  # [N, i]
        t1 = s3 * (-grad_L)[:, None]  # [N, i]
        grad_y = s1 * t1  # [N, i]
        grad_eps = (t1 * (1/n_i - y)).sum()
        return (grad_v, grad_y, grad_eps)
