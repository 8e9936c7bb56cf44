"""Ctrl-C in two steps, for a command that can stop gently."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def in_two_steps(first: Callable[[], None], second: Callable[[], None]) -> Iterator[None]:
    """Call `first` at the first Ctrl-C and `second` at the next; a third one breaks off whatever runs.

    Both are called by the running loop. Where Ctrl-C is ignored, as in a process started in the background, or this is
    not the thread that hears of it, nothing is changed.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    steps = iter((first, second))

    def pressed() -> None:
        if (step := next(steps, None)) is not None:
            step()
        if step is second:
            _hear(loop, None)

    _hear(loop, pressed)
    try:
        yield
    finally:
        _hear(loop, None)
        signal.signal(signal.SIGINT, before)


def _hear(loop: asyncio.AbstractEventLoop, pressed: Callable[[], None] | None) -> None:
    """Let the loop hear of Ctrl-C, or nobody in particular."""
    try:
        if pressed is None:
            loop.remove_signal_handler(signal.SIGINT)
        else:
            loop.add_signal_handler(signal.SIGINT, pressed)
    except NotImplementedError:  # as on Windows
        signal.signal(signal.SIGINT, signal.default_int_handler if pressed is None else _forwarding(loop, pressed))


def _forwarding(
    loop: asyncio.AbstractEventLoop, pressed: Callable[[], None]
) -> Callable[[int, FrameType | None], None]:
    def forward(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(pressed)

    return forward
