"""PReLU: a positive input passes, any other is multiplied by a learned slope of its own.

Saved   u, a
Source  He et al., Delving Deep into Rectifiers, ICCV 2015
"""

from __future__ import annotations

from scratchgrad.layer import Layer

prelu = Layer("prelu", "u[i] a[i] -> h[i]", "h[i] = where(u[i] > 0, u[i], a[i]*u[i])", shared="a", usual="a=0.25")
