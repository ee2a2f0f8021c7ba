"""Generated from layers/sigmoid.py: scratchgrad certify sigmoid --update writes it anew."""

class Kernel:
    """h[n,i] = sigmoid(u[n,i])"""

    @staticmethod
    def forward(u):
        # u [N, i]
        h = u.sigmoid()  # [N, i]
        return h, (h,)

    @staticmethod
    def backward(saved, grad_h):
        (h,) = saved
        grad_u = h * grad_h * (1 - h)  # [N, i]
        return grad_u
