"""One clip on its way through a batch: the steps, each announced in the journal before it is taken."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import attrs

from klingmotion import requests, wire
from klingmotion.batch.journal import (
    NOTHING_ELSE,
    UPLOADED,
    Change,
    Clip,
    Journal,
    Row,
    State,
    TaskTakenError,
    as_json,
)
from klingmotion.batch.orders import Plan, tell
from klingmotion.batch.outcome import described, described_files
from klingmotion.batch.troubles import Trouble, trouble
from klingmotion.calls import logger
from klingmotion.engine import Engine
from klingmotion.errors import (
    APIConnectionError,
    AssetNotFoundError,
    DownloadError,
    InvalidRequestError,
    KlingMotionError,
    MotionNotListedError,
    RateLimitError,
    SubmitUncertainError,
    TaskFailedError,
    TaskGoneError,
)
from klingmotion.evidence import CLOCK_SKEW, LATEST
from klingmotion.media import examine_as
from klingmotion.models import Motion, MotionFiles, Task, UploadProgress
from klingmotion.refs import TaskRef
from klingmotion.submitting import new_reply_ref
from klingmotion.uploads import check_submittable, upload

T = TypeVar("T")

#: Seconds an outage may last before a clip is left to the next run.
OUTAGE = 900.0

#: Seconds between two tries during an outage: doubling from the one to the other.
_SOONEST, _LATEST = 2.0, 60.0

#: Settle windows after which a submit that is still unclear is given up as uncertain.
PATIENCE = 5.0

#: Seconds until the next try while another clip with the same video is being submitted.
_HELD = 1.0

#: How often one clip is uploaded anew because the service lost its asset.
_MOST_RETRIES = 1

#: Statuses of a file's host that mean the link is dead.
_DEAD = (401, 403, 404, 410)

#: The fact that GET /tasks has shown a task known to exist.
LISTED = "listed"


class Passage:
    """One clip on its way. `row` is the journal's, `task` and `error` are what this run saw last."""

    def __init__(self, engine: Engine, journal: Journal, plan: Plan, row: Row, source: str) -> None:
        self._engine = engine
        self._calls = engine.calls
        self._journal = journal
        self._plan = plan
        self.row = row
        self.source = source
        self.task: Task | None = None
        self.error: Exception | None = None
        #: Whether an earlier run had begun to save it.
        self._resumed = row.state is State.READY
        #: When this process announced the submit, on the monotonic clock.
        self._announced: float | None = None
        #: When it became unclear what had come of it.
        self._unclear: float | None = None

    # --- Uploading --------------------------------------------------------------------------------------------------

    async def upload(self) -> None:
        """From `new` to `assets`; a file that is not there leaves it at `new`."""
        await tell(self._plan.hooks.on_start, self.source)
        path = await self._path()
        if path is None:
            text = f"{self.row.source} is not there any more, or is another file now; put it back and run again"
            self.error = InvalidRequestError(f"{text}. Nothing was paid for it")
            return
        before = await self._journal.uploaded(self.row.account or "", self.row.content_hash)
        if before is not None and self.row.retries == 0:
            await self._step(State.ASSETS, Change(resource_url=before.resource_url, cover_url=before.cover_url))
            return
        try:
            media = await examine_as("video", path)
            asset = await self._patiently(
                lambda: upload(self._calls, media, email=self.row.email, on_progress=self._progress)
            )
            check_submittable(asset)
        except KlingMotionError as error:
            if trouble(error) is not Trouble.CLIP:
                raise
            await self._fail(error)
            return
        await self._step(State.ASSETS, Change(resource_url=asset.resource_url, cover_url=asset.cover_url))

    async def _path(self) -> Path | None:
        """Where the clip is, as it was when it was added."""
        known = await self._journal.sources(self.row.key)
        return next((Path(clip.source) for clip in known if is_there(clip)), None)

    def _progress(self, progress: UploadProgress) -> None:
        if self._plan.hooks.on_progress is not None:
            self._plan.hooks.on_progress(self.source, progress)

    # --- Submitting -------------------------------------------------------------------------------------------------

    async def submit(self) -> None:
        """From `assets` to `submitted`, or to `submitting` where it is unclear what came of it.

        Raises:
            RateLimitError: There is no room; the clip is back at `assets`.
            APIConnectionError: No connection opened; the same.
            KlingMotionError: The account can do no more; the clip is back at `new`.
        """
        clock = self._calls.transport
        begun = clock.now()
        reply_ref = self.row.reply_ref or new_reply_ref()
        announced = Change(submit_at=clock.utcnow(), reply_ref=reply_ref, begins_attempt=True)
        if not await self._step(State.SUBMITTING, announced):
            if self.row.state is State.ASSETS:  # another clip with the same video is being submitted
                await self._calls.sleep(_HELD)
            return
        self._announced = begun
        if clock.now() - begun >= self._plan.settle / 2:  # too late to tell it from an attempt of another runner
            await self._step(State.ASSETS, Change(note="announced too long ago"))
            return
        request = requests.submit_motion(
            self.row.resource_url or "",
            self.row.cover_url or "",
            reply_ref=reply_ref,
            email=self.row.email,
            reply_url=self._plan.reply_url,
        )
        try:
            task = await self._engine.submitter.submit_once(request, self.row.ref, until=begun + self._plan.settle / 2)
        except KlingMotionError as error:
            await self._not_accepted(error)
            return
        try:
            if task is not None:
                await self._submitted(task)
                return
        except TaskTakenError as error:  # the server named one of before: ours has to be looked for
            logger.warning("%s", error, extra={"reply_ref": reply_ref})
            self.task = None
        self._unclear = clock.now()

    async def _not_accepted(self, error: KlingMotionError) -> None:
        if isinstance(error, RateLimitError | APIConnectionError):
            await self._step(State.ASSETS, Change(clear=("lane",), note=type(error).__name__))
            raise error
        if isinstance(error, AssetNotFoundError) and self.row.retries < _MOST_RETRIES:
            afresh = Change(retries=self.row.retries + 1, clear=("account", "lane", *UPLOADED), note="asset gone")
            await self._step(State.NEW, afresh)
        elif trouble(error) is Trouble.ACCOUNT:
            await self._step(State.NEW, Change(clear=("account", "lane", *UPLOADED), note=type(error).__name__))
            raise error
        else:
            await self._fail(error)

    async def _submitted(self, task: Task, *, extra: tuple[int, ...] = (), note: str | None = None) -> None:
        self.task = task
        kept = tuple(dict.fromkeys(self.row.extra_tasks + extra))
        if await self._step(State.SUBMITTED, Change(task_id=task.id, extra_tasks=kept or None, note=note)):
            await tell(self._plan.hooks.on_submitted, self.source, task)

    # --- Reconciling ------------------------------------------------------------------------------------------------

    async def reconcile(self, *, patience: float | None = None) -> None:
        """From `submitting` or `uncertain` to wherever the lists of the service say the submit has come.

        `patience` is how long lists that settle nothing are read again.
        """
        await self._meet_neighbours()
        settle = self._plan.settle
        try:
            task = await self._engine.submitter.resolve(
                self.row.ref,
                sent=self._announced,
                unclear=self._unclear,
                settle=settle,
                patience=PATIENCE * settle if patience is None else patience,
                insist=True,
            )
        except SubmitUncertainError as error:
            await self._unresolved(error)
        else:
            await self._found(task)
        finally:
            if self._engine.known.listed:
                await self._journal.remember(LISTED, "yes")

    async def _found(self, task: Task) -> None:
        try:
            await self._submitted(task, note="found")
        except TaskTakenError as error:
            self.error = SubmitUncertainError(f"{error}; which is its own cannot be told", ref=self.row.ref)
            if self.row.state is not State.UNCERTAIN:
                await self._step(State.UNCERTAIN, Change(error=described(self.error), clear=("lane",)))

    async def _meet_neighbours(self) -> None:
        """Tell the search which tasks are other clips', and whether the list is known to show any."""
        if await self._journal.recall(LISTED):
            self._engine.known.listed = True
        when = self.row.submit_at or datetime.now(UTC)
        around = CLOCK_SKEW + LATEST + timedelta(seconds=self._plan.settle)
        for row in await self._journal.owners(self.row.account or "", when - around, when + around):
            if row.key != self.row.key:
                self._engine.known.submitted(row.ref, self._calls.transport.now())
        for task_id in self.row.extra_tasks:  # of earlier attempts that are over
            before = TaskRef(task_id=task_id, reply_ref="another's")
            self._engine.known.submitted(before, self._calls.transport.now())

    async def _unresolved(self, error: SubmitUncertainError) -> None:
        if self._calls.closed:
            raise error
        if error.candidates:
            await self._adopt(error.candidates)
        elif error.absent:
            await self._step(State.ASSETS, Change(note="absent"))
        elif self.row.state is not State.UNCERTAIN:
            self.error = error
            await self._step(State.UNCERTAIN, Change(error=described(error), clear=("lane",)))
        else:
            self.error = error

    async def _adopt(self, candidates: tuple[int, ...]) -> None:
        """Take the oldest of several tasks made for this clip that has not failed; the others are kept for the bill."""
        tasks = [await self._seen(task_id) for task_id in candidates]
        going = [task for task in tasks if not (task.is_final and not task.succeeded)] or tasks
        oldest = min(going, key=lambda task: (task.created_at is None, task.created_at, task.id))
        extra = tuple(task.id for task in tasks if task is not oldest)
        if extra:
            logger.warning(
                "several tasks were made for %s; one is used, the others are in the journal: %s",
                self.source,
                extra,
                extra={"task_id": oldest.id, "reply_ref": self.row.reply_ref},
            )
        await self._submitted(attrs.evolve(oldest, ref=attrs.evolve(self.row.ref, task_id=oldest.id)), extra=extra)

    async def _seen(self, task_id: int) -> Task:
        ref = attrs.evolve(self.row.ref, task_id=task_id)
        return await self._patiently(lambda: self._engine.look(ref))

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
            if error.status not in _DEAD:
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

    # --- The journal ------------------------------------------------------------------------------------------------

    async def _step(self, state: State, change: Change = NOTHING_ELSE) -> bool:
        """Write a step down; if the row is not as it was, take it as it is instead."""
        moved = await self._journal.step(self.row, state, self._calls.transport.utcnow(), change)
        if moved is None:
            self.row = await self._journal.row(self.row.key) or self.row
            self._announced = self._unclear = None
            return False
        self.row = moved
        fields = {"task_id": moved.task_id, "reply_ref": moved.reply_ref, "account": moved.account}
        logger.info("%s: %s", self.source, state, extra=fields)
        return True

    async def _fail(self, error: KlingMotionError) -> None:
        self.error = error
        task_id = error.ref.task_id if error.ref is not None else None
        await self._step(State.FAILED, Change(error=described(error), task_id=task_id))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await `call`, again and again through an outage."""
        clock = self._calls.transport
        ends: float | None = None
        pause = _SOONEST
        while True:
            begun = clock.now()
            try:
                return await call()
            except KlingMotionError as error:
                now = clock.now()
                if ends is None or now - begun > OUTAGE:  # it went well for long: this is another outage
                    ends, pause = now + OUTAGE, _SOONEST
                if trouble(error) is not Trouble.PASSING or self._calls.closed or now >= ends:
                    raise
                logger.info("%s: %s; trying again", self.source, error, extra={"task_id": self.row.task_id})
                await self._calls.sleep(pause)
                pause = min(2 * pause, _LATEST)


def is_there(clip: Clip) -> bool:
    """Whether a file is where it was, with the size and time it had."""
    try:
        stat = Path(clip.source).stat()
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (clip.size, clip.mtime_ns)
