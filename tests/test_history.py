"""The list of an account's tasks, read as far back as a search needs it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from klingmotion.history import History
from klingmotion.models import Json, Task
from klingmotion.replies import HistoryPage
from klingmotion.requests import Request

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Tasks:
    """A list with bounds, newest first, in pages of `size`."""

    def __init__(self, seconds: list[float], *, size: int, inclusive: bool) -> None:
        self._tasks = [
            Task(id=number, created_at=START + timedelta(seconds=second)) for number, second in enumerate(seconds)
        ]
        self._tasks.sort(key=lambda task: (task.created_at, task.id), reverse=True)
        self._size = size
        self._inclusive = inclusive

    async def read(self, request: Request, _: Callable[[Json], HistoryPage]) -> HistoryPage:
        after, before = (request.query.get(name) for name in ("createdAfter", "createdBefore"))
        within = [
            task
            for task in self._tasks
            if (after is None or self._is_in_order(int(after), task))
            and (before is None or self._is_in_order(task, int(before)))
        ]
        return HistoryPage(tuple(within[: self._size]))

    def _is_in_order(self, one: Task | int, other: Task | int) -> bool:
        times = [
            task if isinstance(task, int) else round((task.created_at or START).timestamp() * 1000)
            for task in (one, other)
        ]
        return times[0] < times[1] or (self._inclusive and times[0] == times[1])

    def history(self) -> History:
        return History(self.read, email=None, start=START - timedelta(hours=1), end=None)


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("size", [2, 3, 50])
async def test_every_task_is_found_in_pages_of_any_size(size: int, inclusive: bool) -> None:
    """Bounds may include the millisecond they name or not."""
    listing = await Tasks([0, 1, 2, 3, 3.001, 4, 9], size=size, inclusive=inclusive).history().whole()
    assert listing is not None
    assert {task.id for task in listing.tasks} == set(range(7))
    assert listing.complete


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("inclusive", [False, True])
async def test_pages_of_one_task_are_not_certainly_all(inclusive: bool, newest_first: bool) -> None:
    """The one that a page begins with again may hide the next one; a single task is all there is."""
    for seconds, complete in (([0.0], True), ([0.0, 1, 2], False)):
        tasks = Tasks(seconds, size=1, inclusive=inclusive)
        if not newest_first:
            tasks._tasks.reverse()
        listing = await tasks.history().whole()
        assert listing is not None
        assert listing.complete is complete or len(listing.tasks) == len(seconds)


@pytest.mark.parametrize("inclusive", [False, True])
async def test_tasks_of_one_millisecond_at_the_edge_of_a_page_are_found(inclusive: bool) -> None:
    """The next page begins with that millisecond once more."""
    listing = await Tasks([0, 1, 2, 2, 3, 4], size=3, inclusive=inclusive).history().whole()
    assert listing is not None
    assert {task.id for task in listing.tasks} == set(range(6))
    assert listing.complete


@pytest.mark.parametrize("inclusive", [False, True])
async def test_more_tasks_of_one_millisecond_than_a_page_shows_are_not_certainly_all(inclusive: bool) -> None:
    """Some of them can never be seen."""
    listing = await Tasks([0, 2, 2, 2, 2, 5], size=2, inclusive=inclusive).history().whole()
    assert listing is not None
    assert not listing.complete
