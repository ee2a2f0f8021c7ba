"""Generated from layers/conv2d.py: scratchgrad certify conv2d --update writes it anew."""

import torch


class Kernel:
    """u[n,o,p,q] = b[o] + Sum(W[o,c,k,l]*x[n,c,k + p,l + q], c, k, l)"""

    @staticmethod
    def forward(x, W, b):
        # x [N, c, h, w], W [o, c, k, l], b [o]
        u = torch.nn.functional.conv2d(x, W, b)  # [N, o, h - k + 1, -l + w + 1]
        return u, (x, W)

    @staticmethod
    def backward(saved, grad_u):
        x, W = saved
        n_c = x.shape[1]
        n_k = W.shape[2]
        n_l = W.shape[3]
        n_o = W.shape[0]
        grad_x = torch.nn.functional.conv_transpose2d(grad_u, W)  # [N, c, h, w]
        grad_W = torch.nn.grad.conv2d_weight(x, (n_o, n_c, n_k, n_l), grad_u)  # [o, c, k, l]
        grad_b = grad_u.sum((0, 2, 3))  # [o]
        return (grad_x, grad_W, grad_b)
