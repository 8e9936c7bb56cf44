"""What a session does with tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator

from klingmotion import replies, requests
from klingmotion.engine import TIMEOUT, OnTask, TaskLike, known_id
from klingmotion.errors import NotFoundError
from klingmotion.models import Deletion, Task
from klingmotion.refusals import is_passing
from klingmotion.retry import PollPolicy
from klingmotion.session.core import SessionCore
from klingmotion.waiting import OnCancel, checked_on_cancel


class TaskMethods(SessionCore):
    """The server's handles on work in progress."""

    async def get_task(self, task: TaskLike, *, email: str | None = None) -> Task:
        """Look at a task once (contract section 2.2); a failed task is given like any other.

        Raises:
            NotFoundError: The server does not know it.
        """
        ref = self._engine.ref(task, email)
        request = requests.get_task(known_id(ref), email=ref.email)
        return await self._engine.calls.repeat(request, replies.task(ref))

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
        deadline = self._engine.deadline(timeout)
        checked_on_cancel(on_cancel)
        target = await self._engine.target(task, email, deadline)
        return await self._engine.wait_for_task(target, deadline, poll, on_change, on_cancel)

    async def watch_task(
        self,
        task: TaskLike,
        *,
        timeout: float | None = TIMEOUT,
        poll: PollPolicy | None = None,
        email: str | None = None,
    ) -> AsyncIterator[Task]:
        """Every new state of a task, ending with the final one, be it a success or a failure.

        Raises:
            KlingMotionError: As `wait_for_task`, but for `TaskFailedError`.
        """
        deadline = self._engine.deadline(timeout)
        target = await self._engine.target(task, email, deadline)
        if isinstance(target, Task) and target.is_final:
            yield target
            return
        with self._engine.wait(target, deadline, poll) as wait:
            while True:
                seen = await wait.next_change()
                yield seen
                if seen.is_final:
                    return

    async def delete_task(self, task: TaskLike, *, email: str | None = None) -> Deletion:
        """Delete a task and all its works, for good (contract section 2.4). A motion is deleted by its `task_id`.

        Raises:
            NotFoundError: The server does not know it, or it has no works yet.
        """
        ref = self._engine.ref(task, email)
        request = requests.delete_task(known_id(ref), email=ref.email)
        unclear = False

        def again(error: Exception) -> bool:
            nonlocal unclear
            passing = is_passing(error)  # type: ignore[arg-type]  # only errors of ours are asked about
            unclear = unclear or passing
            return passing

        try:
            return await self._engine.calls.retried(
                lambda: self._engine.calls.once(request, replies.deletion), again=again
            )
        except NotFoundError:
            if unclear:  # an earlier try was carried out and its answer lost
                return Deletion(deleted=1)
            raise
