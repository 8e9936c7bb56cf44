"""The fake server: a process of its own, an asyncio protocol by hand, as cheap as that gets.

It knows when each job became final, counts looks (GETs of one job), listings and the connections that carried a look,
and is steered and read under `/control`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

from tests.benchmarks import bodies

_JOB = re.compile(rb"/(\d{15})(?=[/?]|$)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

ROOT = Path(__file__).parent.parent.parent


@define
class Job:
    """One job: final after a number of looks or at an instant of the monotonic clock, which all processes share."""

    born: float
    final_at: float | None
    looks: int = 0


@define
class Books:
    """What was planned for the jobs to come, and what has been seen since."""

    #: Looks after which a job is final; 0 for never.
    looks_each: int = 0
    #: Seconds after which the jobs become final, one after another; empty if looks decide.
    durations: list[float] = field(factory=list)
    jobs: dict[bytes, Job] = field(factory=dict)
    looks: int = 0
    #: GETs of a result, after the last look.
    results: int = 0
    listings: int = 0
    connections: int = 0

    def submit(self) -> bytes:
        """A new job's id."""
        job = b"%d" % (int(bodies.ID) + 1 + len(self.jobs))
        now = time.monotonic()
        seconds = self.durations[len(self.jobs) % len(self.durations)] if self.durations else None
        self.jobs[job] = Job(now, None if seconds is None else now + seconds)
        return job

    def look(self, job: Job) -> bool:
        """Whether the job is final for this look."""
        self.looks += 1
        job.looks += 1
        if self.durations:
            return job.final_at is not None and time.monotonic() >= job.final_at
        if 0 < self.looks_each <= job.looks:
            job.final_at = job.final_at or time.monotonic()
            return True
        return False

    def running(self) -> list[dict[str, object]]:
        """The jobs that are not final, as GET /scheduler lists them."""
        now = time.monotonic()
        return [
            {
                "id": int(name),
                "email": "performer@example.com",
                "started": "2026-11-22T12:00:00.000Z",
                "elapsed": "00:42",
                "replyRef": f"job-{int(name)}",
            }
            for name, job in self.jobs.items()
            if job.final_at is None or now < job.final_at
        ]


class Server:
    """All connections' books and answers."""

    def __init__(self) -> None:
        self.books = Books()
        self.dialects: dict[bytes, bodies.Dialect] = {}

    def open(self, port: int) -> None:
        """Know where it listens: some answers name it."""
        self.dialects = bodies.dialects(b"http://127.0.0.1:%d" % port)

    def answer(self, connection: Connection, method: bytes, path: bytes, body: bytes) -> bytes:
        """The answer to one request."""
        dialect = path.split(b"/", 2)[1].split(b"?", 1)[0]
        if dialect == b"control":
            return self._control(method, body)
        kinds = self.dialects[dialect]
        if method == b"POST":
            return kinds.submitted.replace(bodies.ID, self.books.submit())
        found = _JOB.search(path)
        if found is None:
            self.books.listings += 1
            return bodies.answer(self.books.running() if dialect == b"shared" else [])
        if not connection.carried_look:
            connection.carried_look = True
            self.books.connections += 1
        if (dialect == b"fal" and not path.split(b"?")[0].endswith(b"/status")) or b"/transcript" in path:
            self.books.results += 1
            return kinds.result
        name = found[1]
        job = self.books.jobs[name]
        return (kinds.final if self.books.look(job) else kinds.pending).replace(bodies.ID, name)

    def _control(self, method: bytes, body: bytes) -> bytes:
        if method == b"POST":
            self.books = Books(**json.loads(body))
            return bodies.answer({})
        books = self.books
        return bodies.answer(
            {
                "looks": books.looks,
                "results": books.results,
                "listings": books.listings,
                "connections": books.connections,
                "final_at": [job.final_at for job in books.jobs.values()],
                "looks_each": [job.looks for job in books.jobs.values()],
            }
        )


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._unread = b""
        self._transport: asyncio.Transport | None = None
        self.carried_look = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            head, rest = self._unread[:end], self._unread[end + 4 :]
            method, path, _ = head.split(b"\r\n", 1)[0].split(b" ")
            length = 0
            if method != b"GET" and (found := _LENGTH.search(head)):
                length = int(found[1])
            if len(rest) < length:
                return
            self._unread = rest[length:]
            self._transport.write(self._server.answer(self, method, path, rest[:length]))


async def serve() -> None:
    """Serve until stdin ends; the first line on stdout is the port."""
    server = Server()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0, backlog=4096)
    port = listening.sockets[0].getsockname()[1]
    server.open(port)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    listening.close()


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[str]:
    """A server in a process of its own, on the first core; gives its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()


def first_core() -> set[int]:
    """The server's core."""
    return {min(os.sched_getaffinity(0))}


def last_core() -> set[int]:
    """The client's core."""
    return {max(os.sched_getaffinity(0))}


if __name__ == "__main__":
    os.sched_setaffinity(0, first_core())
    asyncio.run(serve())
