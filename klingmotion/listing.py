"""The list of motions: its pages, and which entry is a task's."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager, suppress

from klingmotion import replies, requests, wire
from klingmotion.calls import Calls
from klingmotion.errors import (
    BODY_LIMIT,
    APIResponseError,
    BadRequestError,
    KlingMotionError,
    MotionNotListedError,
    RateLimitError,
    TaskError,
    TaskTimeoutError,
)
from klingmotion.models import Json, Motion, Task
from klingmotion.refusals import is_passing
from klingmotion.replies import Match
from klingmotion.requests import MAX_PAGE_SIZE
from klingmotion.retry import PollPolicy, poll
from klingmotion.videos import makes_video, task_type

#: Pages followed at most: 100,000 motions.
_MOST_PAGES = 1000

_LONGEST_INTERVAL = 10.0


async def pages(
    calls: Calls, *, mine: bool, page_size: int, email: str | None, deadline: float | None = None
) -> AsyncIterator[dict[int, Json]]:
    """The entries of the list by their place in each page, each entry once: pages shift while entries arrive.

    Only the October 2025 form has pages. A server that refuses them is asked again without, one that ignores them
    repeats its first page, which ends the list (HTTP contract, sections 2.3 and 7).
    """
    seen: set[str] = set()
    for number in range(1, _MOST_PAGES + 1):
        request = requests.list_motions(mine=mine, page=number, page_size=page_size, email=email)
        paged = mine
        try:
            found = await calls.repeat(request, replies.entries, deadline=deadline)
        except BadRequestError:
            if number > 1 or not mine:
                raise
            request = requests.list_motions(mine=mine, page=None, page_size=page_size, email=email)
            found, paged = await calls.repeat(request, replies.entries, deadline=deadline), False
        fresh = {mark: place for place, entry in enumerate(found) if (mark := _mark(entry)) not in seen}
        seen |= fresh.keys()
        yield {place: found[place] for place in fresh.values()}
        if not paged or not fresh or len(found) < page_size:
            return


def _mark(entry: Json) -> str:
    """What tells one entry from another."""
    if not isinstance(entry, dict):
        return repr(entry)
    marks = [f"{name} {entry[name]}" for name in ("workId", "taskId", "assetId") if entry.get(name) is not None]
    return "/".join(marks) or repr(entry)


async def motions(calls: Calls, *, mine: bool, page_size: int, email: str | None) -> AsyncGenerator[Motion, None]:
    """Every motion of the list."""
    async for page in pages(calls, mine=mine, page_size=page_size, email=email):
        for place, entry in page.items():
            with _told_with(entry):
                motion = wire.motion(entry, f"$[{place}]")
            yield motion


@contextmanager
def _told_with(entry: Json) -> Iterator[None]:
    """Let an error hold the entry it is of, as that of a whole answer holds the answer."""
    try:
        yield
    except APIResponseError as error:
        error.status = 200
        with suppress(RecursionError):
            error.body = json.dumps(entry)[:BODY_LIMIT]
        error.args = (f"the list of motions: {error}",)
        raise


class MotionSearch:
    """Looks for the motion of one finished task until it is listed."""

    def __init__(self, calls: Calls, task: Task, *, policy: PollPolicy, deadline: float | None) -> None:
        self._calls = calls
        self._task = task
        self._policy = policy
        self._deadline = deadline
        self._started = calls.transport.now()
        self._listings = 0
        self._failures = 0
        self._entries = 0
        self._several = 0
        self._last_error: KlingMotionError | None = None

    async def find(self) -> Motion:
        """The motion.

        Raises:
            MotionNotListedError: It was not listed within `PollPolicy.listing_patience`, or several entries may be it.
            TaskTimeoutError: The deadline passed first.
            KlingMotionError: An answer that ends the search, or the last of too many failures in a row.
        """
        return await poll(self._list, interval=self._interval, sleep=self._calls.sleep)

    async def _list(self) -> Motion | None:
        self._check()
        self._listings += 1
        try:
            found = await self._matches()
        except KlingMotionError as error:
            self._note_failure(error)
            return None
        self._failures = 0
        strongest = [match.motion for match in found if match.rank == min(other.rank for other in found)]
        works = {work.work_id for work in self._task.works} - {None}
        strongest = [motion for motion in strongest if motion.work_id in works] or strongest
        self._several = len(strongest)
        return strongest[0] if len(strongest) == 1 else None

    async def _matches(self) -> list[Match]:
        found: list[Match] = []
        self._entries = 0
        async for page in pages(
            self._calls, mine=True, page_size=MAX_PAGE_SIZE, email=self._task.ref.email, deadline=self._deadline
        ):
            self._entries += len(page)
            for place, entry in page.items():
                with _told_with(entry):
                    match = replies.match(entry, self._task, f"$[{place}]")
                found += [match] if match is not None else []
            if any(match.rank == 0 for match in found):
                break
        return found

    def _give_up_at(self) -> float:
        patience_ends = self._started + self._policy.listing_patience
        return patience_ends if self._deadline is None else min(patience_ends, self._deadline)

    def _interval(self) -> float:
        """Doubling: nearly every entry is there at the first or second listing."""
        wait = min(
            self._policy.shortest * 2.0 ** min(self._listings - 1, 30),
            max(_LONGEST_INTERVAL, self._policy.floor),
        )
        request = requests.list_motions(mine=True, page=1, page_size=MAX_PAGE_SIZE, email=self._task.ref.email)
        wait = max(wait, self._calls.pauses.remaining(request, self._calls.transport.now()))
        return self._calls.within(wait, self._give_up_at())

    def _note_failure(self, error: KlingMotionError) -> None:
        self._last_error = error
        self._check()
        if isinstance(error, RateLimitError):  # a pause of the account is no failure of the list
            return
        self._failures += 1
        if not is_passing(error) or self._failures >= self._policy.max_failed_looks:
            error.ref, error.task = self._task.ref, self._task
            error.add_note(f"task {self._task.id} has succeeded; wait_for_motion(error.ref) lists its motion again")
            raise error

    def _check(self) -> None:
        """End the search if the session is closed, the deadline has passed or the entry is overdue."""
        now = self._calls.transport.now()
        if self._calls.closed:
            raise self._ended(TaskError, f"the session was closed before the motion of task {self._task.id} was listed")
        if self._deadline is not None and now >= self._deadline:
            raise self._ended(
                TaskTimeoutError,
                f"task {self._task.id} succeeded, but its motion was not listed before the deadline",
            ) from self._last_error
        if self._listings and now >= self._give_up_at():
            what = f"{self._several} entries may be it and none is guessed" if self._several else "no entry is its own"
            if makes_video(self._task):
                what = f"{what}; by its type, {task_type(self._task)}, it makes a video: wait_for_video gives that"
            raise self._ended(
                MotionNotListedError,
                f"task {self._task.id} succeeded, but of {self._entries} motions listed {what},"
                f" after {self._listings} listings",
            ) from self._last_error

    def _ended(self, kind: type[TaskError], message: str) -> TaskError:
        return kind(
            f"{message}. wait_for_motion(error.ref) lists again",
            ref=self._task.ref,
            task=self._task,
            looks=self._listings,
            elapsed=self._calls.transport.now() - self._started,
            last_error=self._last_error,
        )
