"""What a batch was asked to do, with all of it and with each clip."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from attrs import frozen

from klingmotion.batch.intake import Videos
from klingmotion.batch.outcome import Outcome
from klingmotion.calls import logger
from klingmotion.downloads import Part
from klingmotion.models import Task, UploadProgress
from klingmotion.retry import PollPolicy


@frozen(kw_only=True)
class Hooks:
    """What is called along the way; each may be a coroutine function. One that raises is logged, and nothing else."""

    on_start: Callable[[str], Awaitable[object] | object] | None = None
    on_progress: Callable[[str, UploadProgress], object] | None = None
    on_submitted: Callable[[str, Task], Awaitable[object] | object] | None = None
    on_change: Callable[[str, Task], Awaitable[object] | object] | None = None
    on_done: Callable[[Outcome], Awaitable[object] | object] | None = None


async def tell(hook: Callable[..., Awaitable[object] | object] | None, *arguments: object) -> None:
    """Call a hook."""
    if hook is None:
        return
    try:
        answer = hook(*arguments)
        if inspect.isawaitable(answer):
            await answer
    except asyncio.CancelledError:
        here = asyncio.current_task()
        if here is None or here.cancelling():
            raise
        logger.warning("a hook of the batch was cancelled by something that it waited for")
    except Exception:  # noqa: BLE001  # whatever it raises: a broken hook must not lose a paid job
        logger.exception("a hook of the batch raised")


@frozen(kw_only=True)
class Plan:
    """What is done with every clip."""

    #: Where files are saved; `None` saves none.
    out: Path | None
    parts: Collection[Part] | None
    #: How long after an unclear submit its task may still turn up.
    settle: float
    #: How long one task is waited for.
    timeout: float | None
    poll: PollPolicy
    reply_url: str | None
    hooks: Hooks


@frozen(kw_only=True)
class Orders:
    """What is done with all of them."""

    videos: Videos
    accounts: tuple[str, ...]
    concurrency: int | None
    retry_failed: bool
    resubmit_uncertain: bool
    params: str
    plan: Plan
