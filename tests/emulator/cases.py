"""The calls that bring forth each sampled reply."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from klingmotion.emulator import Account, Emulator, Lag, Media, Outcome, RetryAfter, Status, refusals
from klingmotion.emulator.artefacts import cover_png

from .bench import Answer, Bench
from .clips import mp4, wav

FAILURE = Outcome(end="failed", status=50, error="No person was found in the video")
SENSITIVE = "Sensitive content"

Case = Callable[[Bench], Awaitable[Answer]]
CASES: dict[str, Case] = {}
EMULATORS: dict[str, Callable[[], Emulator]] = {}


def case(name: str, emulator: Callable[[], Emulator] = Emulator) -> Callable[[Case], Case]:
    """Say which sample a function brings forth, and from what emulator."""

    def keep(function: Case) -> Case:
        CASES[name] = function
        EMULATORS[name] = emulator
        return function

    return keep


def scripted(outcome: Outcome, looks: int) -> Case:
    """The last of so many looks at a task with this outcome."""

    async def run(b: Bench) -> Answer:
        b.emulator.next_tasks(outcome)
        task_id = await b.submitted()
        for _ in range(looks - 1):
            await b.look(task_id)
        return await b.look(task_id)

    return run


CASES_BY_LOOKS = {
    "get_task-submitted": (Outcome(), 1),
    "get_task-processing": (Outcome(), 2),
    "get_task-processing_stamped": (Outcome(stamp=True), 2),
    "get_task-invented_status": (Outcome(invented=((42, "rendering"),)), 2),
    "get_task-succeed": (Outcome(), 4),
    "get_task-succeed_without_works": (Outcome(works=False), 4),
    "get_task-succeed_without_flag": (Outcome(omit=("status_final",)), 4),
    "get_task-failed": (FAILURE, 4),
}
for _name, (_outcome, _looks) in CASES_BY_LOOKS.items():
    case(_name)(scripted(_outcome, _looks))


@case("submit_motion-submitted")
async def _submitted(b: Bench) -> Answer:
    return await b.submit()


@case("submit_motion-failed_at_once")
async def _failed_at_once(b: Bench) -> Answer:
    outcome = Outcome(end="failed", status=7, error=SENSITIVE, message=SENSITIVE, at_submit=True)
    b.emulator.next_tasks(outcome)
    return await b.submit()


@case("submit_motion-no_id")
async def _no_id(b: Bench) -> Answer:
    b.emulator.next_tasks(Outcome(submit_omit=("task.id",)))
    return await b.submit()


@case("submit_video-submitted")
async def _video_submitted(b: Bench) -> Answer:
    return await b.create()


@case("submit_video-submitted_by_work_id")
async def _video_by_work_id(b: Bench) -> Answer:
    official = (await b.get("/videos/motions")).body[0]
    return await b.ask_video(workId=official["workId"], image=b.picture().resource_url)


@case("get_task-video_succeed")
async def _video_succeed(b: Bench) -> Answer:
    task_id = (await b.create()).body["task"]["id"]
    await b.end(task_id)
    task = b.emulator.find_task(task_id)
    assert task is not None
    task.viewed = None
    return await b.look(task_id)


@case("callback-succeed", lambda: Emulator(callbacks="final"))
async def _callback(b: Bench) -> Answer:
    received: list[Any] = []

    async def receive(request: web.BaseRequest) -> web.Response:
        received.append(await request.json())
        return web.Response()

    runner = web.ServerRunner(web.Server(receive, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/k"
        task_id = await b.submitted(replyUrl=url, replyRef="job-7")
        for _ in range(3):
            await b.look(task_id)
        while not received:
            await b.get("/scheduler")
    finally:
        await runner.cleanup()
    return Answer(200, received[0], {}, b"")


async def _list_motions(b: Bench) -> Answer:
    await b.finished()
    return await b.get("/videos/motions", params={"mine": "true"})


case("list_motions-dialect_2025")(_list_motions)
case("list_motions-dialect_2026", lambda: Emulator(dialect="2026"))(_list_motions)
case("list_motions-empty", lambda: Emulator(listing_delay=Lag(looks=1)))(_list_motions)


@case("list_motions-without_links")
async def _without_links(b: Bench) -> Answer:
    b.emulator.next_tasks(Outcome(bvh=False, binary=False))
    return await _list_motions(b)


@case("list_motions-mixed", lambda: Emulator(dialect="mixed"))
async def _mixed(b: Bench) -> Answer:
    await b.finished()
    return await _list_motions(b)


@case("list_motions-official")
async def _official(b: Bench) -> Answer:
    return await b.get("/videos/motions")


async def _list_tasks(b: Bench) -> Answer:
    await b.finished()
    task = b.emulator.find_task(b.emulator.books.tasks[0].task_id)
    assert task is not None
    task.viewed = None
    await b.submitted()
    return await b.get("/tasks")


case("list_tasks-full")(_list_tasks)
case("list_tasks-works_only", lambda: Emulator(history="works"))(_list_tasks)
case("list_tasks-empty", lambda: Emulator(history="none"))(_list_tasks)


@case("list_running-two")
async def _two_running(b: Bench) -> Answer:
    await b.submit(replyUrl="https://hooks.example.test/k", replyRef="job-7")
    await b.submit()
    answer = await b.get("/scheduler")
    return _at_our_address(answer)


@case("list_running-none")
async def _none_running(b: Bench) -> Answer:
    return await b.get("/scheduler")


@case("capacity-one_account")
async def _capacity(b: Bench) -> Answer:
    await b.submit(replyUrl="https://hooks.example.test/k", replyRef="job-7")
    return _at_our_address(await b.get("/scheduler/available"))


def _at_our_address(answer: Answer) -> Answer:
    # The comparison takes any URL of ours for a URL; the callback's is the caller's.
    text = json.dumps(answer.body).replace("https://hooks.example.test", "http://127.0.0.1:1")
    return Answer(answer.status, json.loads(text), answer.headers, answer.raw)


@case("delete_task-deleted")
async def _deleted(b: Bench) -> Answer:
    return await b.delete(f"/tasks/{await b.finished()}")


@case("upload_asset-video")
async def _upload_video(b: Bench) -> Answer:
    return await b.upload(mp4(5.0), "video/mp4")


@case("upload_asset-image")
async def _upload_image(b: Bench) -> Answer:
    return await b.upload(cover_png(300, 300, 0), "image/png")


@case("upload_asset-audio")
async def _upload_audio(b: Bench) -> Answer:
    return await b.upload(wav(1.0), "audio/wav")


@case("upload_asset-400-content_type")
async def _upload_text(b: Bench) -> Answer:
    return await b.upload(b"text", "text/plain")


@case("list_uploaded-two")
async def _uploaded(b: Bench) -> Answer:
    b.emulator.add_asset()
    b.emulator.add_asset(media=Media("image/png", None, 480, 640), extension="png")
    return await b.get("/assets/uploaded/")


@case("delete_uploaded-deleted")
async def _uploads_deleted(b: Bench) -> Answer:
    query = {"email": "performer@example.com", "id": str(b.emulator.add_asset().id)}
    return await b.delete("/assets/uploaded/", params=query)


@case("delete_uploaded-400-id")
async def _uploads_kept(b: Bench) -> Answer:
    return await b.delete("/assets/uploaded/", params={"email": "performer@example.com", "id": "walk"})


def _download(**more: str) -> Case:
    async def run(b: Bench) -> Answer:
        work_id = (await b.created())["works"][0]["workId"]
        return await b.get("/assets/download", params={"workIds": work_id, **more})

    return run


case("download_works-file")(_download(fileTypes="MP4"))
case("download_works-zip")(_download())
case("download_works-400-parameters")(_download(fileTypes="AVI"))
case("download_works-500-not_ready", lambda: Emulator(clean_file_delay=Lag(looks=1)))(_download())


@case("submit_video-400-parameter_required")
async def _no_motion_url(b: Bench) -> Answer:
    return await b.ask_video(imageUrl=b.picture().resource_url)


@case("submit_video-400-picture_not_matched")
async def _nobody_in_picture(b: Bench) -> Answer:
    b.emulator.fail("submit_video", Status.picture_not_matched())
    return await b.create()


@case("submit_video-404-asset_unknown")
async def _image_unknown(b: Bench) -> Answer:
    return await b.ask_video(
        motionUrl=b.emulator.add_asset().resource_url, imageUrl="https://cdn.example.test/never.png"
    )


@case("submit_motion-400-parameter_required")
async def _no_resource_url(b: Bench) -> Answer:
    return await b.submit(None, resourceUrl=None)


@case("submit_motion-400-email_required", lambda: Emulator(accounts=[Account("a@x.test"), Account("b@x.test")]))
async def _no_email(b: Bench) -> Answer:
    return await b.submit(b.emulator.add_asset(email="a@x.test"))


@case("submit_motion-400-max_jobs")
async def _max_jobs(b: Bench) -> Answer:
    return await b.submit(None, maxJobs=51)


@case("submit_motion-404-asset_unknown")
async def _asset_unknown(b: Bench) -> Answer:
    return await b.submit(None, resourceUrl="https://cdn.example.test/never.mp4")


@case("submit_motion-500-too_short")
async def _too_short(b: Bench) -> Answer:
    return await b.submit(b.emulator.add_asset(media=Media("video/mp4", 1.0, 720, 1280)))


@case("submit_motion-500-too_long")
async def _too_long(b: Bench) -> Answer:
    return await b.submit(b.emulator.add_asset(media=Media("video/mp4", 11.0, 720, 1280)))


def _full(**more: Any) -> Callable[[], Emulator]:
    return lambda: Emulator(accounts=[Account("performer@example.com", max_jobs=1)], **more)


async def _over_capacity(b: Bench) -> Answer:
    await b.submit()
    return await b.submit()


case("submit_motion-429-capacity", _full())(_over_capacity)
case("submit_motion-429-retry_after", _full(retry_after=RetryAfter(10, "body")))(_over_capacity)


@case("any-401-unauthorized")
async def _unauthorized(b: Bench) -> Answer:
    return await b.get("/tasks", token="user:9-example")


GETS: Mapping[str, tuple[str, str]] = {
    "get_task-400-task_id": ("GET", "/tasks/abc"),
    "get_task-404-missing": ("GET", "/tasks/9007199254740993"),
    "delete_task-400-task_id": ("DELETE", "/tasks/abc"),
    "delete_task-404-no_works": ("DELETE", "/tasks/9007199254740993"),
    "list_tasks-400-exclusive": ("GET", "/tasks?createdBefore=1&createdAfter=1"),
    "untrack_task-400-task_id": ("DELETE", "/scheduler/abc"),
    "untrack_task-404-not_running": ("DELETE", "/scheduler/9007199254740993"),
    "list_uploaded-400-parameters": ("GET", "/assets/uploaded/?sort=up"),
    "get_account-404-unknown": ("GET", "/accounts/stranger%40example.com"),
    "get_account-one": ("GET", "/accounts/performer%40example.com"),
    "list_accounts-one": ("GET", "/accounts"),
}


def getting(method: str, path: str) -> Case:
    """One plain call."""
    return lambda b: b.call(method, path)


for _name, (_method, _path) in GETS.items():
    case(_name)(getting(_method, _path))
case("get_account-with_points", lambda: Emulator(accounts=[Account("performer@example.com", points=66_000)]))(
    getting("GET", "/accounts/performer%40example.com")
)
case("list_accounts-broken", lambda: Emulator(accounts=[Account("performer@example.com", error="login failed")]))(
    getting("GET", "/accounts")
)
case("list_accounts-404-none", lambda: Emulator(accounts=[]))(getting("GET", "/accounts"))


FAULTS = {
    "any-402-subscription_required": Status.subscription(),
    "any-402-subscription_expired": Status.of(refusals.subscription_expired()),
    "any-403-forbidden": Status.forbidden(),
    "any-410-expired": Status.gone(),
    "any-412-credits": Status.no_credits(),
    "any-500-server_fault": Status.server_fault(),
    "any-596-account_error": Status.account_error(),
    "submit_motion-500-moderation": Status.moderation(),
}


def failing(fault: Status) -> Case:
    """A submit that meets this error."""

    async def run(b: Bench) -> Answer:
        b.emulator.fail("submit_motion", fault)
        return await b.submit()

    return run


for _name, _fault in FAULTS.items():
    case(_name)(failing(_fault))
