"""Time limits of what is under way, all on one timer of the loop.

asyncio's own limits have a timer each. For a request that is a tenth of all it costs, and nearly none ever rings.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Limits:
    """The limits of one owner, who can also end all of them at once. They serve one event loop at a time."""

    def __init__(self) -> None:
        self._under_way: set[Limit] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def within(self, seconds: float | None) -> Limit:
        """A limit for a `with` block: after so many seconds it is cut and raises `TimeoutError`; `None` is no limit."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # whatever another loop had under way ended with it
            self._loop, self._alarm, self._under_way = loop, None, set()
        return Limit(self, None if seconds is None else loop.time() + seconds)

    def expire(self) -> None:
        """Cut everything that is under way."""
        for limit in tuple(self._under_way):
            limit.expire()

    def begin(self, limit: Limit) -> None:
        """Watch a limit."""
        self._under_way.add(limit)
        if limit.ends is not None:
            self.expect(limit.ends)

    def expect(self, instant: float) -> None:
        """Ring at an instant, unless the alarm rings before: then it sees what is left to do."""
        if self._alarm is None or instant < self._alarm.when():
            self._ring_at(instant)

    def end(self, limit: Limit) -> None:
        """Watch it no longer. The alarm stays: to move it would cost what it saves."""
        self._under_way.discard(limit)

    def _ring_at(self, instant: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(instant, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now = asyncio.get_running_loop().time()
        for limit in tuple(self._under_way):
            if limit.ends is not None and limit.ends <= now:
                limit.expire()
        ends = [limit.ends for limit in self._under_way if limit.ends is not None and not limit.expired]
        if ends:
            self._ring_at(min(ends))


class Limit:
    """One `with` block that may be cut. Other cancellations pass through it untouched."""

    __slots__ = ("_cancelling", "_limits", "_task", "ends", "expired")

    def __init__(self, limits: Limits, ends: float | None) -> None:
        self._limits = limits
        #: The instant on the loop's clock at which it is over.
        self.ends = ends
        self.expired = False

    def __enter__(self) -> Limit:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a limit is for code that runs in a task")
        self._task, self._cancelling = task, task.cancelling()
        self._limits.begin(self)
        return self

    def move(self, ends: float) -> None:
        """Let it end at another instant."""
        self.ends = ends
        self._limits.expect(ends)

    def expire(self) -> None:
        """Cut the block now."""
        if not self.expired:
            self.expired = True
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._limits.end(self)
        # If somebody else has cancelled the task too, it stays cancelled.
        if self.expired and self._task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error
