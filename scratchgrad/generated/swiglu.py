"""Generated from layers/swiglu.py: scratchgrad certify swiglu --update writes it anew."""

import torch


class Kernel:
    """u[n,i] = Sum(W[i,j]*x[n,j], j); v[n,i] = Sum(V[i,j]*x[n,j], j); h[n,i] = u[n,i]*v[n,i]*sigmoid(u[n,i])"""

    @staticmethod
    def forward(x, W, V):
        # x [N, j], W [i, j], V [i, j]
        u = x @ W.T  # [N, i]
        v = x @ V.T  # [N, i]
        s3 = u.sigmoid()  # [N, i]
        h = s3 * u * v  # [N, i]
        return h, (x, W, V, u, v, s3, h)

    @staticmethod
    def backward(saved, grad_h):
        x, W, V, u, v, s3, h = saved
        t1 = s3 * u * grad_h  # [N, i]
        t2 = grad_h * torch.addcmul(torch.addcmul(h, v, s3), s3, h, value=-1)  # [N, i]
        grad_x = t1 @ V + t2 @ W  # [N, j]
        grad_W = t2.T @ x  # [i, j]
        grad_V = t1.T @ x  # [i, j]
        return (grad_x, grad_W, grad_V)
