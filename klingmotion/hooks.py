"""Functions of the caller's that are told of a task."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Awaitable, Callable

from klingmotion.models import Task

#: Called with every new state of a task; may be a coroutine function, and is awaited before the next look.
OnTask = Callable[[Task], Awaitable[object] | object]


async def tell(hook: OnTask | None, task: Task) -> None:
    """Call a hook. What it raises leaves with the task's reference, so that nothing is lost with it."""
    if hook is None:
        return
    try:
        answer = hook(task)
        if inspect.isawaitable(answer):
            await answer
    except Exception as error:
        resuming = f"{task.ref.wait_method}({str(task.ref)!r})"
        how = f"raised by a hook for task {task.id}, which goes on; to resume: {resuming}"
        with contextlib.suppress(Exception):  # an exception that takes no attributes leaves as it is
            error.add_note(how)
            if getattr(error, "ref", None) is None:
                error.ref = task.ref  # type: ignore[attr-defined]  # a note is for people, this is for programs
        raise
