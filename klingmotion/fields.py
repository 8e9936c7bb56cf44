"""The fields of the values: their names on the wire, and what JSON each takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, auto
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import attrs

from klingmotion.models import Task

#: Wire names that are not the camelCase of ours. A class name in the key limits the rule to that class.
NAMES = {
    "info": "taskInfo",
    "created_at": "createTime",
    "updated_at": "updateTime",
    "viewed_at": "viewTime",
    "is_final": "status_final",
    "status_name": "status_name",
    "status_final": "status_final",
    "MediaFile.url": "resource",
    "AccountSession.expire_time": "ExpireTime",
    "AccountSession.expire_time_utc": "ExpireTimeUTC",
    "asset_ids": "ids",
    "bvh_binary": "bvh_binary",
    "output_binary": "output_binary",
}

#: The place of what is not known. No JSON object of the API has such a key.
EXTRA = "extra, of ours"


def wire_name(cls: type, name: str) -> str:
    if (known := NAMES.get(f"{cls.__name__}.{name}") or NAMES.get(name)) is not None:
        return known
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class Kind(Enum):
    """What JSON a field takes, beside null."""

    ANYTHING = auto()
    TEXT = auto()
    FLAG = auto()
    WHOLE = auto()
    NUMBER = auto()
    ID = auto()
    #: Milliseconds since 1970.
    TIME = auto()
    #: Milliseconds.
    DURATION = auto()
    MAPPING = auto()
    #: An object that is read as `Field.of`.
    VALUE = auto()
    #: Arrays.
    VALUES = auto()
    IDS = auto()
    ITEMS = auto()


@attrs.frozen
class Field:
    """An attribute that is read from JSON."""

    name: str
    wire: str
    kind: Kind
    of: Any
    required: bool
    default: Any

    def missing(self) -> Any:
        """What null is read as."""
        return self.default.factory() if isinstance(self.default, attrs.Factory) else self.default  # type: ignore[arg-type]  # attrs types Factory as a function


@cache
def fields_of(cls: type) -> tuple[Field, ...]:
    """What is read of a class: all of it but a task's reference, which no answer holds."""
    hints = get_type_hints(cls)
    return tuple(
        _field(cls, attribute, hints[attribute.name])
        for attribute in attrs.fields(cls)
        if (cls, attribute.name) != (Task, "ref")
    )


def _field(cls: type, attribute: attrs.Attribute[Any], hint: Any) -> Field:
    members = [member for member in get_args(hint) if member is not NoneType]
    inner = hint
    if NoneType in get_args(hint):
        inner = members[0] if len(members) == 1 else int | float
    required = attribute.default is attrs.NOTHING
    return Field(
        attribute.name,
        EXTRA if attribute.name == "extra" else wire_name(cls, attribute.name),
        Kind.ANYTHING if _is_json(hint) else _kind(attribute.name, inner),
        get_args(inner)[0] if get_origin(inner) is tuple else inner,
        required,
        None if required else attribute.default,
    )


_KINDS: dict[Any, Kind] = {
    bool: Kind.FLAG,
    str: Kind.TEXT,
    int: Kind.WHOLE,
    float: Kind.NUMBER,
    int | float: Kind.NUMBER,
    datetime: Kind.TIME,
}


def _kind(name: str, inner: Any) -> Kind:
    if name == "duration":
        return Kind.DURATION
    if inner is int and (name == "id" or name.endswith("_id")):
        return Kind.ID
    if get_origin(inner) is tuple:
        member = get_args(inner)[0]
        return Kind.ITEMS if _is_json(member) else Kind.IDS if name.endswith("_ids") else Kind.VALUES
    if get_origin(inner) is Mapping:
        return Kind.MAPPING
    return _KINDS.get(inner, Kind.VALUE)


def _is_json(hint: Any) -> bool:
    """Whether a field takes any JSON value (the alias is recursive, so it cannot be compared)."""
    return dict in {get_origin(member) for member in get_args(hint)}
