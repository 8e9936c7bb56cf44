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
from typing import Any

import pytest

from klingmotion import (
    AiohttpTransport,
    MotionSession,
    PollPolicy,
    Request,
    Response,
    Task,
    TaskRef,
    readers,
    replies,
    wire,
)
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


@pytest.fixture
def unread() -> None:
    """As in a process that has read nothing yet: what readers see first makes them what they are."""
    readers._made.cache_clear()
    readers._other.cache_clear()
    wire._BOTH_LEVELS.__init__(Task, wire._levels)  # type: ignore[misc]  # it has a place in other modules


@pytest.mark.usefixtures("unread")
def test_decoding_a_task_takes_a_few_calls_for_each_field() -> None:
    """Strictness has its price; this is how much of it is paid."""
    document: Any = reply(final=True)
    read = replies.task(TaskRef(task_id=17))
    read(json.loads(json.dumps(document)))
    with Calls() as calls:
        read(document)
    assert calls.count < 24  # 21 now


@pytest.mark.usefixtures("unread")
def test_what_the_server_has_added_since_is_read_as_readily() -> None:
    """Names that nothing knows are kept, on both levels and further down."""
    document: Any = reply(final=True)
    read = replies.task(TaskRef(task_id=17))
    document["brandNew"] = document["task"]["brandNewToo"] = document["limitation"]["brandNew"] = [1]
    read(json.loads(json.dumps(document)))
    with Calls() as calls:
        task = read(document)
    assert task.extra == {"brandNew": [1], "brandNewToo": [1]}
    assert task.limitation is not None
    assert task.limitation.extra == {"brandNew": [1]}
    assert calls.count < 26  # 23 now


@pytest.mark.usefixtures("unread")
def test_answers_of_several_forms_in_turn_are_read_as_readily() -> None:
    """A task that is submitted, one at work and one that is over hold other names each."""
    full: Any = reply(final=True)
    forms = [
        {"task": full["task"], "status": 5, "status_name": "submitted", "status_final": False},
        {name: value for name, value in full.items() if name != "works"},
        full,
    ]
    read = replies.task(TaskRef(task_id=17))
    for form in forms:
        read(form)
    for form in forms:
        with Calls() as calls:
            read(form)
        assert calls.count < 30  # 27 now: the last form is the third to be tried


def test_importing_the_package_imports_next_to_nothing() -> None:
    """Names come when they are asked for: an error class needs neither aiohttp nor cattrs nor tenacity."""
    code = "import sys, klingmotion; klingmotion.KlingMotionError; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & {"aiohttp", "cattrs", "tenacity", "attrs", "klingmotion.session"} == set()
