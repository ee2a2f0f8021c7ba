"""Generated from layers/focal.py: scratchgrad certify focal --update writes it anew."""

import torch


class Kernel:
    """a[n,i] = log(exp(v[n,i]) + 1); b[n,i] = log(1 + exp(-v[n,i])); L[n] = Sum((1 - y[n,i])*exp(-gamma*b[n,i])*a[n,i] + exp(-gamma*a[n,i])*b[n,i]*y[n,i], i)"""

    @staticmethod
    def forward(v, y, gamma):
        # v [N, i], y [N, i], gamma []
        s1 = -v  # [N, i]
        a = -torch.nn.functional.logsigmoid(s1)  # [N, i]
        b = -torch.nn.functional.logsigmoid(v)  # [N, i]
        s4 = 1 - y  # [N, i]
        s5 = gamma * b  # [N, i]
        s6 = (-s5).exp()  # [N, i]
        s7 = (-(gamma * a)).exp()  # [N, i]
        L = (s6 * a * s4 + s7 * y * b).sum(1)  # [N]
        return L, (v, y, gamma, s1, a, b, s4, s5, s6, s7)

    @staticmethod
    def backward(saved, grad_L):
        v, y, gamma, s1, a, b, s4, s5, s6, s7 = saved
        t1 = s4 * s6  # [N, i]
        t2 = y * s7  # [N, i]
        grad_v = grad_L[:, None] * (t1 - s7 * y * s5) * v.sigmoid() - grad_L[:, None] * (t2 - s6 * a * gamma * s4) * s1.sigmoid()  # [N, i]
        grad_y = grad_L[:, None] * (b * s7 - a * s6)  # [N, i]
        grad_gamma = (grad_L * -(b * a * (t2 + t1)).sum(1)).sum()
        return (grad_v, grad_y, grad_gamma)
