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


class Witnesses:
    """The tasks that vouch for the list in which the submit behind `ref` is looked for.

    Those submitted less than `settle` seconds ago need not be listed yet. `read` is that of `History`.
    """

    def __init__(self, calls: Calls, known: KnownTasks, ref: TaskRef, *, settle: float, read: Read) -> None:
        self._calls = calls
        self._known = known
        self._ref = ref
        self._settle = settle
        self._read = read
        #: Whether a listing of the search has shown one of them.
        self._seen = False
        #: Those that no list has to show: they are gone, have failed, or were created at another time.
        self._excused: set[int | None] = set()

    async def bear_out(self, listing: Listing) -> bool:
        """Whether a listing lacks none of the account's tasks that were submitted around the time it is of."""
        self._seen = self._seen or self._known.shows(listing.tasks, self._ref)
        if self._ref.sent_at is None:
            return True
        shown = {task.id for task in listing.tasks}
        start, end = since(self._ref.sent_at), until(self._ref.sent_at)
        for witness in self._all():
            if witness.email != self._ref.email or witness.task_id in shown | self._excused:
                continue
            if witness.sent_at is None or not start <= witness.sent_at <= end:
                continue
            try:
                task = await self._visit(witness)
            except KlingMotionError:
                return False
            if task is not None and (task.created_at is None or start <= task.created_at <= end):
                return False
            self._excused.add(witness.task_id)
        return True

    async def are_listed(self) -> bool:
        """Whether tasks of this kind are listed at all: as one of them shows now, else as one has shown before."""
        if self._seen:
            return True
        witness = max(self._all(), key=self._worth, default=None)
        try:
            task = None if witness is None else await self._visit(witness)
        except KlingMotionError as error:
            if is_passing(error):
                return False
            task = None  # an account that can do no more says nothing
        if witness is None or task is None or task.created_at is None:
            return self._known.is_listed(self._ref)
        history = History(self._read, email=witness.email, start=None, end=None)
        found = await history.around(task.created_at)
        if found is None:
            return False
        self._known.note_listing(found)
        self._seen = self._known.shows(tuple(other for other in found if other.id == task.id), self._ref)
        return self._seen

    def _all(self) -> list[TaskRef]:
        transport = self._calls.transport
        settled = transport.utcnow() - timedelta(seconds=self._settle)
        return self._known.submitted_before(self._ref, transport.now() - self._settle, settled)

    def _worth(self, witness: TaskRef) -> tuple[bool, datetime]:
        """The account's own before those of others, and late ones before early ones."""
        return witness.email == self._ref.email, witness.sent_at or datetime.min.replace(tzinfo=UTC)

    async def _visit(self, ref: TaskRef) -> Task | None:
        """The task; `None` if it is gone or has failed, as those that are gone have mostly."""
        if ref.task_id is None:
            return None
        request = requests.get_task(ref.task_id, email=ref.email)
        try:
            task = await self._calls.once(request, replies.task(ref))
        except (NotFoundError, GoneError):
            return None
        return None if task.deleted or (task.is_final and not task.succeeded) else task
