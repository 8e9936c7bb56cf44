"""Blanks: instances of frozen classes that can still be filled. For speed alone, where many values are made."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def blank(cls: type) -> type[Any]:
    """A class laid out as `cls` whose instances are filled by plain stores, and made what they are to be at the end.

    That is `filled.__class__ = cls`. Filling a frozen instance takes a call for each attribute, which is most of what
    its construction costs.
    """
    own = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__", "__repr__")}
    return type(f"Blank{cls.__name__}", (cls,), {"__slots__": (), **own})
