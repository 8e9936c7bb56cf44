"""The gate that requests go through: a few at once, many where the server takes its time, and nobody is forgotten."""

from __future__ import annotations

import asyncio

from klingmotion import PollPolicy
from klingmotion.emulator import Account, ByTime, Emulator
from klingmotion.gate import Gate
from tests.stage import now, staged
from tests.virtual_time import VirtualTimeLoop


class Visits:
    """Visitors of a gate, how many are inside and how many there were at most."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.inside = self.most = 0

    async def visit(self, seconds: float) -> None:
        await self.gate.enter()
        try:
            self.inside += 1
            self.most = max(self.most, self.inside)
            await asyncio.sleep(seconds)
        finally:
            self.inside -= 1
            self.gate.leave()


async def test_where_each_is_soon_gone_only_a_few_are_inside() -> None:
    """They pass their places on, in the order they came."""
    visits = Visits()
    await asyncio.gather(*(visits.visit(0.0001) for _ in range(300)))
    assert visits.most == 10


async def test_where_they_stay_longer_many_are_let_in_and_no_more_than_that() -> None:
    """Nobody waits longer than a moment while there is room."""
    visits = Visits()
    begun = now()
    await asyncio.gather(*(visits.visit(1) for _ in range(250)))
    assert visits.most == 100
    assert 3 < now() - begun < 3.05


async def test_a_program_that_is_busy_itself_is_not_taken_for_a_slow_server() -> None:
    """What comes late because nothing could run in the meantime says nothing of the server."""
    visits = Visits()
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    visiting = [asyncio.create_task(visits.visit(0.001)) for _ in range(100)]
    await asyncio.sleep(0)
    loop._jumping.jumped += 0.05  # no visitor has had the time to leave
    await asyncio.gather(*visiting)
    assert visits.most == 10


async def test_once_all_have_gone_it_is_a_few_again() -> None:
    """A slow hour is forgotten."""
    visits = Visits()
    await asyncio.gather(*(visits.visit(1) for _ in range(50)))
    assert visits.most == 50
    visits.most = 0
    await asyncio.gather(*(visits.visit(0.0001) for _ in range(50)))
    assert visits.most == 10


async def test_who_is_cancelled_keeps_no_place() -> None:
    """Neither in the queue, nor in the very instant of being let in."""
    visits = Visits()
    first = [asyncio.create_task(visits.visit(0.01)) for _ in range(10)]
    await asyncio.sleep(0)
    queue = [asyncio.create_task(visits.visit(0.01)) for _ in range(30)]
    await asyncio.sleep(0)
    for waiting in queue[:5]:
        waiting.cancel()
    await first[0]  # the next in the queue are let in now, and have not gone in yet
    for waiting in queue[5:20]:
        waiting.cancel()
    done = await asyncio.gather(*first, *queue, return_exceptions=True)
    assert sum(isinstance(outcome, asyncio.CancelledError) for outcome in done) == 20
    assert visits.inside == 0
    visits.most = 0
    await asyncio.gather(*(visits.visit(0.0001) for _ in range(50)))
    assert visits.most == 10


async def test_hundreds_of_looks_in_one_instant_open_a_handful_of_connections() -> None:
    """Where the server answers quickly; to open one for each costs more than the looks do."""
    emulator = Emulator(accounts=[Account("a@example.com", 50)], progress=ByTime(2, 2))
    async with staged(emulator, poll=PollPolicy(jitter=0)) as (emulator, session):
        opened = 0
        http = (await session._engine.calls.transport._sessions()).kept  # type: ignore[attr-defined]  # to count what its connector opens
        original = http.connector._create_connection

        async def counted(*given: object, **named: object) -> object:
            nonlocal opened
            opened += 1
            return await original(*given, **named)

        http.connector._create_connection = counted
        await asyncio.gather(*(session.wait_for_task(emulator.add_task().id) for _ in range(300)))
        assert opened <= 10
