"""Every scripted fault: what the client meets, and whether the work was done."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from klingmotion.emulator import (
    Corrupt,
    CutAt,
    DropAfter,
    DropBefore,
    DropMidBody,
    Empty,
    Emulator,
    Fault,
    Html,
    IgnoreRange,
    Pass,
    RateLimited,
    Redirect,
    Replace,
    Reset,
    ServeBytes,
    Slow,
    StallAfter,
    StallBefore,
    Status,
    Truncate,
    TruncateJson,
    Vanish,
    WrongType,
)

from .bench import Bench, bench
from .clips import mp4

LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError)


@pytest.mark.parametrize(
    ("fault", "created"),
    [
        (DropBefore(), 0),
        (DropAfter(), 1),
        (DropMidBody(), 0),
        (Reset(), 0),
        (Reset(after=True), 1),
        (Truncate(), 1),
        (Truncate(0.0), 1),
        (Truncate(0.999), 1),
        (CutAt(10), 1),
    ],
    ids=repr,
)
async def test_a_lost_connection_leaves_the_work_done_or_not(fault: Fault, created: int) -> None:
    """The client gets no answer; the submit is in the books, and the task is there as the fault says."""
    async with bench() as b:
        b.emulator.fail("submit_motion", fault)
        with pytest.raises(LOST):
            await b.submit(replyRef="r")
        assert len(b.emulator.books.tasks) == created
        assert b.emulator.books.posts == {"r": 1}
        assert b.emulator.books.requests[0].fault == type(fault).__name__
        assert (await b.submit(replyRef="r")).status == 200
        assert b.emulator.books.posts == {"r": 2}


@pytest.mark.parametrize(
    ("fault", "status", "created"),
    [
        (Html(502), 502, 0),
        (Html(200, after=True), 200, 1),
        (Empty(503), 503, 0),
        (Empty(200, after=True), 200, 1),
        (TruncateJson(), 200, 1),
        (Status(418, "short and stout"), 418, 0),
        (Status(503, None, headers={"Retry-After": "7"}), 503, 0),
        (Status(500, {"error": "x"}, after=True), 500, 1),
        (Status.server_fault(after=True), 500, 1),
        (Status.moderation(), 500, 0),
        (RateLimited(3, "seconds"), 429, 0),
        (Replace({"task": {}}), 200, 1),
        (WrongType("task.id", "x"), 200, 1),
        (Redirect("http://127.0.0.1:9"), 307, 0),
    ],
    ids=repr,
)
async def test_a_wrong_answer_leaves_the_work_done_or_not(fault: Fault, status: int, created: int) -> None:
    """The client gets the answer scripted; the task is there as the fault says."""
    async with bench() as b:
        asset = b.emulator.add_asset()
        b.emulator.fail("submit_motion", fault)
        fields = {"resourceUrl": asset.resource_url, "coverUrl": asset.cover_url}
        async with b.http.post(
            f"{b.emulator.url}/videos/motion-upload",
            json=fields,
            headers={"Authorization": f"Bearer {b.emulator.token}"},
            allow_redirects=False,
        ) as response:
            assert response.status == status
            raw = await response.read()
            headers = response.headers
        assert len(b.emulator.books.tasks) == created
        _check_answer(fault, headers, raw)


@pytest.mark.parametrize(
    "fault",
    [Html(404), Html(410), Status.not_found(), Status(405, {"error": "Method Not Allowed"}), Status(410, None)],
    ids=repr,
)
async def test_an_endpoint_can_be_taken_away(fault: Fault) -> None:
    """With `times=None` a POST is gone for good, without a word of assets; all else goes on, and it can come back."""
    async with bench() as b:
        b.emulator.fail("submit_motion", fault, times=None)
        for _ in range(3):
            answer = await b.submit()
            assert answer.status in (404, 405, 410)
            assert b"VALID.ResourceNotFound" not in answer.raw
        assert b.emulator.books.tasks == []
        assert (await b.create()).status == 200
        b.emulator.heal("submit_motion")
        assert (await b.submit()).status == 200


def _check_answer(fault: Fault, headers: Any, raw: bytes) -> None:
    match fault:
        case Html():
            assert headers["Content-Type"].startswith("text/html")
            assert raw.startswith(b"<!DOCTYPE html>")
        case Empty():
            assert raw == b""
        case TruncateJson():
            assert int(headers["Content-Length"]) == len(raw)
            assert raw.startswith(b'{"task":{"id":')
            assert not raw.endswith(b"}")
        case RateLimited():
            assert headers["Retry-After"] == "3"
        case WrongType():
            assert raw.startswith(b'{"task":{"id":"x"')
        case Redirect():
            assert headers["Location"] == "http://127.0.0.1:9/v1/kling/videos/motion-upload"
        case Status(status=418):
            assert raw == b"short and stout"
        case Status(status=503):
            assert headers["Retry-After"] == "7"


async def test_faults_are_played_in_order_and_then_no_more() -> None:
    """One fault meets one request; `Pass` lets one through; `times` repeats the row."""
    async with bench() as b:
        b.emulator.fail("list_running", Status(503), Pass(), Status(500), times=2)
        statuses = [(await b.get("/scheduler")).status for _ in range(7)]
        assert statuses == [503, 200, 500, 503, 200, 500, 200]
        assert (await b.get("/scheduler/available")).status == 200
        assert b.emulator.books.faults == {"Status": 4, "Pass": 2}


async def test_a_fault_may_stand_until_healed() -> None:
    """`times=None` plays for ever, after what else is scripted, until `heal`."""
    async with bench() as b:
        b.emulator.fail("capacity", Status(500), times=None)
        b.emulator.fail("capacity", Status(503))
        assert [(await b.get("/scheduler/available")).status for _ in range(4)] == [503, 500, 500, 500]
        b.emulator.heal("capacity")
        assert (await b.get("/scheduler/available")).status == 200


def test_faults_need_an_endpoint_that_exists() -> None:
    """A misspelt endpoint, or no fault at all, is an error at once."""
    emulator = Emulator()
    with pytest.raises(ValueError, match="submit_motion"):
        emulator.fail("submit", DropBefore())
    with pytest.raises(ValueError, match="no fault"):
        emulator.fail("submit_motion")


@pytest.mark.parametrize("fault", [StallBefore(40), StallAfter(40)], ids=repr)
async def test_a_stalled_answer_comes_late(fault: Fault) -> None:
    """The answer is whole, after the seconds scripted."""
    async with bench() as b:
        b.emulator.fail("submit_motion", fault)
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await b.submit()).status == 200
        assert loop.time() - began == pytest.approx(40, abs=0.5)
        assert len(b.emulator.books.tasks) == 1


@pytest.mark.parametrize(
    ("fault", "at_once", "later"),
    [
        (StallBefore(40), 0, 0),
        (StallBefore(40, even_if_gone=True), 0, 1),
        (StallAfter(40), 1, 1),
    ],
    ids=repr,
)
async def test_a_client_that_leaves_a_stall(fault: Fault, at_once: int, later: int) -> None:
    """Leaving ends the stall; what was done stays done, and a server that does not notice does it late."""
    async with bench() as b:
        b.emulator.fail("submit_motion", fault)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await b.submit()
        assert len(b.emulator.books.tasks) == at_once
        await asyncio.sleep(40)
        assert len(b.emulator.books.tasks) == later


async def test_a_slow_answer_trickles() -> None:
    """So many bytes come in a second, and all of them in the end."""
    async with bench() as b:
        asset = b.emulator.add_asset(bytes(10_000))
        b.emulator.fail("file", Slow(1000))
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await b.get(asset.resource_url, token=None)
        assert answer.raw == bytes(10_000)
        assert loop.time() - began == pytest.approx(10, abs=0.5)


async def test_files_can_be_cut_corrupted_and_replaced() -> None:
    """A download may end early, hold other bytes, or ignore the range asked for."""
    data = bytes(range(256)) * 100
    async with bench() as b:
        url = b.emulator.add_asset(data).resource_url
        b.emulator.fail("file", CutAt(1000), Corrupt(), ServeBytes(b"PK"), IgnoreRange())
        async with b.http.get(url) as response:
            assert response.content_length == len(data)
            assert await response.content.readexactly(1000) == data[:1000]
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        corrupt = (await b.get(url, token=None)).raw
        assert len(corrupt) == len(data)
        assert (corrupt[:100], corrupt[-100:]) == (data[:100], data[-100:])
        assert corrupt != data
        assert (await b.get(url, token=None)).raw == b"PK"
        ignored = await b.get(url, token=None, headers={"Range": "bytes=5-"})
        assert (ignored.status, ignored.raw) == (200, data)
        assert "Content-Range" not in ignored.headers


async def test_an_upload_can_be_dropped_amid_its_body() -> None:
    """Part of the file has been read, no asset exists, and the next upload is good."""
    clip = mp4(5.0, padding=3_000_000)
    async with bench() as b:
        b.emulator.fail("upload_asset", DropMidBody(100_000))
        with pytest.raises(LOST):
            await b.upload(clip, "video/mp4")
        seen = b.emulator.books.requests[0]
        assert 100_000 <= seen.received < len(clip)
        assert (await b.upload(clip, "video/mp4")).status == 200
        assert len((await b.get("/assets/uploaded/")).body["uploadAssetsList"]) == 1


async def test_an_upload_refused_unread_leaves_a_usable_server() -> None:
    """A 503 that does not wait for the body is followed by a whole upload."""
    clip = mp4(5.0, padding=3_000_000)
    async with bench() as b:
        b.emulator.fail("upload_asset", Status(503))
        with suppress(*LOST):  # the client may still be writing when the answer comes
            assert (await b.upload(clip, "video/mp4")).status == 503
        assert (await b.upload(clip, "video/mp4")).status == 200


async def test_an_upload_abandoned_by_its_client_leaves_nothing() -> None:
    """Half a body is no asset."""
    async with bench() as b:

        async def half() -> Any:
            yield mp4(5.0)
            await asyncio.sleep(60)
            yield b"never"

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await b.call("POST", "/assets/", data=half(), headers={"Content-Type": "video/mp4"})
        await asyncio.sleep(100)
        assert (await b.get("/assets/uploaded/")).body == {"uploadAssetsList": []}


async def test_a_task_vanishes_when_told_to() -> None:
    """`Vanish` makes the look, and all later ones, 404, and frees the slot."""
    async with bench() as b:
        task_id = await b.submitted()
        b.emulator.fail("get_task", Pass(), Vanish())
        assert [(await b.look(task_id)).status for _ in range(4)] == [200, 404, 404, 404]
        assert (await b.get("/scheduler")).body == []


async def test_a_closed_port_refuses_and_opens_again_where_it_was() -> None:
    """TCP connections are refused and open ones cut; the same URL works afterwards, the state is kept."""
    async with bench() as b:
        task_id = await b.submitted()
        url = b.emulator.url
        await b.emulator.close_port()
        await b.emulator.close_port()
        with pytest.raises(aiohttp.ClientConnectorError):
            await b.look(task_id)
        await b.emulator.open_port()
        assert b.emulator.url == url
        assert (await b.look(task_id)).status == 200


async def test_requests_in_flight_are_cut_when_the_port_closes() -> None:
    """A request that waits for its answer loses its connection."""
    async with bench() as b:
        b.emulator.fail("list_running", StallAfter(100))
        waiting = asyncio.create_task(b.call("POST", "/videos/motion-upload", data=b"{}"))
        await waiting
        stalled = asyncio.create_task(b.get("/scheduler"))
        await asyncio.sleep(1)
        await b.emulator.close_port()
        with pytest.raises(LOST):
            await stalled


async def test_a_stop_cuts_stalls_short() -> None:
    """Stopping does not wait for stalled answers, and leaves no task behind."""
    async with aiohttp.ClientSession() as http:
        emulator = Emulator()
        await emulator.start()
        b = Bench(emulator, http)
        emulator.fail("list_running", StallBefore(10_000), StallAfter(10_000), StallBefore(10_000, True), Slow(0.001))
        stalled = [asyncio.create_task(b.get("/scheduler")) for _ in range(4)]
        await asyncio.sleep(1)
        began = time.monotonic()
        await emulator.stop()
        assert time.monotonic() - began < 5
        results = await asyncio.gather(*stalled, return_exceptions=True)
        assert all(isinstance(result, LOST) for result in results), results
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_emulator_runs_once() -> None:
    """Its URL is there while it runs; it is not started twice."""
    emulator = Emulator()
    with pytest.raises(RuntimeError):
        emulator.url  # noqa: B018  # reading it is the test
    with pytest.raises(RuntimeError):
        emulator.add_asset()
    async with emulator:
        assert emulator.url.endswith("/v1/kling")
        with pytest.raises(RuntimeError):
            await emulator.start()
    with pytest.raises(RuntimeError):
        await emulator.start()
