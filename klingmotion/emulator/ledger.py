"""What one linked account holds: assets, tasks, motions, and what its listings show of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator
from itertools import islice

from attrs import define, field, frozen

from klingmotion.emulator.blobs import Blob
from klingmotion.emulator.media import Media
from klingmotion.emulator.rules import Account, Lag
from klingmotion.emulator.tasks import Task

PLAIN_CLIP = Media("video/mp4", 5.0, 720, 1280)
"""What is presumed of a video the emulator has never seen."""


@frozen(eq=False, kw_only=True)
class Asset:
    """An uploaded file."""

    id: int
    account: str
    file_name: str
    blob: Blob
    media: Media
    origin: str
    created: int

    @property
    def kind(self) -> str:
        """`video`, `image` or `audio`."""
        return self.media.content_type.partition("/")[0]

    @property
    def path(self) -> str:
        """Where the file is served."""
        return f"/files/in/{self.id}/{self.file_name}"

    @property
    def cover_path(self) -> str:
        """Where the cover of a video is served."""
        return f"/files/in/{self.id}/cover.png"

    @property
    def resource_url(self) -> str:
        """The URL motion-upload takes as `resourceUrl`."""
        return self.origin + self.path

    @property
    def cover_url(self) -> str:
        """The URL motion-upload takes as `coverUrl`."""
        return self.origin + (self.cover_path if self.kind == "video" else self.path)


@frozen(eq=False, kw_only=True)
class Motion:
    """The extracted result, or an official template: then `task_id` and `account` are None, `work_id` is negative."""

    work_id: int
    task_id: int | None
    account: str | None
    name: str
    origin: str
    created: int
    media: Media = PLAIN_CLIP
    tag: str | None = None
    bvh: bool = True
    binary: bool = True
    source_url: str | None = None
    source_cover: str | None = None
    preview: Blob | None = None

    @property
    def official(self) -> bool:
        """Whether it is a template of the service."""
        return self.task_id is None

    @property
    def film(self) -> Blob | None:
        """The bytes of its video, if they are there."""
        return self.preview

    @property
    def film_url(self) -> str:
        """Where its video is served."""
        return self.url("preview.mp4")

    @property
    def cover_url(self) -> str:
        """Where its cover is served."""
        return self.url("cover.png")

    def url(self, name: str) -> str:
        """Where one of its files is served: preview.mp4, cover.png, bvh.zip, binary.zip."""
        return f"{self.origin}/files/out/{self.work_id}/{name}"


@frozen
class Mark:
    """The moment a thing was born, as a curtain counts it."""

    looks: int
    at: float


@define
class Curtain:
    """Hides what is new from a listing, for as long as its lag says."""

    lag: Lag
    looks: int = 0

    def mark(self, now: float) -> Mark:
        """Remember this moment."""
        return Mark(self.looks, now)

    def shows(self, mark: Mark, now: float) -> bool:
        """Whether the look now taking place shows a thing of that moment."""
        lag = self.lag
        return not lag.never and self.looks - mark.looks >= lag.looks and now - mark.at >= lag.seconds

    def looked(self) -> None:
        """One look is over."""
        self.looks += 1


@define(eq=False)
class Ledger:
    """All that one account holds."""

    account: Account
    user_id: int
    history_curtain: Curtain
    motion_curtain: Curtain
    assets: dict[int, Asset] = field(factory=dict)
    running: dict[int, Task] = field(factory=dict)
    motions: dict[int, Motion] = field(factory=dict)
    submitted: int = 0
    _tasks: list[Task] = field(factory=list)
    _marks: dict[int, Mark] = field(factory=dict)
    _coming: deque[tuple[Mark, Motion]] = field(factory=deque)

    def add_task(self, task: Task, now: float) -> None:
        """Enter a new task, in order of creation."""
        insort(self._tasks, task, key=_created)
        if self.history_curtain.lag != Lag():
            self._marks[task.id] = self.history_curtain.mark(now)

    def history(self, *, before: int | None, after: int | None, limit: int, now: float) -> list[Task]:
        """The newest tasks created strictly before or after a moment, as far as they are shown yet."""
        start = 0 if after is None else bisect_right(self._tasks, after, key=_created)
        stop = len(self._tasks) if before is None else bisect_left(self._tasks, before, key=_created)
        shown = (
            task
            for task in (self._tasks[index] for index in range(stop - 1, start - 1, -1))
            if not task.gone and self._in_history(task, now)
        )
        page = list(islice(shown, limit))
        if before is None:
            self.history_curtain.looked()
        return page

    def _in_history(self, task: Task, now: float) -> bool:
        mark = self._marks.get(task.id)
        if mark is None:
            return True
        if not self.history_curtain.shows(mark, now):
            return False
        del self._marks[task.id]
        return True

    def add_motion(self, motion: Motion, now: float) -> None:
        """Enter a motion; the listing shows it when its lag is over."""
        if self.motion_curtain.lag == Lag():
            self.list_motion(motion)
            return
        self._coming.append((self.motion_curtain.mark(now), motion))

    def list_motion(self, motion: Motion) -> None:
        """Enter a motion the listing shows at once."""
        self.motions[motion.work_id] = motion

    def listed(self, *, skip: int, limit: int | None, now: float) -> list[Motion]:
        """The newest motions, as far as they are listed yet."""
        while self._coming and self.motion_curtain.shows(self._coming[0][0], now):
            self.list_motion(self._coming.popleft()[1])
        if skip == 0:
            self.motion_curtain.looked()
        return list(islice(self._newest(), skip, None if limit is None else skip + limit))

    def _newest(self) -> Iterator[Motion]:
        return iter(reversed(self.motions.values()))

    def motion_of(self, task_id: int) -> Motion | None:
        """The listed motion of a task."""
        return next((motion for motion in self.motions.values() if motion.task_id == task_id), None)

    def remove_work(self, work_id: int) -> None:
        """Forget a motion, listed or still to come."""
        if self.motions.pop(work_id, None) is None:
            self._coming = deque(entry for entry in self._coming if entry[1].work_id != work_id)


def _created(task: Task) -> int:
    return task.created
