"""The one table of tolerances: how far two right answers may differ, by dtype.

    np.testing.assert_allclose(got, expected, **tolerance(got.dtype))
    torch.testing.assert_close(got, expected, **tolerance(got.dtype))

float64 keeps three digits back for sums of some hundred terms; float32 as well.  A test that needs more room than this
says why beside its factor: tolerance(dtype, times=100).
"""

from typing import Any

# TRUST: test-tolerances
TOLERANCES = {
    "float64": {"rtol": 1e-12, "atol": 1e-12},
    "float32": {"rtol": 1e-4, "atol": 1e-5},
}


def tolerance(dtype: Any = "float64", *, times: float = 1) -> dict[str, float]:
    """The tolerances of a torch or numpy dtype, or of its name, as keyword arguments of the usual assertions."""
    name = str(dtype).removeprefix("torch.")
    return {key: times * value for key, value in TOLERANCES[name].items()}
