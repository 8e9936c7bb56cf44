"""openai: `videos.poll` of a video's id."""

from __future__ import annotations

import openai

from tests.benchmarks.control import Control


class Driver:
    """The public helper."""

    interval: float | None = None

    async def start(self, url: str) -> None:
        self._control = Control(url)
        self._client = openai.AsyncOpenAI(api_key="example", base_url=f"{url}/openai/v1")

    async def submit(self) -> object:
        return str(self._control.submit())

    async def wait(self, handle: object) -> None:
        if self.interval is None:
            await self._client.videos.poll(handle)
        else:
            await self._client.videos.poll(handle, poll_interval_ms=round(self.interval * 1000))

    async def stop(self) -> None:
        await self._client.close()
