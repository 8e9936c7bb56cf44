"""What a look and a sleeping wait cost, counted: calls and bytes are the same on every machine, seconds are not.

The limits are a little above what is needed now. Whoever adds to the way of a look sees it here, and decides.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import tracemalloc
from types import FrameType

from klingmotion import AiohttpTransport, MotionSession, PollPolicy, Request, Response, TaskRef, replies
from klingmotion.glance import glance

EVERY_MINUTE = PollPolicy(first=0, floor=60, ceiling=60, ratio=0, jitter=0)

_INPUT = {"name": "input", "inputType": "URL", "url": "https://cdn.example.test/in/walk.mp4", "fromWorkId": 0}


def reply(*, final: bool) -> dict[str, object]:
    """A look's answer, of the size they have."""
    status = {"status": 99 if final else 10, "status_name": "succeed" if final else "processing", "status_final": final}
    info = {"type": "motion_control_motion_process", "inputs": [_INPUT], "arguments": [], "extraArgs": {}}
    return {
        **status,
        "message": "",
        "etaTime": 0,
        "task": {"id": 17, "userId": 40001, **status, "taskInfo": info, "createTime": 1760000000000},
        "works": [],
        "limitation": {"type": "motion_control_motion_process", "remaining": 9, "limit": 10},
    }


UNFINISHED, FINISHED = (json.dumps(reply(final=final)).encode() for final in (False, True))


class Instant(AiohttpTransport):
    """Sleeps as the real transport does, and answers at once: the task is final after so many looks."""

    def __init__(self, *, looks: int) -> None:
        super().__init__("http://127.0.0.1", "user:1-example")
        self.left = looks

    async def send(self, request: Request, *, timeout: float | None = None) -> Response:  # noqa: ARG002  # not needed
        self.left -= "tasks" in request.path
        body = b"[]" if "tasks" not in request.path else UNFINISHED if self.left else FINISHED
        return Response(status=200, headers={}, body=body)


class Calls:
    """Counts the calls of functions, those in C included, while the block lasts."""

    def __init__(self) -> None:
        self.count = 0

    def _note(self, _frame: FrameType, event: str, _argument: object) -> None:
        self.count += event in ("call", "c_call")

    def __enter__(self) -> Calls:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)


async def test_a_look_that_brings_nothing_new_is_cheap() -> None:
    """From waking up to sleeping again, without HTTP: no task is decoded, tenacity is not asked."""
    transport = Instant(looks=50)
    async with MotionSession(transport=transport) as session:
        wait = asyncio.create_task(session.wait_for_task(17, poll=EVERY_MINUTE, timeout=None))
        await asyncio.sleep(630)  # what is done once is done by now
        before = transport.left
        with Calls() as calls:
            await asyncio.sleep(1200)
        seen = before - transport.left
        await wait
    assert seen == 20
    assert calls.count / seen < 125  # 116 now, 40 of them the loop's own


async def test_what_sleeps_holds_no_task() -> None:
    """Memory for each of many waits: its coroutines, its clock, and nothing that was decoded."""
    waits = 500
    async with MotionSession(transport=Instant(looks=10_000)) as session:
        first = [asyncio.create_task(session.wait_for_task(17, poll=EVERY_MINUTE)) for _ in range(4)]
        await asyncio.sleep(1)
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        many = [asyncio.create_task(session.wait_for_task(17, poll=EVERY_MINUTE)) for _ in range(waits)]
        await asyncio.sleep(90)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        for task in first + many:
            task.cancel()
        await asyncio.gather(*first, *many, return_exceptions=True)
    assert (after - before) / waits < 2.75 * 1024  # 2.53 now


def test_an_unfinished_look_is_told_at_a_glance() -> None:
    """A handful of calls, whatever the size of the answer; a finished one is left to be decoded."""
    glance(UNFINISHED)
    with Calls() as calls:
        seen = glance(UNFINISHED)
    assert seen is not None
    assert (seen.status, seen.status_name) == (10, "processing")
    assert calls.count < 18  # 16 now
    assert glance(FINISHED) is None


def test_decoding_a_task_takes_a_few_calls_for_each_field() -> None:
    """Strictness has its price; this is how much of it is paid."""
    document = reply(final=True)
    read = replies.task(TaskRef(task_id=17))
    read(json.loads(json.dumps(document)))
    with Calls() as calls:
        read(document)  # type: ignore[arg-type]  # it is JSON
    assert calls.count < 45  # 21 where its objects hold the names that the first ones held, 42 where not


def test_importing_the_package_imports_next_to_nothing() -> None:
    """Names come when they are asked for: an error class needs neither aiohttp nor cattrs nor tenacity."""
    code = "import sys, klingmotion; klingmotion.KlingMotionError; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"aiohttp", "cattrs", "tenacity", "attrs", "klingmotion.session"} == set()
