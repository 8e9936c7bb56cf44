"""The emulator on a socket: listens, reads requests, keeps the clock, and stops without a trace."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Mapping

import aiohttp
from aiohttp import web

from klingmotion.emulator import refusals, replies
from klingmotion.emulator.blobs import Blob, BlobStore
from klingmotion.emulator.books import Books, CreatedTask, SeenRequest, SentCallback
from klingmotion.emulator.call import Call
from klingmotion.emulator.callbacks import Callbacks
from klingmotion.emulator.endpoints import PREFIX, Route, route_for
from klingmotion.emulator.exchange import Exchange, Reply
from klingmotion.emulator.faults import Pass
from klingmotion.emulator.files import Shelf
from klingmotion.emulator.refusals import Refused
from klingmotion.emulator.script import Script
from klingmotion.emulator.state import State
from klingmotion.emulator.tasks import Task
from klingmotion.emulator.uploads import UploadType, check_size

STOP_PATIENCE = 0.5
"""Seconds a request still being read may take when the server stops."""


class Server:
    """Serves a state over HTTP."""

    def __init__(self, state: State, script: Script, *, token: str, host: str, port: int, clock_skew: float) -> None:
        self.state = state
        self.books = Books()
        self.blobs = BlobStore()
        self.shelf = Shelf(state, self.blobs)
        self.started = 0.0
        self.port = port
        self._host = host
        self._script = script
        self._authorization = f"Bearer {token}"
        self._clock_skew = clock_skew
        self._began = 0.0
        self._closing = asyncio.Event()
        self._callbacks = Callbacks(self.spawn)
        self._running: set[asyncio.Task[object]] = set()
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None
        self._timer: asyncio.TimerHandle | None = None

    # Life

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{self._host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL of the API."""
        if self._runner is None:
            raise RuntimeError("the emulator is not running")
        return self.origin + PREFIX

    async def start(self) -> None:
        """Listen."""
        if self._runner is not None or self._closing.is_set():
            raise RuntimeError("an emulator is started once")
        self._began = asyncio.get_running_loop().time()
        self.started = time.time() + self._clock_skew
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=STOP_PATIENCE)
        await self._runner.setup()
        await self.open_port()
        self.state.serve_at(self.origin)
        self.state.on_move = self._moved

    async def stop(self) -> None:
        """Close everything; stalls and callbacks are cut short."""
        self._closing.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = self._site = None
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        await self._callbacks.close()
        self.blobs.close()
        await asyncio.sleep(0)  # transports say goodbye in the loop's next turn

    async def open_port(self) -> None:
        """Take connections, at the same port as before."""
        if self._runner is None:
            raise RuntimeError("the emulator is not running")
        if self._site is None:
            site = web.TCPSite(self._runner, self._host, self.port)
            await site.start()
            self._site = site
            self.port = self._runner.addresses[0][1]

    async def close_port(self) -> None:
        """Refuse connections, and cut those that are open."""
        if self._site is not None and self._runner is not None and self._runner.server is not None:
            await self._site.stop()
            self._site = None
            for connection in list(self._runner.server.connections):
                connection.force_close()
            await asyncio.sleep(0)

    # What exchanges and endpoints need

    def now(self) -> float:
        """The service's wall clock: it moves with the event loop's clock, so it may stand still or jump."""
        if not self.started:
            raise RuntimeError("the emulator is not running")
        return self.started + asyncio.get_running_loop().time() - self._began

    async def pause(self, seconds: float) -> bool:
        """Wait; false if the server stops meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return True
        return False

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run work until it ends or the server stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def vanish(self, task_id: int) -> None:
        """Make a task answer 404 from now on."""
        task = self.state.tasks.get(task_id)
        if task is not None:
            self.state.vanish(task, self.now())

    def task_created(self, task: Task, *, seeded: bool = False) -> None:
        """Enter a new task in the books."""
        entry = CreatedTask(
            task_id=task.id,
            account=task.account,
            type=task.submission.type,
            resource_url=task.submission.resource_url,
            image_url=task.submission.image_url,
            reply_ref=task.submission.reply_ref,
            at=asyncio.get_running_loop().time(),
            seeded=seeded,
        )
        self.books.enter_task(entry, len(self.state.ledgers[task.account].running))
        self.set_timer()

    def set_timer(self) -> None:
        """Wake up when time next moves a task, so that callbacks go out although nobody asks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.state.next_due
        if due is not None:
            delay = max(0.001, due - self.now())
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self.state.settle(self.now())
        self.set_timer()

    def _moved(self, task: Task) -> None:
        asked = task.submission
        if asked.reply_url is None:
            return
        document = replies.looked_at(task, self.state.works.get(task.work_id), self.now())
        if asked.reply_ref is not None:
            document["replyRef"] = asked.reply_ref
        sent = SentCallback(
            url=asked.reply_url,
            task_id=task.id,
            reply_ref=asked.reply_ref,
            status_name=task.status.name,
        )
        self.books.callbacks.append(sent)
        self._callbacks.post(sent, document)

    # Requests

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        try:
            return await self._answer(request)
        except aiohttp.ClientPayloadError:
            return web.Response(status=400)  # the client left amid its own body: nobody reads this

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        route, name = route_for(request.method, request.path)
        seen = self.books.enter(
            at=asyncio.get_running_loop().time(),
            endpoint=route.endpoint,
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=request.raw_headers,
        )
        body = None
        if route.reads_body:
            body = await _read_body(request)
            seen.received = int(request.content_length or 0)
            self.books.enter_body(seen, body)
        fault = self._script.take(route.endpoint)
        if fault is not None:
            seen.fault = type(fault).__name__
            self.books.faults[seen.fault] += 1
        exchange = Exchange(
            request,
            seen,
            self,
            int(name) if name.isascii() and name.isdigit() else None,
            lambda: self._work(request, route, name, seen, body),
        )
        return await (fault or Pass()).play(exchange)

    async def _work(
        self,
        request: web.BaseRequest,
        route: Route,
        name: str,
        seen: SeenRequest,
        body: Mapping[str, object] | None,
    ) -> Reply:
        async def receive(kind: UploadType) -> Blob:
            return await self._receive(request, seen, kind)

        def note_account(email: str) -> None:
            seen.account = email

        try:
            if route.needs_token and request.headers.get("Authorization") != self._authorization:
                raise Refused(refusals.unauthorized())
            return await route.answer(
                Call(
                    service=self,
                    path=request.path,
                    name=name,
                    query=seen.query,
                    headers=seen.headers,
                    body=body,
                    receive=receive,
                    note_account=note_account,
                )
            )
        except Refused as refused:
            return Reply.of(refused.refusal)

    async def _receive(self, request: web.BaseRequest, seen: SeenRequest, kind: UploadType) -> Blob:
        if request.content_length is not None:
            check_size(kind, request.content_length)
        writer = self.blobs.writer()
        try:
            async for piece in request.content.iter_any():
                writer.write(piece)
                seen.received = writer.size
                if writer.size > kind.largest:
                    check_size(kind, writer.size)
            return writer.finish()
        finally:
            writer.discard()


async def _read_body(request: web.BaseRequest) -> Mapping[str, object] | None:
    """The JSON object or the form in a request; None if it is neither."""
    if request.content_type in ("multipart/form-data", "application/x-www-form-urlencoded"):
        fields: dict[str, object] = {}
        for name, value in (await request.post()).items():
            if isinstance(value, str):
                fields[name] = value
            elif isinstance(value, web.FileField):
                value.file.close()
        return fields
    try:
        document = json.loads(await request.read())
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
