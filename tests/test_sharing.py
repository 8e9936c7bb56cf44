"""Many waits on one session: pauses are shared (W5), looks are shared (W10), and no wait ends wrongly for it."""

from __future__ import annotations

import asyncio
import gc
import math
from collections import Counter
from collections.abc import Callable

import pytest

from klingmotion import (
    APIConnectionError,
    APITimeoutError,
    MotionSession,
    PollPolicy,
    RateLimitError,
    Request,
    Response,
    Task,
    TaskRef,
    TaskTimeoutError,
)
from klingmotion.emulator import Account, ByTime, Emulator, RateLimited, ThreadedEmulator
from tests.fake_transport import Answer, FakeTransport
from tests.stage import now, staged
from tests.virtual_time import VirtualTimeLoop, run_virtual

# --- W5 -------------------------------------------------------------------------------------------------------------


async def test_one_429_pauses_every_call_of_the_account_until_the_same_instant() -> None:
    """W5: fifty waits, one 429 of 3 s: no request in the next 3 s."""
    async with staged(Emulator(accounts=[Account("a@example.com", 50)], progress=ByTime(20, 20))) as (
        emulator,
        session,
    ):
        tasks = [emulator.add_task() for _ in range(50)]
        waits = [asyncio.create_task(session.wait_for_task(task.id)) for task in tasks]
        await asyncio.sleep(8)
        emulator.fail("get_task", RateLimited(3, "seconds"))
        emulator.fail("list_running", RateLimited(3, "seconds"))
        await asyncio.gather(*waits)
        began = min(seen.at for seen in emulator.books.requests if seen.fault == "RateLimited")
        during = [seen.at - began for seen in emulator.books.requests if 0.001 < seen.at - began < 2.99]
        assert during == []


async def test_each_wait_leaves_a_pause_at_its_own_deadline() -> None:
    """W5: a wait with one second left raises after one second."""
    async with staged() as (emulator, session):
        emulator.fail("delete_task", RateLimited(300, "seconds"))
        with pytest.raises(RateLimitError):
            await session.delete_task(1)
        began = now()
        with pytest.raises(TaskTimeoutError):
            await session.wait_for_task(emulator.add_task().id, timeout=1)
        assert 0.99 < now() - began < 1.1


async def test_a_pause_is_believed_for_a_quarter_of_an_hour_at_most() -> None:
    """W5: a mistaken unit is likelier than a pause of days."""
    async with staged() as (emulator, session):
        emulator.fail("delete_task", RateLimited(10**6, "seconds"))
        with pytest.raises(RateLimitError):
            await session.delete_task(1)
        began = now()
        await session.wait_for_task(emulator.add_task(ended=True).id)
        assert 900 <= now() - began < 935


async def test_a_pause_is_of_one_account_only() -> None:
    """W5: the other account works on."""
    accounts = [Account("a@example.com", 5), Account("b@example.com", 5)]
    async with staged(Emulator(accounts=accounts)) as (emulator, session):
        emulator.fail("delete_task", RateLimited(300, "seconds"))
        with pytest.raises(RateLimitError):
            await session.delete_task(1, email="a@example.com")
        began = now()
        await session.get_task(emulator.add_task(email="b@example.com").id, email="b@example.com")
        assert now() == began
        with pytest.raises(RateLimitError, match="held back"):
            await session.get_task(emulator.add_task(email="a@example.com").id, email="a@example.com")


async def test_a_call_with_patience_outlasts_a_pause() -> None:
    """W5: it is sent once the pause is over."""
    async with staged() as (emulator, session):
        task = emulator.add_task(ended=True)
        emulator.fail("get_task", RateLimited(60, "seconds"))
        began = now()
        await asyncio.gather(session.get_task(task.id), session.get_task(task.id))
        assert 59.99 < now() - began < 62


# --- W10 ------------------------------------------------------------------------------------------------------------


class _Service:
    """Tasks that end after a time, and a list of running tasks that may lie."""

    def __init__(self, ends: dict[int, float], listed: Callable[[int, float], bool] | None = None) -> None:
        self.ends = ends
        self.listed = listed or (lambda task_id, at: at < self.ends[task_id])
        self.list_fails = False
        self.list_breaks_at = math.inf
        self.list_is_refused = False

    def __call__(self, request: Request) -> Answer:
        at = now()
        if request.path == "/scheduler":
            if self.list_is_refused:
                return 429, {"error": "too many", "retryAfter": "60"}
            if at >= self.list_breaks_at:
                raise RuntimeError("a bug in the transport")
            if self.list_fails:
                return APIConnectionError("no list today")
            return 200, [{"id": task_id} for task_id in self.ends if self.listed(task_id, at)]
        task_id = int(request.path.rpartition("/")[2])
        final = at >= self.ends[task_id]
        name = "succeed" if final else "processing"
        return 200, {"task": {"id": task_id}, "status": 99, "status_name": name, "status_final": final}


async def waited(
    service: _Service, *, together: bool, policy: PollPolicy | None = None, kind: type[FakeTransport] = FakeTransport
) -> tuple[int, dict[int, float]]:
    """Requests sent and the lag of each wait, on one session or on one each."""
    transport = kind(service)
    policy = policy or PollPolicy()
    lags = {}

    async def one(session: MotionSession, task_id: int) -> None:
        await session.wait_for_task(TaskRef(task_id=task_id), timeout=None, poll=policy)
        lags[task_id] = now() - service.ends[task_id]

    shared = MotionSession(transport=transport)
    sessions = {task_id: shared if together else MotionSession(transport=transport) for task_id in service.ends}
    await asyncio.gather(*(one(session, task_id) for task_id, session in sessions.items()))
    await shared.close()
    return len(transport.asked), lags


def spread(count: int, seconds: float = 60.0) -> dict[int, float]:
    """Tasks that end around `seconds` from now."""
    return {number: now() + seconds * (0.9 + 0.2 * number / count) for number in range(1, count + 1)}


async def test_a_thousand_waits_share_looks_at_a_fifth_of_the_requests_and_no_more_lag() -> None:
    """W10: one list per tick replaces most single looks."""
    apart, alone_lags = await waited(_Service(spread(1000)), together=False)
    shared, lags = await waited(_Service(spread(1000)), together=True)
    assert shared <= apart / 5
    assert sum(lags.values()) <= sum(alone_lags.values())
    assert max(lags.values()) <= max(alone_lags.values()) + 0.2, "a shared look is two round trips"


LIES: dict[str, Callable[[int, float], bool]] = {
    "always empty": lambda _, __: False,
    "shows everything for ever": lambda _, __: True,
    "shows the odd ones only": lambda task_id, _: task_id % 2 == 1,
    "forgets all after half a minute": lambda _, at: at < 1030,
    "flickers": lambda task_id, at: (int(at) + task_id) % 2 == 0,
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_list_that_lies_ends_no_wait_wrongly(lie: str) -> None:
    """W10: the final word is always a look at the task itself."""
    apart, alone_lags = await waited(_Service(spread(100)), together=False)
    service = _Service(spread(100), LIES[lie])
    sent, lags = await waited(service, together=True)
    assert all(lag >= 0 for lag in lags.values())
    assert sent <= 1.6 * apart
    late = sum(lags.values()) / sum(alone_lags.values())
    assert late <= 1.6, f"{late:.2f} times the lag of separate looks"


async def test_a_transport_that_breaks_on_the_list_leaves_every_wait_to_its_own_looks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """W10: with whatever it raises; the log has it."""
    _, alone_lags = await waited(_Service(spread(50)), together=False)
    service = _Service(spread(50))
    service.list_breaks_at = now() + 30
    _, lags = await waited(service, together=True)
    assert sum(lags.values()) <= 1.2 * sum(alone_lags.values())
    assert "a bug in the transport" in caplog.text


async def test_a_list_that_is_refused_again_is_asked_no_more() -> None:
    """W10, W5: each 429 pauses every wait of the account, which a list that only saves looks is not worth."""
    service = _Service(spread(50))
    service.list_is_refused = True
    transport = FakeTransport(service)
    session = MotionSession(transport=transport)
    await asyncio.gather(*(session.wait_for_task(task_id, timeout=400) for task_id in service.ends))
    assert sum(request.path == "/scheduler" for _, request in transport.asked) == 2
    await session.close()


async def test_a_list_that_fails_leaves_every_wait_to_its_own_looks() -> None:
    """W10: as if there were none, whether it fails from the start or later."""
    _, alone_lags = await waited(_Service(spread(50)), together=False)
    for after in (0, 20):
        service = _Service(spread(50))
        waiting = asyncio.create_task(waited(service, together=True))
        await asyncio.sleep(after)
        service.list_fails = True
        _, lags = await waiting
        assert max(lags.values()) <= 1.3 * max(alone_lags.values())


class _Hanging(FakeTransport):
    """Answers to the list of running tasks twice, and hangs from then on."""

    lists = 0

    async def send(self, request: Request, *, timeout: float | None = None) -> Response:
        if request.path == "/scheduler":
            self.lists += 1
            if self.lists > 2:
                assert timeout is not None
                await asyncio.sleep(timeout)
                raise APITimeoutError("no list in time")
        return await super().send(request, timeout=timeout)


async def test_a_list_that_hangs_makes_no_wait_late() -> None:
    """W10: it is given up after five seconds, and every wait goes back to its own looks at once."""
    _, alone_lags = await waited(_Service(spread(50)), together=False)
    _, lags = await waited(_Service(spread(50)), together=True, kind=_Hanging)
    assert max(lags.values()) <= 5 + max(alone_lags.values())
    assert sum(lags.values()) <= 1.3 * sum(alone_lags.values())


async def test_a_list_that_never_shows_any_of_the_waits_is_asked_less_and_less() -> None:
    """W10: it may know nothing of them; once it shows one, looks are shared as ever."""
    transport = FakeTransport(_Service(spread(50, 600), lambda task_id, at: 1_400 < at < 1_500 + task_id))
    session = MotionSession(transport=transport)
    waits = (session.wait_for_task(TaskRef(task_id=number), timeout=None) for number in range(1, 51))
    await asyncio.gather(*waits)
    await session.close()
    listed = [at for at, request in transport.asked if request.path == "/scheduler"]
    assert len([at for at in listed if at < 1_400]) <= 15
    assert len([at for at in listed if 1_420 < at < 1_500]) >= 2
    during = [at for at, request in transport.asked if request.path != "/scheduler" and 1_470 < at < 1_500]
    assert len(during) <= 25


async def test_a_few_waits_do_not_ask_for_the_list() -> None:
    """W10: sharing pays from a handful on."""
    transport = FakeTransport(_Service(spread(3)))
    session = MotionSession(transport=transport)
    await asyncio.gather(*(session.wait_for_task(number, timeout=None) for number in (1, 2, 3)))
    assert Counter(request.path for _, request in transport.asked)["/scheduler"] == 0
    await session.close()


async def test_against_the_emulator_shared_waits_all_end_with_their_own_task() -> None:
    """W10: three accounts, one list."""
    accounts = [Account(f"{name}@example.com", 50) for name in "abc"]
    async with staged(Emulator(accounts=accounts, progress=ByTime(15, 15))) as (emulator, session):
        owners = [accounts[number % 3].email for number in range(60)]
        tasks = [emulator.add_task(email=owner) for owner in owners]
        waits = (session.wait_for_task(task.id, email=owner) for task, owner in zip(tasks, owners, strict=True))
        assert [task.id for task in await asyncio.gather(*waits)] == [task.id for task in tasks]
        assert emulator.books.count("get_task") <= 60 * 5


async def test_when_the_waits_are_over_nothing_ticks_on() -> None:
    """W10: the shared look ends with the last of them."""
    async with staged(Emulator(accounts=[Account("a@example.com", 50)], progress=ByTime(5, 5))) as (emulator, session):
        await asyncio.gather(*(session.wait_for_task(emulator.add_task().id) for _ in range(10)))
        await asyncio.sleep(1)
        lists = emulator.books.count("list_running")
        await asyncio.sleep(100)
        assert emulator.books.count("list_running") == lists
        assert not [task for task in asyncio.all_tasks() if "Roster" in repr(task)]


async def test_a_task_that_left_the_list_while_the_server_fails_is_not_looked_at_without_pause() -> None:
    """W10, W4: leaving the list asks for one look at once; what fails is tried again by the schedule."""
    service = _Service(spread(20, 40))

    def answer(request: Request) -> Answer:
        if request.path != "/scheduler" and 1_030 < now() < 1_060:
            return 503, {"error": "Unavailable"}
        return service(request)

    transport = FakeTransport(answer)
    session = MotionSession(transport=transport)
    waits = (session.wait_for_task(TaskRef(task_id=number), timeout=None) for number in service.ends)
    done = await asyncio.gather(*waits)
    assert all(task.succeeded for task in done)
    looks = Counter(request.path for _, request in transport.asked)
    assert max(count for path, count in looks.items() if path != "/scheduler") < 20
    await session.close()


TWENTY = {number: 1_060.0 + number for number in range(1, 21)}


async def begun(session: MotionSession) -> list[asyncio.Task[Task]]:
    """Twenty waits that share looks by now."""
    waits = [asyncio.create_task(session.wait_for_task(number, timeout=None)) for number in TWENTY]
    await asyncio.sleep(30)
    return waits


def test_a_loop_that_is_left_with_waits_does_not_keep_the_next_from_sharing() -> None:
    """W10, T1: what a loop was stopped in is no part of the next one."""
    transport = FakeTransport(_Service(TWENTY))
    session = MotionSession(transport=transport)

    async def all_ended() -> None:
        await asyncio.gather(*await begun(session))

    async def end_the_others() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    left = VirtualTimeLoop()
    left.run_until_complete(begun(session))
    transport.asked.clear()
    run_virtual(all_ended())
    asked = Counter(request.path for _, request in transport.asked)
    assert asked.pop("/scheduler") > 2
    assert max(asked.values()) < 7
    left.run_until_complete(end_the_others())
    left.close()


def test_a_loop_that_was_closed_with_waits_does_not_keep_the_session_from_being_closed() -> None:
    """T1, T2: they ended with their loop; there is nobody to be woken."""
    session = MotionSession(transport=FakeTransport(_Service(TWENTY)))

    async def closed() -> None:
        await session.get_task(1)
        await session.close()

    left = VirtualTimeLoop()
    waits = left.run_until_complete(begun(session))
    left.close()
    run_virtual(closed())
    del waits
    gc.collect()


def test_shared_waits_end_on_a_clock_that_never_stands_still() -> None:
    """W10: in real time two readings of the clock differ, unlike in the virtual time of the other tests."""

    async def main(emulator: ThreadedEmulator) -> None:
        policy = PollPolicy(first=0.02, floor=0.02, ceiling=0.2)
        async with MotionSession(emulator.token, base_url=emulator.url, poll=policy) as session:
            tasks = [emulator.run(lambda inner: inner.add_task()) for _ in range(12)]
            done = await asyncio.gather(*(session.wait_for_task(task.id, timeout=20) for task in tasks))
            assert all(task.succeeded for task in done)

    with ThreadedEmulator(Emulator(accounts=[Account("a@example.com", 50)], progress=ByTime(0.2, 0.3))) as emulator:
        asyncio.run(main(emulator))
        assert emulator.books.count("list_running") > 0
        assert emulator.books.count("get_task") < 12 * 10
