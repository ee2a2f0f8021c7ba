"""Sigmoid: every output is the logistic function of its input, a number between 0 and 1.

Equal   h[i] = 1/(1 + exp(-u[i]))
Saved   h
Source  Bishop, Pattern Recognition and Machine Learning, sec. 4.2 (logistic sigmoid)
"""

from __future__ import annotations

from scratchgrad.layer import Layer

sigmoid = Layer("sigmoid", "u[i] -> h[i]", "h[i] = sigmoid(u[i])")
