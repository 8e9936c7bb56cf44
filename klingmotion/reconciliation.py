"""The search for the task of a submit whose outcome is unclear."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs

from klingmotion import replies, requests
from klingmotion.calls import Calls, logger
from klingmotion.errors import KlingMotionError, SubmitUncertainError
from klingmotion.evidence import Evidence, Listing, Verdict, since, until
from klingmotion.history import History
from klingmotion.known_tasks import KnownTasks
from klingmotion.models import Json, RunningTask, Task
from klingmotion.refs import TaskRef
from klingmotion.requests import Request
from klingmotion.retry import poll
from klingmotion.webhooks import WebhookInbox
from klingmotion.witnesses import Witnesses

T = TypeVar("T")

#: Tasks that are looked at in one reading because the list does not say what they are made of.
_MOST_UNTOLD = 20

#: Seconds since the submit, at most, of which all tasks are looked through before one is taken for absent, whatever
#: time the list gives them: clocks may be wrong.
_MOST_LATEST = 3600.0

#: Seconds by which those clocks that measure how long it has been may differ.
_SLACK = 60.0

#: Readings after the settle window that a task which shows only then may still take to be confirmed.
_LAST_ROUNDS = 4


class Search:
    """Looks for one task until it is found or the settle window has passed and two more readings agree.

    Args:
        sent: The instant of the submit on the transport's clock.
        unclear: The instant at which its outcome became unclear, where that is known: a submit may be under way for
            long before.
        settle: How long after that a task may still turn up.
        patience: How long from now lists that settle nothing are read again: unreadable ones, or if `insist`, all
            that do not prove the task absent.
        inbox: Where a callback may have named the task.
    """

    def __init__(
        self,
        calls: Calls,
        known: KnownTasks,
        ref: TaskRef,
        *,
        sent: float,
        settle: float,
        unclear: float | None = None,
        deadline: float | None = None,
        patience: float = 0.0,
        insist: bool = False,
        inbox: WebhookInbox | None = None,
    ) -> None:
        self._calls = calls
        self._known = known
        self._ref = ref
        self._deadline = deadline
        self._sent = sent
        self._evidence = Evidence(ref)
        start, end = (since(ref.sent_at), until(ref.sent_at)) if ref.sent_at else (None, None)
        self._history = History(self._read, email=ref.email, start=start, end=end)
        self._witnesses = Witnesses(calls, known, ref, settle=settle, deadline=deadline, read=self._read)
        self._listed = False
        self._settle = settle
        self._settled = (sent if unclear is None else unclear) + settle
        self._insist = insist
        self._inbox = inbox
        self._patience_ends = calls.transport.now() + patience
        #: Tasks that were looked at because a list does not say what they are made of.
        self._seen: dict[int, Task] = {}
        #: Tasks that were looked at because something names them under our mark.
        self._named: dict[int, Task] = {}
        self._rounds = 0
        self._rounds_after = 0
        self._readable_after = 0
        self._last_error: KlingMotionError | None = None

    async def find(self) -> Task:
        """The task.

        Raises:
            SubmitUncertainError: It is not there, or not there for certain, or several tasks may be it.
        """
        verdict = await poll(self._round, interval=self._interval, sleep=self._calls.sleep)
        if verdict.task_id is None:
            raise self._uncertain(verdict)
        return await self._adopt(verdict.task_id)

    # --- one reading ------------------------------------------------------------------------------------------------

    async def _round(self) -> Verdict | None:
        verdict = await self._called_back() or await self._reading()
        if verdict is not None and verdict.task_id is not None:  # before another search of this session can take it too
            self._known.submitted(attrs.evolve(self._ref, task_id=verdict.task_id), self._sent)
        return verdict

    async def _called_back(self) -> Verdict | None:
        """The task that a callback named under our mark, if a look bears that out: anyone can post one."""
        task_id = None if self._inbox is None else self._inbox.task_of(self._ref.reply_ref)
        if task_id is None or task_id in self._strangers or self._is_older(task_id):
            return None
        seen = await self._named_under_mark(task_id)
        if seen is None or not self._evidence.bears_out(seen) or not self._evidence.is_of_our_time(seen):
            return None
        return Verdict((task_id,))

    def _is_older(self, task_id: int) -> bool:
        """Whether a task is known from before the submit: a mark of the caller's own may be used twice."""
        return self._known.has_met(task_id, self._sent)

    async def _named_under_mark(self, task_id: int) -> Task | None:
        """The task behind an id that something names under our mark, if it can be looked at."""
        if task_id not in self._named:
            ref = attrs.evolve(self._ref, task_id=task_id)
            seen = await self._read(requests.get_task(task_id, email=ref.email), replies.task(ref))
            if seen is None:
                return None
            self._named[task_id] = seen
        return self._named[task_id]

    @property
    def _strangers(self) -> frozenset[int]:
        return self._known.strangers_to(self._ref, self._sent)

    async def _running(self) -> tuple[RunningTask, ...] | None:
        """The list of running tasks, without older ones that bear our mark and are made of something else."""
        running = await self._read(requests.list_running(), replies.running)
        if running is None:
            return None
        older = [one for one in self._evidence.marked(running) if self._is_older(one)]
        seen = [await self._named_under_mark(one) for one in older]
        others = {task.id for task in seen if task is not None and not self._evidence.bears_out(task)}
        return tuple(task for task in running if task.id not in others)

    async def _reading(self) -> Verdict | None:
        settled = self._calls.transport.now() >= self._settled
        running = await self._running()
        marked = self._evidence.marked(running or ())
        listing = None if marked else await self._listing(settled=settled)
        strangers = self._strangers
        verdict = self._evidence.add(
            running, listing, strangers=strangers, alone=self._known.is_alone(self._ref), settled=settled
        )
        self._listed = listing is not None and self._evidence.absent and await self._is_nowhere(listing)
        self._rounds += 1
        self._rounds_after += settled
        self._readable_after += settled and listing is not None
        return verdict or (self._last_word() if self._is_over() else None)

    async def _is_nowhere(self, listing: Listing) -> bool:
        """Whether the list is one that would show it, and does not show it under another time either."""
        if not await self._witnesses.are_listed(listing):
            return False
        elapsed = self._calls.transport.now() - self._sent + _SLACK
        latest = await self._history.latest(min(elapsed, _MOST_LATEST))
        return latest is not None and not self._evidence.shows_elsewhere(latest, self._strangers)

    def _is_over(self) -> bool:
        now = self._calls.transport.now()
        if self._calls.closed or (self._deadline is not None and now >= self._deadline):
            return True
        unconfirmed = len(self._evidence.candidates) == 1 and not self._evidence.is_confirmed
        if unconfirmed and self._rounds_after < _LAST_ROUNDS:
            return False  # it showed only just now and wants a second reading
        if self._insist and not self._is_absent:
            return self._rounds_after >= 2 and now >= self._patience_ends
        return self._readable_after >= 2 or (self._rounds_after >= 2 and now >= self._patience_ends)

    @property
    def _is_absent(self) -> bool:
        return self._evidence.absent and self._listed

    def _last_word(self) -> Verdict:
        certain = self._evidence.is_confirmed and self._known.is_alone(
            self._ref
        )  # the marks could not be read all the time
        return Verdict(self._evidence.candidates, absent=self._is_absent, unconfirmed=not certain)

    def _interval(self) -> float:
        """Doubling from a sixtieth of the window to a sixth, with a reading right at its end."""
        transport = self._calls.transport
        wait = min(self._settle / 60 * 2.0 ** min(self._rounds - 1, 30), self._settle / 6)
        left = self._settled - transport.now()
        # After the window two readings follow at once; whoever insists on more goes on at a slow pace.
        wait = min(wait, left) if left > 0 else (self._settle / 60 if self._rounds_after < _LAST_ROUNDS else wait)
        wait = max(wait, self._calls.pauses.remaining(requests.list_running(), transport.now()))
        return self._calls.within(wait, self._deadline)

    async def _read(self, request: Request, reader: Callable[[Json], T]) -> T | None:
        try:
            return await self._calls.once(request, reader, deadline=self._deadline)
        except KlingMotionError as error:
            if self._calls.closed:
                return None
            self._last_error = error
            logger.info("while looking for an unclear submit: %s", error)
            return None

    async def _listing(self, *, settled: bool) -> Listing | None:
        """Whole at first and after the settle window, short in between."""
        listing = await (self._history.whole() if settled or self._rounds == 0 else self._history.short())
        if listing is None:
            return None
        listing = attrs.evolve(listing, tasks=await self._told(listing.tasks))
        self._known.note_listing(listing.tasks, self._ref.email)
        if settled and listing.complete and not await self._witnesses.bear_out(listing):
            return attrs.evolve(listing, complete=False)
        return listing

    async def _told(self, tasks: tuple[Task, ...]) -> tuple[Task, ...]:
        """The tasks of a list, with what they are made of where it does not say so and they may be ours."""
        untold = self._evidence.untold(tasks, self._strangers)
        for task in [task for task in untold if task.id not in self._seen][:_MOST_UNTOLD]:
            ref = TaskRef(task_id=task.id, email=self._ref.email)
            seen = await self._read(requests.get_task(task.id, email=ref.email), replies.task(ref))
            if seen is not None:
                self._seen[task.id] = attrs.evolve(seen, created_at=seen.created_at or task.created_at)
        ids = {task.id for task in untold}
        return tuple(self._seen.get(task.id, task) if task.id in ids else task for task in tasks)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def _adopt(self, task_id: int) -> Task:
        ref = attrs.evolve(self._ref, task_id=task_id)
        logger.info("an unclear submit was accepted", extra={"task_id": task_id, "reply_ref": ref.reply_ref})
        seen = await self._named_under_mark(task_id)
        return seen or Task(id=task_id, ref=ref)  # known to exist; the wait will see the rest

    def _uncertain(self, verdict: Verdict) -> SubmitUncertainError:
        video = self._ref.resource_url or "a video"
        if verdict.candidates:
            ids = ", ".join(map(str, verdict.candidates))
            found = (
                f"tasks {ids} match and the one that is ours cannot be told"
                if len(verdict.candidates) > 1
                else f"task {ids} may be it"
            )
        elif verdict.absent:
            found = "everything points to it not having been accepted"
        else:
            found = "the lists of tasks do not settle it"
        error = SubmitUncertainError(
            f"it is unknown whether the submit of {video} (reply ref {self._ref.reply_ref}) was accepted: {found}."
            f" It was not sent again; {self._ref.wait_method}(error.ref) looks for it again",
            ref=self._ref,
            absent=verdict.absent,
            candidates=verdict.candidates,
        )
        error.last_error = self._last_error
        return error
