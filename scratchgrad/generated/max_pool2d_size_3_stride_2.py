"""Generated from layers/max_pool2d.py: scratchgrad certify 'max_pool2d(size=3,stride=2)' --update writes it anew."""

import torch


class Kernel:
    """y[n,c,p,q] = Max(x[n,c,2*p + r,2*q + t], r<3, t<3)"""

    @staticmethod
    def forward(x):
        # x [N, c, h, w]
        n_h = x.shape[2]
        n_w = x.shape[3]
        y, s1 = torch.nn.functional.max_pool2d(x, 3, stride=2, return_indices=True)  # [N, c, ((h - 3)//2) + 1, ((w - 3)//2) + 1]
        return y, (s1, n_h, n_w)

    @staticmethod
    def backward(saved, grad_y):
        s1, n_h, n_w = saved
        N = s1.shape[0]
        n_c = s1.shape[1]
        grad_x = torch.ops.aten.max_pool2d_with_indices_backward(grad_y, grad_y.new_empty((N, n_c, n_h, n_w)), [3, 3], [2, 2], [0, 0], [1, 1], False, s1)  # [N, c, h, w]
        return grad_x
