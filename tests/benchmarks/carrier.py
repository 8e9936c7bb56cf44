"""One transfer in a process of its own: `python -m tests.benchmarks.carrier WORK URL FILE SIZE`, answered in JSON."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from klingmotion import Motion, MotionSession
from tests.benchmarks.server import last_core
from tests.benchmarks.sink import PIECE

Work = Callable[[str, Path, int], Coroutine[None, None, None]]


# --- Blocking sockets -----------------------------------------------------------------------------------------------


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    plain = socket.create_connection((parts.hostname or "", parts.port or 0))
    if parts.scheme == "http":
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)


async def socket_upload(url: str, clip: Path, size: int) -> None:
    with _connect(url) as line, clip.open("rb") as file:
        line.sendall(b"POST /assets/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        while piece := file.read(PIECE):
            line.sendall(piece)
        assert line.recv(65536).startswith(b"HTTP/1.1 200")


async def socket_download(url: str, clip: Path, size: int) -> None:
    with _connect(url) as line, clip.with_suffix(".socket").open("wb") as file:
        line.sendall(b"GET /file/%d HTTP/1.1\r\nHost: x\r\n\r\n" % size)
        read = line.recv(PIECE)
        while b"\r\n\r\n" not in read:
            read += line.recv(PIECE)
        piece = read.partition(b"\r\n\r\n")[2]
        left = size
        while True:
            file.write(piece)
            left -= len(piece)
            if left <= 0:
                return
            piece = line.recv(PIECE)


# --- aiohttp --------------------------------------------------------------------------------------------------------


async def plain_upload(url: str, clip: Path, size: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        with clip.open("rb") as file:  # the plain way reads in the loop
            while piece := file.read(PIECE):
                yield piece

    headers = {"Content-Length": str(size), "Content-Type": "video/mp4"}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/assets/", data=pieces(), headers=headers) as answer:
        await answer.json()


async def plain_download(url: str, clip: Path, size: int) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/file/{size}") as answer:
        with clip.with_suffix(".plain").open("wb") as file:  # the plain way writes in the loop
            async for piece in answer.content.iter_chunked(PIECE):
                file.write(piece)


# --- klingmotion ----------------------------------------------------------------------------------------------------


async def our_upload(url: str, clip: Path, size: int) -> None:
    del size  # it finds out
    async with MotionSession("user:1-example", base_url=url) as session:
        await session.upload_asset(clip)


async def our_download(url: str, clip: Path, size: int) -> None:
    async with MotionSession("user:1-example", base_url=url) as session:
        await session.download_motion(Motion(video_url=f"{url}/file/{size}"), clip.parent / "ours")


WORKS: dict[str, Work] = {
    "upload, blocking socket": socket_upload,
    "upload, klingmotion": our_upload,
    "upload, plain aiohttp": plain_upload,
    "download, blocking socket": socket_download,
    "download, klingmotion": our_download,
    "download, plain aiohttp": plain_download,
}


async def _beaten(work: Coroutine[None, None, None]) -> float:
    """Await `work` beside a heartbeat of 10 ms; the longest gap between two beats, in milliseconds."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.01)
            now = time.perf_counter()
            longest, before = max(longest, now - before - 0.01), now

    heart = asyncio.create_task(beat())
    await work
    heart.cancel()
    return longest * 1000


def _kib(name: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition(f"{name}:")[2].split()[0])


def main() -> None:
    """Warm up with a megabyte: what is paid once in a process is not what a transfer costs."""
    os.sched_setaffinity(0, last_core())
    name, url, clip, size = sys.argv[1:]
    path = Path(clip)
    asyncio.run(WORKS[name](url, path.with_name("warm.mp4"), 1_000_000))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak of memory starts anew
    resident = _kib("VmRSS")
    before = time.process_time()
    gap = asyncio.run(_beaten(WORKS[name](url, path, int(size))))
    spent = time.process_time() - before
    row = {"ms": spent * 1000, "growth": (_kib("VmHWM") - resident) / 1024, "gap": gap}
    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
