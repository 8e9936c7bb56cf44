"""When to ask again: the two policies, and the only lines of the package that know tenacity.

Retrying a request and asking whether a task is final are two questions with two policies. tenacity drives both loops.
Its own clocks and limits are not used: sleeping and the time come from the caller, so a test can bring its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeGuard, TypeVar

import tenacity
from attrs import Attribute, field, frozen

from klingmotion.errors import ConfigurationError, KlingMotionError, RateLimitError

T = TypeVar("T")

#: What a 429 without any hint is answered with, in seconds: the vendor's own scripts wait as long.
UNTOLD_PAUSE = 10.0


#: The part of the time left by a believed estimate after which to look: too early costs a look, too late is late.
_AIM = 0.85

#: The last look is for the end itself: where less is left than this share of the age, it comes this share of it later.
_NEAR, _AFTER = 0.15, 0.003

#: The share of the wait without an estimate that one with an estimate is at least.
_SOONEST = 0.25

#: How far a believed estimate is followed, for it may lie: for this share of the age, or to the age that is so many
#: times `PollPolicy.first`, at most so many seconds. (Tasks take 20 s and more, as far as is known.)
_FAR, _EARLY_FIRSTS, _EARLY = 0.28, 5.0, 25.0

#: Seconds above which a number of them is none that was meant: 30 years.
LONGEST = 1e9

#: How much longer waits are while hardly any task ends.
_THINNED = 2.5

#: Seconds between two tries after a 429, at least: a policy without waits must not become a flood.
_SHORTEST_PAUSE = 0.1


class Clock(Protocol):
    """Time and chance, as the transport gives them."""

    def now(self) -> float:
        """Seconds on a monotonic clock."""

    def random(self) -> float:
        """A number from 0 to 1."""


def is_limit(value: object) -> TypeGuard[float]:
    """Whether it is a number of seconds above 0, and one that can be meant."""
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 < value <= LONGEST


def _seconds(instance: object, attribute: Attribute[float], value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        name = f"{type(instance).__name__}.{attribute.name}"
        raise ConfigurationError(f"{name} must be a number of seconds from 0 to {LONGEST:.0e}, got {value!r:.80}")


def _share(instance: object, attribute: Attribute[float], value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        name = f"{type(instance).__name__}.{attribute.name}"
        raise ConfigurationError(f"{name} must be a number from 0 to 1, got {value!r}")


def _count(instance: object, attribute: Attribute[int], value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        name = f"{type(instance).__name__}.{attribute.name}"
        raise ConfigurationError(f"{name} must be a whole number, 1 or more, got {value!r}")


@frozen(kw_only=True)
class RetryPolicy:
    """How a request that failed is sent again. All times in seconds.

    The n-th wait is a random share of `initial * 2**(n - 1)`, at most `ceiling` (exponential backoff with full
    jitter). A 429 waits as long as the server asks instead, and does not count as an attempt.
    """

    #: Most times one request is sent.
    attempts: int = field(default=5, validator=_count)
    #: The longest the first wait can be.
    initial: float = field(default=0.5, validator=_seconds)
    #: The longest any wait can be.
    ceiling: float = field(default=20.0, validator=_seconds)
    #: The most one call waits between attempts in all, what a server asks for included.
    patience: float = field(default=120.0, validator=_seconds)
    #: How long the task of an unclear submit is looked for.
    settle: float = field(default=60.0, validator=_seconds)

    def backoff(self, failures: int, chance: float) -> float:
        """The wait after the given number of failures, for a random `chance` from 0 to 1."""
        return chance * min(self.ceiling, self.initial * 2.0 ** min(failures - 1, 60))


@frozen(kw_only=True)
class PollPolicy:
    """How often a task is looked at. All times in seconds, `ratio` and `jitter` as shares.

    After a submit the first look comes after `first`, each next one after `ratio` times the task's age, at least
    `floor`, at most `ceiling`. So what a result waits to be noticed stays a fixed share of what the task took. At ages
    at which hardly any task ends, waits are 2.5 times as long: up to 22 s (4.4 times `first` if that is less) until a
    session has seen 20 of its tasks end, then up to what these have shown. An estimate of the server's own is used only
    between the same limits; if the first one says that nothing ends before the age of 25 s, the second look comes then.

    Up to `jitter` is taken off at random while hardly any task ends, before the second look and after failures, so that
    many waits do not look together. The rest is exact: as shares of the age, looks keep the distance.
    """

    first: float = field(default=5.0, validator=_seconds)
    floor: float = field(default=1.0, validator=_seconds)
    ratio: float = field(default=0.10, validator=_share)
    ceiling: float = field(default=30.0, validator=_seconds)
    jitter: float = field(default=0.10, validator=_share)
    #: Looks that may fail one after another; the last of them ends the wait.
    max_failed_looks: int = field(default=5, validator=_count)
    #: How long after a submit the task may still be unknown to the server (404).
    grace: float = field(default=10.0, validator=_seconds)
    #: How long a finished task may be missing from the list of motions.
    listing_patience: float = field(default=60.0, validator=_seconds)

    def __attrs_post_init__(self) -> None:
        if self.floor > self.ceiling:
            raise ConfigurationError(f"PollPolicy.floor ({self.floor}) must not exceed ceiling ({self.ceiling})")

    @property
    def shortest(self) -> float:
        """The shortest wait between two looks: a `floor` of 0 must not become a flood."""
        return self.floor or _SHORTEST_PAUSE

    def interval(
        self, age: float, chance: float, left: float | None = None, quiet: float = 0.0, *, agreed: bool = False
    ) -> float:
        """The wait before the next look at a task of the given age, for a random `chance` from 0 to 1.

        A believed estimate of what is `left` brings the next look near the end, but never later than after 28 % of the
        age or, early on, at the age of 25 s (five times `first` if that is less): an estimate that lies may not cost
        more. Before the age `quiet` hardly any task ends; how much before, up to `jitter` of it, is chance. If an
        estimate that is not to be believed yet has `agreed`, no look comes before `late_enough`.
        """
        wait, sooner = self.ratio * age, 1 - self.jitter * chance
        if left is not None:
            aim = left + _AFTER * age if left <= _NEAR * age else _AIM * left
            wait = min(max(aim, _SOONEST * wait), max(_FAR * age, self.late_enough() - age, wait))
        elif age < quiet:
            rest = (self.late_enough(quiet) if agreed else quiet) * sooner - age
            thin = rest if agreed else min(_THINNED * wait * sooner, rest)
            wait, sooner = (thin, 1.0) if thin > wait else (wait, sooner)
        return min(max(wait, self.shortest), self.ceiling) * sooner

    def late_enough(self, quiet: float = 0.0) -> float:
        """The age up to which an estimate may put a look off, however early in the task's life."""
        return max(quiet, min(_EARLY, _EARLY_FIRSTS * self.first))

    def interval_after_failures(self, age: float, failures: int, chance: float) -> float:
        """The wait after failed looks in a row: it doubles, so that a short outage does not use them all up."""
        wait = max(self.interval(age, chance), 2 * self.floor) * 2.0 ** min(failures - 1, 60)
        return min(wait, self.ceiling)


async def retry(
    call: Callable[[], Awaitable[T]],
    *,
    policy: RetryPolicy,
    clock: Clock,
    sleep: Callable[[float], Awaitable[None]],
    again: Callable[[KlingMotionError], bool],
    told: Callable[[KlingMotionError, float], None] = lambda _, __: None,
    deadline: float | None = None,
) -> T:
    """Await `call` until it succeeds, fails for good, or the policy or the deadline has run out.

    `told` hears of every failure after which it is tried again, and in how many seconds.

    Raises:
        KlingMotionError: The last failure. A `RateLimitError` says how long is still to be waited.
    """
    effort = _Effort(policy, clock, deadline)

    def tell(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, KlingMotionError):
            told(error, state.upcoming_sleep)

    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, KlingMotionError) and again(error)),
        wait=effort.wait,
        stop=effort.is_over,
        before_sleep=tell,
        sleep=sleep,
        reraise=True,
    )

    async def attempt() -> T:  # tenacity awaits coroutine functions only
        return await call()

    return await retrying(attempt)


class _Effort:
    """What one call has spent so far of its policy."""

    def __init__(self, policy: RetryPolicy, clock: Clock, deadline: float | None) -> None:
        self._policy = policy
        self._clock = clock
        self._deadline = deadline
        self._failures = 0
        self._pauses = 0
        self._waited = 0.0

    def wait(self, state: tenacity.RetryCallState) -> float:
        """The wait after the failure in `state`."""
        error = state.outcome.exception() if state.outcome else None
        chance = self._clock.random()
        if not isinstance(error, RateLimitError):
            self._failures += 1
            return self._policy.backoff(self._failures, chance)
        self._pauses += 1
        if error.retry_after is None:
            error.retry_after = UNTOLD_PAUSE * (1 + 0.1 * chance)
        if error.retry_after < 1:  # "now" is no answer to how long: a second and third one must not follow at once
            return max(error.retry_after, self._policy.backoff(self._pauses, 1.0), _SHORTEST_PAUSE)
        return error.retry_after

    def is_over(self, state: tenacity.RetryCallState) -> bool:
        """Whether the wait just computed can no longer be afforded; otherwise it is spent."""
        self._waited += state.upcoming_sleep
        late = self._deadline is not None and self._clock.now() + state.upcoming_sleep >= self._deadline
        return late or self._failures >= self._policy.attempts or self._waited > self._policy.patience


async def poll(
    look: Callable[[], Awaitable[T | None]],
    *,
    interval: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> T:
    """Await `look` every `interval()` seconds until it gives something. What it raises ends the poll."""
    polling = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_result(lambda seen: seen is None),
        wait=lambda _: interval(),
        stop=tenacity.stop_never,
        sleep=sleep,
    )
    found: T | None = await polling(look)
    assert found is not None  # noqa: S101  # tenacity went on while it was None
    return found
