"""The emulated service without its wire: no I/O, no event loop. `now` is seconds since the epoch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count

from klingmotion.emulator import refusals
from klingmotion.emulator.assets import Assets
from klingmotion.emulator.ledger import PLAIN_CLIP, Curtain, Ledger, Mark, Motion
from klingmotion.emulator.outcomes import Outcome
from klingmotion.emulator.refusals import Refused
from klingmotion.emulator.rules import Account, Lag, Rules
from klingmotion.emulator.sources import Sources
from klingmotion.emulator.tasks import Submission, Task, TaskState
from klingmotion.emulator.works import Work, Works

# Task and work ids are odd and beyond 2^53: read as a double, each turns into another number.
_FIRST_TASK, _FIRST_USER = 2**53 + 1, 40_001


class State:
    """Accounts and all they hold. Raises `Refused` where the service answers with an error."""

    def __init__(self, rules: Rules, accounts: Iterable[Account]) -> None:
        self.rules = rules
        self.assets = Assets(deduplicate=rules.deduplicate)
        self.ledgers: dict[str, Ledger] = {}
        self.tasks: dict[int, Task] = {}
        self.works = Works()
        self.sources = Sources(self.assets, self.works)
        self.outcomes: deque[Outcome] = deque()
        self.outcomes_by_url: dict[str, deque[Outcome]] = {}
        self.on_move: Callable[[Task], None] = _nobody
        self._curtain = Curtain(rules.scheduler_delay)
        self._marks: dict[int, Mark] = {}
        self._clean_curtain = Curtain(rules.clean_file_delay)
        self._clean_marks: dict[int, Mark] = {}
        self._due: list[tuple[float, int, Task]] = []
        self._last_ms = 0
        self._task_ids = count(_FIRST_TASK, 2)
        for number, account in enumerate(accounts):
            if account.email in self.ledgers:
                raise ValueError(f"two accounts are named {account.email}")
            self.ledgers[account.email] = Ledger(
                account, _FIRST_USER + number, Curtain(rules.history_delay), Curtain(rules.listing_delay)
            )

    def serve_at(self, origin: str) -> None:
        """Say where files will be found."""
        self.assets.origin = self.works.origin = origin

    def ledger(self, email: str | None) -> Ledger:
        """The ledger `email` names; it may be left out when there is one account only."""
        if email:
            if email not in self.ledgers:
                raise Refused(refusals.account_unknown(email))
            return self.ledgers[email]
        if len(self.ledgers) != 1:
            raise Refused(refusals.parameter_required("email"))
        return next(iter(self.ledgers.values()))

    def new_ms(self, now: float) -> int:
        """A time of birth. No two are equal, so that a listing paged by time can lose nothing."""
        self._last_ms = max(self._last_ms + 1, int(now * 1000))
        return self._last_ms

    # Tasks: coming and going

    def submit(self, ledger: Ledger, submission: Submission, max_jobs: int | None, now: float) -> Task:
        """Accept a submit, or refuse it as the service and then Kling behind it would."""
        self.settle(now)
        limit = ledger.account.max_jobs if max_jobs is None else max_jobs
        if len(ledger.running) >= limit:
            raise Refused(refusals.at_capacity(self.rules.retry_after, now))
        submission = self.sources.checked(ledger, submission)
        return self.add_task(ledger, submission, self._next_outcome(submission), now)

    def _next_outcome(self, submission: Submission) -> Outcome:
        for url in submission.urls:
            own = self.outcomes_by_url.get(url)
            if own:
                return own.popleft()
        return self.outcomes.popleft() if self.outcomes else Outcome()

    def add_task(
        self,
        ledger: Ledger,
        submission: Submission,
        outcome: Outcome,
        now: float,
        *,
        created: int | None = None,
    ) -> Task:
        """Create a task, whatever its submission says."""
        created = self.new_ms(now) if created is None else created
        film = self.sources.film(submission.resource_url)
        task = Task(
            id=next(self._task_ids),
            account=ledger.account.email,
            user_id=ledger.user_id,
            work_id=self.works.new_id(),
            submission=submission,
            outcome=outcome,
            progress=outcome.progress or self.rules.progress,
            created=created,
            updated=created,
            unseen=outcome.unseen,
            media=film.media if film else PLAIN_CLIP,
            film=film.blob if film else None,
        )
        self.tasks[task.id] = ledger.running[task.id] = task
        ledger.submitted += 1
        ledger.add_task(task, now)
        if self._curtain.lag != Lag():
            self._marks[task.id] = self._curtain.mark(now)
        if outcome.at_submit:
            self.end(task, now)
        else:
            self._plan(task, max(created / 1000, now))
        return task

    def begin(self, task: Task, now: float) -> None:
        """Let a task whose submit has been answered leave the states in which it spends no look at all."""
        while task.looks_due():
            self._move(task, task.next_state, now)

    def find_task(self, ledger: Ledger, task_id: int) -> Task | None:
        """The account's task, if it is still there."""
        task = self.tasks.get(task_id)
        return None if task is None or task.gone or task.account != ledger.account.email else task

    def vanish(self, task: Task, now: float) -> None:
        """Make a task answer 404 from now on."""
        task.gone = True
        if task.open:
            task.move("failed", now)
        self._stop_running(task)

    def delete(self, ledger: Ledger, task_id: int, now: float) -> list[int]:
        """Delete a task and its works; the ids of the works."""
        self.settle(now)
        task = self.find_task(ledger, task_id)
        if task is None or not task.has_work:
            motion = ledger.motion_of(task_id)
            if motion is None:
                raise Refused(refusals.no_works(task_id))
            work_id = motion.work_id
        else:
            task.gone = True
            work_id = task.work_id
        ledger.remove_work(work_id)
        self.works.remove(work_id)
        self._clean_marks.pop(work_id, None)
        return [work_id]

    # Tasks: looks and moves

    def look(self, ledger: Ledger, task_id: int, now: float) -> Task:
        """Find a task to show it; `looked` must follow when it has been shown."""
        self.settle(now)
        task = self.find_task(ledger, task_id)
        if task is None:
            raise Refused(refusals.task_missing(task_id))
        if task.unseen:
            task.unseen -= 1
            raise Refused(refusals.task_missing(task_id))
        if task.outcome.vanish_after is not None and task.looks >= task.outcome.vanish_after:
            self.vanish(task, now)
            raise Refused(refusals.task_missing(task_id))
        if not task.open and task.viewed is None:
            task.viewed = max(task.updated, int(now * 1000))
        return task

    def looked(self, task: Task, now: float) -> None:
        """Count a look that was answered, and make the moves it brings about."""
        task.looks += 1
        task.looks_here += 1
        self.begin(task, now)

    def settle(self, now: float) -> None:
        """Make every move whose time has come."""
        while self._due and self._due[0][0] <= now:
            due, _, task = heappop(self._due)
            if task.open and not task.gone:
                self._move(task, task.next_state, due)
                self._plan(task, due)

    @property
    def next_due(self) -> float | None:
        """When time will next move a task."""
        return self._due[0][0] if self._due else None

    def end(self, task: Task, now: float) -> None:
        """Bring an open task to the end scripted for it, at once."""
        if task.state == "submitted" and task.outcome.end == "succeed":
            task.move("processing", now)
        self._move(task, task.outcome.end, now)

    def _plan(self, task: Task, since: float) -> None:
        stay = task.seconds_here()
        if stay is not None:
            heappush(self._due, (since + stay, task.id, task))

    def _move(self, task: Task, state: TaskState, at: float) -> None:
        task.move(state, at)
        if not task.open:
            self._stop_running(task)
            if task.has_work:
                self._bring_forth(task, at)
        if task.tracked and (self.rules.callbacks == "progress" or not task.open):
            self.on_move(task)

    def _stop_running(self, task: Task) -> None:
        self.ledgers[task.account].running.pop(task.id, None)
        self._marks.pop(task.id, None)

    # The scheduler

    def running(self, now: float, *, look: bool = True) -> list[Task]:
        """Tasks the scheduler shows as tracked, of all accounts."""
        self.settle(now)
        shown = [
            task
            for ledger in self.ledgers.values()
            for task in ledger.running.values()
            if task.id not in self._marks or self._curtain.shows(self._marks[task.id], now)
        ]
        if look:
            self._curtain.looked()
        return shown

    def untrack(self, task_id: int, now: float) -> None:
        """Stop tracking: no callbacks, no slot taken; Kling works on."""
        self.settle(now)
        task = self.tasks.get(task_id)
        if task is None or task_id not in self.ledgers[task.account].running:
            raise Refused(refusals.not_running(task_id))
        task.tracked = False
        self._stop_running(task)

    # Works

    def _bring_forth(self, task: Task, at: float) -> None:
        if self._clean_curtain.lag != Lag():
            self._clean_marks[task.work_id] = self._clean_curtain.mark(at)
        if task.submission.image_url is not None:
            self.works.make_video(task, self.new_ms(at))
            return
        asset = self.assets.at(task.submission.resource_url)
        motion = self.works.bring_forth(task, asset, self.new_ms(at))
        if task.outcome.listed:
            self.ledgers[task.account].add_motion(motion, at)

    def clean_works(self, ledger: Ledger, work_ids: Iterable[int], now: float) -> list[Work]:
        """The account's works whose clean files are asked for; a fault as long as one of them is not ready."""
        self.settle(now)
        found = [self.works.get(work_id) for work_id in dict.fromkeys(work_ids)]
        works = [work for work in found if work is not None and work.account == ledger.account.email]
        if len(works) < len(found):
            raise Refused(refusals.parameters_invalid())
        marks = [self._clean_marks[work.work_id] for work in works if work.work_id in self._clean_marks]
        ready = all(self._clean_curtain.shows(mark, now) for mark in marks)
        self._clean_curtain.looked()
        if not ready:
            raise Refused(refusals.server_fault())
        for work in works:
            self._clean_marks.pop(work.work_id, None)
        return works

    def add_motion(
        self,
        ledger: Ledger,
        name: str,
        now: float,
        *,
        task_id: int | None = None,
        source_url: str | None = None,
    ) -> Motion:
        """Enter a motion made elsewhere; it is listed at once."""
        task_id = next(self._task_ids) if task_id is None else task_id
        motion = self.works.add(name, ledger.account.email, task_id, source_url, self.new_ms(now))
        ledger.list_motion(motion)
        return motion


def _nobody(task: Task) -> None:
    del task
