"""Generated from layers/gru_cell.py: scratchgrad certify gru_cell --update writes it anew."""

import torch


class Kernel:
    """v[n,q] = b[q] + Sum(W[q,j]*x[n,j], j); w[n,q] = d[q] + Sum(U[q,k]*h[n,k], k); r[n,i] = v[n,i] + w[n,i]; z[n,i] = v[n,i + n_i] + w[n,i + n_i]; m[n,i] = w[n,i + 2*n_i]; g[n,i] = m[n,i]*sigmoid(r[n,i]) + v[n,i + 2*n_i]; h_new[n,i] = tanh(g[n,i])*sigmoid(-z[n,i]) + h[n,i]*sigmoid(z[n,i])"""

    @staticmethod
    def forward(x, h, W, U, b, d):
        # x [N, j], h [N, i], W [3*i, j], U [3*i, i], b [3*i], d [3*i]
        n_i = h.shape[1]
        v = torch.addmm(b, x, W.T)  # [N, 3*i]
        w = torch.addmm(d, h, U.T)  # [N, 3*i]
        r = v[:, :n_i] + w[:, :n_i]  # [N, i]
        z = v[:, n_i:2*n_i] + w[:, n_i:2*n_i]  # [N, i]
        m = (w[:, 2*n_i:]).clone()  # [N, i]
        s2 = r.sigmoid()  # [N, i]
        g = torch.addcmul(v[:, 2*n_i:], m, s2)  # [N, i]
        s3 = z.sigmoid()  # [N, i]
        s4 = (-z).sigmoid()  # [N, i]
        s5 = g.tanh()  # [N, i]
        h_new = torch.addcmul(h * s3, s4, s5)  # [N, i]
        return h_new, (x, h, W, U, w, s2, s3, s4, s5)

    @staticmethod
    def backward(saved, grad_h_new):
        x, h, W, U, w, s2, s3, s4, s5 = saved
        n_i = h.shape[1]
        t2 = torch.nn.functional.pad(grad_h_new * torch.addcmul(s3 * h * (1 - s3), s5, s4 * (1 - s4), value=-1), (n_i, n_i))  # [N, 3*i]
        t4 = s4 * grad_h_new * (1 - s5.square())  # [N, i]
        t3 = torch.nn.functional.pad(s2 * w[:, 2*n_i:] * t4 * (1 - s2), (0, 2*n_i))  # [N, 3*i]
        t1 = t2 + t3 + torch.nn.functional.pad(t4, (2*n_i, 0))  # [N, 3*i]
        grad_x = t1 @ W  # [N, j]
        t5 = torch.nn.functional.pad(s2 * t4, (2*n_i, 0)) + t3 + t2  # [N, 3*i]
        grad_h = torch.addcmul(t5 @ U, s3, grad_h_new)  # [N, i]
        grad_W = t1.T @ x  # [3*i, j]
        grad_U = t5.T @ h  # [3*i, i]
        grad_b = t1.sum(0)  # [3*i]
        grad_d = t5.sum(0)  # [3*i]
        return (grad_x, grad_h, grad_W, grad_U, grad_b, grad_d)
