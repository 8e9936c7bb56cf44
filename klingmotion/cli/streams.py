"""The two streams: answers on stdout, talk on stderr."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from typing import TextIO

from klingmotion.models import Json


def prepare() -> None:
    """Let no text fail to print, whatever the terminal's encoding."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def printable(text: str) -> str:
    """`text` on one line, with whatever could move the cursor, or is no character at all, spelled as an escape."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def answer(line: str) -> None:
    """One line of what was asked for."""
    _write(sys.stdout, line)


def answer_json(document: Mapping[str, Json]) -> None:
    """One object of what was asked for, on one line, in ASCII."""
    answer(json.dumps(document, ensure_ascii=True, separators=(", ", ": ")))


def say(line: str) -> None:
    """One line about it."""
    _write(sys.stderr, line)


def _write(stream: TextIO | None, line: str) -> None:
    if stream is not None:  # it is None where the command was started with the stream closed
        stream.write(f"{line}\n")
        stream.flush()


def on_terminal() -> bool:
    """Whether answers are read by a person."""
    return sys.stdout is not None and sys.stdout.isatty()
