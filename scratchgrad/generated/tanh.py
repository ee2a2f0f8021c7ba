"""Generated from layers/tanh.py: scratchgrad certify tanh --update writes it anew."""

class Kernel:
    """h[n,i] = tanh(u[n,i])"""

    @staticmethod
    def forward(u):
        # u [N, i]
        h = u.tanh()  # [N, i]
        return h, (h,)

    @staticmethod
    def backward(saved, grad_h):
        (h,) = saved
        grad_u = grad_h * (1 - h.square())  # [N, i]
        return grad_u
