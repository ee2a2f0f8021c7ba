"""Generated from layers/flatten.py: scratchgrad certify flatten --update writes it anew."""

class Kernel:
    """u[n,j] = Sum(delta(j, c*n_h*n_w + h*n_w + w)*x[n,c,h,w], c, h, w)"""

    @staticmethod
    def forward(x):
        # x [N, c, h, w]
        n_c = x.shape[1]
        n_h = x.shape[2]
        n_w = x.shape[3]
        u = (x.flatten(1, 3)).clone()  # [N, c*h*w]
        return u, (n_c, n_h, n_w)

    @staticmethod
    def backward(saved, grad_u):
        n_c, n_h, n_w = saved
        grad_x = (grad_u.unflatten(1, (n_c, n_h, n_w))).clone()  # [N, c, h, w]
        return grad_x
