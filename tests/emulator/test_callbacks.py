"""Callbacks are really posted, and can do the emulator no harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from attrs import define, field

from klingmotion.emulator import ByTime, Emulator, Outcome

from .bench import bench


@define
class Receiver:
    """Takes callbacks, answering with `status` after `delay` seconds."""

    url: str = ""
    status: int = 200
    delay: float = 0.0
    bodies: list[Any] = field(factory=list)
    headers: list[Any] = field(factory=list)

    async def receive(self, request: web.BaseRequest) -> web.Response:
        self.bodies.append(await request.json())
        self.headers.append(request.headers)
        await asyncio.sleep(self.delay)
        return web.Response(status=self.status)

    @property
    def names(self) -> list[str]:
        return [body["status_name"] for body in self.bodies]


@asynccontextmanager
async def receiver(**options: Any) -> AsyncIterator[Receiver]:
    receiving = Receiver(**options)
    runner = web.ServerRunner(
        web.Server(receiving.receive, access_log=None, handler_cancellation=True), shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiving.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiving
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)


async def test_callbacks_report_progress_and_the_end_by_time() -> None:
    """With nobody looking, each move of the task is posted when it happens, in order."""
    async with receiver() as r, bench(Emulator(progress=ByTime(2.0, 6.0))) as b:
        task_id = await b.submitted(replyUrl=r.url, replyRef="job-7")
        await asyncio.sleep(2.1)
        assert r.names == ["processing"]
        await asyncio.sleep(6.1)
        assert r.names == ["processing", "succeed"]
        assert [body["replyRef"] for body in r.bodies] == ["job-7", "job-7"]
        assert {body["task"]["id"] for body in r.bodies} == {task_id}
        assert "Authorization" not in r.headers[0]
        looked_at = (await b.look(task_id)).body
        assert r.bodies[1].keys() - {"replyRef"} == looked_at.keys()
        sent = b.emulator.books.callbacks
        assert [(one.task_id, one.status_name, one.status) for one in sent] == [
            (task_id, "processing", 200),
            (task_id, "succeed", 200),
        ]


async def test_callbacks_follow_looks_too() -> None:
    """When looks move the task, its callbacks come right after them."""
    async with receiver() as r, bench() as b:
        b.emulator.next_tasks(Outcome(end="failed", error="No"))
        await b.finished(replyUrl=r.url)
        await asyncio.sleep(0.1)
        assert r.names == ["processing", "failed"]
        assert "replyRef" not in r.bodies[1]
        assert r.bodies[1]["error"] == "No"


async def test_callbacks_may_come_at_the_end_only() -> None:
    """As the account page has it."""
    async with receiver() as r, bench(Emulator(callbacks="final")) as b:
        await b.finished(replyUrl=r.url)
        await asyncio.sleep(0.1)
        assert r.names == ["succeed"]


async def test_an_untracked_task_calls_nobody_back() -> None:
    """DELETE /scheduler/<id> ends the callbacks."""
    async with receiver() as r, bench(Emulator(progress=ByTime(1, 1))) as b:
        task_id = await b.submitted(replyUrl=r.url)
        await b.delete(f"/scheduler/{task_id}")
        await asyncio.sleep(5)
        assert r.names == []
        assert (await b.look(task_id)).body["status_final"] is True


async def test_bad_receivers_do_no_harm() -> None:
    """No server, no URL, an error, a silent server: the task goes on, and the books say what came back."""
    async with receiver(status=500) as broken, receiver(delay=1000) as silent, bench() as b:
        for url in ("http://127.0.0.1:9/", "no URL at all", "", broken.url, silent.url):
            await b.finished(replyUrl=url)
        await asyncio.sleep(60)
        answers = [sent.status for sent in b.emulator.books.callbacks]
        assert answers == [None] * 6 + [500, 500] + [None] * 2
        assert len(silent.bodies) == 2


async def test_a_stop_does_not_wait_for_callbacks() -> None:
    """Callbacks under way are dropped with the emulator."""
    async with receiver(delay=1000) as r:
        async with bench() as b:
            await b.finished(replyUrl=r.url)
            await asyncio.sleep(0.1)
            loop = asyncio.get_running_loop()
            began = loop.time()
            await b.emulator.stop()
            assert loop.time() - began < 3
        assert r.names == ["processing"]
