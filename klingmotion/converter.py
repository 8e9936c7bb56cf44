"""How JSON becomes values and back: the names of the API, its units, and how strict to be.

Reading is lenient to the new and strict to the wrong. Every field may be missing or null, unknown fields survive in
`extra`, and a value of a wrong type is refused with its path: a JSON string is not a number, 1 is not true.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import attrs
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.errors import AttributeValidationNote, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from klingmotion.errors import APIResponseError
from klingmotion.models import Json, Task

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]

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

_EXTRA = "extra, of ours"  # no JSON object of the API has such a key
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _WrongTypeError(TypeError):
    """A value is not of the promised type."""


def wire_name(cls: type, name: str) -> str:
    if (known := NAMES.get(f"{cls.__name__}.{name}") or NAMES.get(name)) is not None:
        return known
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


# --- Values ---------------------------------------------------------------------------------------------------------


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


def _strict(wanted: type, name: str, value: Any, _: Any) -> Any:
    if type(value) is not wanted:
        raise _WrongTypeError(f"expected {name}, got {kind_of(value)}")
    return value


def _whole(value: Any, _: Any) -> int:
    if type(value) is not int:
        raise _WrongTypeError(f"expected a whole number, got {kind_of(value) if type(value) is not float else value}")
    return value


def _number(value: Any, _: Any) -> int | float:
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return value
    raise _WrongTypeError(f"expected a number, got {kind_of(value)}")


def _id(value: Any, _: Any) -> int:
    """Ids are unbounded; the contract (section 1) wants digit strings accepted."""
    if type(value) is str and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 40:
        return int(value)
    return _whole(value, _)


def _time(value: Any, _: Any) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=_number(value, _))
    except OverflowError:
        raise _WrongTypeError("expected a time in epoch milliseconds, got a number out of range") from None


def _seconds(value: Any, _: Any) -> float:
    try:
        return _number(value, _) / 1000
    except OverflowError:
        raise _WrongTypeError("expected a duration in milliseconds, got a number out of range") from None


def _milliseconds(moment: datetime) -> int:
    return round((moment - _EPOCH) / timedelta(milliseconds=1))


_PRIMITIVES: dict[Any, Hook] = {
    bool: partial(_strict, bool, "a boolean"),
    str: partial(_strict, str, "a string"),
    int: _whole,
    float: _number,
    int | float: _number,
    datetime: _time,
}


def _text_or_null(value: Any, _: Any) -> str | None:
    return value if value is None or type(value) is str else _PRIMITIVES[str](value, _)


def _flag_or_null(value: Any, _: Any) -> bool | None:
    return value if value is None or type(value) is bool else _PRIMITIVES[bool](value, _)


def _whole_or_null(value: Any, _: Any) -> int | None:
    return value if value is None or type(value) is int else _whole(value, _)


#: The commonest hooks, with null let through.
_OR_NULL: dict[Hook, Hook] = {
    _PRIMITIVES[str]: _text_or_null,
    _PRIMITIVES[bool]: _flag_or_null,
    _whole: _whole_or_null,
    _id: lambda value, kind: value if value is None or type(value) is int else _id(value, kind),
}


# --- Classes --------------------------------------------------------------------------------------------------------


def _field_hook(converter: Converter, attribute: attrs.Attribute[Any], hint: Any) -> Hook:
    """How one attribute is read; null reads as the attribute's default."""
    if _is_json(hint):
        return lambda value, _: value
    hook = _value_hook(converter, attribute, hint)
    if isinstance(attribute.default, attrs.Factory):  # type: ignore[arg-type]  # attrs types Factory as a function
        make = attribute.default.factory  # type: ignore[union-attr]  # a Factory after the check above
        return lambda value, kind: make() if value is None else hook(value, kind)
    default = None if attribute.default is attrs.NOTHING else attribute.default
    if default is None and hook in _OR_NULL:  # one call instead of two: most fields are of these
        return _OR_NULL[hook]
    return lambda value, kind: default if value is None else hook(value, kind)


def _value_hook(converter: Converter, attribute: attrs.Attribute[Any], hint: Any) -> Hook:
    """How a value other than null is read."""
    members = [member for member in get_args(hint) if member is not NoneType]
    inner = hint
    if NoneType in get_args(hint):
        inner = members[0] if len(members) == 1 else int | float
    if attribute.name == "duration":
        return _seconds
    if inner is int and (attribute.name == "id" or attribute.name.endswith("_id")):
        return _id
    if inner in _PRIMITIVES:
        return _PRIMITIVES[inner]
    if get_origin(inner) is tuple:
        return _array(converter, members[0], ids=attribute.name.endswith("_ids"))
    if get_origin(inner) is Mapping:
        return partial(_strict, dict, "an object")
    return _nested(converter, inner)


def _nested(converter: Converter, cls: Any) -> Hook:
    """How a class is read. Its hook is looked up once, at first use: classes may nest."""
    find = lru_cache(maxsize=1)(partial(converter.get_structure_hook, cls))
    return lambda value, _: find()(value, cls)


def _is_json(hint: Any) -> bool:
    """Whether a field takes any JSON value (the alias is recursive, so it cannot be compared)."""
    return dict in {get_origin(member) for member in get_args(hint)}


def _array(converter: Converter, member: Any, *, ids: bool) -> Hook:
    one = _nested(converter, member)
    is_json = _is_json(member)

    def read(value: Any, _: Any) -> tuple[Any, ...]:
        items = _strict(list, "an array", value, _)
        if is_json:
            return tuple(items)
        if ids:
            return tuple(_id(item, _) for item in items)
        try:
            return tuple([one(item, member) for item in items])
        except (ClassValidationError, IterableValidationError, _WrongTypeError):
            return tuple(converter.structure(items, list[member]))  # fails too, and says at which place

    return read


def _structure_factory(cls: Any, converter: Converter) -> Hook:
    hints = get_type_hints(cls)
    overrides = {}
    for attribute in attrs.fields(cls):
        wire = _EXTRA if attribute.name == "extra" else wire_name(cls, attribute.name)
        if (cls, attribute.name) == (Task, "ref"):
            overrides[attribute.name] = override(omit=True)
        else:
            hook = _field_hook(converter, attribute, hints[attribute.name])
            overrides[attribute.name] = override(rename=wire, struct_hook=hook)
    known = {str(chosen.rename) for chosen in overrides.values()}
    fill = make_dict_structure_fn(cls, converter, **overrides)  # type: ignore[arg-type]  # cattrs mixes options and names

    def structure(value: Any, kind: Any) -> Any:
        _strict(dict, "an object", value, kind)
        if value.keys() <= known:
            return fill(value, kind)
        return fill({**value, _EXTRA: {key: value[key] for key in value.keys() - known}}, kind)

    return structure


def _unstructure_factory(cls: Any, converter: Converter) -> Callable[[Any], dict[str, Json]]:
    overrides = {}
    for attribute in attrs.fields(cls):
        wire = _EXTRA if attribute.name == "extra" else wire_name(cls, attribute.name)
        if (cls, attribute.name) == (Task, "ref"):
            overrides[attribute.name] = override(omit=True)
        elif attribute.name == "duration":
            overrides[attribute.name] = override(rename=wire, unstruct_hook=_from_seconds)
        else:
            overrides[attribute.name] = override(rename=wire)
    spell = make_dict_unstructure_fn(cls, converter, **overrides)  # type: ignore[arg-type]  # as above

    def unstructure(value: Any) -> dict[str, Json]:
        known = {name: part for name, part in spell(value).items() if part is not None}
        extra = known.pop(_EXTRA)
        return {**extra, **known}

    return unstructure


def _from_seconds(value: float | None) -> int | float | None:
    if value is None:
        return None
    milliseconds = value * 1000
    return round(milliseconds) if abs(milliseconds - round(milliseconds)) < 1e-6 else milliseconds


def _make_converter() -> Converter:
    converter = Converter(omit_if_default=False)
    converter.register_structure_hook_factory(attrs.has, _structure_factory)
    converter.register_unstructure_hook_factory(attrs.has, _unstructure_factory)
    converter.register_unstructure_hook(datetime, _milliseconds)
    return converter


_converter = _make_converter()


# --- Reading --------------------------------------------------------------------------------------------------------


def structure(value: Json, cls: type[T], path: str = "$") -> T:
    """Read a JSON value as `cls`.

    Raises:
        APIResponseError: A type is wrong; `path` says where.
    """
    try:
        return _converter.structure(value, cls)
    except (ClassValidationError, IterableValidationError, _WrongTypeError) as error:
        where, what = _first_trouble(error, path)
    except RecursionError:
        where, what = path, "nested too deeply"
    raise APIResponseError(f"the answer is not what was promised: {where}: {what}", path=where)


def _first_trouble(error: BaseException, path: str) -> tuple[str, str]:
    while isinstance(error, ClassValidationError | IterableValidationError):
        owner = error.cl if isinstance(error, ClassValidationError) else None
        error = error.exceptions[0]
        for note in getattr(error, "__notes__", ()):
            if isinstance(note, AttributeValidationNote) and isinstance(owner, type):
                path = f"{path}.{wire_name(owner, note.name)}"
                break
            if isinstance(note, IterableValidationNote):
                path = f"{path}[{note.index}]"
                break
    return path, str(error)


def unstructure(value: object) -> dict[str, Json]:
    """The JSON of one of the models, in the API's names."""
    spelled: dict[str, Json] = _converter.unstructure(value)
    return spelled
