"""How JSON becomes values and back: the names of the API, its units, and how strict to be.

Reading is lenient to the new and strict to the wrong. Every field may be missing or null, unknown fields survive in
`extra`, and a value of a wrong type is refused with its path: a JSON string is not a number, 1 is not true.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
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


# --- Classes --------------------------------------------------------------------------------------------------------


def _field_hook(converter: Converter, attribute: attrs.Attribute[Any], hint: Any) -> Hook:
    """How one attribute is read; null reads as the attribute's default."""
    members = [member for member in get_args(hint) if member is not NoneType]
    inner = hint
    if NoneType in get_args(hint):
        inner = members[0] if len(members) == 1 else int | float
    hook: Hook
    if _is_json(hint):
        return lambda value, _: value
    if attribute.name == "duration":
        hook = _seconds
    elif inner is int and (attribute.name == "id" or attribute.name.endswith("_id")):
        hook = _id
    elif inner in _PRIMITIVES:
        hook = _PRIMITIVES[inner]
    elif get_origin(inner) is tuple:
        hook = _array(converter, members[0], ids=attribute.name.endswith("_ids"))
    elif get_origin(inner) is Mapping:
        hook = partial(_strict, dict, "an object")
    else:
        hook = lambda value, _: converter.structure(value, inner)  # noqa: E731  # bound late: classes may nest

    def read(value: Any, kind: Any) -> Any:
        return _default(attribute) if value is None else hook(value, kind)

    return read


def _is_json(hint: Any) -> bool:
    """Whether a field takes any JSON value (the alias is recursive, so it cannot be compared)."""
    return dict in {get_origin(member) for member in get_args(hint)}


def _default(attribute: attrs.Attribute[Any]) -> Any:
    if isinstance(attribute.default, attrs.Factory):  # type: ignore[arg-type]  # attrs types Factory as a function
        return attribute.default.factory()  # type: ignore[union-attr]  # a Factory after the check above
    return None if attribute.default is attrs.NOTHING else attribute.default


def _array(converter: Converter, member: Any, *, ids: bool) -> Hook:
    def read(value: Any, _: Any) -> tuple[Any, ...]:
        items = _strict(list, "an array", value, _)
        if _is_json(member):
            return tuple(items)
        if ids:
            return tuple(_id(item, _) for item in items)
        return tuple(converter.structure(items, list[member]))

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
