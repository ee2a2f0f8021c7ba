"""Generated from layers/dropout.py: scratchgrad certify dropout --update writes it anew."""

class Kernel:
    """h[n,i] = scale*m[n,i]*u[n,i]"""

    @staticmethod
    def forward(u, m, scale):
        # u [N, i], m [N, i], scale []
        h = u * m * scale  # [N, i]
        return h, (u, m, scale)

    @staticmethod
    def backward(saved, grad_h):
        u, m, scale = saved
        t1 = scale * grad_h  # [N, i]
        grad_u = m * t1  # [N, i]
        grad_m = u * t1  # [N, i]
        grad_scale = (u * m * grad_h).sum()
        return (grad_u, grad_m, grad_scale)
