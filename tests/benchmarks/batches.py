"""What a batch costs per clip, beside the plain HTTP calls that a clip needs: `python -m tests.benchmarks.batches`.

An emulator in a process of its own finishes every task at once. The batch keeps its journal on the disk and saves the
BVH of every clip; the plain loop makes the same five calls with aiohttp alone, as many at a time, and keeps nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import aiohttp

from klingmotion import MotionSession, PollPolicy
from klingmotion.emulator import Account, ByTime, Emulator, ThreadedEmulator
from tests.emulator.clips import mp4

SLOTS = 50
EMAIL = "performer@example.com"


def serve(url: Any, stop: Event) -> None:
    """The emulator's process."""
    emulator = Emulator(accounts=[Account(EMAIL, max_jobs=SLOTS)], progress=ByTime(0, 0))
    with ThreadedEmulator(emulator) as running:
        url.put(running.url)
        stop.wait()
        tasks = running.books.tasks
        url.put((len(tasks), len({task.resource_url for task in tasks}), max(running.books.open_tasks.values())))


def say(*lines: str) -> None:
    """The answer, line by line."""
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def resident() -> float:
    """MiB of memory this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


async def clips(directory: Path, count: int) -> AsyncIterator[Path]:
    """Clips, each made as it is wanted, all different."""
    for number in range(count):
        path = directory / f"{number:06}.mp4"
        path.write_bytes(mp4(5.0, padding=12)[:-4] + number.to_bytes(4, "big"))
        yield path


async def batch(url: str, count: int, directory: Path) -> Iterator[str]:
    """Run the batch; lines about memory on the way."""
    poll = PollPolicy(first=0.0, floor=0.05)
    seen, lines, began = 0, [], (time.process_time(), time.perf_counter())
    async with MotionSession("user:1-example", base_url=url, poll=poll) as session:
        outcomes = session.extract_motions(
            clips(directory, count),
            journal=directory / "run.db",
            out=directory / "out",
            parts=["bvh"],
            accounts=[EMAIL],
        )
        async for outcome in outcomes:
            assert outcome.ok, outcome
            seen += 1
            if seen % max(1, count // 10) == 0:
                lines.append(f"  after {seen:>6} clips: {resident():6.1f} MiB")
    cpu, wall = time.process_time() - began[0], time.perf_counter() - began[1]
    lines.append(f"  batch: {1000 * cpu / count:.2f} ms of CPU and {1000 * wall / count:.2f} ms per clip")
    lines.append(f"{cpu / count}")
    return iter(lines)


async def plain(url: str, count: int, directory: Path) -> float:
    """CPU seconds per clip of the calls alone."""
    headers = {"Authorization": "Bearer user:1-example"}
    began = time.process_time()
    work = aiter(clips(directory, count))
    async with aiohttp.ClientSession(headers=headers) as http:

        async def worker() -> None:
            while (path := await anext(work, None)) is not None:
                await one(http, url, path)

        await asyncio.gather(*(worker() for _ in range(SLOTS)))
    return (time.process_time() - began) / count


async def one(http: aiohttp.ClientSession, url: str, path: Path) -> None:
    """Upload, submit, look, list, fetch."""
    async with http.post(f"{url}/assets/", data=path.read_bytes(), headers={"Content-Type": "video/mp4"}) as answer:
        asset = await answer.json()
    body = {"email": EMAIL, "resourceUrl": asset["resourceUrl"], "coverUrl": asset["coverUrl"]}
    task: dict[str, Any] = {}
    while "task" not in task:
        async with http.post(f"{url}/videos/motion-upload", json=body) as answer:
            task = await answer.json()
    async with http.get(f"{url}/tasks/{task['task']['id']}") as answer:
        await answer.json()
    query = {"mine": "true", "pageNum": "1", "pageSize": "100"}
    async with http.get(f"{url}/videos/motions", params=query) as answer:
        motions = await answer.json()
    async with http.get(motions[0]["extData"]["bvh_binary"], headers={"Authorization": ""}) as answer:
        path.with_suffix(".zip").write_bytes(await answer.read())


def main() -> None:
    """Run both, each against a fresh emulator, and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10_000)
    count = parser.parse_args().clips
    context = multiprocessing.get_context("spawn")
    costs = {}
    for name in ("plain", "batch"):
        answers, stop = context.Queue(), context.Event()
        server = context.Process(target=serve, args=(answers, stop), daemon=True)
        server.start()
        url = answers.get()
        with tempfile.TemporaryDirectory() as directory:
            if name == "plain":
                costs[name] = asyncio.run(plain(url, min(count, 1000), Path(directory)))
            else:
                say(f"{count} clips, {SLOTS} slots")
                *lines, cost = asyncio.run(batch(url, count, Path(directory)))
                say(*lines)
                costs[name] = float(cost)
        stop.set()
        tasks, videos, most = answers.get()
        say(f"  {name}: {tasks} tasks of {videos} videos, at most {most} at once")
        server.join()
    ratio = costs["batch"] / costs["plain"]
    say(f"  plain calls: {1000 * costs['plain']:.2f} ms of CPU per clip; batch / plain = {ratio:.2f}")


if __name__ == "__main__":
    main()
