"""Generated from layers/mean.py: scratchgrad certify mean --update writes it anew."""

class Kernel:
    """m[n,i] = Sum(x[n,t,i], t)/n_t"""

    @staticmethod
    def forward(x):
        # x [N, t, i]
        n_t = x.shape[1]
        m = x.sum(1) / n_t  # [N, i]
        return m, (n_t,)

    @staticmethod
    def backward(saved, grad_m):
        (n_t,) = saved
        N = grad_m.shape[0]
        n_i = grad_m.shape[1]
        grad_x = (((grad_m / n_t)[:, None, :]).expand(N, n_t, n_i)).clone()  # [N, t, i]
        return grad_x
