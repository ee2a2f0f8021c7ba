"""Generated from layers/conv2d.py: scratchgrad certify 'conv2d(groups=2)' --update writes it anew."""

import torch


class Kernel:
    """u[n,o,p,q] = b[o] + Sum(delta(o, g*n_m + m)*W[o,c,k,l]*x[n,c + g*n_c,k + p,l + q], g<2, m, c, k, l)"""

    @staticmethod
    def forward(x, W, b):
        # x [N, 2*c, h, w], W [2*m, c, k, l], b [2*m]
        u = torch.nn.functional.conv2d(x, W, b, groups=2)  # [N, 2*m, h - k + 1, -l + w + 1]
        return u, (x, W)

    @staticmethod
    def backward(saved, grad_u):
        x, W = saved
        n_c = W.shape[1]
        n_k = W.shape[2]
        n_l = W.shape[3]
        n_m = W.shape[0] // 2
        grad_x = torch.nn.functional.conv_transpose2d(grad_u, W, groups=2)  # [N, 2*c, h, w]
        grad_W = torch.nn.grad.conv2d_weight(x, (2*n_m, n_c, n_k, n_l), grad_u, groups=2)  # [2*m, c, k, l]
        grad_b = grad_u.sum((0, 2, 3))  # [2*m]
        return (grad_x, grad_W, grad_b)
