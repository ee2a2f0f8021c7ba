"""Two computations of one number in float64 may round in another order: they agree to 1e-10 of the largest entry."""

import torch


def close(got, want, what):
    """Raises AssertionError, which begins with `what`."""
    got, want = torch.as_tensor(got, dtype=torch.float64), torch.as_tensor(want, dtype=torch.float64)
    assert got.shape == want.shape, what
    assert torch.equal(got.isnan(), want.isnan()), what
    finite = want.isfinite()
    assert torch.equal(got[~finite], want[~finite]) or bool(want.isnan().any()), what
    if finite.any():
        size = max(1.0, float(want[finite].abs().max()))
        error = float((got - want)[finite].abs().max())
        # TRUST: test-tolerances
        assert error <= 1e-10 * size, f"{what}: off by {error:.3g}, entries up to {size:.3g}"
