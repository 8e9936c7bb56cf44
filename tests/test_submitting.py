"""Submits are paid for once and never lost (behaviours S1 to S7)."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import pickle
import re
import socket
from collections import Counter
from datetime import datetime, timedelta

import pytest
from aiohttp import web
from attrs import frozen

from klingmotion import (
    AccountError,
    APIConnectionError,
    APIResponseError,
    APITimeoutError,
    Asset,
    AssetNotFoundError,
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    KlingMotionError,
    ModerationError,
    MotionSession,
    RateLimitError,
    RejectedInputError,
    RetryPolicy,
    SubmitUncertainError,
    SubscriptionError,
    TaskFailedError,
    TaskRef,
)
from klingmotion.emulator import (
    Account,
    DropAfter,
    DropBefore,
    Empty,
    Emulator,
    Fault,
    Html,
    Lag,
    Outcome,
    Pass,
    RateLimited,
    Redirect,
    Replace,
    Reset,
    StallAfter,
    StallBefore,
    Status,
    Truncate,
    TruncateJson,
    WrongType,
)
from klingmotion.emulator.artefacts import cover_png
from klingmotion.emulator.exchange import Exchange, Reply
from tests.stage import CLIP, VirtualTransport, now, staged, submitted, uploaded, virtual_session

ANN, BEN = "ann@example.com", "ben@example.com"

UNCLEAR = [
    DropAfter(),
    Reset(after=True),
    StallAfter(400),
    Truncate(),
    TruncateJson(),
    Html(200, after=True),
    Html(502, after=True),
    Empty(200, after=True),
    Empty(504, after=True),
    Status.server_fault(after=True),
    Status(502, {"error": "Bad gateway"}, after=True),
    Status(503, {"error": "Unavailable"}, after=True),
    Status(408, {"error": "Timeout"}, after=True),
    Status(522, "<html>522</html>", after=True),
    WrongType("task.id", "not a number"),
    WrongType("task.favored", 1),
    Replace([]),
]


@pytest.mark.parametrize("fault", UNCLEAR, ids=repr)
async def test_a_submit_whose_answer_is_lost_is_posted_once_and_its_task_adopted(fault: Fault) -> None:
    """S1, S2: accepted, then no usable answer: one POST, one task, and the call returns it."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", fault)
        task = await submitted(session)
        assert emulator.books.count("submit_motion") == 1
        (created,) = emulator.books.tasks
        assert task.id == created.task_id
        assert task.ref.reply_ref == created.reply_ref


NEVER_ACCEPTED = [
    DropBefore(),
    Reset(),
    Html(502),
    Html(503),
    Empty(500),
    Status(500, {"error": "Internal error"}),
    Html(200),
]


@pytest.mark.parametrize("fault", NEVER_ACCEPTED, ids=repr)
async def test_a_submit_that_was_never_accepted_is_not_posted_again_on_a_guess(fault: Fault) -> None:
    """S1, S3: nothing was created, and nothing proves it at once: the error says so after the settle window."""
    async with staged(retry=RetryPolicy(settle=60)) as (emulator, session):
        emulator.fail("submit_motion", fault)
        began = now()
        with pytest.raises(SubmitUncertainError) as caught:
            await submitted(session, reply_ref="clip-1")
        assert emulator.books.count("submit_motion") == 1
        assert emulator.books.tasks == []
        assert 59.99 < now() - began < 75
        assert caught.value.reply_ref == "clip-1"
        assert caught.value.sent_at is not None
        assert not caught.value.absent, "the list of tasks has never shown a task known to exist"


async def test_the_port_refuses_twice_and_the_submit_goes_out_once_it_opens() -> None:
    """S1: a connection that never opened cannot have carried a submit."""
    async with staged(retry=RetryPolicy(initial=4)) as (emulator, session):
        asset = await uploaded(session)
        await emulator.close_port()
        submitting = asyncio.create_task(session.submit_motion(asset.resource_url or "", asset.cover_url or ""))
        await asyncio.sleep(3)
        assert not submitting.done()
        await emulator.open_port()
        await submitting
        assert emulator.books.count("submit_motion") == 1
        assert len(emulator.books.tasks) == 1


async def test_a_port_that_stays_closed_ends_the_submit_with_a_plain_error() -> None:
    """S1: the attempts run out; nothing is uncertain."""
    async with staged() as (emulator, session):
        asset = await uploaded(session)
        await emulator.close_port()
        with pytest.raises(APIConnectionError) as caught:
            await session.submit_motion(asset.resource_url or "", asset.cover_url or "")
        assert not caught.value.sent
        await emulator.open_port()
        assert emulator.books.tasks == []


async def test_a_submit_that_finds_no_connection_in_time_was_not_sent() -> None:
    """S1, S3: a backlog that is full lets nobody in; there is nothing to look for, and the error says so."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as others:
        for _ in range(4):
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                other.connect(server.getsockname())
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        async with MotionSession("user:1-example", base_url=url) as session:
            asset = Asset(resource_url="https://cdn.example.test/a.mp4", cover_url="https://cdn.example.test/a.jpg")
            with pytest.raises(APITimeoutError, match="found no connection") as caught:
                await session.extract_motion(asset, timeout=1)
            assert not caught.value.sent


async def test_submits_beyond_the_connections_there_are_were_not_sent() -> None:
    """S1, S3: those that wait for a free connection when the time is over, and only they."""
    async with staged() as (emulator, session):
        asset = await uploaded(session)
        emulator.fail("submit_motion", StallBefore(600), times=None)
        calls = (session.extract_motion(asset, timeout=1) for _ in range(110))
        errors = await asyncio.gather(*calls, return_exceptions=True)
        kinds = Counter(type(error) for error in errors)
        assert kinds == {SubmitUncertainError: 100, APITimeoutError: 10}
        assert emulator.books.count("submit_motion") == 100


async def test_a_429_is_waited_out_and_posted_again() -> None:
    """S1, S4: the server plainly did nothing."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", RateLimited(7, "seconds"), RateLimited(9, "seconds"))
        began = now()
        await submitted(session)
        assert 15.99 < now() - began < 17
        assert emulator.books.count("submit_motion") == 3
        assert len(emulator.books.tasks) == 1


async def test_a_429_longer_than_the_patience_leaves_with_the_time_that_remains() -> None:
    """S4: nobody is kept waiting for something that cannot be waited for."""
    async with staged(retry=RetryPolicy(patience=20)) as (emulator, session):
        emulator.fail("submit_motion", RateLimited(90_000, "seconds"))
        with pytest.raises(RateLimitError) as caught:
            await submitted(session)
        assert caught.value.retry_after == 90_000
        assert emulator.books.count("submit_motion") == 1


async def test_a_429_without_a_hint_is_tried_again_within_the_patience_only() -> None:
    """S4: ten seconds and some jitter each, until the patience is used up."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", RateLimited(), times=None)
        began = now()
        with pytest.raises(RateLimitError):
            await submitted(session)
        assert 99.99 < now() - began <= 120
        assert 10 <= emulator.books.count("submit_motion") <= 12


@pytest.mark.parametrize("form", ["seconds", "date", "body"])
async def test_every_form_of_retry_after_is_understood(form: str) -> None:
    """S4: header seconds, HTTP date and body."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", RateLimited(30, form))  # type: ignore[arg-type]  # the parameters above
        began = now()
        await submitted(session)
        assert 26.99 < now() - began < 32


REFUSED = [
    (Status.bad_request(), KlingMotionError),
    (Status.unauthorized(), AuthenticationError),
    (Status.subscription(), SubscriptionError),
    (Status.asset_unknown(), AssetNotFoundError),
    (Status.no_credits(), InsufficientCreditsError),
    (Status.moderation(), ModerationError),
    (Status.rejected(), RejectedInputError),
    (Status.account_error(), AccountError),
]


@pytest.mark.parametrize(("fault", "error"), REFUSED, ids=repr)
async def test_a_definite_refusal_ends_the_submit_at_once(fault: Fault, error: type[KlingMotionError]) -> None:
    """S5: one POST, no search, the error of the contract's table."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", fault)
        began = now()
        with pytest.raises(error):
            await submitted(session)
        assert now() == began
        assert emulator.books.count("submit_motion") == 1
        assert emulator.books.count("list_running") == 0


async def test_the_search_finds_a_task_that_shows_only_at_the_second_look() -> None:
    """S2: both lists lag."""
    emulator = Emulator(scheduler_delay=Lag(looks=1), history_delay=Lag(looks=1))
    async with staged(emulator) as (emulator, session):
        emulator.fail("submit_motion", DropAfter())
        task = await submitted(session)
        assert task.id == emulator.books.tasks[0].task_id


async def test_the_search_finds_a_task_that_is_final_already() -> None:
    """S2: the scheduler no longer lists it, the history does."""
    async with staged() as (emulator, session):
        emulator.next_tasks(Outcome(at_submit=True))
        emulator.fail("submit_motion", DropAfter())
        task = await submitted(session)
        assert task.id == emulator.books.tasks[0].task_id
        assert task.succeeded


async def test_the_history_alone_is_enough() -> None:
    """S2: the scheduler never shows it."""
    async with staged(Emulator(scheduler_delay="never")) as (emulator, session):
        emulator.fail("submit_motion", DropAfter())
        task = await submitted(session)
        assert task.id == emulator.books.tasks[0].task_id


async def test_the_scheduler_alone_is_enough() -> None:
    """S2: the history does not list extractions."""
    async with staged(Emulator(history="none")) as (emulator, session):
        emulator.fail("submit_motion", DropAfter())
        task = await submitted(session)
        assert task.id == emulator.books.tasks[0].task_id


@pytest.mark.parametrize("skew", [-400.0, 400.0])
async def test_a_server_clock_minutes_off_does_not_hide_the_task(skew: float) -> None:
    """S2: found by the history, whose times are the server's."""
    async with staged(Emulator(scheduler_delay="never", clock_skew=skew)) as (emulator, session):
        emulator.fail("submit_motion", DropAfter())
        task = await submitted(session)
        assert task.id == emulator.books.tasks[0].task_id


async def test_a_task_that_shows_only_after_the_window_is_found_by_two_more_readings() -> None:
    """S2: seen once it is not certain, and by then the window is over."""
    emulator = Emulator(scheduler_delay="never", history_delay=Lag(seconds=60.5))
    async with staged(emulator, retry=RetryPolicy(settle=60)) as (emulator, session):
        emulator.fail("submit_motion", DropAfter())
        task = await submitted(session)
        assert task.id == emulator.books.tasks[0].task_id


async def test_another_process_submitting_the_same_video_is_not_adopted() -> None:
    """S2: its task carries another reply ref; ours was never accepted."""
    async with staged() as (emulator, session):
        asset = await uploaded(session)
        emulator.add_task(asset.resource_url, reply_ref="somebody-else")
        emulator.fail("submit_motion", DropBefore())
        with pytest.raises(SubmitUncertainError):
            await session.submit_motion(asset.resource_url or "", asset.cover_url or "")


async def test_our_reply_ref_decides_between_two_tasks_of_one_video() -> None:
    """S2: both are listed, one is marked as ours."""
    async with staged() as (emulator, session):
        asset = await uploaded(session)
        emulator.add_task(asset.resource_url)
        emulator.fail("submit_motion", DropAfter())
        task = await session.submit_motion(asset.resource_url or "", asset.cover_url or "")
        assert task.id == emulator.books.tasks[-1].task_id


async def test_two_tasks_of_one_video_without_marks_are_undecidable() -> None:
    """S2, S3: nothing is guessed; the error names both."""
    async with staged(Emulator(scheduler_delay="never")) as (emulator, session):
        asset = await uploaded(session)
        other = emulator.add_task(asset.resource_url)
        emulator.fail("submit_motion", DropAfter())
        with pytest.raises(SubmitUncertainError) as caught:
            await session.submit_motion(asset.resource_url or "", asset.cover_url or "")
        assert set(caught.value.candidates) == {other.id, emulator.books.tasks[-1].task_id}


async def test_tasks_this_session_knows_are_not_candidates() -> None:
    """S2: an earlier submit of the same video is not mistaken for the later one, which is found."""
    async with staged(Emulator(scheduler_delay="never")) as (emulator, session):
        asset = await uploaded(session)
        first = await session.submit_motion(asset.resource_url or "", asset.cover_url or "")
        emulator.fail("submit_motion", DropAfter())
        second = await session.submit_motion(asset.resource_url or "", asset.cover_url or "")
        assert second.id != first.id
        assert len(emulator.books.tasks) == 2


async def test_everything_points_to_absence_only_once_the_list_has_shown_a_known_task() -> None:
    """S3: settle window over, two complete listings agree, and the list is known to show extractions."""
    async with staged() as (emulator, session):
        await submitted(session)
        emulator.fail("submit_motion", DropBefore())
        with pytest.raises(SubmitUncertainError) as caught:
            await submitted(session)
        assert caught.value.absent
        assert len(emulator.books.tasks) == 1


@pytest.mark.parametrize("hours", [-9, -1, 1, 9])
async def test_nothing_is_absent_where_the_servers_clock_says_another_hour(hours: float) -> None:
    """S3: a list of the time of the submit is one of another time, as a task known to exist shows."""
    async with staged(Emulator(scheduler_delay="never", clock_skew=hours * 3600.0)) as (emulator, session):
        await submitted(session)
        await asyncio.sleep(100)
        emulator.fail("submit_motion", DropAfter())
        with pytest.raises(SubmitUncertainError) as caught:
            await submitted(session)
        assert not caught.value.absent
        assert len(emulator.books.tasks) == 2


class Misset(VirtualTransport):
    """A machine whose clock is set to another time at some point."""

    ahead = 0.0

    def utcnow(self) -> datetime:
        return super().utcnow() + timedelta(seconds=self.ahead)


@pytest.mark.parametrize("hours", [-20, -1, 1, 20])
@pytest.mark.parametrize("others", [0, 120])
async def test_nothing_is_absent_that_is_listed_under_another_time(hours: float, others: int) -> None:
    """S3: the clock was set wrong between the tasks known to exist and the submit, and maybe the account is busy."""
    async with Emulator(scheduler_delay="never") as emulator:
        transport = Misset(emulator.url, emulator.token)
        async with MotionSession(transport=transport) as session:
            await submitted(session)
            await asyncio.sleep(100)
            transport.ahead = hours * 3600.0
            emulator.fail("submit_motion", DropAfter())
            submitting = asyncio.create_task(submitted(session))
            await asyncio.sleep(5)
            for _ in range(others):
                emulator.add_task()
            with pytest.raises(SubmitUncertainError) as caught:
                await submitting
            assert not caught.value.absent


async def test_a_clock_that_was_wrong_once_leaves_later_proofs_alone() -> None:
    """S3: a task that was submitted in the future says nothing of the clock now."""
    async with Emulator() as emulator:
        transport = Misset(emulator.url, emulator.token)
        async with MotionSession(transport=transport) as session:
            transport.ahead = 9 * 3600.0
            await submitted(session)
            transport.ahead = 0.0
            await submitted(session)
            await asyncio.sleep(100)
            emulator.fail("submit_motion", DropBefore())
            with pytest.raises(SubmitUncertainError) as caught:
                await submitted(session)
            assert caught.value.absent


@frozen
class Copied:
    """A service that keeps a copy of the video under another name, and tells of that."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        text = (await exchange.work()).whole().decode()
        return await exchange.send(Reply.json(json.loads(re.sub(r"/files/in/\d+/[^\"]+", "/files/copies/1.mp4", text))))


async def test_a_mark_of_our_own_is_believed_whatever_the_task_says_it_is_made_of() -> None:
    """S2: nobody else can have used it."""
    async with staged() as (emulator, session):
        await submitted(session)
        await asyncio.sleep(100)
        emulator.fail("get_task", Copied(), times=None)
        emulator.fail("list_tasks", Copied(), times=None)
        emulator.fail("submit_motion", DropAfter())
        assert (await submitted(session)).id == emulator.books.tasks[1].task_id


async def test_a_reply_ref_used_twice_finds_no_task_of_something_else() -> None:
    """S2: the earlier task bears the mark and runs, and was made of another video."""
    async with staged() as (emulator, session):
        first = await submitted(session, reply_ref="job-7")
        asset = await uploaded(session)
        emulator.fail("submit_motion", DropBefore())
        with pytest.raises(SubmitUncertainError) as caught:
            await session.submit_motion(asset, reply_ref="job-7")
        assert first.id not in caught.value.candidates
        emulator.fail("submit_motion", DropAfter())
        task = await session.submit_motion(asset, reply_ref="job-7")
        assert task.id == emulator.books.tasks[-1].task_id != first.id


async def test_a_list_that_lacks_a_task_known_to_exist_leaves_it_open() -> None:
    """S3: it has shown that very task before, and is empty now."""
    async with staged() as (emulator, session):
        await submitted(session)
        emulator.fail("submit_motion", DropBefore(), DropBefore())
        with pytest.raises(SubmitUncertainError) as caught:
            await submitted(session)
        assert caught.value.absent
        emulator.fail("list_tasks", Replace({"history": []}), times=None)
        with pytest.raises(SubmitUncertainError) as caught:
            await submitted(session)
        assert not caught.value.absent


@pytest.mark.parametrize(
    ("fault", "absent"),
    [
        (Pass(), True),
        (Html(502), False),
        (Status(404, {"error": "Task not found"}), False),
        (Status(596, {"error": "Account broken"}), False),
        (Replace({"status": 99, "status_final": True, "task": {"id": 1}}), False),
    ],
    ids=repr,
)
async def test_a_task_of_another_account_may_show_what_the_list_is_worth(fault: Fault, absent: bool) -> None:
    """S3: only one that is really there can, and only if the account's own list shows extractions at all."""
    async with staged(Emulator(accounts=[Account(ANN, 3), Account(BEN, 3)])) as (emulator, session):
        await submitted(session, email=ANN)
        await asyncio.sleep(100)
        emulator.fail("get_task", fault, times=None)
        emulator.fail("submit_motion", DropBefore())
        with pytest.raises(SubmitUncertainError) as caught:
            await submitted(session, email=BEN)
        assert not caught.value.absent
        async with MotionSession("user:1-example", base_url=emulator.url) as other:
            await submitted(other, email=BEN)
        emulator.fail("submit_motion", DropBefore())
        with pytest.raises(SubmitUncertainError) as caught:
            await submitted(session, email=BEN)
        assert caught.value.absent is absent


@frozen
class Untold:
    """A list of tasks that does not say what they are made of."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        document = json.loads((await exchange.work()).whole())
        for entry in document["history"]:
            del entry["task"]["taskInfo"]
            entry["works"] = []
        return await exchange.send(Reply.json(document))


@pytest.mark.parametrize("is_there", [True, False])
async def test_tasks_of_which_a_list_tells_nothing_are_looked_at(is_there: bool) -> None:
    """S2: what they were made of tells ours from others; while none of it is known, nothing is absent."""
    async with staged(Emulator(scheduler_delay="never")) as (emulator, session):
        asset = await uploaded(session)
        async with MotionSession("user:1-example", base_url=emulator.url) as other:
            await submitted(other)
        emulator.fail("list_tasks", Untold(), times=None)
        emulator.fail("submit_motion", DropAfter() if is_there else DropBefore())
        submit = session.submit_motion(asset.resource_url or "", asset.cover_url or "")
        if is_there:
            assert (await submit).id == emulator.books.tasks[-1].task_id
            return
        with pytest.raises(SubmitUncertainError) as caught:
            await submit
        assert caught.value.candidates == ()


async def test_ours_is_found_behind_many_tasks_of_which_nothing_is_told() -> None:
    """S2: a few of them are looked at in each reading, and none twice."""
    async with staged(Emulator(scheduler_delay="never")) as (emulator, session):
        asset = await uploaded(session)
        emulator.fail("list_tasks", Untold(), times=None)
        emulator.fail("submit_motion", DropAfter())
        submit = asyncio.create_task(session.submit_motion(asset.resource_url or "", asset.cover_url or ""))
        while not emulator.books.tasks:  # noqa: ASYNC110  # nothing tells but looking
            await asyncio.sleep(0.01)
        for _ in range(70):
            emulator.add_task()
        assert (await submit).id == emulator.books.tasks[0].task_id
        asked = [seen.path for seen in emulator.books.seen("get_task")]
        assert max(Counter(asked).values()) <= 2, "the one that is adopted is looked at once more"


async def test_a_deadline_also_cuts_the_looks_at_tasks_that_are_missing_in_a_list() -> None:
    """W6, rule 4: one of them stalls."""
    async with staged(retry=RetryPolicy(settle=20)) as (emulator, session):
        await submitted(session)
        emulator.fail("submit_motion", DropBefore(), DropBefore())
        with pytest.raises(SubmitUncertainError) as caught:
            await submitted(session)
        emulator.fail("list_tasks", Replace({"history": []}), times=None)
        emulator.fail("get_task", StallAfter(600), times=None)
        await asyncio.sleep(30)
        began = now()
        with pytest.raises(SubmitUncertainError):
            await session.wait_for_motion(caught.value.ref, timeout=5)
        assert now() - began < 5.3


async def test_one_failure_of_each_list_does_not_end_the_search() -> None:
    """S2: the list calls may themselves fail."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", DropAfter())
        emulator.fail("list_running", Html(502), StallAfter(100))
        emulator.fail("list_tasks", Html(502), TruncateJson())
        task = await submitted(session)
        assert task.id == emulator.books.tasks[0].task_id


async def test_an_uncertain_submit_is_resolved_later_by_its_reference() -> None:
    """S3: both lists fail for as long as the search lasts; the error pickles, and its ref finds the one task later."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", DropAfter())
        emulator.fail("list_running", Html(502), times=None)
        emulator.fail("list_tasks", Html(502), times=None)
        with pytest.raises(SubmitUncertainError) as caught:
            await submitted(session)
        error = pickle.loads(pickle.dumps(caught.value))
        assert (error.ref, error.args) == (caught.value.ref, caught.value.args)
        assert copy.copy(error).reply_ref == caught.value.reply_ref
        emulator.heal()
        async with MotionSession("user:1-example", base_url=emulator.url) as later:
            motion = await later.wait_for_motion(TaskRef.parse(str(error.ref)))
        assert motion.task_id == emulator.books.tasks[0].task_id
        assert emulator.books.count("submit_motion") == 1


async def test_a_reference_can_be_resolved_twice_in_one_session() -> None:
    """S3: having found it once does not make it a stranger."""
    async with staged(Emulator(scheduler_delay="never")) as (emulator, session):
        emulator.fail("submit_motion", DropAfter())
        emulator.fail("list_tasks", Html(502), times=None)
        with pytest.raises(SubmitUncertainError) as caught:
            await submitted(session)
        emulator.heal()
        first = await session.wait_for_task(caught.value.ref)
        assert await session.wait_for_task(caught.value.ref) == first


async def test_a_crowded_history_in_small_pages_is_followed_to_the_task() -> None:
    """S2: neither order nor size of a page is documented."""
    async with staged(Emulator(scheduler_delay="never", page_limit=3)) as (emulator, session):
        for earlier in range(10):
            emulator.add_task(created_ago=70 - earlier, ended=True)
        emulator.fail("submit_motion", DropAfter())
        task = await submitted(session)
        assert task.id in {made.task_id for made in emulator.books.tasks if not made.seeded}


async def test_a_history_that_shows_works_only_finds_a_finished_task() -> None:
    """S2: entries without a task object are read by their works."""
    async with staged(Emulator(scheduler_delay="never", history="works")) as (emulator, session):
        emulator.next_tasks(Outcome(at_submit=True))
        emulator.fail("submit_motion", DropAfter())
        assert (await submitted(session)).succeeded


async def test_the_hook_hears_of_the_task_before_the_first_look() -> None:
    """S6: the place to save the reference."""
    async with staged() as (emulator, session):
        looks = []
        asset = await uploaded(session)
        motion = await session.extract_motion(
            asset, on_submitted=lambda task: looks.append((task.id, emulator.books.count("get_task")))
        )
        assert looks == [(motion.task_id, 0)]


async def test_a_coroutine_function_may_hear_of_the_task() -> None:
    """S6: and is awaited before the first look, as saving to a database needs."""
    async with staged() as (emulator, session):
        saved = []

        async def save(task: object) -> None:
            await asyncio.sleep(100)
            saved.append((task, emulator.books.count("get_task")))

        await session.extract_motion(await uploaded(session), on_submitted=save)
        assert [looks for _, looks in saved] == [0]


async def test_an_exception_of_the_hook_carries_the_reference() -> None:
    """S6: the task is paid for, so the way back to it must not be lost."""
    async with staged() as (emulator, session):

        def fail(_: object) -> None:
            raise LookupError("the database is down")

        with pytest.raises(LookupError) as caught:
            await session.extract_motion(await uploaded(session), on_submitted=fail)
        ref = caught.value.ref  # type: ignore[attr-defined]  # set on whatever is raised
        assert ref.task_id == emulator.books.tasks[0].task_id
        assert str(ref.task_id) in caught.value.__notes__[0]


async def test_a_submit_that_has_failed_already_raises() -> None:
    """S7: a 200 may carry a final status."""
    async with staged() as (emulator, session):
        failed = {"status": 7, "status_name": "failed", "status_final": True, "message": "sensitive words"}
        emulator.fail("submit_motion", Replace({"task": {"id": 17}, **failed}))
        with pytest.raises(TaskFailedError, match="sensitive words") as caught:
            await submitted(session)
        assert caught.value.task_id == 17


async def test_a_submit_that_has_succeeded_already_needs_no_look() -> None:
    """S7: the motion is listed at once."""
    async with staged() as (emulator, session):
        emulator.next_tasks(Outcome(at_submit=True))
        task = await submitted(session)
        await session.wait_for_motion(task)
        assert emulator.books.count("get_task") == 0


@pytest.mark.parametrize(
    "body", [{}, {"task": None}, {"task": {}}, {"status": 7, "message": "busy", "task": {"id": None}}]
)
async def test_an_answer_without_a_task_id_is_an_error_and_not_sent_again(body: dict[str, object]) -> None:
    """S7: the raw body and a reference for a later look go with it."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", Replace(body))
        with pytest.raises(APIResponseError, match="no task id") as caught:
            await submitted(session, reply_ref="clip-9")
        assert emulator.books.count("submit_motion") == 1
        assert caught.value.ref is not None
        assert caught.value.ref.reply_ref == "clip-9"
        assert caught.value.body == json.dumps(body)


async def test_a_redirect_of_a_submit_is_not_followed() -> None:
    """S1: a POST that is sent on might be sent twice; the token stays at the origin."""
    async with Emulator() as other, staged() as (emulator, session):
        emulator.fail("submit_motion", Redirect(other.url))
        with pytest.raises(SubmitUncertainError):
            await submitted(session)
        assert other.books.count() == 0


async def test_the_account_is_said_in_body_and_query() -> None:
    """Several accounts are linked: the session's email, or the call's, goes where the contract wants it."""
    accounts = [Account("a+1@example.com", 5), Account("b@example.com", 5)]
    async with staged(Emulator(accounts=accounts), email="a+1@example.com") as (emulator, session):
        await session.extract_motion(await uploaded(session))
        asset = await uploaded(session, email="b@example.com")
        await session.extract_motion(asset, email="b@example.com")
        assert [made.account for made in emulator.books.tasks] == ["a+1@example.com", "b@example.com"]
        assert {request.account for request in emulator.books.requests} == {"a+1@example.com", "b@example.com"}


async def test_a_submit_passes_when_the_first_task_of_an_account_ends() -> None:
    """S4: every slot is taken; the 429 is waited out."""
    async with staged(Emulator(accounts=[Account("a@example.com", 1)])) as (emulator, session):
        first = await submitted(session)
        second = asyncio.create_task(submitted(session))
        await asyncio.sleep(15)
        emulator.end_task(first.id)
        await second
        assert emulator.books.open_tasks["a@example.com"] == 1


async def test_a_submit_that_is_cancelled_on_its_way_leaves_the_way_back_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No exception can carry it, for the cancellation passes through as it is."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", StallAfter(600))
        extracting = asyncio.create_task(session.extract_motion(CLIP.read_bytes()))
        await asyncio.sleep(10)
        extracting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await extracting
        (said,) = (record.getMessage() for record in caplog.records if "cancelled on its way" in record.getMessage())
        ref = said.partition("wait_for_motion('")[2].removesuffix("')")
        (task,) = emulator.books.tasks
        assert (await session.wait_for_motion(ref)).task_id == task.task_id


async def test_cancelling_a_submit_passes_through() -> None:
    """Rule 5: also while the search is under way."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", DropBefore(), Pass())
        submitting = asyncio.create_task(submitted(session))
        await asyncio.sleep(20)
        submitting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await submitting


async def test_an_old_reference_is_found_behind_a_thousand_later_tasks() -> None:
    """S3: what came long after the submit is skipped, not read."""
    async with staged(Emulator(accounts=[Account("a@example.com", 50)])) as (emulator, _):
        async with virtual_session(emulator) as session:
            emulator.next_tasks(Outcome(at_submit=True))
            emulator.fail("submit_motion", DropAfter())
            emulator.fail("list_running", Html(502), times=None)
            emulator.fail("list_tasks", Html(502), times=None)
            with pytest.raises(SubmitUncertainError) as caught:
                await submitted(session)
            emulator.heal()
        await asyncio.sleep(3 * 3600)
        for _ in range(1000):
            emulator.add_task(ended=True)
        lists = emulator.books.count("list_tasks")
        async with virtual_session(emulator) as later:
            task = await later.wait_for_task(caught.value.ref)
        assert task.id == emulator.books.tasks[0].task_id
        assert emulator.books.count("list_tasks") - lists < 12


async def test_two_submits_of_one_video_at_once_never_take_one_task_for_both() -> None:
    """S2: while both are under way, a task of the video may be either's; nothing is guessed, nothing lost."""
    async with staged(Emulator(lone_reply_ref=False)) as (emulator, session):
        asset = await uploaded(session)
        emulator.fail("submit_motion", DropAfter(), StallAfter(40))
        both = await asyncio.gather(
            *(session.submit_motion(asset, reply_ref=f"clip-{number}") for number in (1, 2)), return_exceptions=True
        )
        tasks = [made.task_id for made in emulator.books.tasks]
        found = [one.id for one in both if not isinstance(one, BaseException)]
        assert len(found) == len(set(found)) >= 1
        assert set(found) <= set(tasks)
        assert all(isinstance(one, SubmitUncertainError) for one in both if isinstance(one, BaseException))


async def test_a_stranger_that_ends_during_the_search_is_not_adopted() -> None:
    """S2: it bore another's mark while it ran."""
    async with staged() as (emulator, session):
        asset = await uploaded(session)
        other = emulator.add_task(asset.resource_url, reply_ref="somebody-else")
        emulator.fail("submit_motion", DropBefore())
        submitting = asyncio.create_task(session.submit_motion(asset))
        await asyncio.sleep(10)
        emulator.end_task(other.id)
        with pytest.raises(SubmitUncertainError) as caught:
            await submitting
        assert other.id not in caught.value.candidates


async def test_a_malformed_entry_beside_ours_does_not_hide_it() -> None:
    """S2: one broken entry must not cost the task."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", DropAfter())
        emulator.fail("list_running", WrongType("0.id", "x"))
        emulator.fail("list_tasks", WrongType("history.0.task.id", True))
        assert (await submitted(session)).id == emulator.books.tasks[0].task_id


@pytest.mark.parametrize("missing", ["resourceUrl", "coverUrl"])
async def test_an_upload_that_leaves_nothing_to_submit_is_the_servers_fault(missing: str) -> None:
    """Contract section 2.6: every field is optional; the error names the one that is missing."""
    async with staged() as (emulator, session):
        whole = {
            "status": 1,
            "resourceUrl": "https://x.test/a.mp4",
            "coverUrl": "https://x.test/a.jpg",
            "url": "https://x.test",
        }
        emulator.fail("upload_asset", Replace({name: url for name, url in whole.items() if name != missing}))
        with pytest.raises(APIResponseError, match=missing):
            await session.extract_motion(CLIP.read_bytes())
        assert emulator.books.count("submit_motion") == 0


async def test_an_uploaded_image_is_no_video_to_extract_from() -> None:
    """Nothing is sent, and what is needed is said."""
    async with staged() as (emulator, session):
        image = await session.upload_asset(cover_png(320, 320))
        with pytest.raises(InvalidRequestError, match="is extracted from a video, and the asset"):
            await session.submit_motion(image, image)
        assert emulator.books.count("submit_motion") == 0


async def test_cancelling_while_the_task_is_being_saved_says_farewell() -> None:
    """W8, S6: an asynchronous on_submitted is part of the wait."""
    async with staged() as (emulator, session):

        async def save(_: object) -> None:
            await asyncio.sleep(100)

        asset = await uploaded(session)
        job = asyncio.create_task(session.extract_motion(asset, on_submitted=save, on_cancel="untrack"))
        await asyncio.sleep(10)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert emulator.books.count("untrack_task") == 1
