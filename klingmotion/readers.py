"""Readers made for one class each: source text, compiled at first use, that fills the class from good JSON.

They exist for speed alone, and `tests/benchmarks` measures them. A reader knows good answers only: where it is not sure
it raises one of `DOUBTS`, and the careful way of `converter` decides, and says what is wrong and where.

Each reads objects that hold one set of names, those of the object that it was made for. What else comes is left to the
next one, and in the end to one that takes any names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import attrs

from klingmotion.blanks import blank
from klingmotion.fields import EXTRA, Field, Kind, fields_of
from klingmotion.primitives import WrongTypeError, identifier, moment, number, seconds

Read = Callable[..., Any]
Names = tuple[str, ...]

DOUBTS = (TypeError, OverflowError)

#: Sets of names that have a reader each, in one place; and names in one of them that no class knows, at most.
_SETS, _MOST_UNKNOWN = 4, 30

_ARRAY = "if x.__class__ is list: x = %s\nelif x is None: x = ()\nelse: raise Doubt"

#: What is asked of a value `x`, and what becomes of it. (Its `__class__` is found quicker than `type(x)`.)
_STEPS = {
    Kind.ANYTHING: "",
    Kind.TEXT: "if x.__class__ is not str and x is not None: raise Doubt",
    Kind.FLAG: "if x.__class__ is not bool:\n if x is None: x = {missing}\n else: raise Doubt",
    Kind.WHOLE: "if x.__class__ is not int:\n if x is None: x = {missing}\n else: raise Doubt",
    Kind.NUMBER: "if x.__class__ is not int and x is not None: number(x)",
    Kind.ID: "if x.__class__ is not int and x is not None: x = identifier(x)",
    # Up to the year 2109 a float of seconds is exact to the microsecond, and the faster way.
    Kind.TIME: ("if x.__class__ is int and 0 <= x < 1 << 42: x = at(x / 1000, UTC)\nelif x is not None: x = moment(x)"),
    Kind.DURATION: "if x.__class__ is int: x = x / 1000\nelif x is not None: x = seconds(x)",
    Kind.MAPPING: "if x.__class__ is not dict:\n if x is None: x = {missing}\n else: raise Doubt",
    Kind.VALUE: "if x is not None: x = {read}(x)",
    # One is what there mostly is, of inputs and of works, and a comprehension is a call in Python 3.11.
    Kind.VALUES: _ARRAY % "({read}(x[0]),) if len(x) == 1 else tuple([{read}(item) for item in x]) if x else ()",
    Kind.IDS: _ARRAY % "tuple([identifier(item) for item in x])",
    Kind.ITEMS: _ARRAY % "tuple(x)",
}

_GLOBALS: dict[str, Any] = {
    "Doubt": WrongTypeError,
    "number": number,
    "identifier": identifier,
    "moment": moment,
    "seconds": seconds,
    "at": datetime.fromtimestamp,
    "UTC": UTC,
}


@attrs.frozen(eq=False)
class Level:
    """An object that fields are read from."""

    #: What the reader's source calls it.
    name: str
    fields: tuple[Field, ...]
    #: What else is known to stand there, and is not read.
    beside: Names = ()
    #: Whether what is not known is kept, or a reason for doubt.
    keeps_unknown: bool = False
    #: Names of fields that are a reason for doubt if they are null.
    told: Names = ()

    def known(self) -> Names:
        return (*(field.wire for field in self.fields), *self.beside)

    def lines(self, wires: Names) -> Iterator[str]:
        """Source that reads an object which holds these names; that it holds no others, its length tells."""
        for field in self.fields:
            if field.wire in wires:
                yield f"x = {self.name}[{field.wire!r}]"
                if field.required or field.name in self.told:
                    yield "if x is None: raise Doubt"
                yield _STEPS[field.kind].format(read=f"read_{field.name}", missing=repr(field.missing()))
                yield f"made.{field.name} = x"
            elif field.required or field.name in self.told:
                yield "raise Doubt"
            else:
                yield f"made.{field.name} = {field.missing()!r}"
        yield from (f"{self.name}[{name!r}]" for name in self.beside if name in wires)


@cache
def _one_level(cls: type) -> tuple[Level]:
    return (Level("value", tuple(field for field in fields_of(cls) if field.name != "extra"), keeps_unknown=True),)


class Reader:
    """Reads objects as values of a class. `read` raises one of `DOUBTS` where it is not sure."""

    __slots__ = ("read",)

    def __init__(self, cls: type, find_levels: Callable[[], tuple[Level, ...]] | None = None) -> None:
        self.read: Read = _later(cls, find_levels or partial(_one_level, cls), partial(setattr, self, "read"))


def _later(
    cls: type, find_levels: Callable[[], tuple[Level, ...]], put: Callable[[Read], None], spare: int = _SETS
) -> Read:
    """A reader that makes the real one after what it is called with first, and puts it in its own place."""

    def read(*values: Any) -> Any:
        levels = find_levels()
        if {type(value) for value in values} != {dict}:
            raise WrongTypeError
        usual = _usual(levels, values)
        if [len(wires) for wires in usual] != [len(value) for value in values]:
            return _other(cls, levels)(*values)
        made = _made(cls, levels, usual, spare - 1)
        put(made)
        return made(*values)

    return read


def _usual(levels: tuple[Level, ...], values: tuple[dict[str, Any], ...]) -> tuple[Names, ...]:
    """The names that the objects hold, as far as there is a place for them: nothing knows them, or their own level."""
    known = {EXTRA}.union(*(level.known() for level in levels))
    held = Counter(name for value in values for name in value)
    unknown = {name for name in held if name not in known and held[name] == 1}
    if len(unknown) > _MOST_UNKNOWN:
        unknown = set()
    return tuple(
        (*(name for name in level.known() if name in value), *(name for name in value if name in unknown))
        for level, value in zip(levels, values, strict=True)
    )


@cache
def _other(cls: type, levels: tuple[Level, ...]) -> Read:
    """A reader of objects with any names: what they lack is null."""
    nothing = [dict.fromkeys(level.known()) for level in levels]
    made: Read | None = None

    def read(*values: Any) -> Any:
        nonlocal made
        whole, extra = [], {}
        for level, null, value in zip(levels, nothing, values, strict=True):
            whole.append(found := null | value)
            if len(found) != len(null):
                if EXTRA in value or not level.keeps_unknown:
                    raise WrongTypeError
                extra = {name: found.pop(name) for name in value.keys() - null.keys()}
        if made is None:
            made = _made(cls, levels, tuple(level.known() for level in levels), 0)
        filled = made(*whole)
        if extra:
            object.__setattr__(filled, "extra", extra)
        return filled

    return read


@cache
def _made(cls: type, levels: tuple[Level, ...], usual: tuple[Names, ...], spare: int) -> Read:
    """A reader of objects that hold the usual names; it leaves all others to the next one, if one can be spared."""
    values = ", ".join(level.name for level in levels)
    names = {**_GLOBALS, "cls": cls, "make": blank(cls)}
    names["other"] = (
        _later(cls, lambda: levels, partial(names.__setitem__, "other"), spare) if spare else _other(cls, levels)
    )
    unknown = [
        (level.name, wire)
        for level, wires in zip(levels, usual, strict=True)
        for wire in wires
        if wire not in level.known()
    ]
    names |= {f"unknown_{place}": wire for place, (_, wire) in enumerate(unknown)}  # no word of a server is in source
    kept = [f"unknown_{place}: {level}[unknown_{place}]" for place, (level, _) in enumerate(unknown)]
    # Where no name is asked for, nothing else tells an object from an array.
    sizes = " or ".join(
        f"len({level.name}) != {len(wires)}" if wires else f"{level.name} != {{}}"
        for level, wires in zip(levels, usual, strict=True)
    )
    lines = ["made = make()", f"made.extra = {{{', '.join(kept)}}}"]
    for level, wires in zip(levels, usual, strict=True):
        lines += level.lines(wires)
        for field in level.fields:
            if field.kind in (Kind.VALUE, Kind.VALUES):
                place = f"read_{field.name}"
                names[place] = _later(field.of, partial(_one_level, field.of), partial(names.__setitem__, place))
    for attribute in attrs.fields(cls):
        if attribute.name not in {field.name for field in fields_of(cls)}:
            names["unread"] = attribute.default.factory()
            lines.append(f"made.{attribute.name} = unread")
    lines += ["made.__class__ = cls", "return made"]
    doubt = f"return other({values})"
    body = "\n".join(lines).replace("\n", "\n  ")
    source = f"def read({values}):\n if {sizes}: {doubt}\n try:\n  {body}\n except KeyError: {doubt}"
    exec(source, names)  # noqa: S102  # names of ours alone
    made: Read = names["read"]
    return made
