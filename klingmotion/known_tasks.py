"""The tasks this session has met: since when, by which reply ref it submitted them, and what their ends have taught."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from attrs import define, evolve, field, frozen

from klingmotion.links import same_url
from klingmotion.models import Task
from klingmotion.refs import TaskRef
from klingmotion.videos import is_of_kind, makes_video
from klingmotion.wire import input_urls

#: Seconds after which a task is forgotten, so that memory stays flat. Longer than twice what the server's clock may be
#: off and what a submit may take together: an older task is no candidate for an unclear submit anyway.
_MEMORY = 1800.0

_CHECK_EVERY = 256


@frozen
class Acquaintance:
    """When a task was first met, and what it was submitted with here, if it was."""

    since: float
    ref: TaskRef | None = None
    #: Known to have failed, or to have been deleted here: no list has to show it any more.
    is_over: bool = False

    @property
    def reply_ref(self) -> str | None:
        """The mark of its submit."""
        return None if self.ref is None else self.ref.reply_ref

    @property
    def resource_url(self) -> str | None:
        """The video it was made of, where that is known."""
        return None if self.ref is None else self.ref.resource_url


#: How many ends are remembered, and from how many on they count.
_ENDS, _ENOUGH = 100, 20

#: The share of them that is hardly any.
_HARDLY_ANY = 0.03


@define
class Past:
    """What the ends of tasks of one kind have taught a session."""

    #: The age at which hardly any has ended yet; `None` until enough are known.
    quiet: float | None = None
    #: The unit, in seconds, in which the server's estimates were believed to the end of the last one, if they were.
    eta_unit: float | None = None
    _unfinished: deque[float] = field(factory=lambda: deque(maxlen=_ENDS), init=False)

    def note_end(self, unfinished: float) -> None:
        """Learn of the end, good or bad, of a task that was not over at the age `unfinished`."""
        self._unfinished.append(unfinished)
        known = len(self._unfinished)
        if known >= _ENOUGH:
            self.quiet = sorted(self._unfinished)[int(_HARDLY_ANY * known)]


@define
class KnownTasks:
    """What a session remembers of tasks. Times are on the transport's monotonic clock."""

    _met: dict[int, Acquaintance]
    #: How many there are when those of long ago are looked for next.
    _checked_at: int = field(default=_CHECK_EVERY, init=False)
    #: Submits under way, by what they were made of: while there are two of the same, a task of it may be either's.
    _under_way: Counter[tuple[str | None, str | None]] = field(factory=Counter)
    #: By whether they make a video.
    _pasts: defaultdict[bool, Past] = field(factory=lambda: defaultdict(Past))
    #: The accounts and kinds of which a list of tasks has ever shown one of these, by email and whether they make a
    #: video: whether it lists extractions at all is not documented.
    _listed: set[tuple[str | None, bool]] = field(factory=set)

    @classmethod
    def none(cls) -> KnownTasks:
        """Of a new session."""
        return cls({})

    def meet(self, task_id: int, now: float) -> None:
        """Note a task that was submitted elsewhere or earlier."""
        self._met.setdefault(task_id, Acquaintance(now))
        if len(self._met) >= self._checked_at:
            self._met = {key: met for key, met in self._met.items() if now - met.since < _MEMORY}
            self._checked_at = len(self._met) + _CHECK_EVERY

    def submitted(self, ref: TaskRef, now: float) -> None:
        """Note a task that this session submitted `now`."""
        if ref.task_id is not None:
            self.meet(ref.task_id, now)
            self._met[ref.task_id] = Acquaintance(now, ref, is_over=self._met[ref.task_id].is_over)

    def note_over(self, task_id: int) -> None:
        """Note that a task has failed, or was deleted by this session."""
        if (met := self._met.get(task_id)) is not None:
            self._met[task_id] = evolve(met, is_over=True)

    @contextmanager
    def submitting(self, ref: TaskRef) -> Iterator[None]:
        """Count a submit as under way, until it is known what became of it."""
        inputs = ref.resource_url, ref.image_url
        self._under_way[inputs] += 1
        try:
            yield
        finally:
            self._under_way[inputs] -= 1
            self._under_way += Counter()  # forgets what has come down to nothing

    def is_alone(self, ref: TaskRef) -> bool:
        """Whether no other submit of the same inputs is under way in this session."""
        return self._under_way[ref.resource_url, ref.image_url] <= 1

    def has_met(self, task_id: int, until: float) -> bool:
        """Whether it was submitted by this session, or met, up to an instant."""
        met = self._met.get(task_id)
        return met is not None and met.since <= until

    def submitted_at(self, task_id: int) -> float | None:
        """When this session submitted it, if it did."""
        met = self._met.get(task_id)
        return met.since if met is not None and met.reply_ref is not None else None

    def past(self, ref: TaskRef) -> Past:
        """What earlier tasks of that kind have taught."""
        return self._pasts[_asks_for_video(ref)]

    def strangers_to(self, ref: TaskRef, sent: float) -> frozenset[int]:
        """Ids that cannot be the task of a submit sent at `sent` under `ref`: met before, or another submit's."""
        return frozenset(
            task_id
            for task_id, met in self._met.items()
            if (met.since < sent if met.reply_ref is None else met.reply_ref != ref.reply_ref)
        )

    def submitted_before(self, ref: TaskRef, now: float, time: datetime) -> list[TaskRef]:
        """Tasks of that kind that are not over and were submitted before an instant, or a time of the local clock."""
        return [
            met.ref
            for met in self._met.values()
            if not met.is_over
            and met.ref is not None
            and met.ref.sent_at is not None
            and _asks_for_video(met.ref) == _asks_for_video(ref)
            if met.since <= now or met.ref.sent_at <= time
        ]

    def is_listed(self, ref: TaskRef) -> bool:
        """Whether tasks of that account and kind are known to be listed."""
        return (ref.email, _asks_for_video(ref)) in self._listed

    def note_listed(self, ref: TaskRef) -> None:
        """Note that tasks of that account and kind are listed."""
        self._listed.add((ref.email, _asks_for_video(ref)))

    def note_listing(self, tasks: tuple[Task, ...], email: str | None) -> None:
        """Learn from an account's list which kinds it shows: those of which one known to exist is recognised there."""
        self._listed |= {(email, makes_video(task)) for task in tasks if self._recognises(task)}

    def shows(self, tasks: tuple[Task, ...], ref: TaskRef) -> bool:
        """Whether one of the tasks is of that kind and known to exist, and recognisable."""
        return any(is_of_kind(task, ref) and self._recognises(task) for task in tasks)

    def _recognises(self, task: Task) -> bool:
        met = self._met.get(task.id)
        if met is None or met.resource_url is None:
            return met is not None
        return any(same_url(url, met.resource_url) for url in input_urls(task.info))


def _asks_for_video(ref: TaskRef) -> bool:
    return ref.image_url is not None
