"""What a session does with videos of a motion."""

from __future__ import annotations

import os
from typing import Unpack

from klingmotion import media, requests
from klingmotion.engine import TIMEOUT, Engine, TaskLike
from klingmotion.errors import InvalidRequestError
from klingmotion.farewell import OnCancel, checked_on_cancel
from klingmotion.fetching import OnDownload
from klingmotion.forms import VideoOptions
from klingmotion.hooks import OnTask, tell
from klingmotion.media import APPLIED, Media
from klingmotion.models import Asset, Task
from klingmotion.progress import check_hook
from klingmotion.requests import Request
from klingmotion.retry import PollPolicy
from klingmotion.session.core import SessionCore, checked_path
from klingmotion.sources import ImageLike, MotionLike, image_source, motion_source
from klingmotion.submitting import new_reply_ref, video_reference
from klingmotion.uploads import OnUpload, upload, usable
from klingmotion.video_downloads import VideoDownloads
from klingmotion.videos import Video, VideoFile, refuse_motion

#: Stands for the URL of a file that is still to be uploaded, so that all else can be checked before.
_COMING = "https://coming.invalid/"


class VideoMethods(SessionCore):
    """Videos in which the person of an image moves as a motion says."""

    async def submit_video(
        self,
        motion: MotionLike,
        image: ImageLike,
        *,
        reply_url: str | None = None,
        reply_ref: str | None = None,
        email: str | None = None,
        **options: Unpack[VideoOptions],
    ) -> Task:
        """Submit a video of a motion (POST /videos/motion-create). This call is paid for; files are uploaded first.

        It is sent again only if the connection never opened or the server said 429, as `submit_motion` is. Which of
        the three published forms is used follows from what is given: a work id, or an option of October 2025, means
        that one; all else those of 2026.

        Args:
            motion: The video of the motion, 3 to 30 s: its path, bytes or URL, or an uploaded asset. Or a `Motion`,
                or the work id of an extracted or official one.
            image: Who is to move: path, bytes or URL of an image, or an uploaded one.
            reply_url: Where the API posts progress and result to; else the session's inbox.
            reply_ref: A unique mark that callbacks and the list of running tasks repeat; made up if not given.
            email: The linked account to use.
            **options: See `VideoOptions`.

        Raises:
            InvalidRequestError: An argument is not usable, or options of different forms are mixed. Nothing was sent.
            SubmitUncertainError: It may have been accepted; `wait_for_video(error.ref)` looks for it again.
            PersonNotFoundError: There is no person in the image.
            EndpointUnavailableError: The API no longer offers it.
            APIStatusError: It was refused for another reason: `AssetNotFoundError`, `ModerationError`,
                `RateLimitError` and others.
            TaskFailedError: It was accepted and has failed already.
        """
        order = _Order(self._engine, motion, image, options, reply_url=reply_url, reply_ref=reply_ref, email=email)
        return await order.submit(on_progress=None, deadline=None)

    async def create_video(
        self,
        motion: MotionLike,
        image: ImageLike,
        *,
        timeout: float | None = TIMEOUT,
        on_submitted: OnTask | None = None,
        on_change: OnTask | None = None,
        on_progress: OnUpload | None = None,
        reply_url: str | None = None,
        reply_ref: str | None = None,
        poll: PollPolicy | None = None,
        on_cancel: OnCancel = "leave",
        email: str | None = None,
        **options: Unpack[VideoOptions],
    ) -> Video:
        """The whole way from a motion and an image to a video: upload, submit, wait. No extraction is needed.

        Args:
            motion: See `submit_video`.
            image: See `submit_video`.
            timeout: Seconds for all of it, or `None` for no limit.
            on_submitted: Called with the task as soon as it exists, before the first look: the place to save
                `task.ref`. If it raises, the exception leaves here with `ref` set.
            on_change: Called with every new state of the task.
            on_progress: Called with the bytes of the motion's video handed over so far.
            reply_url: See `submit_video`.
            reply_ref: See `submit_video`.
            poll: How often to look, instead of the session's policy.
            on_cancel: What becomes of the task if this call is cancelled: see `wait_for_motion`.
            email: The linked account to use.
            **options: See `VideoOptions`.

        Raises:
            InvalidRequestError: A file or an argument is not usable. Nothing was sent.
            KlingMotionError: As `submit_video` and `wait_for_video`.
        """
        deadline, policy = self._engine.deadline(timeout), self._engine.policy(poll)
        checked_on_cancel(on_cancel)
        check_hook(on_progress)
        order = _Order(self._engine, motion, image, options, reply_url=reply_url, reply_ref=reply_ref, email=email)
        task = await order.submit(on_progress=on_progress, deadline=deadline)
        wait = self._engine.wait(task, deadline, policy, "wait_for_video")
        async with wait.cared_for(on_cancel):
            await tell(on_submitted, task)
        del task  # what is asleep holds no task
        return Video(task=await wait.final(on_change, on_cancel))

    async def wait_for_video(
        self,
        task: TaskLike,
        *,
        timeout: float | None = TIMEOUT,
        poll: PollPolicy | None = None,
        on_change: OnTask | None = None,
        on_cancel: OnCancel = "leave",
        email: str | None = None,
    ) -> Video:
        """Wait until a task of `submit_video` has succeeded, then give its video.

        Arguments and errors are those of `wait_for_motion`; nothing has to be listed, for a task shows its works. A
        task that by its type makes a motion raises `InvalidRequestError` once it is final.
        """
        deadline, policy = self._engine.deadline(timeout), self._engine.policy(poll)
        checked_on_cancel(on_cancel)
        wait = self._engine.wait(await self._engine.target(task, email, deadline), deadline, policy, "wait_for_video")
        del task  # what is asleep holds no task
        done = await wait.final(on_change, on_cancel)
        refuse_motion(done)
        return Video(task=done)

    async def download_video(
        self,
        video: Video,
        directory: str | os.PathLike[str],
        *,
        on_progress: OnDownload | None = None,
        email: str | None = None,
    ) -> VideoFile:
        """Save a video, as the clean file that the API makes for download if it can be had, else as the work's own.

        Clean files need a paid Kling plan. Right after the end of a task they may not be there yet: then they are asked
        for again for about 20 s. The file appears whole or not at all, and is checked to be a video.

        Args:
            video: What `create_video` or `wait_for_video` gave. Links do not last: wait for an old task again.
            directory: Where to; made if it is missing. The file is called `video-<task id>.mp4`.
            on_progress: Called with the bytes received so far. If it raises, it is not called again.
            email: The linked account the task belongs to, if it is not in its reference.

        Returns:
            The path, and whether it is the clean file; if it is not, why.

        Raises:
            InvalidRequestError: An argument is not usable. Nothing was sent.
            DownloadError: Neither file could be fetched or saved.
            APIConnectionError: The clean file could not be had, and the host of the other could not be reached, time
                after time; `APITimeoutError` if it was silent.
        """
        if not isinstance(video, Video):
            raise InvalidRequestError(f"video must be a Video, as wait_for_video gives it, got {video!r:.80}")
        account = self._engine.account(email or video.task.ref.email)
        return await VideoDownloads(self._engine.calls).save(
            video, checked_path("directory", directory), email=account, on_progress=on_progress
        )


class _Order:
    """One video that is asked for. Making it checks all that can be checked without a file."""

    def __init__(
        self,
        engine: Engine,
        motion: MotionLike,
        image: ImageLike,
        options: VideoOptions,
        *,
        reply_url: str | None,
        reply_ref: str | None,
        email: str | None,
    ) -> None:
        self._engine = engine
        self._motion, self._image = motion_source(motion), image_source(image)
        self._options = options
        self._reply_url = engine.reply_url(reply_url)
        self._reply_ref = reply_ref if reply_ref is not None else new_reply_ref()
        self._email = engine.account(email)
        coming = None if self._motion.file is None else _COMING
        self._request(self._motion.url or coming, self._image.url or _COMING)

    def _request(self, motion_url: str | None, image_url: str) -> Request:
        return requests.submit_video(
            image_url,
            self._options,
            work_id=self._motion.work_id,
            motion_url=motion_url,
            reply_ref=self._reply_ref,
            reply_url=self._reply_url,
            email=self._email,
        )

    async def submit(self, *, on_progress: OnUpload | None, deadline: float | None) -> Task:
        """Upload what is a file, once both are known to be usable, and submit: once, whatever happens."""
        film, picture = self._motion.file, self._image.file
        video = None if film is None else await media.examine_as("video", film, length=APPLIED)
        image = None if picture is None else await media.examine_as("image", picture)
        motion_url, image_url = self._motion.url, self._image.url
        if video is not None:
            motion_url = usable("resourceUrl", (await self._upload(video, on_progress, deadline)).resource_url)
        if image is not None:
            image_url = usable("url", (await self._upload(image, None, deadline)).url)
        request = self._request(motion_url, image_url or "")
        return await self._engine.submitter.submit(request, video_reference(request), deadline=deadline)

    async def _upload(self, file: Media, on_progress: OnUpload | None, deadline: float | None) -> Asset:
        return await upload(self._engine.calls, file, email=self._email, on_progress=on_progress, deadline=deadline)
