"""A transport without a network: answers come from a function, time from the running (virtual) loop."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

from klingmotion import Request, Response
from klingmotion.transport import ByteSource, Download

Answer = tuple[int, object] | Exception


class FakeTransport:
    """Gives `answer(request)` to every request, after `latency` seconds, and keeps what was asked and when."""

    def __init__(self, answer: Callable[[Request], Answer], *, latency: float = 0.05) -> None:
        self.asked: list[tuple[float, Request]] = []
        self.answer = answer
        self._latency = latency
        self._random = random.Random(7)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def utcnow(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now())

    def random(self) -> float:
        return self._random.random()

    async def sleep(self, seconds: float, *, wake: asyncio.Future[None] | None = None) -> None:
        if wake is None:
            await asyncio.sleep(seconds)
        else:
            await asyncio.wait([wake], timeout=seconds)

    async def send(self, request: Request, *, timeout: float | None = None) -> Response:
        self.asked.append((self.now(), request))
        async with asyncio.timeout(timeout):
            await asyncio.sleep(self._latency)
        answer = self.answer(request)
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return Response(status=status, headers={}, body=json.dumps(body).encode())

    async def upload(
        self, request: Request, source: ByteSource, *, on_sent: Callable[[int], None], timeout: float | None = None
    ) -> Response:
        on_sent(source.size)
        return await self.send(request, timeout=timeout)

    def download(
        self, url: str, *, offset: int = 0, validator: str | None = None
    ) -> AbstractAsyncContextManager[Download]:
        raise AssertionError(f"nothing is downloaded here: {url} from {offset}, {validator}")

    async def close(self) -> None:
        return None
