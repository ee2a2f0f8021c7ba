"""Generated from layers/lstm_cell.py: scratchgrad certify lstm_cell --update writes it anew."""

import torch


class Kernel:
    """z[n,q] = b[q] + Sum(U[q,k]*h[n,k], k) + Sum(W[q,j]*x[n,j], j); a[n,i] = z[n,i]; f[n,i] = z[n,i + n_i]; g[n,i] = z[n,i + 2*n_i]; o[n,i] = z[n,i + 3*n_i]; c_new[n,i] = tanh(g[n,i])*sigmoid(a[n,i]) + c[n,i]*sigmoid(f[n,i]); h_new[n,i] = tanh(c_new[n,i])*sigmoid(o[n,i])"""

    @staticmethod
    def forward(x, h, c, W, U, b):
        # x [N, j], h [N, i], c [N, i], W [4*i, j], U [4*i, i], b [4*i]
        n_i = h.shape[1]
        z = torch.addmm(b, h, U.T) + x @ W.T  # [N, 4*i]
        a = (z[:, :n_i]).clone()  # [N, i]
        f = (z[:, n_i:2*n_i]).clone()  # [N, i]
        g = (z[:, 2*n_i:3*n_i]).clone()  # [N, i]
        o = (z[:, 3*n_i:]).clone()  # [N, i]
        s1 = f.sigmoid()  # [N, i]
        s2 = a.sigmoid()  # [N, i]
        s3 = g.tanh()  # [N, i]
        c_new = torch.addcmul(c * s1, s2, s3)  # [N, i]
        s4 = o.sigmoid()  # [N, i]
        s5 = c_new.tanh()  # [N, i]
        h_new = s4 * s5  # [N, i]
        return (h_new, c_new), (x, h, c, W, U, s1, s2, s3, s4, s5, h_new)

    @staticmethod
    def backward(saved, grad_h_new, grad_c_new):
        x, h, c, W, U, s1, s2, s3, s4, s5, h_new = saved
        N = x.shape[0]
        n_i = h.shape[1]
        if grad_h_new is None:
            grad_h_new = x.new_zeros((N, n_i))
        if grad_c_new is None:
            grad_c_new = x.new_zeros((N, n_i))
        t2 = torch.addcmul(grad_c_new, s4, grad_h_new * (1 - s5.square()))  # [N, i]
        t1 = torch.nn.functional.pad(s3 * s2 * t2 * (1 - s2), (0, 3*n_i)) + torch.nn.functional.pad(s1 * c * t2 * (1 - s1), (n_i, 2*n_i)) + torch.nn.functional.pad(s2 * t2 * (1 - s3.square()), (2*n_i, n_i)) + torch.nn.functional.pad(h_new * grad_h_new * (1 - s4), (3*n_i, 0))  # [N, 4*i]
        grad_x = t1 @ W  # [N, j]
        grad_h = t1 @ U  # [N, i]
        grad_c = s1 * t2  # [N, i]
        grad_W = t1.T @ x  # [4*i, j]
        grad_U = t1.T @ h  # [4*i, i]
        grad_b = t1.sum(0)  # [4*i]
        return (grad_x, grad_h, grad_c, grad_W, grad_U, grad_b)
