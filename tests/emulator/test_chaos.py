"""Chaos is the same for the same seed, hits at its rate, and never breaks the emulator's own account."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from klingmotion.emulator import Account, ByLooks, Chaos, Emulator
from klingmotion.emulator.chaos import DEFAULT_KINDS, KINDS, Dice

from .bench import Bench, bench

LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError, ValueError)


def test_the_same_seed_draws_the_same_faults() -> None:
    """Two rows of draws are equal for one seed and differ for another."""

    def row(seed: int) -> list[str]:
        dice = Dice(Chaos(seed=seed, rate=0.5))
        return [repr(dice.draw("get_task")) for _ in range(200)]

    assert row(1) == row(1)
    assert row(1) != row(2)


def test_faults_hit_at_the_rate_and_where_asked() -> None:
    """The share of requests hit is the rate, and other endpoints are spared."""
    dice = Dice(Chaos(rate=0.2, endpoints={"get_task"}))
    hits = sum(dice.draw("get_task") is not None for _ in range(5000))
    assert hits == pytest.approx(1000, abs=120)
    assert not any(dice.draw("submit_motion") for _ in range(100))


def test_every_kind_can_be_drawn_and_the_final_ones_only_on_request() -> None:
    """All kinds make faults; by default none that would end a job for good."""
    drawn = Counter(type(Dice(Chaos(rate=1, kinds=(kind,))).draw("get_task")).__name__ for kind in KINDS)
    assert drawn["NoneType"] == 0
    assert {"Vanish", "Html"} <= drawn.keys()
    assert {"vanish", "html_ok"}.isdisjoint(DEFAULT_KINDS)
    dice = Dice(Chaos(rate=1))
    seen = [dice.draw("submit_motion") for _ in range(2000)]
    assert not {type(fault).__name__ for fault in seen} & {"Vanish", "Redirect"}
    assert {getattr(fault, "status", 500) for fault in seen} <= {500, 502, 503, 504, 522}
    assert all(getattr(fault, "seconds", 0) <= 5 for fault in seen)


@pytest.mark.parametrize("kinds", [("no_such_kind",), ()])
def test_kinds_must_exist(kinds: tuple[str, ...]) -> None:
    """A misspelt kind is an error at once."""
    with pytest.raises(ValueError, match="drop_before"):
        Chaos(kinds=kinds)


async def _persist(b: Bench, method: str, path: str, **more: Any) -> int:
    """Call until the answer is sound JSON with 200; how many calls that took."""
    for calls in range(1, 200):
        with suppress(*LOST):
            answer = await b.call(method, path, **more)
            if answer.status == 200 and answer.body is not None:
                return calls
    raise AssertionError(f"{path} never answered")


async def test_the_account_stays_true_under_chaos() -> None:
    """However the answers are torn, the books hold every task once, and each can be brought to its end."""
    emulator = Emulator(
        accounts=[Account("a@example.com", max_jobs=50)],
        progress=ByLooks(0, 1),
        chaos=Chaos(seed=3, rate=0.6, stall=3.0),
    )
    async with bench(emulator) as b:
        for number in range(20):
            asset = emulator.add_asset()
            fields = {"resourceUrl": asset.resource_url, "coverUrl": asset.cover_url, "replyRef": f"r{number}"}
            await _persist(b, "POST", "/videos/motion-upload", json=fields)
        await asyncio.sleep(10)
        tasks = list(emulator.books.tasks)
        assert len({task.task_id for task in tasks}) == len(tasks)
        assert {task.reply_ref for task in tasks} == {f"r{number}" for number in range(20)}
        assert len(tasks) <= emulator.books.posts.total()
        for task in tasks:
            entry = emulator.find_task(task.task_id)
            assert entry is not None
            while entry.open:
                await _persist(b, "GET", f"/tasks/{task.task_id}")
        await _persist(b, "GET", "/videos/motions?mine=true&pageSize=100")
        emulator._script._dice = None
        listed = await b.motions(pageSize="100")
        assert {item["taskId"] for item in listed} == {task.task_id for task in tasks}
        assert emulator.books.faults.total() > 20


async def test_scripted_faults_come_before_chaos() -> None:
    """What a test scripts is played whatever the dice say."""
    async with bench(Emulator(chaos=Chaos(rate=0))) as b:
        assert (await b.get("/scheduler")).status == 200
