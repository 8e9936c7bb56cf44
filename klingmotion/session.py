"""The session: everything the package does, one method each."""

from __future__ import annotations

import contextlib
import inspect
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Final, TypeVar

import aiohttp
import attrs

from klingmotion import listing, media, replies, requests
from klingmotion.aiohttp_transport import AiohttpTransport, Secret
from klingmotion.calls import Calls
from klingmotion.configuration import checked_account, checked_base_url, token_trouble
from klingmotion.downloads import Downloads, OnDownload, Part
from klingmotion.errors import APIResponseError, ConfigurationError, InvalidRequestError, NotFoundError
from klingmotion.known_tasks import KnownTasks
from klingmotion.models import Asset, Deletion, Motion, MotionFiles, Task
from klingmotion.refs import TaskRef
from klingmotion.replies import is_passing
from klingmotion.requests import checked_email, checked_task_id
from klingmotion.retry import PollPolicy, RetryPolicy
from klingmotion.roster import Roster
from klingmotion.submitting import Submitter, new_reply_ref, reference
from klingmotion.transport import Transport
from klingmotion.uploads import OnUpload, upload
from klingmotion.waiting import OnCancel, Wait

T = TypeVar("T")

#: Seconds a wait may take, unless said otherwise.
TIMEOUT: Final = 1800.0

#: What a task can be named by: itself, its reference, its id, or the id or reference as text.
TaskLike = Task | TaskRef | int | str

#: A video or image to upload: a path, or the bytes of the file.
FileLike = str | os.PathLike[str] | bytes

#: Called with every new state of a task; may be a coroutine function, and is awaited before the next look.
OnTask = Callable[[Task], Awaitable[object] | object]


class MotionSession:
    """Extracts motion from videos through the Kling API v1 of useapi.net.

    Use it as `async with MotionSession() as session:`, or call `close()` in the end. It may be made anywhere, also at
    module level, and entered again after it was closed. One session serves any number of concurrent calls on one event
    loop, and does better than several would: they share connections, pauses and looks.

    Args:
        token: The useapi.net API token; else `$USEAPI_TOKEN`. White space around it is ignored.
        email: The linked Kling account to use; else `$USEAPI_EMAIL`; needed where several are linked. Every call takes
            `email=` too.
        base_url: Where the API lives; else `$KLINGMOTION_BASE_URL`, else `https://api.useapi.net/v1/kling`.
        retry: How requests that fail are repeated.
        poll: How often tasks are looked at.
        http: An aiohttp session to use (for a proxy, say). It is never closed here.
        transport: Another way to reach the API altogether; `token`, `base_url` and `http` are then not used.

    Raises:
        ConfigurationError: The token or another option is missing or malformed.
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        email: str | None = None,
        base_url: str | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  # frozen, so one default serves all
        poll: PollPolicy = PollPolicy(),  # noqa: B008  # as above
        http: aiohttp.ClientSession | None = None,
        transport: Transport | None = None,
    ) -> None:
        if transport is None:
            trouble = token_trouble(token)
            if trouble is not None:
                token = None  # a traceback with local variables must not show it
                raise ConfigurationError(trouble)
            secret = Secret((token if token is not None else os.environ["USEAPI_TOKEN"]).strip())
            token = None  # as above, for whatever goes wrong from here on
            transport = AiohttpTransport(checked_base_url(base_url), secret, http=http)
        token = None
        self._email = checked_account(email)
        self._poll = poll
        self._calls = Calls(transport, retry)
        self._known = KnownTasks.none()
        self._submitter = Submitter(self._calls, self._known)
        self._roster = Roster(self._calls)
        self._downloads = Downloads(self._calls)

    async def __aenter__(self) -> MotionSession:
        self._calls.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session. Waits that are pending end with a `TaskError`; the tasks themselves go on."""
        await self._calls.close()

    # --- Assets -----------------------------------------------------------------------------------------------------

    async def upload_asset(
        self,
        source: FileLike,
        *,
        content_type: str | None = None,
        on_progress: OnUpload | None = None,
        email: str | None = None,
    ) -> Asset:
        """Upload a video, image or audio file (contract section 2.6).

        The file is streamed from the disk, and sent again from its first byte where the connection breaks.

        Args:
            source: A path, or the bytes of the file.
            content_type: The type, where its content does not tell.
            on_progress: Called with the bytes handed over so far. If it raises, it is not called again.
            email: The linked account to use.

        Returns:
            For a video, `resource_url` and `cover_url` are what `submit_motion` takes.

        Raises:
            InvalidRequestError: The file is missing, empty, too large, of no usable type, or a video that does not
                last 2 to 10 s (the length is checked where tinytag is installed). Nothing was sent.
            APIResponseError: The answer does not mean success.
        """
        account = self._account(email)
        examined = await media.examine(source, content_type)
        return await upload(self._calls, examined, email=account, on_progress=on_progress)

    # --- Motions ----------------------------------------------------------------------------------------------------

    async def submit_motion(
        self,
        resource_url: str | Asset,
        cover_url: str | Asset | None = None,
        *,
        max_jobs: int | None = None,
        reply_url: str | None = None,
        reply_ref: str | None = None,
        email: str | None = None,
    ) -> Task:
        """Submit the extraction of the motion in an uploaded video (contract section 2.1). This call is paid for.

        It is sent again only if the connection never opened or the server said 429. After any other unclear outcome
        the task is looked for, for `RetryPolicy.settle` seconds, and adopted if it is found.

        Args:
            resource_url: The uploaded video, or its `resource_url`: 2 to 10 s with one clearly visible person.
            cover_url: An uploaded image, or its URL, or the video's own `cover_url`; not needed where the video is
                given as an `Asset`.
            max_jobs: Most jobs the account may run at once, 1 to 50, instead of its own setting.
            reply_url: Where the API posts progress and result to.
            reply_ref: A unique mark that callbacks and the list of running tasks repeat; made up if not given.
            email: The linked account to use.

        Raises:
            InvalidRequestError: An argument is not usable. Nothing was sent.
            SubmitUncertainError: It may have been accepted; `wait_for_motion(error.ref)` looks for it again.
            APIStatusError: It was refused: `AssetNotFoundError`, `ModerationError`, `RejectedInputError`,
                `RateLimitError` and others.
            TaskFailedError: It was accepted and has failed already.
        """
        return await self._submit(
            *_urls(resource_url, cover_url),
            max_jobs=max_jobs,
            reply_url=reply_url,
            reply_ref=reply_ref,
            email=email,
            deadline=None,
        )

    async def extract_motion(
        self,
        video: FileLike | Asset,
        *,
        cover: FileLike | Asset | None = None,
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
            video: A path, the bytes of the file, or an `Asset` uploaded before.
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
            KlingMotionError: As `upload_asset`, `submit_motion` and `wait_for_motion`.
        """
        deadline = self._deadline(timeout)
        _checked_on_cancel(on_cancel)
        account = self._account(email)
        examined = None if isinstance(video, Asset) else await _examined(video, "video")
        cover_image = None if cover is None or isinstance(cover, Asset) else await _examined(cover, "image")
        if isinstance(video, Asset):
            asset = video
        else:
            assert examined is not None  # noqa: S101  # a file was examined
            asset = await upload(self._calls, examined, email=account, on_progress=on_progress, deadline=deadline)
            _check_uploaded(asset, needs_cover=cover is None)
        if cover_image is not None:
            cover = await upload(self._calls, cover_image, email=account, on_progress=None, deadline=deadline)
        task = await self._submit(
            *_urls(asset, cover if isinstance(cover, Asset) else None),
            max_jobs=max_jobs,
            reply_url=reply_url,
            reply_ref=reply_ref,
            email=account,
            deadline=deadline,
        )
        return await self._wait_for_motion(task, deadline, poll or self._poll, on_change, on_cancel, on_submitted)

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
            task: A `Task`, a `TaskRef` (also that of an error), a task id, or either as text. A reference of an
                uncertain submit is looked for first.
            timeout: Seconds, or `None` for no limit.
            poll: How often to look, instead of the session's policy.
            on_change: Called with every new state of the task.
            on_cancel: What becomes of the task if this call is cancelled: `leave` it alone, `untrack` it (the API no
                longer reports on it, Kling goes on) or `delete` it with its works. Takes at most 2 s.
            email: The linked account the task belongs to, if it is not in the reference.

        Raises:
            TaskFailedError: It is over and did not succeed.
            TaskGoneError: The server no longer knows it.
            TaskTimeoutError: The timeout passed first; the task goes on.
            MotionNotListedError: It succeeded and its motion is not listed.
            SubmitUncertainError: The reference is of an uncertain submit that is still not found.
            KlingMotionError: An answer that ends the wait at once, or the last of `PollPolicy.max_failed_looks`
                failures in a row.
        """
        deadline = self._deadline(timeout)
        _checked_on_cancel(on_cancel)
        target = await self._target(task, email, deadline)
        return await self._wait_for_motion(target, deadline, poll or self._poll, on_change, on_cancel)

    def motions(self, *, mine: bool = True, page_size: int = 40, email: str | None = None) -> AsyncIterator[Motion]:
        """Every motion of the account, or with `mine=False` the official templates (contract section 2.3).

        Args:
            mine: The account's own motions; else the official ones.
            page_size: Entries asked for at once, 1 to 100.
            email: The linked account to use.
        """
        requests.list_motions(
            mine=mine, page=1, page_size=page_size
        )  # refuses a wrong size here, not at the first step
        return listing.motions(self._calls, mine=mine, page_size=page_size, email=self._account(email))

    async def download_motion(
        self,
        motion: Motion,
        directory: str | os.PathLike[str],
        *,
        parts: Collection[Part] | None = None,
        on_progress: OnDownload | None = None,
    ) -> MotionFiles:
        """Save the files of a motion: the `.bvh`, unpacked, with its ZIP, the binary ZIP, preview video and cover.

        Files appear whole or not at all; ZIPs and the BVH are checked. A transfer that is cut goes on where it was if
        the host can. The token is not sent to the host of the files.

        Args:
            motion: What `extract_motion` or `motions` gave. Links do not last: list old motions again.
            directory: Where to; made if it is missing.
            parts: Some of `bvh`, `binary`, `video` and `cover`; else all that the motion has.
            on_progress: Called with the bytes received so far of each part. If it raises, it is not called again.

        Raises:
            DownloadError: A file could not be fetched or saved, or is not what it should be, or the motion does not
                have a part that was asked for. Other parts may have been saved.
        """
        return await self._downloads.save(motion, Path(directory), parts=parts, on_progress=on_progress)

    # --- Tasks ------------------------------------------------------------------------------------------------------

    async def get_task(self, task: TaskLike, *, email: str | None = None) -> Task:
        """Look at a task once (contract section 2.2); a failed task is given like any other.

        Raises:
            NotFoundError: The server does not know it.
        """
        ref = self._ref(task, email)
        request = requests.get_task(_known_id(ref), email=ref.email)
        return await self._calls.repeat(request, replies.task(ref))

    async def wait_for_task(
        self,
        task: TaskLike,
        *,
        timeout: float | None = TIMEOUT,
        poll: PollPolicy | None = None,
        on_change: OnTask | None = None,
        on_cancel: OnCancel = "leave",
        email: str | None = None,
    ) -> Task:
        """Wait until a task has succeeded, as `wait_for_motion` does, and give the task itself."""
        deadline = self._deadline(timeout)
        _checked_on_cancel(on_cancel)
        target = await self._target(task, email, deadline)
        return await self._wait_for_task(target, deadline, poll or self._poll, on_change, on_cancel)

    async def watch_task(
        self,
        task: TaskLike,
        *,
        timeout: float | None = TIMEOUT,
        poll: PollPolicy | None = None,
        email: str | None = None,
    ) -> AsyncIterator[Task]:
        """Every new state of a task, ending with the final one, be it a success or a failure.

        Raises:
            KlingMotionError: As `wait_for_task`, but for `TaskFailedError`.
        """
        deadline = self._deadline(timeout)
        target = await self._target(task, email, deadline)
        if isinstance(target, Task) and target.is_final:
            yield target
            return
        with self._wait(target, deadline, poll or self._poll) as wait:
            while True:
                seen = await wait.next_change()
                yield seen
                if seen.is_final:
                    return

    async def delete_task(self, task: TaskLike, *, email: str | None = None) -> Deletion:
        """Delete a task and all its works, for good (contract section 2.4). A motion is deleted by its `task_id`.

        Raises:
            NotFoundError: The server does not know it, or it has no works yet.
        """
        ref = self._ref(task, email)
        request = requests.delete_task(_known_id(ref), email=ref.email)
        unclear = False

        def again(error: Exception) -> bool:
            nonlocal unclear
            passing = is_passing(error)  # type: ignore[arg-type]  # only errors of ours are asked about
            unclear = unclear or passing
            return passing

        try:
            return await self._calls.retried(lambda: self._calls.once(request, replies.deletion), again=again)
        except NotFoundError:
            if unclear:  # an earlier try was carried out and its answer lost
                return Deletion(deleted=1)
            raise

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _submit(
        self,
        resource_url: str,
        cover_url: str,
        *,
        max_jobs: int | None,
        reply_url: str | None,
        reply_ref: str | None,
        email: str | None,
        deadline: float | None,
    ) -> Task:
        request = requests.submit_motion(
            resource_url,
            cover_url,
            reply_ref=reply_ref if reply_ref is not None else new_reply_ref(),
            email=self._account(email),
            max_jobs=max_jobs,
            reply_url=reply_url,
        )
        return await self._submitter.submit(request, reference(request, resource_url.strip()), deadline=deadline)

    def _wait(self, target: Task | TaskRef, deadline: float | None, policy: PollPolicy) -> Wait:
        return Wait(self._calls, self._known, self._roster, target, policy=policy, deadline=deadline)

    async def _wait_for_task(
        self,
        target: Task | TaskRef,
        deadline: float | None,
        policy: PollPolicy,
        on_change: OnTask | None,
        on_cancel: OnCancel,
    ) -> Task:
        wait = self._wait(target, deadline, policy)
        async with wait.cancelled_with(on_cancel):
            return await wait.final(lambda task: _tell(on_change, task))

    async def _wait_for_motion(
        self,
        target: Task | TaskRef,
        deadline: float | None,
        policy: PollPolicy,
        on_change: OnTask | None,
        on_cancel: OnCancel,
        on_submitted: OnTask | None = None,
    ) -> Motion:
        wait = self._wait(target, deadline, policy)
        async with wait.cancelled_with(on_cancel):
            if isinstance(target, Task):
                await _tell(on_submitted, target)
            task = await wait.final(lambda task: _tell(on_change, task))
            return await listing.MotionSearch(self._calls, task, policy=policy, deadline=deadline).find()

    def _account(self, email: str | None) -> str | None:
        return checked_email(email) if email is not None else self._email

    def _ref(self, task: TaskLike, email: str | None) -> TaskRef:
        if isinstance(task, Task):
            ref = attrs.evolve(task.ref, task_id=task.id)
        elif isinstance(task, TaskRef):
            ref = task
        elif isinstance(task, str):
            ref = TaskRef.parse(task)
        else:
            ref = TaskRef(task_id=checked_task_id(task))
        return TaskRef(
            task_id=ref.task_id,
            email=checked_email(email) or ref.email or self._email,
            reply_ref=ref.reply_ref,
            resource_url=ref.resource_url,
            sent_at=ref.sent_at,
        )

    async def _target(self, task: TaskLike, email: str | None, deadline: float | None) -> Task | TaskRef:
        """What to wait for: a task, or a reference with an id, found first if it has none."""
        ref = self._ref(task, email)
        if ref.task_id is None:
            if ref.reply_ref is None and ref.resource_url is None:
                raise InvalidRequestError(
                    "this task reference names no task: it has neither id nor reply ref nor resource URL"
                )
            return await self._submitter.resolve(ref, deadline=deadline)
        return attrs.evolve(task, ref=ref) if isinstance(task, Task) else ref

    def _deadline(self, timeout: float | None) -> float | None:
        if timeout is None:
            return None
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or math.isnan(timeout) or timeout <= 0:
            raise InvalidRequestError(
                f"timeout must be a number of seconds above 0, or None for no limit, got {timeout!r}"
            )
        return self._calls.transport.now() + timeout


def _urls(video: str | Asset, cover: str | Asset | None) -> tuple[str, str]:
    """What a submit names: the video and its cover, which is the video's own unless another is given."""
    if isinstance(cover, Asset):
        cover = cover.url or cover.cover_url
    if not isinstance(video, Asset):
        return video, cover or ""
    return video.resource_url or "", cover or video.cover_url or ""


def _check_uploaded(video: Asset, *, needs_cover: bool) -> None:
    """Refuse an answer to an upload that leaves nothing to submit: that is the server's fault, not the caller's."""
    wanted = {"resourceUrl": video.resource_url} | ({"coverUrl": video.cover_url} if needs_cover else {})
    for name, url in wanted.items():
        if not url or not url.startswith(("http://", "https://")):
            text = f"the answer to the upload holds no usable {name}: {url!r}; upload again, or give cover="
            raise APIResponseError(text, status=200, path=f"$.{name}")


def _checked_on_cancel(value: str) -> None:
    if value not in ("leave", "untrack", "delete"):
        raise InvalidRequestError(f'on_cancel must be "leave", "untrack" or "delete", got {value!r}')


def _known_id(ref: TaskRef) -> int:
    if ref.task_id is None:
        raise InvalidRequestError(
            "this task reference has no task id yet; wait_for_motion(ref) looks for the task first"
        )
    return ref.task_id


async def _examined(source: FileLike, kind: str) -> media.Media:
    found = await media.examine(source)
    if not found.content_type.startswith(f"{kind}/"):
        raise InvalidRequestError(f"{found.name} is {found.content_type}; a file of type {kind} is needed here")
    return found


async def _tell(callback: OnTask | None, task: Task) -> None:
    """Call back. What the callback raises leaves with the task's reference, so that nothing is lost with it."""
    if callback is None:
        return
    try:
        answer = callback(task)
        if inspect.isawaitable(answer):
            await answer
    except Exception as error:
        how = f"raised by a callback for task {task.id}, which goes on; to resume: wait_for_motion({str(task.ref)!r})"
        with contextlib.suppress(Exception):  # an exception that takes no attributes leaves as it is
            error.add_note(how)
            if getattr(error, "ref", None) is None:
                error.ref = task.ref  # type: ignore[attr-defined]  # a note is for people, this is for programs
        raise
