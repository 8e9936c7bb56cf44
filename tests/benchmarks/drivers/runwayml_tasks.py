"""runwayml: `wait_for_task_output` of the task that a submit gives. The interval is a constant of the module."""

from __future__ import annotations

from typing import Any

from runwayml import AsyncRunwayML
from runwayml.lib import polling

_TIME, _JITTER = polling.POLL_TIME, polling.POLL_JITTER


class Driver:
    """The public helper."""

    interval: float | None = None

    async def start(self, url: str) -> None:
        self._client = AsyncRunwayML(api_key="example", base_url=f"{url}/runwayml")

    async def submit(self) -> object:
        polling.POLL_TIME = _TIME if self.interval is None else self.interval
        polling.POLL_JITTER = _JITTER if self.interval is None else 0
        created: object = await self._client.image_to_video.create(
            model="gen4_turbo", prompt_image="https://x.test/a.jpg", ratio="1280:720", duration=5
        )
        return created

    async def wait(self, handle: Any) -> None:
        polling.POLL_TIME = _TIME if self.interval is None else self.interval
        await handle.wait_for_task_output(timeout=None)

    async def stop(self) -> None:
        await self._client.close()
