"""Generated from layers/focal.py: scratchgrad certify focal --update writes it anew."""

import torch


class Kernel:
    """a[n,i] = log(exp(v[n,i]) + 1); b[n,i] = log(1 + exp(-v[n,i])); L[n] = Sum((1 - y[n,i])*exp(-2*b[n,i])*a[n,i] + exp(-2*a[n,i])*b[n,i]*y[n,i], i)"""

    @staticmethod
    def forward(v, y):
        # v [N, i], y [N, i]
        s1 = -v  # [N, i]
        a = -torch.nn.functional.logsigmoid(s1)  # [N, i]
        b = -torch.nn.functional.logsigmoid(v)  # [N, i]
        s4 = 1 - y  # [N, i]
        s5 = (b * -2).exp()  # [N, i]
        s6 = s5 * a * s4  # [N, i]
        s7 = (a * -2).exp()  # [N, i]
        s8 = s7 * y * b  # [N, i]
        L = (s6 + s8).sum(1)  # [N]
        return L, (v, y, s1, a, b, s4, s5, s6, s7, s8)

    @staticmethod
    def backward(saved, grad_L):
        v, y, s1, a, b, s4, s5, s6, s7, s8 = saved
        grad_v = torch.addcmul(grad_L[:, None] * (s4 * s5 - s8 * 2) * v.sigmoid(), grad_L[:, None] * (y * s7 - s6 * 2), s1.sigmoid(), value=-1)  # [N, i]
        grad_y = grad_L[:, None] * torch.addcmul(b * s7, a, s5, value=-1)  # [N, i]
        return (grad_v, grad_y)
