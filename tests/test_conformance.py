"""Client and emulator spell the HTTP contract apart from each other, and mean the same: every endpoint, both ways.

What the client sends is compared with hand-written requests in test_requests, what the emulator answers with
hand-written samples in tests/emulator. Here it is seen that no endpoint is left out of either, and that each side
understands the other.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from klingmotion import Endpoint, MotionSession, Request
from klingmotion.emulator import Account, ByTime, Emulator
from klingmotion.emulator.artefacts import cover_png
from klingmotion.emulator.endpoints import ENDPOINTS, route_for
from tests.stage import CLIP, staged
from tests.test_requests import BUILT, DIALECTS, video
from tests.test_wire import BY_ENDPOINT

SAMPLES = Path(__file__).parent / "samples"

#: What the emulator calls each endpoint of the client's.
NAMES: dict[Endpoint, str] = {
    Endpoint.UPLOAD_ASSET: "upload_asset",
    Endpoint.LIST_UPLOADED: "list_uploaded",
    Endpoint.DELETE_UPLOADED: "delete_uploaded",
    Endpoint.DOWNLOAD_WORKS: "download_works",
    Endpoint.SUBMIT_MOTION: "submit_motion",
    Endpoint.SUBMIT_VIDEO: "submit_video",
    Endpoint.GET_TASK: "get_task",
    Endpoint.DELETE_TASK: "delete_task",
    Endpoint.LIST_MOTIONS: "list_motions",
    Endpoint.LIST_TASKS: "list_tasks",
    Endpoint.LIST_RUNNING: "list_running",
    Endpoint.UNTRACK_TASK: "untrack_task",
    Endpoint.CAPACITY: "capacity",
    Endpoint.LIST_ACCOUNTS: "list_accounts",
    Endpoint.GET_ACCOUNT: "get_account",
}

#: The one good answer that is not described, and of which nothing is read.
UNREAD = {"untrack_task"}

HERE = "performer@example.com"


def test_every_endpoint_is_known_to_both_sides() -> None:
    """The client uses nothing that the emulator does not serve, and the emulator serves nothing that is not used."""
    assert NAMES.keys() == set(Endpoint)
    assert set(NAMES.values()) == ENDPOINTS - {"file"}


def test_every_endpoint_has_answers_of_both_kinds() -> None:
    """A hand-written sample of a good answer, which the client has a reader for, and one of a refusal."""
    good: set[str] = set()
    bad: set[str] = set()
    for path in SAMPLES.glob("*.json"):
        endpoint, case, *_ = path.stem.split("-")
        (bad if case.isdigit() else good).add(endpoint)
    assert set(NAMES.values()) - UNREAD <= good & BY_ENDPOINT.keys()
    assert {"any", "untrack_task"} <= bad  # the refusals that every endpoint can give, and its own


@pytest.mark.parametrize("name", BUILT)
def test_a_request_of_the_client_takes_the_route_it_is_meant_for(name: str) -> None:
    """Method and path, with what is percent-encoded in it."""
    built, _ = BUILT[name]
    route, _ = route_for(built.method, f"/v1/kling{unquote(built.path)}")
    assert route.endpoint == NAMES[built.endpoint]


@pytest.mark.parametrize("form", DIALECTS)
async def test_each_form_of_motion_create_is_understood(form: str) -> None:
    """The emulator of that form accepts the whole of it, and its task shows every option."""
    dialect = {"October 2025": "2025", "January 2026": "2026-01", "March 2026": "2026-03"}[form]
    async with staged(Emulator(create_dialect=dialect), email=HERE) as (emulator, session):  # type: ignore[arg-type]  # one of those above
        clip, image = await session.upload_asset(CLIP.read_bytes()), await session.upload_asset(cover_png(320, 320))
        official = next(iter([motion.work_id async for motion in session.motions(mine=False)]))
        given, _ = DIALECTS[form]
        motion = {"motion_url": clip.resource_url} if "motion_url" in given else {"work_id": official}
        await send(session, video(**{**given, **motion, "image_url": image.url, "email": HERE}))
        (seen,) = emulator.books.seen("submit_video")
        task = await session.get_task(emulator.books.tasks[0].task_id)
        assert task.info is not None
        told = {argument.name: argument.value for argument in task.info.arguments}
        options = (
            seen.body.keys() - {"email", "workId", "image", "imageUrl", "motionUrl", "replyRef"} if seen.body else set()
        )
        assert options
        assert {name: json.dumps((seen.body or {})[name]).strip('"') for name in options}.items() <= told.items()


async def send(session: MotionSession, request: Request) -> None:
    """Send a request as it is."""
    response = await session._engine.calls.answer(request)
    assert response.status == 200, response.text


async def test_every_method_of_a_session_is_understood(tmp_path: Path) -> None:
    """One walk through all of them: every endpoint is asked, and answered with success."""
    emulator = Emulator(accounts=[Account(HERE, points=100)], progress=ByTime(5, 5))
    async with staged(emulator, email=HERE) as (emulator, session):
        motion = await session.extract_motion(CLIP.read_bytes())
        await session.download_motion(motion, tmp_path)
        made = await session.create_video(CLIP.read_bytes(), cover_png(320, 320))
        await session.download_video(made, tmp_path)
        assert [task.id async for task in session.tasks()] == [made.task_id, motion.task_id]
        assert (await session.account()).balance is not None
        assert len(await session.accounts()) == len(await session.capacity()) == 1
        asset = await session.upload_asset(CLIP.read_bytes())
        running = await session.submit_motion(asset)
        assert [task.id for task in await session.running()] == [running.id]
        await session.untrack_task(running)
        await session.delete_task(made.task_id)
        await session.delete_asset(*[found async for found in session.uploaded_assets()])
        asked = {request.endpoint for request in emulator.books.requests}
        assert asked == ENDPOINTS
        assert {request.answered for request in emulator.books.requests} == {200}
