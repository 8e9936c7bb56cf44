"""What an account has and holds: linked accounts, slots, running tasks, uploaded assets, the tasks of its past."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from klingmotion import (
    AccountError,
    AssetDeletion,
    BadRequestError,
    InvalidRequestError,
    KlingMotionError,
    MotionSession,
    NotFoundError,
    Request,
)
from klingmotion.emulator import Account, ByTime, DropAfter, Emulator, Fault, RateLimited, Reset, StallAfter, Status
from klingmotion.emulator.artefacts import cover_png
from tests.fake_transport import Answer, FakeTransport
from tests.stage import CLIP, staged, submitted


async def test_the_log_names_no_account(caplog: pytest.LogCaptureFixture) -> None:
    """T3: also where it stands in the path."""
    async with staged(Emulator(accounts=[Account("performer@example.com", 3)])) as (_, session):
        with caplog.at_level(logging.DEBUG, "klingmotion"):
            await session.account("performer@example.com")
            await submitted(session, email="performer@example.com")
    assert "GET /accounts/..." in caplog.text
    assert "performer" not in caplog.text


HERE, THERE = "performer@example.com", "other+1@example.com"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def two(**options: Any) -> Emulator:
    """An emulator with two linked accounts."""
    return Emulator(accounts=[Account(HERE, 3, points=6600), Account(THERE, 5)], **options)


# --- Accounts -------------------------------------------------------------------------------------------------------


async def test_the_linked_accounts_are_listed() -> None:
    """Each with its limit and its session, none with its balance."""
    async with staged(two()) as (_, session):
        here, there = await session.accounts()
        assert (here.email, here.max_jobs, there.email, there.max_jobs) == (HERE, 3, THERE, 5)
        assert (here.balance, here.error) == (None, None)
        assert here.session is not None
        assert here.session.expires_at is not None
        assert here.session.expires_at > datetime.now(UTC) + timedelta(days=1)


async def test_one_account_comes_with_its_balance() -> None:
    """The session's own, or one that is named; an address needs no care with its signs."""
    async with staged(two(), email=HERE) as (emulator, session):
        here = await session.account()
        assert here.balance is not None
        assert (here.email, here.balance.total, here.balance.points[0].balance) == (HERE, 6600, 6600)
        assert (await session.account(THERE)).email == THERE
        assert [seen.path for seen in emulator.books.seen("get_account")][-1].endswith("/accounts/other+1@example.com")


async def test_an_account_has_to_be_named_somewhere() -> None:
    """By the call or by the session; nothing is sent otherwise."""
    async with staged() as (emulator, session):
        with pytest.raises(InvalidRequestError, match="email is required to look at an account"):
            await session.account()
        assert emulator.books.count() == 0
        with pytest.raises(NotFoundError):
            await session.account("nobody@example.com")


async def test_without_accounts_the_list_is_empty() -> None:
    """The API says 404 to that; a 404 that is not the API's own is an error."""
    async with staged(Emulator(accounts=[])) as (emulator, session):
        assert await session.accounts() == ()
        emulator.fail("list_accounts", Status(404, "<html>nginx</html>"))
        with pytest.raises(NotFoundError):
            await session.accounts()


async def test_a_broken_account_tells_its_trouble() -> None:
    """In the list as a text, in every call that names it as an error."""
    async with staged(Emulator(accounts=[Account(HERE, error="login failed")])) as (_, session):
        (account,) = await session.accounts()
        assert account.error == "login failed"
        with pytest.raises(AccountError, match="login failed"):
            await submitted(session)


# --- Capacity -------------------------------------------------------------------------------------------------------


async def test_slots_and_running_tasks_are_those_of_all_accounts() -> None:
    """What runs takes a slot; untracking gives it back, and Kling goes on."""
    async with staged(two(progress=ByTime(300, 300))) as (_, session):
        task = await submitted_for(session, HERE)
        await submitted_for(session, THERE)
        assert [(slots.email, slots.executing, slots.available) for slots in await session.capacity()] == [
            (HERE, 1, 2),
            (THERE, 1, 4),
        ]
        running = {each.email: each for each in await session.running()}
        assert (running[HERE].id, running[HERE].reply_ref) == (task.id, task.ref.reply_ref)
        await session.untrack_task(task)
        assert [each.email for each in await session.running()] == [THERE]
        assert (await session.get_task(task)).id == task.id


async def test_only_what_is_tracked_can_be_untracked() -> None:
    """Another id is an error, what is none is not even sent."""
    async with staged() as (emulator, session):
        with pytest.raises(NotFoundError, match="Unable to locate running task_id 17"):
            await session.untrack_task(17)
        with pytest.raises(InvalidRequestError, match="has no task id yet"):
            await session.untrack_task('{"klingmotion":1,"reply_ref":"km-1"}')
        assert emulator.books.count("untrack_task") == 1


async def test_an_untracking_whose_answer_was_lost_is_done() -> None:
    """The second try finds nothing, because the first one was carried out."""
    async with staged(Emulator(progress=ByTime(300, 300))) as (emulator, session):
        task = await submitted(session)
        emulator.fail("untrack_task", StallAfter(60))
        await session.untrack_task(task)
        assert emulator.books.count("untrack_task") == 2
        assert await session.running() == ()


@pytest.mark.parametrize("fault", [DropAfter(), Reset(after=True)], ids=repr)
async def test_a_delete_whose_connection_was_lost_is_done(fault: Fault) -> None:
    """Nothing is sent again unseen: that the first one may have been carried out is known."""
    async with staged() as (emulator, session):
        task = await submitted(session)
        await session.wait_for_task(task)
        emulator.fail("delete_task", fault)
        await session.delete_task(task)
        assert emulator.books.count("delete_task") == 2


async def test_what_was_never_there_is_not_found_however_often_that_is_asked() -> None:
    """A try that cannot have been carried out proves nothing: neither a 429 nor a connection that never opened."""
    async with staged() as (emulator, session):
        for endpoint, end in (("delete_task", session.delete_task), ("untrack_task", session.untrack_task)):
            emulator.fail(endpoint, RateLimited(5, "seconds"))
            with pytest.raises(NotFoundError):
                await end(17)
            await emulator.close_port()
            ending = asyncio.create_task(end(17))
            await asyncio.sleep(0.1)
            await emulator.open_port()
            with pytest.raises(NotFoundError):
                await ending


async def submitted_for(session: MotionSession, email: str) -> Any:
    """The task of the sample clip, for one account."""
    asset = await session.upload_asset(CLIP.read_bytes(), email=email)
    return await session.submit_motion(asset, email=email)


# --- Assets ---------------------------------------------------------------------------------------------------------


async def stocked(session: MotionSession, count: int) -> None:
    """Upload images, and then a video."""
    for number in range(count - 1):
        await session.upload_asset(cover_png(300, 300, number))
    await session.upload_asset(CLIP.read_bytes())


@pytest.mark.parametrize("page_size", [1, 2, 5, 20, 100])
async def test_uploaded_assets_come_in_pages_and_each_once(page_size: int) -> None:
    """The newest first, however many at once."""
    async with staged() as (_, session):
        await stocked(session, 5)
        found = [asset async for asset in session.uploaded_assets(page_size=page_size)]
        assert [asset.content_type for asset in found] == ["video", "image", "image", "image", "image"]
        assert len({asset.id for asset in found}) == 5
        assert found == sorted(found, key=lambda asset: asset.id or 0, reverse=True)


async def test_uploaded_assets_can_be_chosen() -> None:
    """By kind, by name, in the order of their upload."""
    async with staged() as (_, session):
        await stocked(session, 3)
        images = [asset async for asset in session.uploaded_assets(content_type="image", oldest_first=True)]
        assert [asset.content_type for asset in images] == ["image", "image"]
        assert (images[0].id or 0) < (images[1].id or 0)
        (same,) = [asset async for asset in session.uploaded_assets(name=images[0].name)]
        assert same == images[0]


async def test_assets_are_deleted_by_themselves_or_by_their_ids() -> None:
    """For good; what is gone already is no error."""
    async with staged(email=HERE) as (_, session):
        await stocked(session, 3)
        first, second, third = [asset async for asset in session.uploaded_assets()]
        assert await session.delete_asset(first) == AssetDeletion(deleted=1, asset_ids=(first.id or 0,))
        assert (await session.delete_asset(str(second.id), third.id or 0)).deleted == 2
        assert [asset async for asset in session.uploaded_assets()] == []
        assert await session.delete_asset(first) == AssetDeletion(deleted=0)


@pytest.mark.parametrize("wrong", [lambda one: one.uploaded_assets(content_type="text"),
                                   lambda one: one.uploaded_assets(page_size=0),
                                   lambda one: one.tasks(content_type="text"),
                                   lambda one: one.tasks(created_after=datetime(2026, 1, 1)),  # noqa: DTZ001  # the zone is what is missing
                                   lambda one: one.tasks(created_before="2026-01-01"),
                                   lambda one: one.tasks(created_after=NEW_YEAR, created_before=NEW_YEAR)])  # fmt: skip
async def test_a_wrong_filter_is_refused_at_once(wrong: Callable[[Any], object]) -> None:
    """Not at the first step of the iteration."""
    async with staged() as (emulator, session):
        with pytest.raises(InvalidRequestError):
            wrong(session)
        assert emulator.books.count() == 0


async def test_a_delete_of_assets_needs_to_know_the_account() -> None:
    """The API wants it even if there is one only; the text says where to say it."""
    async with staged() as (emulator, session):
        with pytest.raises(InvalidRequestError, match=r"email is required .*: pass email= or set \$USEAPI_EMAIL"):
            await session.delete_asset(17)
        with pytest.raises(InvalidRequestError, match="the id of an uploaded asset"):
            await session.delete_asset("17,18", email=HERE)
        assert emulator.books.count() == 0


# --- The tasks of the past ------------------------------------------------------------------------------------------


async def test_all_tasks_are_listed_from_the_newest_back() -> None:
    """Extractions and videos, each once, over as many pages as there are, with the account they belong to."""
    async with staged(Emulator(page_limit=3), email=HERE) as (emulator, session):
        made = [emulator.add_task(ended=True).id for _ in range(10)]
        assert [task.id async for task in session.tasks()] == made[::-1]
        assert {task.ref.email async for task in session.tasks()} == {HERE}
        assert emulator.books.count("list_tasks") <= 16


def answered(times: list[int], *, limit: int, ignores_bounds: bool = False, inclusive: bool = False) -> Any:
    """A server whose tasks were made at these times, in milliseconds, some of them at the same one."""
    made = sorted(((time, number) for number, time in enumerate(times, 1)), reverse=True)

    def answer(request: Request) -> Answer:
        before = int(request.query.get("createdBefore", 10**15)) + inclusive
        fitting = [one for one in made if ignores_bounds or one[0] < before][:limit]
        return 200, {"history": [{"task": {"id": number, "createTime": time}} for time, number in fitting]}

    return FakeTransport(answer)


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("limit", [3, 4, 50])
async def test_tasks_of_one_millisecond_are_not_lost_between_two_pages(limit: int, inclusive: bool) -> None:
    """Whether the bound is part of a page or not."""
    transport = answered([1000, 2000, 2000, 3000, 3000, 4000, 5000], limit=limit, inclusive=inclusive)
    async with MotionSession(transport=transport) as session:
        assert [task.id async for task in session.tasks()] == [7, 6, 5, 4, 3, 2, 1]


async def test_a_server_that_ignores_bounds_is_not_asked_for_ever() -> None:
    """A page that brings nothing new is the last."""
    transport = answered([1000, 2000, 3000], limit=2, ignores_bounds=True)
    async with MotionSession(transport=transport) as session:
        assert [task.id async for task in session.tasks()] == [3, 2]
    assert len(transport.asked) == 2


async def test_tasks_can_be_bounded_on_both_sides() -> None:
    """Only one bound fits into a request; the other one ends the reading."""
    start = 1_760_000_000_000
    transport = answered([start + 1000 * number for number in range(100)], limit=10)
    async with MotionSession(transport=transport) as session:
        after, before = (datetime.fromtimestamp(start / 1000 + seconds, UTC) for seconds in (20, 25))
        found = session.tasks(created_after=after, created_before=before, content_type="video")
        assert [task.id async for task in found] == [25, 24, 23, 22, 21]
    assert len(transport.asked) == 1
    assert transport.asked[0][1].query == {"createdBefore": str(start + 25_000), "contentType": "video"}


async def test_entries_without_an_id_are_left_out() -> None:
    """There is nothing to call them by."""

    def answer(_: Request) -> Answer:
        return 200, {"history": [{"works": []}, {"task": {"id": 17}}, {"works": [{"taskId": 18, "workId": 5}]}, 3]}

    async with MotionSession(transport=FakeTransport(answer)) as session:
        assert [task.id async for task in session.tasks()] == [17, 18]


async def test_a_refusal_ends_the_iteration() -> None:
    """It is not taken for the end of the list."""
    async with staged() as (emulator, session):
        emulator.fail("list_tasks", Status.bad_request())
        emulator.fail("list_uploaded", Status.bad_request())
        for found in (session.tasks(), session.uploaded_assets()):
            with pytest.raises(BadRequestError):
                await anext(found)


async def test_lists_survive_a_passing_fault() -> None:
    """As every GET does."""
    async with staged() as (emulator, session):
        task = emulator.add_task(ended=True)
        for name in ("list_tasks", "list_uploaded", "list_accounts", "capacity", "list_running"):
            emulator.fail(name, Status(503))
        assert [found.id async for found in session.tasks()] == [task.id]
        assert [asset async for asset in session.uploaded_assets()] == []
        assert len(await session.accounts()) == len(await session.capacity()) == 1
        assert await session.running() == ()


async def test_a_wrong_token_ends_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the error every call has for it."""
    monkeypatch.delenv("USEAPI_EMAIL", raising=False)
    async with Emulator() as emulator, MotionSession("user:2-other", base_url=emulator.url) as session:
        for call in (session.accounts, session.capacity, session.running):
            with pytest.raises(KlingMotionError, match="401"):
                await call()
