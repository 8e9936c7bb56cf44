"""What a session learns from the ends of its tasks: when hardly any ends, and whether estimates hold (W2, W3)."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from attrs import define, field

from klingmotion import APIConnectionError, MotionSession, PollPolicy, Request, TaskFailedError
from tests.fake_transport import FakeTransport
from tests.stage import now

STEADY = PollPolicy(jitter=0)

#: The documented ages of the looks at a task of a minute.
DOCUMENTED = [*(5 * 1.25**number for number in range(7)), *(22 * 1.1**number for number in range(12))]

#: The same where tasks are known to end at any age.
CLOSELY = [5, 6, 7, 8, 9, 10, *(10 * 1.1**number for number in range(1, 20))]


@define
class Server:
    """One task after another."""

    duration: float = 60.0
    status_name: str = "succeed"
    #: What is said to be left, as a multiple of the truth.
    eta: float = 0.0
    #: What is said to be left all the time.
    fixed: float = 0.0
    #: Ages at which looks fail.
    down: tuple[float, float] = (0.0, 0.0)
    task_id: int = 0
    born: float = 0.0
    ages: list[float] = field(factory=list)

    def __call__(self, request: Request) -> tuple[int, object] | Exception:
        """Answer a submit or a look."""
        if request.method == "POST":
            self.task_id, self.born, self.ages = self.task_id + 1, now(), []
        age = now() - self.born
        if request.method == "GET":
            self.ages.append(age)
            if self.down[0] <= age < self.down[1]:
                return APIConnectionError("down")
        over = age >= self.duration
        return 200, {
            "task": {"id": self.task_id},
            "status": 99 if over else 10,
            "status_name": self.status_name if over else "processing",
            "status_final": over,
            "etaTime": 0 if over else self.fixed or self.eta * (self.duration - age),
        }


class Stage:
    """A session that does one task after another."""

    def __init__(self, policy: PollPolicy = STEADY) -> None:
        self.server = Server()
        self.session = MotionSession(transport=FakeTransport(self.server, latency=0.0), poll=policy)

    async def run(self, count: int = 1, *, late: float = 0.0) -> list[float]:
        """Submit and wait, `late` seconds after the submit, so many times; the ages at which the last was looked at."""
        for _ in range(count):
            task = await self.session.submit_motion("https://x.test/a.mp4", "https://x.test/a.jpg")
            await asyncio.sleep(late)
            try:
                await self.session.wait_for_task(task)
            except TaskFailedError:
                assert self.server.status_name == "failed"
        return self.server.ages


async def test_twenty_tasks_are_waited_for_as_documented_and_later_ones_with_fewer_looks() -> None:
    """The looks at ages at which none has ended are fewer, the others are as far apart as ever."""
    stage = Stage()
    for _ in range(20):
        assert await stage.run() == pytest.approx(DOCUMENTED)
    ages = await stage.run()
    assert ages[0] == 5
    assert len(ages) < 0.7 * len(DOCUMENTED)
    for before, after in pairwise(ages):
        assert after <= before * (1.25 if after < 60 else 1.1) + 1e-6


async def test_a_policy_for_short_tasks_is_not_taken_for_one_of_long_ones() -> None:
    """Who looks early for the first time expects an early end."""
    stage = Stage(PollPolicy(first=1, floor=0.1, jitter=0))
    stage.server.duration = 10.0
    ages = await stage.run()
    for before, after in pairwise(ages):
        assert after <= before * (1.25 if after < 4.4 else 1.1) + 1e-6


async def test_a_task_that_ends_early_after_all_is_noticed_within_a_quarter() -> None:
    """What was learnt may be wrong; the next tasks are looked at more closely again."""
    stage = Stage()
    await stage.run(20)
    stage.server.duration = 20.0
    assert (await stage.run())[-1] <= 1.25 * 20
    assert (await stage.run(4))[-1] <= 1.1 * 20


async def test_failures_are_ends_too() -> None:
    """One of twenty that failed after a few seconds: there is no age at which hardly any ends."""
    stage = Stage()
    await stage.run(10)
    stage.server.duration, stage.server.status_name = 5.5, "failed"
    await stage.run()
    stage.server.duration, stage.server.status_name = 60.0, "succeed"
    await stage.run(9)
    assert await stage.run() == pytest.approx(CLOSELY)


async def test_ends_that_nobody_saw_coming_count_as_early() -> None:
    """A wait that begins long after the submit cannot tell when the task ended."""
    stage = Stage()
    await stage.run(20, late=90.0)
    assert await stage.run() == pytest.approx(CLOSELY)


async def test_an_end_behind_failed_looks_teaches_nothing() -> None:
    """It may have been long ago."""
    stage = Stage()
    stage.server.down = (50.0, 70.0)
    await stage.run(20)
    stage.server.down = (0.0, 0.0)
    assert await stage.run() == pytest.approx(DOCUMENTED)


async def test_a_task_from_elsewhere_neither_teaches_nor_profits() -> None:
    """Its age is not known."""
    stage = Stage()

    async def met(task_id: int) -> list[float]:
        stage.server.born, stage.server.task_id, stage.server.ages = now(), task_id, []
        await stage.session.wait_for_task(task_id)
        return stage.server.ages

    for number in range(100, 120):
        await met(number)
    assert await stage.run(20) == pytest.approx(DOCUMENTED)
    assert (await met(999))[:11] == pytest.approx(range(11))


async def test_another_session_knows_nothing_of_it() -> None:
    """What is learnt is the session's own."""
    stage = Stage()
    await stage.run(20)
    assert await Stage().run() == pytest.approx(DOCUMENTED)


async def test_estimates_that_held_to_the_end_are_trusted_from_the_first_look_of_the_next_task() -> None:
    """Until a task's did not."""
    stage = Stage()
    stage.server.eta, stage.server.duration = 1.0, 21.0
    assert (await stage.run())[:3] == pytest.approx([5, 6.25, 6.25 + 0.85 * 14.75])
    assert (await stage.run())[:2] == pytest.approx([5, 5 + 0.85 * 16])
    stage.server.eta = 0.0
    assert (await stage.run())[:7] == pytest.approx(DOCUMENTED[:7])
    stage.server.eta = 1.0
    assert (await stage.run())[:2] == pytest.approx([5, 6.25])


@pytest.mark.parametrize("unit", [1.0, 1000.0], ids=["seconds", "milliseconds"])
async def test_a_first_estimate_that_nothing_ends_soon_spares_looks_until_it_can_be_judged(unit: float) -> None:
    """W3: no task is known to end within 20 s anyway; at 25 s it is seen whether the estimate has shrunk."""
    stage = Stage()
    stage.server.eta = unit
    assert (await stage.run())[:3] == pytest.approx([5, 25, 32])


@pytest.mark.parametrize("duration", [24.9, 15.0])
async def test_a_first_estimate_that_the_end_is_near_spares_no_look(duration: float) -> None:
    """W3: whatever its unit is."""
    stage = Stage()
    stage.server.eta, stage.server.duration = 1.0, duration
    assert (await stage.run())[1] == 6.25


async def test_an_estimate_that_stands_still_spares_no_look_after_it_has_been_judged() -> None:
    """W3: from 25 s on, the looks are those without an estimate."""
    stage = Stage()
    stage.server.fixed = 100.0
    assert (await stage.run()) == pytest.approx([5, *(25 * 1.1**number for number in range(11))])


async def test_estimates_in_milliseconds_are_trusted_as_well() -> None:
    """The unit is learnt too."""
    stage = Stage()
    stage.server.eta = 1000.0
    await stage.run()
    assert (await stage.run())[:2] == pytest.approx([5, 25])


async def test_chance_puts_many_waits_apart_where_they_begin() -> None:
    """W2: up to a tenth is taken off the first intervals; later ones are exact and keep the distance."""
    stage = Stage(PollPolicy())
    seconds = set()
    for _ in range(10):
        ages = await stage.run()
        seconds.add(ages[1])
        assert ages[0] == 5
        for before, after in pairwise(ages):
            if after < 0.9 * 22:
                assert 0.9 * 0.25 * before - 1e-6 <= after - before <= 0.25 * before + 1e-6
            elif before >= 22:
                assert after - before == pytest.approx(0.1 * before)
    assert len(seconds) == 10
