"""Callbacks to `replyUrl`: really posted, in order for each task, never repeated, never in anyone's way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine

import aiohttp

from klingmotion.emulator.books import SentCallback
from klingmotion.emulator.exchange import JSON_TYPE

PATIENCE = aiohttp.ClientTimeout(total=5.0)

Spawn = Callable[[Coroutine[object, object, None]], asyncio.Task[None]]


class Callbacks:
    """Posts callbacks and forgets them."""

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._session: aiohttp.ClientSession | None = None
        self._latest: dict[int, asyncio.Task[None]] = {}

    def post(self, sent: SentCallback, document: object) -> None:
        """Post soon, after what was posted before about the same task."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=PATIENCE, cookie_jar=aiohttp.DummyCookieJar())
        body = json.dumps(document, ensure_ascii=False).encode()
        previous = self._latest.get(sent.task_id)
        task = self._spawn(self._post(self._session, sent, body, previous))
        self._latest[sent.task_id] = task
        task.add_done_callback(lambda done: self._forget(sent.task_id, done))

    async def close(self) -> None:
        """Close the connections; the tasks are their owner's to cancel."""
        if self._session is not None:
            await self._session.close()

    async def _post(
        self,
        session: aiohttp.ClientSession,
        sent: SentCallback,
        body: bytes,
        previous: asyncio.Task[None] | None,
    ) -> None:
        if previous is not None:
            await asyncio.wait({previous})
        try:
            async with session.post(
                sent.url, data=body, headers={"Content-Type": JSON_TYPE}, allow_redirects=False
            ) as answer:
                sent.status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            pass  # no receiver, a bad URL, a slow one: a callback is a courtesy

    def _forget(self, task_id: int, done: asyncio.Task[None]) -> None:
        if self._latest.get(task_id) is done:
            del self._latest[task_id]
