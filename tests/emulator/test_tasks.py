"""The life of a task, as looks show it and as the table allows it."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import get_args

import pytest

from klingmotion.emulator import ByLooks, ByTime, Emulator, Outcome
from klingmotion.emulator.media import Media
from klingmotion.emulator.tasks import MOVES, IllegalMove, Submission, Task, TaskState

from .bench import Bench, bench


async def _names(bench: Bench, task_id: int, looks: int) -> list[str]:
    return [(await bench.look(task_id)).body["status_name"] for _ in range(looks)]


@pytest.mark.parametrize(("start", "goal"), list(product(get_args(TaskState), repeat=2)))
def test_only_the_moves_of_the_table_are_made(start: TaskState, goal: TaskState) -> None:
    """A task moves along the table, and nowhere else."""
    task = Task(
        id=1,
        account="a",
        user_id=1,
        work_id=1,
        submission=Submission(resource_url="r", cover_url="c"),
        outcome=Outcome(),
        progress=ByLooks(),
        created=0,
        updated=0,
        media=Media("video/mp4"),
        state=start,
    )
    allowed = (start, goal) in {
        ("submitted", "processing"),
        ("submitted", "failed"),
        ("processing", "succeed"),
        ("processing", "failed"),
    }
    assert allowed == (goal in MOVES[start])
    if allowed:
        task.move(goal, 1.0)
        assert task.state == goal
    else:
        with pytest.raises(IllegalMove):
            task.move(goal, 1.0)


async def test_a_task_spends_exactly_the_looks_asked_for_in_each_state() -> None:
    """ByLooks(2, 3) shows two looks of submitted, three of processing, then the end."""
    async with bench(Emulator(progress=ByLooks(2, 3))) as b:
        names = await _names(b, await b.submitted(), 7)
    assert names == ["submitted"] * 2 + ["processing"] * 3 + ["succeed"] * 2


async def test_a_task_that_needs_no_look_is_final_once_its_submit_is_answered() -> None:
    """ByLooks(0, 0) answers the submit with submitted, and has then ended."""
    async with bench(Emulator(progress=ByLooks(0, 0))) as b:
        answer = await b.submit()
        assert answer.body["status_name"] == "submitted"
        assert (await b.get("/scheduler")).body == []
        assert await _names(b, answer.body["task"]["id"], 1) == ["succeed"]


async def test_time_moves_a_task_that_nobody_looks_at() -> None:
    """ByTime frees the account's slot after its seconds, without a look."""
    async with bench(Emulator(progress=ByTime(2.0, 6.0))) as b:
        task_id = await b.submitted()
        await asyncio.sleep(1.9)
        assert await _names(b, task_id, 1) == ["submitted"]
        await asyncio.sleep(0.2)
        assert await _names(b, task_id, 1) == ["processing"]
        await asyncio.sleep(6.0)
        assert (await b.get("/scheduler")).body == []
        assert await _names(b, task_id, 1) == ["succeed"]


async def test_a_failed_task_says_how_it_was_scripted_to() -> None:
    """Number, name, error and message of a failure are free."""
    outcome = Outcome(end="failed", status=54, status_name="queue_busy", error="Queue is busy", message="Later")
    async with bench() as b:
        b.emulator.next_tasks(outcome)
        body = (await b.look(await b.finished())).body
        assert (body["status"], body["status_name"], body["status_final"]) == (54, "queue_busy", True)
        assert (body["error"], body["message"], body["works"]) == ("Queue is busy", "Later", [])
        assert await b.motions() == []


async def test_outcomes_wait_for_their_own_asset() -> None:
    """An outcome tied to an asset is taken by that asset's task, whatever comes first."""
    async with bench() as b:
        own = b.emulator.add_asset()
        b.emulator.next_tasks(Outcome(end="failed"), resource_url=own.resource_url)
        other, mine = await b.finished(), await b.finished(own)
        assert (await b.look(other)).body["status_name"] == "succeed"
        assert (await b.look(mine)).body["status_name"] == "failed"


async def test_invented_statuses_are_shown_one_look_each() -> None:
    """A processing task can wear names nobody documented."""
    async with bench() as b:
        b.emulator.next_tasks(Outcome(invented=((11, "rendering"), (12, "baking"), (13, "tidying"))))
        names = await _names(b, await b.submitted(), 5)
    assert names == ["submitted", "rendering", "baking", "tidying", "succeed"]


async def test_keys_can_be_left_out_of_replies() -> None:
    """Every field is optional on the wire: any can be left out, at any depth."""
    async with bench() as b:
        omit = ("status_final", "task.status_name", "no.such.path")
        b.emulator.next_tasks(Outcome(omit=omit, submit_omit=("task.id", "works")))
        submitted = (await b.submit()).body
        assert "id" not in submitted["task"]
        assert "works" not in submitted
        seen = (await b.look(b.emulator.books.tasks[0].task_id)).body
        assert "status_final" not in seen
        assert "status_name" not in seen["task"]
        assert seen["task"]["id"] == b.emulator.books.tasks[0].task_id


async def test_a_task_can_be_unseen_at_first_and_vanish_later() -> None:
    """Looks right after the submit, and after moderation, answer 404."""
    async with bench() as b:
        b.emulator.next_tasks(Outcome(unseen=2, vanish_after=1))
        task_id = await b.submitted()
        statuses = [(await b.look(task_id)).status for _ in range(5)]
        assert statuses == [404, 404, 200, 404, 404]
        assert (await b.get("/scheduler")).body == []
        assert (await b.get("/tasks")).body == {"history": []}


async def test_a_task_can_end_with_its_submit() -> None:
    """A submit may be answered by a task that has already failed."""
    async with bench() as b:
        b.emulator.next_tasks(Outcome(end="failed", status=7, at_submit=True, error="Sensitive"))
        body = (await b.submit()).body
        assert (body["status"], body["status_final"], body["error"]) == (7, True, "Sensitive")
        assert (await b.get("/scheduler/available")).body["available"][0]["available"] == 5


@pytest.mark.parametrize(
    ("unit", "low", "high"),
    [
        ("epoch_ms", 1.7e12, 1e13),
        ("epoch_s", 1.7e9, 1e10),
        ("left_ms", 7000, 8020),
        ("left_s", 7, 8),
        ("zero", 0, 0),
        ("negative", -5000, -5000),
        ("years", 2e12, 1e13),
    ],
)
async def test_the_eta_comes_in_every_unit(unit: str, low: float, high: float) -> None:
    """The eta fields can be milliseconds or seconds, moments or spans, or nonsense."""
    async with bench(Emulator(progress=ByTime(2.0, 6.0))) as b:
        b.emulator.next_tasks(Outcome(eta=unit, stamp=True))  # type: ignore[arg-type]  # the table's text
        body = (await b.look(await b.submitted())).body
        assert low <= body["etaTime"] <= high
        assert body["originEtaTime"] == body["etaTime"]
        assert body["currentTimestamp"] == pytest.approx(b.emulator.now() * 1000, abs=1000)


async def test_a_frozen_eta_stands_still_and_an_absent_one_is_not_there() -> None:
    """The eta can stop the clock, or be missing."""
    async with bench(Emulator(progress=ByLooks(9, 9))) as b:
        b.emulator.next_tasks(Outcome(eta="frozen"), Outcome(eta="absent"))
        task_id = await b.submitted()
        first = (await b.look(task_id)).body["etaTime"]
        await asyncio.sleep(30)
        assert (await b.look(task_id)).body["etaTime"] == first
        assert "etaTime" not in (await b.look(await b.submitted())).body


async def test_the_first_look_at_the_end_marks_the_task_viewed() -> None:
    """`viewTime` is there once the final state has been looked at."""
    async with bench() as b:
        task_id = await b.submitted()
        running = (await b.look(task_id)).body["task"]
        ended = (await b.look(await b.finished())).body["task"]
    assert (running["viewed"], "viewTime" in running) == (False, False)
    assert ended["viewed"] is True
    assert ended["viewTime"] >= ended["updateTime"] >= ended["createTime"]


async def test_ids_are_beyond_what_a_double_holds() -> None:
    """Task and work ids turn into other numbers when read as floats."""
    async with bench() as b:
        task_id = await b.finished()
        work_id = (await b.motions())[0]["workId"]
    assert int(float(task_id)) != task_id
    assert int(float(work_id)) != work_id
