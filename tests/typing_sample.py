"""Uses the public interface as a user would. It is only type-checked, never run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, assert_type

import aiohttp

from klingmotion import (
    Account,
    AccountSession,
    AiohttpTransport,
    APIResponseError,
    APIStatusError,
    Asset,
    AssetDeletion,
    Balance,
    Batch,
    BatchTotals,
    ByteSource,
    Capacity,
    Deletion,
    Download,
    DownloadError,
    Endpoint,
    EndpointUnavailableError,
    JournalError,
    Json,
    KlingMotionError,
    Limitation,
    MediaFile,
    Motion,
    MotionFiles,
    MotionSession,
    OnCancel,
    Outcome,
    PersonNotFoundError,
    PointGrant,
    PollPolicy,
    RateLimitError,
    Request,
    Response,
    RetryPolicy,
    RunningTask,
    SubmitUncertainError,
    Task,
    TaskArgument,
    TaskError,
    TaskFailedError,
    TaskInfo,
    TaskInput,
    TaskRef,
    TaskTimeoutError,
    Ticket,
    Transport,
    UploadedAsset,
    UploadProgress,
    UserPoints,
    UserTickets,
    Video,
    VideoFile,
    VideoOptions,
    WebhookInbox,
    Work,
    WorkComment,
    __version__,
)


def show(task: Task) -> None:
    """A hook may be a function."""
    assert_type(task.status_name, str | None)


async def save(task: Task) -> None:
    """Or a coroutine function."""
    Path("task.json").write_text(str(task.ref), encoding="utf-8")


def progress(state: UploadProgress) -> None:
    assert_type((state.sent, state.total, state.attempt), tuple[int, int, int])


def what_there_is_not() -> None:
    from klingmotion import Nonsense  # type: ignore[attr-defined]  # noqa: F401  # no such name, and a checker says so


async def the_short_way() -> None:
    assert_type(__version__, str)
    async with MotionSession() as session:
        assert_type(session, MotionSession)
        motion = await session.extract_motion("dance.mp4")
        assert_type(motion, Motion)
        files = await session.download_motion(motion, "out/")
        assert_type(files, MotionFiles)
        assert_type(
            (files.bvh, files.binary, files.video, files.cover),
            tuple[Path | None, Path | None, Path | None, Path | None],
        )


async def making_a_session(http: aiohttp.ClientSession, transport: Transport) -> None:
    MotionSession("user:1-example")
    MotionSession(
        token=None,
        email="performer@example.com",
        base_url="http://127.0.0.1:8080",
        retry=RetryPolicy(attempts=3, initial=0.1, ceiling=5, patience=60, settle=30),
        poll=PollPolicy(
            first=1, floor=0.5, ratio=0.2, ceiling=10, jitter=0, max_failed_looks=3, grace=5, listing_patience=30
        ),
        inbox=WebhookInbox("https://bot.example.com/kling"),
        http=http,
    )
    assert_type(WebhookInbox().url, str | None)
    assert_type(WebhookInbox().works, bool)
    assert_type(WebhookInbox().receive(b"{}"), None)
    session = MotionSession(transport=transport)
    assert_type(await session.close(), None)
    MotionSession("user:1-example", "performer@example.com")  # type: ignore[call-arg]  # options go by name
    MotionSession(token=b"user:1-example")  # type: ignore[arg-type]  # a token is a text
    PollPolicy(5.0)  # type: ignore[call-arg]  # as above


async def assets(session: MotionSession) -> None:
    assert_type(await session.upload_asset("walk.mp4"), Asset)
    assert_type(await session.upload_asset(Path("walk.mp4"), on_progress=progress), Asset)
    asset = await session.upload_asset(b"frames", content_type="video/mp4", email="performer@example.com")
    assert_type((asset.resource_url, asset.cover_url, asset.url), tuple[str | None, str | None, str | None])
    assert_type((asset.file_name, asset.status, asset.message), tuple[str | None, int | None, str | None])
    assert_type(asset.extra, Mapping[str, Json])
    await session.upload_asset(17)  # type: ignore[arg-type]  # a path or bytes


async def motions(session: MotionSession, asset: Asset, stored: UploadedAsset) -> None:
    task = await session.submit_motion("https://cdn.example.test/in/walk.mp4", "https://cdn.example.test/in/walk.jpg")
    assert_type(task, Task)
    task = await session.submit_motion(
        "https://cdn.example.test/in/walk.mp4",
        "https://cdn.example.test/in/walk.jpg",
        max_jobs=5,
        reply_url="https://hooks.example.test/k",
        reply_ref="job-7",
        email="performer@example.com",
    )
    assert_type(await session.submit_motion(asset), Task)
    assert_type(await session.submit_motion(asset, asset, email=None), Task)
    assert_type(await session.submit_motion(stored, stored), Task)
    assert_type(await session.extract_motion(stored, cover=stored), Motion)
    on_cancel: OnCancel = "untrack"
    motion = await session.extract_motion(
        asset,
        cover=Path("cover.png"),
        timeout=None,
        on_submitted=save,
        on_change=show,
        on_progress=progress,
        max_jobs=1,
        reply_url="https://hooks.example.test/k",
        reply_ref="job-8",
        poll=PollPolicy(),
        on_cancel=on_cancel,
        email="performer@example.com",
    )
    assert_type(motion, Motion)
    for named in (task, task.ref, task.id, str(task.ref)):
        assert_type(await session.wait_for_motion(named), Motion)
    assert_type(
        await session.wait_for_motion(
            17, timeout=60, poll=PollPolicy(), on_change=save, on_cancel="delete", email="performer@example.com"
        ),
        Motion,
    )
    assert_type(session.motions(), AsyncGenerator[Motion, None])
    async with contextlib.aclosing(session.motions()) as found:
        assert_type(await anext(found), Motion)
    assert_type([one async for one in session.motions(mine=False, page_size=100, email=None)], list[Motion])
    assert_type(await session.download_motion(motion, Path("out"), email="performer@example.com"), MotionFiles)
    await session.wait_for_motion(17, on_cancel="forget")  # type: ignore[arg-type]  # no such word
    await session.wait_for_motion(17.0)  # type: ignore[arg-type]  # no task is named so
    await session.submit_motion(b"frames")  # type: ignore[arg-type]  # upload it first


async def videos(session: MotionSession, asset: Asset, motion: Motion, stored: UploadedAsset) -> None:
    video = await session.create_video(motion="dance.mp4", image="me.png")
    assert_type(video, Video)
    for moves in (
        17,
        "dance.mp4",
        Path("dance.mp4"),
        b"frames",
        "https://cdn.example.test/a.mp4",
        motion,
        asset,
        stored,
    ):
        for shown in ("me.png", Path("me.png"), b"pixels", asset, stored):
            assert_type(await session.submit_video(moves, shown), Task)
    options: VideoOptions = {"keep_audio": True, "mode": "pro"}
    task = await session.submit_video(
        motion,
        asset,
        reply_url="https://hooks.example.test/k",
        reply_ref="job-9",
        email="performer@example.com",
        **options,
    )
    video = await session.create_video(
        17,
        asset,
        timeout=None,
        on_submitted=save,
        on_change=show,
        on_progress=progress,
        poll=PollPolicy(),
        on_cancel="untrack",
        duration=10,
        character_id=0,
        prompt="on a stage",
    )
    for named in (task, task.ref, task.id, str(task.ref)):
        assert_type(await session.wait_for_video(named, timeout=60, on_change=show), Video)
    assert_type((video.task, video.task_id, video.works), tuple[Task, int, tuple[Work, ...]])
    assert_type((video.url, video.cover_url, video.duration), tuple[str | None, str | None, float | None])
    saved = await session.download_video(video, Path("out"), on_progress=print, email=None)
    assert_type(saved, VideoFile)
    assert_type((saved.path, saved.clean, saved.reason), tuple[Path, bool, str | None])
    await session.submit_video(17.0, asset)  # type: ignore[arg-type]  # no motion is named so
    await session.submit_video(17, asset, duration=7)  # type: ignore[arg-type]  # 5 or 10
    await session.submit_video(17, asset, lenght=5)  # type: ignore[call-arg]  # no such option


async def clips(folder: Path) -> AsyncIterator[Path]:
    """Clips may come from anywhere."""
    for clip in folder.iterdir():
        yield clip


async def batches(session: MotionSession) -> None:
    async for outcome in session.extract_motions(["a.mp4", Path("b.mp4")], journal="run.db", out=Path("out")):
        assert_type(outcome, Outcome)
        assert_type((outcome.source, outcome.index), tuple[str, int | None])
        assert_type(outcome.status, Literal["done", "failed", "uncertain", "unfinished"])
        assert_type((outcome.ok, outcome.earlier), tuple[bool, bool])
        assert_type((outcome.account, outcome.ref, outcome.task), tuple[str | None, TaskRef | None, Task | None])
        assert_type((outcome.motion, outcome.files), tuple[Motion | None, MotionFiles | None])
        assert_type(outcome.error, Exception | None)

    def told(source: str, about: object) -> None: ...

    async def over(outcome: Outcome) -> None: ...

    batch = session.extract_motions(
        clips(Path("clips")),
        journal=None,
        out=None,
        parts=["bvh", "video"],
        accounts=("a@example.com", "b@example.com"),
        concurrency=3,
        ordered=True,
        timeout=None,
        settle=60,
        retry_failed=True,
        resubmit_uncertain=True,
        salt="again",
        reply_url="https://hooks.example.test/k",
        poll=PollPolicy(),
        on_start=print,
        on_progress=told,
        on_submitted=told,
        on_change=told,
        on_done=over,
    )
    assert_type(batch, Batch)
    try:
        async with batch as entered:
            assert_type(await anext(entered), Outcome)
            assert_type(batch.stop(), None)
    except JournalError as error:
        assert_type(error.ref, TaskRef | None)
    await batch.aclose()
    assert_type(batch.totals, BatchTotals)
    assert_type((batch.totals.done, batch.totals.complete), tuple[int, bool])
    session.extract_motions("a.mp4", concurrency="3")  # type: ignore[arg-type]  # a number
    session.extract_motions([17])  # type: ignore[list-item]  # paths


async def accounts(session: MotionSession) -> None:
    assert_type(await session.accounts(), tuple[Account, ...])
    account = await session.account("performer@example.com")
    assert_type(account, Account)
    assert_type((account.session, account.balance), tuple[AccountSession | None, Balance | None])
    if account.session is not None:
        assert_type(account.session.expires_at, datetime | None)
    assert_type(await session.capacity(), tuple[Capacity, ...])
    assert_type(await session.running(), tuple[RunningTask, ...])
    assert_type(session.uploaded_assets(content_type="image", name="me"), AsyncGenerator[UploadedAsset, None])
    async for stored in session.uploaded_assets(oldest_first=True, page_size=100):
        assert_type((stored.id, stored.url, stored.cover_url), tuple[int | None, str | None, str | None])
        assert_type(await session.delete_asset(stored, 17, "18", email="performer@example.com"), AssetDeletion)
    session.uploaded_assets(content_type="text")  # type: ignore[arg-type]  # no such kind


async def tasks(session: MotionSession, motion: Motion, video: Video) -> None:
    assert_type(session.tasks(), AsyncGenerator[Task, None])
    assert_type([one async for one in session.tasks(created_after=datetime.now(UTC), content_type="video")], list[Task])
    await session.untrack_task(17)
    for running in await session.running():
        assert_type(await session.wait_for_task(running), Task)
    task = await session.get_task(17)
    assert_type(task, Task)
    for named in (task, task.ref, "17"):
        assert_type(await session.get_task(named, email="performer@example.com"), Task)
        assert_type(
            await session.wait_for_task(
                named, timeout=1.5, poll=PollPolicy(), on_change=show, on_cancel="leave", email=None
            ),
            Task,
        )
        assert_type(session.watch_task(named, timeout=None, poll=None, email=None), AsyncGenerator[Task, None])
        deletion = await session.delete_task(named, email=None)
        assert_type(deletion, Deletion)
        assert_type((deletion.deleted, deletion.work_ids), tuple[int, tuple[int, ...]])
    async with contextlib.aclosing(session.watch_task(task)) as states:
        async for state in states:
            assert_type(state, Task)
    for made in (motion, video):
        assert_type(await session.get_task(made), Task)
        assert_type(await session.delete_task(made), Deletion)


def values(task: Task, motion: Motion) -> None:
    assert_type((task.id, task.status, task.is_final, task.succeeded), tuple[int, int | None, bool, bool])
    assert_type(
        (task.created_at, task.updated_at, task.viewed_at), tuple[datetime | None, datetime | None, datetime | None]
    )
    assert_type(task.info, TaskInfo | None)
    if task.info is not None:
        assert_type((task.info.inputs, task.info.arguments), tuple[tuple[TaskInput, ...], tuple[TaskArgument, ...]])
        assert_type(task.info.extra_args, Mapping[str, Json])
    for work in task.works:
        assert_type(work, Work)
        assert_type((work.resource, work.self_comment), tuple[MediaFile | None, WorkComment | None])
    assert_type(task.limitation, Limitation | None)
    assert_type(task.user_points, UserPoints | None)
    if task.user_points is not None:
        assert_type(task.user_points.points, tuple[PointGrant, ...])
    assert_type(task.user_tickets, UserTickets | None)
    if task.user_tickets is not None:
        assert_type(task.user_tickets.ticket, tuple[Ticket, ...])
    assert_type(task.eta_time, int | float | None)
    assert_type(task.ref, TaskRef)
    assert_type(TaskRef.parse(str(task.ref)), TaskRef)
    assert_type((task.ref.task_id, task.ref.sent_at), tuple[int | None, datetime | None])
    assert_type((motion.task_id, motion.duration, motion.bvh_url), tuple[int | None, float | None, str | None])
    task.status = 99  # type: ignore[misc]  # values are frozen


async def catching(session: MotionSession) -> None:
    try:
        async with asyncio.timeout(60):
            await session.wait_for_motion(17)
    except TaskTimeoutError as late:
        assert_type(await session.wait_for_motion(late.ref), Motion)
    except (EndpointUnavailableError, PersonNotFoundError) as refused:
        assert_type(refused.status, int)
    except SubmitUncertainError as uncertain:
        assert_type(await session.wait_for_motion(uncertain.ref, timeout=None), Motion)
    except KlingMotionError as other:
        assert_type((other.ref, other.task), tuple[TaskRef | None, Task | None])
    except TimeoutError:
        pass


def errors_of_a_task(late: TaskTimeoutError, failed: TaskFailedError, any_of_them: TaskError) -> None:
    assert_type((late.task_id, late.looks, late.elapsed), tuple[int | None, int, float])
    assert_type((failed.task, failed.status_name), tuple[Task | None, str | None])
    assert_type((any_of_them.ref, any_of_them.status), tuple[TaskRef, int | None])
    assert_type(any_of_them.last_error, KlingMotionError | None)


def errors_of_a_request(
    status: APIStatusError,
    limited: RateLimitError,
    answer: APIResponseError,
    download: DownloadError,
    uncertain: SubmitUncertainError,
) -> None:
    assert_type((status.status, status.code, status.error), tuple[int, str | None, str | None])
    assert_type((status.message, status.body), tuple[str | None, str])
    assert_type(limited.retry_after, float | None)
    assert_type((answer.status, answer.path, answer.body), tuple[int | None, str | None, str])
    assert_type((download.url, download.status), tuple[str | None, int | None])
    assert_type((uncertain.absent, uncertain.candidates), tuple[bool, tuple[int, ...]])
    assert_type((uncertain.reply_ref, uncertain.sent_at), tuple[str | None, datetime | None])


async def a_transport(transport: AiohttpTransport, request: Request, source: ByteSource) -> None:
    seam: Transport = transport
    assert_type(request.endpoint, Endpoint)
    assert_type(await seam.send(request, timeout=5), Response)
    assert_type(await seam.upload(request, source, on_sent=print, timeout=None), Response)
    async with seam.download("https://cdn.example.test/out/walk.zip", offset=17) as download:
        assert_type(download, Download)
    assert_type((seam.now(), seam.random(), seam.utcnow()), tuple[float, float, datetime])
