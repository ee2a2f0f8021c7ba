"""Generated from layers/info_nce.py: scratchgrad certify info_nce --update writes it anew."""

import torch


class Kernel:
    """S[n,m] = Sum(x[n,k]*y[m,k], k)/tau; P[n,m] = exp(S[n,m])/Sum(exp(S[n,l]), l); L[n] = -log(P[n,n])"""

    @staticmethod
    def forward(x, y, tau):
        # x [n, k], y [n, k], tau []
        S = (x @ y.T) / tau  # [n, n]
        P = torch.softmax(S, 1)  # [n, n]
        s3 = P.diagonal().clone()  # [n]
        L = -s3.log()  # [n]
        return L, (x, y, tau, S, P, s3)

    @staticmethod
    def backward(saved, grad_L):
        x, y, tau, S, P, s3 = saved
        n_n = x.shape[0]
        t2 = torch.arange(n_n, device=x.device)  # [n]
        t1 = P * (grad_L[:, None] - grad_L * (t2[:, None] == t2).to(x.dtype) / s3)  # [n, n]
        grad_x = (t1 @ y) / tau  # [n, k]
        grad_y = (t1.T @ x) / tau  # [n, k]
        grad_tau = -((S * t1).sum() / tau)
        return (grad_x, grad_y, grad_tau)
