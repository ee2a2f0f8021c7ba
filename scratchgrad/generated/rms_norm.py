"""Generated from layers/rms_norm.py: scratchgrad certify rms_norm --update writes it anew."""

import torch


class Kernel:
    """z1[n] = Sum(x[n,i]**2, i); r[n] = sqrt(eps + z1[n]/n_i); x_hat[n,i] = x[n,i]/r[n]; y[n,i] = gamma[i]*x_hat[n,i]"""

    @staticmethod
    def forward(x, gamma, eps):
        # x [N, i], gamma [i], eps []
        n_i = x.shape[1]
        z1 = x.square().sum(1)  # [N]
        r = (eps + z1 / n_i).sqrt()  # [N]
        x_hat = x / r[:, None]  # [N, i]
        y = gamma * x_hat  # [N, i]
        return y, (x, gamma, r, x_hat)

    @staticmethod
    def backward(saved, grad_y):
        x, gamma, r, x_hat = saved
        n_i = x.shape[1]
        t2 = gamma * grad_y  # [N, i]
        t1 = -(x_hat * t2).sum(1) / r  # [N]
        grad_x = torch.addcmul(t2 / r[:, None], x, (t1 / (2*n_i) / r * 2)[:, None])  # [N, i]
        grad_gamma = (x_hat * grad_y).sum(0)  # [i]
        grad_eps = (t1 / r).sum() * 0.5
        return (grad_x, grad_gamma, grad_eps)
