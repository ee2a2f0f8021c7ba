"""Printed matrix forms read as the numpy code that they look like, which knows nothing of the nodes behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import mpmath
import numpy as np
import torch

from scratchgrad.forms.node import COLUMNS, STACKED

_LETTER = {"lambda": "lambda_"}  # a keyword of Python


def _read_by_torch(text: str, arrays: Mapping[str, Any], shape: tuple[int, ...]) -> Any:
    """The value of a form on stacked matrices, which has the very shape of the gradient."""
    names = {_LETTER.get(n, n): torch.as_tensor(np.asarray(v, dtype=float)) for n, v in arrays.items()}
    numbers = {n: float(v) for n, v in arrays.items() if np.ndim(v) == 0}
    functions = {
        name: getattr(torch, name) for name in "exp log sin cos tanh abs sign maximum minimum sigmoid erf where".split()
    } | {"sqrt": lambda a: a**0.5, "inv": torch.linalg.inv}
    names |= {n: v for n, v in numbers.items() if f"{n}[" not in text}
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # a truth value divided by a number has the default type
    try:
        value = eval(re.sub(r"\blambda\b", "lambda_", text), {**functions, **names})
    finally:
        torch.set_default_dtype(usual)
    return np.broadcast_to(np.asarray(value), shape)


def _rows_of(matrix: Any, rows: Any) -> Any:
    """Those rows of a matrix; one out of range is 0, as everywhere in the notation."""
    places = np.ravel(rows).astype(int)
    inside = (places >= 0) & (places < len(matrix))
    picked = matrix[np.where(inside, places, 0)]
    return np.where(inside.reshape(-1, *[1] * (picked.ndim - 1)), picked, 0.0)


def _one_hot(classes: Any, count: Any) -> Any:
    """Rows, or a column for a single class."""
    if np.size(classes) == 1 and np.ndim(classes) == 2:
        return (np.arange(int(np.squeeze(count))) == classes).astype(float).T
    return (np.arange(int(np.squeeze(count))) == np.reshape(classes, (-1, 1))).astype(float)


def read(text: str, arrays: Mapping[str, Any], shape: tuple[int, ...], style: str) -> Any:
    """The value of a printed form; "columns": vectors are columns, "rows": vectors have one axis."""
    if style == STACKED:
        return _read_by_torch(text, arrays, shape)
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
        "rowmax": lambda a: a.max(1)[:, None], "where": np.where, "tril": np.tril,
        "one_hot": _one_hot, "rows_of": _rows_of,
        "diag": lambda a: np.diagonal(a)[:, None] if columns else np.diagonal(a),
        "eye": np.eye(shape[0], shape[-1]) if shape else 1.0,
    }  # fmt: skip
    code = re.sub(r"\blambda\b", "lambda_", text)
    code = re.sub(r"\b(\w+)\[([A-Za-z_]\w*)\]", r"rows_of(\1, \2)", code)
    value = np.asarray(eval(code, {**functions, **names}))
    wanted = (shape[0], 1) if columns and len(shape) == 1 else shape
    if value.size == 1 and int(np.prod(shape)) == 1:
        return value.reshape(shape)
    return np.broadcast_to(value, wanted).reshape(shape)
