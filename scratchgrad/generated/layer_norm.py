"""Generated from layers/layer_norm.py: scratchgrad certify layer_norm --update writes it anew."""

import torch


class Kernel:
    """mu[n] = Sum(x[n,i], i)/n_i; c[n,i] = x[n,i] - mu[n]; z1[n] = Sum(c[n,i]**2, i); sigma[n] = sqrt(eps + z1[n]/n_i); x_hat[n,i] = c[n,i]/sigma[n]; y[n,i] = beta[i] + gamma[i]*x_hat[n,i]"""

    @staticmethod
    def forward(x, gamma, beta, eps):
        # x [N, i], gamma [i], beta [i], eps []
        n_i = x.shape[1]
        mu = x.sum(1) / n_i  # [N]
        c = x - mu[:, None]  # [N, i]
        z1 = c.square().sum(1)  # [N]
        sigma = (eps + z1 / n_i).sqrt()  # [N]
        x_hat = c / sigma[:, None]  # [N, i]
        y = torch.addcmul(beta, gamma, x_hat)  # [N, i]
        return y, (gamma, c, sigma, x_hat)

    @staticmethod
    def backward(saved, grad_y):
        gamma, c, sigma, x_hat = saved
        n_i = gamma.shape[0]
        t3 = gamma * grad_y  # [N, i]
        t2 = -(x_hat * t3).sum(1) / sigma  # [N]
        t1 = torch.addcmul(t3 / sigma[:, None], c, (t2 / (2*n_i) / sigma * 2)[:, None])  # [N, i]
        grad_x = t1 + (-t1.sum(1) / n_i)[:, None]  # [N, i]
        grad_gamma = (x_hat * grad_y).sum(0)  # [i]
        grad_beta = grad_y.sum(0)  # [i]
        grad_eps = (t2 / sigma).sum() * 0.5
        return (grad_x, grad_gamma, grad_beta, grad_eps)
