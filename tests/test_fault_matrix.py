"""The table of docs/faults.md, played cell by cell against the emulator."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import klingmotion
from klingmotion import Motion, MotionSession, Task
from klingmotion.emulator import (
    DropAfter,
    DropBefore,
    Empty,
    Emulator,
    Fault,
    Html,
    RateLimited,
    Redirect,
    Replace,
    Reset,
    StallAfter,
    Status,
    Truncate,
    TruncateJson,
)
from tests.stage import CLIP, now, staged

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"

ENDPOINTS = {
    "upload": "upload_asset",
    "submit": "submit_motion",
    "look": "get_task",
    "list": "list_motions",
    "delete": "delete_task",
}

REFUSED = "connection refused"

FAULTS: dict[str, Fault] = {
    "dropped before the server acted": DropBefore(),
    "dropped after the server acted": DropAfter(),
    "reset before the server acted": Reset(),
    "reset after the server acted": Reset(after=True),
    "silence after the server acted": StallAfter(1000),
    "answer cut short": Truncate(),
    "half a JSON text": TruncateJson(),
    "web page with status 200, not acted": Html(200),
    "web page with status 200, acted": Html(200, after=True),
    "empty body with status 200, acted": Empty(200, after=True),
    "JSON of another shape": Replace(["of", "another", "shape"]),
    "400": Status.bad_request(),
    "401": Status.unauthorized(),
    "402": Status.subscription(),
    "403": Status.forbidden(),
    "404 shortly after the submit": Status.not_found(),
    "404 of an unknown asset": Status.asset_unknown(),
    "408, not acted": Status(408, {"error": "Request timeout"}),
    "410": Status.gone(),
    "412": Status.no_credits(),
    "429": RateLimited(5, "seconds"),
    "500 that is moderation": Status.moderation(),
    "500 with another code": Status.rejected(),
    "500 without a code, not acted": Status.server_fault(),
    "500 without a code, acted": Status.server_fault(after=True),
    "502, acted": Html(502, after=True),
    "503, not acted": Status(503, {"error": "Service unavailable"}),
    "504, acted": Empty(504, after=True),
    "522 with a web page, not acted": Html(522),
    "596": Status.account_error(),
    "redirect to another origin": Redirect("http://127.0.0.1:9"),
}


def table() -> list[tuple[str, str, str]]:
    """Fault, call and outcome of every cell."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and not line.startswith("|-")
    ]
    calls = rows[0][1:]
    return [(row[0], call, outcome) for row in rows[1:] for call, outcome in zip(calls, row[1:], strict=True)]


async def job(session: MotionSession, emulator: Emulator, fault: str, call: str) -> tuple[Motion, klingmotion.Deletion]:
    """The main job with a fault in front of one of its calls, and a delete in the end."""
    endpoint = ENDPOINTS[call]

    async def meet(upcoming: str) -> None:
        if upcoming != call:
            return
        if fault != REFUSED:
            emulator.fail(endpoint, FAULTS[fault])
            return
        await emulator.close_port()
        asyncio.get_running_loop().call_later(
            1.0, lambda: reopening.append(asyncio.ensure_future(emulator.open_port()))
        )

    reopening: list[asyncio.Future[None]] = []
    await meet("upload")
    asset = await session.upload_asset(CLIP.read_bytes())
    await meet("submit")

    async def on_change(task: Task) -> None:
        if task.is_final:
            await meet("list")

    motion = await session.extract_motion(asset, on_submitted=lambda _: meet("look"), on_change=on_change)
    await meet("delete")
    assert motion.task_id is not None
    return motion, await session.delete_task(motion.task_id)


@pytest.mark.parametrize(("fault", "call", "outcome"), table(), ids=lambda text: text.replace(" ", "_"))
async def test_the_table_is_true(fault: str, call: str, outcome: str) -> None:
    """Each cell: what the page promises is what happens, and there is never a second task."""
    retry = klingmotion.RetryPolicy(initial=4)  # so that a port that is closed for a second is met open again
    async with staged(retry=retry) as (emulator, session):
        began = now()
        if outcome in ("again", "look again", "found"):
            motion, deletion = await job(session, emulator, fault, call)
            assert motion.task_id == emulator.books.tasks[0].task_id
            assert deletion.deleted == 1
            if outcome == "found":
                assert emulator.books.count("submit_motion") == 1
            elif fault != REFUSED:
                assert emulator.books.count(ENDPOINTS[call]) >= 2
        else:
            with pytest.raises(getattr(klingmotion, outcome)) as caught:
                await job(session, emulator, fault, call)
            assert type(caught.value).__name__ == outcome
            if call in ("upload", "submit"):
                assert emulator.books.count(ENDPOINTS[call]) == 1
            assert now() - began < (75 if outcome == "SubmitUncertainError" else 15)
        assert len(emulator.books.tasks) <= 1


def test_the_page_names_every_fault_that_is_played_and_no_other() -> None:
    """A fault without a row, or a row without a fault, is a mistake."""
    assert {fault for fault, _, _ in table()} == {*FAULTS, REFUSED}
