"""One request and its answer: the hands by which answers, and faults, reach the connection."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from email.utils import formatdate
from typing import Protocol

from aiohttp import web
from attrs import evolve, field, frozen

from klingmotion.emulator.blobs import Blob
from klingmotion.emulator.books import SeenRequest
from klingmotion.emulator.refusals import Refusal

JSON_TYPE = "application/json; charset=utf-8"


@frozen
class FileBody:
    """A part of a blob, to be sent piece by piece."""

    blob: Blob
    start: int
    stop: int


@frozen(kw_only=True)
class Reply:
    """An answer before it is sent."""

    status: int = 200
    body: bytes | FileBody = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(factory=dict)

    @classmethod
    def json(cls, document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
        """An answer in JSON."""
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return cls(status=status, body=text.encode(), headers=headers or {})

    @classmethod
    def of(cls, refusal: Refusal) -> Reply:
        """An error answer."""
        return cls.json(refusal.body, refusal.status, refusal.headers)

    @property
    def size(self) -> int:
        """Bytes in the body."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.stop - self.body.start

    def pieces(self) -> Iterator[bytes]:
        """The body in order."""
        if isinstance(self.body, bytes):
            return iter((self.body,))
        return self.body.blob.chunks(self.body.start, self.body.stop)

    def whole(self) -> bytes:
        """The body in one piece."""
        return b"".join(self.pieces())

    def with_body(self, body: bytes) -> Reply:
        """The same answer with another body."""
        return evolve(self, body=body)


class Host(Protocol):
    """What an exchange needs of the server it takes place in."""

    def now(self) -> float:
        """The service's wall clock, in seconds since the epoch."""

    async def pause(self, seconds: float) -> bool:
        """Wait; false if the server stops meanwhile."""

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run work that outlives the exchange, but not the server."""

    def vanish(self, task_id: int) -> None:
        """Make a task answer 404 from now on."""


class Exchange:
    """One request. `work` does what was asked for, once; the other methods answer, or fail to."""

    def __init__(
        self,
        request: web.BaseRequest,
        seen: SeenRequest,
        host: Host,
        task_id: int | None,
        work: Callable[[], Awaitable[Reply]],
    ) -> None:
        self.request = request
        self.seen = seen
        self.host = host
        self.task_id = task_id
        self._work = work
        self._reply: Reply | None = None

    @property
    def worked(self) -> bool:
        """Whether what was asked for has been done."""
        return self._reply is not None

    async def work(self) -> Reply:
        """Do what was asked for, unless it has been done."""
        if self._reply is None:
            self._reply = await self._work()
        return self._reply

    async def send(self, reply: Reply) -> web.StreamResponse:
        """Answer whole."""
        if not isinstance(reply.body, bytes):
            return await self.stream(reply)
        self.seen.answered = reply.status
        return web.Response(status=reply.status, body=reply.body, headers=self._headers(reply))

    async def stream(self, reply: Reply, *, upto: int | None = None, rate: float | None = None) -> web.StreamResponse:
        """Answer piece by piece: the first `upto` bytes only, so many bytes a second, announcing all."""
        self.seen.answered = reply.status
        response = web.StreamResponse(status=reply.status, headers=self._headers(reply))
        response.content_length = reply.size
        await response.prepare(self.request)
        left = reply.size if upto is None else upto
        for piece in _cut(() if self.request.method == "HEAD" else reply.pieces(), rate):
            if left <= 0:
                break
            await response.write(piece[:left])
            left -= len(piece)
            if rate is not None and not await self.host.pause(len(piece) / rate):
                return self.drop()
        return response

    def drop(self) -> web.StreamResponse:
        """Close the connection after what has been sent so far."""
        transport = self.request.transport
        if transport is not None:
            transport.close()
        return web.Response()

    def reset(self) -> web.StreamResponse:
        """Tear the connection down with a RST."""
        transport = self.request.transport
        if transport is not None:
            opened = transport.get_extra_info("socket")
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return web.Response()

    async def pause(self, seconds: float) -> bool:
        """Wait; false if the server stops meanwhile. Ends at once when the client leaves."""
        return await self.host.pause(seconds)

    def _headers(self, reply: Reply) -> dict[str, str]:
        date = formatdate(self.host.now(), usegmt=True)
        return {"Content-Type": reply.content_type, "Date": date, **reply.headers}


def _cut(pieces: Iterator[bytes] | tuple[()], rate: float | None) -> Iterator[bytes]:
    # A slow answer comes in tenths of a second, a byte at least.
    step = None if rate is None else max(1, int(rate / 10))
    for piece in pieces:
        if step is None:
            yield piece
        else:
            yield from (piece[at : at + step] for at in range(0, len(piece), step))
