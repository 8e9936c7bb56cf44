"""Runs a command's coroutine: the loop, Ctrl-C, errors, the exit code."""

from __future__ import annotations

import asyncio
import errno
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from typing import Final, NoReturn

import typer

from klingmotion.cli.display import Display, Lines, Objects
from klingmotion.cli.failure import ExitCode, Failure
from klingmotion.cli.interrupts import endings_are_interrupts
from klingmotion.cli.live import LiveDisplay
from klingmotion.cli.notices import told_on
from klingmotion.cli.streams import AnswerError
from klingmotion.cli.track import Track

Work = Callable[[Display], Coroutine[object, object, ExitCode]]

logger: Final = logging.getLogger("klingmotion.cli")


def left_behind(display: Display) -> ExitCode:
    """After Ctrl-C: say of everything under way where it was left."""
    under_way = [track for track in display.tracks if not track.stage.is_last]
    for track in under_way:
        track.interrupted()
    if not under_way:
        display.fail(Failure.of(KeyboardInterrupt()))
    return ExitCode.INTERRUPTED


def execute(
    work: Work,
    *,
    json: bool = False,
    on_interrupt: Callable[[Display], ExitCode] = left_behind,
    live: type[LiveDisplay] = LiveDisplay,
    steps: bool = True,
) -> NoReturn:
    """Run `work` with the display that suits, and end the command with the exit code it comes to.

    `live` is the display for a terminal. Without `steps` nothing is told of what holds up a single request.
    """
    raise typer.Exit(int(_executed(work, chosen_display(json=json, live=live), on_interrupt, steps=steps)))


async def attempt(track: Track, work: Awaitable[None]) -> ExitCode:
    """Await the work of one track. Whatever goes wrong with it concerns no other."""
    track.begin()
    try:
        await work
    except BrokenPipeError:
        raise  # this concerns all: nobody reads any more
    except Exception as error:  # a bug met by one clip must not cost the others their results
        logger.debug("%s failed", track.name, exc_info=error)
        return track.failed(error).exit_code
    return ExitCode.DONE


def chosen_display(*, json: bool, live: type[LiveDisplay] = LiveDisplay) -> Display:
    """JSON if asked for; lines if nobody watches, or a log is to be read; else the live display."""
    if json:
        return Objects()
    watched = live.fits() and not debugging()
    return live() if watched else Lines()


def _executed(work: Work, display: Display, on_interrupt: Callable[[Display], ExitCode], *, steps: bool) -> ExitCode:
    try:
        with endings_are_interrupts(), display, told_on(display) if steps else nullcontext():
            return asyncio.run(work(display))
    except KeyboardInterrupt:
        return on_interrupt(display)
    except BrokenPipeError:
        _tell_unread(display, on_interrupt)
        raise  # typer ends the command without a word
    except AnswerError as error:
        return failed(Lines(), error)  # there is nothing but stderr left to tell it on
    except ExceptionGroup as group:
        if group.subgroup(BrokenPipeError) is not None:
            _tell_unread(display, on_interrupt)
            raise BrokenPipeError(errno.EPIPE, "nobody reads any more") from None
        if (lost := group.subgroup(AnswerError)) is not None:
            return failed(Lines(), _first(lost))
        return failed(display, group)
    except Exception as error:  # noqa: BLE001  # no traceback reaches a user, whatever it is
        return failed(display, error)


def _tell_unread(display: Display, on_interrupt: Callable[[Display], ExitCode]) -> None:
    """Nobody reads answers any more: what may have been paid for is told on stderr all the same.

    A command that leaves nothing behind that way, for it keeps a journal, leaves nothing behind this way.
    """
    for track in display.tracks if on_interrupt is left_behind else ():
        if track.ref is not None and not track.stage.is_last:
            track.audience = Lines()
            track.interrupted()


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """The first of what came together."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


def failed(display: Display, error: Exception) -> ExitCode:
    """Show an error that belongs to no track; the exit code it stands for."""
    logger.debug("the command failed", exc_info=error)
    failure = Failure.of(error)
    display.fail(failure)
    return failure.exit_code


def debug() -> None:
    """Let the package's log go to stderr, tracebacks included."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log = logging.getLogger("klingmotion")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)


def debugging() -> bool:
    """Whether the log is on."""
    return logging.getLogger("klingmotion").isEnabledFor(logging.DEBUG)
