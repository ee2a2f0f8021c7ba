"""Generated from layers/rope.py: scratchgrad certify rope --update writes it anew."""

import torch


class Kernel:
    """a[t,j] = angle[t,j - n_h] + angle[t,j]; y[n,t,j] = (x[n,t,j - n_h] - x[n,t,j + n_h])*sin(a[t,j]) + cos(a[t,j])*x[n,t,j]"""

    @staticmethod
    def forward(x, angle):
        # x [N, t, 2*h], angle [t, h]
        n_h = angle.shape[1]
        a = torch.nn.functional.pad(angle, (n_h, 0)) + torch.nn.functional.pad(angle, (0, n_h))  # [t, 2*h]
        s2 = torch.nn.functional.pad(x, (n_h, -n_h)) - torch.nn.functional.pad(x, (-n_h, n_h))  # [N, t, 2*h]
        s3 = a.sin()  # [t, 2*h]
        s4 = a.cos()  # [t, 2*h]
        y = torch.addcmul(s2 * s3, x, s4)  # [N, t, 2*h]
        return y, (x, a, s2, s3, s4)

    @staticmethod
    def backward(saved, grad_y):
        x, a, s2, s3, s4 = saved
        n_h = x.shape[2] // 2
        grad_x = torch.addcmul(torch.addcmul(torch.nn.functional.pad(grad_y, (-n_h, n_h)) * torch.nn.functional.pad(a, (-n_h, n_h)).sin(), s4, grad_y), torch.nn.functional.pad(grad_y, (n_h, -n_h)), torch.nn.functional.pad(a, (n_h, -n_h)).sin(), value=-1)  # [N, t, 2*h]
        t1 = (grad_y * torch.addcmul(s2 * s4, x, s3, value=-1)).sum(0)  # [t, 2*h]
        grad_angle = t1[:, n_h:] + t1[:, :n_h]  # [t, h]
        return (grad_x, grad_angle)
