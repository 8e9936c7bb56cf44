"""The tracks of a batch: one for each clip under way, found by its path, from the first hook to the outcome.

Only ends are shown. With `--json` each is an event

    outcome       index, status, earlier, account, task_id, ref, work_id, motion, files, seconds, emulated, error

where `error` has kind, message, notes and exit_code, or is null.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import asdict

from klingmotion.batch.outcome import Outcome
from klingmotion.cli.amounts import seconds
from klingmotion.cli.display import Display
from klingmotion.cli.execution import logger
from klingmotion.cli.failure import Failure
from klingmotion.cli.streams import printable
from klingmotion.cli.track import Event, Stage, Track
from klingmotion.models import Json, Task, UploadProgress
from klingmotion.wire import spell

#: What an outcome is called in front of its reason.
_WORDS: Final = {"failed": "failed", "uncertain": "uncertain", "unfinished": "left to the next run"}


class _Ends:
    """Lets the display hear of ends only: of many clips at once, the steps between are too much to read."""

    def __init__(self, display: Display) -> None:
        self._display = display

    def show(self, track: Track, event: Event) -> None:
        if event.name == "outcome":
            self._display.show(track, event)


class ClipTracks:
    """The clips under way, in the display's tracks."""

    def __init__(self, display: Display, clips: Sequence[Path], *, out: Path, emulated: bool) -> None:
        self._display = display
        self._out = out
        self._ends = _Ends(display)
        self._same = Counter(clip.name for clip in clips)
        self._emulated = emulated
        self._tracks: dict[str, Track] = {}

    # --- hooks of the batch -----------------------------------------------------------------------------------------

    def started(self, source: str) -> None:
        """Work on a clip begins, or goes on."""
        self._track(source).stage = Stage.WAITING

    def uploading(self, source: str, progress: UploadProgress) -> None:
        """Bytes of it have been handed over."""
        track = self._track(source)
        track.uploading(progress)
        if progress.sent >= progress.total:  # now it waits for a slot
            track.transfer, track.stage = None, Stage.QUEUED

    def submitted(self, source: str, task: Task) -> None:
        """There is a task."""
        self._track(source).submitted(task)

    def changed(self, source: str, task: Task) -> None:
        """The task shows something new."""
        track = self._track(source)
        track.changed(task)
        if task.succeeded:
            track.stage = Stage.DOWNLOADING

    # --- outcomes ---------------------------------------------------------------------------------------------------

    def failure(self, outcome: Outcome) -> Failure | None:
        """What went wrong with a clip, if anything did."""
        if outcome.error is None:
            return None
        logger.debug("%s: %s", outcome.source, outcome.status, exc_info=outcome.error)
        return Failure.of(outcome.error, ref=outcome.ref, emulated=self._emulated)

    def over(self, outcome: Outcome, failure: Failure | None) -> None:
        """A clip has come to its end, as far as this run goes.

        Raises:
            AnswerError: That cannot be printed.
        """
        track = self._tracks.pop(os.path.abspath(outcome.source), None)  # noqa: PTH100  # as the batch names its rows
        if track is None:
            track = self._made(outcome.source)
        else:
            self._display.tracks.remove(track)
        before = outcome.earlier and outcome.status != "uncertain"
        if not before:
            track.stage = Stage.DONE if outcome.ok else Stage.FAILED
        path = self._path(outcome)
        words = () if before else _words(outcome, failure, track, path)
        track.note(Event("outcome", words, self._fields(outcome, failure, track)))
        if path is not None and not before:
            self._display.answer(path)

    def _fields(self, outcome: Outcome, failure: Failure | None, track: Track) -> dict[str, Json]:
        wanted = ("kind", "message", "notes", "exit_code")
        error: Json = None if failure is None else {name: failure.fields[name] for name in wanted}
        ref, motion = outcome.ref, outcome.motion
        paths: dict[str, Json] = {**self._files(outcome)}
        return {
            "index": outcome.index,
            "status": outcome.status,
            "earlier": outcome.earlier,
            "account": outcome.account,
            "task_id": None if ref is None else ref.task_id,
            "ref": None if ref is None else str(ref),
            "work_id": None if motion is None else motion.work_id,
            "motion": None if motion is None else spell(motion),
            "files": paths or None,
            "seconds": None if track.began is None else round(track.elapsed, 3),
            "emulated": self._emulated,
            "error": error,
        }

    def _path(self, outcome: Outcome) -> str | None:
        """What stands for a clip that is done: its BVH, or the first file there is instead."""
        return next((path for path in self._files(outcome).values() if path is not None), None) if outcome.ok else None

    def _files(self, outcome: Outcome) -> dict[str, str | None]:
        """The files by their parts, the BVH first; the journal has absolute paths, the user named the directory."""
        found = {} if outcome.files is None else asdict(outcome.files)
        return {name: None if path is None else self._as_given(path) for name, path in found.items()}

    def _as_given(self, path: Path) -> str:
        return str(self._out / path.name if path.parent == self._out.absolute() else path)

    # --- tracks -----------------------------------------------------------------------------------------------------

    def drop_waiting(self) -> None:
        """Forget what was not submitted: nothing more becomes of it in this run."""
        for key, track in list(self._tracks.items()):
            if track.stage in (Stage.UPLOADING, Stage.QUEUED):
                del self._tracks[key]
                self._display.tracks.remove(track)

    @property
    def seen(self) -> int:
        """Clips under way whose upload is over."""
        return sum(track.stage in (Stage.QUEUED, Stage.WAITING, Stage.DOWNLOADING) for track in self._tracks.values())

    def _track(self, source: str) -> Track:
        """The track of a clip. Paths are given in more than one way, and are the same all the same."""
        key = os.path.abspath(source)  # noqa: PTH100  # as the batch names its rows
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = self._made(source)
            track.begin()
            self._display.tracks.append(track)
        return track

    def _made(self, source: str) -> Track:
        name = Path(source).name
        return Track(self._ends, name if self._same[name] < 2 else source, clip=source, emulated=self._emulated)


def _words(outcome: Outcome, failure: Failure | None, track: Track, path: str | None) -> tuple[str, ...]:
    if outcome.ok:
        time = "" if track.began is None else f" in {seconds(track.elapsed)}"
        return (f"done{time}" if path is None else f"done{time}: {printable(path)}",)
    said = _WORDS[outcome.status]
    return (said,) if failure is None else (f"{said}: {failure.message}", *failure.notes)
