"""Extracted motions and official templates of all accounts, by work id."""

from __future__ import annotations

from itertools import count

from klingmotion.emulator.ledger import Asset, Motion
from klingmotion.emulator.tasks import Task

_FIRST_WORK, _FIRST_OFFICIAL = 2**54 + 1, -100_000_000_000_001


class Works:
    """Makes motions and finds them again."""

    def __init__(self) -> None:
        self.origin = ""
        self.officials: list[Motion] = []
        self._by_id: dict[int, Motion] = {}
        self._ids = count(_FIRST_WORK, 2)

    def new_id(self) -> int:
        """An id for a work to come."""
        return next(self._ids)

    def get(self, work_id: int) -> Motion | None:
        """The motion with this id, unless it has been deleted."""
        return self._by_id.get(work_id)

    def remove(self, work_id: int) -> None:
        """Forget a motion and its files."""
        self._by_id.pop(work_id, None)

    def bring_forth(self, task: Task, asset: Asset | None, created: int) -> Motion:
        """The motion a finished task has extracted."""
        return self._keep(
            Motion(
                work_id=task.work_id,
                task_id=task.id,
                name=f"Motion of {asset.file_name}" if asset else f"Motion {task.id}",
                origin=self.origin,
                created=created,
                media=task.media,
                bvh=task.outcome.bvh,
                binary=task.outcome.binary,
                source_url=task.submission.resource_url,
                source_cover=task.submission.cover_url,
                preview=asset.blob if asset else None,
            )
        )

    def add(self, name: str, task_id: int, source_url: str | None, created: int) -> Motion:
        """A motion made elsewhere."""
        return self._keep(
            Motion(
                work_id=self.new_id(),
                task_id=task_id,
                name=name,
                origin=self.origin,
                created=created,
                source_url=source_url,
            )
        )

    def add_official(self, name: str, tag: str, created: int) -> Motion:
        """A template of the service."""
        number = _FIRST_OFFICIAL - len(self.officials)
        motion = Motion(work_id=number, task_id=None, name=name, origin=self.origin, created=created, tag=tag)
        self.officials.append(motion)
        return self._keep(motion)

    def _keep(self, motion: Motion) -> Motion:
        self._by_id[motion.work_id] = motion
        return motion
