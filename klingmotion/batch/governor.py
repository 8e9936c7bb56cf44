"""How many tasks of each account may run: the slots a batch takes, and when there is one to be had.

A slot is held from a submit to the end of its task. How many there are comes from GET /scheduler/available, which also
shows what other clients of the account have taken, from the batch's own `concurrency`, and where the list is wrong or
cannot be read, from the 429s that come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from attrs import define, field

from klingmotion import replies, requests
from klingmotion.batch.journal import UNNAMED
from klingmotion.calls import Calls, logger
from klingmotion.errors import KlingMotionError
from klingmotion.models import Capacity

#: Seconds for which a reading counts: between two submits others may have taken slots.
FRESH = 5.0

#: Seconds between two readings while there is no room: doubling from the one to the other.
SOONEST, LATEST = 1.0, 30.0

#: Seconds without a free slot, none of them taken by this batch, after which one submit is tried all the same: a list
#: that is wrong must not stop the batch for good, and a 429 costs nothing.
TRY_ANYWAY = 300.0

#: Tasks at once while nothing is known: one more after each that was accepted.
UNTOLD = 1

#: Seconds for which what a 429 taught holds against readings that say otherwise: doubling from the one to the other
#: while the 429s go on.
FIRM, FIRMEST = 60.0, 900.0

#: Seconds of failing readings after which the last good one counts no more.
STALE = 60.0


@define(eq=False)
class Slots:
    """The slots of one account."""

    account: str
    #: Most tasks at once that the caller wants.
    concurrency: int | None
    #: Lane numbers in use.
    taken: set[int] = field(factory=set)
    #: Most tasks at once as the server says; `None` while it is not known.
    max_jobs: int | None = None
    #: Slots that were free at the last reading, less those taken since, plus those given back.
    free: int | None = None
    #: What a 429 taught, or where nothing is known, what was accepted so far: most tasks of this batch at once.
    learned: int | None = field(init=False)
    #: Refusals in a row.
    refusals: int = 0
    #: Until when nothing is submitted, whatever the readings say.
    held_until: float = 0.0
    #: Since when there has been no room.
    full_since: float | None = None
    #: Until when what the last 429 taught holds; how many tasks ran at it; how long the next one will hold.
    firm_until: float = 0.0
    taught: int = 0
    firmness: float = FIRM

    def __attrs_post_init__(self) -> None:
        self.learned = UNTOLD if self.concurrency is None else None

    def read(self, capacity: Capacity | None, now: float) -> None:
        """Take in what the server says; `None` if it said nothing of this account."""
        if capacity is None:
            self.free = None
            return
        self.max_jobs = capacity.max_jobs if capacity.max_jobs is not None else self.max_jobs
        self.free = capacity.available
        if self.free is None and capacity.max_jobs is not None and capacity.executing is not None:
            self.free = capacity.max_jobs - capacity.executing
        if self.free is not None and self.free <= 0:  # as a 429 says: the two are to be believed
            self.firm_until, self.firmness = 0.0, FIRM
        elif self.free is not None and now >= self.firm_until:
            self.learned = None  # it grows back

    @property
    def most(self) -> int:
        """Most tasks of this batch at once."""
        told = [limit for limit in (self.concurrency, self.max_jobs, self.learned) if limit is not None]
        return max(1, min(told, default=len(self.taken) + (self.free or 0)))

    def has_own_room(self) -> bool:
        """Whether this batch may run one more, as far as it depends on the batch itself."""
        return len(self.taken) < self.most

    def has_room(self, now: float) -> bool:
        """Whether one more may be submitted now."""
        if not self.has_own_room() or now < self.held_until:
            return False
        return self.free is None or self.free > 0 or self._tries_anyway(now)

    def _tries_anyway(self, now: float) -> bool:
        return not self.taken and self.full_since is not None and now - self.full_since >= TRY_ANYWAY

    def take(self) -> int:
        """Take the lowest free lane."""
        lane = next(number for number in range(len(self.taken) + 1) if number not in self.taken)
        self.taken.add(lane)
        self.full_since = None
        if self.free is not None:
            self.free -= 1
        return lane

    def give_back(self, lane: int) -> None:
        """Give a lane back."""
        if lane in self.taken:
            self.taken.discard(lane)
            if self.free is not None:
                self.free += 1

    def accepted(self, now: float) -> None:
        """A submit was accepted: what a 429 taught may be out of date."""
        self.refusals = 0
        if len(self.taken) > self.taught:  # it is
            self.firm_until, self.firmness = 0.0, FIRM
        if self.free is None and self.learned is not None and now >= self.firm_until:
            self.learned = max(self.learned, len(self.taken) + 1)

    def refused(self, lane: int, now: float, *, full: bool) -> None:
        """A submit from `lane` was not accepted: because all slots are taken (429), or because nothing got through."""
        self.give_back(lane)
        if full and self.free is not None and self.free <= 0:  # it was tried anyway, and the list was right
            self.held_until = now + LATEST
            return
        self.refusals += 1
        self.held_until = now + min(SOONEST * 2.0 ** min(self.refusals, 30), TRY_ANYWAY if full else LATEST)
        if full:
            self.learned = max(1, min(self.most, len(self.taken)))
            self.free = 0 if self.free is not None else None
            self.taught, self.firm_until = len(self.taken), now + self.firmness
            self.firmness = min(2 * self.firmness, FIRMEST)


class Governor:
    """The slots of all accounts of a batch, and the one reading they share."""

    def __init__(self, calls: Calls, accounts: Iterable[str], *, concurrency: int | None) -> None:
        self._calls = calls
        self.slots = {account: Slots(account, concurrency) for account in accounts}
        #: The accounts that the last reading named.
        self.linked: tuple[str, ...] = ()
        self._read_at: float | None = None
        #: When a reading last succeeded.
        self._told_at: float | None = None
        self._reading = asyncio.Lock()
        self._wakes: dict[str, asyncio.Future[None]] = {}

    async def acquire(self, account: str, *, give_up: Callable[[], bool]) -> int | None:
        """Wait for a free lane of the account; `None` if there is no room and `give_up` says not to wait for it."""
        slots = self.slots[account]
        age = pause = SOONEST
        while True:
            if slots.has_own_room() and self._held(slots) <= 0:
                await self.read(FRESH if pause == SOONEST else age)
                if slots.has_room(now := self._calls.transport.now()):
                    return slots.take()
                slots.full_since = now if slots.full_since is None else slots.full_since
            elif len(self.slots) > 1:  # another account may have room by now
                await self.read(LATEST)
            if give_up():
                return None
            if slots.has_own_room():
                age, pause = pause, min(2 * pause, LATEST)
                await self._wait(account, max(age, self._held(slots)))
            else:
                await self._wait(account, LATEST)  # there is nothing to ask before one of ours is over

    def _held(self, slots: Slots) -> float:
        """Seconds for which nothing is to be submitted: after a refused submit, or a 429 that any call got."""
        now = self._calls.transport.now()
        return max(slots.held_until - now, self._calls.pauses.of(slots.account or None, now))

    async def _wait(self, account: str, seconds: float) -> None:
        """Wait until a lane is given back, or the time is over."""
        self._wakes[account] = wake = asyncio.get_running_loop().create_future()
        await self._calls.sleep(seconds, wake)

    def _rouse(self, account: str) -> None:
        wake = self._wakes.get(account)
        if wake is not None and not wake.done():
            wake.set_result(None)

    async def read(self, age: float) -> None:
        """Read the slots of all accounts, unless that was done less than `age` seconds ago."""
        async with self._reading:
            now = self._calls.transport.now()
            if self._read_at is not None and now - self._read_at < age:
                return
            self._read_at = now
            try:
                told = await self._calls.once(requests.capacity(), replies.capacity)
            except KlingMotionError as error:
                logger.info("the free slots could not be read: %s", error)
                if self._told_at is None or now - self._told_at >= STALE:
                    for slots in self.slots.values():
                        slots.read(None, now)
                return
            self._told_at = now
            self.linked = tuple(one.email for one in told if one.email)
            for slots in self.slots.values():
                slots.read(_of(slots.account, told), now)

    def give_back(self, account: str, lane: int) -> None:
        """A task is over: its slot is free."""
        self.slots[account].give_back(lane)
        self._rouse(account)

    def refused(self, account: str, lane: int, *, full: bool) -> None:
        """A submit was not accepted: see `Slots.refused`."""
        self.slots[account].refused(lane, self._calls.transport.now(), full=full)
        self._read_at = None


def _of(account: str, told: tuple[Capacity, ...]) -> Capacity | None:
    """What is said of one account; of the unnamed one, if there is only one to speak of."""
    if account == UNNAMED:
        return told[0] if len(told) == 1 else None
    return next((one for one in told if one.email and one.email.strip().lower() == account.strip().lower()), None)
