"""Generated from layers/gelu_tanh.py: scratchgrad certify gelu_tanh --update writes it anew."""

import torch


class Kernel:
    """z[n,i] = sqrt(2)*(8943*u[n,i]**3/200000 + u[n,i])/sqrt(pi); h[n,i] = (tanh(z[n,i]) + 1)*u[n,i]/2"""

    @staticmethod
    def forward(u):
        # u [N, i]
        z = (u + u ** 3 * 0.044715) * 0.7978845608028654  # [N, i]
        s1 = z.tanh()  # [N, i]
        s2 = s1 + 1  # [N, i]
        h = u * s2 * 0.5  # [N, i]
        return h, (u, s1, s2)

    @staticmethod
    def backward(saved, grad_h):
        u, s1, s2 = saved
        t1 = u * grad_h * (1 - s1.square()) * 0.5  # [N, i]
        grad_u = torch.addcmul(torch.addcmul(t1 * 0.7978845608028654, s2, grad_h, value=0.5), t1, u.square(), value=0.10703222440890037)  # [N, i]
        return grad_u
