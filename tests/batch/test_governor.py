"""Slots: how many tasks a batch runs at once, and how it learns that there is room for one more (behaviour B4)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import define, field

from klingmotion import APIConnectionError, Capacity, Request, RetryPolicy
from klingmotion.batch.governor import FRESH, LATEST, TRY_ANYWAY, Governor, Slots
from klingmotion.batch.journal import UNNAMED, Row, State
from klingmotion.calls import Calls
from klingmotion.retry import UNTOLD_PAUSE
from tests.batch.journals import ANN, BEN
from tests.batch.runs import bench, statuses
from tests.fake_transport import Answer, FakeTransport
from tests.stage import now

HOUR = 3600.0


@define
class Service:
    """Accounts with limits, tasks of ours and of others, and what it says of them."""

    limits: dict[str, int] = field(factory=lambda: {ANN: 3})
    others: Counter[str] = field(factory=Counter)
    ours: Counter[str] = field(factory=Counter)
    most: Counter[str] = field(factory=Counter)
    refusals: Counter[str] = field(factory=Counter)
    done: Counter[str] = field(factory=Counter)
    readings: list[float] = field(factory=list)
    #: What it says instead of the truth.
    says: Answer | None = None

    def answer(self, request: Request) -> Answer:
        assert request.path == "/scheduler/available"
        self.readings.append(now())
        if self.says is not None:
            return self.says
        return 200, {"executing": [], "available": [self.slots(email) for email in self.limits]}

    def slots(self, email: str) -> dict[str, object]:
        taken = self.ours[email] + self.others[email]
        limit = self.limits[email]
        return {"email": email, "maxJobs": limit, "executing": taken, "available": max(0, limit - taken)}

    def accepts(self, email: str) -> bool:
        if self.ours[email] + self.others[email] >= self.limits[email]:
            self.refusals[email] += 1
            return False
        self.ours[email] += 1
        self.most[email] = max(self.most[email], self.ours[email])
        return True


@define
class Client:
    """What a batch does with its slots: submits as it gets them, and gives each back when its task is over."""

    service: Service
    calls: Calls
    governor: Governor

    async def work(self, account: str, *, seconds: float) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                lane = await self.governor.acquire(account, give_up=lambda: False)
                assert lane is not None
                if self.service.accepts(account):
                    self.governor.slots[account].accepted(now())
                    tasks.create_task(self.finish(account, lane, seconds))
                else:
                    self.calls.pauses.note(account, now() + UNTOLD_PAUSE)
                    self.governor.refused(account, lane, full=True)

    async def finish(self, account: str, lane: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.service.ours[account] -= 1
        self.service.done[account] += 1
        self.governor.give_back(account, lane)


@asynccontextmanager
async def working(
    service: Service, *accounts: str, seconds: float = 60.0, concurrency: int | None = None
) -> AsyncIterator[Client]:
    """Work without end for each account, while the block lasts."""
    calls = Calls(FakeTransport(service.answer), RetryPolicy())
    calls.open()
    client = Client(service, calls, Governor(calls, accounts or (ANN,), concurrency=concurrency))
    tasks = [asyncio.create_task(client.work(account, seconds=seconds)) for account in accounts or (ANN,)]
    try:
        yield client
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


# --- Size -----------------------------------------------------------------------------------------------------------


async def test_an_account_is_filled_to_what_it_allows() -> None:
    """`maxJobs` of the account is the number of tasks, from the first minute on, and never a 429."""
    service = Service({ANN: 5})
    async with working(service):
        await asyncio.sleep(5)
        assert service.ours[ANN] == 5
        await asyncio.sleep(HOUR)
        assert service.most[ANN] == 5
        assert service.done[ANN] > 0.95 * 5 * 60
        assert service.refusals[ANN] == 0


async def test_the_callers_own_limit_counts_too() -> None:
    """The smaller of the two."""
    for concurrency, limit, expected in [(2, 5, 2), (9, 5, 5)]:
        service = Service({ANN: limit})
        async with working(service, concurrency=concurrency):
            await asyncio.sleep(600)
        assert service.most[ANN] == expected
        assert service.refusals[ANN] == 0


async def test_accounts_are_filled_independently() -> None:
    """Each by its own limit."""
    service = Service({ANN: 2, BEN: 4})
    async with working(service, ANN, BEN):
        await asyncio.sleep(600)
    assert service.most == {ANN: 2, BEN: 4}
    assert service.refusals.total() == 0


async def test_the_lowest_free_lane_is_taken() -> None:
    """Lanes are numbered from 0, and their number is how many run."""
    slots = Slots(ANN, 4)
    assert [slots.take() for _ in range(3)] == [0, 1, 2]
    slots.give_back(1)
    slots.give_back(7)
    assert [slots.take() for _ in range(2)] == [1, 3]


async def test_an_account_is_found_however_its_name_is_written() -> None:
    """Case and white space make no other account; one that has no name is the only one there is."""
    service = Service({" Ann@Example.COM": 4})
    calls = Calls(FakeTransport(service.answer), RetryPolicy())
    calls.open()
    governor = Governor(calls, [ANN, UNNAMED], concurrency=None)
    await governor.read(0)
    assert (governor.slots[ANN].most, governor.slots[UNNAMED].most) == (4, 4)
    service.limits[BEN] = 7
    unknown = Governor(calls, [UNNAMED], concurrency=None)
    await unknown.read(0)
    assert unknown.linked == (" Ann@Example.COM", BEN)
    assert unknown.slots[UNNAMED].max_jobs is None


# --- Others ---------------------------------------------------------------------------------------------------------


async def test_what_others_run_is_left_to_them() -> None:
    """Their tasks are in the reading: no submit is tried in vain."""
    service = Service({ANN: 5}, Counter({ANN: 3}))
    async with working(service):
        await asyncio.sleep(600)
        assert service.ours[ANN] == 2
        assert service.refusals[ANN] == 0


async def test_one_429_at_most_for_each_change_and_none_for_room_that_comes_back() -> None:
    """Another client takes a slot while a reading is still fresh; later it gives it back, and that is used."""
    service = Service({ANN: 3})
    async with working(service) as client:
        await asyncio.sleep(FRESH * 3)
        for change in range(1, 11):
            service.others[ANN] = change % 2
            before = service.refusals[ANN]
            await asyncio.sleep(300)
            assert service.refusals[ANN] - before <= 1
            assert service.ours[ANN] == 3 - change % 2, "neither stuck nor above"
        assert client.governor.slots[ANN].most == 3


@pytest.mark.parametrize("limits", [(3, 1), (1, 4), (5, 2, 4, 1, 3)])
async def test_a_limit_that_changes_is_followed(limits: tuple[int, ...]) -> None:
    """Lowered: what runs goes on and nothing is added; raised: it is used. At most one 429 each."""
    service = Service({ANN: limits[0]})
    async with working(service, seconds=45):
        for limit in limits:
            before = service.refusals[ANN]
            service.limits[ANN] = limit
            await asyncio.sleep(400)
            assert service.ours[ANN] == limit
            assert service.refusals[ANN] - before <= 1


# --- Readings -------------------------------------------------------------------------------------------------------


async def test_no_room_is_no_reason_for_a_storm_of_readings() -> None:
    """Two accounts without room share one reading, soon of twice a minute, more often only after each try anyway."""
    service = Service({ANN: 3, BEN: 3}, Counter({ANN: 3, BEN: 3}))
    async with working(service, ANN, BEN):
        await asyncio.sleep(HOUR)
    assert service.ours.total() == 0
    assert len(service.readings) <= 1.5 * HOUR / LATEST + 8
    tried = HOUR / TRY_ANYWAY
    assert service.refusals[ANN] <= tried
    assert service.refusals[BEN] <= tried


async def test_a_full_account_of_our_own_is_not_read_at_all() -> None:
    """There is nothing to ask before one of ours is over."""
    service = Service({ANN: 3})
    async with working(service, seconds=HOUR * 2):
        await asyncio.sleep(5)
        before = len(service.readings)
        await asyncio.sleep(HOUR)
        assert len(service.readings) == before


async def test_accounts_that_are_busy_share_their_readings() -> None:
    """One reading counts for all of them, for a few seconds."""
    emails = [f"{number}@example.com" for number in range(8)]
    service = Service(dict.fromkeys(emails, 4))
    async with working(service, *emails, seconds=20):
        await asyncio.sleep(HOUR)
    assert service.done.total() > 8 * 4 * HOUR / 20 * 0.75
    assert service.refusals.total() == 0
    assert len(service.readings) <= HOUR / FRESH + 8


async def test_room_is_noticed_within_half_a_minute() -> None:
    """After hours without any."""
    service = Service({ANN: 3}, Counter({ANN: 3}))
    async with working(service):
        await asyncio.sleep(2 * HOUR)
        service.others[ANN] = 1
        await asyncio.sleep(2 * LATEST)
        assert service.ours[ANN] == 2


async def test_a_slot_of_our_own_is_used_again_at_once() -> None:
    """Its end wakes whoever waits: seconds, not the half minute between readings."""
    service = Service({ANN: 1})
    async with working(service, seconds=100):
        await asyncio.sleep(1010)
        assert service.done[ANN] >= 9
        assert service.ours[ANN] == 1


# --- Readings that are of no use ------------------------------------------------------------------------------------

EMPTY = {"email": ANN, "maxJobs": None, "executing": None, "available": None}
USELESS: list[Answer] = [
    (200, {}),
    (200, {"available": []}),
    (200, {"available": [EMPTY]}),
    (200, {"available": [{**EMPTY, "maxJobs": 50}]}),
    (200, {"available": [{**EMPTY, "available": 50}]}),
    (200, {"available": [{**EMPTY, "maxJobs": 50, "available": 50}]}),
    (200, {"available": [{**EMPTY, "email": BEN, "maxJobs": 9, "available": 9}]}),
    (200, {"available": "many"}),
    (200, [1, 2]),
    (404, {"error": "Not found"}),
    (500, {"error": "Internal error"}),
    (502, "<html>"),
    APIConnectionError("reset"),
]


@pytest.mark.parametrize("says", USELESS, ids=repr)
@pytest.mark.parametrize("limit", [1, 3])
async def test_a_reading_that_tells_nothing_leaves_the_429_to_tell(says: Answer, limit: int) -> None:
    """Never stuck, never above the limit, and most of the time at it, with few refusals."""
    service = Service({ANN: limit}, says=says)
    async with working(service):
        await asyncio.sleep(4 * HOUR)
    assert service.most[ANN] == limit
    assert service.done[ANN] >= 0.7 * limit * 4 * HOUR / 60
    assert service.refusals[ANN] <= 24


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize(
    "slots",
    [
        {"maxJobs": 0, "executing": 0, "available": 0},
        {"maxJobs": 3, "executing": 0, "available": 0},
        {"maxJobs": -5, "executing": -5, "available": -5},
        {"maxJobs": 3, "executing": 10**30, "available": -(10**30)},
        {"maxJobs": 3, "executing": 3, "available": None},
    ],
    ids=repr,
)
async def test_a_reading_that_is_wrong_does_not_stop_the_batch_for_good(slots: dict[str, int], limit: int) -> None:
    """It says there is no room, for hours, and none of ours runs: one submit is tried all the same, now and then."""
    service = Service({ANN: limit}, says=(200, {"available": [{"email": ANN, **slots}]}))
    async with working(service):
        await asyncio.sleep(HOUR)
    assert 1 <= service.most[ANN] <= limit
    assert service.done[ANN] >= HOUR / (TRY_ANYWAY + 60 + LATEST) - 1
    assert service.refusals[ANN] == 0


async def test_readings_that_fail_for_an_hour_are_taken_up_again() -> None:
    """Before, in between, after: always at the limit or below, and at it again in the end."""
    service = Service({ANN: 3})
    async with working(service):
        await asyncio.sleep(600)
        service.says = (500, {"error": "Internal error"})
        before = service.done[ANN]
        await asyncio.sleep(HOUR)
        assert service.done[ANN] - before > 0.7 * 3 * HOUR / 60
        service.says = None
        await asyncio.sleep(600)
        assert service.ours[ANN] == 3
    assert service.most[ANN] == 3


async def test_a_refusal_while_readings_fail_does_not_stop_the_batch() -> None:
    """Another client comes while the list cannot be read, and goes again: so do the slots."""
    service = Service({ANN: 3})
    async with working(service):
        await asyncio.sleep(600)
        service.says = (500, {"error": "Internal error"})
        service.others[ANN] = 3
        await asyncio.sleep(1200)
        assert service.ours[ANN] == 0
        service.others[ANN] = 0
        before = service.done[ANN]
        await asyncio.sleep(HOUR)
        assert service.done[ANN] - before > 0.6 * 3 * HOUR / 60


# --- Refusals -------------------------------------------------------------------------------------------------------


async def test_refusals_in_a_row_wait_longer_each_time() -> None:
    """Full although the list says otherwise: a submit is tried after 2, 4, 8 s and so on, at last every 5 minutes."""
    says = 200, {"available": [{"email": ANN, "maxJobs": 3, "available": 3}]}
    service = Service({ANN: 3}, Counter({ANN: 3}), says=says)
    async with working(service):
        await asyncio.sleep(HOUR)
        assert service.refusals[ANN] <= 9 + HOUR / TRY_ANYWAY
        service.others[ANN] = 0
        await asyncio.sleep(TRY_ANYWAY + 60)
        assert service.ours[ANN] >= 1


async def test_a_submit_that_did_not_get_through_teaches_nothing_about_slots() -> None:
    """The line was down: the lane is given back and the size stays."""
    slots = Slots(ANN, None)
    slots.read(Capacity(email=ANN, max_jobs=3, executing=0, available=3), 0.0)
    slots.refused(slots.take(), 100.0, full=False)
    assert (slots.most, slots.free, slots.taken) == (3, 3, set())
    assert not slots.has_room(101.9)
    assert slots.has_room(102.1)
    for _ in range(20):
        slots.refused(slots.take(), 100.0, full=False)
    assert slots.has_room(100.0 + LATEST)


async def test_whoever_gives_up_gets_no_lane() -> None:
    """Asked again and again while there is no room."""
    service = Service({ANN: 3}, Counter({ANN: 3}))
    calls = Calls(FakeTransport(service.answer), RetryPolicy())
    calls.open()
    governor = Governor(calls, [ANN], concurrency=None)
    since = now()
    assert await governor.acquire(ANN, give_up=lambda: now() - since > 60) is None
    assert 60 < now() - since < 60 + 2 * LATEST


async def test_a_429_that_any_call_got_holds_submits_back() -> None:
    """W5: no slot is taken while the account pauses; the other account's are."""
    calls = Calls(FakeTransport(Service({ANN: 3, BEN: 3}).answer), RetryPolicy())
    calls.open()
    governor = Governor(calls, (ANN, BEN), concurrency=None)
    calls.pauses.note(ANN, now() + 15)
    began = now()
    assert await governor.acquire(BEN, give_up=lambda: False) == 0
    assert now() - began < 1
    assert await governor.acquire(ANN, give_up=lambda: False) == 0
    assert 15 <= now() - began < 17


async def test_a_submit_that_was_held_back_says_nothing_of_slots(tmp_path: Path) -> None:
    """B4: another call's 429 comes between its announcement and itself: nobody said that all are taken."""
    async with bench(tmp_path, limit=5) as at:

        def pause(row: Row, state: State) -> None:
            if state is State.SUBMITTING and row.attempt == 0 and not slots:
                at.session._engine.calls.pauses.note(None, now() + 10)

        batch = at.batch(at.clips(8), journal=at.watched(pause))
        slots: list[int | None] = []
        outcomes = []
        async for outcome in batch:
            outcomes.append(outcome)
            slots.append(batch.totals.slots)
        assert statuses(outcomes) == {"done": 8}
        assert set(slots) == {5}
        assert at.answers() == {200: 8}
