"""What the session gives can be given back to it: a task is named by whatever belongs to it."""

from __future__ import annotations

from typing import Any

import pytest

from klingmotion import (
    InvalidRequestError,
    MediaFile,
    Motion,
    RunningTask,
    TaskRef,
    UploadedAsset,
)
from klingmotion.emulator import ByTime, Emulator
from klingmotion.emulator.artefacts import cover_png
from tests.stage import CLIP, staged, submitted

PICTURE = cover_png(320, 320)
CLIPPED = CLIP.read_bytes()


# --- Tasks ----------------------------------------------------------------------------------------------------------


async def test_a_motion_names_its_task() -> None:
    """For a look, for new links, for a delete."""
    async with staged() as (emulator, session):
        motion = await session.extract_motion(CLIPPED)
        assert (await session.get_task(motion)).id == motion.task_id
        assert (await session.wait_for_motion(motion)).task_id == motion.task_id
        assert [state.id async for state in session.watch_task(motion)] == [motion.task_id]
        assert (await session.delete_task(motion)).deleted == 1
        assert emulator.books.seen("delete_task")[0].path.endswith(f"/tasks/{motion.task_id}")


async def test_a_video_names_its_task_and_is_looked_at_again() -> None:
    """Its links do not last: what it had is not what there is now."""
    async with staged() as (emulator, session):
        video = await session.create_video(CLIPPED, PICTURE)
        looks = emulator.books.count("get_task")
        again = await session.wait_for_video(video)
        assert (again.task_id, again.url is not None) == (video.task_id, True)
        assert emulator.books.count("get_task") == looks + 1
        assert (await session.delete_task(video)).deleted == 1


async def test_an_entry_of_the_running_tasks_names_its_task_and_its_account() -> None:
    """What another client began can be waited for, and untracked, with the account the list tells."""
    async with staged(Emulator(progress=ByTime(60, 60))) as (_, session):
        email = "performer@example.com"
        task = await submitted(session, email=email)
        (running,) = await session.running()
        assert running.email == email
        assert (await session.get_task(running)).ref == TaskRef(
            task_id=task.id, email=email, resource_url=task.ref.resource_url
        )
        await session.untrack_task(running)
        assert await session.running() == ()
        assert (await session.wait_for_task(running)).succeeded


@pytest.mark.parametrize(
    "nameless", [Motion(name="template"), RunningTask(email="a@example.com")], ids=["a motion", "an entry"]
)
async def test_what_shows_no_task_id_names_no_task(nameless: Any) -> None:
    """Every call says so, before anything is sent."""
    async with staged() as (emulator, session):
        calls = (
            session.get_task,
            session.delete_task,
            session.untrack_task,
            session.wait_for_task,
            session.wait_for_motion,
            session.wait_for_video,
        )
        for call in calls:
            with pytest.raises(InvalidRequestError, match="has no task id, so it names no task"):
                await call(nameless)
        with pytest.raises(InvalidRequestError, match="has no task id"):
            session.watch_task(nameless)
        assert emulator.books.count() == 0


@pytest.mark.parametrize("wrong", [17.0, None, True, [17], b"17" * 10**6], ids=lambda wrong: type(wrong).__name__)
async def test_what_belongs_to_no_task_is_refused_in_few_words(wrong: Any) -> None:
    """However much was given."""
    async with staged() as (_, session):
        with pytest.raises(InvalidRequestError, match="a task is named by what a call gave of it") as caught:
            await session.get_task(wrong)
        assert len(str(caught.value)) < 200


# --- Assets ---------------------------------------------------------------------------------------------------------


async def test_a_listed_video_is_extracted_without_an_upload() -> None:
    """By its entry in the list, with its own cover, with a listed image, or with another listed video's cover."""
    async with staged() as (emulator, session):
        await session.upload_asset(CLIPPED)
        await session.upload_asset(PICTURE)
        listed = {asset.content_type: asset async for asset in session.uploaded_assets()}
        video, image = listed["video"], listed["image"]
        for cover, expected in ((None, video.cover_url), (image, image.url), (video, video.cover_url)):
            await session.submit_motion(video, cover)
            sent = emulator.books.seen("submit_motion")[-1].body or {}
            assert (sent["resourceUrl"], sent["coverUrl"]) == (video.url, expected)
        motion = await session.extract_motion(video, cover=image)
        assert motion.task_id == emulator.books.tasks[-1].task_id
        assert emulator.books.count("upload_asset") == 2


@pytest.mark.parametrize(
    "asset",
    [
        UploadedAsset(content_type="image", resource=MediaFile(url="https://cdn.example.test/a.png")),
        UploadedAsset(id=5),
    ],
    ids=["an image", "no link"],
)
async def test_a_listed_asset_that_is_no_video_is_not_extracted(asset: UploadedAsset) -> None:
    """Nothing is sent, a cover neither."""
    async with staged() as (emulator, session):
        with pytest.raises(InvalidRequestError, match="must be an uploaded video"):
            await session.submit_motion(asset, asset)
        with pytest.raises(InvalidRequestError, match="must be an uploaded video"):
            await session.extract_motion(asset, cover=PICTURE)
        assert emulator.books.count() == 0
