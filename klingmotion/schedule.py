"""When one task is looked at: by its age, by what earlier tasks have taught, by the server's estimate, by failures."""

from __future__ import annotations

from datetime import timedelta

from klingmotion.calls import Calls
from klingmotion.eta import Eta
from klingmotion.hearing import Hearing
from klingmotion.known_tasks import KnownTasks
from klingmotion.refs import TaskRef
from klingmotion.retry import PollPolicy
from klingmotion.roster import Member
from klingmotion.webhooks import WebhookInbox

#: A task that the list of running tasks shows, or whose end a callback will tell, is looked at singly when its age has
#: doubled, within these seconds.
_RARELY, _AT_LEAST = 15.0, 120.0

#: How long a task is taken to last at least, until a session knows better: so many times `PollPolicy.first`, at most so
#: many seconds. (Tasks take 20 s and more, as far as is known.)
_SHORTEST_FIRSTS, _SHORTEST = 4.0, 20.0


class Schedule(Member):
    """The looks at one task: how many there were, how they went, when the next is due."""

    __slots__ = (
        "_born",
        "_calls",
        "_due",
        "_eta",
        "_failures",
        "_grace_ends",
        "_hearing",
        "_looked_at",
        "_ours",
        "_past",
        "looks",
        "policy",
    )

    def __init__(
        self,
        calls: Calls,
        known: KnownTasks,
        ref: TaskRef,
        policy: PollPolicy,
        *,
        now: float,
        follows_submit: bool,
        inbox: WebhookInbox | None,
    ) -> None:
        super().__init__(_id_of(ref))
        self._calls = calls
        self.policy = policy
        submitted = known.submitted_at(self.task_id)
        known.meet(self.task_id, now)
        self._born = now if submitted is None else submitted
        #: Whether its age is known, and not only since when it has been waited for.
        self._ours = submitted is not None
        self._past = known.past(ref)
        if submitted is not None or follows_submit:
            self._grace_ends = self._born + policy.grace
        else:
            self._grace_ends = self._grace_end(ref, now)
        self._due = self._born + policy.first if follows_submit else now
        self._looked_at: float | None = None
        self._eta: Eta | None = None
        self._hearing = None if inbox is None else Hearing(inbox, ref.reply_ref)
        self.looks = 0
        self._failures = 0

    def _grace_end(self, ref: TaskRef, now: float) -> float:
        """Until when a 404 may mean that a task of an earlier process is not visible yet."""
        if ref.sent_at is None:
            return now
        age = (self._calls.transport.utcnow() - ref.sent_at) / timedelta(seconds=1)
        return now + self.policy.grace - max(0.0, age)

    def interval(self, now: float) -> float:
        """How long to sleep from `now` on: by the policy, but rarely awake where a callback will tell of the end."""
        usual = self._usual_interval(now)
        return max(usual, self._rare(now)) if self._spares_looks else usual

    def _rare(self, at: float) -> float:
        return min(max(at - self._born, _RARELY), _AT_LEAST)

    @property
    def _spares_looks(self) -> bool:
        """Whether a callback will tell of the end. The first look is made in any case, like those after failures."""
        hearing = self._hearing
        return hearing is not None and self._looked_at is not None and not self._failures and hearing.spares_looks

    def _usual_interval(self, now: float) -> float:
        """How long to sleep from `now` on, by the policy."""
        age, quiet = now - self._born, self._quiet()
        if self._failures:
            return self.policy.interval_after_failures(age, self._failures, self._calls.transport.random())
        chance = self._calls.transport.random() if self.looks <= 1 or self.shown or age < quiet else 0.0
        if self._eta is None:
            return self.policy.interval(age, chance, None, quiet)
        agreed = age < quiet and self._eta.agrees(self.policy.late_enough(quiet) - age)
        return self.policy.interval(age, chance, self._eta.left(now), quiet, agreed=agreed)

    def _quiet(self) -> float:
        """The age before which hardly any task ends: as this session has seen, else a guess; 0 if no age is known."""
        if not self._ours:
            return 0.0
        if self._past.quiet is not None:
            return self._past.quiet
        shortest = min(_SHORTEST, _SHORTEST_FIRSTS * self.policy.first)
        return shortest * (1 + self.policy.ratio)  # where one that ends at once then would be looked at anyway

    def _next_due(self, now: float) -> float:
        """When to look: at once if the task has left the shared list or a callback says so, else by and by."""
        if self.left:
            return now
        due = self._due_by_itself(now)
        asked = None if self._hearing is None else self._hearing.due(self._looked_at, now, self.policy.shortest)
        return due if asked is None or self._failures else min(due, asked)  # an outage must not use the failures up

    def _due_by_itself(self, now: float) -> float:
        """When to look if nothing asks for it: rarely while the end will be told of, else by policy."""
        if self.shown or self._spares_looks:
            seen = self._born if self._looked_at is None else self._looked_at
            return max(self._due, seen + self._rare(seen))
        if self.let_go_at is not None:
            spread = self.let_go_at + self._calls.transport.random() * self._usual_interval(now)
            self.let_go_at = None
            self._due = max(self._due, spread)
        return self._due

    def _note_estimate(self, left: float | None, now: float) -> None:
        """Take in what is left to the end; most servers never say, so nothing is held until one does."""
        if left is None:
            self._eta = None
            return
        if self._eta is None:
            self._eta = Eta()
        self._eta.note(left, now, self._past.eta_unit)

    def _note_end(self, before: float | None) -> None:
        """Let later tasks know when this one ended, not yet `before`, and whether its estimates were believed."""
        if self._failures:
            return  # it may have ended long ago
        if before is not None:
            self._past.eta_unit = None if self._eta is None else self._eta.unit
        if self._ours:
            self._past.note_end(0.0 if before is None else before - self._born)


def _id_of(ref: TaskRef) -> int:
    if ref.task_id is None:
        raise ValueError("a wait needs a task id")
    return ref.task_id
