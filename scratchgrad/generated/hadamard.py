"""Generated from layers/hadamard.py: scratchgrad certify hadamard --update writes it anew."""

class Kernel:
    """c[n,i] = a[n,i]*b[n,i]"""

    @staticmethod
    def forward(a, b):
        # a [N, i], b [N, i]
        c = a * b  # [N, i]
        return c, (a, b)

    @staticmethod
    def backward(saved, grad_c):
        a, b = saved
        grad_a = b * grad_c  # [N, i]
        grad_b = a * grad_c  # [N, i]
        return (grad_a, grad_b)
