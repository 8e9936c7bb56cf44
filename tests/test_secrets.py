"""The token appears nowhere and goes nowhere but to the API (behaviour T3, rule 6)."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import pickle
import traceback

import pytest

from klingmotion import ConfigurationError, DownloadError, KlingMotionError, Motion, MotionSession
from klingmotion.emulator import (
    DropAfter,
    DropBefore,
    Empty,
    Emulator,
    Fault,
    Html,
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
from tests.stage import CLIP, TOKEN, staged, submitted

CANARY = "user:1-canary0example"

FAULTS: list[Fault] = [
    DropBefore(),
    DropAfter(),
    Reset(),
    StallAfter(400),
    Truncate(),
    TruncateJson(),
    Html(502),
    Empty(200),
    Status(500, {"error": f"no entry for Bearer {CANARY}", "message": CANARY}),
    Status(401, {"error": f"Unauthorized: {CANARY}", "code": 401}),
    Status(404, CANARY),
    Status(401, {"error": f"token {CANARY.partition(':')[2]} is not known"}),
    Status(401, '{"error": "no ' + CANARY.replace(":", "\\u003a").replace("-", "\\u002d") + '"}'),
    Status(401, f"<p>/login?token={CANARY.replace(':', '%3A')}</p>"),
    Status.moderation(),
    WrongType("task.id", CANARY),
    Replace([CANARY]),
    Redirect("http://127.0.0.1:9"),
    RateLimited(1000, "seconds"),
]


def revealed(error: BaseException) -> str:
    """All that an error shows: texts, attributes, notes, pickle, and a traceback with the locals of our frames."""
    shown = [repr(error), str(error), repr(vars(error))]
    if isinstance(error, KlingMotionError):
        shown.append(repr(pickle.dumps(error)))
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    while report is not None:
        shown += [str(report), *(repr(note) for note in report.__notes__ or ())]
        shown += [repr(frame.locals) for frame in report.stack if "/klingmotion/" in frame.filename]
        report = report.__cause__ or report.__context__  # type: ignore[assignment]  # None ends the walk
    return "\n".join(shown)


class _ExaminedError(Exception):
    """An error was raised and examined."""


async def _examine(session: MotionSession) -> None:
    try:
        motion = await session.extract_motion(CLIP.read_bytes(), timeout=300)
        await session.delete_task(motion.task_id or 0)
    except KlingMotionError as error:
        shown = revealed(error)
    else:
        return
    assert "canary" not in shown
    raise _ExaminedError


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("endpoint", ["upload_asset", "submit_motion", "get_task", "list_motions", "delete_task"])
async def test_no_failure_shows_the_token(endpoint: str, fault: Fault) -> None:
    """T3: not even when the server itself repeats it."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.INFO)
    try:
        async with Emulator(token=CANARY) as emulator, MotionSession(CANARY, base_url=emulator.url) as session:
            emulator.fail(endpoint, fault, times=None)
            with contextlib.suppress(_ExaminedError):
                await _examine(session)
            assert "canary" not in repr(session)
            assert "canary" not in repr(vars(session))
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(logging.WARNING)
    client_log = [line for line in log.getvalue().splitlines() if "canary" in line and "/v1/kling" not in line]
    assert not client_log


@pytest.mark.parametrize(
    "token", [f"{CANARY}\x00", "user:1-canary\u00e9", "canary-without-user", "user:canary", f"user:1 {CANARY}"]
)
def test_a_malformed_token_is_refused_without_echo(token: str) -> None:
    """T3: control characters, letters outside ASCII, a wrong shape."""
    with pytest.raises(ConfigurationError) as caught:
        MotionSession(token)
    assert "canary" not in revealed(caught.value)


async def test_a_trailing_newline_in_the_token_is_stripped() -> None:
    """T3: tokens come from files."""
    async with Emulator(token=TOKEN) as emulator, MotionSession(f" {TOKEN}\n", base_url=emulator.url) as session:
        await session.get_task(emulator.add_task().id)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_origin_does_not_get_the_token(status: int) -> None:
    """T3: neither a look nor anything else follows it."""
    async with Emulator() as other, staged() as (emulator, session):
        for endpoint in ("get_task", "list_motions", "upload_asset", "submit_motion", "delete_task"):
            emulator.fail(endpoint, Redirect(other.url, status), times=None)
        for call in (
            session.get_task(emulator.add_task().id),
            session.delete_task(1),
            submitted(session),
            anext(aiter(session.motions())),
        ):
            with pytest.raises(KlingMotionError):
                await call
        assert other.books.count() == 0


async def test_a_redirect_that_names_a_user_is_not_followed() -> None:
    """T3: it means other credentials than the token, even within the API."""
    async with staged() as (emulator, session):
        task = emulator.add_task()
        host = emulator.url.partition("://")[2]
        for location in (f"http://name:word@{host}/tasks/{task.id}", f"//name@{host}/tasks/{task.id}"):
            emulator.fail("get_task", Status(302, None, headers={"Location": location}))
            assert (await session.get_task(task.id)).id == task.id  # asked again where it was asked first
        assert [seen.fault for seen in emulator.books.seen("get_task")] == ["Status", None, "Status", None]


async def test_a_redirect_within_the_api_is_followed_by_a_look() -> None:
    """Contract section 8, question 18: slash variants may redirect."""
    async with staged() as (emulator, session):
        task = emulator.add_task()
        emulator.fail("get_task", Status(308, None, headers={"Location": f"{emulator.url}/tasks/{task.id}"}))
        assert (await session.get_task(task.id)).id == task.id


async def test_the_hosts_of_files_do_not_get_the_token(tmp_path: object) -> None:
    """T3: links lead anywhere."""
    async with staged() as (emulator, session):
        motion = await session.wait_for_motion(await submitted(session))
        await session.download_motion(motion, str(tmp_path))
        assert emulator.books.count("file") >= 4
        assert emulator.books.tokens_to_files == 0


async def test_references_and_values_hold_no_secret() -> None:
    """T3: what is stored is safe to store."""
    async with Emulator(token=CANARY) as emulator, MotionSession(CANARY, base_url=emulator.url) as session:
        task = await submitted(session)
        assert "canary" not in str(task.ref)
        assert b"canary" not in pickle.dumps(task)


async def test_a_dead_link_is_no_reason_to_show_its_signature(tmp_path: object) -> None:
    """A signed link is a secret of a kind: errors name it without its query."""
    async with staged() as (emulator, session):
        url = emulator.url.replace("/v1/kling", "/files/none.zip?signature=canary")
        with pytest.raises(DownloadError) as caught:
            await session.download_motion(Motion(bvh_url=url), str(tmp_path))
        assert "canary" not in str(caught.value)
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "answer",
    [
        f"Authorization: Bearer {CANARY}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nX-Echo: Bearer {CANARY}\x00\r\n\r\n".encode(),
        f"HTTP/1.1 401 Oops\r\nX-Echo: Bearer {CANARY}\r\nConte".encode(),
        f"HTTP/1.1 200 {CANARY}\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 24\r\n\r\n{CANARY}".encode(),
        b"HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n" + f'{{"error": "{CANARY}"}}'.encode("utf-16"),
    ],
    ids=["status line", "header", "half a head", "half a status line", "size of a chunk", "packed", "UTF-16"],
)
async def test_an_answer_that_is_no_answer_cannot_reveal_the_token(answer: bytes) -> None:
    """T3: nor can what the HTTP library says of it."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with MotionSession(CANARY, base_url=url) as session:
            with pytest.raises(KlingMotionError) as caught:
                await session.get_task(17)
    assert "canary" not in revealed(caught.value)
