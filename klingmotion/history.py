"""The list of an account's tasks, read as far back as one search needs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

from klingmotion import replies, requests
from klingmotion.evidence import Listing
from klingmotion.models import Json, Task
from klingmotion.replies import HistoryPage
from klingmotion.requests import Request

#: Pages of one reading that are followed at most: what the busiest account makes in the time a search looks at.
_MOST_PAGES = 250

#: Pages of the newest tasks that are read at least.
_LEAST_LATEST = 5

#: Milliseconds by which a short reading overlaps what was read before.
_OVERLAP = 60_000

Read = Callable[[Request, Callable[[Json], HistoryPage]], Awaitable[HistoryPage | None]]


class History:
    """GET /tasks between two times, read again and again. `read` gives `None` where a page cannot be read.

    Neither order nor size of a page is documented, so a whole reading follows the list to both sides: from its newest
    entry on to the end, and from its oldest back to before the start. That is dear where an account is busy; a short
    reading only looks for what is new at either side.
    """

    def __init__(self, read: Read, *, email: str | None, start: datetime | None, end: datetime | None) -> None:
        self._read = read
        self._email = email
        self._start = None if start is None else _milliseconds(start)
        self._end = None if end is None else _milliseconds(end)
        self._found: dict[int, Task] = {}
        #: Whether the server leaves out what was born in the very millisecond that a bound names.
        self._leaves_out_its_bound = False

    async def whole(self) -> Listing | None:
        """Everything there is, with whether it is certainly all; `None` if nothing could be read."""
        self._found = {}
        complete = await self._follow(self._start, forward=True)
        if self._found:
            oldest = _edge(self._found.values(), min)
            # Of a search long after its submit, all that came later is skipped.
            edge = oldest if oldest is None or self._end is None else min(oldest, self._end)
            complete = await self._follow(edge, forward=False) and complete
        elif not complete:
            return None
        return Listing(tuple(self._found.values()), complete)

    async def short(self) -> Listing | None:
        """What was there before and what is new at either end, never known to be all."""
        newest = _edge(self._found.values(), max)
        pages = [await self._page(self._start, forward=True)]
        if newest is not None:
            pages.append(await self._page(newest - _OVERLAP, forward=True))
        if all(page is None for page in pages):
            return None
        self._found |= {task.id: task for page in pages if page for task in page.tasks}
        return Listing(tuple(self._found.values()), complete=False)

    async def latest(self, span: float) -> tuple[Task, ...] | None:
        """The newest tasks of all, whatever the time is: those of the last `span` seconds before the newest, and more.

        `None` if they cannot be read, or are too many.
        """
        newest: int | None = None
        edge: int | None = None
        found: dict[int, Task] = {}
        for number in range(_MOST_PAGES):
            page = await self._page(self._bound(edge, forward=False), forward=False)
            if page is None:
                return None
            fresh = {task.id: task for task in page.tasks if task.id not in found}
            found |= fresh
            newest = _edge(page.tasks, max) if newest is None else newest
            edge = _edge(page.tasks, min)
            if not fresh or edge is None or newest is None:
                return tuple(found.values())
            if number + 1 >= _LEAST_LATEST and newest - edge > span * 1000:
                return tuple(found.values())
        return None

    async def around(self, instant: datetime) -> tuple[Task, ...] | None:
        """What was born right around an instant, for in whichever order a page comes; `None` if it cannot be read."""
        edge = _milliseconds(instant)
        before, after = await self._page(edge + 1, forward=False), await self._page(edge - 1, forward=True)
        return None if before is None or after is None else before.tasks + after.tasks

    async def _follow(self, edge: int | None, *, forward: bool) -> bool:
        """Add page after page until there is nothing new; whether that end was reached, and every entry has a name."""
        named, longest = True, 0
        is_seen = _has(self._found.values(), edge)
        for _ in range(_MOST_PAGES):
            bound = self._bound(edge, forward=forward) if is_seen else edge
            page = await self._page(bound, forward=forward)
            if page is None:
                return False
            if is_seen and not self._leaves_out_its_bound and not _has(page.tasks, edge):
                self._leaves_out_its_bound = True
                continue
            longest = max(longest, len(page.tasks))
            fresh = {task.id: task for task in page.tasks if task.id not in self._found}
            self._found |= fresh
            named = named and page.nameless == 0 and not _is_out_of_bounds(page, bound, forward=forward)
            edge = _edge(page.tasks, max if forward else min)
            if not fresh and len(page.tasks) == longest and (longest > 1 or await self._goes_on(edge, forward=forward)):
                return False  # a whole page of one instant, of which there may be more
            if not fresh or self._is_beyond(edge, forward=forward):
                return named
            if edge is None:
                return False  # entries without times cannot be followed
            is_seen = True
        return False

    async def _goes_on(self, edge: int | None, *, forward: bool) -> bool:
        """Whether pages of one task each, that show the same one again, hide others on its further side."""
        if edge is None:
            return False
        page = await self._page(edge + 1 if forward else edge - 1, forward=forward)
        return page is None or any(task.id not in self._found for task in page.tasks)

    def _bound(self, edge: int | None, *, forward: bool) -> int | None:
        """What to ask from, to see the millisecond `edge` once more: others born in it may have found no place."""
        if edge is None or not self._leaves_out_its_bound:
            return edge
        return edge - 1 if forward else edge + 1

    def _is_beyond(self, edge: int | None, *, forward: bool) -> bool:
        """Whether a page that reaches to `edge` leaves nothing of interest on its further side."""
        limit = self._end if forward else self._start
        return edge is not None and limit is not None and (edge > limit if forward else edge < limit)

    async def _page(self, edge: int | None, *, forward: bool) -> HistoryPage | None:
        after, before = (edge, None) if forward else (None, edge)
        request = requests.list_tasks(created_after=after, created_before=before, email=self._email)
        return await self._read(request, replies.history)


def _is_out_of_bounds(page: HistoryPage, edge: int | None, *, forward: bool) -> bool:
    """Whether a page shows what was not asked for: then the server ignores bounds, and the end is never certain."""
    times = [_milliseconds(task.created_at) for task in page.tasks if task.created_at]
    return edge is not None and any(time < edge if forward else time > edge for time in times)


def _has(tasks: Iterable[Task], edge: int | None) -> bool:
    """Whether one of the tasks was born in that millisecond."""
    return any(_milliseconds(task.created_at) == edge for task in tasks if task.created_at)


def _edge(tasks: Iterable[Task], end: Callable[[list[int]], int]) -> int | None:
    times = [_milliseconds(task.created_at) for task in tasks if task.created_at]
    return end(times) if times else None


def _milliseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
