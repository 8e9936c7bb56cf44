"""fal-client: `get` of a request handle. Its queue's URL is https only; here it is the fake server's."""

from __future__ import annotations

import os
from typing import Any

import fal_client
from fal_client import client as fal_module


class Driver:
    """The public helper."""

    interval: float | None = None

    async def start(self, url: str) -> None:
        fal_module.QUEUE_URL_FORMAT = f"{url}/fal/"
        os.environ["FAL_KEY"] = "example"
        self._client = fal_client.AsyncClient(key="example")

    async def submit(self) -> object:
        handle: object = await self._client.submit("owner/app", arguments={})
        return handle

    async def wait(self, handle: Any) -> None:
        await (handle.get() if self.interval is None else handle.get(interval=self.interval))

    async def stop(self) -> None:
        """It has no way to be closed."""
