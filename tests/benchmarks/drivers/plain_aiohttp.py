"""The reference: the loop everyone writes. And "tuned": as far as aiohttp's public options alone take it."""

from __future__ import annotations

import asyncio

import aiohttp
from yarl import URL

from tests.benchmarks.control import Control


class Driver:
    """`flavour`: "plain" or "tuned"."""

    interval: float | None = None

    def __init__(self, flavour: str = "plain") -> None:
        self._tuned = flavour == "tuned"

    async def start(self, url: str) -> None:
        self._control = Control(url)
        self._url = f"{url}/kling/tasks/"
        headers = {"Authorization": "Bearer user:1-example"}
        if self._tuned:
            connector = aiohttp.TCPConnector(keepalive_timeout=75)
            jar = aiohttp.DummyCookieJar()
            self._http = aiohttp.ClientSession(connector=connector, cookie_jar=jar, headers=headers)
        else:
            self._http = aiohttp.ClientSession(headers=headers)

    async def submit(self) -> object:
        return self._control.submit()

    async def wait(self, handle: object) -> None:
        await (self._wait_tuned(handle) if self._tuned else self._wait(handle))

    async def _wait(self, handle: object) -> None:
        interval = 5.0 if self.interval is None else self.interval
        while True:
            async with self._http.get(f"{self._url}{handle}") as response:
                reply = await response.json()
            if reply["status_final"]:
                return
            await asyncio.sleep(interval)

    async def _wait_tuned(self, handle: object) -> None:
        """The URL is built once, nothing is decoded before the end, nothing is held while asleep."""
        interval = 5.0 if self.interval is None else self.interval
        url = URL(f"{self._url}{handle}", encoded=True)
        while not await self._is_final(url):  # noqa: ASYNC110  # nothing tells but asking
            await asyncio.sleep(interval)

    async def _is_final(self, url: URL) -> bool:
        async with self._http.get(url, allow_redirects=False) as response:
            return b'"status_final":true' in await response.read()

    async def stop(self) -> None:
        await self._http.close()
