"""Which entry of the motions list is a task's, and how long it is looked for (behaviours R1 and R2)."""

from __future__ import annotations

import json

import attrs
import pytest

from klingmotion import (
    APIResponseError,
    InvalidRequestError,
    KlingMotionError,
    Motion,
    MotionNotListedError,
    MotionSession,
    PollPolicy,
    TaskGoneError,
    TaskTimeoutError,
)
from klingmotion.emulator import ByTime, Emulator, Html, Lag, Outcome, RateLimited, Replace, StallAfter, Status
from tests.stage import now, staged, submitted


async def test_a_motion_listed_at_the_third_look_is_waited_for() -> None:
    """R1: the list may lag behind the task."""
    async with staged(Emulator(listing_delay=Lag(looks=2))) as (emulator, session):
        motion = await session.wait_for_motion(await submitted(session))
        assert motion.task_id == emulator.books.tasks[0].task_id
        assert emulator.books.count("list_motions") == 3


async def test_a_motion_that_is_never_listed_ends_in_an_error_with_the_final_task() -> None:
    """R1: bounded by `listing_patience`; the error says so and carries the way back."""
    async with staged(Emulator(listing_delay="never"), poll=PollPolicy(listing_patience=30)) as (_, session):
        done = await session.wait_for_task(await submitted(session))
        began = now()
        with pytest.raises(MotionNotListedError, match="no entry is its own") as caught:
            await session.wait_for_motion(done)
        assert now() - began == pytest.approx(30, abs=0.2)
        assert caught.value.task is not None
        assert caught.value.task.succeeded
        assert caught.value.ref == done.ref


async def test_a_floor_of_nothing_is_no_flood() -> None:
    """R1, W4: where waits do not depend on the age of the task, some time passes all the same."""
    policy = PollPolicy(first=0, floor=0, listing_patience=30)
    async with staged(Emulator(listing_delay="never", progress=ByTime(0, 1)), poll=policy) as (emulator, session):
        task = await submitted(session)
        with pytest.raises(MotionNotListedError):
            await session.wait_for_motion(task)
        assert emulator.books.count("list_motions") < 15
        emulator.fail("get_task", Status(404, {"error": "Task not found"}), times=None)
        began = emulator.books.count("get_task")
        with pytest.raises(TaskGoneError):
            await session.wait_for_task(await submitted(session))
        assert emulator.books.count("get_task") - began < 150


async def test_without_patience_the_motion_is_listed_once() -> None:
    """R1: a patience of nothing still looks."""
    async with staged(poll=PollPolicy(listing_patience=0)) as (_, session):
        assert (await session.wait_for_motion(await submitted(session))).bvh_url is not None


async def test_the_deadline_ends_the_search_before_the_patience_does() -> None:
    """W6: one deadline for the whole wait."""
    async with staged(Emulator(listing_delay="never")) as (_, session):
        done = await session.wait_for_task(await submitted(session))
        began = now()
        with pytest.raises(TaskTimeoutError, match="succeeded"):
            await session.wait_for_motion(done, timeout=7)
        assert 6.99 < now() - began < 7.2


@pytest.mark.parametrize("others", [0, 39, 40, 41, 99, 100, 101, 250])
async def test_the_entry_is_found_on_whatever_page_it_is(others: int) -> None:
    """R2: page boundaries at 40 and 100; newer entries push ours back."""
    async with staged() as (emulator, session):
        done = await session.wait_for_task(await submitted(session))
        for number in range(others):
            emulator.add_motion(f"Newer {number}")
        motion = await session.wait_for_motion(done)
        assert motion.task_id == done.id
        listed = [entry.work_id async for entry in session.motions()]
        assert len(listed) == len(set(listed)) == others + 1


async def test_entries_arriving_between_pages_are_neither_lost_nor_doubled() -> None:
    """R2: every page shifts by one while the list is read."""
    async with staged() as (emulator, session):
        for number in range(100):
            emulator.add_motion(f"Motion {number}")
        names: list[str | None] = []
        async for motion in session.motions(page_size=20):
            if len(names) % 20 == 0:
                emulator.add_motion("Arrived meanwhile")
            names.append(motion.name)
        assert {f"Motion {number}" for number in range(100)} <= set(names)
        assert len([name for name in names if name and name.startswith("Motion ")]) == 100


async def test_a_motion_whose_entry_has_no_task_id_is_found_by_its_work() -> None:
    """R2: the final task names its works."""
    async with staged() as (emulator, session):
        done = await session.wait_for_task(await submitted(session))
        entry = {"workName": "Walk", "workId": done.works[0].work_id, "extData": {"bvh_binary": "https://x.test/b.zip"}}
        emulator.fail("list_motions", Replace([{"workId": 5, "workName": "Other"}, entry]))
        motion = await session.wait_for_motion(done)
        assert motion.bvh_url == "https://x.test/b.zip"


async def test_the_2026_shape_is_matched_by_the_uploaded_video() -> None:
    """R2: no id links entry to task; the URL does, whatever its query."""
    async with staged(Emulator(dialect="2026")) as (_, session):
        task = await submitted(session)
        motion = await session.wait_for_motion(task)
        assert motion.asset_id is not None
        assert motion.video_url is not None
        assert motion.video_url.split("?")[0] == task.ref.resource_url
        assert motion.bvh_url is None


async def test_two_entries_of_one_video_are_not_guessed_between() -> None:
    """R2: the error says how many it may be."""
    async with staged(Emulator(dialect="2026"), poll=PollPolicy(listing_patience=5)) as (emulator, session):
        task = await submitted(session)
        emulator.add_motion(source_url=task.ref.resource_url)
        with pytest.raises(MotionNotListedError, match="2 entries may be it"):
            await session.wait_for_motion(task)


async def test_an_entry_that_comes_twice_is_told_by_its_work() -> None:
    """R2: one of them does not name the work; the task does."""
    async with staged() as (emulator, session):
        done = await session.wait_for_task(await submitted(session))
        entry = {"workName": "Walk", "taskId": done.id, "extData": {"bvh_binary": "https://x.test/b.zip"}}
        emulator.fail("list_motions", Replace([entry, {**entry, "workId": done.works[0].work_id}]))
        motion = await session.wait_for_motion(done)
        assert motion.work_id == done.works[0].work_id


async def test_a_task_that_makes_a_video_says_so() -> None:
    """Its motion would be waited for in vain; the error names the way to what it makes."""
    async with staged(poll=PollPolicy(listing_patience=5)) as (emulator, session):
        done = await session.wait_for_task(await submitted(session))
        emulator.fail("list_motions", Replace([]), times=None)
        video = attrs.evolve(done, type="m2v_motion_control")
        with pytest.raises(MotionNotListedError, match=r"m2v_motion_control, it makes a video: wait_for_video"):
            await session.wait_for_motion(video)


async def test_a_malformed_stranger_on_the_page_does_no_harm() -> None:
    """R2: only the entry that is ours is read whole."""
    async with staged() as (emulator, session):
        done = await session.wait_for_task(await submitted(session))
        ours = {"workName": "Walk", "workId": 7, "taskId": str(done.id)}
        emulator.fail("list_motions", Replace(["text", None, {"workId": True, "workName": 3, "extData": []}, ours]))
        assert (await session.wait_for_motion(done)).name == "Walk"


async def test_an_error_of_an_entry_says_which_one_and_holds_it() -> None:
    """Rules 7 and 8: by its place in the answer, whether the list or one task's entry is asked for."""
    async with staged(poll=PollPolicy(max_failed_looks=1)) as (emulator, session):
        done = await session.wait_for_task(await submitted(session))
        broken = {"workId": 8, "taskId": done.id, "workName": 5}
        emulator.fail("list_motions", Replace([{"workId": 7}, broken]), times=None)
        for call in (session.wait_for_motion(done), collected(session)):
            with pytest.raises(APIResponseError, match="the list of motions: ") as caught:
                await call
            assert caught.value.path == "$[1].workName"
            assert (caught.value.status, json.loads(caught.value.body)) == (200, broken)


async def collected(session: MotionSession) -> list[Motion]:
    return [motion async for motion in session.motions()]


async def test_entries_of_different_kinds_with_one_number_are_two() -> None:
    """Neither hides the other."""
    async with staged() as (emulator, session):
        emulator.fail("list_motions", Replace([{"assetId": "7"}, {"workId": 7}, {"taskId": 7}, {"workId": "7"}]))
        assert [(entry.asset_id, entry.work_id, entry.task_id) for entry in await collected(session)] == [
            ("7", None, None),
            (None, 7, None),
            (None, None, 7),
        ]


async def test_a_list_that_fails_now_and_then_is_read_again() -> None:
    """R1, W4: the job is done and paid for; a bad page does not lose it."""
    async with staged() as (emulator, session):
        emulator.fail("list_motions", Html(502), StallAfter(60), Status(200, "[{"), Status.server_fault())
        assert (await session.wait_for_motion(await submitted(session))).task_id is not None


async def test_a_list_that_only_fails_ends_with_an_error_that_leads_back() -> None:
    """R1: bounded, typed, with the reference."""
    async with staged() as (emulator, session):
        emulator.fail("list_motions", Html(502), times=None)
        with pytest.raises(KlingMotionError) as caught:
            await session.wait_for_motion(await submitted(session))
        emulator.heal()
        assert caught.value.ref is not None
        assert (await session.wait_for_motion(caught.value.ref)).task_id == caught.value.ref.task_id


async def test_a_server_that_refuses_paging_is_asked_without() -> None:
    """Contract section 7: the 2026 form documents neither page nor size."""
    async with staged() as (emulator, session):
        done = await session.wait_for_task(await submitted(session))
        emulator.fail("list_motions", Status.bad_request("Unknown parameter pageNum"))
        assert (await session.wait_for_motion(done)).task_id == done.id
        assert "pageNum" not in emulator.books.seen("list_motions")[-1].query


async def test_official_motions_are_another_list() -> None:
    """mine=False asks without `mine` and without paging."""
    async with staged() as (emulator, session):
        official = [motion async for motion in session.motions(mine=False)]
        assert official
        assert all(motion.official and motion.work_id is not None and motion.work_id < 0 for motion in official)
        assert emulator.books.count("list_motions") == 1


async def test_a_wrong_page_size_is_refused_before_the_first_step() -> None:
    """Nothing is sent."""
    async with staged() as (emulator, session):
        with pytest.raises(InvalidRequestError, match="1 to 100"):
            session.motions(page_size=101)
        assert emulator.books.count() == 0


async def test_a_motion_deleted_by_its_task_is_gone() -> None:
    """Contract section 2.4: the task and its works go together; a lost answer is not an error."""
    async with staged() as (emulator, session):
        motion = await session.wait_for_motion(await submitted(session))
        assert motion.task_id is not None
        emulator.fail("delete_task", StallAfter(60))
        assert (await session.delete_task(motion.task_id)).deleted == 1
        assert [entry async for entry in session.motions()] == []


async def test_outcomes_without_works_are_no_obstacle() -> None:
    """Contract section 8: `works` of a finished extraction may be empty."""
    async with staged() as (emulator, session):
        emulator.next_tasks(Outcome(omit=("works",)))
        assert (await session.wait_for_motion(await submitted(session))).bvh_url is not None


async def test_a_pause_is_no_failure_of_the_list() -> None:
    """W5, R1: the listing comes when the pause is over."""
    async with staged() as (emulator, session):
        done = await session.wait_for_task(await submitted(session))
        emulator.fail("list_motions", RateLimited(40, "seconds"))
        began = now()
        assert (await session.wait_for_motion(done)).task_id == done.id
        assert 39.9 < now() - began < 42
