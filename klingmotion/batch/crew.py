"""The tasks of one batch: started, guarded, ended together."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine, Iterable

from klingmotion.calls import Calls
from klingmotion.errors import KlingMotionError


class Crew:
    """Runs coroutines. Whatever escapes from one goes to `on_error`: it is no clip's own trouble."""

    def __init__(self, calls: Calls, on_error: Callable[[Exception], None]) -> None:
        self._calls = calls
        self._on_error = on_error
        self._tasks: set[asyncio.Task[None]] = set()
        self._stoppable: set[asyncio.Task[None]] = set()
        #: Those that were cancelled here, and by no one else.
        self._cancelled: weakref.WeakSet[asyncio.Task[None]] = weakref.WeakSet()

    def run(self, work: Coroutine[object, object, None], *, stoppable: bool = False) -> None:
        """Run `work` beside the others; `stop` ends it if it is stoppable."""
        task = self._calls.background(self._guarded(work))
        for tasks in (self._tasks, self._stoppable) if stoppable else (self._tasks,):
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda _: work.close())  # one that was cancelled before it began was never awaited

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            if asyncio.current_task() not in self._cancelled and not self._calls.closed:
                text = "a part of the batch was cancelled by a hook; run the batch again with the same journal to go on"
                self._on_error(KlingMotionError(text))
            raise
        except Exception as error:  # noqa: BLE001  # handed on
            self._on_error(error)

    def __contains__(self, task: object) -> bool:
        return task in self._tasks

    def stop(self) -> None:
        """End what is stoppable; the rest goes on."""
        self._cancel(self._stoppable)

    def _cancel(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        for task in tasks:
            self._cancelled.add(task)
            task.cancel()

    async def drained(self) -> None:
        """Wait until all have come to their own end."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def end(self) -> None:
        """End all."""
        pending = list(self._tasks)
        self._cancel(pending)
        await asyncio.gather(*pending, return_exceptions=True)
