"""A track: what is under way for one clip or one task, from its first stage to its end.

It notes how far things have come, and tells the display of every step as an event. Events are also what `--json`
prints, one object each; their names and fields stay as they are:

    event         fields besides `event` and `clip` (the path as given, or null)
    uploading     file, sent, total (bytes), attempt
    uploaded      file, resource_url, cover_url, url (of an image)
    submitting    ref (finds the task again should the outcome stay unclear)
    submitted     task_id, ref, status_name, task
    waiting       task_id, ref
    changed       task_id, status_name, task
    listing       task_id
    downloading   task_id, work_id, received, total (bytes of all parts; total is null until it is known)
    saved         task_id, work_id, file (as in `files`), path; of a video also clean, reason
    done          task_id, work_id, motion, files, seconds, emulated
    done          of a video: task_id, work_id, task, url, files, clean, reason, seconds, emulated
    error         kind, message, notes, exit_code, task_id, ref, resume

`task` and `motion` are spelled as the API spells them; `files` has bvh, bvh_archive, binary, video and cover: a path or
null, or is null itself if nothing was downloaded; of a video it has video only. Commands that list have an event for
each entry, named in `rows`. `uploading` and `downloading` come when a transfer begins, and then
once a second at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from attrs import asdict, field, frozen

from klingmotion.cli.amounts import seconds, size
from klingmotion.cli.failure import Failure, known_ref, resume_command
from klingmotion.cli.streams import printable
from klingmotion.cli.transfer import Transfer
from klingmotion.downloads import Part
from klingmotion.errors import APIStatusError
from klingmotion.models import Asset, DownloadProgress, Json, Motion, MotionFiles, Task, UploadProgress
from klingmotion.refs import TaskRef
from klingmotion.videos import Video, VideoFile, makes_video
from klingmotion.wire import spell

#: Seconds between two reports of one transfer.
_REPORT_EVERY = 1.0


class Stage(StrEnum):
    """Where a track is."""

    QUEUED = "queued"
    UPLOADING = "uploading"
    SUBMITTING = "submitting"
    WAITING = "waiting"
    LISTING = "listing"
    DOWNLOADING = "downloading"
    DELETING = "deleting"
    UNTRACKING = "untracking"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_last(self) -> bool:
        """Whether nothing more will happen."""
        return self in (Stage.DONE, Stage.FAILED)


@frozen
class Event:
    """One step: a name and fields for programs, words for people."""

    name: str
    words: tuple[str, ...]
    fields: Mapping[str, Json] = field(factory=dict)


class Audience(Protocol):
    """Whoever is told of events."""

    def show(self, track: Track, event: Event) -> None:
        """Show one event."""


class Track:
    """The state of one thing under way."""

    def __init__(
        self,
        audience: Audience,
        name: str,
        *,
        clip: str | None = None,
        ref: TaskRef | None = None,
        out: Path | None = None,
        parts: Collection[Part] | None = None,
        emulated: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.audience = audience
        self.name = printable(name)
        self.clip = clip
        self.stage = Stage.QUEUED
        self.began: float | None = None
        self.task: Task | None = None
        self.ref = ref
        self.transfer: Transfer | None = None
        self.files: MotionFiles | None = None
        self._out = out
        self._parts = parts
        self._attempt = 0
        self._file = clip
        self._ids: dict[str, Json] = {}
        self._emulated = emulated
        self._clock = clock
        self._reported = clock()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return 0.0 if self.began is None else self._clock() - self.began

    @property
    def status(self) -> str:
        """What is going on, in a word or two."""
        if self.stage is not Stage.WAITING or self.task is None:
            return self.stage.value
        return printable(self.task.status_name or f"status {self.task.status}")

    # --- steps ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The clock starts."""
        self.began = self._clock()

    def uploading(self, progress: UploadProgress, *, file: str = "") -> None:
        """Bytes have been handed over. People are told of each attempt, programs also of how it goes."""
        starts = self.transfer is None or self._attempt != progress.attempt
        if self.transfer is None or starts:
            self._attempt, self.transfer = progress.attempt, Transfer(["file"], self._clock)
        self.transfer.note("file", progress.sent, progress.total)
        again = f", attempt {progress.attempt}" if progress.attempt > 1 else ""
        self._file = file or self.clip
        amount = f"{printable(Path(file).name)} ({size(progress.total)})" if file else size(progress.total)
        words = (f"uploading {amount}{again}",) if starts else ()
        fields = {"file": self._file, "sent": progress.sent, "total": progress.total, "attempt": progress.attempt}
        self._report(Stage.UPLOADING, Event("uploading", words, fields), starts=starts)

    def uploaded(self, asset: Asset) -> None:
        """The file is there."""
        self.transfer = None
        fields = {
            "file": self._file,
            "resource_url": asset.resource_url,
            "cover_url": asset.cover_url,
            "url": asset.url,
        }
        self._step(Stage.UPLOADING, Event("uploaded", ("uploaded",), fields))

    def submitting(self, ref: TaskRef) -> None:
        """The submit goes out; `ref` finds its task should the outcome stay unclear."""
        self.ref = ref
        self._step(Stage.SUBMITTING, Event("submitting", ("submitting",), {"ref": str(ref)}))

    def submitted(self, task: Task) -> None:
        """There is a task."""
        self._note(task)
        fields: dict[str, Json] = {
            "task_id": task.id,
            "ref": str(task.ref),
            "status_name": task.status_name,
            "task": spell(task),
        }
        self._step(Stage.WAITING, Event("submitted", (f"submitted as task {task.id}",), fields))

    def waiting(self) -> None:
        """A task that was submitted earlier is waited for."""
        task_id = None if self.ref is None else self.ref.task_id
        words = "looking for the task of this submit" if task_id is None else f"waiting for task {task_id}"
        self._step(Stage.WAITING, Event("waiting", (words,), {"task_id": task_id, "ref": str(self.ref)}))

    def changed(self, task: Task) -> None:
        """The task shows something new."""
        self._note(task)
        self.stage = Stage.WAITING
        fields: dict[str, Json] = {"task_id": task.id, "status_name": task.status_name, "task": spell(task)}
        failed = task.is_final and not task.succeeded  # of which the error tells, with the reason
        self._step(Stage.WAITING, Event("changed", () if failed else (self.status,), fields))
        if task.succeeded and not makes_video(task):
            self.listing(task.id)

    def listing(self, task_id: int | None = None) -> None:
        """The motion is looked up in the list of motions."""
        self._step(Stage.LISTING, Event("listing", ("listing the motions",), {"task_id": task_id}))

    def downloading(self, result: Motion | Video, parts: Collection[str]) -> None:
        """These parts of the result are being saved."""
        self.transfer = Transfer(parts, self._clock)
        self._ids = {"task_id": result.task_id, "work_id": result.work_id}
        self._report_download(starts=True)

    def received(self, progress: DownloadProgress) -> None:
        """Bytes of one part have come in."""
        if self.transfer is not None:
            self.transfer.note(progress.part, progress.received, progress.total)
            self._report_download(starts=False)

    def saved(self, files: MotionFiles) -> None:
        """A part is there whole, in one file or, unpacked, in two."""
        first, *more = [(name, path) for name, path in asdict(files).items() if path is not None]
        unpacked = " and the archive it came in" if more else ""
        self._saved(*first, (f"saved {first[1].name}{unpacked}",))
        for name, path in more:
            self._saved(name, path, ())

    def done(self, motion: Motion, files: MotionFiles | None = None) -> None:
        """It is over and went well."""
        self.files = files
        fields: dict[str, Json] = {
            "task_id": motion.task_id,
            "work_id": motion.work_id,
            "motion": spell(motion),
            "files": None if files is None else {name: _text(path) for name, path in asdict(files).items()},
            "seconds": round(self.elapsed, 3),
            "emulated": self._emulated,
        }
        words = f"done in {seconds(self.elapsed)}{'' if files is None else f' ({_contents(files)})'}"
        self._step(Stage.DONE, Event("done", (words,), fields))

    def video_saved(self, file: VideoFile) -> None:
        """The video is there whole."""
        words = (f"saved {file.path.name}", *(() if file.clean else (f"it is not the clean file: {file.reason}",)))
        fields: dict[str, Json] = {**self._ids, "file": "video", "path": str(file.path), **_kind(file)}
        self._step(Stage.DOWNLOADING, Event("saved", words, fields))

    def video_done(self, video: Video, file: VideoFile | None = None) -> None:
        """It is over and went well."""
        fields: dict[str, Json] = {
            "task_id": video.task_id,
            "work_id": video.work_id,
            "task": spell(video.task),
            "url": video.url,
            "files": None if file is None else {"video": str(file.path)},
            **_kind(file),
            "seconds": round(self.elapsed, 3),
            "emulated": self._emulated,
        }
        saved = "" if file is None else f" ({file.path.name}{', the clean file' if file.clean else ''})"
        self._step(Stage.DONE, Event("done", (f"done in {seconds(self.elapsed)}{saved}",), fields))

    def failed(self, error: BaseException) -> Failure:
        """It is over and did not go well."""
        failure = Failure.of(error, ref=self.ref, resume=self._resume(error), emulated=self._emulated)
        self._step(Stage.FAILED, Event("error", failure.lines, failure.fields))
        return failure

    def note(self, event: Event) -> None:
        """Tell of something that is no stage of its own."""
        self.audience.show(self, event)

    def over(self) -> None:
        """It is over; the answer itself says how."""
        self.stage = Stage.DONE

    def interrupted(self) -> None:
        """The user does not want to wait any longer."""
        self.failed(KeyboardInterrupt(self._left_behind()))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _step(self, stage: Stage, event: Event) -> None:
        self.stage = stage
        self.audience.show(self, event)

    def _report(self, stage: Stage, event: Event, *, starts: bool) -> None:
        """A step of a transfer: its start, then now and then."""
        now = self._clock()
        if starts or now - self._reported >= _REPORT_EVERY:
            self._reported = now
            self._step(stage, event)

    def _report_download(self, *, starts: bool) -> None:
        words = ("downloading",) if starts else ()
        if self.transfer is not None:
            fields = {**self._ids, "received": self.transfer.moved, "total": self.transfer.total}
            self._report(Stage.DOWNLOADING, Event("downloading", words, fields), starts=starts)

    def _saved(self, name: str, path: Path, words: tuple[str, ...]) -> None:
        fields: dict[str, Json] = {**self._ids, "file": name, "path": str(path)}
        self._step(Stage.DOWNLOADING, Event("saved", words, fields))

    def _note(self, task: Task) -> None:
        self.task, self.ref = task, task.ref

    def _resume(self, error: BaseException) -> str | None:
        if self.stage.is_last or self.stage in (Stage.DELETING, Stage.UNTRACKING):
            return None  # only the answer was not printed; or what is to go is not waited for
        ref = known_ref(error, self.ref)
        if ref is None or self._emulated:
            return None
        if ref.task_id is None and isinstance(
            error, APIStatusError
        ):  # refused: what is unclear has an error of its own
            return None
        return resume_command(ref, self._out, self._parts)

    def _left_behind(self) -> str:
        if self.stage in (Stage.QUEUED, Stage.UPLOADING) and self.ref is None:
            return "interrupted; nothing was submitted"
        if self.stage is Stage.DELETING:
            return "interrupted; it is unknown whether it was deleted, and deleting again does no harm"
        if self.stage is Stage.UNTRACKING:
            return "interrupted; it is unknown whether it is still tracked, and untracking again does no harm"
        if self._emulated:
            return "interrupted; the task was the emulator's and is gone with it"
        if self.ref is None:
            return "interrupted"
        if self.ref.task_id is None:
            return "interrupted during the submit; it is unknown whether it was accepted"
        if self.stage is Stage.DOWNLOADING:
            return f"interrupted during the download; task {self.ref.task_id} is done and its files stay available"
        return f"interrupted; task {self.ref.task_id} goes on"


def _contents(files: MotionFiles) -> str:
    """What was saved: the BVH by its name, the files beside it, which are called alike, by their kind."""
    names = [path.name if name == "bvh" else name for name, path in asdict(files).items() if path is not None]
    return ", ".join(names).replace("bvh_archive", "its archive")


def _kind(file: VideoFile | None) -> dict[str, Json]:
    """Which of a video's two files it is."""
    return {"clean": None if file is None else file.clean, "reason": None if file is None else file.reason}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
