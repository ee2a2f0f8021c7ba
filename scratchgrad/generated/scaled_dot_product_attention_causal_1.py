"""Generated from layers/scaled_dot_product_attention.py: scratchgrad certify 'scaled_dot_product_attention(causal=1)' --update writes it anew."""

import math

import torch


class Kernel:
    """S[n,i,j] = Sum(K[n,j,k]*Q[n,i,k], k)/sqrt(n_k); z1[n,i] = Sum(where(l <= i, exp(S[n,i,l]), 0), l); P[n,i,j] = where(j <= i, exp(S[n,i,j]), 0)/z1[n,i]; O[n,i,d] = Sum(P[n,i,j]*V[n,j,d], j)"""

    @staticmethod
    def forward(Q, K, V):
        # Q [N, i, k], K [N, j, k], V [N, j, d]
        n_i = Q.shape[1]
        n_j = K.shape[1]
        n_k = Q.shape[2]
        S = (Q @ K.mT) / (math.sqrt(n_k))  # [N, i, j]
        s1 = torch.arange(n_j, device=Q.device)[:, None] <= torch.arange(n_i, device=Q.device)  # [j, i]
        s2 = S.exp()  # [N, i, j]
        t1 = torch.where(s1.T, s2, 0)  # [N, i, j]
        z1 = t1.sum(2)  # [N, i]
        P = t1 / z1[:, :, None]  # [N, i, j]
        O = P @ V  # [N, i, d]
        return O, (Q, K, V, s1, s2, z1, P, O)

    @staticmethod
    def backward(saved, grad_O):
        Q, K, V, s1, s2, z1, P, O = saved
        n_k = Q.shape[2]
        t1 = torch.where(s1.T, (s2 * (grad_O @ V.mT) - s2 * (O * grad_O).sum(2)[:, :, None]) / z1[:, :, None], 0)  # [N, i, j]
        grad_Q = (t1 @ K) / (math.sqrt(n_k))  # [N, i, k]
        grad_K = (t1.mT @ Q) / (math.sqrt(n_k))  # [N, j, k]
        grad_V = P.mT @ grad_O  # [N, j, d]
        return (grad_Q, grad_K, grad_V)
