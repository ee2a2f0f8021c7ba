"""Generated from layers/conv2d.py: scratchgrad certify 'conv2d(stride=2,padding=1)' --update writes it anew."""

import torch


class Kernel:
    """u[n,o,p,q] = b[o] + Sum(W[o,c,k,l]*x[n,c,k + 2*p - 1,l + 2*q - 1], c, k, l)"""

    @staticmethod
    def forward(x, W, b):
        # x [N, c, h, w], W [o, c, k, l], b [o]
        u = torch.nn.functional.conv2d(x, W, b, stride=2, padding=1)  # [N, o, ((h - k)//2) + 2, ((-l + w)//2) + 2]
        return u, (x, W)

    @staticmethod
    def backward(saved, grad_u):
        x, W = saved
        n_c = x.shape[1]
        n_h = x.shape[2]
        n_k = W.shape[2]
        n_l = W.shape[3]
        n_o = W.shape[0]
        n_w = x.shape[3]
        grad_x = torch.nn.functional.conv_transpose2d(grad_u, W, stride=2, padding=1, output_padding=(n_h - n_k - 2*((n_h - n_k)//2), -n_l + n_w - 2*((-n_l + n_w)//2)))  # [N, c, h, w]
        grad_W = torch.nn.grad.conv2d_weight(x, (n_o, n_c, n_k, n_l), grad_u, stride=2, padding=1)  # [o, c, k, l]
        grad_b = grad_u.sum((0, 2, 3))  # [o]
        return (grad_x, grad_W, grad_b)
