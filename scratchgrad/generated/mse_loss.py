"""Generated from layers/mse_loss.py: scratchgrad certify mse_loss --update writes it anew."""

class Kernel:
    """L[n] = Sum((v[n,i] - y[n,i])**2, i)/n_i"""

    @staticmethod
    def forward(v, y):
        # v [N, i], y [N, i]
        n_i = v.shape[1]
        s1 = v - y  # [N, i]
        L = s1.square().sum(1) / n_i  # [N]
        return L, (s1,)

    @staticmethod
    def backward(saved, grad_L):
        (s1,) = saved
        n_i = s1.shape[1]
        t1 = grad_L * 2 / n_i  # [N]
        grad_v = s1 * t1[:, None]  # [N, i]
        grad_y = s1 * (-t1)[:, None]  # [N, i]
        return (grad_v, grad_y)
