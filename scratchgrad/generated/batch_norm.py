"""Generated from layers/batch_norm.py: scratchgrad certify batch_norm --update writes it anew."""

import torch


class Kernel:
    """mu[i] = Sum(x[n,i], n)/n_n; c[n,i] = x[n,i] - mu[i]; z1[i] = Sum(c[n,i]**2, n); sigma[i] = sqrt(eps + z1[i]/n_n); x_hat[n,i] = c[n,i]/sigma[i]; y[n,i] = beta[i] + gamma[i]*x_hat[n,i]"""

    @staticmethod
    def forward(x, gamma, beta, eps):
        # x [n, i], gamma [i], beta [i], eps []
        n_n = x.shape[0]
        mu = x.sum(0) / n_n  # [i]
        c = x - mu  # [n, i]
        z1 = c.square().sum(0)  # [i]
        sigma = (eps + z1 / n_n).sqrt()  # [i]
        x_hat = c / sigma  # [n, i]
        y = torch.addcmul(beta, gamma, x_hat)  # [n, i]
        return y, (gamma, c, sigma, x_hat)

    @staticmethod
    def backward(saved, grad_y):
        gamma, c, sigma, x_hat = saved
        n_n = c.shape[0]
        t3 = gamma * grad_y  # [n, i]
        t2 = -(x_hat * t3).sum(0) / sigma  # [i]
        t1 = torch.addcmul(t3 / sigma, c, t2 / (2*n_n) / sigma * 2)  # [n, i]
        grad_x = t1 + -t1.sum(0) / n_n  # [n, i]
        grad_gamma = (x_hat * grad_y).sum(0)  # [i]
        grad_beta = grad_y.sum(0)  # [i]
        grad_eps = (t2 / sigma).sum() * 0.5
        return (grad_x, grad_gamma, grad_beta, grad_eps)
