"""Binary cross-entropy with logits: the loss of the scores v against the targets y, each between 0 and 1.

The equation is finite for every score, the equal form is not.

Equal   L = -Sum(y[i]*log(sigmoid(v[i])) + (1 - y[i])*log(1 - sigmoid(v[i])), i)
Saved   v, y
Source  Bishop, Pattern Recognition and Machine Learning, sec. 4.3.2 (cross-entropy of a sigmoid)
"""

from __future__ import annotations

from scratchgrad.layer import Layer

bce_with_logits = Layer("bce_with_logits", "v[i] y[i] -> L", "L = Sum(log(1 + exp(v[i])) - v[i]*y[i], i)")
