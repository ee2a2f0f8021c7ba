"""Generated from layers/rnn_cell.py: scratchgrad certify rnn_cell --update writes it anew."""

class Kernel:
    """z1[n,i] = Sum(U[i,k]*s[n,k], k); z2[n,i] = Sum(W[i,j]*x[n,j], j); h[n,i] = tanh(b[i] + z1[n,i] + z2[n,i])"""

    @staticmethod
    def forward(x, s, W, U, b):
        # x [N, j], s [N, i], W [i, j], U [i, i], b [i]
        z1 = s @ U.T  # [N, i]
        z2 = x @ W.T  # [N, i]
        h = (z2 + b + z1).tanh()  # [N, i]
        return h, (x, s, W, U, h)

    @staticmethod
    def backward(saved, grad_h):
        x, s, W, U, h = saved
        t1 = grad_h * (1 - h.square())  # [N, i]
        grad_x = t1 @ W  # [N, j]
        grad_s = t1 @ U  # [N, i]
        grad_W = t1.T @ x  # [i, j]
        grad_U = t1.T @ s  # [i, i]
        grad_b = t1.sum(0)  # [i]
        return (grad_x, grad_s, grad_W, grad_U, grad_b)
