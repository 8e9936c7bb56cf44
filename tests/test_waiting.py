"""Waits end when the task is final, and for no lesser reason (behaviours W1, W2, W4, W6 to W9, W11)."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from itertools import pairwise

import pytest

from klingmotion import (
    AccountError,
    APIResponseError,
    AuthenticationError,
    BadRequestError,
    GoneError,
    InternalServerError,
    InvalidRequestError,
    KlingMotionError,
    MotionSession,
    PermissionDeniedError,
    PollPolicy,
    RateLimitError,
    Request,
    SubmitUncertainError,
    SubscriptionError,
    Task,
    TaskError,
    TaskFailedError,
    TaskGoneError,
    TaskRef,
    TaskTimeoutError,
)
from klingmotion.emulator import (
    Account,
    ByLooks,
    ByTime,
    Empty,
    Emulator,
    Fault,
    Html,
    Outcome,
    Pass,
    RateLimited,
    Redirect,
    Replace,
    Reset,
    StallAfter,
    Status,
    Truncate,
    TruncateJson,
    WrongType,
)
from tests.fake_transport import FakeTransport
from tests.stage import CLIP, TOKEN, now, staged, submitted

STEADY = PollPolicy(jitter=0)


async def test_a_look_that_is_answered_while_the_session_closes_is_not_slept_on() -> None:
    """T2: closing has woken the sleepers by then, and something else of the session still takes its time to end."""

    def answer(_: Request) -> tuple[int, object]:
        return 200, {"task": {"id": 7}, "status": 10, "status_name": "processing", "status_final": False}

    async def slow() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(3)

    session = MotionSession(transport=FakeTransport(answer, latency=2.0), poll=PollPolicy(floor=20))
    wait = asyncio.create_task(session.wait_for_task(7))
    await asyncio.sleep(1)  # the look is on its way
    session._engine.calls.background(slow())
    await asyncio.sleep(0)
    began = now()
    await session.close()
    with pytest.raises(TaskError, match="closed"):
        await wait
    assert now() - began <= 3


def look_times(emulator: Emulator) -> list[float]:
    return [round(seen.at - 1000, 6) for seen in emulator.books.seen("get_task")]


# --- W1, W2: what ends a wait, and when to look ---------------------------------------------------------------------


async def test_statuses_nobody_has_heard_of_are_waited_through_and_visible() -> None:
    """W1: only `status_final` decides."""
    async with staged() as (emulator, session):
        emulator.next_tasks(Outcome(invented=((11, "queued"), (90, "rendering"), (98, "almost"))))
        seen: list[tuple[int | None, str | None]] = []
        task = await session.wait_for_task(
            await submitted(session), on_change=lambda task: seen.append((task.status, task.status_name))
        )
        assert task.succeeded
        assert {(11, "queued"), (90, "rendering"), (98, "almost")} <= set(seen)
        assert seen[-1] == (99, "succeed")


@pytest.mark.parametrize("name", ["succeed", "failed"])
async def test_the_two_final_names_count_as_final_without_the_flag(name: str) -> None:
    """W1: `status_final` may be missing; the names are documented."""
    async with staged() as (emulator, session):
        reply = {"task": {"id": 17}, "status": 99, "status_name": name}
        emulator.fail("get_task", Replace(reply), times=None)
        task = emulator.add_task()
        emulator.fail("get_task", Replace({**reply, "task": {"id": task.id}}))
        emulator.heal("get_task")
        emulator.fail("get_task", Replace({**reply, "task": {"id": task.id}}))
        if name == "succeed":
            assert (await session.wait_for_task(task.id)).succeeded
        else:
            with pytest.raises(TaskFailedError):
                await session.wait_for_task(task.id)


async def test_an_explicit_flag_outweighs_a_final_name() -> None:
    """W1: the name says done, the flag says not yet."""
    async with staged() as (emulator, session):
        task = emulator.add_task()
        body = {"task": {"id": task.id}, "status": 99, "status_name": "succeed", "status_final": False}
        emulator.fail("get_task", Replace(body), Replace(body))
        await session.wait_for_task(task.id)
        assert emulator.books.count("get_task") > 2


async def test_a_bare_id_is_looked_at_at_once() -> None:
    """W2: nothing is known of its age."""
    async with staged() as (emulator, session):
        task = emulator.add_task(ended=True)
        began = now()
        await session.wait_for_task(task.id)
        assert now() == began


async def test_looks_after_a_submit_follow_the_documented_schedule() -> None:
    """W2: after `first`, then a quarter of the age up to 22 s, then a tenth, at least `floor`, at most `ceiling`."""
    async with staged(Emulator(progress=ByLooks(5, 5)), poll=STEADY) as (emulator, session):
        await session.wait_for_task(await submitted(session))
        early, later = [5 * 1.25**number for number in range(7)], [22, 24.2, 26.62, 29.282]
        assert look_times(emulator) == pytest.approx([*early, *later])


async def test_the_schedule_of_one_call_can_be_its_own() -> None:
    """W2: settable per session and per call."""
    async with staged(Emulator(progress=ByLooks(2, 2))) as (emulator, session):
        policy = PollPolicy(first=1, floor=2, ratio=0, jitter=0)
        await session.wait_for_task(await submitted(session), poll=policy)
        assert look_times(emulator) == [1, 3, 5, 7, 9]


async def test_jitter_is_bounded() -> None:
    """W2: up to a tenth is taken off, nothing is added."""
    async with staged(Emulator(progress=ByLooks(20, 20))) as (emulator, session):
        emulator.next_tasks(Outcome(eta="absent"))
        await session.wait_for_task(await submitted(session))
        for before, after in pairwise(look_times(emulator)):
            most = 0.25 * before if after <= 22 else min(0.1 * before, 30)
            assert 0.9 * min(0.1 * before, 30) - 1e-5 <= after - before <= max(1, most) + 1e-5


async def test_a_task_that_is_final_already_is_not_looked_at_again() -> None:
    """W2: what is known needs no request."""
    async with staged() as (emulator, session):
        done = await session.wait_for_task(emulator.add_task(ended=True).id)
        looks = emulator.books.count("get_task")
        assert await session.wait_for_task(done) == done
        assert emulator.books.count("get_task") == looks


@pytest.mark.parametrize(
    "name",
    [
        lambda task: task,
        lambda task: task.ref,
        lambda task: task.id,
        lambda task: str(task.id),
        lambda task: str(task.ref),
    ],
    ids=["task", "reference", "id", "digits", "json"],
)
async def test_a_task_can_be_named_in_five_ways(name: Callable[[Task], Task | TaskRef | int | str]) -> None:
    """A `Task`, its reference, its id, the id as text, the reference as text."""
    async with staged() as (_, session):
        task: Task = await submitted(session)
        motion = await session.wait_for_motion(name(task))
        assert motion.task_id == task.id


# --- W4: what a failed look is --------------------------------------------------------------------------------------

PASSING = [
    Status(408, {"error": "timeout"}),
    Status.server_fault(),
    Status(502, None),
    Html(503),
    Html(200),
    Empty(200),
    Status(504, "<html>"),
    Status(522, "<html>"),
    StallAfter(60),
    Truncate(),
    TruncateJson(),
    Reset(),
    WrongType("task.id", "nobody"),
    WrongType("status_final", "yes"),
    Replace([]),
    Replace({"task": {"id": 1}, "status_final": True, "status_name": "succeed"}),
    Redirect("http://127.0.0.1:9"),
    RateLimited(2, "seconds"),
]


@pytest.mark.parametrize("fault", PASSING, ids=repr)
async def test_one_look_less_than_the_limit_may_fail_in_a_row(fault: Fault) -> None:
    """W4: N-1 failures are survived, again and again, because a good look resets the count."""
    async with staged() as (emulator, session):
        task = emulator.add_task(outcome=Outcome(progress=ByLooks(2, 2)))
        emulator.fail("get_task", *[fault] * 4, Pass(), *[fault] * 4, Pass())
        assert (await session.wait_for_task(task.id)).succeeded


@pytest.mark.parametrize("fault", PASSING, ids=repr)
async def test_the_limit_of_failed_looks_ends_the_wait_with_the_last_cause(fault: Fault) -> None:
    """W4, W7: and the error carries what is needed to go on."""
    async with staged() as (emulator, session):
        task = emulator.add_task()
        emulator.fail("get_task", fault, times=None)
        with pytest.raises(KlingMotionError) as caught:
            await session.wait_for_task(task.id, timeout=None)
        assert not isinstance(caught.value, TaskTimeoutError | TaskGoneError)
        assert caught.value.ref is not None
        assert caught.value.ref.task_id == task.id
        assert "5 looks in a row" in caught.value.__notes__[0]
        assert emulator.books.count("get_task") == 5, "nothing is sent again unseen"
        emulator.heal()
        await session.wait_for_task(caught.value.ref)


async def test_a_port_that_closes_for_a_while_does_not_end_a_wait() -> None:
    """W4: half a minute without a network is bridged by the growing intervals."""
    async with staged(Emulator(progress=ByTime(10, 10))) as (emulator, session):
        task = await submitted(session)
        waiting = asyncio.create_task(session.wait_for_task(task))
        await asyncio.sleep(8)
        await emulator.close_port()
        await asyncio.sleep(20)
        await emulator.open_port()
        assert (await waiting).succeeded


DEFINITE = [
    (Status.bad_request(), BadRequestError),
    (Status.unauthorized(), AuthenticationError),
    (Status.subscription(), SubscriptionError),
    (Status.forbidden(), PermissionDeniedError),
    (Status.gone(), GoneError),
    (Status.account_error(), AccountError),
    (Status.moderation(), KlingMotionError),
    (Status.rejected(), KlingMotionError),
]


@pytest.mark.parametrize(("fault", "error"), DEFINITE, ids=repr)
async def test_a_definite_answer_ends_the_wait_at_once(fault: Fault, error: type[KlingMotionError]) -> None:
    """W4: waiting on would change nothing."""
    async with staged() as (emulator, session):
        task = await submitted(session)
        emulator.fail("get_task", Pass(), fault, times=None)
        with pytest.raises(error) as caught:
            await session.wait_for_task(task)
        assert emulator.books.count("get_task") == 2
        assert caught.value.ref is not None
        assert caught.value.ref.task_id == task.id
        assert caught.value.task is not None


async def test_a_404_right_after_the_submit_is_tolerated() -> None:
    """W4: the task may not be visible yet."""
    async with staged() as (emulator, session):
        emulator.next_tasks(Outcome(unseen=3))
        assert (await session.wait_for_task(await submitted(session))).succeeded


async def test_a_404_after_the_grace_says_that_the_task_is_gone_and_why_it_may_be() -> None:
    """W4: all known causes are named."""
    async with staged() as (emulator, session):
        emulator.next_tasks(Outcome(vanish_after=2, progress=ByLooks(50, 50)))
        with pytest.raises(TaskGoneError, match=r"deleted.*moderation.*credits") as caught:
            await session.wait_for_task(await submitted(session), poll=PollPolicy(grace=0))
        assert caught.value.task is not None
        assert caught.value.looks == 3


async def test_a_404_for_a_bare_id_is_believed_at_once() -> None:
    """W4: there is no submit to be patient about."""
    async with staged() as (_, session):
        began = now()
        with pytest.raises(TaskGoneError):
            await session.wait_for_task(123456)
        assert now() == began


async def test_a_404_for_the_reference_of_a_recent_submit_is_tolerated() -> None:
    """W4: the program was restarted right after it; the reference knows when that was."""
    async with staged() as (emulator, session):
        emulator.next_tasks(Outcome(unseen=2))
        task = await submitted(session)
        async with MotionSession(TOKEN, base_url=emulator.url) as later:
            assert (await later.wait_for_task(str(task.ref))).succeeded


# --- W6, W7: the deadline -------------------------------------------------------------------------------------------


async def test_the_deadline_cuts_a_request_in_flight() -> None:
    """W6: the server stalls; the error comes on time."""
    async with staged() as (emulator, session):
        emulator.fail("get_task", StallAfter(600), times=None)
        began = now()
        with pytest.raises(TaskTimeoutError):
            await session.wait_for_task(emulator.add_task().id, timeout=5)
        assert 4.99 < now() - began < 5.2


async def test_the_deadline_cuts_a_sleep() -> None:
    """W6: not after the next look, but when it is due."""
    async with staged(Emulator(progress=ByTime(500, 500))) as (_, session):
        task = await submitted(session)
        began = now()
        with pytest.raises(TaskTimeoutError):
            await session.wait_for_task(task, timeout=97.5)
        assert 97.49 < now() - began < 97.6


async def test_a_timeout_error_carries_all_that_is_known_and_survives_pickling() -> None:
    """W7: task, id, last status, looks, elapsed, last failed look, reference, and that the task goes on."""
    async with staged(Emulator(progress=ByTime(500, 500))) as (emulator, session):
        task = await submitted(session)
        emulator.fail("get_task", Pass(), Html(502))
        with pytest.raises(TaskTimeoutError, match="goes on") as caught:
            await session.wait_for_task(task, timeout=30)
        for error in (caught.value, pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
            assert isinstance(error, TaskTimeoutError)
            assert error.task is not None
            assert error.task_id == task.id
            assert error.task.id == task.id
            assert error.status_name == "submitted"
            assert error.looks > 3
            assert 30 <= error.elapsed < 30.2
            assert isinstance(error.last_error, InternalServerError)
            assert error.ref.reply_ref == task.ref.reply_ref
        assert (await session.get_task(caught.value.ref)).id == task.id


async def test_without_a_timeout_a_wait_goes_on_for_hours() -> None:
    """W6: `None` is allowed."""
    async with staged(Emulator(progress=ByTime(5_000, 5_000))) as (_, session):
        began = now()
        assert (await session.wait_for_task(await submitted(session), timeout=None)).succeeded
        assert now() - began > 10_000


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), True, "5"])
async def test_a_timeout_that_is_none_is_refused(timeout: float) -> None:
    """W6: before anything is sent."""
    async with staged() as (emulator, session):
        with pytest.raises(InvalidRequestError, match="timeout"):
            await session.wait_for_task(17, timeout=timeout)
        assert emulator.books.count() == 0


async def test_the_timeout_of_the_whole_way_cuts_a_stalled_upload() -> None:
    """W6: extract_motion's timeout is for all of it."""
    async with staged() as (emulator, session):
        emulator.fail("upload_asset", StallAfter(600), times=None)
        began = now()
        with pytest.raises(KlingMotionError):
            await session.extract_motion(CLIP.read_bytes(), timeout=20)
        assert now() - began < 20.2
        assert emulator.books.tasks == []


async def test_the_deadline_during_a_submit_says_that_its_outcome_is_unknown() -> None:
    """W6, S3: the POST was cut; there may be a task."""
    async with staged() as (emulator, session):
        emulator.fail("submit_motion", StallAfter(600))
        began = now()
        with pytest.raises(SubmitUncertainError) as caught:
            await session.extract_motion(CLIP.read_bytes(), timeout=20)
        assert 19.99 < now() - began < 20.2
        motion = await session.wait_for_motion(caught.value.ref)
        assert motion.task_id == emulator.books.tasks[0].task_id


# --- W8: cancellation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on_cancel", "untracks", "deletes"), [("leave", 0, 0), ("untrack", 1, 0), ("delete", 0, 1)])
async def test_a_cancelled_wait_does_what_it_was_asked_to(on_cancel: str, untracks: int, deletes: int) -> None:
    """W8: and CancelledError comes out."""
    async with staged(Emulator(progress=ByTime(500, 500))) as (emulator, session):
        task = await submitted(session)
        waiting = asyncio.create_task(session.wait_for_task(task, on_cancel=on_cancel))  # type: ignore[arg-type]
        await asyncio.sleep(20)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert emulator.books.count("untrack_task") == untracks
        assert emulator.books.count("delete_task") == deletes


async def test_cancelling_while_the_motion_is_not_listed_yet_says_farewell_too() -> None:
    """W8: the task is final, but the call was not."""
    async with staged(Emulator(listing_delay="never")) as (emulator, session):
        task = await submitted(session)
        waiting = asyncio.create_task(session.wait_for_motion(task, on_cancel="delete"))
        await asyncio.sleep(30)
        assert emulator.books.count("list_motions") > 0
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert emulator.books.count("delete_task") == 1


async def test_a_farewell_that_stalls_takes_two_seconds_at_most() -> None:
    """W8: nobody waits for a server on the way out."""
    async with staged(Emulator(progress=ByTime(500, 500))) as (emulator, session):
        emulator.fail("delete_task", StallAfter(600))
        task = await submitted(session)
        waiting = asyncio.create_task(session.wait_for_task(task, on_cancel="delete"))
        await asyncio.sleep(20)
        began = now()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert 1.89 < now() - began <= 2.1


async def test_a_farewell_that_is_refused_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """W8: a task without works cannot be deleted; whoever asked for it reads that in the log."""
    async with staged(Emulator(progress=ByTime(500, 500))) as (_, session):
        task = await submitted(session)
        waiting = asyncio.create_task(session.wait_for_task(task, on_cancel="delete"))
        await asyncio.sleep(20)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert "on_cancel=delete: " in caplog.text
    assert "No works found" in caplog.text


async def test_a_second_cancellation_ends_the_farewell_at_once() -> None:
    """W8: the request itself is not torn down."""
    async with staged(Emulator(progress=ByTime(500, 500))) as (emulator, session):
        emulator.fail("untrack_task", StallAfter(1))
        task = await submitted(session)
        waiting = asyncio.create_task(session.wait_for_task(task, on_cancel="untrack"))
        await asyncio.sleep(20)
        began = now()
        waiting.cancel()
        await asyncio.sleep(0.5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert now() - began < 0.6
        await asyncio.sleep(2)
        assert emulator.books.seen("untrack_task")[0].answered == 200


async def test_asyncio_timeout_around_a_wait_behaves() -> None:
    """W8: it becomes TimeoutError outside, after the farewell."""
    async with staged(Emulator(progress=ByTime(500, 500))) as (emulator, session):
        task = await submitted(session)

        async def impatient() -> None:
            async with asyncio.timeout(30):
                await session.wait_for_task(task, on_cancel="untrack")

        with pytest.raises(TimeoutError) as caught:
            await impatient()
        assert not isinstance(caught.value, KlingMotionError)
        assert emulator.books.count("untrack_task") == 1


async def test_a_sibling_failing_in_a_task_group_cancels_a_wait_cleanly() -> None:
    """W8: the group raises the sibling's error alone."""
    async with staged(Emulator(progress=ByTime(500, 500))) as (emulator, session):
        task = await submitted(session)

        async def fail() -> None:
            await asyncio.sleep(10)
            raise LookupError

        async def together() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(session.wait_for_task(task, on_cancel="delete"))
                group.create_task(fail())

        with pytest.raises(ExceptionGroup) as caught:
            await together()
        assert [type(error) for error in caught.value.exceptions] == [LookupError]
        assert emulator.books.count("delete_task") == 1


async def test_cancelling_during_a_look_passes_through() -> None:
    """Rule 5: nothing renames it."""
    async with staged() as (emulator, session):
        emulator.fail("get_task", StallAfter(600))
        waiting = asyncio.create_task(session.wait_for_motion(emulator.add_task().id))
        await asyncio.sleep(3)
        began = now()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert now() == began


async def test_an_unknown_on_cancel_is_refused() -> None:
    """W8: before anything is sent."""
    async with staged() as (emulator, session):
        with pytest.raises(InvalidRequestError, match="on_cancel"):
            await session.wait_for_task(17, on_cancel="abort")  # type: ignore[arg-type]
        assert emulator.books.count() == 0


# --- W9, W11: watching, failing -------------------------------------------------------------------------------------


async def test_watching_gives_changes_only_and_ends_with_the_final_state() -> None:
    """W9: each state once, however many looks show it."""
    async with staged(Emulator(progress=ByLooks(3, 4))) as (emulator, session):
        task = await submitted(session)
        seen = [state.status_name async for state in session.watch_task(task.id)]
        assert seen == ["submitted", "processing", "succeed"]
        assert emulator.books.count("get_task") == 8


async def test_watching_a_task_that_fails_ends_with_the_failed_state() -> None:
    """W9: a failure is a state like any other here."""
    async with staged() as (emulator, session):
        emulator.next_tasks(Outcome(end="failed", error="no person in the video"))
        states = [state async for state in session.watch_task(await submitted(session))]
        assert states[-1].is_final
        assert not states[-1].succeeded
        assert states[-1].error == "no person in the video"


@pytest.mark.parametrize(("task", "timeout"), [("nonsense", None), (17, -1)])
async def test_watching_what_cannot_be_watched_is_refused_before_the_first_step(task: int | str, timeout: int) -> None:
    """As by the other methods: where it is called."""
    async with staged() as (emulator, session):
        with pytest.raises(InvalidRequestError):
            session.watch_task(task, timeout=timeout)
        assert emulator.books.count() == 0


async def test_leaving_a_watch_early_leaks_nothing() -> None:
    """W9: no task is left running."""
    async with staged(Emulator(progress=ByTime(500, 500))) as (_, session):
        task = await submitted(session)
        watching = session.watch_task(task.id)
        async for _ in watching:
            break
        await watching.aclose()
        assert not [left for left in asyncio.all_tasks() if "RequestHandler" not in repr(left)][1:], "but for this test"


async def test_a_failed_task_always_raises() -> None:
    """W11: with the server's `error` before its `message`, and the task."""
    async with staged() as (emulator, session):
        emulator.next_tasks(*[Outcome(end="failed", status=9, error="no person", message="busy")] * 3)
        for wait in (session.wait_for_task, session.wait_for_motion):
            with pytest.raises(TaskFailedError, match="no person") as caught:
                await wait(await submitted(session))
            assert caught.value.status == 9
            assert caught.value.task is not None
            assert caught.value.task.message == "busy"
            with pytest.raises(TaskFailedError):
                await wait(caught.value.task)
        with pytest.raises(TaskFailedError):
            await session.extract_motion(CLIP.read_bytes())


async def test_final_with_an_unknown_name_is_a_failure() -> None:
    """W11, contract section 8: final and not `succeed` is no success."""
    async with staged() as (emulator, session):
        emulator.next_tasks(Outcome(status=60, status_name="expired"))
        with pytest.raises(TaskFailedError, match="expired"):
            await session.wait_for_task(await submitted(session))


async def test_a_hook_that_raises_leaves_with_the_reference() -> None:
    """S6 for on_change: the task goes on and can be found again."""
    async with staged() as (_, session):
        task = await submitted(session)

        def fail(_: Task) -> None:
            raise LookupError

        with pytest.raises(LookupError) as caught:
            await session.wait_for_task(task, on_change=fail)
        assert caught.value.ref == task.ref  # type: ignore[attr-defined]


async def test_a_rate_limited_look_waits_as_told() -> None:
    """W4, W5: a 429 is a failed look, and the next one comes when the pause is over."""
    async with staged() as (emulator, session):
        emulator.fail("get_task", RateLimited(45, "seconds"))
        task = emulator.add_task()
        await session.wait_for_task(task.id)
        first, second, *_ = look_times(emulator)
        assert 45 <= second - first < 46


async def test_only_429s_in_a_row_end_a_wait_with_that_error() -> None:
    """W4: N of them."""
    async with staged() as (emulator, session):
        emulator.fail("get_task", RateLimited(3, "seconds"), times=None)
        with pytest.raises(RateLimitError):
            await session.wait_for_task(emulator.add_task().id)
        assert emulator.books.count("get_task") == 5


async def test_an_answer_about_another_task_is_a_failed_look() -> None:
    """W4: mixed-up answers happen behind caches; they are not believed."""
    async with staged() as (emulator, session):
        other = emulator.add_task(ended=True)
        task = emulator.add_task()
        wrong = {"task": {"id": other.id}, "status": 99, "status_name": "succeed", "status_final": True}
        emulator.fail("get_task", Replace(wrong), times=None)
        with pytest.raises(APIResponseError, match=str(other.id)):
            await session.wait_for_task(task.id)


@pytest.mark.parametrize("listens", [False, True], ids=["unheard", "heard"])
async def test_a_running_task_that_is_another_is_not_believed_either(listens: bool) -> None:
    """W4: nobody hears of its status, and looks that show nothing else end the wait."""
    heard: list[Task] = []
    async with staged() as (emulator, session):
        task = emulator.add_task()
        wrong = {"task": {"id": task.id + 1}, "status": 77, "status_name": "rendering", "status_final": False}
        emulator.fail("get_task", Replace(wrong), times=None)
        with pytest.raises(APIResponseError, match=str(task.id + 1)):
            await session.wait_for_task(task.id, on_change=heard.append if listens else None)
        assert emulator.books.count("get_task") == 5
    assert heard == []


async def test_a_kept_connection_that_the_server_closes_is_replaced_silently() -> None:
    """W4: no look fails for it, for it is noticed while nothing is under way."""
    async with staged() as (emulator, session):
        task = emulator.add_task(outcome=Outcome(progress=ByTime(30, 30)))
        watching = asyncio.create_task(session.wait_for_task(task.id, poll=PollPolicy(max_failed_looks=1)))
        for _ in range(4):
            await asyncio.sleep(10)
            await emulator.close_port()
            await emulator.open_port()
        assert (await watching).succeeded


@pytest.mark.parametrize("location", ["http://[bad", "//[", "http://h:99999999/x", ""])
@pytest.mark.parametrize("status", [200, 302])
async def test_a_location_that_is_no_url_is_a_failed_look_at_most(status: int, location: str) -> None:
    """W4, rule 8: nothing the server sends raises anything but an error of ours."""
    async with staged() as (emulator, session):
        task = emulator.add_task(ended=True)
        emulator.fail("get_task", Status(status, None, headers={"Location": location}))
        assert (await session.wait_for_task(task.id)).succeeded


async def test_the_account_of_the_call_is_used_for_a_task_too() -> None:
    """With several accounts linked, a look without one is a 400."""
    accounts = [Account("a@example.com", 5), Account("b@example.com", 5)]
    async with staged(Emulator(accounts=accounts)) as (emulator, session):
        task = emulator.add_task(email="b@example.com")
        done = await session.wait_for_task(Task(id=task.id), email="b@example.com")
        assert done.succeeded
