"""A whole answer of the server, and the JSON in it."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Mapping

from attrs import field, frozen

from klingmotion.errors import BODY_LIMIT
from klingmotion.models import Json


@frozen(kw_only=True, slots=False)  # made at every look, and twice as fast without slots
class Response:
    """A whole HTTP response. Its headers are found by their names in lower case."""

    status: int
    #: Not shown: a server may echo the token in them.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes

    def all_of(self, name: str) -> list[str]:
        """All values of a header: it may stand there more than once."""
        get_all = getattr(self.headers, "getall", None)  # as aiohttp's mapping has, for one
        if get_all is not None:
            return [str(value) for value in get_all(name, ())]
        return [self.headers[name]] if name in self.headers else []

    @property
    def text(self) -> str:
        """The body for an error: decoded as well as possible, cut at `BODY_LIMIT` characters."""
        return self.body[: 4 * BODY_LIMIT].decode("utf-8", "replace")[:BODY_LIMIT]


def parse(body: bytes) -> Json:
    """The JSON of a body.

    Raises:
        ValueError: It is none; NaN and Infinity are not JSON either.
        RecursionError: It is nested too deeply.
    """
    text = body.removeprefix(BOM_UTF8).decode()
    value: Json
    if text[:1] not in ("{", "["):
        value = _DECODER.decode(text)
        return value
    value, end = _DECODER.raw_decode(text)  # looks for no space around the value, as nearly none has any
    if end != len(text) and text[end:].strip(" \t\n\r"):
        raise ValueError("more follows the JSON")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


#: Made once: `json.loads` makes a new one for every call that has options.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
