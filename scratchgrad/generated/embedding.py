"""Generated from layers/embedding.py: scratchgrad certify embedding --update writes it anew."""

class Kernel:
    """e[n,k] = E[t[n],k]"""

    @staticmethod
    def forward(t, E):
        # t [N], E [v, k]
        n_v = E.shape[0]
        e = E[t]  # [N, k]
        return e, (t, n_v)

    @staticmethod
    def backward(saved, grad_e):
        t, n_v = saved
        n_k = grad_e.shape[1]
        grad_E = grad_e.new_zeros(n_v, n_k).index_add(0, t, grad_e)  # [v, k]
        return (None, grad_E)
