"""The one table of tolerances: how far a right kernel may be from the exact value, by dtype.

    |yours - right|  <=  THRESHOLD * (effect of noise of one ulp + u |f| + u max |f| + u max |grad| + tiny)

where tiny includes how far the exact value is known only: log(1 - exp(-1000)) is 0 to 256 bits.
The noise moves every input, every value that forward assigns, and every value of a function (see noise.py).
u is half the distance from 1 to the next number.  The maxima run over one sample's entries of the same tensor (over all
entries of a tensor that has no batch axis); max |grad|, over the upstream gradients, counts for gradients only: a
difference such as grad_o - <grad_o, o> cancels, and its rounding errors are those of grad_o.  The rooms' kernels score
below 8, torch's own batch norm in float32 21, and a formula that loses digits scores thousands.
"""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["CLAIMED", "DTYPES", "LARGEST", "SIGNIFICAND", "STRICTER", "THRESHOLD", "TINY", "UNIT", "UNITS"]

DTYPES = ("float64", "float32")
"""The dtypes in which every kernel is examined."""

CLAIMED = ("bfloat16", "float16")
"""Those in which one is examined that claims them: `dtypes = ("bfloat16",)` in the kernel, or set on the function."""

SIGNIFICAND = MappingProxyType({"float64": 53, "float32": 24, "bfloat16": 8, "float16": 11})
"""Binary digits of the significand."""

UNIT = MappingProxyType({name: 2.0**-digits for name, digits in SIGNIFICAND.items()})
"""The unit roundoff u."""

# TRUST: few-digits
STRICTER = MappingProxyType({"float64": 1.0, "float32": 1.0, "bfloat16": 1 / 6, "float16": 1 / 6})
"""A part of a unit counts as one where there are few digits: else a mistake of a quarter would be one of rounding."""

TINY = MappingProxyType({"float64": 2.0**-1022, "float32": 2.0**-126, "bfloat16": 2.0**-126, "float16": 2.0**-14})
"""The smallest normal number: below it a result may be flushed to zero."""

LARGEST = MappingProxyType(
    {
        "float64": (2 - 2.0**-52) * 2.0**1023,
        "float32": (2 - 2.0**-23) * 2.0**127,
        "bfloat16": (2 - 2.0**-7) * 2.0**127,
        "float16": 65504.0,
    }
)
"""The largest finite number: where the right value exceeds it, nothing is compared."""

# TRUST: threshold
THRESHOLD = 48.0
"""From here on, an error is a mistake."""

UNITS = (4, 8, 16, 48)
"""The upper bounds that a certificate states: a matrix product rounds differently on every processor."""
