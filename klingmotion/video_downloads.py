"""Downloads of videos: the clean file where the API makes one, else the work's own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from klingmotion import replies, requests
from klingmotion.calls import Calls
from klingmotion.errors import (
    AccountError,
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    DownloadError,
    KlingMotionError,
)
from klingmotion.fetching import DISK, Fetcher, OnDownload, keep
from klingmotion.media import type_of
from klingmotion.models import DownloadProgress
from klingmotion.progress import Teller
from klingmotion.refusals import is_passing
from klingmotion.retry import RetryPolicy, retry
from klingmotion.transport import bare
from klingmotion.videos import Video, VideoFile

#: Right after a task is over its clean file may not be there yet: it is asked for again for 15 to 25 s.
_UNTIL_CLEAN: Final = RetryPolicy(attempts=9, initial=8.0, ceiling=10.0, patience=25.0)

#: Bytes that tell the type of a file.
_HEAD = 64


class VideoDownloads:
    """Saves videos."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._fetcher = Fetcher(calls, renewal="look at the task again with wait_for_video(task_id)")

    async def save(
        self, video: Video, directory: Path, *, email: str | None, on_progress: OnDownload | None
    ) -> VideoFile:
        """Save a video into `directory`, which is made if it is missing.

        Raises:
            DownloadError: Neither file could be fetched or saved.
        """
        if video.work is None:
            raise _with_ref(DownloadError(f"task {video.task_id} has no works: there is nothing to download"), video)
        await self._fetcher.make(directory)
        target = directory / f"video-{video.task_id}.mp4"
        told = Teller(on_progress)
        try:
            path = await self._fetch(await self._clean_url(video, email), target, told)
            return VideoFile(path=path, clean=True)
        except (APIStatusError, APIResponseError, APIConnectionError, DownloadError) as error:
            if self._calls.closed or (isinstance(error, DownloadError) and error.status == DISK):
                raise _with_ref(error, video) from None
            return await self._second_best(video, target, told, error)

    async def _second_best(
        self, video: Video, target: Path, told: Teller[DownloadProgress], why: KlingMotionError
    ) -> VideoFile:
        """The work's own file."""
        if video.url is None:
            text = f"task {video.task_id} has no file of its own to download, and its clean file cannot be had: {why}"
            raise _with_ref(DownloadError(text), video) from why
        try:
            return VideoFile(path=await self._fetch(video.url, target, told), clean=False, reason=str(why))
        except KlingMotionError as error:
            error.add_note(f"nor can its clean file be had: {why}")
            raise _with_ref(error, video) from None

    async def _clean_url(self, video: Video, email: str | None) -> str:
        if video.work_id is None:
            raise DownloadError("the work has no id to ask for its clean file by")
        request = requests.download_works((video.work_id,), file_type="MP4", email=email)
        return await retry(
            lambda: self._calls.once(request, replies.clean_url),
            policy=_UNTIL_CLEAN,
            clock=self._calls.transport,
            sleep=self._calls.sleep,
            again=lambda error: not self._calls.closed and _may_come(error),
        )

    async def _fetch(self, url: str, target: Path, told: Teller[DownloadProgress]) -> Path:
        return await self._fetcher.save("video", url, target, told, partial(_finish, url, target))


def _may_come(error: KlingMotionError) -> bool:
    """Whether the clean file may be there a little later: what is not ready yet is answered as if it were wrong."""
    if isinstance(error, AccountError):
        return False
    wrong = isinstance(error, APIStatusError) and (error.status in (400, 404) or error.status >= 500)
    return wrong or is_passing(error)


def _finish(url: str, target: Path, file: BinaryIO) -> Path:
    """Check that a fetched file is a video and give it its name."""
    file.seek(0)
    if not (type_of(file.read(_HEAD)) or "").startswith("video/"):
        raise DownloadError(f"{bare(url)} gave something that is no video", url=url)
    keep(file, target)
    return target


def _with_ref(error: KlingMotionError, video: Video) -> KlingMotionError:
    error.ref = video.task.ref
    return error
