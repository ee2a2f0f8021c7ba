"""Generated from layers/l1_loss.py: scratchgrad certify l1_loss --update writes it anew."""

class Kernel:
    """L[n] = Sum(abs(v[n,i] - y[n,i]), i)"""

    @staticmethod
    def forward(v, y):
        # v [N, i], y [N, i]
        s1 = v - y  # [N, i]
        L = s1.abs().sum(1)  # [N]
        return L, (s1,)

    @staticmethod
    def backward(saved, grad_L):
        (s1,) = saved
        grad_v = grad_L[:, None] * s1.sign()  # [N, i]
        grad_y = -grad_v  # [N, i]
        return (grad_v, grad_y)
