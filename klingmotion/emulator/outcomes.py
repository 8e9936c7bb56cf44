"""What becomes of a task: scripted before it is created."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from attrs import field, frozen

from klingmotion.emulator.rules import Progress

Eta = Literal["epoch_ms", "epoch_s", "left_ms", "left_s", "zero", "negative", "frozen", "years", "absent"]


def _paths(paths: Collection[str]) -> frozenset[str]:
    return frozenset(paths)


@frozen(kw_only=True)
class Outcome:
    """The life of one task. The default succeeds, at the emulator's pace, with one work and a motion.

    Attributes:
        end: the state it ends in.
        status: the final status number, else 99 for a success and 6 for a failure.
        status_name: the final status name, else the name of `end`.
        error: the final reply's `error`; absent if None.
        message: the final reply's `message`, else `success` or nothing.
        works: whether the finished task carries its work.
        listed: whether its motion ever enters the motions list.
        bvh: whether the listed motion links a BVH ZIP.
        binary: whether the listed motion links a binary ZIP.
        invented: statuses shown one after the other, one look each, while it is processing.
        omit: keys left out of every reply about the task, as dotted paths (`task.status_name`).
        submit_omit: keys left out of the reply to the submit (`task.id`).
        unseen: how many first looks answer 404 although the task runs.
        vanish_after: after so many looks the task answers 404 for good, as one refused by moderation does.
        at_submit: the task has ended before the submit is answered.
        eta: the unit, or the defect, of the four eta fields while it runs.
        stamp: whether replies carry `currentTimestamp`.
        progress: its own pace, else the emulator's.
    """

    end: Literal["succeed", "failed"] = "succeed"
    status: int | None = None
    status_name: str | None = None
    error: str | None = None
    message: str | None = None
    works: bool = True
    listed: bool = True
    bvh: bool = True
    binary: bool = True
    invented: tuple[tuple[int, str], ...] = ()
    omit: Collection[str] = field(default=(), converter=_paths)
    submit_omit: Collection[str] = field(default=(), converter=_paths)
    unseen: int = 0
    vanish_after: int | None = None
    at_submit: bool = False
    eta: Eta = "epoch_ms"
    stamp: bool = False
    progress: Progress | None = None

    @property
    def final_status(self) -> tuple[int, str]:
        """The number and the name the task ends with."""
        number = {"succeed": 99, "failed": 6}[self.end] if self.status is None else self.status
        return number, self.end if self.status_name is None else self.status_name

    @property
    def final_message(self) -> str:
        """The final reply's `message`."""
        if self.message is not None:
            return self.message
        return "success" if self.end == "succeed" else ""
