"""Generated from layers/max_pool2d.py: scratchgrad certify 'max_pool2d(size=3,stride=2)' --update writes it anew."""

import torch


class Kernel:
    """y[n,c,p,q] = Max(x[n,c,2*p + r,2*q + t], r, t)"""

    @staticmethod
    def forward(x):
        # x [N, c, h, w]
        n_h = x.shape[2]
        n_w = x.shape[3]
        y = x[:, :, :2*((n_h - 3)//2) + 3, :2*((n_w - 3)//2) + 3].unfold(2, 3, 2).unfold(3, 3, 2).amax((4, 5))  # [N, c, ((h - 3)//2) + 1, ((w - 3)//2) + 1]
        return y, (x, y)

    @staticmethod
    def backward(saved, grad_y):
        x, y = saved
        N = x.shape[0]
        n_c = x.shape[1]
        n_h = x.shape[2]
        n_w = x.shape[3]
        t1 = x[:, :, :2*((n_h - 3)//2) + 3, :2*((n_w - 3)//2) + 3].unfold(2, 3, 2).unfold(3, 3, 2) == y[:, :, :, :, None, None]  # [N, c, ((h - 3)//2) + 1, ((w - 3)//2) + 1, 3, 3]
        grad_x = torch.nn.functional.fold(torch.where(t1, (grad_y / torch.where(t1, 1, 0).sum((4, 5)))[:, :, :, :, None, None], 0).permute(0, 1, 4, 5, 2, 3).flatten(4).flatten(1, 3), (n_h, n_w), (3, 3), dilation=(1, 1), padding=(0, 0), stride=(2, 2)).reshape(N, n_c, n_h, n_w)  # [N, c, h, w]
        return grad_x
