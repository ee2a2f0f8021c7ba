"""Hinge loss: how much the margins y_i v_i of the scores fall short of 1, for targets -1 or 1.

Saved   v, y
Source  Cortes and Vapnik, Support-Vector Networks, Machine Learning 1995
"""

from __future__ import annotations

from scratchgrad.layer import Layer

hinge = Layer("hinge", "v[i] y[i] -> L", "L = Sum(where(y[i]*v[i] < 1, 1 - y[i]*v[i], 0), i)")
