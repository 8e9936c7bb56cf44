"""One wait for one task: looks until `status_final`, through whatever passes on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import NoReturn

import attrs
from attrs import frozen

from klingmotion import replies, requests
from klingmotion.calls import Calls
from klingmotion.errors import (
    APIResponseError,
    KlingMotionError,
    NotFoundError,
    TaskError,
    TaskFailedError,
    TaskGoneError,
    TaskTimeoutError,
)
from klingmotion.eta import left_of
from klingmotion.farewell import OnCancel, farewell
from klingmotion.glance import glance
from klingmotion.hooks import OnTask, tell
from klingmotion.known_tasks import KnownTasks
from klingmotion.models import Task
from klingmotion.refs import TaskRef
from klingmotion.refusals import is_passing
from klingmotion.responses import Response
from klingmotion.retry import PollPolicy, poll
from klingmotion.roster import Roster
from klingmotion.schedule import Schedule
from klingmotion.submitting import failure_text
from klingmotion.webhooks import Callback, WebhookInbox


class Wait(Schedule):
    """The state of one wait. `next_change` wants it entered, so that it may share looks; `final` enters it itself.

    Thousands of them sleep at once, so none holds more than it needs: of a task that is not final only its status.
    """

    __slots__ = (
        "_roster",
        "_status",
        "_wants_changes",
        "deadline",
        "last_error",
        "method",
        "ref",
        "request",
        "started",
        "task",
    )

    def __init__(
        self,
        calls: Calls,
        known: KnownTasks,
        roster: Roster,
        target: Task | TaskRef,
        *,
        policy: PollPolicy,
        deadline: float | None,
        method: str,
        inbox: WebhookInbox | None,
    ) -> None:
        follows_submit = isinstance(target, Task)
        self.ref = target.ref if isinstance(target, Task) else target
        self.started = calls.transport.now()
        super().__init__(calls, known, self.ref, policy, now=self.started, follows_submit=follows_submit, inbox=inbox)
        self._roster = roster
        self.deadline = deadline
        #: What was called for it, and can be called again.
        self.method = method
        #: The final task, once it is known.
        self.task = target if isinstance(target, Task) and target.is_final else None
        self._status = _status(target) if isinstance(target, Task) else None
        self.request = requests.get_task(self.task_id, email=self.ref.email)
        #: Whether a change of status is worth decoding the answer for.
        self._wants_changes = True
        self.last_error: KlingMotionError | None = None

    def __enter__(self) -> Wait:
        self._roster.join(self)
        if self._hearing is not None:
            self._hearing.inbox.join(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._roster.leave(self, final=self.task is not None)
        if self._hearing is not None:
            self._hearing.inbox.leave(self, announced=None if self.task is None else self._hearing.announced)

    # --- what callers ask for ---------------------------------------------------------------------------------------

    async def next_change(self) -> Task:
        """The task as of the next look that shows something new.

        Raises:
            TaskTimeoutError: The deadline passed first.
            TaskGoneError: The server no longer knows the task.
            TaskError: The session was closed.
            KlingMotionError: An answer that ends the wait, or the last of too many failed looks in a row.
        """
        while True:
            seen = await self._look()
            if seen is None and self._failures:
                seen = await self._recovered()
            if seen is not None:
                return seen
            await self._sleep(self._wait())

    async def final(self, on_change: OnTask | None, on_cancel: OnCancel) -> Task:
        """The task once it has succeeded; `on_change` hears of every change, the final one included.

        Raises:
            TaskFailedError: It is over and did not succeed.
            KlingMotionError: As `next_change`.
        """
        self._wants_changes = on_change is not None
        try:
            if self.task is None:
                with self:  # not by way of others: thousands of waits sleep right here
                    while self.task is None:
                        seen = await self._look()
                        if seen is None and self._failures:
                            seen = await self._recovered()
                        if seen is None:
                            await self._sleep(self._wait())
                        elif on_change is not None:
                            await tell(on_change, seen)
                        del seen  # what is asleep holds no task
        except asyncio.CancelledError:
            await farewell(self._calls, self.ref, on_cancel)
            raise
        if not self.task.succeeded:
            raise self._ended(TaskFailedError, failure_text(self.task))
        return self.task

    async def _recovered(self) -> Task | None:
        """The task if it shows something new once a look succeeds again.

        tenacity takes over where looks fail: a loop of its own for every wait would be most of what a wait costs, and
        nearly every look succeeds.
        """
        return (await poll(self._recovery, interval=self._wait, sleep=self._sleep)).task

    async def _recovery(self) -> _Good | None:
        seen = await self._look()
        return None if self._failures else _Good(seen)

    # --- cancelled --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def cared_for(self, on_cancel: OnCancel) -> AsyncIterator[None]:
        """A block whose cancellation does to the task what `on_cancel` says."""
        try:
            yield
        except asyncio.CancelledError:
            await farewell(self._calls, self.ref, on_cancel)
            raise

    # --- when to look -----------------------------------------------------------------------------------------------

    def _wait(self) -> float:
        now = self._calls.transport.now()
        wait = max(self._next_due(now) - now, self._calls.pauses.remaining(self.request, now), 0.0)
        return wait if self.deadline is None else min(wait, max(0.0, self.deadline - now))

    def _sleep(self, seconds: float) -> Awaitable[None]:
        """Until the time is over, the task has left the shared list, or the session is closed."""
        self.wake = asyncio.get_running_loop().create_future()
        if self._calls.closed:  # during the look before
            self.rouse()
        return self._calls.transport.sleep(seconds, wake=self.wake)

    # --- what an inbox calls ----------------------------------------------------------------------------------------

    @property
    def reply_ref(self) -> str | None:
        """The mark of the task's submit."""
        return self.ref.reply_ref

    def heard(self, callback: Callback) -> None:
        """Have the task looked at because of a callback, unless that is about another one."""
        if self._hearing is None or callback.task_id not in (None, self.task_id):
            return
        if self._hearing.take(callback, wants_changes=self._wants_changes):
            self.rouse()

    def left_alone(self) -> None:
        """Look as if there were no callbacks, but not together with all others."""
        self.let_go_at = self._calls.transport.now()
        self.rouse()

    # --- one look ---------------------------------------------------------------------------------------------------

    async def _look(self) -> Task | None:
        """The task if this look shows something new; `None` too if none is due."""
        calls = self._calls
        now = calls.transport.now()
        self._check(now)
        if self._next_due(now) > now or calls.pauses.remaining(self.request, now) > 0:
            return None
        self.looks += 1
        extra = self._hearing is not None and self._hearing.look_begins(early=now < self._due)
        before, known = self._looked_at, self._status
        try:
            seen, left = self._read(await calls.answer(self.request, deadline=self.deadline))
        except KlingMotionError as error:
            self.looked(in_vain=False)
            self._note_failure(error)
            return None
        finally:
            now = self._looked_at = calls.transport.now()
        final = seen is not None and seen.is_final
        if final:
            self._note_end(before)
        self._failures = 0
        if not final:
            self._note_estimate(left, now)
            if not extra:
                self._due = now + self._usual_interval(now)
        self.looked(in_vain=not final)
        new = None if seen is None else self._noted(seen)
        if self._hearing is not None:
            self._hearing.look_ends(news=self._status != known)
        return new

    def _read(self, response: Response) -> tuple[Task | None, float | None]:
        """The task, or `None` if it is not final and not asked for; and what is left to the end."""
        ours = response.status == 200 and b"%d" % self.task_id in response.body
        glanced = glance(response.body) if ours else None  # an answer about another task is refused when decoded
        if glanced is not None:
            status = glanced.status, glanced.status_name, False
            if status == self._status or not self._wants_changes:
                self._status = status
                return None, glanced.left
        try:
            seen = replies.read(self.request, response, self._calls.transport.utcnow(), replies.task(self.ref))
        except APIResponseError:
            if glanced is None:
                raise
            # The status is clear, and it is not final: what else is wrong with the answer can wait for a better one.
            seen = Task(id=self.task_id, status=glanced.status, status_name=glanced.status_name, ref=self.ref)
            return seen, glanced.left
        return seen, left_of(seen)

    def _noted(self, seen: Task) -> Task | None:
        """The task if it is not as it was."""
        before, self._status = self._status, _status(seen)
        if seen.is_final:
            self.task = seen
        return seen if before != self._status else None

    def _note_failure(self, error: KlingMotionError) -> None:
        """Count a failed look, or end the wait if the answer is final or the patience is used up."""
        self.last_error = error
        now = self._calls.transport.now()
        self._check(now)
        if isinstance(error, NotFoundError):
            if now >= self._grace_ends:
                raise self._ended(TaskGoneError, f"task {self.task_id} is not known to the server: {_GONE}") from error
            self._due = now + self.policy.shortest
            return
        self._failures += 1
        if not is_passing(error):
            self._raise(error, "the answer ends this wait")
        if self._failures >= self.policy.max_failed_looks:
            self._raise(error, f"{self._failures} looks in a row failed")
        self._due = now + self._usual_interval(now)

    def _check(self, now: float) -> None:
        """End the wait if the session is closed or the deadline has passed."""
        if self._calls.closed:
            raise self._ended(
                TaskError,
                f"the session was closed while task {self.task_id} was waited for. {self._goes_on()}",
            )
        if self.deadline is not None and now >= self.deadline:
            raise self._ended(
                TaskTimeoutError,
                f"task {self.task_id} was not final after {now - self.started:.1f} s and {self.looks} looks"
                f" (last seen: {self._last_seen()}). {self._goes_on()}",
            ) from self.last_error

    def _last_seen(self) -> str:
        return "never" if self._status is None else f"{self._status[1] or 'no name'}, {self._status[0]}"

    def _task_as_seen(self) -> Task | None:
        """For an error: the whole task if it is final, else what is still known of it."""
        if self.task is not None or self._status is None:
            return self.task
        status, name, _ = self._status
        return Task(id=self.task_id, status=status, status_name=name, ref=self.ref)

    def _goes_on(self) -> str:
        return f"The task goes on; {self.method}(error.ref) resumes"

    def _ended(self, kind: type[TaskError], message: str) -> TaskError:
        return kind(
            message,
            ref=attrs.evolve(self.ref, task_id=self.task_id),
            task=self._task_as_seen(),
            looks=self.looks,
            elapsed=self._calls.transport.now() - self.started,
            last_error=self.last_error,
        )

    def _raise(self, error: KlingMotionError, why: str) -> NoReturn:
        error.ref, error.task = self.ref, self._task_as_seen()
        error.add_note(f"task {self.task_id}: {why} (last seen: {self._last_seen()}). {self._goes_on()}")
        raise error


_GONE = (
    "deleted, refused at moderation, out of credits, or of another account (check email=). A task that fails can vanish"
    " instead of ending as failed. Nothing is to be waited for"
)


@frozen
class _Good:
    """A look that did not fail, and the task if it showed something new."""

    task: Task | None


def _status(task: Task) -> tuple[int | None, str | None, bool]:
    return task.status, task.status_name, task.is_final
