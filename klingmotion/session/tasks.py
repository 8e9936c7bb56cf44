"""What a session does with tasks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from typing import Literal, TypeVar

from klingmotion import inventory, replies, requests
from klingmotion.engine import TIMEOUT, TaskLike, checked_timeout, known_id
from klingmotion.errors import KlingMotionError, NotFoundError
from klingmotion.farewell import OnCancel, checked_on_cancel
from klingmotion.hooks import OnTask
from klingmotion.models import Deletion, Task
from klingmotion.refusals import is_passing, is_unclear
from klingmotion.retry import PollPolicy
from klingmotion.session.core import SessionCore

T = TypeVar("T")


class TaskMethods(SessionCore):
    """The server's handles on work in progress."""

    async def get_task(self, task: TaskLike, *, email: str | None = None) -> Task:
        """Look at a task once (GET /tasks/{task_id}); a failed task is given like any other.

        Raises:
            NotFoundError: The server does not know it.
        """
        return await self._engine.look(self._engine.ref(task, email))

    async def wait_for_task(
        self,
        task: TaskLike,
        *,
        timeout: float | None = TIMEOUT,
        poll: PollPolicy | None = None,
        on_change: OnTask | None = None,
        on_cancel: OnCancel = "leave",
        email: str | None = None,
    ) -> Task:
        """Wait until a task has succeeded, as `wait_for_motion` does, and give the task itself."""
        deadline, policy = self._engine.deadline(timeout), self._engine.policy(poll)
        checked_on_cancel(on_cancel)
        wait = self._engine.wait(await self._engine.target(task, email, deadline), deadline, policy, "wait_for_task")
        del task  # what is asleep holds no task
        return await wait.final(on_change, on_cancel)

    def watch_task(
        self,
        task: TaskLike,
        *,
        timeout: float | None = TIMEOUT,
        poll: PollPolicy | None = None,
        email: str | None = None,
    ) -> AsyncGenerator[Task, None]:
        """Every new state of a task, ending with the final one, be it a success or a failure.

        The timeout begins with the first state asked for. Leaving early leaves the task alone.

        Raises:
            KlingMotionError: As `wait_for_task`, but for `TaskFailedError`.
        """
        self._engine.ref(task, email)  # refuses what is no task here, not at the first step; so does the next line
        checked_timeout(timeout)
        return self._watched(task, timeout, self._engine.policy(poll), email)

    async def _watched(
        self, task: TaskLike, timeout: float | None, policy: PollPolicy, email: str | None
    ) -> AsyncGenerator[Task, None]:
        deadline = self._engine.deadline(timeout)
        target = await self._engine.target(task, email, deadline)
        if isinstance(target, Task) and target.is_final:
            yield target
            return
        with self._engine.wait(target, deadline, policy, "watch_task") as wait:
            while True:
                seen = await wait.next_change()
                yield seen
                if seen.is_final:
                    return

    async def delete_task(self, task: TaskLike, *, email: str | None = None) -> Deletion:
        """Delete a task and all its works, for good (DELETE /tasks/{task_id}); a motion or video with its task.

        Raises:
            NotFoundError: The server does not know it, or it has no works yet.
        """
        ref = self._engine.ref(task, email)
        request = requests.delete_task(known_id(ref), email=ref.email)
        deletion = await self._ended(
            lambda: self._engine.calls.once(request, replies.deletion), gone=Deletion(deleted=1)
        )
        self._engine.known.note_over(known_id(ref))
        return deletion

    async def untrack_task(self, task: TaskLike, *, email: str | None = None) -> None:
        """End the API's tracking of a task (DELETE /scheduler/{task_id}): its slot is free, and Kling goes on with it.

        Raises:
            NotFoundError: It is not tracked now.
        """
        ref = self._engine.ref(task, email)
        calls, request = self._engine.calls, requests.untrack_task(known_id(ref), email=ref.email)

        async def once() -> None:  # what a good answer holds is not documented: its status is all that is read
            replies.check(request, await calls.answer(request), calls.transport.utcnow())

        await self._ended(once, gone=None)

    def tasks(
        self,
        *,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        content_type: Literal["video", "image", "audio"] | None = None,
        email: str | None = None,
    ) -> AsyncGenerator[Task, None]:
        """The account's tasks, from the newest back (GET /tasks); those that show no id are left out.

        Args:
            created_after: The earliest time of a task, aware.
            created_before: Tasks are earlier than this, aware.
            content_type: What the tasks make; else what the API gives by itself.
            email: The linked account to use.
        """
        wanted = inventory.TaskFilter(
            created_after=created_after,
            created_before=created_before,
            content_type=content_type,
            email=self._engine.account(email),
        )
        return inventory.tasks(self._engine.calls, wanted)

    async def _ended(self, once: Callable[[], Awaitable[T]], *, gone: T) -> T:
        """Carry out a delete, which may safely be repeated; `gone` if an earlier try was, and its answer lost."""
        unclear = False

        def again(error: KlingMotionError) -> bool:
            nonlocal unclear
            unclear = unclear or is_unclear(error)
            return is_passing(error)

        try:
            return await self._engine.calls.retried(once, again=again)
        except NotFoundError:
            if unclear:
                return gone
            raise
