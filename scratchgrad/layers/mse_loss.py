"""Mean squared error: the mean of the squared differences of the output v from the target y.

Saved   v - y
Source  Goodfellow, Bengio and Courville, Deep Learning, sec. 5.1.4
"""

from __future__ import annotations

from scratchgrad.layer import Layer

mse_loss = Layer("mse_loss", "v[i] y[i] -> L", "L = Sum((v[i] - y[i])**2, i)/n_i")
