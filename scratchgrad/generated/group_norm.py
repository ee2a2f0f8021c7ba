"""Generated from layers/group_norm.py: scratchgrad certify group_norm --update writes it anew."""

import torch


class Kernel:
    """mu[n,g] = Sum(x[n,g,c,k], c, k)/n_c/n_k; d[n,g,c,k] = x[n,g,c,k] - mu[n,g]; z1[n,g] = Sum(d[n,g,c,k]**2, c, k); sigma[n,g] = sqrt(eps + z1[n,g]/n_c/n_k); x_hat[n,g,c,k] = d[n,g,c,k]/sigma[n,g]; y[n,g,c,k] = beta[g,c] + gamma[g,c]*x_hat[n,g,c,k]"""

    @staticmethod
    def forward(x, gamma, beta, eps):
        # x [N, g, c, k], gamma [g, c], beta [g, c], eps []
        n_c = x.shape[2]
        n_k = x.shape[3]
        mu = x.sum((2, 3)) / (n_c*n_k)  # [N, g]
        d = x - mu[:, :, None, None]  # [N, g, c, k]
        z1 = d.square().sum((2, 3))  # [N, g]
        sigma = (eps + z1 / (n_c*n_k)).sqrt()  # [N, g]
        x_hat = d / sigma[:, :, None, None]  # [N, g, c, k]
        y = torch.addcmul(beta[:, :, None], gamma[:, :, None], x_hat)  # [N, g, c, k]
        return y, (gamma, d, sigma, x_hat)

    @staticmethod
    def backward(saved, grad_y):
        gamma, d, sigma, x_hat = saved
        n_c = gamma.shape[1]
        n_k = d.shape[3]
        t3 = gamma[:, :, None] * grad_y  # [N, g, c, k]
        t2 = -(x_hat * t3).sum((2, 3)) / sigma  # [N, g]
        t1 = torch.addcmul(t3 / sigma[:, :, None, None], d, (t2 / (2*n_c*n_k) / sigma * 2)[:, :, None, None])  # [N, g, c, k]
        grad_x = t1 + (-t1.sum((2, 3)) / (n_c*n_k))[:, :, None, None]  # [N, g, c, k]
        grad_gamma = (x_hat * grad_y).sum((0, 3))  # [g, c]
        grad_beta = grad_y.sum((0, 3))  # [g, c]
        grad_eps = (t2 / sigma).sum() * 0.5
        return (grad_x, grad_gamma, grad_beta, grad_eps)
