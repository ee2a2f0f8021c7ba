"""Generated from layers/info_nce.py: scratchgrad certify info_nce --update writes it anew."""

import torch


class Kernel:
    """S[n,m] = Sum(x[n,k]*y[m,k], k)/tau; z1[n] = Sum(exp(S[n,m]), m); L[n] = log(z1[n]) - S[n,n]"""

    @staticmethod
    def forward(x, y, tau):
        # x [n, k], y [n, k], tau []
        S = (x @ y.T) / tau  # [n, n]
        L = S.logsumexp(1) - S.diagonal()  # [n]
        return L, (x, y, tau, S)

    @staticmethod
    def backward(saved, grad_L):
        x, y, tau, S = saved
        n_n = x.shape[0]
        t2 = torch.arange(n_n, device=x.device)  # [n]
        t1 = torch.addcmul(grad_L[:, None] * torch.softmax(S, 1), grad_L, (t2[:, None] == t2).to(x.dtype), value=-1)  # [n, n]
        grad_x = (t1 @ y) / tau  # [n, k]
        grad_y = (t1.T @ x) / tau  # [n, k]
        grad_tau = -((S * t1).sum() / tau)
        return (grad_x, grad_y, grad_tau)
