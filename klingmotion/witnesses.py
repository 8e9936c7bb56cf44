"""Tasks known to exist, and what they say of a list of tasks: one that lacks any of them is not whole.

What GET /tasks lists, and how soon, is not documented. A submit is taken for absent only where the list proves itself.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from klingmotion import replies, requests
from klingmotion.calls import Calls
from klingmotion.errors import GoneError, KlingMotionError, NotFoundError
from klingmotion.evidence import Listing, since, until
from klingmotion.history import History, Read
from klingmotion.known_tasks import KnownTasks
from klingmotion.models import Task
from klingmotion.refs import TaskRef
from klingmotion.refusals import is_passing
from klingmotion.videos import is_of_kind, task_type
from klingmotion.wire import input_urls

#: Tasks that are visited in one reading, and the latest ones that are asked for.
_MOST_VISITS, _LATEST = 20, 3


class Witnesses:
    """The tasks that vouch for the list in which the submit behind `ref` is looked for.

    Those submitted less than `settle` seconds ago need not be listed yet. `read` is that of `History`.
    """

    def __init__(
        self,
        calls: Calls,
        known: KnownTasks,
        ref: TaskRef,
        *,
        settle: float,
        deadline: float | None,
        read: Read,
    ) -> None:
        self._calls = calls
        self._known = known
        self._ref = ref
        self._settle = settle
        self._deadline = deadline
        self._read = read
        #: Whether a listing of the search has shown one of them.
        self._seen = False
        #: Those that this list need not show: they are gone, or were created at another time.
        self._excused: set[int | None] = set()

    async def bear_out(self, listing: Listing) -> bool:
        """Whether a listing lacks none of the account's tasks that were submitted around the time it is of."""
        self._seen = self._seen or self._known.shows(listing.tasks, self._ref)
        if self._ref.sent_at is None:
            return True
        settled = self._excused.union(task.id for task in listing.tasks)
        start, end = since(self._ref.sent_at), until(self._ref.sent_at)
        visits = 0
        for witness in self._all():
            if witness.email != self._ref.email or witness.task_id in settled:
                continue
            if witness.sent_at is None or not start <= witness.sent_at <= end:
                continue
            visits += 1
            if visits > _MOST_VISITS:
                return False  # the next reading goes on
            try:
                task = await self._visit(witness)
            except KlingMotionError:
                return False
            if task is not None and (task.created_at is None or start <= task.created_at <= end):
                return False
            if task is not None and not _is_of_its_time(task, witness):
                return False  # our clock or theirs is off, and the list is not of the time of the submit
            self._excused.add(witness.task_id)
        return True

    async def are_listed(self, listing: Listing) -> bool:
        """Whether the account's tasks of this kind are listed at all: one that is known to exist has to show.

        If the account has none, one of another account will do where the account's own list shows tasks of the kind.
        The same goes for one of its own that was listed before, if the latest ones are gone.
        """
        if self._seen:
            return True
        now = self._calls.transport.utcnow()  # what was sent later than that was sent by a clock that was ahead
        latest = sorted((one for one in self._all() if _sent_at(one) <= now), key=_sent_at, reverse=True)
        own = [witness for witness in latest if witness.email == self._ref.email]
        for witness in own[:_LATEST]:
            found = await self._is_shown(witness)
            if found is not None:
                self._seen = found
                return found
        before = self._known.is_listed(self._ref) if own or not latest else await self._is_shown(latest[0])
        self._seen = bool(before) and await self._shows_any(listing)
        return self._seen

    async def _is_shown(self, witness: TaskRef) -> bool | None:
        """Whether the list of its account shows a task, in the place where it belongs; `None` if the task is gone."""
        try:
            task = await self._visit(witness)
        except KlingMotionError as error:
            # An account that can do no more says nothing, unless it is the one in question.
            return False if is_passing(error) or witness.email == self._ref.email else None
        if task is None or task.created_at is None:
            return None
        if not _is_of_its_time(task, witness):
            return False
        found = await self._around(task.created_at, witness.email)
        return self._known.shows(tuple(other for other in found if other.id == task.id), self._ref)

    async def _shows_any(self, listing: Listing) -> bool:
        """Whether the account's own list shows any task of this kind, and what it was made of."""
        start = None if self._ref.sent_at is None else since(self._ref.sent_at)
        older = () if start is None else await self._around(start, self._ref.email)
        named = (task for task in listing.tasks + older if task_type(task) is not None and input_urls(task.info))
        return any(is_of_kind(task, self._ref) for task in named)

    async def _around(self, instant: datetime, email: str | None) -> tuple[Task, ...]:
        return await History(self._read, email=email, start=None, end=None).around(instant) or ()

    def _all(self) -> list[TaskRef]:
        transport = self._calls.transport
        settled = transport.utcnow() - timedelta(seconds=self._settle)
        return self._known.submitted_before(self._ref, transport.now() - self._settle, settled)

    async def _visit(self, ref: TaskRef) -> Task | None:
        """The task; `None` if it is gone or has failed, as those that are gone have mostly."""
        if ref.task_id is None:
            return None
        request = requests.get_task(ref.task_id, email=ref.email)
        try:
            task = await self._calls.once(request, replies.task(ref), deadline=self._deadline)
        except (NotFoundError, GoneError):
            return None
        if task.is_final and not task.succeeded:
            self._known.note_over(task.id)
            return None
        return None if task.deleted else task


def _is_of_its_time(task: Task, witness: TaskRef) -> bool:
    """Whether the server has noted about the time at which a task was submitted by the local clock."""
    created, sent = task.created_at, witness.sent_at
    return created is None or sent is None or since(sent) <= created <= until(sent)


def _sent_at(witness: TaskRef) -> datetime:
    return witness.sent_at or datetime.min.replace(tzinfo=UTC)
