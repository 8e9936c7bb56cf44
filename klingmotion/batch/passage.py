"""One clip on its way through a batch: the steps, each announced in the journal before it is taken."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from klingmotion import wire
from klingmotion.batch.intake import holds
from klingmotion.batch.journal import Change, Clip, State, as_json
from klingmotion.batch.orders import tell
from klingmotion.batch.outcome import described_files
from klingmotion.batch.submission import Submission
from klingmotion.batch.troubles import Trouble, trouble
from klingmotion.errors import (
    DownloadError,
    InvalidRequestError,
    KlingMotionError,
    MotionNotListedError,
    TaskFailedError,
    TaskGoneError,
)
from klingmotion.fetching import DEAD
from klingmotion.media import Media, examine_as
from klingmotion.models import Asset, Motion, MotionFiles, Task, UploadProgress
from klingmotion.uploads import check_submittable, upload


class Passage(Submission):
    """The whole way, from `new` to `done`."""

    #: Whether its file was not there, or was another one.
    _is_missing = False

    # --- Uploading --------------------------------------------------------------------------------------------------

    async def upload(self) -> None:
        """From `new` to `assets`; a file that is not there leaves it at `new`."""
        await tell(self._plan.hooks.on_start, self.source)
        clip = await self._clip()
        if clip is None:
            self._miss()
            return
        before = await self._journal.uploaded(self.row.account or "", self.row.content_hash)
        if before is not None and self.row.retries == 0:
            await self._step(State.ASSETS, Change(resource_url=before.resource_url, cover_url=before.cover_url))
            return
        media = None
        try:
            media = await examine_as("video", Path(clip.source))
            if not await holds(clip):
                self._miss()
                return
            asset = await self._patiently(partial(self._uploaded, media))
        except KlingMotionError as error:
            if trouble(error) is not Trouble.CLIP:
                raise
            if isinstance(error, InvalidRequestError) and media is not None:  # it is not what was examined any more
                self.error = error
                if not await holds(clip):
                    self._miss()
                return
            await self._fail(error)
            return
        await self._step(State.ASSETS, Change(resource_url=asset.resource_url, cover_url=asset.cover_url))

    async def _uploaded(self, media: Media) -> Asset:
        asset = await upload(self._calls, media, email=self.row.email, on_progress=self._progress)
        check_submittable(asset)
        return asset

    async def _clip(self) -> Clip | None:
        """Where the clip is, with the content that it had when it was added."""
        for clip in await self._journal.sources(self.row.key):
            if await holds(clip):
                return clip
        return None

    def _miss(self) -> None:
        self._is_missing = True
        text = f"{self.row.source} is not there any more, or is another file now; put it back and run again"
        self.error = InvalidRequestError(f"{text}. Nothing was paid for it")

    async def is_found(self) -> bool:
        """Whether its file, which was not there, is there now: under another name, maybe."""
        return self._is_missing and await self._clip() is not None

    def _progress(self, progress: UploadProgress) -> None:
        if self._plan.hooks.on_progress is not None:
            self._plan.hooks.on_progress(self.source, progress)

    # --- Waiting and saving -----------------------------------------------------------------------------------------

    async def wait(self) -> None:
        """From `submitted` to `ready`."""
        if self.task is None:
            await tell(self._plan.hooks.on_start, self.source)
        try:
            motion = await self._motion()
        except (TaskFailedError, TaskGoneError) as error:
            self.task = error.task or self.task
            await self._fail(error)
        else:
            await self._ready(motion)

    async def _motion(self) -> Motion:
        deadline = self._engine.deadline(self._plan.timeout)

        async def changed(task: Task) -> None:
            self.task = task
            await tell(self._plan.hooks.on_change, self.source, task)

        async def extracted() -> Motion:
            wait = self._engine.wait(self.task or self.row.ref, deadline, self._plan.poll, "wait_for_motion")
            return await self._engine.listed(await wait.final(changed, "leave"), wait, "leave")

        return await self._patiently(extracted)

    async def _ready(self, motion: Motion) -> None:
        spelled = as_json(wire.spell(motion))
        await self._step(State.READY, Change(motion=spelled, work_id=motion.work_id))

    async def save(self) -> None:
        """From `ready` to `done`."""
        motion = wire.motion(json.loads(self.row.motion or "{}"))
        if self._plan.out is None:
            await self._step(State.DONE)
            return
        try:
            files = await self._saved(motion, self._plan.out)
        except DownloadError as error:
            if error.status not in DEAD:
                raise
            fresh = await self._relisted()
            if fresh is None:
                return
            files = await self._saved(fresh, self._plan.out)
        await self._step(State.DONE, Change(files=described_files(files)))

    async def _saved(self, motion: Motion, out: Path) -> MotionFiles:
        if self._resumed:  # a run that was killed may have left parts of files
            await self._engine.downloads.clear(motion, out)
        return await self._engine.downloads.save(motion, out, parts=self._plan.parts, on_progress=None)

    async def _relisted(self) -> Motion | None:
        """The motion with new links, for links do not last; `None` if the service no longer has it."""
        try:
            motion = await self._motion()
        except (TaskFailedError, TaskGoneError, MotionNotListedError) as error:
            error.add_note(
                "It had succeeded, but the service no longer keeps its result. Extracting it anew is paid for again:"
                " run with retry_failed=True"
            )
            await self._fail(error)
            return None
        await self._ready(motion)
        return motion
