"""Videos of a motion: asked for in every form, paid for once, saved as the clean file or the other one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import attrs
import pytest

from klingmotion import (
    APIConnectionError,
    APIResponseError,
    APITimeoutError,
    AssetNotFoundError,
    DownloadError,
    EndpointUnavailableError,
    GoneError,
    InvalidRequestError,
    KlingMotionError,
    MediaFile,
    ModerationError,
    Motion,
    MotionSession,
    NotFoundError,
    PersonNotFoundError,
    RetryPolicy,
    SubmitUncertainError,
    Task,
    TaskFailedError,
    TaskRef,
    TaskTimeoutError,
    Video,
    Work,
)
from klingmotion.emulator import (
    ByTime,
    DropAfter,
    DropBefore,
    Emulator,
    Fault,
    Html,
    Lag,
    Outcome,
    RateLimited,
    Replace,
    ServeBytes,
    StallBefore,
    Status,
    WrongType,
)
from klingmotion.emulator.artefacts import cover_png
from tests.emulator.clips import mp4
from tests.films import film
from tests.stage import CLIP, now, staged, submitted

PICTURE = cover_png(320, 320)
CLIPPED = CLIP.read_bytes()

MOTION_URL, IMAGE_URL = "https://cdn.example.test/in/walk.mp4", "https://cdn.example.test/in/pose.png"


async def asked(session: MotionSession, **options: Any) -> Task:
    """The task of a video of the sample clip."""
    return await session.submit_video(CLIPPED, PICTURE, **options)


async def created(session: MotionSession, **options: Any) -> Video:
    """The video of the sample clip."""
    return await session.create_video(CLIPPED, PICTURE, **options)


def body(emulator: Emulator) -> dict[str, Any]:
    """The body of the one submit there was."""
    (request,) = emulator.books.seen("submit_video")
    return dict(request.body or {})


# --- The whole way --------------------------------------------------------------------------------------------------


async def test_a_video_and_an_image_become_a_video_without_an_extraction(tmp_path: Path) -> None:
    """Two files are uploaded, one submit is paid for, and the clean file is saved."""
    (tmp_path / "dance.mp4").write_bytes(CLIPPED)
    (tmp_path / "me.png").write_bytes(PICTURE)
    async with staged() as (emulator, session):
        video = await session.create_video(motion=str(tmp_path / "dance.mp4"), image=tmp_path / "me.png")
        assert [emulator.books.count(name) for name in ("upload_asset", "submit_video", "submit_motion")] == [2, 1, 0]
        (seen,) = emulator.books.tasks
        assert (video.task_id, video.task.succeeded, len(video.works)) == (seen.task_id, True, 1)
        assert (video.work_id, video.duration, video.width, video.height) == (video.works[0].work_id, 5.0, 720, 1280)
        assert video.url is not None
        assert video.cover_url is not None
        saved = await session.download_video(video, tmp_path / "out")
        assert (saved.clean, saved.reason) == (True, None)
        assert saved.path == tmp_path / "out" / f"video-{video.task_id}.mp4"
        assert saved.path.read_bytes() == CLIPPED


async def test_uploaded_assets_and_links_need_no_upload() -> None:
    """What is there already is named as it is, by the asset, its entry in the list, or its URL."""
    async with staged(email="performer@example.com") as (emulator, session):
        clip, image = await session.upload_asset(CLIPPED), await session.upload_asset(PICTURE)
        listed = {asset.content_type: asset async for asset in session.uploaded_assets()}
        for given in ((clip, image), (clip.resource_url, image.url), (listed["video"], listed["image"])):
            task = await session.submit_video(*given)
            assert (task.ref.resource_url, task.ref.image_url) == (clip.resource_url, image.url)
        assert emulator.books.count("upload_asset") == 2


async def test_a_work_id_is_asked_for_in_the_form_of_october_2025() -> None:
    """Of an official motion, and of one that was extracted: by its id or by itself."""
    async with staged(Emulator(create_dialect="2025")) as (emulator, session):
        official = next(iter([motion async for motion in session.motions(mine=False)]))
        assert official.work_id is not None
        own = await session.extract_motion(CLIPPED)
        for motion in (official.work_id, official, own):
            task = await session.submit_video(motion, PICTURE, duration=5, mode="pro")
            assert (task.ref.resource_url is None, task.ref.image_url is not None) == (False, True)
            assert (await session.wait_for_video(task)).url is not None
        bodies = [request.body or {} for request in emulator.books.seen("submit_video")]
        assert [found["workId"] for found in bodies] == [official.work_id, official.work_id, own.work_id]
        assert all({"image", "duration"} <= found.keys() and "motionUrl" not in found for found in bodies)


@pytest.mark.parametrize("dialect", ["2026-01", "2026-03"])
async def test_a_motion_of_the_list_is_asked_for_by_its_video(dialect: Any) -> None:
    """The forms of 2026 take what their own list gives."""
    async with staged(Emulator(dialect="2026", create_dialect=dialect)) as (emulator, session):
        motion = next(iter([motion async for motion in session.motions(mine=False)]))
        video = await session.create_video(motion, PICTURE, keep_audio=True, motion_direction="image_direction")
        assert video.url is not None
        assert body(emulator)["motionUrl"] == motion.video_url
        assert (body(emulator)["keepAudio"], body(emulator)["motionDirection"]) == (True, "image_direction")


async def test_all_of_the_newest_form_arrives() -> None:
    """Model and element as the API names them, and the mark of the caller."""
    async with staged(Emulator(create_dialect="2026-03"), email="performer@example.com") as (emulator, session):
        await asked(session, element="u_123456789012345", prompt="a dance", reply_ref="job-7")
        sent = body(emulator)
        assert (sent["model_name"], sent["element_1"], sent["prompt"]) == ("kling-v3-0", "u_123456789012345", "a dance")
        assert (sent["email"], sent["replyRef"]) == ("performer@example.com", "job-7")


async def test_every_step_is_told() -> None:
    """The upload of the motion, the task as soon as it exists, and each of its states."""
    told: list[Any] = []
    async with staged() as (_, session):
        video = await created(
            session,
            on_progress=lambda progress: told.append((progress.sent, progress.total)),
            on_submitted=lambda task: told.append(("submitted", task.id)),
            on_change=lambda task: told.append(task.status_name),
        )
        assert told[0] == (0, len(CLIPPED))
        assert (len(CLIPPED), len(CLIPPED)) in told
        assert told[-3:] == [("submitted", video.task_id), "processing", "succeed"]


# --- Refused before anything is sent --------------------------------------------------------------------------------

BAD: list[tuple[Any, Any, dict[str, Any], str]] = [
    (CLIPPED, PICTURE, {"duration": 5}, "these do not go together: duration"),
    (17, PICTURE, {"keep_audio": True}, "these do not go together: a motion given by its work id"),
    (Motion(work_id=17), PICTURE, {"model_name": "kling-v2-6"}, "these do not go together"),
    (CLIPPED, PICTURE, {"prompt": "x" * 2501}, "at most 2500 characters"),
    (17, PICTURE, {"character_id": 11}, "0 to 10"),
    (0, PICTURE, {}, "a work id is a whole number"),
    (True, PICTURE, {}, "a work id is a whole number"),
    (film(2.5), PICTURE, {}, "lasts 2.50 s; a motion is applied from 3 to 30 s of video"),
    (film(31), PICTURE, {}, "lasts 31.00 s; a motion is applied from 3 to 30 s of video"),
    (PICTURE, PICTURE, {}, "a file of type video is needed here"),
    (CLIPPED, CLIPPED, {}, "a file of type image is needed here"),
    ("none.mp4", PICTURE, {}, "none.mp4 cannot be read"),
    (CLIPPED, "none.png", {}, "none.png cannot be read"),
    (None, PICTURE, {}, "a path or as bytes, got NoneType"),
    (CLIPPED, PICTURE, {"reply_url": "hooks"}, "reply_url must be an http or https URL"),
    (CLIPPED, PICTURE, {"reply_ref": ""}, "reply_ref must be a printable text"),
    (CLIPPED, PICTURE, {"email": "nobody"}, "email must be the address"),
]


@pytest.mark.parametrize(("motion", "image", "options", "words"), BAD)
async def test_what_cannot_be_asked_for_is_refused_before_anything_is_sent(
    motion: Any, image: Any, options: dict[str, Any], words: str
) -> None:
    """Not even an upload goes out for it, and the text says what is allowed."""
    async with staged() as (emulator, session):
        for call in (session.submit_video, session.create_video):
            with pytest.raises(InvalidRequestError) as caught:
                await call(motion, image, **options)
            assert words in str(caught.value)
        assert emulator.books.count() == 0


async def test_a_motion_to_apply_may_be_longer_than_one_to_extract() -> None:
    """3 to 30 s, not 2 to 10."""
    async with staged() as (emulator, session):
        for seconds in (3, 12, 30):
            await session.submit_video(mp4(float(seconds)), PICTURE)
        assert len(emulator.books.tasks) == 3


async def test_an_upload_that_gives_no_link_ends_the_way_before_the_submit() -> None:
    """It is the server's fault, and nothing was paid for."""
    async with staged() as (emulator, session):
        emulator.fail("upload_asset", Replace({"status": 1, "resourceUrl": "pending"}))
        with pytest.raises(APIResponseError, match="no usable resourceUrl: 'pending'"):
            await asked(session)
        assert emulator.books.count("submit_video") == 0


# --- Refused by the server ------------------------------------------------------------------------------------------

REFUSED: list[tuple[Fault, type[KlingMotionError]]] = [
    (Status.picture_not_matched(), PersonNotFoundError),
    (Status(400, '{"error": "MOTION.PIC_NOT_MATCHED"}'), PersonNotFoundError),
    (Status.asset_unknown(), AssetNotFoundError),
    (Status.moderation(), ModerationError),
    (Status(404), EndpointUnavailableError),
    (Status(404, "<html>not here</html>"), EndpointUnavailableError),
    (Status.not_found(), EndpointUnavailableError),
    (Status(405), EndpointUnavailableError),
    (Status(410, '{"error": "Gone"}'), EndpointUnavailableError),
    (Status(404, '{"error": "Unable to find configuration for account a@example.com"}'), NotFoundError),
]


@pytest.mark.parametrize(("fault", "kind"), REFUSED, ids=repr)
async def test_a_definite_refusal_ends_the_submit_at_once(fault: Fault, kind: type[KlingMotionError]) -> None:
    """One POST, no search, the error of the contract's table."""
    async with staged() as (emulator, session):
        emulator.fail("submit_video", fault)
        with pytest.raises(KlingMotionError) as caught:
            await asked(session)
        assert type(caught.value) is kind
        assert emulator.books.count("submit_video") == 1
        assert emulator.books.count("list_running") == 0


@pytest.mark.parametrize("status", [404, 405, 410])
async def test_an_endpoint_that_is_gone_names_the_other_way(status: int) -> None:
    """From either way to the other: the caller is not left with a number."""
    async with staged() as (emulator, session):
        emulator.fail("submit_video", Status(status))
        emulator.fail("submit_motion", Status(status))
        with pytest.raises(EndpointUnavailableError, match=r"The other way is extract_motion\(") as caught:
            await asked(session)
        assert caught.value.status == status
        with pytest.raises(EndpointUnavailableError, match=r"The other way is create_video\(motion="):
            await session.extract_motion(CLIPPED)
        assert emulator.books.count("submit_motion") == 1
        assert len(emulator.books.tasks) == 0


async def test_other_calls_that_find_nothing_are_no_endpoints_that_are_gone() -> None:
    """A task that is unknown and one that has expired mean what they mean."""
    async with staged() as (emulator, session):
        with pytest.raises(NotFoundError):
            await session.get_task(17)
        emulator.fail("get_task", Status.gone())
        with pytest.raises(GoneError):
            await session.get_task(17)


async def test_a_task_that_fails_raises_with_its_reference() -> None:
    """At once or in the end, in the server's words."""
    async with staged() as (emulator, session):
        emulator.next_tasks(
            Outcome(end="failed", error="too dark", at_submit=True), Outcome(end="failed", error="too dark")
        )
        for _ in range(2):
            with pytest.raises(TaskFailedError, match="too dark") as caught:
                await created(session)
            assert caught.value.ref.image_url is not None


# --- Never twice, never lost ----------------------------------------------------------------------------------------

UNCLEAR: list[Fault] = [DropAfter(), Status(502), Html(), WrongType("task.id", "x")]


@pytest.mark.parametrize("fault", UNCLEAR, ids=repr)
async def test_a_video_whose_submit_got_no_clear_answer_is_found_and_not_paid_for_twice(fault: Fault) -> None:
    """One POST, one task: the rules of every submit, by the same code."""
    emulator = Emulator()
    async with staged(emulator) as (emulator, session):
        emulator.fail("submit_video", fault)
        if isinstance(fault, Status | Html):  # these answer in place of the service: nothing was accepted
            with pytest.raises(SubmitUncertainError, match="was accepted"):
                await asked(session)
            assert len(emulator.books.tasks) == 0
        else:
            task = await asked(session)
            assert task.id == emulator.books.tasks[0].task_id
            assert len(emulator.books.tasks) == 1
        assert emulator.books.count("submit_video") == 1


@pytest.mark.parametrize("form", ["2025", "2026"])
@pytest.mark.parametrize(
    "emulator",
    [lambda: Emulator(scheduler_delay="never"), lambda: Emulator(history="none")],
    ids=["by the history", "by the scheduler"],
)
async def test_either_list_finds_it_in_either_form(emulator: Any, form: str) -> None:
    """The history shows its image and its motion, the scheduler its mark."""
    async with staged(emulator()) as (started, session):
        started.fail("submit_video", DropAfter())
        motion = -100_000_000_000_001 if form == "2025" else CLIPPED
        task = await session.submit_video(motion, PICTURE)
        assert task.id == started.books.tasks[0].task_id
        assert started.books.count("submit_video") == 1


async def test_a_video_of_another_image_is_not_taken_for_ours() -> None:
    """The motion alone is not enough: many images move to one dance."""
    async with staged(Emulator(scheduler_delay="never"), retry=RetryPolicy(settle=5)) as (emulator, session):
        clip = await session.upload_asset(CLIPPED)
        await session.submit_video(clip, PICTURE)
        emulator.fail("submit_video", DropBefore())
        with pytest.raises(SubmitUncertainError) as caught:
            await session.submit_video(clip, cover_png(320, 320, 7))
        assert caught.value.candidates == ()
        assert "wait_for_video(error.ref) looks for it again" in str(caught.value)


async def test_a_submit_that_was_not_seen_goes_out_again() -> None:
    """A connection that never opened and a 429 leave no doubt."""
    async with staged() as (emulator, session):
        emulator.fail("submit_video", RateLimited(5, "seconds"))
        began = now()
        await asked(session)
        assert 4.9 < now() - began < 10
        assert (emulator.books.count("submit_video"), len(emulator.books.tasks)) == (2, 1)


async def test_an_uncertain_submit_is_found_later_by_its_reference() -> None:
    """In another process too: the reference as text is enough, and says that it is a video's."""
    async with staged(retry=RetryPolicy(settle=2)) as (emulator, session):
        emulator.fail("submit_video", DropAfter())
        emulator.fail("list_running", Status(503), times=None)
        emulator.fail("list_tasks", Status(503), times=None)
        with pytest.raises(SubmitUncertainError) as caught:
            await asked(session)
        emulator.heal()
        ref = TaskRef.parse(str(caught.value.ref))
        assert ref.image_url is not None
        video = await session.wait_for_video(str(ref))
        assert video.task_id == emulator.books.tasks[0].task_id
        assert emulator.books.count("submit_video") == 1


# --- Waiting --------------------------------------------------------------------------------------------------------


async def test_a_wait_that_takes_too_long_says_how_to_go_on() -> None:
    """By the method that gives a video."""
    async with staged(Emulator(progress=ByTime(300, 300))) as (_, session):
        task = await asked(session)
        with pytest.raises(TaskTimeoutError, match=r"wait_for_video\(error.ref\) resumes") as caught:
            await session.wait_for_video(task, timeout=20)
        assert (await session.wait_for_video(caught.value.ref)).task_id == task.id


@pytest.mark.parametrize("method", ["wait_for_video", "wait_for_motion", "wait_for_task"])
async def test_a_wait_by_id_names_the_method_that_was_called(method: str) -> None:
    """An id does not tell what its task makes."""
    async with staged(Emulator(progress=ByTime(300, 300))) as (_, session):
        task = await asked(session)
        with pytest.raises(TaskTimeoutError, match=rf"{method}\(error.ref\) resumes"):
            await getattr(session, method)(task.id, timeout=20)


async def test_a_hook_that_raises_leaves_the_way_back() -> None:
    """The note names the method that gives a video."""

    def refuse(task: Task) -> None:
        raise RuntimeError(f"no room for {task.id}")

    async with staged() as (_, session):
        with pytest.raises(RuntimeError) as caught:
            await created(session, on_submitted=refuse)
        assert "wait_for_video('{" in caught.value.__notes__[0]


async def test_the_reference_of_a_video_is_not_waited_for_as_a_motion() -> None:
    """It would never be listed."""
    async with staged() as (emulator, session):
        task = await asked(session)
        looks = emulator.books.count("get_task")
        with pytest.raises(InvalidRequestError, match=r"wait_for_video\(ref\) waits for it"):
            await session.wait_for_motion(task)
        assert emulator.books.count("get_task") == looks


async def test_a_video_is_not_waited_for_as_a_motion_by_its_id_either() -> None:
    """The id does not tell, but the final task does: at once, with the method that gives it."""
    async with staged() as (emulator, session):
        task = await asked(session)
        with pytest.raises(InvalidRequestError, match=r"a video, no motion; wait_for_video\(error.ref\)") as caught:
            await session.wait_for_motion(task.id)
        assert emulator.books.count("list_motions") == 0
        assert caught.value.task is not None
        assert caught.value.ref is not None
        assert (await session.wait_for_video(caught.value.ref)).task_id == task.id


async def test_an_extraction_is_not_waited_for_as_a_video() -> None:
    """Its preview is a video, too, and not the one that was asked for."""
    async with staged() as (_, session):
        task = await submitted(session)
        for named in (task, task.id, task.ref):
            with pytest.raises(InvalidRequestError, match=r"makes a motion, no video; wait_for_motion\(error.ref\)"):
                await session.wait_for_video(named)
        assert (await session.wait_for_motion(task.id)).task_id == task.id


async def test_a_task_that_does_not_tell_its_type_is_taken_for_what_was_asked_for() -> None:
    """Without a type there is nothing to judge by."""
    async with staged() as (_, session):
        done = attrs.evolve(await session.wait_for_task(await submitted(session)), type=None, info=None)
        assert (await session.wait_for_video(done)).task_id == done.id
        assert (await session.wait_for_motion(done)).task_id == done.id


async def test_the_reference_of_a_submit_is_believed_more_than_a_type() -> None:
    """What the service calls an extraction may change; what was submitted does not."""
    async with staged() as (_, session):
        done = await session.wait_for_task(await submitted(session))
        assert (await session.wait_for_motion(attrs.evolve(done, type="invented"))).task_id == done.id


@pytest.mark.parametrize("farewell", ["untrack", "delete"])
async def test_a_cancelled_creation_says_its_farewell(farewell: Any) -> None:
    """As every wait does."""
    async with staged(Emulator(progress=ByTime(300, 300))) as (emulator, session):
        job = asyncio.create_task(created(session, on_cancel=farewell))
        await asyncio.sleep(10)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert emulator.books.count(f"{farewell}_task") == 1


# --- The value ------------------------------------------------------------------------------------------------------


def test_a_video_without_works_has_no_links() -> None:
    """A success that shows nothing is still a success."""
    video = Video(task=Task(id=17))
    assert (video.work, video.work_id, video.url, video.cover_url, video.duration) == (None,) * 5


def test_of_several_works_the_video_is_taken() -> None:
    """A work without a file comes last, one of another kind in between."""

    def work(number: int, kind: str | None, url: str | None) -> Work:
        return Work(work_id=number, content_type=kind, resource=MediaFile(url=url))

    bare, sound, film_of_it = work(1, "video", ""), work(2, "audio", MOTION_URL), work(3, "video", MOTION_URL)
    assert Video(task=Task(id=17, works=(bare, sound, film_of_it))).work_id == 3
    assert Video(task=Task(id=17, works=(bare, sound))).work_id == 2
    assert Video(task=Task(id=17, works=(bare,))).work_id == 1


# --- Downloads ------------------------------------------------------------------------------------------------------


async def test_the_clean_file_is_waited_for_right_after_the_end(tmp_path: Path) -> None:
    """It may take some seconds to be made."""
    async with staged(Emulator(clean_file_delay=Lag(seconds=8))) as (emulator, session):
        saved = await session.download_video(await created(session), tmp_path)
        assert saved.clean
        assert emulator.books.count("download_works") > 1


async def test_the_works_own_file_stands_in_after_about_twenty_seconds(tmp_path: Path) -> None:
    """And it is said which it is, and why."""
    async with staged(Emulator(clean_file_delay="never")) as (emulator, session):
        video = await created(session)
        began = now()
        saved = await session.download_video(video, tmp_path)
        assert 14 <= now() - began <= 26
        assert 3 <= emulator.books.count("download_works") <= 9
        assert not saved.clean
        assert "the link to the clean file of a work (GET /assets/download) was answered with 500" in str(saved.reason)
        assert saved.path.read_bytes() == CLIPPED


async def test_closing_while_the_clean_file_is_fetched_fetches_no_other(tmp_path: Path) -> None:
    """T2: the work's own file does not stand in for one that was cut by closing."""
    async with staged() as (emulator, session):
        video = await created(session)
        emulator.fail("file", StallBefore(600), times=None)
        saving = asyncio.create_task(session.download_video(video, tmp_path))
        await asyncio.sleep(5)
        before = emulator.books.count("file")
        await session.close()
        with pytest.raises(APIConnectionError, match="was cut: the session was closed"):
            await saving
        assert emulator.books.count("file") == before


@pytest.mark.parametrize("status", [401, 402, 403, 412, 596])
async def test_a_definite_refusal_of_the_clean_file_is_not_waited_through(status: int, tmp_path: Path) -> None:
    """A plan without clean files will have none in twenty seconds either."""
    async with staged() as (emulator, session):
        video = await created(session)
        emulator.fail("download_works", Status(status), times=None)
        began = now()
        saved = await session.download_video(video, tmp_path)
        assert (saved.clean, emulator.books.count("download_works"), now() == began) == (False, 1, True)


#: What goes wrong, at which endpoint, as often as it is tried, and what is said of it.
BROKEN: list[tuple[str, Fault, int | None, str]] = [
    ("file", Status(403), 1, "is dead (403)"),
    ("file", ServeBytes(b"PK\x03\x04 an archive"), 1, "gave something that is no video"),
    ("file", Html(), 5, "was answered with 502"),
    ("file", StallBefore(1000), 5, "got no whole answer for 60 s"),
    ("download_works", Replace({"status": "success"}), None, "holds no link to a clean file; the server says: success"),
    ("download_works", Replace({"cdnUrl": "later", "status": "pending"}), None, "the server says: pending"),
]


@pytest.mark.parametrize(("endpoint", "fault", "times", "words"), BROKEN)
async def test_a_clean_file_that_is_none_is_replaced(
    endpoint: str, fault: Fault, times: int | None, words: str, tmp_path: Path
) -> None:
    """Whatever is wrong with it, there is another one."""
    async with staged() as (emulator, session):
        video = await created(session)
        emulator.fail(endpoint, fault, times=times)
        saved = await session.download_video(video, tmp_path)
        assert (saved.clean, saved.path.read_bytes() == CLIPPED) == (False, True)
        assert words in str(saved.reason)
        assert [path.name for path in tmp_path.iterdir()] == [saved.path.name]


async def test_a_video_with_neither_file_is_an_error_that_leads_back(tmp_path: Path) -> None:
    """Both reasons are told, the reference finds the task again, and nothing is left in the directory."""
    async with staged() as (emulator, session):
        video = await created(session)
        emulator.fail("file", Status(404), times=None)
        with pytest.raises(
            DownloadError, match=r"Links do not last: look at the task again with wait_for_video"
        ) as caught:
            await session.download_video(video, tmp_path)
        assert caught.value.ref == video.task.ref
        assert "nor can its clean file be had" in caught.value.__notes__[0]
        assert list(tmp_path.iterdir()) == []


async def test_a_host_that_answers_for_neither_file_leads_back_too(tmp_path: Path) -> None:
    """As a refusal of both does."""
    async with staged() as (emulator, session):
        video = await created(session)
        emulator.fail("file", StallBefore(1000), times=None)
        with pytest.raises(APITimeoutError) as caught:
            await session.download_video(video, tmp_path)
        assert caught.value.ref == video.task.ref
        assert "nor can its clean file be had" in caught.value.__notes__[0]


async def test_a_task_without_works_has_nothing_to_download(tmp_path: Path) -> None:
    """The text says so, before anything is asked for."""
    async with staged() as (emulator, session):
        emulator.next_tasks(Outcome(works=False))
        video = await created(session)
        with pytest.raises(DownloadError, match="has no works"):
            await session.download_video(video, tmp_path)
        assert emulator.books.count("download_works") == 0


async def test_a_work_without_a_file_of_its_own_can_still_have_a_clean_one(tmp_path: Path) -> None:
    """And if it has none, the text says both."""
    async with staged() as (emulator, session):
        video = await created(session)
        bare = Video(task=Task(id=video.task_id, works=(Work(work_id=video.work_id),), ref=video.task.ref))
        assert (await session.download_video(bare, tmp_path)).clean
        emulator.fail("download_works", Status(402))
        with pytest.raises(DownloadError, match=r"no file of its own to download, and its clean file cannot be had: "):
            await session.download_video(bare, tmp_path)


async def test_what_the_disk_refuses_is_not_fetched_again(tmp_path: Path) -> None:
    """The other file would not fit either."""
    (tmp_path / "out").write_text("a file, no directory")
    async with staged() as (emulator, session):
        video = await created(session)
        with pytest.raises(DownloadError, match="cannot be made"):
            await session.download_video(video, tmp_path / "out")
        (tmp_path / f"video-{video.task_id}.mp4").mkdir()
        with pytest.raises(DownloadError, match="cannot be saved"):
            await session.download_video(video, tmp_path)
        assert emulator.books.count("file") == 1


async def test_a_download_tells_how_far_it_is(tmp_path: Path) -> None:
    """From the first byte to the last."""
    told: list[tuple[str, int, int | None]] = []
    async with staged() as (_, session):
        video = await created(session)
        await session.download_video(
            video, tmp_path, on_progress=lambda at: told.append((at.part, at.received, at.total))
        )
        assert (told[0], told[-1]) == (("video", 0, len(CLIPPED)), ("video", len(CLIPPED), len(CLIPPED)))
