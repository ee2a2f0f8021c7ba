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
        t1 = s1.sign()  # [N, i]
        grad_v = grad_L[:, None] * t1  # [N, i]
        grad_y = t1 * (-grad_L)[:, None]  # [N, i]
        return (grad_v, grad_y)
