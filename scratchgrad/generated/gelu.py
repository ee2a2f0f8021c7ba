"""Generated from layers/gelu.py: scratchgrad certify gelu --update writes it anew."""

class Kernel:
    """h[n,i] = (erf(sqrt(2)*u[n,i]/2) + 1)*u[n,i]/2"""

    @staticmethod
    def forward(u):
        # u [N, i]
        s1 = (u * 0.7071067811865476).erf()  # [N, i]
        h = u * (s1 + 1) * 0.5  # [N, i]
        return h, (u, s1)

    @staticmethod
    def backward(saved, grad_h):
        u, s1 = saved
        grad_u = grad_h * (s1 + u * (u.square() * -0.5).exp() * 0.7978845608028654 + 1) * 0.5  # [N, i]
        return grad_u
