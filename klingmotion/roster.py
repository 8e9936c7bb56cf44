"""Shared looks: one GET /scheduler instead of one look at each of many tasks.

That list shows what still runs. A task that leaves it is looked at once, at once; the look decides. A task the list
never showed, or a list that fails or is caught telling old news, leaves every wait to its own looks.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from klingmotion import replies, requests
from klingmotion.calls import Calls, logger
from klingmotion.errors import APITimeoutError, KlingMotionError, RateLimitError

#: Waits from which a shared look is worth it.
MANY = 5

#: Listings in a row that may fail before every wait goes back to its own looks.
_MOST_FAILURES = 2

#: Times in a row that the list may be refused with 429 before it is asked no more: each of them holds every wait up.
_MOST_REFUSALS = 2

#: Seconds the list may take. While it is waited for, the tasks it has shown are not looked at.
_LIST_LIMIT = 5.0

#: Times a task may leave the list without being final before the list no longer counts for it.
_MOST_FALSE_LEAVES = 2

#: A list that shows none of the waits, time after time, is asked at these seconds in the end.
_RARELY = 60.0


class Member(ABC):
    """One wait, as the roster sees it."""

    __slots__ = ("_false_leaves", "left", "let_go_at", "shown", "task_id", "wake")

    def __init__(self, task_id: int) -> None:
        self.task_id = task_id
        #: What the wait sleeps on.
        self.wake: asyncio.Future[None] | None = None
        #: The list shows the task.
        self.shown = False
        #: The task has left the list since the last look.
        self.left = False
        #: When the list last stopped counting for it: the looks of many such waits must not come all at once.
        self.let_go_at: float | None = None
        self._false_leaves = 0

    @abstractmethod
    def interval(self, now: float) -> float:
        """How long the wait would sleep from `now` on, if it looked by itself."""

    def rouse(self) -> None:
        """Wake the wait, so that it finds out when its next look is due now."""
        if self.wake is not None and not self.wake.done():
            self.wake.set_result(None)

    def looked(self, *, in_vain: bool) -> None:
        """Note a look: one leave asks for one look at once; `in_vain` if that found the task not final."""
        self._false_leaves += self.left and in_vain
        self.left = False

    def listed(self, *, shown: bool) -> None:
        """Note what the list says: that the task runs, or nothing of it."""
        if shown:
            self.shown = self._false_leaves < _MOST_FALSE_LEAVES
        elif self.shown:
            self.shown, self.left = False, True
            self.rouse()

    def let_go(self, now: float) -> None:
        """Go back to looks of its own."""
        if self.shown:
            self.shown, self.let_go_at = False, now
            self.rouse()


class Roster:
    """The waits of one session that may share looks."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._loop: asyncio.AbstractEventLoop | None = None
        #: In the order in which they came, so that what is done to all is done in the same order every time.
        self._members: dict[Member, None] = {}
        self._ended: set[int] = set()
        self._trusted = True
        self._failures = 0
        self._refusals = 0
        #: Listings in a row that showed none of the waits.
        self._in_vain = 0
        self._ticker: asyncio.Task[None] | None = None
        self._wake: asyncio.Future[None] | None = None
        self._listed_at = 0.0
        #: When the list is due. Only a tick asks all members; whoever joins can but bring it forward.
        self._due_at = 0.0

    def join(self, member: Member) -> None:
        """Let a wait take part."""
        self._settle()
        self._members[member] = None
        if not self._is_worth_it():
            return
        now = self._calls.transport.now()
        if self._ticker is None or self._ticker.done():
            self._listed_at = now
            self._due_at = self._due(now)
            self._ticker = self._calls.background(self._tick())
        elif not self._in_vain and (due := now + member.interval(now)) < self._due_at:
            self._due_at = due
            self._rouse()

    def _settle(self) -> None:
        """Take the running loop for ours, and forget what another one was left with: it ended there."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._ticker, self._wake = loop, None, None
            self._members, self._ended = {}, set()
            self._failures = self._refusals = self._in_vain = 0

    def leave(self, member: Member, *, final: bool) -> None:
        """Let a wait go; a final one that the list still shows later is old news."""
        self._members.pop(member, None)
        if final and member.shown:
            self._ended.add(member.task_id)
        if not self._is_worth_it():
            self._rouse()

    def _is_worth_it(self) -> bool:
        return self._trusted and len(self._members) >= MANY

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._is_worth_it() and not self._calls.closed:
                now = self._calls.transport.now()
                wait = max(self._due_at - now, self._calls.pauses.remaining(requests.list_running(), now))
                if wait > 0:
                    self._wake = asyncio.get_running_loop().create_future()
                    await self._calls.sleep(wait, self._wake)
                    continue  # whoever joined meanwhile may have brought it forward
                await self._list()
                if self._members:
                    self._due_at = self._due(self._calls.transport.now())
        except Exception:  # noqa: BLE001  # a transport may raise anything, and the waits must hear of it
            logger.exception("shared looks have ended; every task is looked at by itself from here on")
            self._trusted = False
        finally:
            if loop is self._loop and loop.is_running():  # else this is what a loop that has ended was left with
                self._let_go()

    def _due(self, now: float) -> float:
        """As soon as the busiest of the waits would look by itself, later where the list fails or is of no use."""
        wait = min(member.interval(now) for member in self._members)
        if self._in_vain:
            wait = max(wait, min(_RARELY, wait * 2.0 ** min(self._in_vain, 60)))
        return self._listed_at + wait * 2.0**self._failures

    async def _list(self) -> None:
        self._listed_at = self._calls.transport.now()
        ended, self._ended = self._ended, set()
        try:
            running = await self._calls.once(requests.list_running(), replies.running, limit=_LIST_LIMIT)
        except KlingMotionError as error:
            logger.info("a shared look failed: %s", error)
            self._failures += 1
            self._refusals += isinstance(error, RateLimitError)
            if self._refusals >= _MOST_REFUSALS:
                self._trusted = False
            if self._failures >= _MOST_FAILURES or isinstance(error, APITimeoutError):
                self._let_go()
            return
        self._failures = self._refusals = 0
        ids = {task.id for task in running}
        if ended & ids:
            logger.warning(
                "the list of running tasks shows finished ones; every task is looked at by itself from here on"
            )
            self._trusted = False
        else:
            self._call_the_roll(ids)

    def _call_the_roll(self, ids: set[int | None]) -> None:
        for member in self._members:
            member.listed(shown=member.task_id in ids)
        self._in_vain = 0 if any(member.shown for member in self._members) else self._in_vain + 1

    def rouse_all(self) -> None:
        """Wake every wait: the session is closed."""
        self._settle()
        for member in self._members:
            member.rouse()

    def _let_go(self) -> None:
        """Send every wait back to its own looks."""
        now = self._calls.transport.now()
        for member in self._members:
            member.let_go(now)
