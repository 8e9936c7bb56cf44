"""Ctrl-C, and what else asks a command to end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final

#: What is sent where a service or container is stopped, and where a terminal is closed.
ENDINGS: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def endings_are_interrupts() -> Iterator[None]:
    """Take every request to end for a Ctrl-C, so that the command says what it leaves behind.

    What is ignored stays so, as SIGHUP is under `nohup`.
    """
    with ExitStack() as stack:
        for number in ENDINGS:
            if _is_heard(number) and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _interrupt)
                stack.callback(signal.signal, number, signal.SIG_DFL)
        yield


@contextmanager
def in_two_steps(first: Callable[[], None], second: Callable[[], None]) -> Iterator[None]:
    """Call `first` at the first Ctrl-C and `second` at the next, or at once where another request to end comes.

    After `second` one more breaks off whatever runs. Both are called by the running loop. What is ignored stays so.
    """
    before, ctrl_c = signal.getsignal(signal.SIGINT), _is_heard(signal.SIGINT)
    steps = iter((first, second))
    with ExitStack() as stack:

        def pressed() -> None:
            if next(steps, second) is second:
                ended()
            else:
                first()

        def ended() -> None:
            stack.close()
            if ctrl_c:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            second()

        for number, hear in ((signal.SIGINT, pressed), *((number, ended) for number in ENDINGS)):
            if _is_heard(number):
                stack.enter_context(_heard_by_loop(number, hear))
        try:
            yield
        finally:
            stack.close()
            if ctrl_c:
                signal.signal(signal.SIGINT, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Do as Ctrl-C does, also where that is ignored, as in a process started in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _is_heard(number: signal.Signals) -> bool:
    """Whether this thread hears of a signal."""
    here = threading.current_thread() is threading.main_thread()
    return here and signal.getsignal(number) is not signal.SIG_IGN


@contextmanager
def _heard_by_loop(number: signal.Signals, hear: Callable[[], None]) -> Iterator[None]:
    """Let the running loop hear of a signal."""
    loop, before = asyncio.get_running_loop(), signal.getsignal(number)

    def forward(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(hear)

    try:
        loop.add_signal_handler(number, hear)
    except NotImplementedError:  # as on Windows
        signal.signal(number, forward)
    try:
        yield
    finally:
        if signal.getsignal(number) is not forward:
            loop.remove_signal_handler(number)
        signal.signal(number, before)
