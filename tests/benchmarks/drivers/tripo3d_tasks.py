"""tripo3d: `wait_for_task` of a task's id. Its interval doubles from 0.1 s at least, so it is held by the sleep."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import tripo3d
from tripo3d import client as tripo_module

from tests.benchmarks.control import Control


class Driver:
    """The public helper."""

    interval: float | None = None

    async def start(self, url: str) -> None:
        self._control = Control(url)
        self._client = tripo3d.TripoClient(api_key="tsk_example", v3_base_url=f"{url}/tripo3d")

    async def submit(self) -> object:
        return str(self._control.submit())

    async def wait(self, handle: object) -> None:
        # No argument forces a fixed interval: the module's own sleep does.
        tripo_module.asyncio = asyncio if self.interval is None else SimpleNamespace(sleep=self._sleep)
        await self._client.wait_for_task(handle)

    async def _sleep(self, _: float) -> None:
        await asyncio.sleep(self.interval or 0)

    async def stop(self) -> None:
        await self._client.close()
