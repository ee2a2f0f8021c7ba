"""The rules of the calculus: each has a name that a student can look up, what it states, and where it stands."""

from __future__ import annotations

from scratchgrad.calculus.steps import Rule

__all__ = [
    "ADJOINT",
    "CHAIN",
    "COLLECT",
    "DIFFERENTIATE",
    "FORWARD",
    "MULTIVARIATE_CHAIN",
    "NAME",
    "NORMALISED_TARGET",
    "SIFT",
    "VANISH",
    "WRITE_OUT",
]

_PARR = "Parr, Howard, The Matrix Calculus You Need For Deep Learning (2018)"

WRITE_OUT = Rule("writing out", r"\text{every sum written out for a small size}", f"{_PARR}, sec. 4")
CHAIN = Rule(
    "scalar chain rule",
    r"\frac{\partial J}{\partial w} = \frac{\partial J}{\partial u}\,\frac{\partial u}{\partial w}",
    f"{_PARR}, sec. 4.5.1",
)
MULTIVARIATE_CHAIN = Rule(
    "multivariate chain rule",
    r"\frac{\partial J}{\partial w} = \sum_{k} \frac{\partial J}{\partial u_{k}}\,\frac{\partial u_{k}}{\partial w}",
    f"{_PARR}, sec. 4.5.2",
)
FORWARD = Rule("forward equation", r"\text{the layer's definition, inserted}", "the layer's definition")
DIFFERENTIATE = Rule(
    "local partial",
    r"\frac{\partial x_{k}}{\partial x_{i}} = \delta_{ki}",
    f"{_PARR}, sec. 2 (sum, product and chain rule)",
)
SIFT = Rule("sifting", r"\sum_{k} \delta_{ki}\, f_{k} = f_{i}", "the definition of the Kronecker delta")
NAME = Rule("naming", r"\text{a value that forward computed gets its name back}", "the layer's definition")
ADJOINT = Rule(
    "reverse accumulation",
    r"\bar{t} = \frac{\partial J}{\partial t} + \sum_{c} \bar{c}\,\frac{\partial c}{\partial t}",
    "Griewank, Walther, Evaluating Derivatives, 2nd ed. (2008), ch. 3",
)
COLLECT = Rule("collecting", r"a c + b c = (a + b)\, c", "distributive law")
VANISH = Rule("vanishing sum", r"\sum_{i} (x_{i} - \bar{x}) = 0", "the layer's definition, unfolded")
NORMALISED_TARGET = Rule("normalised target", r"\sum_{i} y_{i} = 1", "y is a probability vector")
