"""The life of a task. The moves allowed are the table below; anything else is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import define, frozen

from klingmotion.emulator.blobs import Blob
from klingmotion.emulator.media import Media
from klingmotion.emulator.outcomes import Outcome
from klingmotion.emulator.rules import ByLooks, ByTime, Progress

TaskState = Literal["submitted", "processing", "succeed", "failed"]

MOVES: Mapping[TaskState, frozenset[TaskState]] = {
    "submitted": frozenset({"processing", "failed"}),
    "processing": frozenset({"succeed", "failed"}),
    "succeed": frozenset(),
    "failed": frozenset(),
}
OPEN_NUMBERS: Mapping[TaskState, int] = {"submitted": 5, "processing": 10}

MOTION_TASK = "motion_control_motion_process"
VIDEO_TASK = "motion_control_video"
"""The type of the tasks of motion-create: invented, since none is published."""

Arguments = tuple[tuple[str, str], ...]
MOTION_ARGUMENTS: Arguments = (("prompt", ""), ("motionType", "video2motion"), ("biz", "klingai"))


class IllegalMove(Exception):  # noqa: N818  # named for what happened
    """A move the table does not allow: a bug in the emulator."""


@frozen
class StatusTriple:
    """The status triple as replies show it."""

    number: int
    name: str
    final: bool


@frozen(kw_only=True)
class Submission:
    """What a submit asked for: a motion out of a video or, with an image, a video out of a motion.

    The resource URL is that of the motion's video; `work_id` is there if the submit named the motion by it.
    """

    resource_url: str
    cover_url: str | None = None
    image_url: str | None = None
    work_id: int | None = None
    arguments: Arguments = MOTION_ARGUMENTS
    reply_url: str | None = None
    reply_ref: str | None = None
    type: str = MOTION_TASK

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs of what it is made from."""
        return (self.resource_url,) if self.image_url is None else (self.resource_url, self.image_url)


@define(eq=False, kw_only=True)
class Task:
    """Work in progress, or its end. Times are milliseconds since the epoch."""

    id: int
    account: str
    user_id: int
    work_id: int
    submission: Submission
    outcome: Outcome
    progress: Progress
    created: int
    updated: int
    media: Media
    film: Blob | None = None
    state: TaskState = "submitted"
    looks: int = 0
    looks_here: int = 0
    unseen: int = 0
    tracked: bool = True
    gone: bool = False
    viewed: int | None = None

    @property
    def open(self) -> bool:
        """Whether Kling still works on it."""
        return bool(MOVES[self.state])

    @property
    def has_work(self) -> bool:
        """Whether it has brought forth its work."""
        return self.state == "succeed" and self.outcome.works

    @property
    def next_state(self) -> TaskState:
        """Where it goes from here."""
        return "processing" if self.state == "submitted" else self.outcome.end

    @property
    def status(self) -> StatusTriple:
        """The status as it is shown now, in its invented guise if one is scripted."""
        if not self.open:
            return StatusTriple(*self.outcome.final_status, True)
        if self.state == "processing" and self.looks_here < len(self.outcome.invented):
            return StatusTriple(*self.outcome.invented[self.looks_here], False)
        return StatusTriple(OPEN_NUMBERS[self.state], self.state, False)

    def move(self, state: TaskState, at: float) -> None:
        """Go to `state`, at the given second."""
        if state not in MOVES[self.state]:
            raise IllegalMove(f"task {self.id}: {self.state} -> {state}")
        self.state = state
        self.looks_here = 0
        self.updated = max(self.created, int(at * 1000))

    def looks_due(self) -> bool:
        """Whether it has been looked at often enough to move on."""
        if not self.open or not isinstance(self.progress, ByLooks):
            return False
        if self.state == "submitted":
            return self.looks_here >= self.progress.submitted
        return self.looks_here >= max(self.progress.processing, len(self.outcome.invented))

    def seconds_here(self) -> float | None:
        """How long it stays in this state, if time moves it."""
        if not self.open or not isinstance(self.progress, ByTime):
            return None
        return self.progress.submitted if self.state == "submitted" else self.progress.processing

    def expected_end(self, now: float) -> float:
        """When it will end: exact if time moves it, else five seconds for each look still needed."""
        if isinstance(self.progress, ByTime):
            return self.created / 1000 + self.progress.submitted + self.progress.processing
        processing = max(self.progress.processing, len(self.outcome.invented))
        left = processing - self.looks_here
        if self.state == "submitted":
            left = self.progress.submitted - self.looks_here + processing
        return now + 5.0 * max(left, 0)
