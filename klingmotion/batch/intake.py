"""What goes into a batch: paths, read one by one, known by the content behind them."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from datetime import datetime
from pathlib import Path
from stat import S_ISREG

from klingmotion.batch.journal import Clip, Journal, Row, as_json
from klingmotion.errors import InvalidRequestError

#: Paths of clips.
Videos = Iterable[str | os.PathLike[str]] | AsyncIterable[str | os.PathLike[str]]


async def each(videos: Videos) -> AsyncIterator[str]:
    """The paths, as they were given, read as they are wanted."""
    if isinstance(videos, AsyncIterable):
        async for video in videos:
            yield _path(video)
    else:
        for video in videos:
            yield _path(video)


def _path(video: str | os.PathLike[str]) -> str:
    if isinstance(video, str | os.PathLike) and isinstance(path := os.fspath(video), str):
        return path
    raise InvalidRequestError(f"a batch takes paths of video files, got {video!r}")


def parameters(salt: str) -> str:
    """What a result depends on besides the clip, as rows keep it."""
    return as_json({"salt": salt})


async def admit(journal: Journal, source: str, params: str, now: datetime) -> Row:
    """The row of a clip, added if there is none: by its content, or if the file is gone, by its path.

    Raises:
        InvalidRequestError: There is no such file, and the journal has never seen it.
    """
    path = _absolute(source)
    known = await journal.known(path, params)
    try:
        stat = await asyncio.to_thread(os.stat, path)
    except OSError as error:
        if known is not None:
            return known[0]
        raise InvalidRequestError(f"{source} cannot be read: {error.strerror or error}") from error
    if not S_ISREG(stat.st_mode):
        raise InvalidRequestError(f"{source} is no file that could be a clip")
    if known is not None and known[1:] == (stat.st_size, stat.st_mtime_ns):
        return known[0]
    try:
        content_hash = await asyncio.to_thread(_content_hash, path)
    except OSError as error:
        raise InvalidRequestError(f"{source} cannot be read: {error.strerror or error}") from error
    clip = Clip(
        key=_key(content_hash, params),
        source=path,
        content_hash=content_hash,
        params=params,
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
    )
    [row] = await journal.add([clip], now)
    return row


async def holds(clip: Clip) -> bool:
    """Whether a file has the content it had: unless its size and time are as they were, it is read for that."""
    try:
        stat = await asyncio.to_thread(os.stat, clip.source)
        if (stat.st_size, stat.st_mtime_ns) == (clip.size, clip.mtime_ns):
            return True
        return stat.st_size == clip.size and await asyncio.to_thread(_content_hash, clip.source) == clip.content_hash
    except OSError:
        return False


def _absolute(source: str) -> str:
    """The path as the journal has it.

    Raises:
        InvalidRequestError: It cannot be written down, or no file can be called so.
    """
    if "\0" in source or not source or any("\ud800" <= letter <= "\udfff" for letter in source):
        raise InvalidRequestError(f"{source!r} is no name a journal can keep; rename the file")
    return os.path.abspath(source)  # noqa: PTH100  # unlike `absolute()`, it takes `..` out


def _content_hash(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key(content_hash: str, params: str) -> str:
    return hashlib.sha256(f"{content_hash} {params}".encode()).hexdigest()[:32]
