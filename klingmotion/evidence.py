"""What the two lists of the API prove about a submit whose outcome is unclear. No I/O.

There is no idempotency key, so the task is recognised by what it carries: the reply ref in the list of running tasks,
or type, video and time in the list of tasks (HTTP contract, section 5.2).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import define, field, frozen

from klingmotion.links import same_path, same_url
from klingmotion.models import EXTRACTION_TYPE, RunningTask, Task
from klingmotion.refs import TaskRef
from klingmotion.videos import task_type
from klingmotion.wire import input_urls

#: How far the server's clock may be off.
CLOCK_SKEW = timedelta(minutes=10)

#: How far a clock may be off that was set to the wrong hour, or zone, or stood still with its machine.
CLOCK_ERROR = timedelta(days=1)

#: How long a submit may be under way before its task is created.
LATEST = timedelta(minutes=20)


@frozen
class Listing:
    """The tasks created since a time, and whether that is certainly all of them."""

    tasks: tuple[Task, ...]
    complete: bool


@frozen
class Verdict:
    """The end of a search: one task, or several that cannot be told apart, or none."""

    candidates: tuple[int, ...] = ()
    absent: bool = False
    #: The search ended before a single candidate could be seen twice.
    unconfirmed: bool = False

    @property
    def task_id(self) -> int | None:
        """The task, if it is certain which."""
        return self.candidates[0] if len(self.candidates) == 1 and not self.unconfirmed else None


@define
class Evidence:
    """What is known so far about the submit behind `ref`."""

    ref: TaskRef
    #: Several tasks at the last reading, or one that still has to be confirmed.
    candidates: tuple[int, ...] = field(default=(), init=False)
    #: How many readings in a row had these very candidates.
    _agreeing: int = field(default=0, init=False)
    _misses: int = field(default=0, init=False)
    #: Ids that were seen under another mark: they stay another's after they have left the list.
    _others: frozenset[int | None] = field(default=frozenset(), init=False)

    def add(
        self,
        running: tuple[RunningTask, ...] | None,
        listing: Listing | None,
        *,
        strangers: frozenset[int] = frozenset(),
        alone: bool = True,
        settled: bool,
    ) -> Verdict | None:
        """Take in one reading of both lists (`None` where one could not be read); the verdict, once there is one.

        A reply ref decides at once. A video alone has to be the only match twice in a row, because a task another
        process made for the same video may show first; marks have to be readable, and no other submit of the video
        under way here (`alone`). `strangers` are ids that are certainly not it. A miss counts only after the settle
        window, in complete lists that leave no entry unexplained.
        """
        if marked := self.marked(running or ()):
            return Verdict(marked)
        self._others |= {task.id for task in running or () if task.reply_ref and task.reply_ref != self.ref.reply_ref}
        if listing is None:
            return None
        before, self.candidates = self.candidates, self._alike(listing.tasks, strangers)
        self._agreeing = self._agreeing + 1 if self.candidates == before else 1
        if running is not None and alone and self.is_confirmed:
            return Verdict(self.candidates)
        missed = settled and listing.complete and not self.candidates and running is not None
        missed = missed and not self._may_hold_it(listing.tasks, strangers)
        explained = strangers | {task.id for task in listing.tasks}
        self._misses = self._misses + 1 if missed and not self._unexplained(running or (), explained) else 0
        return None

    @property
    def is_confirmed(self) -> bool:
        """Whether one and the same task was the only match twice in a row."""
        return len(self.candidates) == 1 and self._agreeing >= 2

    @property
    def absent(self) -> bool:
        """Whether two complete readings in a row after the settle window did not have it."""
        return self._misses >= 2

    def _unexplained(self, running: tuple[RunningTask, ...], explained: frozenset[int]) -> bool:
        """Whether an entry without a mark, or ours without an id, may be it."""
        return any(
            (task.id is None or task.id not in explained)
            for task in running
            if task.reply_ref in (None, "", self.ref.reply_ref) and self._is_our_account(task)
        )

    def marked(self, running: tuple[RunningTask, ...]) -> tuple[int, ...]:
        """Ids listed under our reply ref and account: proof that needs no second list."""
        if self.ref.reply_ref is None:
            return ()
        mine = {task.id for task in running if task.reply_ref == self.ref.reply_ref and self._is_our_account(task)}
        return tuple(sorted(task_id for task_id in mine if task_id is not None))

    def _is_our_account(self, task: RunningTask) -> bool:
        theirs, ours = task.email, self.ref.email
        return theirs is None or ours is None or theirs.strip().lower() == ours.strip().lower()

    def _alike(self, tasks: tuple[Task, ...], strangers: frozenset[int]) -> tuple[int, ...]:
        """Ids of tasks made of our inputs since we sent them, without those another submit has a mark on."""
        if not self._inputs:
            return ()
        fitting = {task.id for task in tasks if self._fits(task)}
        return tuple(sorted(fitting - self._others - strangers))

    def bears_out(self, task: Task) -> bool:
        """Whether a task named under our mark, which may be used twice, is of our inputs, as far as it tells."""
        return not input_urls(task.info) or not self._inputs or self._may_be_made_of_ours(task)

    def shows_elsewhere(self, tasks: tuple[Task, ...], strangers: frozenset[int]) -> bool:
        """Whether one of the tasks may be it, were our clock off by no more than a day when it was submitted."""
        earliest = None if self.ref.sent_at is None else self.ref.sent_at - CLOCK_ERROR
        others = strangers | self._others
        return any(
            task.id not in others and self._may_be_made_of_ours(task)
            for task in tasks
            if earliest is None or task.created_at is None or task.created_at >= earliest
        )

    def _may_hold_it(self, tasks: tuple[Task, ...], strangers: frozenset[int]) -> bool:
        """Whether a task that is no candidate may be it all the same: too little to adopt it, too much to send again.

        It may be too late only because our clock is far behind. Its URL may have been signed anew, or lead to another
        of the service's hosts, or stand in another place or under another type than is documented. Or nothing is told
        of what it was made of.
        """
        others = strangers | self._others
        return bool(self.untold(tasks, strangers)) or any(
            self._may_be_made_of_ours(task) for task in tasks if task.id not in others and not self._is_too_early(task)
        )

    def untold(self, tasks: tuple[Task, ...], strangers: frozenset[int]) -> list[Task]:
        """Those that may be it, by kind and time, and of which a list does not say what they were made of."""
        others = strangers | self._others
        return [
            task
            for task in tasks
            if not input_urls(task.info) and task.id not in others and self.is_of_our_time(task)
            if task_type(task) is None or (task_type(task) == EXTRACTION_TYPE) == (self.ref.image_url is None)
        ]

    def _may_be_made_of_ours(self, task: Task) -> bool:
        urls, ours = input_urls(task.info), self._inputs
        found = bool(ours) and all(any(same_path(url, own) for url in urls) for own in ours)
        is_ours_by_type = (task_type(task) in (None, EXTRACTION_TYPE)) == (self.ref.image_url is None)
        return found and (is_ours_by_type or len(urls) == len(ours))  # others may make more of the same

    def _fits(self, task: Task) -> bool:
        return self._is_made_of_ours(task) and self.is_of_our_time(task)

    def is_of_our_time(self, task: Task) -> bool:
        """Whether it was created around the submit, as far as it tells."""
        return not self._is_too_early(task) and not self._is_too_late(task)

    def _is_too_early(self, task: Task) -> bool:
        sent, created = self.ref.sent_at, task.created_at
        return sent is not None and created is not None and created < since(sent)

    def _is_too_late(self, task: Task) -> bool:
        sent, created = self.ref.sent_at, task.created_at
        return sent is not None and created is not None and created > until(sent)

    def _is_made_of_ours(self, task: Task) -> bool:
        kind, urls = task_type(task), input_urls(task.info)
        if self.ref.image_url is None:
            return kind in (None, EXTRACTION_TYPE) and any(same_url(url, self.ref.resource_url) for url in urls[:1])
        # How the inputs of a video task are ordered is not documented, nor what its type is called.
        return kind != EXTRACTION_TYPE and all(any(same_url(url, own) for url in urls) for own in self._inputs)

    @property
    def _inputs(self) -> set[str]:
        """What it is to be made of."""
        return {url for url in (self.ref.image_url, self.ref.resource_url) if url is not None}


def until(sent_at: datetime) -> datetime:
    """The latest time the server may have noted for it."""
    return sent_at + CLOCK_SKEW + LATEST


def since(sent_at: datetime) -> datetime:
    """The earliest time the server may have noted for something sent at `sent_at`."""
    return sent_at - CLOCK_SKEW
