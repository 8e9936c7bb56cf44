"""A video made of a motion and an image, as a value."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from klingmotion.errors import InvalidRequestError
from klingmotion.models import EXTRACTION_TYPE, MediaFile, Task, Work
from klingmotion.refs import TaskRef

#: The scene of a task that extracts a motion (section 2.1).
_EXTRACTION_SCENE = "MOTION_EXTRACTION"


def task_type(task: Task) -> str | None:
    """What the server calls a task of its kind, wherever it says that."""
    return task.type or (task.info.type if task.info is not None else None)


def makes_video(task: Task) -> bool:
    """Whether a task makes a video of a motion, instead of a motion of a video."""
    return task.ref.image_url is not None or task_type(task) not in (None, EXTRACTION_TYPE)


def is_of_kind(task: Task, ref: TaskRef) -> bool:
    """Whether a task makes what the one behind `ref` was asked for."""
    return makes_video(task) == (ref.image_url is not None)


def refuse_video(task: Task) -> None:
    """Refuse a finished task whose type and scene tell that it makes a video, where a motion is waited for.

    The mark of a submit of an extraction is believed more than these, which the service may come to call otherwise.

    Raises:
        InvalidRequestError: It does.
    """
    scene = task.scene or (None if task.info is None else task.info.scene)
    if task.ref.reply_ref is None and makes_video(task) and scene not in (None, _EXTRACTION_SCENE):
        raise _of_the_other_kind(task, "a video, no motion", "wait_for_video")


def refuse_motion(task: Task) -> None:
    """Refuse a finished task whose type tells that it makes a motion, where a video is waited for.

    Raises:
        InvalidRequestError: It does.
    """
    if task_type(task) is not None and not makes_video(task):
        raise _of_the_other_kind(task, "a motion, no video", "wait_for_motion")


def _of_the_other_kind(task: Task, what: str, method: str) -> InvalidRequestError:
    error = InvalidRequestError(f"task {task.id} makes {what}; {method}(error.ref) gives it")
    error.ref, error.task = task.ref, task
    return error


@frozen(kw_only=True)
class Video:
    """What a task of `submit_video` ends in: its works, of which one is the video."""

    task: Task

    @property
    def task_id(self) -> int:
        """The task's id, by which the video is deleted."""
        return self.task.id

    @property
    def works(self) -> tuple[Work, ...]:
        """All outputs of the task."""
        return self.task.works

    @property
    def work(self) -> Work | None:
        """The output that is the video."""
        linked = [work for work in self.works if work.resource is not None and work.resource.url]
        videos = [work for work in linked if work.content_type == "video"]
        return next(iter(videos or linked or self.works), None)

    @property
    def work_id(self) -> int | None:
        """The id of that output."""
        return None if self.work is None else self.work.work_id

    @property
    def url(self) -> str | None:
        """Where the work's own file is; it may bear a watermark, and the link does not last."""
        return self._file.url or None

    @property
    def cover_url(self) -> str | None:
        """Its first frame."""
        cover = None if self.work is None else self.work.cover
        return None if cover is None else cover.url or None

    @property
    def duration(self) -> float | None:
        """Seconds."""
        return self._file.duration

    @property
    def width(self) -> int | None:
        """Pixels."""
        return self._file.width

    @property
    def height(self) -> int | None:
        """Pixels."""
        return self._file.height

    @property
    def _file(self) -> MediaFile:
        file = None if self.work is None else self.work.resource
        return MediaFile() if file is None else file


@frozen(kw_only=True)
class VideoFile:
    """Where a video was saved, and which of its two files that is."""

    path: Path
    #: Whether it is the clean file that the API makes for download; else it is the work's own.
    clean: bool
    #: Why it is not the clean file.
    reason: str | None = None
