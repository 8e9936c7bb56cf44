"""How JSON becomes values and back, by the names and kinds of `fields`.

Reading is lenient to the new and strict to the wrong. Every field may be missing or null, unknown fields survive in
`extra`, and a value of a wrong type is refused with its path.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, TypeVar

import attrs
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.errors import AttributeValidationNote, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from klingmotion.errors import APIResponseError
from klingmotion.fields import EXTRA, Field, Kind, fields_of, wire_name
from klingmotion.models import Json
from klingmotion.primitives import (
    WrongTypeError,
    from_seconds,
    identifier,
    milliseconds,
    moment,
    number,
    seconds,
    strict,
    whole,
)
from klingmotion.readers import DOUBTS, Reader

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]

#: How what is neither null nor made of other values is read.
_HOOKS: dict[Kind, Hook] = {
    Kind.ANYTHING: lambda value, _: value,
    Kind.TEXT: partial(strict, str, "a string"),
    Kind.FLAG: partial(strict, bool, "a boolean"),
    Kind.WHOLE: whole,
    Kind.NUMBER: number,
    Kind.ID: identifier,
    Kind.TIME: moment,
    Kind.DURATION: seconds,
    Kind.MAPPING: partial(strict, dict, "an object"),
    Kind.IDS: lambda value, _: tuple([identifier(item) for item in strict(list, "an array", value)]),
    Kind.ITEMS: lambda value, _: tuple(strict(list, "an array", value)),
}


def _field_hook(converter: Converter, field: Field) -> Hook:
    """How one attribute is read; null reads as the attribute's default."""
    if field.kind is Kind.VALUE:
        hook = _nested(converter, field.of)
    elif field.kind is Kind.VALUES:
        hook = _values(converter, field.of)
    else:
        hook = _HOOKS[field.kind]
    return lambda value, kind: field.missing() if value is None else hook(value, kind)


def _nested(converter: Converter, cls: Any) -> Hook:
    """How a class is read. Its hook is looked up once, at first use: classes may nest."""
    find = lru_cache(maxsize=1)(partial(converter.get_structure_hook, cls))
    return lambda value, _: find()(value, cls)


def _values(converter: Converter, member: Any) -> Hook:
    one = _nested(converter, member)

    def read(value: Any, _: Any) -> tuple[Any, ...]:
        items = strict(list, "an array", value)
        try:
            return tuple([one(item, member) for item in items])
        except (ClassValidationError, IterableValidationError, WrongTypeError):
            return tuple(converter.structure(items, list[member]))  # fails too, and says at which place

    return read


def _structure_factory(cls: Any, converter: Converter) -> Hook:
    """What reads a class: a reader that is quick, and where that has its doubts, one that is careful."""
    reader = Reader(cls)
    careful = lru_cache(maxsize=1)(partial(careful_hook, cls, converter))

    def structure(value: Any, kind: Any) -> Any:
        try:
            return reader.read(value)
        except DOUBTS:
            return careful()(value, kind)

    return structure


def careful_hook(cls: Any, converter: Converter) -> Hook:
    """What reads a class and knows where it is: it tells what is wrong."""
    overrides = {
        field.name: override(rename=field.wire, struct_hook=_field_hook(converter, field)) for field in fields_of(cls)
    }
    known = {field.wire for field in fields_of(cls)}
    for attribute in attrs.fields(cls):
        overrides.setdefault(attribute.name, override(omit=True))
    fill = make_dict_structure_fn(cls, converter, **overrides)  # type: ignore[arg-type]  # cattrs mixes options and names

    def structure(value: Any, kind: Any) -> Any:
        strict(dict, "an object", value)
        if value.keys() <= known:
            return fill(value, kind)
        return fill({**value, EXTRA: {key: value[key] for key in value.keys() - known}}, kind)

    return structure


#: How what is written is not the converter's to decide. JSON that the API sent is given back as it came: to go through
#: it would take a call for each of its levels, and there may be too many.
_UNHOOKS: dict[Kind, Callable[[Any], Any]] = {
    Kind.DURATION: from_seconds,
    Kind.ANYTHING: lambda value: value,
    Kind.MAPPING: lambda value: value,
    Kind.ITEMS: list,
}


def _unstructure_factory(cls: Any, converter: Converter) -> Callable[[Any], dict[str, Json]]:
    overrides = {
        field.name: override(rename=field.wire, unstruct_hook=_UNHOOKS.get(field.kind)) for field in fields_of(cls)
    }
    for attribute in attrs.fields(cls):
        overrides.setdefault(attribute.name, override(omit=True))
    spell = make_dict_unstructure_fn(cls, converter, **overrides)  # type: ignore[arg-type]  # as above

    def unstructure(value: Any) -> dict[str, Json]:
        known = {name: part for name, part in spell(value).items() if part is not None}
        extra = known.pop(EXTRA)
        return {**extra, **known}

    return unstructure


def make_converter(structure_factory: Callable[[Any, Converter], Hook]) -> Converter:
    converter = Converter(omit_if_default=False)
    converter.register_structure_hook_factory(attrs.has, structure_factory)
    converter.register_unstructure_hook_factory(attrs.has, _unstructure_factory)
    converter.register_unstructure_hook(datetime, milliseconds)
    return converter


_converter = make_converter(_structure_factory)


# --- Reading --------------------------------------------------------------------------------------------------------


def structure(value: Json, cls: type[T], path: str = "$", *, converter: Converter = _converter) -> T:
    """Read a JSON value as `cls`.

    Raises:
        APIResponseError: A type is wrong; `path` says where.
    """
    try:
        return converter.structure(value, cls)
    except (ClassValidationError, IterableValidationError, WrongTypeError) as error:
        where, what = _first_trouble(error, path)
    except RecursionError:
        where, what = path, "nested too deeply"
    raise APIResponseError(f"the answer is not what was promised: {where}: {what}", path=where)


def structure_in_part(value: dict[str, Json], cls: type[T]) -> T:
    """What can be read of an object: a value of a wrong type is taken for none.

    Raises:
        APIResponseError: A field that `cls` cannot do without is missing or of a wrong type.
    """
    needed = {field.wire for field in fields_of(cls) if field.required}  # type: ignore[arg-type]  # a type is hashable
    sure = {name: part for name, part in value.items() if name in needed}

    def is_readable(name: str, part: Json) -> bool:
        try:
            structure({**sure, name: part}, cls)
        except APIResponseError:
            return False
        return True

    return structure({**sure, **{name: part for name, part in value.items() if is_readable(name, part)}}, cls)


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
