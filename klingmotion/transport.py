"""The one seam to the outside: HTTP, time and chance.

A transport owns the base URL and the token, so that requests and everything above them hold no secret.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from attrs import field, frozen

from klingmotion.errors import APIConnectionError
from klingmotion.requests import Request
from klingmotion.responses import Response


class ByteSource(Protocol):
    """Something to upload, which can be read from its first byte as often as needed."""

    @property
    def size(self) -> int:
        """Bytes in all."""

    def open(self) -> BinaryIO:
        """Open it at byte 0."""


@frozen
class FileSource:
    """A file to upload."""

    path: Path
    size: int
    #: When it was last written to, in nanoseconds, if that is to be what it was.
    mtime_ns: int | None = None

    def open(self) -> BinaryIO:
        """Open the file.

        Raises:
            OSError: It cannot be read, or is not the one it was.
        """
        file = self.path.open("rb")
        status = os.fstat(file.fileno())
        if self.mtime_ns is not None and (status.st_size, status.st_mtime_ns) != (self.size, self.mtime_ns):
            file.close()
            raise OSError("it has changed since it was examined")
        return file


@frozen
class BytesSource:
    """Bytes to upload."""

    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """How many."""
        return len(self.data)

    def open(self) -> BinaryIO:
        """A view of the bytes."""
        return io.BytesIO(self.data)


@frozen(kw_only=True)
class Download:
    """An answer whose body is still to come."""

    status: int
    #: Names are lower case.
    headers: dict[str, str]
    pieces: AsyncIterator[bytes]


class Transport(Protocol):
    """What the client needs from the outside. Tests and other HTTP stacks bring their own."""

    def now(self) -> float:
        """Seconds on a monotonic clock."""

    def utcnow(self) -> datetime:
        """The wall clock, aware."""

    def random(self) -> float:
        """A number from 0 to 1."""

    async def sleep(self, seconds: float, *, wake: asyncio.Future[None] | None = None) -> None:
        """Return after `seconds`, or as soon as `wake` is done."""

    async def send(self, request: Request, *, timeout: float | None = None) -> Response:
        """Send once and give the whole answer, whatever its status.

        Raises:
            APIConnectionError: No answer; `sent` is False only if the connection never opened.
            APITimeoutError: No whole answer within `timeout` seconds.
            APIResponseError: An answer that is not HTTP, or was cut short.
        """

    async def upload(
        self,
        request: Request,
        source: ByteSource,
        *,
        on_sent: Callable[[int], None],
        timeout: float | None = None,
    ) -> Response:
        """Send `source` as the raw body, as `send` does; `on_sent` gets the bytes handed over so far."""

    def download(
        self, url: str, *, offset: int = 0, validator: str | None = None
    ) -> AbstractAsyncContextManager[Download]:
        """Fetch a file from any host, without the token.

        From byte `offset` on (status 206) if the host can and still has the version that `validator` (an ETag or a
        date) names; else from the first byte (status 200).
        """

    async def close(self) -> None:
        """Give up what this transport opened. It may be used again afterwards."""


def cut(work: str, *, sent: bool = True) -> APIConnectionError:
    """The error of what was under way, or waited for its turn, when the session was closed."""
    return APIConnectionError(f"{work} was cut: the session was closed", sent=sent)


def bare(url: str) -> str:
    """A URL without its query, which may hold a signature."""
    return url.split("?", 1)[0][:200]
