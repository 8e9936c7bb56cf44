"""What shows the user what goes on: plain lines, or JSON lines. The live display has a module of its own."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Protocol, Self

from klingmotion.cli import streams
from klingmotion.cli.amounts import clock
from klingmotion.cli.failure import Failure
from klingmotion.cli.streams import printable
from klingmotion.cli.track import Event, Stage, Track

#: Seconds after which a wait that has nothing new to tell says that it goes on.
_REMIND_EVERY: Final = 60.0


class Display(Protocol):
    """Shows tracks and hands out answers, from `with` to the end of its block, and what went wrong also after it."""

    tracks: list[Track]

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; what was held back is shown."""

    def busy(self, track: Track, words: str) -> None:
        """A request is under way that ends soon, as a rule: show it only where that disturbs nobody."""

    def show(self, track: Track, event: Event) -> None:
        """Show a step of a track."""

    def fail(self, failure: Failure) -> None:
        """Show what went wrong outside any track."""

    def say(self, line: str) -> None:
        """Talk to a person."""

    def answer(self, line: str) -> None:
        """A line of the answer, for a person or a pipe."""


class Lines:
    """One plain line on stderr for each step: for logs and pipes."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._reminders: dict[Track, asyncio.TimerHandle] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def busy(self, track: Track, words: str) -> None:
        """A line if it takes longer than a second."""
        stage = track.stage

        def remind() -> None:
            if track.stage is stage:
                self.say(f"{words} ...")

        asyncio.get_running_loop().call_later(1.0, remind)

    def show(self, track: Track, event: Event) -> None:
        """A step: the first line says whose."""
        if event.words:
            first, *more = event.words
            self._block(f"{track.name}: {'failed: ' if event.name == 'error' else ''}{first}", more)
        if track.stage is Stage.WAITING:
            self._remind_of(track)

    def _remind_of(self, track: Track) -> None:
        """A line a minute while a task is waited for and there is nothing new to tell."""

        def remind() -> None:
            if track.stage is Stage.WAITING:
                self.say(f"{track.name}: {track.status}, {clock(track.elapsed)} so far")
                self._remind_of(track)

        if track in self._reminders:
            self._reminders[track].cancel()
        self._reminders[track] = asyncio.get_running_loop().call_later(_REMIND_EVERY, remind)

    def fail(self, failure: Failure) -> None:
        """What went wrong outside any track."""
        first, *more = failure.lines
        self._block(f"error: {first}", more)

    def say(self, line: str) -> None:
        """To stderr."""
        streams.say(printable(line))

    def answer(self, line: str) -> None:
        """To stdout, at once."""
        streams.answer(line)

    def _block(self, first: str, more: list[str]) -> None:
        for line in (first, *(f"  {line}" for line in more)):
            self.say(line)


class Objects:
    """One JSON object on stdout for each step: for programs. People are not talked to."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def busy(self, track: Track, words: str) -> None:
        """Nothing: it is no step."""

    def show(self, track: Track, event: Event) -> None:
        """A step."""
        streams.answer_json({"event": event.name, "clip": track.clip, **event.fields})

    def fail(self, failure: Failure) -> None:
        """What went wrong outside any track."""
        streams.answer_json({"event": "error", "clip": None, **failure.fields})

    def say(self, line: str) -> None:
        """Nothing: every step is an object already."""

    def answer(self, line: str) -> None:
        """Nothing: the answer is an object already."""
