"""Time limits of what is under way, all on one timer of the loop.

asyncio's own limits have a timer each. For a request that is a tenth of all it costs, and nearly none ever rings.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType


class Limits:
    """The limits of one owner, who can also end all of them at once. They serve one event loop at a time."""

    def __init__(self) -> None:
        #: What is being watched.
        self.under_way: set[Limit] = set()
        #: When the alarm rings: for the earliest end there was when it was set.
        self.alarm_at = math.inf
        self._alarm: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def within(self, seconds: float | None) -> Limit:
        """A limit for a `with` block: after so many seconds it is cut and raises `TimeoutError`; `None` is no limit."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # whatever another loop had under way ended with it
            self._loop, self._alarm, self.alarm_at, self.under_way = loop, None, math.inf, set()
        return Limit(self, math.inf if seconds is None else loop.time() + seconds)

    def cut(self) -> None:
        """End everything that is under way."""
        for limit in tuple(self.under_way):
            limit.cut = True
            limit.expire()

    def ring_at(self, instant: float) -> None:
        """Set the alarm. What ends later is left to be found when it rings."""
        if self._alarm is not None:
            self._alarm.cancel()
        self.alarm_at = instant
        self._alarm = asyncio.get_running_loop().call_at(instant, self._ring)

    def _ring(self) -> None:
        self._alarm, self.alarm_at = None, math.inf
        now = asyncio.get_running_loop().time()
        for limit in tuple(self.under_way):
            if limit.ends <= now:
                limit.expire()
        first = min((limit.ends for limit in self.under_way if not limit.expired), default=math.inf)
        if first < math.inf:
            self.ring_at(first)


class Limit:
    """One `with` block that may be cut. Other cancellations pass through it untouched."""

    __slots__ = ("_cancelling", "_limits", "_task", "cut", "ends", "expired")

    def __init__(self, limits: Limits, ends: float) -> None:
        self._limits = limits
        #: The instant on the loop's clock at which it is over.
        self.ends = ends
        self.expired = False
        #: Whether it was the owner who ended it.
        self.cut = False

    def __enter__(self) -> Limit:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a limit is for code that runs in a task")
        self._task, self._cancelling = task, task.cancelling()
        self._limits.under_way.add(self)
        if self.ends < self._limits.alarm_at:
            self._limits.ring_at(self.ends)
        return self

    def move(self, ends: float) -> None:
        """Let it end at another instant."""
        self.ends = ends
        if ends < self._limits.alarm_at:
            self._limits.ring_at(ends)

    def expire(self) -> None:
        """End the block now."""
        if not self.expired:
            self.expired = True
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._limits.under_way.discard(self)  # the alarm stays: to move it would cost what it saves
        # If somebody else has cancelled the task too, it stays cancelled.
        if self.expired and self._task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error
