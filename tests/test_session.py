"""A session in all walks of life (behaviours T1 and T2)."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from klingmotion import (
    APIConnectionError,
    APIResponseError,
    AuthenticationError,
    ConfigurationError,
    DownloadError,
    InvalidRequestError,
    KlingMotionError,
    Motion,
    MotionSession,
    PollPolicy,
    RetryPolicy,
    Task,
    TaskError,
    TaskRef,
    Video,
)
from klingmotion.emulator import ByTime, Emulator, StallAfter, ThreadedEmulator
from tests.stage import CLIP, TOKEN, now, staged, submitted

# --- T1: loops ------------------------------------------------------------------------------------------------------


def test_a_session_made_outside_a_loop_works_in_one_and_in_a_second_after_re_entering() -> None:
    """T1: module level, two runs."""
    with ThreadedEmulator(Emulator()) as emulator:
        session = MotionSession(TOKEN, base_url=emulator.url)

        async def use() -> int:
            async with session:
                return len([motion async for motion in session.motions(mine=False)])

        assert asyncio.run(use()) == asyncio.run(use()) > 0


def test_a_session_that_is_never_entered_or_closed_leaves_nothing_behind() -> None:
    """T1, T2: two runs, forgotten twice; neither socket nor warning remains."""
    with ThreadedEmulator(Emulator()) as emulator, warnings.catch_warnings():
        warnings.simplefilter("error")
        sessions = [MotionSession(TOKEN, base_url=emulator.url)]

        async def use() -> int:
            return len([motion async for motion in sessions[0].motions(mine=False)])

        assert asyncio.run(use()) == asyncio.run(use()) > 0
        sessions.clear()
        gc.collect()


def test_a_session_forgotten_while_its_loop_runs_closes_its_sockets() -> None:
    """T2: when it is collected."""
    with ThreadedEmulator(Emulator()) as emulator, warnings.catch_warnings():
        warnings.simplefilter("error")

        task_id = emulator.run(lambda inner: inner.add_task().id)

        async def use() -> None:
            session = MotionSession(TOKEN, base_url=emulator.url)
            await session.get_task(task_id)
            del session
            gc.collect()
            await asyncio.sleep(0.05)
            gc.collect()

        asyncio.run(use(), debug=True)


def test_threads_may_take_turns_but_not_share_a_session_at_one_time() -> None:
    """T1: one after the other works; at one time it is a typed error, not a hang."""
    with ThreadedEmulator(Emulator(progress=ByTime(600, 600))) as emulator:
        session = MotionSession(TOKEN, base_url=emulator.url)
        task = emulator.run(lambda inner: inner.add_task())
        entered, leave = threading.Event(), threading.Event()

        async def hold() -> None:
            async with session:
                await session.get_task(task.id)
                entered.set()
                await asyncio.to_thread(leave.wait)

        async def use() -> None:
            await session.get_task(task.id)

        thread = threading.Thread(target=lambda: asyncio.run(hold()))
        thread.start()
        entered.wait(10)
        with pytest.raises(ConfigurationError, match="another event loop"):
            asyncio.run(use())
        leave.set()
        thread.join()

        async def enter_and_use() -> None:
            async with session:
                await use()

        asyncio.run(enter_and_use())


def test_a_batch_and_what_is_iterated_over_may_be_made_outside_a_loop(tmp_path: Path) -> None:
    """T1: arguments are checked at once, and the work begins with the first step, in whatever loop that is."""
    clip = tmp_path / "walk.mp4"
    clip.write_bytes(CLIP.read_bytes())
    with ThreadedEmulator(Emulator()) as emulator:
        session = MotionSession(TOKEN, base_url=emulator.url)
        batch, states = session.extract_motions([clip]), session.watch_task(emulator.run(lambda at: at.add_task().id))
        for wrong in (0, -1, "5", True, float("nan")):
            with pytest.raises(InvalidRequestError, match="timeout must be a number of seconds"):
                session.extract_motions([clip], timeout=wrong)  # type: ignore[arg-type]  # wrong types are tested too
            with pytest.raises(InvalidRequestError, match="timeout must be a number of seconds"):
                session.watch_task(17, timeout=wrong)  # type: ignore[arg-type]  # as above

        async def use() -> tuple[list[str], bool]:
            async with session:
                return [outcome.status async for outcome in batch], [state async for state in states][-1].succeeded

        assert asyncio.run(use()) == (["done"], True)


async def test_a_session_works_before_it_is_entered() -> None:
    """T1: entering is for closing in time."""
    async with Emulator() as emulator:
        session = MotionSession(TOKEN, base_url=emulator.url)
        assert [motion async for motion in session.motions(mine=False)]
        await session.close()


async def test_a_closed_session_says_so_until_it_is_entered_again() -> None:
    """T1: a typed error, then life as before."""
    async with staged() as (_, session):
        await session.close()
        with pytest.raises(ConfigurationError, match="closed"):
            await session.get_task(17)
        async with session:
            assert [motion async for motion in session.motions(mine=False)]
        await session.close()
        await session.close()


def test_a_session_closed_on_one_loop_may_be_entered_on_another_while_the_first_runs() -> None:
    """T1: its use there is over; and one that is in use there is not opened by the attempt."""
    with ThreadedEmulator(Emulator()) as emulator, ThreadPoolExecutor(1) as threads:
        session = MotionSession(TOKEN, base_url=emulator.url)

        async def use() -> int:
            async with session:
                return len([motion async for motion in session.motions(mine=False)])

        async def first() -> None:
            async with session:
                with pytest.raises(ConfigurationError, match="another event loop"):
                    await asyncio.get_running_loop().run_in_executor(threads, lambda: asyncio.run(use()))
                assert [motion async for motion in session.motions(mine=False)]
            assert await asyncio.get_running_loop().run_in_executor(threads, lambda: asyncio.run(use())) > 0
            with pytest.raises(ConfigurationError, match="closed"):
                await session.get_task(17)

        asyncio.run(first())


# --- T2: closing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stalled", [False, True], ids=["asleep", "in a look"])
async def test_closing_wakes_pending_waits_with_a_typed_error(stalled: bool) -> None:
    """T2: at once, with the reference to go on with."""
    async with staged(Emulator(progress=ByTime(500, 500))) as (emulator, session):
        if stalled:
            emulator.fail("get_task", StallAfter(600), times=None)
        task = await submitted(session)
        waits = [asyncio.create_task(session.wait_for_motion(task.ref)) for _ in range(3)]
        await asyncio.sleep(10)
        began = now()
        await session.close()
        for wait in waits:
            with pytest.raises(TaskError, match="closed") as caught:
                await wait
            assert caught.value.ref.task_id == task.id
        assert now() - began < 0.1


@pytest.mark.parametrize("given", [False, True], ids=["own", "given"])
async def test_closing_ends_a_retried_call_too(given: bool) -> None:
    """T2: nothing goes on behind the back of whoever closed, and what was cut does not call it a timeout."""
    async with staged() as (emulator, _), aiohttp.ClientSession() as http:
        session = MotionSession(TOKEN, base_url=emulator.url, http=http if given else None)
        emulator.fail("get_task", StallAfter(600), times=None)
        call = asyncio.create_task(session.get_task(emulator.add_task().id))
        await asyncio.sleep(5)
        began = now()
        await session.close()
        with pytest.raises(APIConnectionError, match="was cut: the session was closed"):
            await call
        assert now() - began < 0.1
        assert emulator.books.count("get_task") == 1


async def test_after_closing_no_task_is_left() -> None:
    """T2: shared looks and farewells end with the session."""
    async with Emulator(progress=ByTime(500, 500)) as emulator:
        before = {task for task in asyncio.all_tasks() if "klingmotion/emulator" not in repr(task)}
        async with MotionSession(TOKEN, base_url=emulator.url) as session:
            waits = [asyncio.create_task(session.wait_for_task(emulator.add_task().id)) for _ in range(20)]
            await asyncio.sleep(30)
        await asyncio.gather(*waits, return_exceptions=True)
        left = {task for task in asyncio.all_tasks() - before if "RequestHandler" not in repr(task)}
        assert not left


async def test_the_callers_own_http_session_stays_open() -> None:
    """Rule 10: close only what you opened."""
    async with Emulator() as emulator, aiohttp.ClientSession() as http:
        async with MotionSession(TOKEN, base_url=emulator.url, http=http) as session:
            await session.wait_for_motion(await submitted(session))
        assert not http.closed


async def test_an_answer_in_another_protocol_leaves_nothing_open() -> None:
    """T2: nobody asked for it, so the connection is of no use. In debug mode aiohttp warns of what is left open."""
    asyncio.get_running_loop().set_debug(True)

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with MotionSession(TOKEN, base_url=url, retry=RetryPolicy(attempts=1)) as session:
            with pytest.raises(APIResponseError, match="101"):
                await session.get_task(17)
            gc.collect()


async def test_a_closed_http_session_of_the_caller_is_named() -> None:
    """T1: the error says what to look at."""
    http = aiohttp.ClientSession()
    await http.close()
    async with MotionSession(TOKEN, base_url="http://127.0.0.1:9/v1", http=http) as session:
        with pytest.raises(KlingMotionError, match="http="):
            await session.get_task(17)


async def test_what_the_callers_http_session_does_by_default_changes_no_request() -> None:
    """Its headers are overruled, and what it would not unpack is not asked for packed."""
    http = aiohttp.ClientSession(
        headers={"Content-Type": "text/plain", "Accept": "text/html", "Authorization": "Basic of-the-caller"},
        auto_decompress=False,
    )
    async with http, staged(http=http) as (emulator, session):
        await session.wait_for_task(await submitted(session))
        for name in ("submit_motion", "get_task"):
            sent = emulator.books.seen(name)[0].headers
            assert (sent["accept"], sent["accept-encoding"]) == ("application/json", "identity")
            assert sent["authorization"] == f"Bearer {TOKEN}"
        assert emulator.books.seen("submit_motion")[0].headers["content-type"] == "application/json"


@pytest.mark.filterwarnings("ignore:.*BasicAuth:DeprecationWarning", "ignore:.*'auth' parameter:DeprecationWarning")
async def test_an_http_session_of_the_caller_with_a_login_of_its_own_is_refused() -> None:
    """T1: the login would go where the token goes, so the error says what to look at."""
    async with aiohttp.ClientSession(auth=aiohttp.BasicAuth("name", "word")) as http, staged(http=http) as stage:
        emulator, session = stage
        with pytest.raises(ConfigurationError, match=r"http= .* auth= or a \.netrc file"):
            await session.get_task(emulator.add_task().id)
        assert emulator.books.count("get_task") == 0


async def test_a_login_from_a_netrc_file_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T1: an old aiohttp sends it in place of the token, and the API refuses it; a new one sends nothing."""
    path = tmp_path / "netrc"
    path.write_text("default login name password word")
    monkeypatch.setenv("NETRC", str(path))
    async with aiohttp.ClientSession(trust_env=True) as http, staged(http=http) as (emulator, session):
        with pytest.raises((ConfigurationError, AuthenticationError)):
            await session.get_task(emulator.add_task().id)


async def test_a_proxy_that_refuses_is_named_and_a_submit_is_sent_again() -> None:
    """S1: the connection to the API never opened, so nothing can have been accepted."""
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        http = aiohttp.ClientSession(proxy=f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        url = "https://api.example.test/v1/kling"
        async with http, MotionSession(TOKEN, base_url=url, http=http, retry=RetryPolicy(attempts=2)) as session:
            with pytest.raises(APIConnectionError, match="the proxy on the way answered with 407") as caught:
                await session.submit_motion("https://cdn.example.test/a.mp4", "https://cdn.example.test/a.jpg")
    assert not caught.value.sent
    assert caught.value.__cause__ is None
    assert [request.split()[0] for request in asked] == [b"CONNECT", b"CONNECT"]
    assert not any(TOKEN.encode() in request for request in asked)


async def test_a_lonely_wait_needs_one_connection_whatever_the_interval() -> None:
    """Performance goal 7: kept longer than the longest sleep between looks."""
    emulator = Emulator(progress=ByTime(200, 200))
    async with staged(emulator, poll=PollPolicy(jitter=0)) as (emulator, session):
        opened = []
        transport = session._engine.calls.transport
        task = await submitted(session)
        http = transport._sessions().kept  # type: ignore[attr-defined]  # to count what its connector opens
        original = http.connector._create_connection

        async def counted(*given: object, **named: object) -> object:
            opened.append(now())
            return await original(*given, **named)

        http.connector._create_connection = counted
        await session.wait_for_task(task)
        assert len(opened) <= 1


def test_the_example_shows_no_warning_in_development_mode() -> None:
    """Rule 10: `python -X dev -W error` is silent, with and without entering."""
    code = """
import asyncio, gc, sys
from klingmotion import MotionSession, PollPolicy
from klingmotion.emulator import Emulator
from tests.stage import CLIP

async def main(enter):
    async with Emulator() as emulator:
        session = MotionSession(emulator.token, base_url=emulator.url, poll=PollPolicy(first=0.01, floor=0.01))
        if enter:
            async with session:
                await session.extract_motion(CLIP.read_bytes())
        else:
            await session.extract_motion(CLIP.read_bytes())

for enter in (True, False):
    asyncio.run(main(enter))
    gc.collect()
"""
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_downloads_of_two_runs_share_no_loop(tmp_path: Path) -> None:
    """T1: also when more files are fetched at once than there is room for."""
    with ThreadedEmulator(Emulator()) as emulator:
        session = MotionSession(TOKEN, base_url=emulator.url, poll=PollPolicy(first=0, floor=0.01))

        async def use() -> None:
            async with session:
                motion = await session.extract_motion(CLIP.read_bytes())
                saves = (session.download_motion(motion, tmp_path / str(number)) for number in range(5))
                assert all(files.bvh for files in await asyncio.gather(*saves))

        asyncio.run(use())
        asyncio.run(use())


def test_only_its_own_loop_closes_a_session_in_use() -> None:
    """T1: another thread is told so, and what is under way there goes on."""
    with ThreadedEmulator(Emulator()) as emulator:
        session = MotionSession(TOKEN, base_url=emulator.url)
        begun, go_on = threading.Event(), threading.Event()

        async def use() -> int:
            async with session:
                begun.set()
                await asyncio.to_thread(go_on.wait, 10)
                return len([motion async for motion in session.motions(mine=False)])

        with ThreadPoolExecutor() as threads:
            using = threads.submit(asyncio.run, use())
            begun.wait(10)
            with pytest.raises(ConfigurationError, match="another event loop"):
                asyncio.run(session.close())
            go_on.set()
            assert using.result() > 0


async def test_closing_twice_at_once_while_requests_time_out_is_harmless() -> None:
    """T2: whoever comes first closes."""
    async with staged() as (emulator, session):
        emulator.fail("get_task", StallAfter(600), times=None)
        waits = [asyncio.create_task(session.wait_for_task(5, timeout=10)) for _ in range(20)]
        await asyncio.sleep(10)
        await asyncio.gather(*(session.close() for _ in range(3)))
        ended = await asyncio.gather(*waits, return_exceptions=True)
        assert all(isinstance(error, TaskError) for error in ended)


@pytest.mark.parametrize(
    "wrong",
    [{"poll": 5}, {"timeout": "5"}, {"on_cancel": "stop"}, {"max_jobs": 51}, {"reply_url": "x"}, {"reply_ref": ""}],
    ids=repr,
)
async def test_a_wrong_option_is_refused_before_anything_is_uploaded(wrong: dict[str, Any]) -> None:
    """Bad input gets a clear error before anything is sent."""
    async with staged() as (emulator, session):
        with pytest.raises(InvalidRequestError):
            await session.extract_motion(CLIP.read_bytes(), **wrong)
        assert emulator.books.count() == 0


async def test_what_is_no_motion_is_not_downloaded(tmp_path: Path) -> None:
    """A task, as `wait_for_task` gives it, is an easy slip."""
    async with staged() as (emulator, session):
        wrongs: list[Any] = [await submitted(session), 17, None]
        before = emulator.books.count()
        for wrong in wrongs:
            with pytest.raises(InvalidRequestError, match="must be a Motion"):
                await session.download_motion(wrong, tmp_path)
            with pytest.raises(InvalidRequestError, match="must be a Video"):
                await session.download_video(wrong, tmp_path)
        assert emulator.books.count() == before


#: A name that no file can have: a NUL, or half a character.
NO_NAMES = ["out\0", "\ud800"]


@pytest.mark.parametrize("name", [*NO_NAMES, 17, b"out", None], ids=repr)
async def test_a_place_where_nothing_can_be_saved_is_refused_before_anything_is_sent(name: Any) -> None:
    """Not after a batch has paid, and not as an error of the system's."""
    async with staged() as (emulator, session):
        motion, video = Motion(bvh_url=f"{emulator.url}/a.zip"), Video(task=Task(id=17))
        with pytest.raises(InvalidRequestError, match="directory must be a path"):
            await session.download_motion(motion, name)
        with pytest.raises(InvalidRequestError, match="directory must be a path"):
            await session.download_video(video, name)
        if name is not None:
            with pytest.raises(InvalidRequestError, match="out must be a path"):
                session.extract_motions([], out=name)
        if isinstance(name, str):
            with pytest.raises(InvalidRequestError, match="journal must be a path"):
                session.extract_motions([], journal=name)
        assert emulator.books.count() == 0


@pytest.mark.parametrize("email", [None, "performer@example.com"])
async def test_a_failed_download_leads_back_to_the_motion(email: str | None, tmp_path: Path) -> None:
    """By its task and its account: the session's, unless the call names another."""
    async with staged(email="dancer@example.com") as (emulator, session):
        motion = Motion(task_id=17, video_url=f"{emulator.url}/none.mp4")
        with pytest.raises(DownloadError) as caught:
            await session.download_motion(motion, tmp_path, email=email)
        assert caught.value.ref == TaskRef(task_id=17, email=email or "dancer@example.com")
        with pytest.raises(InvalidRequestError, match="email must be"):
            await session.download_motion(motion, tmp_path, email="nobody")


async def test_a_host_that_cannot_be_reached_is_no_failure_of_the_download(tmp_path: Path) -> None:
    """It has an error of its own, which leads back too."""
    async with staged() as (_, session):
        with pytest.raises(APIConnectionError) as caught:
            await session.download_motion(Motion(task_id=17, video_url="http://127.0.0.1:9/a.mp4"), tmp_path)
        assert caught.value.ref == TaskRef(task_id=17)
