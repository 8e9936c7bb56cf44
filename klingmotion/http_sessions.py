"""The aiohttp sessions of our own: opened with a loop, closed with it, whoever forgets to."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator

import aiohttp

#: Seconds an idle connection is kept: longer than the longest sleep between two looks, so that a wait needs only one.
KEEPALIVE = 75.0


class OwnSessions:
    """The aiohttp sessions of one event loop. They close themselves when it ends or nobody holds them any more."""

    def __init__(self, loop: asyncio.AbstractEventLoop, headers: dict[str, str]) -> None:
        self.loop = loop
        #: For the API alone: sends `headers` with every request, and keeps its connections.
        self.kept = _session(aiohttp.TCPConnector(keepalive_timeout=KEEPALIVE), headers)
        #: For the API alone: opens a connection for every request.
        self.fresh = _session(aiohttp.TCPConnector(force_close=True), headers)
        #: For files, wherever they are.
        self.files = _session(aiohttp.TCPConnector(keepalive_timeout=KEEPALIVE), {})
        self._guard = _started(_closing(self.kept, self.fresh, self.files))
        # The finalizer, not this object, keeps the sessions alive: garbage that is collected together is finalized in
        # no particular order, and aiohttp warns of sessions that are finalized open.
        self._forgotten = weakref.finalize(self, _close_soon, loop, self._guard)
        self._forgotten.atexit = False

    async def close(self) -> None:
        """Close them now, if their loop can still do so."""
        self._forgotten.detach()
        if not self.loop.is_closed():
            await self._guard.aclose()


def _close_soon(loop: asyncio.AbstractEventLoop, guard: AsyncGenerator[None, None]) -> None:
    if loop.is_running():
        loop.call_soon_threadsafe(lambda: loop.create_task(_closed(guard)))


def _started(guard: AsyncGenerator[None, None]) -> AsyncGenerator[None, None]:
    """The guard, so far that the loop knows what to close. It awaits nothing on the way."""
    with contextlib.suppress(StopIteration):
        anext(guard).send(None)  # as `await` would do it
    return guard


async def _closed(guard: AsyncGenerator[None, None]) -> None:
    await guard.aclose()


def _session(connector: aiohttp.TCPConnector, headers: dict[str, str]) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "klingmotion", **headers}
    )
    # aiohttp would send a GET or DELETE that lost its connection once more, unseen: nobody here would know that one
    # DELETE may have been carried out, or how often a look failed. A connection that is closed while idle is noticed
    # without that.
    session._retry_connection = False  # noqa: SLF001  # aiohttp has no public option for it
    return session


async def _closing(*sessions: aiohttp.ClientSession) -> AsyncGenerator[None, None]:
    """Hold HTTP sessions open until this generator is closed.

    asyncio closes every asynchronous generator that is still open when a loop shuts down. So the sessions are closed
    in time even where nobody says so.
    """
    try:
        yield
    finally:
        for session in sessions:
            await session.close()
