"""The floor: HTTP by hand on asyncio's transports. It reads a status, a length and a flag, and knows no errors."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from tests.benchmarks.control import Control


class _Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] | None = None
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        head = self._read.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._read.find(b"Content-Length: ") + 16
        body = self._read[head + 4 :]
        if len(body) < int(self._read[at : self._read.find(b"\r", at)]):
            return
        assert self._read.startswith(b"HTTP/1.1 200")
        self._read = b""
        assert self.answer is not None
        self.answer.set_result(body)


class Driver:
    """As many connections as are needed at once, kept for good."""

    interval: float | None = None

    async def start(self, url: str) -> None:
        self._control = Control(url)
        self._loop = asyncio.get_running_loop()
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._idle: list[_Line] = []
        self._room = asyncio.Semaphore(100)  # as many as aiohttp opens

    async def submit(self) -> object:
        return self._control.submit()

    async def wait(self, handle: object) -> None:
        interval = 5.0 if self.interval is None else self.interval
        request = (
            f"GET /kling/tasks/{handle} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nAccept: */*\r\n"
            "Authorization: Bearer user:1-example\r\n\r\n"
        ).encode()
        while b'"status_final":true' not in await self._ask(request):  # noqa: ASYNC110  # nothing tells but asking
            await asyncio.sleep(interval)

    async def _ask(self, request: bytes) -> bytes:
        async with self._room:
            line = self._idle.pop() if self._idle else await self._connect()
            line.answer = self._loop.create_future()
            line.transport.write(request)
            try:
                return await line.answer
            finally:
                self._idle.append(line)

    async def _connect(self) -> _Line:
        _, line = await self._loop.create_connection(_Line, self._host, self._port)
        return line

    async def stop(self) -> None:
        for line in self._idle:
            line.transport.close()
