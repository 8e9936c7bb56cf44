"""What becomes of a task whose wait is cancelled."""

from __future__ import annotations

import asyncio
from typing import Literal

from klingmotion import replies, requests
from klingmotion.calls import Calls, logger
from klingmotion.errors import InvalidRequestError, KlingMotionError
from klingmotion.refs import TaskRef

#: What becomes of a task whose wait is cancelled: left alone, no longer tracked by the API, or deleted.
OnCancel = Literal["leave", "untrack", "delete"]

#: Seconds that `on_cancel` may take.
FAREWELL = 2.0


def checked_on_cancel(value: str) -> None:
    """Refuse what `on_cancel` cannot be.

    Raises:
        InvalidRequestError: It is none of the three.
    """
    if value not in ("leave", "untrack", "delete"):
        raise InvalidRequestError(f'on_cancel must be "leave", "untrack" or "delete", got {value!r}')


async def farewell(calls: Calls, ref: TaskRef, on_cancel: OnCancel) -> None:
    """Do what a cancelled wait was asked to, in `FAREWELL` seconds, whatever comes, raising nothing."""
    if on_cancel == "leave" or calls.closed or ref.task_id is None:
        return
    build = requests.untrack_task if on_cancel == "untrack" else requests.delete_task
    request = build(ref.task_id, email=ref.email)

    async def say_it() -> None:
        try:
            replies.check(request, await calls.answer(request, limit=FAREWELL), calls.transport.utcnow())
        except KlingMotionError as error:
            logger.warning("on_cancel=%s: %s", on_cancel, error, extra={"task_id": ref.task_id})

    # A task of its own: a second cancellation ends the caller's waiting at once, not the request.
    await asyncio.wait({calls.background(say_it())}, timeout=FAREWELL)
