"""Files in and out, whole or not at all (behaviours U1, U2, U4, R3, R4)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import aiohttp
import pytest
from aiohttp import web
from attrs import define, evolve, frozen

from klingmotion import (
    AiohttpTransport,
    APIConnectionError,
    APIResponseError,
    APITimeoutError,
    DownloadError,
    DownloadProgress,
    InvalidRequestError,
    KlingMotionError,
    Motion,
    MotionSession,
    PollPolicy,
    Request,
    RetryPolicy,
    UploadProgress,
)
from klingmotion.body import PIECE, Body
from klingmotion.calls import Calls
from klingmotion.emulator import (
    Corrupt,
    CutAt,
    DropMidBody,
    Emulator,
    Fault,
    Html,
    IgnoreRange,
    Redirect,
    Replace,
    ServeBytes,
    Slow,
    StallBefore,
    Status,
    ThreadedEmulator,
)
from klingmotion.emulator.artefacts import cover_png
from klingmotion.emulator.exchange import Exchange, Reply
from klingmotion.fetching import Fetcher
from klingmotion.media import Media
from klingmotion.progress import Teller
from klingmotion.transport import BytesSource, Download, FileSource
from klingmotion.uploads import upload
from tests.emulator.clips import mp4
from tests.fake_transport import FakeTransport
from tests.stage import CLIP, TOKEN, now, staged, submitted

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

KILLS = int(os.environ.get("KLINGMOTION_KILLS", "6"))


def large_clip(path: Path, size: int) -> Path:
    """A clip of `size` bytes that takes no room on the disk."""
    head = mp4(5.0)
    head = head[:-8] + (size - len(head) + 8).to_bytes(4) + b"mdat"
    path.write_bytes(head)
    os.truncate(path, size)
    return path


async def motion_of(session: MotionSession) -> Motion:
    return await session.wait_for_motion(await submitted(session))


# --- Uploads --------------------------------------------------------------------------------------------------------


async def test_an_upload_is_the_raw_file_with_its_length_and_type() -> None:
    """U1: no form, no chunks."""
    async with staged() as (emulator, session):
        await session.upload_asset(CLIP.read_bytes())
        (seen,) = emulator.books.seen("upload_asset")
        assert seen.headers["content-length"] == str(len(CLIP.read_bytes()))
        assert seen.headers["content-type"] == "video/mp4"
        assert "transfer-encoding" not in seen.headers


@pytest.mark.parametrize("fault", [Html(503), DropMidBody(100_000), Replace([]), StallBefore(400)], ids=repr)
async def test_a_failed_upload_is_sent_again_from_its_first_byte(fault: Fault, tmp_path: Path) -> None:
    """U1, U4: and arrives whole: the emulator hosts what it was given."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(CLIP.read_bytes())
    async with staged() as (emulator, session):
        emulator.fail("upload_asset", fault)
        asset = await session.upload_asset(path)
        assert emulator.books.count("upload_asset") == 2
        assert asset.resource_url is not None
        await session.download_motion(Motion(name="back", video_url=asset.resource_url), tmp_path)
        (back,) = tmp_path.glob("back*.mp4")
        assert hashlib.sha256(back.read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest()


async def test_progress_is_in_bytes_and_starts_again_with_each_attempt(tmp_path: Path) -> None:
    """U2: monotonic within an attempt, complete in the last."""
    path = large_clip(tmp_path / "large.mp4", 3_000_000)
    seen: list[UploadProgress] = []
    async with staged() as (emulator, session):
        emulator.fail("upload_asset", DropMidBody(2_000_000))
        await session.upload_asset(path, on_progress=seen.append)
    attempts = [[step.sent for step in seen if step.attempt == attempt] for attempt in (1, 2)]
    assert all(steps == sorted(steps) and steps[0] == 0 for steps in attempts)
    assert attempts[1][-1] == 3_000_000
    assert all(step.total == 3_000_000 for step in seen)
    assert len(attempts[1]) == 1 + -(-3_000_000 // PIECE)


async def test_a_hook_that_raises_does_not_break_the_upload() -> None:
    """U2: it is not called again."""
    calls = []

    def fail(progress: UploadProgress) -> None:
        calls.append(progress)
        raise LookupError

    async with staged() as (_, session):
        assert (await session.upload_asset(CLIP.read_bytes(), on_progress=fail)).resource_url
    assert len(calls) == 1


@pytest.mark.parametrize(
    "body", [{"status": 2, "message": "file is broken"}, {"status": 0, "resourceUrl": "https://x.test/a"}]
)
async def test_a_200_that_says_no_is_an_error_with_the_servers_text(body: dict[str, object]) -> None:
    """U4: and not sent again."""
    async with staged() as (emulator, session):
        emulator.fail("upload_asset", Replace(body))
        with pytest.raises(APIResponseError, match=str(body.get("message", "not successful"))):
            await session.upload_asset(CLIP.read_bytes())
        assert emulator.books.count("upload_asset") == 1


@pytest.mark.parametrize("url", ["https://x.test/\udcff.mp4", "https://x.test/a\nb", "ftp://x.test/a"], ids=ascii)
async def test_an_upload_that_gives_no_url_to_submit_is_the_servers_fault(url: str) -> None:
    """U4: told before anything is paid for."""
    asked = []

    def answer(request: Request) -> tuple[int, object]:
        asked.append(request.path)
        return 200, {"status": 1, "resourceUrl": url, "coverUrl": "https://x.test/a.jpg"}

    with pytest.raises(APIResponseError, match="no usable resourceUrl"):
        await MotionSession(transport=FakeTransport(answer)).extract_motion(CLIP.read_bytes())
    assert asked == ["/assets/"]


async def test_motions_without_any_id_do_not_take_each_others_place(tmp_path: Path) -> None:
    """R4: their files are named by where they come from, whatever the signatures of the links."""
    async with staged() as (_, session):
        motions = [evolve(await motion_of(session), name="Walk", task_id=None, work_id=None) for _ in range(2)]
        places = [(await session.download_motion(motion, tmp_path, parts=["cover"])).cover for motion in motions]
        again = evolve(motions[0], cover_url=f"{motions[0].cover_url}?signature=2")
        assert (await session.download_motion(again, tmp_path, parts=["cover"])).cover == places[0]
        assert places[0] != places[1]


async def test_an_own_cover_image_is_uploaded_and_submitted() -> None:
    """extract_motion(cover=...)."""
    async with staged() as (emulator, session):
        await session.extract_motion(CLIP.read_bytes(), cover=cover_png(400, 400, 1))
        body = emulator.books.seen("submit_motion")[0].body
        assert body is not None
        assert str(body["coverUrl"]).endswith(".png")
        with pytest.raises(InvalidRequestError, match="image"):
            await session.extract_motion(CLIP.read_bytes(), cover=CLIP.read_bytes())


class _Watched:
    """A source that notes the threads its file is opened and read in."""

    size = 3_000_000

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self.pieces = 0

    def open(self) -> BinaryIO:
        self.threads.add(threading.get_ident())
        watched = self

        class File(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                watched.threads.add(threading.get_ident())
                return super().read(size)

            def readinto(self, room: WriteableBuffer) -> int:
                watched.threads.add(threading.get_ident())
                watched.pieces += 1
                return super().readinto(room)

        return File(bytes(self.size))


def test_the_disk_is_never_read_on_the_event_loop() -> None:
    """U1: a slow disk holds up no other coroutine."""
    source = _Watched()

    async def main(url: str) -> None:
        async with MotionSession(TOKEN, base_url=url) as session:
            media = Media(source, "audio/mpeg", "sound")  # of a type whose content is not looked into
            with contextlib.suppress(KlingMotionError):
                await upload(session._engine.calls, media, email=None, on_progress=None)

    with ThreadedEmulator(Emulator()) as emulator:
        asyncio.run(main(emulator.url))
    assert source.pieces
    assert threading.get_ident() not in source.threads


def _untold(_: int) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("kind", ["file", "bytes"])
async def test_a_piece_that_the_transport_still_holds_is_not_overwritten(kind: str, tmp_path: Path) -> None:
    """U1: event loops that do not copy send from a piece when the next one is read already."""
    data = random.Random(5).randbytes(10 * PIECE + 5)
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    body = Body(FileSource(path, len(data)) if kind == "file" else BytesSource(data), _untold)
    held = [piece[:] async for piece in body.pieces()]
    body.close()
    assert b"".join(held) == data


@pytest.mark.parametrize("kind", ["file", "bytes"])
async def test_what_a_file_grows_by_while_it_is_sent_is_left_out(kind: str, tmp_path: Path) -> None:
    """U1, U2: its length has been announced, and progress never goes beyond it."""
    data = random.Random(6).randbytes(3 * PIECE)
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    size = 2 * PIECE + 7
    told: list[int] = []
    body = Body(FileSource(path, size) if kind == "file" else _Grown(data, size), told.append)
    sent = b"".join([bytes(piece) async for piece in body.pieces()])
    body.close()
    assert sent == data[:size]
    assert told[-1] == size


@pytest.mark.parametrize("change", ["longer", "shorter", "another", "as it was"])
async def test_a_file_that_changes_between_two_attempts_is_not_sent(change: str, tmp_path: Path) -> None:
    """U1: neither a part of another file is uploaded nor one that was not examined; what is the same is sent again."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(mp4(5.0, padding=300_000))

    @frozen
    class Meanwhile:
        async def play(self, exchange: Exchange) -> web.StreamResponse:
            content = path.read_bytes()
            os.utime(path, ns=(0, path.stat().st_mtime_ns))
            if change == "longer":
                path.write_bytes(content + bytes(50_000))
            elif change == "shorter":
                path.write_bytes(content[:-50_000])
            elif change == "another":
                path.write_bytes(bytes(len(content)))
                os.utime(path, ns=(0, 7))
            return await Status(503, None).play(exchange)

    async with staged() as (emulator, session):
        emulator.fail("upload_asset", Meanwhile())
        if change == "as it was":
            await session.upload_asset(path)
            return
        with pytest.raises(InvalidRequestError, match="changed since it was examined"):
            await session.upload_asset(path)
        assert emulator.books.count("submit_motion") == 0


async def test_a_file_that_is_written_to_while_it_is_sent_is_not_sent_to_its_end(tmp_path: Path) -> None:
    """U1: the server gets no whole body, so there is no asset of two halves."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(random.Random(7).randbytes(4 * PIECE))
    body = Body(FileSource(path, 4 * PIECE), _untold)
    sent = []

    async def send() -> None:
        async for piece in body.pieces():
            sent.append(len(piece))
            os.utime(path, ns=(0, 7))

    with pytest.raises(OSError, match="changed while it was sent"):
        await send()
    body.close()
    assert sum(sent) < 4 * PIECE


class _Grown:
    """Bytes of which there are more than was said."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self.size = size

    def open(self) -> BinaryIO:
        return io.BytesIO(self._data)


def test_an_upload_that_never_waits_lets_other_coroutines_have_their_turn(tmp_path: Path) -> None:
    """U1: the line takes every piece at once, and the file is in the system's memory."""
    path = large_clip(tmp_path / "large.mp4", 60_000_000)
    whole = hashlib.sha256(path.read_bytes()).digest()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def main() -> bytes:
        digest = hashlib.sha256()
        body = Body(FileSource(path, 60_000_000), _untold)
        pieces = body.pieces()
        digest.update(await anext(pieces))
        waiting = asyncio.create_task(others())
        async for piece in pieces:
            digest.update(piece)
        waiting.cancel()
        body.close()
        return digest.digest()

    assert asyncio.run(main()) == whole
    assert turns > 2


MEMORY = """
import asyncio, resource, sys
from klingmotion import Motion, MotionSession

async def main(small, large, url, out):
    async with MotionSession("user:1-example", base_url=url) as session:
        await session.upload_asset(small)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        asset = await session.upload_asset(large)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
        await session.download_motion(Motion(name="back", video_url=asset.resource_url), out)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)

asyncio.run(main(*sys.argv[1:]))
"""


def test_memory_stays_flat_whatever_the_size_of_the_file(tmp_path: Path) -> None:
    """U1, rule 9: 90 MB up and down again with a growth of less than 16 MB, in a process of its own."""
    small, large = tmp_path / "small.mp4", large_clip(tmp_path / "large.mp4", 90_000_000)
    small.write_bytes(CLIP.read_bytes())
    with ThreadedEmulator(Emulator()) as emulator:
        paths = (str(small), str(large), emulator.url, str(tmp_path / "out"))
        ran = subprocess.run([sys.executable, "-c", MEMORY, *paths], capture_output=True, text=True, check=True)
    up, down = (float(line) for line in ran.stdout.split())
    assert up < 16
    assert down < 16
    (back,) = (tmp_path / "out").iterdir()
    with back.open("rb") as one, large.open("rb") as other:
        assert hashlib.file_digest(one, "sha256").digest() == hashlib.file_digest(other, "sha256").digest()


# --- Downloads ------------------------------------------------------------------------------------------------------


async def test_all_parts_of_a_motion_are_saved_and_checked(tmp_path: Path) -> None:
    """R4: the BVH itself, its ZIP, the binary ZIP, preview and cover."""
    async with staged() as (_, session):
        files = await session.download_motion(await motion_of(session), tmp_path / "new" / "out")
    assert files.bvh is not None
    assert files.bvh.read_text().startswith("HIERARCHY")
    assert files.bvh_archive is not None
    assert zipfile.is_zipfile(files.bvh_archive)
    assert files.binary is not None
    assert zipfile.is_zipfile(files.binary)
    assert files.video is not None
    assert files.video.read_bytes() == CLIP.read_bytes()
    assert files.cover is not None
    assert len(list((tmp_path / "new" / "out").iterdir())) == 5, "nothing temporary is left"
    assert oct(files.bvh.stat().st_mode & 0o777) == oct(0o666 & ~_umask())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


async def test_parts_can_be_chosen(tmp_path: Path) -> None:
    """Only what is wanted is fetched."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        files = await session.download_motion(motion, tmp_path, parts=["bvh"])
        assert files.bvh is not None
        assert files.video is None
        assert emulator.books.count("file") == 1


@pytest.mark.parametrize("parts", [[], ["bvh", "sound"], "bvh", ["BVH"]])
async def test_unknown_parts_are_refused(parts: list[str], tmp_path: Path) -> None:
    """Before anything is fetched."""
    async with staged() as (_, session):
        with pytest.raises(InvalidRequestError, match="bvh, binary, video, cover"):
            await session.download_motion(Motion(bvh_url="http://x.test/"), tmp_path, parts=parts)  # type: ignore[arg-type]


async def test_a_part_the_motion_does_not_have_is_named(tmp_path: Path) -> None:
    """A motion of the 2026 form has no BVH."""
    async with staged(Emulator(dialect="2026")) as (_, session):
        motion = await motion_of(session)
        with pytest.raises(DownloadError, match="no bvh"):
            await session.download_motion(motion, tmp_path, parts=["bvh"])
        assert (await session.download_motion(motion, tmp_path)).video is not None
        with pytest.raises(DownloadError, match="no file"):
            await session.download_motion(Motion(), tmp_path)


async def test_a_cut_transfer_goes_on_where_it_was(tmp_path: Path) -> None:
    """R4: with a Range request for the rest, if the file is still the same."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", CutAt(50_000), CutAt(60_000))
        files = await session.download_motion(motion, tmp_path, parts=["video"])
        assert files.video is not None
        assert files.video.read_bytes() == CLIP.read_bytes()
        asked = [seen.headers.get("range") for seen in emulator.books.seen("file")]
        assert asked == [None, "bytes=50000-", "bytes=110000-"]


async def test_a_host_without_ranges_is_asked_for_the_whole_again(tmp_path: Path) -> None:
    """R4: the answer says 200, so it is taken as the whole."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", CutAt(50_000), IgnoreRange())
        files = await session.download_motion(motion, tmp_path, parts=["video"])
        assert files.video is not None
        assert files.video.read_bytes() == CLIP.read_bytes()


@define
class LengthUnknown:
    """The file in parts, each cut, whose ranges do not say how long the whole is."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        reply = await exchange.work()
        if reply.status == 206:
            headers = {name: value.rpartition("/")[0] + "/*" if name == "Content-Range" else value
                       for name, value in reply.headers.items() if name != "ETag"}  # fmt: skip
            reply = evolve(reply, headers=headers)
        return await exchange.send(reply)


async def test_a_range_need_not_say_how_long_the_whole_is(tmp_path: Path) -> None:
    """R4: an asterisk is no other length."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", CutAt(50_000), LengthUnknown(), times=None)
        files = await session.download_motion(motion, tmp_path, parts=["video"])
        assert files.video is not None
        assert files.video.read_bytes() == CLIP.read_bytes()
        assert emulator.books.count("file") == 2


@define
class Replaced:
    """The file is another one from the second request on, and the host heeds no If-Range."""

    etag: str | None
    longer: int = 0
    asked: int = 0

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        self.asked += 1
        if self.asked == 1:
            return await CutAt(50_000).play(exchange)
        reply = await exchange.work()
        whole = bytes(len(CLIP.read_bytes()) + self.longer)
        headers = {name: value for name, value in reply.headers.items() if name not in ("ETag", "Content-Range")}
        if self.etag:
            headers["ETag"] = self.etag
        if reply.status == 206:
            headers["Content-Range"] = f"bytes 50000-{len(whole) - 1}/{len(whole)}"
        body = whole[50_000:] if reply.status == 206 else whole
        changed = Reply(status=reply.status, body=body, content_type=reply.content_type, headers=headers)
        return await exchange.send(changed)


@pytest.mark.parametrize("fault", [Replaced('"another"'), Replaced(None, longer=5)], ids=["mark", "length"])
async def test_two_versions_of_a_file_are_never_spliced(tmp_path: Path, fault: Replaced) -> None:
    """R4: the rest is of another version than what is here, so all of it is fetched anew."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", fault, times=None)
        files = await session.download_motion(motion, tmp_path, parts=["video"])
        assert files.video is not None
        assert set(files.video.read_bytes()) == {0}
        assert fault.asked == 3


@pytest.mark.parametrize("origin", ["ftp://x.test", "javascript:0", ""], ids=["ftp", "no URL", "to itself"])
async def test_a_link_that_leads_nowhere_is_a_download_error(tmp_path: Path, origin: str) -> None:
    """R4: fetching it again would not help."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", Redirect(origin), times=None)
        began = now()
        with pytest.raises(DownloadError, match="cannot be followed"):
            await session.download_motion(motion, tmp_path, parts=["video"])
        assert now() == began


async def test_progress_of_downloads_is_told_by_part(tmp_path: Path) -> None:
    """In bytes received, ending with all of them."""
    seen: list[DownloadProgress] = []
    async with staged() as (_, session):
        await session.download_motion(await motion_of(session), tmp_path, on_progress=seen.append)
    for part in ("bvh", "binary", "video", "cover"):
        steps = [step for step in seen if step.part == part]
        assert [step.received for step in steps] == sorted(step.received for step in steps)
        assert steps[-1].received == steps[-1].total


async def test_a_hook_that_raises_does_not_lose_a_file(tmp_path: Path) -> None:
    """It is not called again."""

    def fail(_: DownloadProgress) -> None:
        raise LookupError

    async with staged() as (_, session):
        assert (await session.download_motion(await motion_of(session), tmp_path, on_progress=fail)).bvh is not None


async def test_closing_ends_the_downloads_that_wait_for_their_turn_too(tmp_path: Path) -> None:
    """T2: eight are under way, the others have not begun; nothing is fetched after the session was closed."""
    async with Emulator() as emulator:
        session = MotionSession(TOKEN, base_url=emulator.url)
        motion = await motion_of(session)
        emulator.fail("file", StallBefore(600), times=None)
        saving = [
            asyncio.create_task(session.download_motion(motion, tmp_path / str(number), parts=["video"]))
            for number in range(20)
        ]
        await asyncio.sleep(5)
        before = emulator.books.count("file")
        await session.close()
        for download in saving:
            with pytest.raises(APIConnectionError, match="was cut: the session was closed"):
                await download
        assert emulator.books.count("file") == before


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_dead_link_says_how_to_list_the_motion_again(status: int, tmp_path: Path) -> None:
    """R3: at once, and nothing is left behind."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", Status(status, "<html>"), times=None)
        began = now()
        with pytest.raises(DownloadError, match="list the motion again") as caught:
            await session.download_motion(motion, tmp_path, parts=["bvh"])
        assert now() == began
        assert caught.value.status == status
        assert caught.value.ref is not None
        assert caught.value.ref.task_id == motion.task_id
        assert list(tmp_path.iterdir()) == []


PASSING = [Html(503), Status(429, None), Status(500, None), Html(200), ServeBytes(b""), CutAt(0), StallBefore(100)]


@pytest.mark.parametrize("fault", PASSING, ids=repr)
async def test_a_host_that_fails_once_is_asked_again(fault: Fault, tmp_path: Path) -> None:
    """R4: a busy host, a web page, an empty file, a cut, silence."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", fault)
        assert (await session.download_motion(motion, tmp_path, parts=["bvh"])).bvh is not None
        assert len(list(tmp_path.iterdir())) == 2


async def test_a_host_that_goes_on_failing_leaves_nothing_behind(tmp_path: Path) -> None:
    """R4: a typed error, an empty directory."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", CutAt(1000), times=None)
        with pytest.raises(KlingMotionError):
            await session.download_motion(motion, tmp_path)
        assert list(tmp_path.iterdir()) == []


async def test_a_host_that_stays_silent_is_no_full_disk(tmp_path: Path) -> None:
    """R4: a timeout is what it is called, so that whoever runs a batch knows that it passes."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", StallBefore(1000), times=None)
        with pytest.raises(APITimeoutError, match="no whole answer"):
            await session.download_motion(motion, tmp_path, parts=["bvh"])
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["bvh", "binary"])
async def test_a_corrupted_archive_is_never_given_its_name(part: str, tmp_path: Path) -> None:
    """R4: its checksums are verified first."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", Corrupt(), times=None)
        with pytest.raises(DownloadError, match="damaged"):
            await session.download_motion(motion, tmp_path, parts=[part])  # type: ignore[list-item]
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [b'{"error": "link expired"}', b"\n<!doctype html>", b'["gone"]'])
@pytest.mark.parametrize("part", ["video", "cover"])
async def test_a_text_is_neither_video_nor_cover(part: str, text: bytes, tmp_path: Path) -> None:
    """R4: a host may answer with an error and status 200."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", ServeBytes(text), times=None)
        with pytest.raises(DownloadError, match=f"gave no {part}"):
            await session.download_motion(motion, tmp_path, parts=[part])  # type: ignore[list-item]
        assert list(tmp_path.iterdir()) == []


async def test_a_hostile_archive_is_refused_over_the_wire_too(tmp_path: Path) -> None:
    """R4: the table of tricks is in test_archive; here is one of them on its way."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../escape.bvh", "HIERARCHY")
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", ServeBytes(packed.getvalue()), times=None)
        with pytest.raises(DownloadError, match="out of the directory"):
            await session.download_motion(motion, tmp_path / "out", parts=["bvh"])
        assert [path.name for path in tmp_path.rglob("*")] == ["out"]


async def test_one_failed_part_does_not_keep_the_others_from_being_saved(tmp_path: Path) -> None:
    """The first failure is raised in the end."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        broken = Motion(task_id=motion.task_id, bvh_url=emulator.url + "/nothing.zip", video_url=motion.video_url)
        with pytest.raises(DownloadError):
            await session.download_motion(broken, tmp_path)
        assert [path.suffix for path in tmp_path.iterdir()] == [".mp4"]


async def test_every_part_that_failed_is_told_of(tmp_path: Path) -> None:
    """The first failure is raised, and notes on it name the others."""
    async with staged() as (emulator, session):
        broken = Motion(task_id=17, bvh_url=emulator.url + "/one.zip", binary_url=emulator.url + "/two.zip")
        with pytest.raises(DownloadError, match=r"one\.zip") as caught:
            await session.download_motion(broken, tmp_path)
        assert "two.zip" in caught.value.__notes__[0]


@pytest.mark.parametrize("error", [OSError(28, "no room"), TimeoutError("mine"), ZeroDivisionError()])
async def test_what_a_callers_own_code_raises_in_a_download_is_left_as_it_is(error: Exception) -> None:
    """It is not the line's."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        transport = AiohttpTransport(emulator.url, TOKEN)
        assert motion.video_url is not None
        with pytest.raises(type(error)) as caught:
            async with transport.download(motion.video_url):
                raise error
        assert caught.value is error
        await transport.close()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/x", "a\x00b", "CON", "..", "\u202e", "x" * 500, "a/b\\c", ".hidden"]
)
async def test_a_name_from_the_server_cannot_leave_the_directory(name: str, tmp_path: Path) -> None:
    """R4: names are ours, made from theirs."""
    async with staged() as (_, session):
        motion = await motion_of(session)
        out = tmp_path / "deep" / "out"
        renamed = Motion(name=name, task_id=motion.task_id, cover_url=motion.cover_url)
        files = await session.download_motion(renamed, out)
        assert files.cover is not None
        assert files.cover.parent == out
        assert not files.cover.name.startswith(".")
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [files.cover]


async def test_motions_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    """R4: their ids are in the names."""
    async with staged() as (_, session):
        motions = [await motion_of(session) for _ in range(2)]
        named = [Motion(name="Walk", task_id=motion.task_id, cover_url=motion.cover_url) for motion in motions]
        first, second = [await session.download_motion(motion, tmp_path) for motion in named]
        assert first.cover != second.cover


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The disk's own words are kept."""
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    async with staged() as (_, session):
        with pytest.raises(DownloadError, match="cannot be made"):
            await session.download_motion(await motion_of(session), blocked / "out")


async def test_cancelling_a_download_leaves_nothing_behind(tmp_path: Path) -> None:
    """Rule 5: promptly, and without temporary files."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", Slow(1000), times=None)
        saving = asyncio.create_task(session.download_motion(motion, tmp_path))
        await asyncio.sleep(5)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        await asyncio.sleep(1)
        assert list(tmp_path.iterdir()) == []


KILLED = """
import asyncio, json, sys
from klingmotion import Motion, MotionSession

async def main(url, out, links):
    async with MotionSession("user:1-example", base_url=url) as session:
        print("ready", flush=True)
        for number in range(10_000):
            await session.download_motion(Motion(name=str(number), **json.loads(links)), out)

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_killed_download_never_leaves_a_part_of_a_file_at_a_final_name(tmp_path: Path) -> None:
    """R4: kill -9 at random moments (fifty with KLINGMOTION_KILLS=50)."""
    dice = random.Random(17)
    with ThreadedEmulator(Emulator()) as emulator:
        motion = asyncio.run(_made(emulator.url))
        links = json.dumps(
            {name: getattr(motion, name) for name in ("bvh_url", "binary_url", "video_url", "cover_url")}
        )
        for kill in range(KILLS):
            out = tmp_path / str(kill)
            command = [sys.executable, "-c", KILLED, emulator.url, str(out), links]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == b"ready\n"
                threading.Event().wait(dice.random() * 0.3)
                process.send_signal(signal.SIGKILL)
    whole: dict[str, set[bytes]] = {}
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            kind = path.name.partition("-")[2]
            whole.setdefault(kind, set()).add(hashlib.sha256(path.read_bytes()).digest())
    assert whole, "not one file was saved: the kills came too early to show anything"
    assert all(len(contents) == 1 for contents in whole.values()), "two files of one kind differ: one is not whole"


async def _made(url: str) -> Motion:
    async with MotionSession(TOKEN, base_url=url, poll=PollPolicy(first=0, floor=0.01)) as session:
        return await session.extract_motion(CLIP.read_bytes())


@pytest.mark.parametrize(
    "url",
    [
        "http://[bad",
        "http://h:99999999/",
        "//x/y",
        "ftp://x.test/a",
        "data:,a",
        "x",
        "http://a..b/",
        "http://127.0.0.1:9/a%20b\r\nX-More: 1\r\n\r\n",
        "http://127.0.0.1:9/%20\x00",
        "http://127.0.0.1:9/%20\ud800",
    ],
)
async def test_a_link_that_is_no_url_is_an_error_of_ours(url: str, tmp_path: Path) -> None:
    """R3, rule 8: the server named it."""
    async with staged() as (_, session):
        with pytest.raises(KlingMotionError):
            await session.download_motion(Motion(name="x", cover_url=url), tmp_path)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("redirected", [False, True], ids=["link", "redirect"])
async def test_a_link_that_names_a_user_is_an_error_of_ours_where_it_cannot_be_followed(
    redirected: bool, tmp_path: Path
) -> None:
    """R3: aiohttp takes no user's name beside an Authorization header, which a session of the caller's may have."""
    http = aiohttp.ClientSession(headers={"Authorization": "Bearer of-the-caller"})
    async with http, staged(http=http) as (emulator, session):
        files = emulator.url.replace("/v1/kling", "/files")
        named = files.replace("://", "://name:word@") + "/cover.png"
        emulator.fail("file", Status(302, None, headers={"Location": named}), times=None)
        with pytest.raises(DownloadError, match="cannot be followed"):
            await session.download_motion(Motion(cover_url=f"{files}/a.png" if redirected else named), tmp_path)
        assert list(tmp_path.iterdir()) == []


async def test_a_link_that_is_quoted_in_part_is_quoted_where_it_must_be(tmp_path: Path) -> None:
    """R3: a space or a letter of another script in it is no reason not to fetch the file, and no way to add headers."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        for query in ("%2f \u00e9", "%2f\r\nX-More: 1"):
            link = f"{motion.cover_url}?a={query}"
            assert (await session.download_motion(Motion(name="x", cover_url=link), tmp_path)).cover is not None
        asked = emulator.books.seen("file")
        assert [seen.query for seen in asked] == [{"a": "/ \u00e9"}, {"a": "/X-More: 1"}]
        assert not any("x-more" in seen.headers for seen in asked)


async def test_closing_the_session_ends_a_download(tmp_path: Path) -> None:
    """T2: at once, with an error of ours, and nothing left behind."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", Slow(1000), times=None)
        saving = asyncio.create_task(session.download_motion(motion, tmp_path))
        await asyncio.sleep(5)
        began = now()
        await session.close()
        with pytest.raises(KlingMotionError):
            await saving
        assert now() - began < 1
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", [Slow(1000), StallBefore(1000)], ids=repr)
async def test_a_download_ends_where_the_callers_own_http_session_is_closed_meanwhile(
    fault: Fault, tmp_path: Path
) -> None:
    """T2: aiohttp itself would let it wait for ever."""
    http = aiohttp.ClientSession()
    async with staged(http=http) as (emulator, session), asyncio.timeout(400):
        motion = await motion_of(session)
        emulator.fail("file", fault, times=None)
        saving = asyncio.create_task(session.download_motion(motion, tmp_path))
        await asyncio.sleep(5)
        await http.close()
        with pytest.raises(APIConnectionError, match="http= is closed"):
            await saving
        assert list(tmp_path.iterdir()) == []


class _Disk(io.BytesIO):
    """A file that notes the threads it is written in; each write takes as long as it is told."""

    name = "video.mp4.part"

    def __init__(self, *seconds: float) -> None:
        super().__init__()
        self.clock = 0.0
        self.threads: list[int] = []
        self._seconds = iter(seconds)

    def writelines(self, pieces: Iterable[WriteableBuffer]) -> None:
        self.threads.append(threading.get_ident())
        self.clock += next(self._seconds)
        super().writelines(pieces)


class _Pieces(FakeTransport):
    """A host that gives a file of six pieces; time passes only where the disk takes it."""

    def __init__(self, disk: _Disk) -> None:
        super().__init__(lambda _: (404, {}))
        self._disk = disk

    def now(self) -> float:
        return self._disk.clock

    @contextlib.asynccontextmanager
    async def download(self, url: str, *, offset: int = 0, validator: str | None = None) -> AsyncIterator[Download]:
        async def pieces() -> AsyncGenerator[bytes, None]:
            assert (url, offset, validator) == ("https://x.test/video.mp4", 0, None)
            for number in range(6):
                yield bytes([number]) * 600_000

        yield Download(status=200, headers={}, pieces=pieces())


@pytest.mark.parametrize(
    ("seconds", "on_the_loop"),
    [
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0), [False, True, True, True, True, True]),
        ((0.0, 0.0, 0.2, 0.0, 0.0, 0.0), [False, True, True, False, False, False]),
        ((0.2, 0.0, 0.0, 0.0, 0.0, 0.0), [False, False, False, False, False, False]),
    ],
    ids=["at once", "slow once", "slow at first"],
)
def test_a_slow_disk_holds_the_event_loop_up_once_at_most(seconds: tuple[float, ...], on_the_loop: list[bool]) -> None:
    """R4: what the system takes into its memory at once needs no thread; all else is written in one."""
    disk = _Disk(*seconds)
    fetcher = Fetcher(Calls(_Pieces(disk), RetryPolicy()), renewal="list again")
    asyncio.run(fetcher.transfer("video", "https://x.test/video.mp4", disk, Teller(None)))
    assert disk.getvalue() == b"".join(bytes([number]) * 600_000 for number in range(6))
    assert [thread == threading.get_ident() for thread in disk.threads] == on_the_loop


class _Held:
    """The answer stops after 50,000 bytes, and the connection stays open."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.stream(await exchange.work(), upto=50_000)
        await exchange.pause(1000)
        return exchange.drop()


async def test_what_came_before_a_silence_need_not_come_again(tmp_path: Path) -> None:
    """R4: the silence ends the piece that is waited for, not the writing of those that came."""
    async with staged() as (emulator, session):
        motion = await motion_of(session)
        emulator.fail("file", _Held())
        files = await session.download_motion(motion, tmp_path, parts=["video"])
        assert files.video is not None
        assert files.video.read_bytes() == CLIP.read_bytes()
        assert [seen.headers.get("range") for seen in emulator.books.seen("file")] == [None, "bytes=50000-"]
