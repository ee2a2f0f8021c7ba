"""Generated from layers/mish.py: scratchgrad certify mish --update writes it anew."""

import torch


class Kernel:
    """p[n,i] = log(exp(u[n,i]) + 1); h[n,i] = tanh(p[n,i])*u[n,i]"""

    @staticmethod
    def forward(u):
        # u [N, i]
        p = -torch.nn.functional.logsigmoid(-u)  # [N, i]
        s1 = p.tanh()  # [N, i]
        h = u * s1  # [N, i]
        return h, (u, s1)

    @staticmethod
    def backward(saved, grad_h):
        u, s1 = saved
        grad_u = torch.addcmul(s1 * grad_h, u * grad_h * (1 - s1.square()), u.sigmoid())  # [N, i]
        return grad_u
