"""Generated from layers/bilinear.py: scratchgrad certify bilinear --update writes it anew."""

import torch


class Kernel:
    """z[n,i] = b[i] + Sum(A[i,j,k]*x[n,j]*y[n,k], j, k)"""

    @staticmethod
    def forward(x, y, A, b):
        # x [N, j], y [N, k], A [i, j, k], b [i]
        s1 = torch.einsum("ab,cbd->acd", x, A)  # [N, i, k]
        z = b + torch.einsum("ab,acb->ac", y, s1)  # [N, i]
        return z, (x, y, A, s1)

    @staticmethod
    def backward(saved, grad_z):
        x, y, A, s1 = saved
        grad_x = torch.einsum("ab,abc->ac", grad_z, torch.einsum("ab,cdb->acd", y, A))  # [N, j]
        grad_y = torch.einsum("ab,abc->ac", grad_z, s1)  # [N, k]
        grad_A = torch.einsum("abc,ad->bcd", x[:, None, :] * grad_z[:, :, None], y)  # [i, j, k]
        grad_b = grad_z.sum(0)  # [i]
        return (grad_x, grad_y, grad_A, grad_b)
