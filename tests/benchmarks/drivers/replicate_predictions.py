"""replicate: `async_wait` of a prediction."""

from __future__ import annotations

from typing import Any

import replicate


class Driver:
    """The public helper."""

    interval: float | None = None

    async def start(self, url: str) -> None:
        self._client = replicate.Client(api_token="example", base_url=f"{url}/replicate")
        self._default = self._client.poll_interval

    async def submit(self) -> object:
        prediction: object = await self._client.predictions.async_create(version="1", input={}, wait=False)
        return prediction

    async def wait(self, handle: Any) -> None:
        self._client.poll_interval = self._default if self.interval is None else self.interval
        await handle.async_wait()

    async def stop(self) -> None:
        """It has no way to be closed."""
