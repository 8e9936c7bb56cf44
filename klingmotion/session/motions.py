"""What a session does with motions."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Collection

from klingmotion import listing, media, requests
from klingmotion.assets import UploadedAsset
from klingmotion.downloads import Part
from klingmotion.engine import TIMEOUT, TaskLike
from klingmotion.errors import InvalidRequestError
from klingmotion.farewell import OnCancel, checked_on_cancel
from klingmotion.fetching import OnDownload
from klingmotion.hooks import OnTask, tell
from klingmotion.media import FileLike
from klingmotion.models import Asset, Motion, MotionFiles, Task
from klingmotion.progress import check_hook
from klingmotion.retry import PollPolicy
from klingmotion.session.core import SessionCore, checked_path
from klingmotion.sources import listed_url
from klingmotion.uploads import OnUpload, check_submittable, upload
from klingmotion.videos import refuse_video

#: What is uploaded already: as an upload has given it, or as it is listed.
_Stored = Asset | UploadedAsset


class MotionMethods(SessionCore):
    """Extracted motions."""

    async def submit_motion(
        self,
        resource_url: str | Asset | UploadedAsset,
        cover_url: str | Asset | UploadedAsset | None = None,
        *,
        max_jobs: int | None = None,
        reply_url: str | None = None,
        reply_ref: str | None = None,
        email: str | None = None,
    ) -> Task:
        """Submit the extraction of the motion in an uploaded video (POST /videos/motion-upload). This is paid for.

        It is sent again only if the connection never opened or the server said 429. After any other unclear outcome
        the task is looked for, for `RetryPolicy.settle` seconds, and adopted if it is found.

        Args:
            resource_url: The uploaded video, or its `resource_url`: 2 to 10 s with one clearly visible person.
            cover_url: An uploaded image, or its URL, or the video's own `cover_url`; not needed where the video is
                given as an `Asset` or `UploadedAsset`.
            max_jobs: Most jobs the account may run at once, 1 to 50, instead of its own setting.
            reply_url: Where the API posts progress and result to; else the session's inbox.
            reply_ref: A unique mark that callbacks and the list of running tasks repeat; made up if not given.
            email: The linked account to use.

        Raises:
            InvalidRequestError: An argument is not usable. Nothing was sent.
            SubmitUncertainError: It may have been accepted; `wait_for_motion(error.ref)` looks for it again.
            APIStatusError: It was refused: `AssetNotFoundError`, `ModerationError`, `RejectedInputError`,
                `RateLimitError` and others.
            TaskFailedError: It was accepted and has failed already.
        """
        return await self._engine.submit(
            *_urls(resource_url, cover_url),
            max_jobs=max_jobs,
            reply_url=reply_url,
            reply_ref=reply_ref,
            email=email,
            deadline=None,
        )

    async def extract_motion(
        self,
        video: FileLike | Asset | UploadedAsset,
        *,
        cover: FileLike | Asset | UploadedAsset | None = None,
        timeout: float | None = TIMEOUT,
        on_submitted: OnTask | None = None,
        on_change: OnTask | None = None,
        on_progress: OnUpload | None = None,
        max_jobs: int | None = None,
        reply_url: str | None = None,
        reply_ref: str | None = None,
        poll: PollPolicy | None = None,
        on_cancel: OnCancel = "leave",
        email: str | None = None,
    ) -> Motion:
        """The whole way from a video file to its motion: upload, submit, wait, list.

        Args:
            video: A path, the bytes of the file, or an `Asset` or `UploadedAsset` that is there already.
            cover: An own cover image; else the first frame of the video.
            timeout: Seconds for all of it, or `None` for no limit.
            on_submitted: Called with the task as soon as it exists, before the first look: the place to save
                `task.ref`. If it raises, the exception leaves here with `ref` set.
            on_change: Called with every new state of the task.
            on_progress: Called with the bytes of the video handed over so far.
            max_jobs: See `submit_motion`.
            reply_url: See `submit_motion`.
            reply_ref: See `submit_motion`.
            poll: How often to look, instead of the session's policy.
            on_cancel: What becomes of the task if this call is cancelled: see `wait_for_motion`.
            email: The linked account to use.

        Raises:
            InvalidRequestError: The file or an argument is not usable. Nothing was sent.
            APITimeoutError: The timeout passed before the submit, as in an upload that stalls; nothing was submitted.
            SubmitUncertainError: The submit may have been accepted, and its task was not found before
                `RetryPolicy.settle` or the timeout was over; `wait_for_motion(error.ref)` looks for it again.
            TaskTimeoutError: The timeout passed after the submit; the task goes on.
            KlingMotionError: As `upload_asset`, `submit_motion` and `wait_for_motion`.
        """
        deadline, policy = self._engine.deadline(timeout), self._engine.policy(poll)
        checked_on_cancel(on_cancel)
        account = self._engine.account(email)
        requests.checked_submit(max_jobs=max_jobs, reply_url=reply_url, reply_ref=reply_ref)
        check_hook(on_progress)
        examined = None if isinstance(video, _Stored) else await media.examine_as("video", video)
        cover_image = None if cover is None or isinstance(cover, _Stored) else await media.examine_as("image", cover)
        if isinstance(video, _Stored):
            _urls(video, None)  # refuses what is no video, before a cover is uploaded for it
            stored: _Stored = video
        else:
            assert examined is not None  # noqa: S101  # a file was examined
            stored = asset = await upload(
                self._engine.calls, examined, email=account, on_progress=on_progress, deadline=deadline
            )
            check_submittable(asset, needs_cover=cover is None)
        if cover_image is not None:
            cover = await upload(self._engine.calls, cover_image, email=account, on_progress=None, deadline=deadline)
        task = await self._engine.submit(
            *_urls(stored, cover if isinstance(cover, _Stored) else None),
            max_jobs=max_jobs,
            reply_url=reply_url,
            reply_ref=reply_ref,
            email=account,
            deadline=deadline,
        )
        wait = self._engine.wait(task, deadline, policy, "wait_for_motion")
        async with wait.cared_for(on_cancel):
            await tell(on_submitted, task)
        del task  # what is asleep holds no task
        return await self._engine.listed(await wait.final(on_change, on_cancel), wait, on_cancel)

    async def wait_for_motion(
        self,
        task: TaskLike,
        *,
        timeout: float | None = TIMEOUT,
        poll: PollPolicy | None = None,
        on_change: OnTask | None = None,
        on_cancel: OnCancel = "leave",
        email: str | None = None,
    ) -> Motion:
        """Wait until a task is final, then give its motion from the list of motions.

        Args:
            task: A `Task`, a `TaskRef` (also that of an error), a task id, or either as text; or a `Motion` or an
                entry of `running()`. A reference of an uncertain submit is looked for first.
            timeout: Seconds, or `None` for no limit.
            poll: How often to look, instead of the session's policy.
            on_change: Called with every new state of the task.
            on_cancel: What becomes of the task if this call is cancelled: `leave` it alone, `untrack` it (the API no
                longer reports on it, Kling goes on) or `delete` it with its works. Takes at most 2 s.
            email: The linked account the task belongs to, if it is not in the reference.

        Raises:
            InvalidRequestError: The task makes a video, by its reference or, once it is final, by its type.
            TaskFailedError: It is over and did not succeed.
            TaskGoneError: The server no longer knows it.
            TaskTimeoutError: The timeout passed first; the task goes on.
            MotionNotListedError: It succeeded and its motion is not listed.
            SubmitUncertainError: The reference is of an uncertain submit that is still not found.
            KlingMotionError: An answer that ends the wait at once, or the last of `PollPolicy.max_failed_looks`
                failures in a row.
        """
        deadline, policy = self._engine.deadline(timeout), self._engine.policy(poll)
        checked_on_cancel(on_cancel)
        if (ref := self._engine.ref(task, email)).image_url is not None:
            raise InvalidRequestError(f"this task makes a video, no motion; {ref.wait_method}(ref) waits for it")
        wait = self._engine.wait(await self._engine.target(task, email, deadline), deadline, policy, "wait_for_motion")
        del task  # what is asleep holds no task
        done = await wait.final(on_change, on_cancel)
        refuse_video(done)
        return await self._engine.listed(done, wait, on_cancel)

    def motions(
        self, *, mine: bool = True, page_size: int = 40, email: str | None = None
    ) -> AsyncGenerator[Motion, None]:
        """Every motion of the account, or with `mine=False` the official templates (GET /videos/motions).

        Args:
            mine: The account's own motions; else the official ones.
            page_size: Entries asked for at once, 1 to 100.
            email: The linked account to use.
        """
        requests.list_motions(
            mine=mine, page=1, page_size=page_size
        )  # refuses a wrong size here, not at the first step
        return listing.motions(self._engine.calls, mine=mine, page_size=page_size, email=self._engine.account(email))

    async def download_motion(
        self,
        motion: Motion,
        directory: str | os.PathLike[str],
        *,
        parts: Collection[Part] | None = None,
        on_progress: OnDownload | None = None,
        email: str | None = None,
    ) -> MotionFiles:
        """Save the files of a motion: the `.bvh`, unpacked, with its ZIP, the binary ZIP, preview video and cover.

        Files appear whole or not at all; ZIPs and the BVH are checked. A transfer that is cut goes on where it was if
        the host can. The token is not sent to the host of the files.

        Args:
            motion: What `extract_motion` or `motions` gave. Links do not last: list old motions again.
            directory: Where to; made if it is missing.
            parts: Some of `bvh`, `binary`, `video` and `cover`; else all that the motion has.
            on_progress: Called with the bytes received so far of each part. If it raises, it is not called again.
            email: The linked account the motion belongs to. Files are fetched without it; the `ref` of an error has it.

        Raises:
            InvalidRequestError: An argument is not usable. Nothing was sent.
            DownloadError: A file could not be fetched or saved, or is not what it should be, or the motion does not
                have a part that was asked for. Other parts may have been saved.
            APIConnectionError: The host of a file could not be reached, time after time; `APITimeoutError` if it was
                silent. Other parts may have been saved.
        """
        if not isinstance(motion, Motion):
            raise InvalidRequestError(
                f"motion must be a Motion, as wait_for_motion and motions give it, got {motion!r:.80}"
            )
        return await self._engine.downloads.save(
            motion,
            checked_path("directory", directory),
            parts=parts,
            on_progress=on_progress,
            email=self._engine.account(email),
        )


def _urls(video: str | _Stored, cover: str | _Stored | None) -> tuple[str, str]:
    """What a submit names: the video and its cover, which is the video's own unless another is given."""
    if isinstance(cover, Asset):
        cover = cover.url or cover.cover_url
    elif isinstance(cover, UploadedAsset):
        cover = cover.url if cover.content_type in (None, "image") else cover.cover_url
    if isinstance(video, UploadedAsset):
        return listed_url("what a motion is extracted from", "video", video), cover or video.cover_url or ""
    if not isinstance(video, Asset):
        return video, cover or ""
    if not video.resource_url:
        raise InvalidRequestError(
            f"a motion is extracted from a video, and the asset {video.file_name or video.url!r} is none; upload one"
        )
    return video.resource_url, cover or video.cover_url or ""
