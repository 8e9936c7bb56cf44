"""The values the API speaks in: frozen, snake_case, times as aware datetimes, durations in seconds.

Every field may be missing on the wire, so nearly every field may be `None`. What the server sends and this version does
not know is kept in `extra` under its wire name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from attrs import asdict, evolve, field, frozen

from klingmotion.refs import TaskRef

#: Any JSON value.
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

#: `TaskInfo.type` and `Task.type` of a motion extraction.
EXTRACTION_TYPE = "motion_control_motion_process"


def unknown_fields() -> Mapping[str, Json]:
    """The field of a class that keeps what this version does not know."""
    return field(factory=dict, hash=False, repr=False)


@frozen(kw_only=True)
class MediaFile:
    """A file the service hosts: part of a work or of a motion."""

    url: str | None = None
    width: int | None = None
    height: int | None = None
    #: Seconds.
    duration: float | None = None
    resource_key: str | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class TaskInput:
    """One input of a task: for an extraction, the video."""

    name: str | None = None
    input_type: str | None = None
    token: str | None = None
    blob_storage: Json = field(default=None, hash=False)
    url: str | None = None
    cover: str | None = None
    from_work_id: int | None = None
    from_upload_id: str | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class TaskArgument:
    """One named argument of a task."""

    name: str | None = None
    value: str | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class TaskInfo:
    """What a task was asked to do."""

    type: str | None = None
    scene: str | None = None
    inputs: tuple[TaskInput, ...] = ()
    arguments: tuple[TaskArgument, ...] = ()
    extra_args: Mapping[str, Json] = field(factory=dict, hash=False)
    callback_payloads: tuple[Json, ...] = field(default=(), hash=False)
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class WorkComment:
    """The account owner's own comment on a work."""

    rate: int | float | None = None
    tags: tuple[Json, ...] = field(default=(), hash=False)
    content: str | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class Work:
    """One output of a task."""

    work_id: int | None = None
    work_item_id: int | None = None
    task_id: int | None = None
    user_id: int | None = None
    type: str | None = None
    status: int | None = None
    status_name: str | None = None
    status_final: bool | None = None
    content_type: str | None = None
    resource: MediaFile | None = None
    cover: MediaFile | None = None
    star_num: int | None = None
    clone_count: int | None = None
    report_num: int | None = None
    favored: bool | None = None
    deleted: bool | None = None
    viewed: bool | None = None
    created_at: datetime | None = None
    info: TaskInfo | None = None
    self_attitude: str | None = None
    self_comment: WorkComment | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class Limitation:
    """A quota of the account for one type of task."""

    type: str | None = None
    remaining: int | None = None
    limit: int | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class PointGrant:
    """One grant of points. Amounts are as the server counts them; the units of the two times are not documented."""

    order_id: str | None = None
    type: str | None = None
    amount: int | float | None = None
    balance: int | float | None = None
    start_time: int | float | None = None
    end_time: int | float | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class UserPoints:
    """The account's points."""

    points: tuple[PointGrant, ...] = ()
    total: int | float | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class Ticket:
    """One ticket of the account."""

    order_id: str | None = None
    type: str | None = None
    amount: int | float | None = None
    balance: int | float | None = None
    start_time: int | float | None = None
    end_time: int | float | None = None
    package_type: str | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class UserTickets:
    """The account's tickets."""

    ticket: tuple[Ticket, ...] = ()
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class Task:
    """The server's handle on work in progress, as one look saw it.

    The reply's top level and its `task` object are one thing here. `is_final` decides whether the work is over;
    `status_name` may hold a name this version has never heard of.
    """

    id: int
    user_id: int | None = None
    type: str | None = None
    scene: str | None = None
    #: The server's number for the status. Shown in errors; nothing is decided by it.
    status: int | None = None
    #: `submitted`, `processing`, `succeed`, `failed`, or a name the server invented since.
    status_name: str | None = None
    #: Whether the work is over (wire: `status_final`).
    is_final: bool = False
    #: The server's text; `success` when it succeeded.
    message: str | None = None
    #: Why it failed, in the server's words.
    error: str | None = None
    info: TaskInfo | None = None
    favored: bool | None = None
    deleted: bool | None = None
    viewed: bool | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    viewed_at: datetime | None = None
    works: tuple[Work, ...] = ()
    limitation: Limitation | None = None
    user_points: UserPoints | None = None
    user_tickets: UserTickets | None = None
    edit_project: Json = field(default=None, hash=False)
    #: The five ETA fields are raw numbers of undocumented units.
    eta_time: int | float | None = None
    queuing_eta_time: int | float | None = None
    origin_eta_time: int | float | None = None
    origin_queuing_eta_time: int | float | None = None
    current_timestamp: int | float | None = None
    eta_time_over_sla: bool | None = None
    #: How to find this task again.
    ref: TaskRef = field(factory=TaskRef)
    extra: Mapping[str, Json] = unknown_fields()

    @property
    def succeeded(self) -> bool:
        """Whether the work is over and went well."""
        return self.is_final and self.status_name == "succeed"


@frozen(kw_only=True)
class Motion:
    """An extracted motion, or one of the official templates.

    An entry of October 2025 has `work_id`, `task_id`, `bvh_url` and `binary_url`; one of January 2026 has `asset_id`,
    sizes and times instead. What a shape lacks is `None`.
    """

    name: str | None = None
    work_id: int | None = None
    task_id: int | None = None
    official: bool | None = None
    tag: str | None = None
    #: The preview video.
    video_url: str | None = None
    cover_url: str | None = None
    #: A ZIP that holds the `.bvh` file.
    bvh_url: str | None = None
    #: A ZIP that holds the service's own binary form.
    binary_url: str | None = None
    asset_id: str | None = None
    asset_type: str | None = None
    #: Seconds.
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    has_audio: bool | None = None
    created_at: datetime | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class Asset:
    """An uploaded file."""

    #: For a video: what `submit_motion` takes.
    resource_url: str | None = None
    #: For a video: its first frame, what `submit_motion` takes as cover.
    cover_url: str | None = None
    #: For an image or audio file.
    url: str | None = None
    file_name: str | None = None
    status: int | None = None
    message: str | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class Deletion:
    """What a delete removed."""

    #: How many tasks were deleted.
    deleted: int = 0
    #: The works that went with them.
    work_ids: tuple[int, ...] = ()
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class RunningTask:
    """A task the API is tracking now, as GET /scheduler lists it."""

    id: int | None = None
    email: str | None = None
    #: When tracking began.
    started: str | None = None
    #: How long ago that was, as the server prints it (`MM:SS`).
    elapsed: str | None = None
    reply_url: str | None = None
    reply_ref: str | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class Capacity:
    """How many tasks one linked account may run, and runs, as GET /scheduler/available tells it."""

    email: str | None = None
    #: Most tasks at once.
    max_jobs: int | None = None
    #: Tasks that run now, those of other clients included.
    executing: int | None = None
    #: Slots that are free.
    available: int | None = None
    extra: Mapping[str, Json] = unknown_fields()


@frozen(kw_only=True)
class UploadProgress:
    """How far an upload has come, in bytes. A retry starts again at 0 with the next `attempt`."""

    sent: int
    total: int
    attempt: int = 1


@frozen(kw_only=True)
class DownloadProgress:
    """How far the download of one part is, in bytes. A transfer that has to start again starts again at 0."""

    #: `bvh`, `binary`, `video` or `cover`.
    part: str
    received: int
    #: `None` where the host does not say.
    total: int | None = None


@frozen(kw_only=True)
class MotionFiles:
    """Where the files of a motion were saved; `None` for what was not asked for or the motion does not have."""

    #: The BVH file itself, unpacked.
    bvh: Path | None = None
    #: The ZIP it came in.
    bvh_archive: Path | None = None
    #: The ZIP with the service's own binary form.
    binary: Path | None = None
    #: The preview video.
    video: Path | None = None
    cover: Path | None = None

    def with_those_of(self, other: MotionFiles) -> MotionFiles:
        """These and the other's together."""
        return evolve(self, **{name: path for name, path in asdict(other).items() if path is not None})
