"""What can be told of an answer to a look without decoding it. No I/O.

Nearly every look finds a task that is not final, and needs no more than that. Telling it from the bytes costs a tenth
of decoding them; this module exists for nothing else, and `tests/benchmarks` measures it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from attrs import frozen

#: What follows `"status` where a status field stands, up to the next comma.
_NUMBER = re.compile(rb'"\s*:\s*(?:(-?\d{1,9})|null)[\s}\]]*')
_NAME = re.compile(rb'_name"\s*:\s*(?:"([^"\\]*)"|null)[\s}\]]*')
_NOT_FINAL = re.compile(rb'_final"\s*:\s*(?:false|null)[\s}\]]*')

_OPEN, _CLOSE, _BACKSLASH = b"{}\\"

#: A letter or an underscore that is spelled as an escape, by which a field can look like another one.
_SPELLED_OUT = re.compile(rb"\\u00[4-7]")

#: How a flag stands where a task is not final, mostly.
_NOT_YET = (b'_final":false,', b'_final":false}', b'_final": false,', b'_final": false}')

_FINAL, _HEAD = b'"status_final":true', 128

#: How an estimate of nothing stands, mostly.
_NO_ETA = (b":0,", b":0}")

_ETA = re.compile(rb'"etaTime"\s*:\s*(-?\d{1,18})[\s,}]')
_TIMESTAMP = re.compile(rb'"currentTimestamp"\s*:\s*(-?\d{1,18})[\s,}]')


@frozen
class Glance:
    """A task that is not final."""

    status: int | None
    status_name: str | None
    #: What the answer says is left to the end, in a unit of its own: see `Eta`.
    left: float | None


def glance(body: bytes) -> Glance | None:
    """The task, if `body` is whole and certainly says that it is not final; `None` if only decoding can tell."""
    if not body or body[0] != _OPEN or body[-1] != _CLOSE:
        return None  # not an object
    if body.find(_FINAL, 0, _HEAD) >= 0:
        return None  # as nearly every answer that is final says at once
    if (_BACKSLASH in body and _SPELLED_OUT.search(body)) or not (body.isascii() or _is_text(body)):
        return None
    _, *parts = body.split(b'"status')
    if len(parts) == 6 and parts[:2] == parts[3:5] and parts[2].startswith(_NOT_YET) and parts[5].startswith(_NOT_YET):
        found = _unfinished((parts[0], parts[1]))  # as nearly every answer is: both its levels say the same
    else:
        found = _unfinished(tuple([part.partition(b",")[0] for part in parts]))
    if found is None or len(body.replace(b"{", b"")) != len(body.replace(b"}", b"")):
        return None  # the second: cut. `count` takes thrice as long as taking out
    start = body.find(b'"etaTime"')
    if start < 0 or body.startswith(_NO_ETA, start + 9):
        return found
    eta = _ETA.match(body, start)
    if eta is None:
        return None
    if (until := int(eta[1])) <= 0:
        return found
    now = _TIMESTAMP.search(body) if b'"currentTimestamp"' in body else None
    left = float(until - (int(now[1]) if now else 0))
    return Glance(found.status, found.status_name, left) if left > 0 else found


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=256)
def _unfinished(parts: tuple[bytes, ...]) -> Glance | None:
    """What the fields spell, unless one of them may mean an end, or means nothing."""
    fields = [part.partition(b",")[0] for part in parts]
    numbers = [match for field in fields if (match := _NUMBER.fullmatch(field))]
    names = [match for field in fields if (match := _NAME.fullmatch(field))]
    flags = [field for field in fields if _NOT_FINAL.fullmatch(field)]
    told = [match[1] for match in names if match[1]]
    counted = [match[1] for match in numbers if match[1]]
    if len(set(told)) != 1 or len(set(counted)) > 1:
        return None  # the two levels of the answer differ: which one counts takes decoding
    if len(numbers) + len(names) + len(flags) != len(fields) or {b"succeed", b"failed"} & set(told):
        return None
    try:
        name = told[0].decode()
    except UnicodeDecodeError:
        return None
    return Glance(int(counted[0]) if counted else None, name, None)
