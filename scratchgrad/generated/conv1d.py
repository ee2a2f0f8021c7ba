"""Generated from layers/conv1d.py: scratchgrad certify conv1d --update writes it anew."""

import torch


class Kernel:
    """u[n,o,p] = b[o] + Sum(W[o,c,k]*x[n,c,k + p], c, k)"""

    @staticmethod
    def forward(x, W, b):
        # x [N, c, i], W [o, c, k], b [o]
        u = torch.nn.functional.conv1d(x, W, b)  # [N, o, i - k + 1]
        return u, (x, W)

    @staticmethod
    def backward(saved, grad_u):
        x, W = saved
        n_c = x.shape[1]
        n_k = W.shape[2]
        n_o = W.shape[0]
        grad_x = torch.nn.functional.conv_transpose1d(grad_u, W)  # [N, c, i]
        grad_W = torch.nn.grad.conv1d_weight(x, (n_o, n_c, n_k), grad_u)  # [o, c, k]
        grad_b = grad_u.sum((0, 2))  # [o]
        return (grad_x, grad_W, grad_b)
