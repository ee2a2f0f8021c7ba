"""Settings that a person gives: numbers of the right kind, within their range.

In   who asks, the setting's name, the value
Out  the value as a Python number; InvalidSetting, or WrongSettingType, which say what is expected and what was given
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

__all__ = ["InvalidSetting", "WrongSettingType", "function", "number", "whole"]


class InvalidSetting(ValueError):
    """A setting outside its range."""


class WrongSettingType(TypeError):
    """A setting that is no number, or nothing that fits its place."""


def whole(who: str, name: str, value: Any, least: int) -> int:
    """The whole number; True and 1.5 are none."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise WrongSettingType(f"{who}: expected a whole number for {name}, got {value!r}")
    if value < least:
        raise InvalidSetting(f"{who}: expected {name} of at least {least}, got {value}")
    return int(value)


def number(who: str, name: str, value: Any, range_: str, within: Callable[[float], bool]) -> float:
    """The finite number within its range, which `range_` writes: "lr >= 0"."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise WrongSettingType(f"{who}: expected a number for {name}, got {value!r}")
    if math.isinf(value):
        raise InvalidSetting(f"{who}: expected {range_} and finite, got {value}")
    if not within(float(value)):
        raise InvalidSetting(f"{who}: expected {range_}, got {value}")
    return float(value)


def function(who: str, name: str, value: Any, example: str) -> Any:
    """The function; `example` says what is meant."""
    if not callable(value) or isinstance(value, type):
        raise WrongSettingType(f"{who}: expected a function for {name}, such as {example}, got {value!r}")
    return value
