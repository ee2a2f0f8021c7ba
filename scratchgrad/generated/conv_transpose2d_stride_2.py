"""Generated from layers/conv_transpose2d.py: scratchgrad certify 'conv_transpose2d(stride=2)' --update writes it anew."""

import torch


class Kernel:
    """u[n,o,p,q] = b[o] + Sum(delta(p, 2*h + k)*delta(q, l + 2*w)*W[c,o,k,l]*x[n,c,h,w], c, h, w, k, l)"""

    @staticmethod
    def forward(x, W, b):
        # x [N, c, h, w], W [c, o, k, l], b [o]
        u = torch.nn.functional.conv_transpose2d(x, W, b, stride=2)  # [N, o, 2*h + k - 2, l + 2*w - 2]
        return u, (x, W)

    @staticmethod
    def backward(saved, grad_u):
        x, W = saved
        n_c = x.shape[1]
        n_k = W.shape[2]
        n_l = W.shape[3]
        n_o = W.shape[1]
        grad_x = torch.nn.functional.conv2d(grad_u, W, stride=2)  # [N, c, h, w]
        grad_W = torch.nn.grad.conv2d_weight(grad_u, (n_c, n_o, n_k, n_l), x, stride=2)  # [c, o, k, l]
        grad_b = grad_u.sum((0, 2, 3))  # [o]
        return (grad_x, grad_W, grad_b)
