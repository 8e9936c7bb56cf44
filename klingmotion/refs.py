"""The reference by which a task is found again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from klingmotion.blanks import blank
from klingmotion.errors import InvalidRequestError

_REF_VERSION = 1


@frozen(kw_only=True)
class TaskRef:
    """All that is needed to find a task again, in another process too. It holds no secret.

    `str(ref)` is one line of versioned JSON; `TaskRef.parse` reads it back. A reference without `task_id` belongs to a
    submit whose outcome is unknown: waiting for it first looks for the task by `reply_ref` and `resource_url`.
    """

    #: The task's id, or `None` while it is unknown whether there is a task.
    task_id: int | None = None
    #: The linked Kling account the task belongs to.
    email: str | None = None
    #: The mark the submit carried.
    reply_ref: str | None = None
    #: The video the task was asked to take the motion from.
    resource_url: str | None = None
    #: The image a video was asked for with; `None` for an extraction.
    image_url: str | None = None
    #: When the submit was sent, by the local clock; aware.
    sent_at: datetime | None = field(default=None)

    @sent_at.validator
    def _is_aware(self, _: object, value: datetime | None) -> None:
        if value is not None and value.tzinfo is None:
            raise InvalidRequestError(f"sent_at of a task reference must be a time with a zone, got {value!r}")

    def __str__(self) -> str:
        known: dict[str, int | str] = {"klingmotion": _REF_VERSION}
        for name in ("task_id", "email", "reply_ref", "resource_url", "image_url"):
            if (value := getattr(self, name)) is not None:
                known[name] = value
        if self.sent_at is not None:
            known["sent_at"] = self.sent_at.isoformat()
        return json.dumps(known, ensure_ascii=True, separators=(",", ":"))

    def of_task(self, task_id: int, resource_url: str | None) -> TaskRef:
        """The same with what an answer tells of the task."""
        if task_id == self.task_id and resource_url == self.resource_url:
            return self
        known = blank(TaskRef)()  # a fifth of what `evolve` costs, at every task that is read
        known.task_id, known.resource_url = task_id, resource_url
        known.email, known.reply_ref = self.email, self.reply_ref
        known.image_url, known.sent_at = self.image_url, self.sent_at
        known.__class__ = TaskRef
        found: TaskRef = known
        return found

    @property
    def wait_method(self) -> str:
        """The method of a session that waits for what the task makes."""
        return "wait_for_motion" if self.image_url is None else "wait_for_video"

    @classmethod
    def parse(cls, text: str) -> TaskRef:
        """Read a reference back from `str(ref)`; bare digits are taken as a task id.

        Raises:
            InvalidRequestError: The text is no reference, or one of a later version.
        """
        text = text.strip()
        if text.isascii() and text.isdigit() and len(text) < 40:
            return cls(task_id=int(text))
        try:
            known = json.loads(text)
        except (ValueError, RecursionError):
            known = None
        if not isinstance(known, dict) or "klingmotion" not in known:
            raise InvalidRequestError(
                f"not a task id or task reference: {text[:80]!r} (expected digits, or what str(task.ref) gives)"
            )
        if known["klingmotion"] != _REF_VERSION:
            raise InvalidRequestError(
                f"this task reference has version {known['klingmotion']!r}; only version {_REF_VERSION} is known"
            )
        return cls(
            task_id=_ref_id(known.get("task_id")),
            email=_ref_text(known, "email"),
            reply_ref=_ref_text(known, "reply_ref"),
            resource_url=_ref_text(known, "resource_url"),
            image_url=_ref_text(known, "image_url"),
            sent_at=_ref_time(_ref_text(known, "sent_at")),
        )


def _ref_id(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise InvalidRequestError(f"task_id in a task reference must be a whole number, got {value!r}")


def _ref_text(known: Mapping[str, object], name: str) -> str | None:
    value = known.get(name)
    if value is None or isinstance(value, str):
        return value
    raise InvalidRequestError(f"{name} in a task reference must be a text, got {value!r}")


def _ref_time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None:
        raise InvalidRequestError(f"sent_at in a task reference must be an ISO time with a zone, got {text!r}")
    return moment
