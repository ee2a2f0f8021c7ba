"""Residual with a scale: the input, plus a multiple of what a branch made of it.

Saved   f, alpha
Source  Szegedy et al., Inception-v4, 2017, sec. 3.3
"""

from __future__ import annotations

from scratchgrad.layer import Layer

residual_scale = Layer("residual_scale", "x[i] f[i] alpha -> y[i]", "y[i] = x[i] + alpha*f[i]", shared="alpha")
