"""The two streams: answers on stdout, talk on stderr."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import sys
from collections.abc import Mapping
from typing import Self, TextIO

from klingmotion.models import Json


class AnswerError(Exception):
    """Stdout takes no answers, as on a full disk: nobody's bug, and no clip's fault."""

    @classmethod
    def of(cls, error: OSError) -> Self:
        """What the system says of it, in words."""
        return cls(f"stdout cannot be written: {error.strerror or error}")


def prepare() -> None:
    """Let no text fail to print, whatever the terminal's encoding."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def printable(text: str) -> str:
    """`text` on one line, with whatever could move the cursor, or is no character at all, spelled as an escape."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def put_away() -> None:
    """Write what is left. What cannot be written was told of already: Python is not to do so again as it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def answer(line: str) -> None:
    """One line of what was asked for.

    Raises:
        AnswerError: It cannot be written.
        BrokenPipeError: Nobody reads any more.
    """
    try:
        _write(sys.stdout, line)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise AnswerError.of(error) from error


def answer_json(document: Mapping[str, Json]) -> None:
    """One object of what was asked for, on one line, in ASCII."""
    answer(json.dumps(_finite(document), ensure_ascii=True, separators=(", ", ": "), allow_nan=False))


def _finite(value: Json | Mapping[str, Json]) -> Json:
    """The same without numbers that JSON does not have: one that is too large to be read here, such as 1e999."""
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def say(line: str) -> None:
    """One line about it. If that cannot be written, the work goes on: it may be paid for."""
    with contextlib.suppress(OSError):
        _write(sys.stderr, line)


def _write(stream: TextIO | None, line: str) -> None:
    if stream is not None:  # it is None where the command was started with the stream closed
        stream.write(f"{line}\n")
        stream.flush()


def on_terminal() -> bool:
    """Whether answers are read by a person."""
    return sys.stdout is not None and sys.stdout.isatty()
