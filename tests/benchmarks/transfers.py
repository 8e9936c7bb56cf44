"""What an upload and a download cost beside plain aiohttp: `python -m tests.benchmarks.transfers`.

Every measurement is a process of its own; the server is another one. Rounds are interleaved, so that the ratio of two
medians holds on a machine whose speed drifts.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
from aiohttp import web

from klingmotion import Motion, MotionSession
from tests.test_transfers import large_clip

ROUNDS = int(os.environ.get("KLINGMOTION_ROUNDS", "5"))
UPLOAD = 100_000_000
DOWNLOAD = 1_000_000_000
PIECE = 256 * 1024

Work = Callable[[str, Path], Coroutine[None, None, None]]


# --- The server -----------------------------------------------------------------------------------------------------


async def take(request: web.Request) -> web.Response:
    async for _ in request.content.iter_any():
        pass
    return web.json_response({"status": 1, "resourceUrl": "http://x.test/a.mp4", "coverUrl": "http://x.test/a.jpg"})


async def give(request: web.Request) -> web.StreamResponse:
    size = int(request.match_info["size"])
    response = web.StreamResponse(headers={"Content-Length": str(size)})
    await response.prepare(request)
    piece = bytes(PIECE)
    for start in range(0, size, PIECE):
        await response.write(piece[: size - start])
    return response


def serve(pipe: Connection) -> None:
    async def main() -> None:
        app = web.Application(client_max_size=2 * UPLOAD)
        app.router.add_post("/assets/", take)
        app.router.add_get("/file/{size}", give)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        pipe.send(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)

    asyncio.run(main())


# --- What is measured -----------------------------------------------------------------------------------------------


async def plain_upload(url: str, clip: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        with clip.open("rb") as file:  # the plain way reads in the loop
            while piece := file.read(PIECE):
                yield piece

    headers = {"Content-Length": str(clip.stat().st_size), "Content-Type": "video/mp4"}  # as above
    async with aiohttp.ClientSession() as http, http.post(f"{url}/assets/", data=pieces(), headers=headers) as answer:
        await answer.json()


async def our_upload(url: str, clip: Path) -> None:
    async with MotionSession("user:1-example", base_url=url) as session:
        await session.upload_asset(clip)


async def plain_download(url: str, clip: Path) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/file/{size_for(clip)}") as answer:
        with clip.with_suffix(".plain").open("wb") as file:  # the plain way writes in the loop
            async for piece in answer.content.iter_chunked(PIECE):
                file.write(piece)


async def our_download(url: str, clip: Path) -> None:
    async with MotionSession("user:1-example", base_url=url) as session:
        await session.download_motion(Motion(video_url=f"{url}/file/{size_for(clip)}"), clip.parent / "ours")


def size_for(clip: Path) -> int:
    """Bytes to download: as small as the clip that is for warming up, or all of it."""
    return DOWNLOAD if clip.stat().st_size == UPLOAD else clip.stat().st_size


WORKS: dict[str, Work] = {
    "plain upload": plain_upload,
    "our upload": our_upload,
    "plain download": plain_download,
    "our download": our_download,
}


async def beaten(work: Awaitable[None]) -> float:
    """Await `work` beside a heartbeat; the longest gap between two beats, in milliseconds."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, before = max(longest, now - before), now

    heart = asyncio.create_task(beat())
    await work
    heart.cancel()
    return longest * 1000


def measure(name: str, url: str, clip: str, pipe: Connection) -> None:
    """One run in this process: CPU seconds, growth of memory in MiB, longest gap in milliseconds."""
    warm = large_clip(Path(clip).with_name(f"warm-{name.replace(' ', '-')}.mp4"), 1_000_000)
    asyncio.run(WORKS[name](url, warm))  # what is paid once in a process is not what a transfer costs
    before = resource.getrusage(resource.RUSAGE_SELF)
    gap = asyncio.run(beaten(WORKS[name](url, Path(clip))))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    pipe.send((cpu, (after.ru_maxrss - before.ru_maxrss) / 1024, gap))


def main() -> None:
    """Print the table as JSON lines."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs,))
    server.start()
    url = ours.recv()
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in WORKS}
    with tempfile.TemporaryDirectory() as place:
        clip = large_clip(Path(place) / "clip.mp4", UPLOAD)
        for _ in range(ROUNDS):
            for name in WORKS:
                near, far = context.Pipe()
                worker = context.Process(target=measure, args=(name, url, str(clip), far))
                worker.start()
                figures[name].append(near.recv())
                worker.join()
    ours.send(None)
    server.join()
    for name, rows in figures.items():
        cpu, growth, gap = (statistics.median(column) for column in zip(*rows, strict=True))
        reference = statistics.median(row[0] for row in figures[f"plain {name.split()[1]}"])
        row = {"work": name, "cpu_s": round(cpu, 3), "cpu_ratio": round(cpu / reference, 2)}
        sys.stdout.write(json.dumps(row | {"rss_growth_mib": round(growth, 1), "longest_gap_ms": round(gap, 1)}) + "\n")


if __name__ == "__main__":
    main()
