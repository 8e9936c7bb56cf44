"""klingmotion: `MotionSession.wait_for_task`, everything else as it comes."""

from __future__ import annotations

from functools import cache

from klingmotion import MotionSession, PollPolicy, Task
from tests.benchmarks.control import Control


class Driver:
    """`flavour`: "own" looks by id, looks "shared" by many waits, or by the "task" that a submit gives."""

    interval: float | None = None

    def __init__(self, flavour: str = "own") -> None:
        self._flavour = flavour

    async def start(self, url: str) -> None:
        """Where looks are not to be shared, the server lists no running tasks."""
        self._control = Control(url)
        base_url = f"{url}/shared" if self._flavour == "shared" else f"{url}/kling"
        self._session = await MotionSession("user:1-example", base_url=base_url).__aenter__()

    async def submit(self) -> object:
        """By default settings the task that the submit gives, as `extract_motion` has it; else an id."""
        if self.interval is None or self._flavour == "task":
            return await self._session.submit_motion("https://x.test/a.mp4", "https://x.test/a.jpg")
        return self._control.submit()

    async def wait(self, handle: object) -> None:
        assert isinstance(handle, int | Task)
        await self._session.wait_for_task(handle, poll=_every(self.interval))

    async def stop(self) -> None:
        await self._session.close()


@cache
def _every(interval: float | None) -> PollPolicy | None:
    if interval is None:
        return None
    return PollPolicy(first=0, floor=interval, ceiling=interval, ratio=0, jitter=0)
