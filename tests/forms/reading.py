"""Printed matrix forms read as the numpy code that they look like, which knows nothing of the nodes behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import mpmath
import numpy as np

from scratchgrad.forms.matrix import COLUMNS

_LETTER = {"lambda": "lambda_"}  # a keyword of Python


def read(text: str, arrays: Mapping[str, Any], shape: tuple[int, ...], style: str) -> Any:
    """The value of a printed form; "columns": vectors are columns, "rows": vectors have one axis."""
    columns = style == COLUMNS
    names = {
        _LETTER.get(name, name): np.atleast_2d(np.asarray(v, dtype=float)).T
        if columns and np.ndim(v) < 2
        else np.asarray(v, dtype=float)
        for name, v in arrays.items()
    }
    functions = {
        "exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "sqrt": np.sqrt, "abs": np.abs,
        "sign": np.sign, "maximum": np.maximum, "minimum": np.minimum, "inv": np.linalg.inv, "pi": np.pi, "E": np.e,
        "erf": np.vectorize(lambda v: float(mpmath.erf(v)), otypes=[float]),
        "sigmoid": lambda a: 1 / (1 + np.exp(-a)), "outer": np.outer,
        "det": np.linalg.det, "logdet": lambda a: np.linalg.slogdet(a)[1],
        "rowsum": lambda a: a.sum(1)[:, None], "colsum": lambda a: a.sum(0)[:, None],
        "diag": lambda a: np.diagonal(a)[:, None] if columns else np.diagonal(a),
        "eye": np.eye(shape[0], shape[-1]) if shape else 1.0,
    }  # fmt: skip
    code = re.sub(r"\blambda\b", "lambda_", text)
    value = np.asarray(eval(code, {**functions, **names}))
    wanted = (shape[0], 1) if columns and len(shape) == 1 else shape
    if value.size == 1 and int(np.prod(shape)) == 1:
        return value.reshape(shape)
    return np.broadcast_to(value, wanted).reshape(shape)
