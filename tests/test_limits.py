"""Time limits that share one timer: each cuts its own block, in time, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context

import pytest

from klingmotion.limits import Limits
from tests.virtual_time import VirtualTimeLoop, run_virtual


def now() -> float:
    return asyncio.get_running_loop().time()


async def cut_after(limits: Limits, seconds: float | None, work: float) -> float | None:
    """When the block was cut, if it was."""
    begun = now()
    try:
        with limits.within(seconds):
            await asyncio.sleep(work)
    except TimeoutError:
        return now() - begun
    return None


async def test_each_block_is_cut_at_its_own_limit() -> None:
    """Whatever order they begin in, and however many are in time."""
    limits = Limits()
    wanted = [(30.0, 60.0), (5.0, 60.0), (0.5, 0.25), (None, 90.0), (12.0, 60.0), (5.0, 4.0), (0.0, 1.0)]
    found = await asyncio.gather(*(cut_after(limits, seconds, work) for seconds, work in wanted))
    expected = [30.0, 5.0, None, None, 12.0, None, 0.0]
    assert found == [None if end is None else pytest.approx(end, abs=1e-6) for end in expected]


async def test_a_limit_that_begins_after_the_alarm_was_set_is_kept_too() -> None:
    """The alarm that finds nothing to cut sets itself for what has begun since."""
    limits = Limits()
    assert await cut_after(limits, 10, 1) is None
    assert await cut_after(limits, 10, 60) == pytest.approx(10, abs=1e-6)


async def test_a_limit_can_be_moved_while_it_runs() -> None:
    """Later, as a transfer makes progress, or sooner."""
    begun = now()

    async def block() -> None:
        with Limits().within(60) as limit:
            for _ in range(10):
                limit.move(now() + 60)
                await asyncio.sleep(50)
            limit.move(now() + 5)
            await asyncio.sleep(50)

    with pytest.raises(TimeoutError):
        await block()
    assert now() - begun == pytest.approx(505, abs=1e-6)


async def test_all_can_be_cut_at_once() -> None:
    """As a session does that is closed, those without a limit included; what begins later is left alone."""
    limits = Limits()
    cut = [asyncio.create_task(cut_after(limits, seconds, 60)) for seconds in (None, 30.0)]
    await asyncio.sleep(2)
    limits.cut()
    limits.cut()  # closing twice cuts once
    assert await asyncio.gather(*cut, cut_after(limits, None, 60)) == [pytest.approx(2), pytest.approx(2), None]


async def test_a_cancellation_from_outside_passes_through() -> None:
    """A limit renames only what it has cut itself."""
    task = asyncio.create_task(cut_after(Limits(), 30, 60))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_is_cancelled_and_cut_in_one_instant_stays_cancelled() -> None:
    """Whichever comes first."""
    for cancelled_first in (True, False):
        limits = Limits()
        task = asyncio.create_task(cut_after(limits, None, 60))
        await asyncio.sleep(1)
        for step in (task.cancel, limits.cut) if cancelled_first else (limits.cut, task.cancel):
            step()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_error_of_the_block_is_not_renamed() -> None:
    """Even if it is raised by what the cut made of it."""

    async def block() -> None:
        with Limits().within(1):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                raise ValueError("of its own") from None

    with pytest.raises(ValueError, match="of its own"):
        await block()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_limits_within_each_other_end_the_right_block() -> None:
    """asyncio's own included."""
    limits = Limits()

    async def block(seconds: float) -> None:
        async with asyncio.timeout(60):
            assert await cut_after(limits, 2, 30) == pytest.approx(2, abs=1e-6)
            with limits.within(seconds):
                assert await cut_after(limits, 3, 30) == pytest.approx(3, abs=1e-6)
                await asyncio.sleep(90)

    for seconds in (50, 500):
        begun = now()
        with pytest.raises(TimeoutError):
            await block(seconds)
        assert now() - begun == pytest.approx(52 if seconds == 50 else 60, abs=1e-6)


def test_limits_serve_one_loop_after_another() -> None:
    """An alarm that was set on a loop that is gone does not keep a new one from being set."""
    limits = Limits()
    assert run_virtual(cut_after(limits, 30, 1)) is None
    assert run_virtual(cut_after(limits, 30, 60)) == pytest.approx(30, abs=1e-6)


class CountingLoop(VirtualTimeLoop):
    """Counts the timers that are set on it."""

    timers = 0

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)


def test_thousands_of_limits_have_one_timer() -> None:
    """A timer for each costs more than it is worth."""

    async def many() -> int:
        limits = Limits()
        for _ in range(1000):
            with limits.within(30):
                pass
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        return loop.timers

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        assert runner.run(many()) == 1
