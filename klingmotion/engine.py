"""All that one session has: its calls, what it remembers, and the ways through them that several methods share."""

from __future__ import annotations

from typing import Final

import attrs

from klingmotion import listing, replies, requests
from klingmotion.calls import Calls
from klingmotion.downloads import Downloads
from klingmotion.errors import InvalidRequestError
from klingmotion.farewell import OnCancel
from klingmotion.known_tasks import KnownTasks
from klingmotion.models import Motion, RunningTask, Task
from klingmotion.refs import TaskRef
from klingmotion.requests import checked_email, checked_task_id
from klingmotion.retry import PollPolicy, RetryPolicy, is_limit
from klingmotion.roster import Roster
from klingmotion.submitting import Submitter, new_reply_ref, reference
from klingmotion.transport import Transport
from klingmotion.videos import Video
from klingmotion.waiting import Wait
from klingmotion.webhooks import WebhookInbox

#: Seconds a wait may take, unless said otherwise.
TIMEOUT: Final = 1800.0

#: What a task can be named by: itself, its reference, what it has made, its entry in the list of running tasks, its id,
#: or the id or reference as text.
TaskLike = Task | TaskRef | Motion | Video | RunningTask | int | str


class Engine:
    """The parts of one session. `email` is the account of calls that name none."""

    def __init__(
        self,
        transport: Transport,
        *,
        retry: RetryPolicy,
        poll: PollPolicy,
        email: str | None,
        inbox: WebhookInbox | None,
    ) -> None:
        self.calls = Calls(transport, retry)
        self.known = KnownTasks.none()
        self.submitter = Submitter(self.calls, self.known, inbox)
        self.roster = Roster(self.calls)
        self.calls.rouse_others = self.roster.rouse_all
        self.downloads = Downloads(self.calls)
        self._poll = poll
        self._email = email
        self._inbox = inbox

    # --- Arguments --------------------------------------------------------------------------------------------------

    def account(self, email: str | None) -> str | None:
        """The account a call is for."""
        return checked_email(email) if email is not None else self._email

    def reply_url(self, given: str | None) -> str | None:
        """Where a submit has callbacks posted to: as this call says, or else to the session's inbox."""
        return self._inbox.url if given is None and self._inbox is not None else given

    def deadline(self, timeout: float | None) -> float | None:
        """The instant at which `timeout` seconds from now are over; only a running loop knows it.

        Raises:
            InvalidRequestError: It is no such number.
        """
        seconds = checked_timeout(timeout)
        return None if seconds is None else self.calls.transport.now() + seconds

    def policy(self, poll: PollPolicy | None) -> PollPolicy:
        """How often to look: as this call says, or else the session.

        Raises:
            InvalidRequestError: It is no such policy.
        """
        if poll is None:
            return self._poll
        if not isinstance(poll, PollPolicy):
            raise InvalidRequestError(f"poll must be a PollPolicy, got {poll!r:.80}")
        return poll

    def ref(self, task: TaskLike, email: str | None) -> TaskRef:
        """The reference of a task, however it was named.

        Raises:
            InvalidRequestError: It names none.
        """
        ref = _named(task)
        account = (None if email is None else checked_email(email)) or ref.email or self._email
        return ref if ref.email == account else attrs.evolve(ref, email=account)

    async def target(self, task: TaskLike, email: str | None, deadline: float | None) -> Task | TaskRef:
        """What to wait for: a task, or a reference with an id, found first if it has none."""
        ref = self.ref(task, email)
        if ref.task_id is None:
            if ref.reply_ref is None and ref.resource_url is None:
                raise InvalidRequestError(
                    "this task reference names no task: it has neither id nor reply ref nor resource URL"
                )
            return await self.submitter.resolve(ref, deadline=deadline)
        if not isinstance(task, Task):
            return ref
        return task if task.ref == ref else attrs.evolve(task, ref=ref)

    # --- Ways -------------------------------------------------------------------------------------------------------

    async def submit(
        self,
        resource_url: str,
        cover_url: str,
        *,
        max_jobs: int | None,
        reply_url: str | None,
        reply_ref: str | None,
        email: str | None,
        deadline: float | None,
    ) -> Task:
        """Submit an extraction: once, whatever happens."""
        request = requests.submit_motion(
            resource_url,
            cover_url,
            reply_ref=reply_ref if reply_ref is not None else new_reply_ref(),
            email=self.account(email),
            max_jobs=max_jobs,
            reply_url=self.reply_url(reply_url),
        )
        return await self.submitter.submit(request, reference(request, resource_url.strip()), deadline=deadline)

    async def look(self, ref: TaskRef) -> Task:
        """A task as it is now."""
        request = requests.get_task(known_id(ref), email=ref.email)
        return await self.calls.repeat(request, replies.task(ref))

    def wait(self, target: Task | TaskRef, deadline: float | None, policy: PollPolicy, method: str) -> Wait:
        """A wait that has not begun yet; `method` is what was called for it."""
        return Wait(
            self.calls,
            self.known,
            self.roster,
            target,
            policy=policy,
            deadline=deadline,
            method=method,
            inbox=self._inbox,
        )

    async def listed(self, task: Task, wait: Wait, on_cancel: OnCancel) -> Motion:
        """The motion of a task that was waited for, once it is listed."""
        async with wait.cared_for(on_cancel):
            return await listing.MotionSearch(self.calls, task, policy=wait.policy, deadline=wait.deadline).find()


def checked_timeout(timeout: float | None) -> float | None:
    """`timeout`, if it is a number of seconds that a call may take, or `None`.

    Raises:
        InvalidRequestError: It is not.
    """
    if timeout is None:
        return None
    if not is_limit(timeout):
        raise InvalidRequestError(
            f"timeout must be a number of seconds above 0, or None for no limit, got {timeout!r:.80}"
        )
    return timeout


def _named(task: TaskLike) -> TaskRef:
    """What a task was named by, as a reference."""
    if isinstance(task, Video):
        task = task.task
    if isinstance(task, Task):
        return task.ref if task.ref.task_id == task.id else attrs.evolve(task.ref, task_id=task.id)
    if isinstance(task, TaskRef):
        return task
    if isinstance(task, str):
        return TaskRef.parse(task)
    if isinstance(task, RunningTask):
        return TaskRef(task_id=_told(task.id, "entry in the list of running tasks"), email=task.email)
    if isinstance(task, Motion):
        return TaskRef(task_id=_told(task.task_id, "motion"))
    return TaskRef(task_id=checked_task_id(task))


def _told(task_id: int | None, what: str) -> int:
    if task_id is None:
        raise InvalidRequestError(f"this {what} has no task id, so it names no task")
    return task_id


def known_id(ref: TaskRef) -> int:
    """The id in a reference.

    Raises:
        InvalidRequestError: There is none yet.
    """
    if ref.task_id is None:
        raise InvalidRequestError(
            f"this task reference has no task id yet; {ref.wait_method}(ref) looks for the task first"
        )
    return ref.task_id
