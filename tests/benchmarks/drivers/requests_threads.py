"""requests: a thread and a Session for each wait, 10 s between two looks, as the vendor's own Python example does."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.benchmarks.control import Control


class Driver:
    """Threads; the loop only waits for them."""

    interval: float | None = None

    async def start(self, url: str) -> None:
        self._control = Control(url)
        self._url = f"{url}/kling/tasks/"
        self._threads = ThreadPoolExecutor(20_000)

    async def submit(self) -> object:
        return self._control.submit()

    async def wait(self, handle: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._wait, handle)

    def _wait(self, handle: object) -> None:
        interval = 10.0 if self.interval is None else self.interval
        with requests.Session() as http:
            http.trust_env = False  # no proxy is looked up for loopback
            http.headers["Authorization"] = "Bearer user:1-example"
            while not http.get(f"{self._url}{handle}", timeout=30).json()["status_final"]:
                time.sleep(interval)

    async def stop(self) -> None:
        self._threads.shutdown(wait=False)
