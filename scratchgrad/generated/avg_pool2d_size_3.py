"""Generated from layers/avg_pool2d.py: scratchgrad certify 'avg_pool2d(size=3)' --update writes it anew."""

import torch


class Kernel:
    """y[n,c,p,q] = Sum(x[n,c,3*p + r,3*q + t], r<3, t<3)/9"""

    @staticmethod
    def forward(x):
        # x [N, c, h, w]
        n_h = x.shape[2]
        n_w = x.shape[3]
        y = torch.nn.functional.avg_pool2d(x, 3)  # [N, c, (h//3), (w//3)]
        return y, (n_h, n_w)

    @staticmethod
    def backward(saved, grad_y):
        n_h, n_w = saved
        N = grad_y.shape[0]
        n_c = grad_y.shape[1]
        grad_x = torch.ops.aten.avg_pool2d_backward(grad_y, grad_y.new_empty((N, n_c, n_h, n_w)), [3, 3], [3, 3], [0, 0], False, True, 9)  # [N, c, h, w]
        return grad_x
