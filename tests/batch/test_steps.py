"""What a batch does with its clips, step by step, against the emulator (behaviours B1 to B6)."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiohttp import web
from attrs import define, frozen

from klingmotion import (
    AccountError,
    APIResponseError,
    AssetNotFoundError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    DownloadError,
    InvalidRequestError,
    JournalError,
    KlingMotionError,
    ModerationError,
    MotionNotListedError,
    RejectedInputError,
    RetryPolicy,
    SubmitUncertainError,
    TaskFailedError,
    TaskGoneError,
    TaskTimeoutError,
)
from klingmotion.batch.batch import Batch
from klingmotion.batch.conductor import HANDOVER
from klingmotion.batch.journal import NOTHING_ELSE, Change, Row, State
from klingmotion.batch.outcome import Outcome
from klingmotion.batch.sqlite_journal import SqliteJournal
from klingmotion.downloads import _stem
from klingmotion.emulator import (
    Account,
    ByTime,
    DropAfter,
    DropBefore,
    Fault,
    Html,
    Lag,
    Pass,
    RateLimited,
    Replace,
    StallAfter,
    StallBefore,
    Status,
    Task,
)
from klingmotion.emulator import Outcome as Fate
from klingmotion.emulator.exchange import Exchange, Reply
from klingmotion.wire import motion as motion_of
from tests.batch.journals import ANN, BEN, SharedJournal, opened
from tests.batch.runs import TASK, Bench, bench, statuses
from tests.stage import now, submitted, virtual_session


async def read(batch: Batch, outcomes: list[Outcome]) -> None:
    """Read a batch to its end, however that may be."""
    async for outcome in batch:
        outcomes.append(outcome)  # noqa: PERF401  # what came before an error must be kept


# --- All goes well --------------------------------------------------------------------------------------------------


async def test_every_clip_becomes_a_motion_and_its_files(tmp_path: Path) -> None:
    """B5: one outcome for each, tied to its input, and its files where they were asked for."""
    async with bench(tmp_path) as at:
        clips = at.clips(10)
        outcomes = await at.run(clips, out=at.out)
        assert sorted((outcome.index, outcome.source) for outcome in outcomes) == [
            (index, str(path)) for index, path in enumerate(clips)
        ]
        for outcome in outcomes:
            assert outcome.ok
            assert (outcome.error, outcome.account, outcome.earlier) == (None, None, False)
            assert outcome.motion is not None
            assert outcome.ref is not None
            assert outcome.motion.task_id == outcome.ref.task_id
            assert outcome.task is not None
            assert outcome.task.succeeded
            assert outcome.files is not None
            assert outcome.files.bvh is not None
            assert outcome.files.bvh.read_text().startswith("HIERARCHY")
        at.assert_once_each(10)
        assert at.emulator.books.open_tasks[ANN] == 3
        assert at.answers() == {200: 10}
        assert at.emulator.books.tokens_to_files == 0


async def test_without_a_journal_nothing_is_left_but_the_files(tmp_path: Path) -> None:
    """Memory will do for a batch that need not be resumed."""
    async with bench(tmp_path) as at:
        clips = at.clips(3)
        assert statuses(await at.run(clips, journal=None)) == {"done": 3}
        assert sorted(tmp_path.iterdir()) == clips


async def test_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    """B1: it says what is done, with links and files, and asks nothing of the service but its slots."""
    async with bench(tmp_path) as at:
        clips = at.clips(3)
        first = await at.run(clips, out=at.out, parts=["bvh"])
        before = at.emulator.books.count()
        again = await at.run(clips, out=at.out, parts=["bvh"])
        assert all(outcome.earlier and outcome.ok for outcome in again)
        assert [outcome.motion for outcome in again] == [
            outcome.motion for outcome in sorted(first, key=lambda outcome: outcome.index or 0)
        ]
        assert {outcome.files for outcome in again} == {outcome.files for outcome in first}
        assert at.emulator.books.count() - before <= 1
        assert await at.run() == []


async def test_the_slots_are_kept_full(tmp_path: Path) -> None:
    """B4: ten tasks of 20 s in three slots take four rounds and a little."""
    async with bench(tmp_path) as at:
        clips, began = at.clips(10), now()
        await at.run(clips)
        assert 4 * TASK < now() - began < 4 * TASK * 1.35


async def test_several_accounts_share_the_work(tmp_path: Path) -> None:
    """B4: each within its own limit; who has more slots does more."""
    accounts = [Account(ANN, 1), Account(BEN, 4)]
    async with bench(tmp_path, accounts=accounts) as at:
        clips, began = at.clips(15), now()
        outcomes = await at.run(clips, accounts=[ANN, BEN])
        assert statuses(outcomes) == {"done": 15}
        assert at.emulator.books.open_tasks == {ANN: 1, BEN: 4}
        assert at.answers() == {200: 15}
        assert now() - began < 8 * TASK
        at.assert_once_each(15)


async def test_one_content_under_two_names_is_extracted_once(tmp_path: Path) -> None:
    """B5: one task, and an outcome for each name; also where the second name comes when the first is done."""
    async with bench(tmp_path) as at:
        (clip,) = at.clips(1)
        twin = tmp_path / "twin.mp4"
        twin.write_bytes(clip.read_bytes())

        async def later() -> AsyncIterator[Path]:
            yield clip
            yield twin
            yield clip
            await asyncio.sleep(300)
            yield twin

        outcomes = [outcome async for outcome in at.session.extract_motions(later(), journal=at.journal)]
        assert [(outcome.index, outcome.source, outcome.ok) for outcome in outcomes] == [
            (0, str(clip), True), (1, str(twin), True), (2, str(clip), True), (3, str(twin), True)
        ]  # fmt: skip
        assert len({outcome.ref for outcome in outcomes}) == 1
        at.assert_once_each(1)


# --- One goes wrong -------------------------------------------------------------------------------------------------

Arrange = Callable[[Bench, list[Path]], None]


def third_submit(fault: Fault) -> Arrange:
    return lambda at, _: at.emulator.fail("submit_motion", Pass(), Pass(), fault)


def third_task(**fate: Any) -> Arrange:
    return lambda at, _: at.emulator.next_tasks(Fate(), Fate(), Fate(**fate))


def third_upload(fault: Fault) -> Arrange:
    return lambda at, _: at.emulator.fail("upload_asset", Pass(), Pass(), fault)


def third_clip(content: bytes | None) -> Arrange:
    def arrange(_: Bench, clips: list[Path]) -> None:
        if content is None:
            clips[2].unlink()
        else:
            clips[2].write_bytes(content)

    return arrange


ONE_OF_TEN = [
    pytest.param(third_submit(Status.moderation()), "failed", ModerationError, id="moderation"),
    pytest.param(third_submit(Status.rejected()), "failed", RejectedInputError, id="rejected"),
    pytest.param(third_submit(Status.bad_request()), "failed", BadRequestError, id="400"),
    pytest.param(third_task(end="failed", error="no person"), "failed", TaskFailedError, id="failed"),
    pytest.param(third_task(end="failed", at_submit=True), "failed", TaskFailedError, id="failed at once"),
    pytest.param(third_task(vanish_after=1), "failed", TaskGoneError, id="vanished"),
    pytest.param(third_task(submit_omit={"task.id"}), "failed", APIResponseError, id="no task id"),
    pytest.param(third_task(listed=False), "unfinished", MotionNotListedError, id="not listed"),
    pytest.param(third_task(progress=ByTime(1e6, 1e6)), "unfinished", TaskTimeoutError, id="too slow"),
    pytest.param(third_upload(Status.bad_request()), "failed", BadRequestError, id="upload refused"),
    pytest.param(third_upload(Status(200, {"status": 4, "message": "no"})), "failed", APIResponseError, id="upload no"),
    pytest.param(third_clip(None), "failed", InvalidRequestError, id="missing"),
    pytest.param(third_clip(b"no film at all" * 100), "failed", InvalidRequestError, id="no video"),
    pytest.param(third_clip(b""), "failed", InvalidRequestError, id="empty"),
]


@pytest.mark.parametrize(("arrange", "status", "error"), ONE_OF_TEN)
async def test_one_of_ten_goes_wrong_and_the_others_are_done(
    tmp_path: Path, arrange: Arrange, status: str, error: type[KlingMotionError]
) -> None:
    """B5: whatever it is, it is the outcome of one clip."""
    async with bench(tmp_path) as at:
        clips = at.clips(10)
        arrange(at, clips)
        outcomes = await at.run(clips, timeout=400.0)
        assert statuses(outcomes) == {"done": 9, status: 1}
        assert {outcome.index for outcome in outcomes} == set(range(10))
        (wrong,) = (outcome for outcome in outcomes if not outcome.ok)
        assert type(wrong.error) is error
        again = await at.run(clips, timeout=400.0) if status == "failed" and error is not InvalidRequestError else []
        for outcome in (one for one in again if not one.ok):
            assert outcome.earlier, "B3: a failure is recorded, and not tried again unless asked"
            assert (type(outcome.error), str(outcome.error)) == (type(wrong.error), str(wrong.error))
        assert max(at.tasks_by_content().values()) == 1


async def test_an_asset_the_service_lost_is_uploaded_again(tmp_path: Path) -> None:
    """Nothing was paid yet: the clip goes on."""
    async with bench(tmp_path) as at:
        at.emulator.fail("submit_motion", Pass(), Pass(), Status.asset_unknown())
        assert statuses(await at.run(at.clips(10))) == {"done": 10}
        assert at.emulator.books.count("upload_asset") == 11
        assert at.emulator.books.count("submit_motion") == 11
        at.assert_once_each(10)


async def test_an_asset_the_service_loses_twice_is_the_end_of_its_clip(tmp_path: Path) -> None:
    """It would go on like that for ever."""
    async with bench(tmp_path) as at:
        clips = at.clips(10)

        def lose(row: Row, state: State) -> None:
            if state is State.SUBMITTING and row.source == str(clips[2]):
                asset = at.emulator._state.assets.at(row.resource_url or "")
                assert asset is not None
                at.emulator._state.assets.remove(at.emulator._state.ledger(ANN), asset.id)

        outcomes = await at.run(clips, journal=at.watched(lose))
        (wrong,) = (outcome for outcome in outcomes if not outcome.ok)
        assert (wrong.index, wrong.status, type(wrong.error)) == (2, "failed", AssetNotFoundError)
        assert statuses(outcomes) == {"done": 9, "failed": 1}
        assert at.emulator.books.count("upload_asset") == 11


async def test_dead_links_are_listed_anew(tmp_path: Path) -> None:
    """R3: a motion's links do not last; the next listing has fresh ones."""
    async with bench(tmp_path) as at:
        at.emulator.fail("file", Status(404, "gone"), *[Pass()] * 3, Status(403, "expired"))
        outcomes = await at.run(at.clips(5), out=at.out, parts=["bvh"])
        assert statuses(outcomes) == {"done": 5}
        assert all(outcome.files and outcome.files.bvh for outcome in outcomes)


async def test_links_that_stay_dead_are_left_for_the_next_run(tmp_path: Path) -> None:
    """The motion is paid for: its files are fetched once they can be."""
    async with bench(tmp_path) as at:
        clips = at.clips(4)
        at.emulator.fail("file", Status(404, "gone"), times=None)
        outcomes = await at.run(clips, out=at.out, parts=["bvh"])
        assert statuses(outcomes) == {"unfinished": 4}
        assert {type(outcome.error) for outcome in outcomes} == {DownloadError}
        assert all(outcome.motion for outcome in outcomes)
        at.emulator.heal("file")
        assert statuses(await at.run(clips, out=at.out, parts=["bvh"])) == {"done": 4}
        at.assert_once_each(4)


async def test_a_motion_the_service_no_longer_keeps_says_what_that_means(tmp_path: Path) -> None:
    """It had succeeded, its links are dead and its task is gone: failed, with the way on and its price."""
    async with bench(tmp_path) as at:
        clips = at.clips(2)

        def lose(row: Row, state: State) -> None:
            if state is State.READY and row.source == str(clips[1]) and row.task_id is not None:
                at.emulator._state.delete(at.emulator._state.ledgers[ANN], row.task_id, at.emulator.now())
                at.emulator.fail("file", Status(410, "expired"), times=None)

        (wrong,) = [one for one in await at.run(clips[1:], journal=at.watched(lose), out=at.out) if not one.ok]
        assert wrong.status == "failed"
        assert "retry_failed" in "".join(wrong.error.__notes__ if wrong.error else ())
        (later,) = await at.run(clips[1:], out=at.out)
        assert later.earlier
        assert "retry_failed" in "".join(later.error.__notes__ if later.error else ())


async def test_a_disk_that_takes_no_file_leaves_the_clip_to_be_done(tmp_path: Path) -> None:
    """B3: here something is in the way of one file; the others are saved, and the next run saves that one too."""
    async with bench(tmp_path) as at:
        clips = at.clips(10)
        blocked: list[Path] = []

        async def stand_in_the_way(source: str, task: Any) -> None:
            if source == str(clips[2]) and task.is_final and not blocked:
                await asyncio.sleep(0)
                page = at.emulator._state.ledgers[ANN]
                listed = page.motion_of(task.id)
                assert listed is not None
                stem = _stem(motion_of({"workName": listed.name, "taskId": task.id}))
                blocked.append(at.out / f"{stem}.bvh")
                (blocked[0] / "in the way").mkdir(parents=True)

        outcomes = await at.run(clips, out=at.out, parts=["bvh"], on_change=stand_in_the_way)
        (wrong,) = (outcome for outcome in outcomes if not outcome.ok)
        assert (wrong.index, wrong.status) == (2, "unfinished")
        assert wrong.motion is not None
        assert statuses(outcomes) == {"done": 9, "unfinished": 1}
        (blocked[0] / "in the way").rmdir()
        blocked[0].rmdir()
        (later,) = await at.run(out=at.out, parts=["bvh"])
        assert later.ok
        at.assert_once_each(10)
        assert len(list(at.out.glob("*.bvh"))) == 10
        assert not list(at.out.glob(".*"))


async def test_an_out_that_cannot_be_made_costs_no_motion(tmp_path: Path) -> None:
    """B3: nothing can be saved; everything is there for the next run."""
    async with bench(tmp_path) as at:
        clips = at.clips(3)
        at.out.write_text("a file")
        outcomes = await at.run(clips, out=at.out / "inside", parts=["bvh"])
        assert statuses(outcomes) == {"unfinished": 3}
        at.out.unlink()
        assert statuses(await at.run(clips, out=at.out, parts=["bvh"])) == {"done": 3}
        at.assert_once_each(3)


@pytest.mark.parametrize("state", [State.ASSETS, State.SUBMITTING, State.SUBMITTED, State.READY, State.DONE])
async def test_a_bug_at_any_step_of_one_clip_concerns_no_other(tmp_path: Path, state: State) -> None:
    """B5: it is in the outcome as it was raised; the next run goes on, and nothing is paid for twice."""
    async with bench(tmp_path) as at:
        clips = at.clips(6)

        def stumble(row: Row, step: State) -> None:
            if row.source == str(clips[2]) and step is state:
                raise ZeroDivisionError("a bug")

        outcomes = await at.run(clips, journal=at.watched(stumble), settle=30.0)
        (wrong,) = (outcome for outcome in outcomes if not outcome.ok)
        assert (wrong.index, wrong.status, type(wrong.error)) == (2, "unfinished", ZeroDivisionError)
        assert statuses(outcomes) == {"done": 5, "unfinished": 1}
        assert statuses(await at.run(clips, settle=30.0)) == {"done": 6}
        at.assert_once_each(6)


async def test_a_journal_that_fails_ends_the_batch(tmp_path: Path) -> None:
    """Nothing may be paid for that cannot be written down: outcomes so far, then the error; later it goes on."""
    async with bench(tmp_path) as at:
        clips = at.clips(10)
        outcomes: list[Outcome] = []

        def fail(row: Row, state: State) -> None:
            if row.source == str(clips[5]) and state is State.SUBMITTED:
                raise JournalError("the disk is full")

        with pytest.raises(JournalError, match="disk is full"):
            await read(at.batch(clips, journal=at.watched(fail)), outcomes)
        assert 0 < len(outcomes) < 10
        assert all(outcome.ok for outcome in outcomes)
        assert statuses(await at.run(clips)) == {"done": 10}
        at.assert_once_each(10)


async def test_a_file_that_goes_between_its_reading_and_its_upload_is_left_for_the_next_run(tmp_path: Path) -> None:
    """Nothing was paid; put back, it is done."""
    async with bench(tmp_path) as at:
        clips = at.clips(3)
        content = clips[1].read_bytes()

        def take_away(source: str) -> None:
            if source == str(clips[1]):
                clips[1].unlink()

        outcomes = await at.run(clips, on_start=take_away)
        (wrong,) = (outcome for outcome in outcomes if not outcome.ok)
        assert (wrong.index, wrong.status, type(wrong.error)) == (1, "unfinished", InvalidRequestError)
        clips[1].write_bytes(content)
        assert statuses(await at.run(clips)) == {"done": 3}
        at.assert_once_each(3)


async def test_failed_clips_are_started_anew_only_if_asked(tmp_path: Path) -> None:
    """B3: a paid retry is the user's choice; the old task stays in the row."""
    async with bench(tmp_path) as at:
        clips = at.clips(3)
        at.emulator.next_tasks(Fate(end="failed", error="no person"))
        first = await at.run(clips)
        (failed,) = (outcome for outcome in first if not outcome.ok)
        assert failed.status == "failed"
        assert statuses(await at.run(clips)) == {"done": 2, "failed": 1}
        again = await at.run(clips, retry_failed=True)
        assert statuses(again) == {"done": 3}
        assert sum(not outcome.earlier for outcome in again) == 1
        (row,) = [row for row in await at.rows() if row.extra_tasks]
        assert failed.ref is not None
        assert row.extra_tasks == (failed.ref.task_id,)
        assert len(at.emulator.books.tasks) == 4
        assert statuses(await at.run(clips, retry_failed=True)) == {"done": 3}
        assert len(at.emulator.books.tasks) == 4


# --- Order ----------------------------------------------------------------------------------------------------------


async def test_outcomes_come_as_they_finish_or_in_the_order_of_the_inputs(tmp_path: Path) -> None:
    """B5: the first clip is slow; ordered, all wait for it, and the failed third is in its place."""
    for ordered in (False, True):
        directory = tmp_path / str(ordered)
        directory.mkdir()
        async with bench(directory) as at:
            at.emulator.next_tasks(Fate(progress=ByTime(100, 100)), Fate(), Fate(end="failed"))
            indices = [outcome.index for outcome in await at.run(at.clips(6), ordered=ordered)]
            assert sorted(index or 0 for index in indices) == list(range(6))
            assert (indices == list(range(6))) is ordered


async def test_an_ordered_batch_gives_what_it_has_before_the_error_that_ends_it(tmp_path: Path) -> None:
    """B5: also what came early."""
    async with bench(tmp_path, limit=5) as at:
        clips = at.clips(4)

        def broken() -> Iterator[Path]:
            yield from clips
            raise RuntimeError("the list ends here")

        at.emulator.next_tasks(Fate(progress=ByTime(100, 100)))
        outcomes: list[Outcome] = []
        with pytest.raises(RuntimeError, match="ends here"):
            await read(at.batch(broken(), ordered=True), outcomes)
        assert [outcome.index for outcome in outcomes] == [0, 1, 2, 3]


# --- Ends -----------------------------------------------------------------------------------------------------------


async def test_a_loop_that_is_left_early_goes_on_with_the_journal(tmp_path: Path) -> None:
    """What was submitted is waited for, nothing is submitted twice, and the journal is free at once."""
    async with bench(tmp_path) as at:
        clips, seen = at.clips(10), []
        async with at.batch(clips) as batch:
            async for outcome in batch:
                seen.append(outcome)
                if len(seen) == 3:
                    break
        assert len(at.emulator.books.tasks) > 3
        rest = await at.run(clips)
        assert statuses(rest) == {"done": 10}
        assert sum(outcome.earlier for outcome in rest) >= 3
        at.assert_once_each(10)


async def test_a_loop_that_is_left_without_a_word_holds_nothing_up(tmp_path: Path) -> None:
    """The session closes right after: the work is ended by both, and the journal is free all the same."""
    async with bench(tmp_path) as at:
        clips = at.clips(6)
        async with virtual_session(at.emulator) as session:
            async for _ in session.extract_motions(clips, journal=at.journal):
                break
        assert statuses(await at.run(clips)) == {"done": 6}
        at.assert_once_each(6)


async def test_a_batch_that_is_closed_ends_at_once(tmp_path: Path) -> None:
    """Twice does no harm, nor does closing one that never began; asked again, it is over."""
    async with bench(tmp_path) as at:
        clips = at.clips(6)
        batch = at.batch(clips)
        await anext(batch)
        began = now()
        await batch.aclose()
        await batch.aclose()
        assert now() - began < 1
        with pytest.raises(StopAsyncIteration):
            await anext(batch)
        unused = at.batch(clips)
        await unused.aclose()
        assert statuses(await at.run(clips)) == {"done": 6}
        at.assert_once_each(6)


async def test_a_batch_is_closed_by_another_task_than_the_one_that_reads_it(tmp_path: Path) -> None:
    """As a web service does that is told to stop: the reader's loop ends, and the journal is free."""
    async with bench(tmp_path) as at:
        clips = at.clips(6)
        outcomes: list[Outcome] = []
        batch = at.batch(clips)
        reading = asyncio.create_task(read(batch, outcomes))
        await asyncio.sleep(TASK * 1.5)
        await batch.aclose()
        await asyncio.wait_for(reading, 5)
        assert 0 < len(outcomes) < 6
        assert statuses(await at.run(clips)) == {"done": 6}
        at.assert_once_each(6)


async def test_a_cancelled_reader_leaves_no_work_behind(tmp_path: Path) -> None:
    """Cancellation passes through; the journal is free, and the next run goes on."""
    async with bench(tmp_path) as at:
        clips = at.clips(6)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(TASK * 1.5):
                await at.run(clips)
        before = at.emulator.books.count()
        await asyncio.sleep(600)
        assert at.emulator.books.count() == before
        assert statuses(await at.run(clips)) == {"done": 6}
        at.assert_once_each(6)


async def test_a_batch_that_is_stopped_finishes_what_is_submitted(tmp_path: Path) -> None:
    """Nothing more is submitted; the outcomes of what runs still come, and the rest is for the next run."""
    async with bench(tmp_path) as at:
        clips, outcomes, submitted = at.clips(10), [], 0
        batch = at.batch(clips, out=at.out, parts=["bvh"])
        async for outcome in batch:
            outcomes.append(outcome)
            if len(outcomes) == 1:
                batch.stop()
                batch.stop()
                submitted = len(at.emulator.books.tasks)
        assert statuses(outcomes) == {"done": len(at.emulator.books.tasks)}
        assert len(at.emulator.books.tasks) <= submitted + 1 < 10, "one submit was on its way"
        assert batch.totals.waiting == 0
        assert statuses(await at.run(clips, out=at.out, parts=["bvh"])) == {"done": 10}
        at.assert_once_each(10)


async def test_a_batch_that_is_stopped_before_it_begins_does_nothing(tmp_path: Path) -> None:
    """Not one upload."""
    async with bench(tmp_path) as at:
        batch = at.batch(at.clips(3))
        batch.stop()
        assert [outcome async for outcome in batch] == []
        assert at.emulator.books.count("upload_asset") == 0


async def test_a_session_that_is_closed_in_the_middle_ends_the_batch_with_an_error(tmp_path: Path) -> None:
    """It says how to go on, and so it does."""
    async with bench(tmp_path) as at:
        clips = at.clips(10)
        async with virtual_session(at.emulator) as session:
            batch = session.extract_motions(clips, journal=at.journal)
            assert (await anext(batch)).ok
            await session.close()
            with pytest.raises(KlingMotionError, match="session was closed"):
                await read(batch, [])
        assert statuses(await at.run(clips)) == {"done": 10}
        at.assert_once_each(10)


@pytest.mark.parametrize("after", [0, 5])
async def test_an_iterable_that_raises_ends_the_intake_only(tmp_path: Path, after: int) -> None:
    """What came before is finished first, then its error comes out as it is."""
    async with bench(tmp_path) as at:
        clips = at.clips(10)
        outcomes: list[Outcome] = []

        async def broken() -> AsyncIterator[Path]:
            for clip in clips[:after]:
                yield clip
            raise ZeroDivisionError("a bug in the caller's generator")

        with pytest.raises(ZeroDivisionError):
            await read(at.session.extract_motions(broken(), journal=at.journal), outcomes)
        assert statuses(outcomes) == ({"done": after} if after else {})


@pytest.mark.parametrize("ordered", [False, True])
async def test_uncertain_clips_do_not_keep_others_from_coming_in(tmp_path: Path, ordered: bool) -> None:
    """B5: they are looked at once more when there is no room for others, and not only in the end."""
    async with bench(tmp_path, limit=1) as at:
        at.emulator.fail("submit_motion", DropAfter(), times=1 if ordered else None)
        for endpoint in ("list_running", "list_tasks"):
            at.emulator.fail(endpoint, Html(502), times=None)
        outcomes = await at.run(at.clips(40), settle=10.0, ordered=ordered)
        assert statuses(outcomes) == ({"uncertain": 1, "done": 39} if ordered else {"uncertain": 40})


async def test_many_uncertain_clips_of_an_earlier_run_are_looked_at_again(tmp_path: Path) -> None:
    """B2: given once more, they fill all the room there is."""
    async with bench(tmp_path, limit=1) as at:
        clips = at.clips(30)
        at.emulator.fail("submit_motion", DropAfter(), times=None)
        for endpoint in ("list_running", "list_tasks"):
            at.emulator.fail(endpoint, Html(502), times=None)
        assert statuses(await at.run(clips, settle=10.0)) == {"uncertain": 30}
        for endpoint in ("submit_motion", "list_running", "list_tasks"):
            at.emulator.heal(endpoint)
        assert statuses(await at.run(clips, settle=10.0)) == {"done": 30}
        at.assert_once_each(30)


async def test_a_clip_that_was_renamed_before_its_upload_is_done_under_its_new_name(tmp_path: Path) -> None:
    """B6: what was left to the next run under one name is taken up under another in this one."""
    async with bench(tmp_path) as at:
        (clip,) = at.clips(1)
        moved = clip.with_name("moved.mp4")

        async def videos() -> AsyncIterator[Path]:
            yield clip
            await asyncio.sleep(100)
            assert statuses(seen) == {"unfinished": 1}
            yield moved

        seen: list[Outcome] = []
        batch = at.batch(videos(), on_start=lambda source: clip.rename(moved) if source == str(clip) else None)
        await read(batch, seen)
        assert statuses(seen) == {"unfinished": 1, "done": 1}


async def test_an_endless_iterable_is_read_as_far_as_it_is_needed(tmp_path: Path) -> None:
    """Memory and journal stay small, however much there is to come."""
    async with bench(tmp_path) as at:
        read = []

        def endless() -> Iterator[Path]:
            for number in itertools.count():
                read.append(number)
                yield at.clips(1, first=number)[0]

        seen = 0
        async with at.batch(endless()) as batch:
            async for _ in batch:
                seen += 1
                assert len(read) <= seen + 40
                if seen == 24:
                    break
        assert len(await at.rows()) <= 64


async def test_what_is_no_path_ends_the_intake(tmp_path: Path) -> None:
    """It is a mistake of the program, not of one clip."""
    async with bench(tmp_path) as at:
        with pytest.raises(InvalidRequestError, match="takes paths"):
            await at.run([b"film"])  # type: ignore[list-item]  # that is the point


# --- Accounts -------------------------------------------------------------------------------------------------------


async def test_an_account_with_a_broken_login_leaves_its_clips_to_the_other(tmp_path: Path) -> None:
    """B4: nothing is lost and nobody waits."""
    accounts = [Account(ANN, 3), Account(BEN, 3, error="login failed")]
    async with bench(tmp_path, accounts=accounts) as at:
        outcomes = await at.run(at.clips(10), accounts=[ANN, BEN])
        assert statuses(outcomes) == {"done": 10}
        assert {outcome.account for outcome in outcomes} == {ANN}
        at.assert_once_each(10)


async def test_an_account_that_breaks_in_the_middle_leaves_its_clips_to_the_other(tmp_path: Path) -> None:
    """What it had submitted waits for the next run; all else is done elsewhere."""
    async with bench(tmp_path, accounts=[Account(ANN, 2), Account(BEN, 2)]) as at:
        clips, outcomes = at.clips(12), []
        ledger = at.emulator._state.ledgers[BEN]
        async for outcome in at.batch(clips, accounts=[ANN, BEN]):
            outcomes.append(outcome)
            ledger.account = attrs.evolve(ledger.account, error="login failed")
        left = [outcome for outcome in outcomes if not outcome.ok]
        assert len(outcomes) == 12
        assert {outcome.status for outcome in left} <= {"unfinished"}
        assert len(left) <= 2
        assert {type(outcome.error) for outcome in left} <= {AccountError}
        ledger.account = attrs.evolve(ledger.account, error=None)
        assert statuses(await at.run(clips, accounts=[ANN, BEN])) == {"done": 12}
        at.assert_once_each(12)


@define
class BreaksAtTheEnd:
    """The first look that finds a task final is refused, and no other."""

    status: int
    played: bool = False

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.work()
        if not self.played and json.loads(reply.whole())["status_final"]:
            self.played = True
            reply = Reply.json({"error": "broken"}, self.status)
        return await exchange.send(reply)


@pytest.mark.parametrize("status", [401, 596])
async def test_an_account_that_breaks_in_a_look_gives_each_clip_one_outcome(tmp_path: Path, status: int) -> None:
    """B5: the clip is left to the next run, and no lane of this one takes it up again, however slow the journal is."""

    class SlowJournal(SqliteJournal):
        async def rows(self, *arguments: Any, **options: Any) -> list[Row]:
            await asyncio.sleep(1)
            return await super().rows(*arguments, **options)

    async with bench(tmp_path, accounts=[Account(ANN, 3), Account(BEN, 3)]) as at:
        clips = at.clips(16)
        at.emulator.fail("get_task", BreaksAtTheEnd(status), times=None)
        outcomes = await at.run(clips, accounts=[ANN, BEN], journal=SlowJournal(at.journal))
        assert sorted(outcome.index for outcome in outcomes if outcome.index is not None) == list(range(16))
        assert len(outcomes) == 16
        assert statuses(await at.run(clips, accounts=[ANN, BEN])) == {"done": 16}
        at.assert_once_each(16)


async def test_all_accounts_broken_end_the_batch_and_it_goes_on_later(tmp_path: Path) -> None:
    """The error comes at the end; no clip is marked as failed for it."""
    accounts = [Account(ANN, error="login failed"), Account(BEN, error="login failed")]
    async with bench(tmp_path, accounts=accounts) as at:
        clips = at.clips(10)
        with pytest.raises(AccountError):
            await at.run(clips, accounts=[ANN, BEN])
        assert {row.state for row in await at.rows()} <= {State.NEW}
        for ledger in at.emulator._state.ledgers.values():
            ledger.account = attrs.evolve(ledger.account, error=None)
        assert statuses(await at.run(clips, accounts=[ANN, BEN])) == {"done": 10}
        at.assert_once_each(10)


@pytest.mark.parametrize("endpoint", ["upload_asset", "submit_motion"])
async def test_a_token_that_is_not_accepted_ends_the_batch(tmp_path: Path, endpoint: str) -> None:
    """401 wherever it comes; no clip is spent."""
    async with bench(tmp_path) as at:
        clips = at.clips(5)
        at.emulator.fail(endpoint, Status.unauthorized(), times=None)
        with pytest.raises(AuthenticationError):
            await at.run(clips)
        at.emulator.heal(endpoint)
        assert statuses(await at.run(clips)) == {"done": 5}
        at.assert_once_each(5)


async def test_an_account_nobody_linked_is_no_failure_of_the_clips(tmp_path: Path) -> None:
    """A slip in `accounts` must not mark ten thousand clips as failed."""
    async with bench(tmp_path) as at:
        clips = at.clips(5)
        with pytest.raises(KlingMotionError):
            await at.run(clips, accounts=["anne@example.com"])
        assert statuses(await at.run(clips)) == {"done": 5}


async def test_several_linked_accounts_have_to_be_named(tmp_path: Path) -> None:
    """Before anything is uploaded, with their names."""
    async with bench(tmp_path, accounts=[Account(ANN), Account(BEN)]) as at:
        with pytest.raises(ConfigurationError, match=f"{ANN}, {BEN}"):
            await at.run(at.clips(2))
        assert at.emulator.books.count("upload_asset") == 0


async def test_an_api_that_no_longer_offers_the_submit_spends_no_clip(tmp_path: Path) -> None:
    """No clip can succeed, so none is marked as failed."""
    async with bench(tmp_path) as at:
        clips = at.clips(6)
        at.emulator.fail("submit_motion", Html(404), times=None)
        with pytest.raises(KlingMotionError, match="no longer offers"):
            await at.run(clips)
        at.emulator.heal("submit_motion")
        assert statuses(await at.run(clips)) == {"done": 6}


# --- Unclear submits ------------------------------------------------------------------------------------------------


async def test_a_submit_whose_answer_is_lost_is_found(tmp_path: Path) -> None:
    """B2: every third one; one task each, one POST each."""
    async with bench(tmp_path) as at:
        at.emulator.fail("submit_motion", Pass(), Pass(), DropAfter(), times=None)
        assert statuses(await at.run(at.clips(10))) == {"done": 10}
        assert at.emulator.books.count("submit_motion") == 10
        at.assert_once_each(10)


async def test_a_submit_that_never_arrived_is_sent_again_once_that_is_proved(tmp_path: Path) -> None:
    """B2: not before the settle window has passed."""
    async with bench(tmp_path) as at:
        at.emulator.fail("submit_motion", Pass(), DropBefore())
        assert statuses(await at.run(at.clips(4), settle=120.0)) == {"done": 4}
        assert at.emulator.books.count("submit_motion") == 5
        at.assert_once_each(4)


async def test_a_submit_that_is_absent_time_after_time_is_given_up_as_uncertain(tmp_path: Path) -> None:
    """S1: a service that answers 500 for ever, and lists nothing, may be taking money all the time."""
    async with bench(tmp_path, limit=1) as at:
        first, *others = at.clips(3)
        assert statuses(await at.run([first])) == {"done": 1}
        at.emulator.fail("submit_motion", DropBefore(), times=3)
        outcomes = await at.run([first, *others], settle=30.0)
        assert statuses(outcomes) == {"done": 2, "uncertain": 1}
        (doubt,) = (outcome for outcome in outcomes if not outcome.ok)
        assert at.answers()[None] == 3, "sent, and sent again twice"
        assert isinstance(doubt.error, SubmitUncertainError)
        assert doubt.error.absent
        assert statuses(await at.run(settle=30.0, resubmit_uncertain=True))["done"] >= 1


@pytest.mark.parametrize("account", [ANN, BEN])
async def test_a_task_of_long_ago_or_of_another_account_proves_what_the_list_shows(
    tmp_path: Path, account: str
) -> None:
    """B1: a submit that never arrived is sent again, though this journal submitted nothing anywhere near."""
    async with bench(tmp_path, accounts=[Account(ANN, 3), Account(BEN, 3)]) as at:
        first, second = at.clips(2)
        assert statuses(await at.run([first], accounts=[ANN])) == {"done": 1}
        await submitted(at.session, email=BEN)  # by somebody else, as far as the journal knows
        await asyncio.sleep(100_000)
        at.emulator.fail("submit_motion", DropBefore())
        async with virtual_session(at.emulator) as session:
            outcomes = [
                outcome
                async for outcome in session.extract_motions(
                    [second], journal=at.journal, accounts=[account], settle=30.0
                )
            ]
        assert statuses(outcomes) == {"done": 1}


async def test_an_account_whose_list_shows_nothing_is_not_judged_by_the_list_of_another(tmp_path: Path) -> None:
    """B2: that one account's list shows extractions says nothing of the other's."""
    async with bench(tmp_path, accounts=[Account(ANN, 3), Account(BEN, 3)]) as at:
        first, second = at.clips(2)
        assert statuses(await at.run([first], accounts=[ANN])) == {"done": 1}
        await asyncio.sleep(1_000)
        at.emulator.fail("submit_motion", DropBefore())
        assert statuses(await at.run([second], accounts=[BEN], settle=30.0)) == {"uncertain": 1}


@frozen
class Frozen:
    """A list that shows no task but some, whatever has come since."""

    shown: frozenset[int]

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.work()
        document = json.loads(reply.whole())
        document["history"] = [entry for entry in document["history"] if entry["task"]["id"] in self.shown]
        return await exchange.send(Reply.json(document))


@pytest.mark.parametrize("shown", [0, 2])
async def test_a_list_that_lacks_a_task_known_to_exist_proves_nothing(tmp_path: Path, shown: int) -> None:
    """B2: it has shown every task so far, and lags behind, longer than the settle window, when it is needed."""
    async with bench(tmp_path, limit=1, scheduler_delay="never") as at:
        *before, last, after = at.clips(5)
        at.emulator.fail("submit_motion", Pass(), DropBefore())
        assert statuses(await at.run(before, settle=30.0)) == {"done": 3}
        at.emulator.fail("submit_motion", DropAfter())
        ids = [task.task_id for task in at.emulator.books.tasks]
        at.emulator.fail("list_tasks", Frozen(frozenset(ids[:shown])), times=None)
        assert statuses(await at.run([last, after], settle=30.0)) == {"done": 1, "uncertain": 1}
        at.assert_once_each(5)
        at.emulator.heal("list_tasks")
        assert statuses(await at.run(settle=30.0)) == {"done": 1}
        at.assert_once_each(5)


@pytest.mark.parametrize("gone", ["deleted here", "deleted elsewhere", "failed"])
async def test_a_list_need_not_show_what_is_gone(tmp_path: Path, gone: str) -> None:
    """B1: whoever deletes what is done, or has clips that fail, is not left with uncertain ones for that."""
    async with bench(tmp_path, limit=1) as at:
        first, second, third, fourth = at.clips(4)
        if gone == "failed":
            at.emulator.next_tasks(Fate(), Fate(end="failed"))
        at.emulator.fail("submit_motion", Pass(), Pass(), DropBefore())
        await at.run([first, second, third], settle=30.0)
        kept, *others = [task.task_id for task in at.emulator.books.tasks]
        if gone == "failed":
            failed = {row.task_id for row in await at.rows() if row.state is State.FAILED}
            at.emulator.fail("list_tasks", Frozen(frozenset({kept, *others} - failed)), times=None)
        async with virtual_session(at.emulator) as elsewhere:
            for task_id in others if gone != "failed" else ():
                await (at.session if gone == "deleted here" else elsewhere).delete_task(task_id)
        at.emulator.fail("submit_motion", DropBefore())
        assert statuses(await at.run([fourth], settle=30.0)) == {"done": 1}


async def test_a_list_that_shows_nothing_any_more_proves_nothing(tmp_path: Path) -> None:
    """B2: every known task answers 404 and the lists are empty, as in an outage: then one more may be missing there."""
    async with bench(tmp_path, limit=1, scheduler_delay="never") as at:
        *before, last = at.clips(4)
        at.emulator.fail("submit_motion", Pass(), DropBefore())
        assert statuses(await at.run(before, settle=30.0)) == {"done": 3}
        at.emulator.fail("submit_motion", DropAfter())
        at.emulator.fail("list_tasks", Replace({"history": []}), times=None)
        at.emulator.fail("get_task", Status(404, {"error": "Task not found"}), times=None)
        assert statuses(await at.run([last], settle=30.0)) == {"uncertain": 1}
        at.emulator.heal("list_tasks")
        at.emulator.heal("get_task")
        assert statuses(await at.run(settle=30.0)) == {"done": 1}
        at.assert_once_each(4)


async def test_the_age_of_a_submit_is_not_believed_of_a_clock_that_was_set_forward(tmp_path: Path) -> None:
    """B2: the process was ended and the clock jumps an hour; the list still lags, as it does within the window."""
    async with bench(tmp_path, scheduler_delay="never", history_delay=Lag(seconds=60)) as at:
        first, second = at.clips(2)
        assert statuses(await at.run([first])) == {"done": 1}
        await asyncio.sleep(100)
        at.emulator.fail("submit_motion", StallAfter(600))
        batch = at.batch([second], settle=120.0)
        reading = asyncio.create_task(anext(batch))
        await asyncio.sleep(10)
        reading.cancel()
        await batch.aclose()
        async with opened(at.journal) as journal:
            (row,) = [row for row in await journal.rows() if row.state is State.SUBMITTING]
        assert row.submit_at is not None
        with sqlite3.connect(at.journal) as raw:
            raw.execute("UPDATE rows SET submit_at = submit_at - 300 WHERE state = 'submitting'")
        raw.close()
        assert statuses(await at.run(settle=120.0)) == {"done": 1}
        at.assert_once_each(2)


async def test_a_submit_that_is_answered_with_another_clips_failure_is_looked_for(tmp_path: Path) -> None:
    """S2: whatever the answer says of it, that task is not this clip's."""
    async with bench(tmp_path) as at:
        first, second = at.clips(2)
        (earlier,) = await at.run([first])
        assert earlier.ref is not None
        lie = {"task": {"id": earlier.ref.task_id}, "status": 50, "status_name": "failed", "status_final": True}
        at.emulator.fail("submit_motion", Replace(lie))
        assert statuses(await at.run([first, second], settle=30.0)) == {"done": 2}


async def test_a_submit_is_not_tried_beyond_half_the_window_of_its_announcement(tmp_path: Path) -> None:
    """Protocol, 4: no connection opens for long; it is announced anew before it goes out."""
    async with bench(tmp_path) as at:
        announced: list[float] = []
        reopening: list[asyncio.Task[None]] = []

        async def reopen() -> None:
            await asyncio.sleep(70)
            await at.emulator.open_port()

        class Outage(SqliteJournal):
            async def step(self, row: Row, state: State, now_: datetime, change: Change = NOTHING_ELSE) -> Row | None:
                if state is State.SUBMITTING:
                    if not announced:
                        await at.emulator.close_port()
                        reopening.append(asyncio.create_task(reopen()))
                    announced.append(now())
                return await super().step(row, state, now_, change)

        async with virtual_session(at.emulator, retry=RetryPolicy(attempts=100, ceiling=3)) as patient:
            batch = patient.extract_motions(at.clips(1), journal=Outage(at.journal), settle=30.0)
            assert statuses([outcome async for outcome in batch]) == {"done": 1}
        (post,) = at.emulator.books.seen("submit_motion")
        assert len(announced) > 2
        assert 0 <= post.at - announced[-1] < 15
        at.assert_once_each(1)


async def test_a_submit_that_was_announced_long_ago_is_not_sent_but_announced_anew(tmp_path: Path) -> None:
    """Protocol, 4: by then another runner may have found it absent. The disk took half a settle window."""

    class Slow(SqliteJournal):
        slow = True

        async def step(self, row: Row, state: State, now: datetime, change: Change = NOTHING_ELSE) -> Row | None:
            moved = await super().step(row, state, now, change)
            if state is State.SUBMITTING and self.slow:
                self.slow = False
                await asyncio.sleep(15)
            return moved

    async with bench(tmp_path) as at:
        began = now()
        outcomes = [one async for one in at.batch(at.clips(1), journal=Slow(at.journal), settle=30.0)]
        assert statuses(outcomes) == {"done": 1}
        (post,) = at.emulator.books.seen("submit_motion")
        assert post.at - began >= 15
        (row,) = await at.rows()
        assert row.attempt == 2
        at.assert_once_each(1)


def accepted_on(at: Bench) -> set[object]:
    """The accounts that clips were submitted on."""
    return {(seen.body or {})["email"] for seen in at.emulator.books.seen("submit_motion") if seen.answered == 200}


AGES = Fate(progress=ByTime(10_000, 10_000))


async def test_an_account_that_others_have_taken_gets_no_clip(tmp_path: Path) -> None:
    """B4: the other one does the work, as fast as if it were alone."""
    async with bench(tmp_path, accounts=[Account(ANN, 1), Account(BEN, 1)]) as at:
        at.emulator.add_task(email=BEN, outcome=AGES)
        began = now()
        assert statuses(await at.run(at.clips(8), accounts=[ANN, BEN])) == {"done": 8}
        assert now() - began < 8 * TASK * 1.2
        assert accepted_on(at) == {ANN}
        assert at.emulator.books.count("upload_asset") == 8
        at.assert_once_each(8)


async def test_an_account_that_others_give_back_is_used_again(tmp_path: Path) -> None:
    """B4: while the only task of the other account goes on for long."""
    async with bench(tmp_path, accounts=[Account(ANN, 1), Account(BEN, 1)]) as at:
        at.emulator.add_task(email=BEN, outcome=Fate(progress=ByTime(20, 20)))
        at.emulator.next_tasks(Fate(progress=ByTime(800, 800)))
        began = now()
        ended = [now() - began async for _ in at.batch(at.clips(3), accounts=[ANN, BEN])]
        assert ended[0] < 40 + 2 * HANDOVER + TASK
        assert accepted_on(at) == {ANN, BEN}
        at.assert_once_each(3)


async def test_earlier_tasks_of_the_journals_own_upload_leave_absence_provable(tmp_path: Path) -> None:
    """B2: hours ago, in another process, the same upload was submitted with another salt."""
    async with bench(tmp_path) as at:
        clips = at.clips(2)
        assert statuses(await at.run(clips)) == {"done": 2}
        await asyncio.sleep(7200)
        async with virtual_session(at.emulator) as later:
            at.emulator.fail("submit_motion", Pass(), DropBefore())
            options: dict[str, Any] = {"journal": at.journal, "salt": "again", "settle": 30.0}
            outcomes = [one async for one in later.extract_motions(clips, **options)]
        assert statuses(outcomes) == {"done": 2}
        assert len(at.emulator.books.tasks) == 4


async def test_clips_that_wait_for_an_account_are_handed_over_when_others_take_it(tmp_path: Path) -> None:
    """B4: they had been uploaded for it already."""
    async with bench(tmp_path, accounts=[Account(ANN, 1), Account(BEN, 1)]) as at:
        uploaded: list[Row] = []

        def taken(row: Row, state: State) -> None:
            if state is State.ASSETS and row.account == BEN:
                if not uploaded:
                    at.emulator.add_task(email=BEN, outcome=AGES)
                uploaded.append(row)

        began = now()
        batch = at.batch(at.clips(8), accounts=[ANN, BEN], journal=at.watched(taken))
        assert statuses([outcome async for outcome in batch]) == {"done": 8}
        assert uploaded
        assert accepted_on(at) == {ANN}
        assert now() - began < 8 * TASK * 1.2 + HANDOVER
        at.assert_once_each(8)


async def test_what_is_uploaded_is_the_content_that_was_taken_in(tmp_path: Path) -> None:
    """B2: the next take is written under the same name during an outage; it is not sent as the first."""
    async with bench(tmp_path) as at:
        (clip,) = at.clips(1)
        (other,) = at.clips(1, first=7)
        first = clip.read_bytes()

        @frozen
        class Overwritten:
            async def play(self, exchange: Exchange) -> web.StreamResponse:
                clip.write_bytes(other.read_bytes()[: len(first)].ljust(len(first), b"."))
                os.utime(clip, ns=(0, 7))
                return await Status(503, None).play(exchange)

        at.emulator.fail("upload_asset", Overwritten())
        (outcome,) = await at.run([clip])
        assert outcome.status == "unfinished"
        assert "is another file now" in str(outcome.error)
        assert at.emulator.books.tasks == []
        saved = clip.with_name("saved.mp4")
        saved.write_bytes(first)
        assert statuses(await at.run([saved])) == {"done": 1}
        at.assert_once_each(1)


async def test_a_clip_that_is_touched_while_it_is_uploaded_is_left_to_the_next_run(tmp_path: Path) -> None:
    """B2: its content is the same in the end, and nothing is paid twice for it."""
    async with bench(tmp_path) as at:
        (clip,) = at.clips(1)

        @frozen
        class Touched:
            async def play(self, exchange: Exchange) -> web.StreamResponse:
                os.utime(clip, ns=(0, 7))
                return await Status(503, None).play(exchange)

        at.emulator.fail("upload_asset", Touched())
        (outcome,) = await at.run([clip])
        assert outcome.status == "unfinished"
        assert statuses(await at.run()) == {"done": 1}
        at.assert_once_each(1)


async def test_a_list_that_names_what_is_not_there_is_not_believed(tmp_path: Path) -> None:
    """S2: of two tasks under one mark, the one that exists is ours."""
    async with bench(tmp_path) as at:
        at.emulator.fail("submit_motion", DropAfter())
        batch = at.batch(at.clips(1), settle=30.0)

        async def lie() -> None:
            while not at.emulator.books.tasks:  # noqa: ASYNC110  # nothing tells but looking
                await asyncio.sleep(0.01)
            (task,) = at.emulator.books.tasks
            entries = [{"id": number, "replyRef": task.reply_ref, "email": ANN} for number in (task.task_id, 99)]
            at.emulator.fail("list_running", Replace(entries), times=None)

        lying = asyncio.create_task(lie())
        outcomes: list[Outcome] = []
        await read(batch, outcomes)
        await lying
        assert statuses(outcomes) == {"done": 1}


async def test_the_settle_window_begins_when_the_submit_has_become_unclear(tmp_path: Path) -> None:
    """S2: a POST that is given up after 180 s and accepted a moment later still, with a window of 60 s."""
    async with bench(tmp_path) as at:
        at.emulator.fail("submit_motion", Pass(), StallBefore(185, even_if_gone=True))
        assert statuses(await at.run(at.clips(4), settle=60.0)) == {"done": 4}
        assert at.emulator.books.count("submit_motion") == 4
        at.assert_once_each(4)


async def test_a_retry_is_not_taken_for_the_task_that_failed_before(tmp_path: Path) -> None:
    """B3, S2: equal content has one URL here, marks are not shown, and the answer to the retry is lost."""
    async with bench(tmp_path, deduplicate=True, lone_reply_ref=False, history_delay=Lag(seconds=20)) as at:
        at.emulator.next_tasks(Fate(end="failed"))
        (clip,) = at.clips(1)
        assert statuses(await at.run([clip])) == {"failed": 1}
        await asyncio.sleep(60)
        at.emulator.fail("submit_motion", DropAfter())
        (outcome,) = await at.run([clip], settle=120.0, retry_failed=True)
        failed, made = (task.task_id for task in at.emulator.books.tasks)
        assert outcome.ok
        assert outcome.ref is not None
        assert outcome.ref.task_id == made
        assert [row.extra_tasks for row in await at.rows()] == [(failed,)]


async def test_an_unclear_submit_is_uncertain_while_nothing_is_proved_and_found_later(tmp_path: Path) -> None:
    """S3: the lists are down for the whole run; the next one finds its task."""
    async with bench(tmp_path) as at:
        clips = at.clips(4)
        at.emulator.fail("submit_motion", Pass(), DropAfter())
        for endpoint in ("list_running", "list_tasks"):
            at.emulator.fail(endpoint, Html(502), times=None)
        outcomes = await at.run(clips, settle=30.0)
        assert statuses(outcomes) == {"done": 3, "uncertain": 1}
        (doubt,) = (outcome for outcome in outcomes if not outcome.ok)
        assert isinstance(doubt.error, SubmitUncertainError)
        assert doubt.ref is not None
        assert doubt.ref.reply_ref in {task.reply_ref for task in at.emulator.books.tasks}
        again = await at.run(clips, settle=30.0)
        assert statuses(again) == {"done": 3, "uncertain": 1}, "the lists are still down"
        assert all(isinstance(outcome.error, SubmitUncertainError) for outcome in again if not outcome.ok)
        at.emulator.heal()
        for endpoint in ("list_running", "list_tasks"):
            at.emulator.heal(endpoint)
        assert statuses(await at.run(clips, settle=30.0)) == {"done": 4}
        assert at.emulator.books.count("submit_motion") == 4
        at.assert_once_each(4)


@pytest.mark.parametrize("full", [False, True], ids=["", "account full"])
async def test_what_is_proved_absent_is_paid_for_with_the_accounts_of_this_run_only(tmp_path: Path, full: bool) -> None:
    """B2: an earlier run submitted with another account, which this one must not use."""
    async with bench(tmp_path, accounts=[Account(ANN, 3), Account(BEN, 3)]) as at:
        clips = at.clips(2)
        at.emulator.fail("submit_motion", Pass(), DropBefore())
        for endpoint in ("list_running", "list_tasks"):
            at.emulator.fail(endpoint, Html(502), times=None)
        assert statuses(await at.run(clips, accounts=[ANN], settle=30.0)) == {"done": 1, "uncertain": 1}
        for endpoint in ("list_running", "list_tasks"):
            at.emulator.heal(endpoint)
        if full:
            at.emulator.fail("submit_motion", RateLimited(5, "seconds"))
        outcomes = await at.run(clips, accounts=[BEN], settle=30.0)
        assert statuses(outcomes) == {"done": 2}
        assert {outcome.account for outcome in outcomes} == {ANN, BEN}
        at.assert_once_each(2)


async def test_an_unclear_submit_of_an_account_that_takes_no_part_is_sent_again_only_if_asked(tmp_path: Path) -> None:
    """B2: with an account of this run."""
    async with bench(tmp_path, accounts=[Account(ANN, 3), Account(BEN, 3)], history="none", lone_reply_ref=False) as at:
        clips = at.clips(1)
        at.emulator.fail("submit_motion", DropBefore())
        assert statuses(await at.run(clips, accounts=[ANN], settle=30.0)) == {"uncertain": 1}
        assert statuses(await at.run(clips, accounts=[BEN], settle=30.0)) == {"uncertain": 1}
        outcomes = await at.run(clips, accounts=[BEN], settle=30.0, resubmit_uncertain=True)
        assert statuses(outcomes) == {"done": 1}
        assert outcomes[0].account == BEN


async def test_an_uncertain_submit_is_found_at_the_end_of_its_own_run(tmp_path: Path) -> None:
    """The lists come back while the others are waited for."""
    async with bench(tmp_path) as at:
        at.emulator.fail("submit_motion", DropAfter())
        at.emulator.next_tasks(Fate(), Fate(progress=ByTime(10, 1000)))
        for endpoint in ("list_running", "list_tasks"):
            at.emulator.fail(endpoint, Html(502), times=None)

        async def heal() -> None:
            await asyncio.sleep(600)
            at.emulator.heal("list_running")
            at.emulator.heal("list_tasks")

        healing = asyncio.create_task(heal())
        outcomes = await at.run(at.clips(3), settle=30.0)
        await healing
        assert statuses(outcomes) == {"done": 3}
        at.assert_once_each(3)


async def test_an_uncertain_submit_is_sent_again_only_if_asked(tmp_path: Path) -> None:
    """The user takes the risk: here there was no task, and nothing can prove it."""
    async with bench(tmp_path, history="none", lone_reply_ref=False) as at:
        clips = at.clips(3)
        at.emulator.fail("submit_motion", DropBefore())
        assert statuses(await at.run(clips, settle=30.0)) == {"done": 2, "uncertain": 1}
        assert statuses(await at.run(clips, settle=30.0)) == {"done": 2, "uncertain": 1}
        assert at.emulator.books.count("submit_motion") == 3
        assert statuses(await at.run(clips, settle=30.0, resubmit_uncertain=True)) == {"done": 3}
        assert at.emulator.books.count("submit_motion") == 4


@pytest.mark.parametrize("other", ["runs", "failed"])
async def test_of_several_tasks_of_one_clip_the_oldest_that_did_not_fail_is_adopted(tmp_path: Path, other: str) -> None:
    """S2: somebody submitted the same video by hand just before; both are on the bill, one is used, none deleted."""
    async with bench(tmp_path, scheduler_delay="never") as at:
        clips = at.clips(4)
        made: list[Task] = []

        def by_hand(row: Row, state: State) -> None:
            if state is State.SUBMITTING and row.source == str(clips[2]) and not made:
                fate = Fate(end="failed" if other == "failed" else "succeed")
                made.append(at.emulator.add_task(row.resource_url, outcome=fate, ended=other == "failed"))
                at.emulator.fail("submit_motion", DropAfter())

        outcomes = await at.run(clips, journal=at.watched(by_hand), settle=60.0, concurrency=1)
        assert statuses(outcomes) == {"done": 4}
        same = at.emulator.books.tasks_of(made[0].submission.resource_url)
        (ours,) = [task.task_id for task in same if not task.seeded]
        used, left = (ours, made[0].id) if other == "failed" else (made[0].id, ours)
        (row,) = [row for row in await at.rows() if row.source == str(clips[2])]
        assert (row.task_id, row.extra_tasks) == (used, (left,))
        assert at.emulator.books.count("delete_task") == 0
        assert at.emulator.books.count("submit_motion") == 4


@pytest.mark.parametrize("deduplicate", [False, True])
async def test_one_content_with_two_salts_is_two_tasks_and_never_two_submits_at_once(
    tmp_path: Path, deduplicate: bool
) -> None:
    """The second row may have the first one's URL: then its submit waits until the other's is past."""
    async with bench(tmp_path, limit=8, deduplicate=deduplicate) as at:
        clips = at.clips(3)
        at.emulator.fail("submit_motion", StallAfter(20), times=None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):  # all are uploaded, the submits are under way
                await at.run(clips, salt="first")
        outcomes = await at.run(clips, salt="second")
        assert statuses(outcomes) == {"done": 6}
        assert sorted(at.tasks_by_content().values()) == [2, 2, 2]
        sent: dict[object, list[float]] = {}
        for request in at.emulator.books.seen("submit_motion"):
            sent.setdefault((request.body or {})["resourceUrl"], []).append(request.at)
        for times in sent.values():
            assert all(later - earlier >= 19.9 for earlier, later in itertools.pairwise(times[1:]))


async def test_files_with_two_names_and_lost_answers_are_not_confused(tmp_path: Path) -> None:
    """A service that gives equal content one URL: two rows of one URL, every answer lost, and still one task each."""
    async with bench(tmp_path, limit=8, deduplicate=True) as at:
        clips = at.clips(3)
        await at.run(clips, salt="first")
        at.emulator.fail("submit_motion", DropAfter(), times=None)
        assert statuses(await at.run(clips, salt="second")) == {"done": 3}
        assert sorted(at.tasks_by_content().values()) == [2, 2, 2]
        rows = await at.rows()
        assert len({row.task_id for row in rows}) == 6


# --- Limits ---------------------------------------------------------------------------------------------------------


async def test_a_limit_that_is_lowered_and_raised_is_kept(tmp_path: Path) -> None:
    """B4: the cap is never exceeded, and each change costs one 429 at most."""
    async with bench(tmp_path, limit=4) as at:
        clips, running = at.clips(32), []

        async def change() -> None:
            for limit in (2, 5, 1, 3):
                await asyncio.sleep(3 * TASK)
                at.emulator.set_max_jobs(limit)
                await asyncio.sleep(1.5 * TASK)
                running.append((limit, len(at.emulator._state.ledgers[ANN].running)))

        changing = asyncio.create_task(change())
        outcomes = await at.run(clips)
        await changing
        assert statuses(outcomes) == {"done": 32}
        assert at.answers()[429] <= 4
        assert at.emulator.books.open_tasks[ANN] == 5
        assert all(many <= limit for limit, many in running)
        at.assert_once_each(32)


async def test_another_client_takes_slots_in_the_middle(tmp_path: Path) -> None:
    """B4: no deadlock, at most one 429 for each change, and its slots are used again when it has gone."""
    async with bench(tmp_path, limit=3) as at:
        clips = at.clips(20)

        async def interfere() -> None:
            for _ in range(3):
                await asyncio.sleep(30)
                tasks = [at.emulator.add_task(outcome=Fate(progress=ByTime(30, 60))) for _ in range(2)]
                await asyncio.sleep(100)
                assert not any(task.open for task in tasks)

        began = now()
        outcomes, _ = await asyncio.gather(at.run(clips), interfere())
        assert statuses(outcomes) == {"done": 20}
        assert at.answers()[429] <= 6
        assert now() - began < 20 * TASK
        at.assert_once_each(20)


async def test_another_client_takes_all_slots_and_goes_again(tmp_path: Path) -> None:
    """B4: the batch waits for as long as it takes."""
    async with bench(tmp_path, limit=2) as at:
        for _ in range(2):
            at.emulator.add_task(outcome=Fate(progress=ByTime(100, 7000)))
        began = now()
        assert statuses(await at.run(at.clips(4))) == {"done": 4}
        assert 7100 < now() - began < 7100 + 6 * TASK
        assert at.answers()[429] <= 7100 / 300


@pytest.mark.parametrize("fault", [Html(502), Status(200, {"available": []}), Status.not_found()], ids=repr)
async def test_slots_that_cannot_be_read_are_found_out(tmp_path: Path, fault: Fault) -> None:
    """B4: the 429 teaches what the list does not tell."""
    async with bench(tmp_path, limit=3) as at:
        at.emulator.fail("capacity", fault, times=None)
        began = now()
        assert statuses(await at.run(at.clips(12))) == {"done": 12}
        assert at.emulator.books.open_tasks[ANN] == 3
        assert at.answers()[429] <= 4
        assert now() - began < 2 * 12 / 3 * TASK
        at.assert_once_each(12)


# --- Hooks ----------------------------------------------------------------------------------------------------------


def hooks(note: Callable[[str, str], None]) -> dict[str, Any]:
    """One hook of each kind."""

    async def changed(source: str, task: Any) -> None:
        await asyncio.sleep(0)
        note(source, f"change {task.status_name}")

    return {
        "on_start": lambda source: note(source, "start"),
        "on_progress": lambda source, _: note(source, "progress"),
        "on_submitted": lambda source, _: note(source, "submitted"),
        "on_change": changed,
        "on_done": lambda outcome: note(outcome.source, "done"),
    }


async def test_hooks_tell_the_life_of_each_clip_in_its_order(tmp_path: Path) -> None:
    """Start, upload, submit, changes, outcome; coroutine functions are awaited."""
    async with bench(tmp_path) as at:
        clips, told = at.clips(4), []
        await at.run(clips, **hooks(lambda source, what: told.append((source, what))))
        for clip in clips:
            life = [what for source, what in told if source == str(clip)]
            once = [what for what, _ in itertools.groupby(life) if what != "change submitted"]
            assert once == ["start", "progress", "submitted", "change processing", "change succeed", "done"]


@pytest.mark.parametrize("broken", ["start", "progress", "submitted", "change", "done"])
async def test_a_hook_that_raises_loses_nothing(tmp_path: Path, broken: str) -> None:
    """B5: it is logged, and the paid job goes on."""
    async with bench(tmp_path) as at:

        def note(_: str, what: str) -> None:
            if what.startswith(broken):
                raise ZeroDivisionError("a bug in a hook")

        assert statuses(await at.run(at.clips(5), **hooks(note))) == {"done": 5}
        at.assert_once_each(5)


@pytest.mark.parametrize("hook", ["on_start", "on_submitted", "on_change", "on_done"])
async def test_a_hook_whose_own_work_is_cancelled_loses_nothing(tmp_path: Path, hook: str) -> None:
    """B5: what it waited for was cancelled, not the batch."""
    async with bench(tmp_path) as at:

        async def wait_in_vain(*_: object) -> None:
            waiting = asyncio.create_task(asyncio.sleep(3600))
            asyncio.get_running_loop().call_later(1, waiting.cancel)
            await waiting

        assert statuses(await at.run(at.clips(5), **{hook: wait_in_vain})) == {"done": 5}
        at.assert_once_each(5)


@pytest.mark.parametrize("hook", ["on_start", "on_progress", "on_submitted", "on_change"])
async def test_a_hook_that_cancels_the_batchs_own_task_ends_it_with_an_error(tmp_path: Path, hook: str) -> None:
    """Nothing hangs, and the next run goes on."""

    def cancel(*_: object) -> None:
        here = asyncio.current_task()
        assert here is not None
        here.cancel()

    async with bench(tmp_path) as at:
        clips = at.clips(5)
        with pytest.raises(KlingMotionError, match="cancelled by a hook"):
            await at.run(clips, **{hook: cancel})
        assert statuses(await at.run(clips)) == {"done": 5}
        at.assert_once_each(5)


@pytest.mark.parametrize("apart", [False, True], ids=["", "in a task of its own"])
@pytest.mark.parametrize("hook", ["on_start", "on_submitted", "on_change", "on_done"])
async def test_a_hook_may_close_the_batch(tmp_path: Path, hook: str, apart: bool) -> None:
    """It ends at once, without an error, and nothing of it is left."""
    async with bench(tmp_path) as at:
        clips = at.clips(5)

        async def close(*_: object) -> None:
            await (asyncio.ensure_future(batch.aclose()) if apart else batch.aclose())

        batch = at.batch(clips, **{hook: close})
        outcomes: list[Outcome] = []
        await read(batch, outcomes)
        assert len(outcomes) < 5
        assert not [task for task in asyncio.all_tasks() if "Crew" in str(task.get_coro())]
        assert statuses(await at.run(clips)) == {"done": 5}
        at.assert_once_each(5)


async def test_a_batch_is_not_over_before_its_slowest_hook_is(tmp_path: Path) -> None:
    """Who saves outcomes in `on_done` has them all when the loop ends."""
    async with bench(tmp_path) as at:
        saved: list[str] = []

        async def save(outcome: Outcome) -> None:
            await asyncio.sleep(60)
            saved.append(outcome.source)

        outcomes = await at.run(at.clips(3), on_done=save)
        assert sorted(saved) == sorted(outcome.source for outcome in outcomes)


async def test_a_hook_may_close_the_session(tmp_path: Path) -> None:
    """The batch ends as it does when anybody else closes it."""
    async with bench(tmp_path) as at, virtual_session(at.emulator) as session:
        batch = session.extract_motions(at.clips(3), journal=at.journal, on_done=lambda _: session.close())
        with pytest.raises(KlingMotionError, match="session was closed"):
            await read(batch, [])


async def test_totals_tell_how_far_it_has_come(tmp_path: Path) -> None:
    """They grow, and add up in the end."""
    async with bench(tmp_path) as at:
        (at.directory / "000.mp4").write_text("no film")
        clips = [at.directory / "000.mp4", *at.clips(5, first=1)]
        batch = at.batch(clips)
        done = []
        async for _ in batch:
            totals = batch.totals
            assert totals.slots == 3
            done.append(totals.done + totals.failed)
            assert totals.running <= 3 + 4
        assert done == sorted(done)
        assert (batch.totals.done, batch.totals.failed, batch.totals.running, batch.totals.waiting) == (5, 1, 0, 0)
        assert batch.totals.complete


# --- Going on -------------------------------------------------------------------------------------------------------


async def test_what_is_submitted_needs_its_file_no_more(tmp_path: Path) -> None:
    """B6: the clips are deleted; the next run, given their paths or none, gives their motions."""
    async with bench(tmp_path, limit=4) as at:
        clips = at.clips(4)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(TASK / 2):
                await at.run(clips)
        assert len(at.emulator.books.tasks) == 4
        for clip in clips:
            clip.unlink()
        outcomes = await at.run(clips[:2], out=at.out, parts=["bvh"])
        assert statuses(outcomes) == {"done": 4}
        assert {outcome.index for outcome in outcomes} == {0, 1, None}
        assert {outcome.source for outcome in outcomes} == {str(clip) for clip in clips}
        assert at.emulator.books.count("upload_asset") == 4
        at.assert_once_each(4)


@pytest.mark.parametrize("given", [True, False], ids=["given again", "named by the journal"])
async def test_a_file_with_another_time_is_known_by_its_content(tmp_path: Path, given: bool) -> None:
    """B6: a copy or a restore sets new times; what was left is done, and each clip has one outcome."""
    async with bench(tmp_path, limit=1) as at:
        clips = at.clips(9)
        async with at.batch(clips) as batch:
            await anext(batch)
        for clip in clips:
            os.utime(clip, (1_000_000_000, 1_000_000_000))
        outcomes = await at.run(clips if given else [])
        assert statuses(outcomes) == {"done": 9 if given else 8}
        at.assert_once_each(9)


async def test_files_can_be_wanted_later(tmp_path: Path) -> None:
    """B3: a run without `out` saves none; the next one with it does, and pays for nothing."""
    async with bench(tmp_path) as at:
        clips = at.clips(3)
        assert statuses(await at.run(clips)) == {"done": 3}
        outcomes = await at.run(clips, out=at.out, parts=["bvh"])
        assert statuses(outcomes) == {"done": 3}
        assert all(outcome.files and outcome.files.bvh and outcome.files.bvh.exists() for outcome in outcomes)
        before = at.emulator.books.count("file")
        assert all(outcome.earlier for outcome in await at.run(clips, out=at.out, parts=["bvh"]))
        assert at.emulator.books.count("file") == before
        at.assert_once_each(3)


async def test_what_was_uploaded_is_not_uploaded_again(tmp_path: Path) -> None:
    """Bandwidth is saved where it can be: the next run submits what the one before uploaded."""
    async with bench(tmp_path, limit=1) as at:
        clips = at.clips(5)
        async with at.batch(clips) as batch:
            await anext(batch)
        uploads = at.emulator.books.count("upload_asset")
        assert uploads >= 4
        assert statuses(await at.run(clips)) == {"done": 5}
        assert at.emulator.books.count("upload_asset") <= 6


async def test_a_run_goes_on_with_what_others_were_given(tmp_path: Path) -> None:
    """Clips of the run before that this one does not name are finished too, without a place among the inputs."""
    async with bench(tmp_path) as at:
        async with at.batch(at.clips(6)) as batch:
            await anext(batch)
        outcomes = await at.run(at.clips(2, first=10))
        named = [outcome for outcome in outcomes if outcome.index is not None]
        assert statuses(named) == {"done": 2}
        assert statuses(outcomes)["done"] + 1 >= 7
        assert statuses(await at.run()) == {}


async def test_a_second_run_of_an_open_journal_is_refused_and_disturbs_nobody(tmp_path: Path) -> None:
    """B1: at once, with the process that has it; by path or by the same object."""
    async with bench(tmp_path) as at:
        journal = SqliteJournal(at.journal)
        running = asyncio.create_task(at.run(at.clips(4), journal=journal))
        await asyncio.sleep(5)
        for other in (at.journal, journal):
            with pytest.raises(JournalError, match="in use"):
                await at.run(at.clips(1), journal=other)
        assert statuses(await running) == {"done": 4}


@pytest.mark.parametrize("later", [0.0, 5.0, 30.0])
async def test_two_runs_that_the_lock_did_not_keep_apart_pay_for_no_clip_twice(tmp_path: Path, later: float) -> None:
    """B1: a file system that breaks its promise; every second answer is lost too. Money is safe, whoever does what."""
    async with bench(tmp_path) as at:
        clips = at.clips(6)
        at.emulator.fail("submit_motion", Pass(), DropAfter(), times=None)

        async def run(after: float) -> None:
            await asyncio.sleep(after)
            async with virtual_session(at.emulator) as session, asyncio.timeout(1500):
                await read(session.extract_motions(clips, journal=SharedJournal(at.journal), settle=60.0), [])

        await asyncio.gather(run(0.0), run(later), return_exceptions=True)
        assert {row.state for row in await at.rows()} == {State.DONE}
        assert at.emulator.books.open_tasks[ANN] <= 3
        at.assert_once_each(6)


NONSENSE: list[dict[str, Any]] = [
    {"settle": 0}, {"settle": float("nan")}, {"settle": True}, {"concurrency": 0}, {"concurrency": 51},
    {"concurrency": 2.0}, {"accounts": []}, {"accounts": "ann@example.com"}, {"accounts": [""]}, {"timeout": -1},
    {"reply_url": "no url"}, {"parts": ["fbx"]}, {"parts": "bvh"}, {"parts": []}, {"poll": 5}, {"out": __file__},
]  # fmt: skip


@pytest.mark.parametrize("options", NONSENSE, ids=repr)
async def test_an_argument_that_makes_no_sense_is_refused_before_anything_is_done(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """Not clip by clip, and not after the first task is paid for."""
    async with bench(tmp_path) as at:
        with pytest.raises(InvalidRequestError):
            at.batch(at.clips(1), **{"out": at.out, **options})
        assert at.emulator.books.count() == 0
        assert not at.journal.exists()


@pytest.mark.parametrize("videos", ["dance.mp4", b"dance.mp4", Path("dance.mp4"), 5, None], ids=repr)
async def test_a_single_path_is_no_list_of_clips(tmp_path: Path, videos: Any) -> None:
    """Each of its letters would be one."""
    async with bench(tmp_path) as at:
        with pytest.raises(InvalidRequestError, match="videos must be an iterable of paths"):
            at.batch(videos)


async def test_an_outage_of_minutes_is_waited_through(tmp_path: Path) -> None:
    """The port is closed in the middle: nothing fails, nothing is paid for twice."""
    async with bench(tmp_path) as at:
        running = asyncio.create_task(at.run(at.clips(10), settle=60.0))
        await asyncio.sleep(30)
        await at.emulator.close_port()
        await asyncio.sleep(400)
        await at.emulator.open_port()
        assert statuses(await running) == {"done": 10}
        at.assert_once_each(10)


async def test_a_motion_whose_task_is_found_done_has_its_outcome(tmp_path: Path) -> None:
    """The journal says submitted, the service has long finished it: one look, one listing."""
    async with bench(tmp_path) as at:
        clips = at.clips(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(TASK / 2):
                await at.run(clips)
        await asyncio.sleep(3600)
        began = now()
        (outcome,) = await at.run(clips)
        assert outcome.ok
        assert now() - began < 5


def test_outcomes_are_values() -> None:
    """Two that say the same are the same."""
    assert Outcome(source="a.mp4", status="done") == Outcome(source="a.mp4", status="done")
