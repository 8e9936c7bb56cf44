"""JSON values one by one: how strict to be with numbers, ids, times and durations.

A value of a wrong type is refused: a JSON string is not a number, 1 is not true.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WrongTypeError(TypeError):
    """A value is not of the promised type."""


def kind_of(value: object) -> str:
    kinds = {
        NoneType: "null",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
    }
    return kinds.get(type(value), "an object")


def strict(wanted: type, name: str, value: Any, _: Any = None) -> Any:
    if type(value) is not wanted:
        raise WrongTypeError(f"expected {name}, got {kind_of(value)}")
    return value


def whole(value: Any, _: Any = None) -> int:
    if type(value) is not int:
        raise WrongTypeError(f"expected a whole number, got {kind_of(value) if type(value) is not float else value}")
    return value


def number(value: Any, _: Any = None) -> int | float:
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return value
    raise WrongTypeError(f"expected a number, got {kind_of(value)}")


def identifier(value: Any, _: Any = None) -> int:
    """Ids are unbounded; the HTTP contract (section 1) wants digit strings accepted."""
    if type(value) is str and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 40:
        return int(value)
    return whole(value)


def moment(value: Any, _: Any = None) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=number(value))
    except OverflowError:
        raise WrongTypeError("expected a time in epoch milliseconds, got a number out of range") from None


def seconds(value: Any, _: Any = None) -> float:
    try:
        return number(value) / 1000
    except OverflowError:
        raise WrongTypeError("expected a duration in milliseconds, got a number out of range") from None


def milliseconds(when: datetime) -> int:
    return round((when - _EPOCH) / timedelta(milliseconds=1))


def from_seconds(value: float | None) -> int | float | None:
    if value is None:
        return None
    scaled = value * 1000
    return round(scaled) if abs(scaled - round(scaled)) < 1e-6 else scaled
