"""Generated from layers/matmul.py: scratchgrad certify matmul --update writes it anew."""

class Kernel:
    """C[n,i,j] = Sum(A[n,i,k]*B[n,k,j], k)"""

    @staticmethod
    def forward(A, B):
        # A [N, i, k], B [N, k, j]
        C = A @ B  # [N, i, j]
        return C, (A, B)

    @staticmethod
    def backward(saved, grad_C):
        A, B = saved
        grad_A = grad_C @ B.mT  # [N, i, k]
        grad_B = A.mT @ grad_C  # [N, k, j]
        return (grad_A, grad_B)
