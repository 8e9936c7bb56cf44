"""What became of each clip of a batch, as its user sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import attrs
from attrs import frozen

from klingmotion import errors, wire
from klingmotion.batch.journal import Row, State, as_json
from klingmotion.errors import KlingMotionError
from klingmotion.models import Json, Motion, MotionFiles, Task
from klingmotion.refs import TaskRef

#: `done`: the motion is here, and its files where they were asked for. `failed`: it cannot succeed as it is.
#: `uncertain`: it is unknown whether a submit was accepted. `unfinished`: the next run with the journal goes on.
OutcomeStatus = Literal["done", "failed", "uncertain", "unfinished"]

_STATUS: dict[State, OutcomeStatus] = {State.DONE: "done", State.FAILED: "failed", State.UNCERTAIN: "uncertain"}


@frozen(kw_only=True)
class Outcome:
    """What became of one clip: what went in tied to what came out."""

    #: The path as it was given; of a clip that only the journal names, as it was given then, absolute.
    source: str
    #: Its place among the given clips, from 0; `None` for a clip that only the journal names.
    index: int | None = None
    status: OutcomeStatus
    #: The linked account it was given to.
    account: str | None = None
    #: How its task is found again; also says whether one was submitted at all.
    ref: TaskRef | None = None
    #: The task as last seen in this run.
    task: Task | None = None
    motion: Motion | None = None
    #: The files that were saved and are still there.
    files: MotionFiles | None = None
    #: What went wrong; its text says what to do.
    error: Exception | None = None
    #: It was over before this run began.
    earlier: bool = False

    @property
    def ok(self) -> bool:
        """Whether the clip is done."""
        return self.status == "done"


def outcome_of(
    row: Row, *, index: int | None, source: str, task: Task | None, error: Exception | None, earlier: bool
) -> Outcome:
    """The outcome a row stands for; `error` and `task` are those of this run, if there were any."""
    status = _STATUS.get(row.state, "unfinished")
    if error is None and status != "done" and row.error is not None:
        error = restored(row.error, row.ref)
    return Outcome(
        source=source,
        index=index,
        status=status,
        account=row.email,
        ref=row.ref if row.attempt else None,
        task=task,
        motion=None if row.motion is None else wire.motion(json.loads(row.motion)),
        files=None if row.files is None else files_there(row.files),
        error=error,
        earlier=earlier,
    )


# --- As the journal keeps them --------------------------------------------------------------------------------------


def described(error: Exception) -> str:
    """An error as a row keeps it: its kind, its text, its plain values and its notes."""
    plain: dict[str, Json] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(error).items()
        if value is None or isinstance(value, str | int | float | tuple)
    }
    notes: list[Json] = list(getattr(error, "__notes__", ()))
    document: dict[str, Json] = {"kind": type(error).__name__, "text": str(error), "values": plain, "notes": notes}
    return as_json(document)


def restored(text: str, ref: TaskRef) -> KlingMotionError:
    """The error a row keeps. One that was none of ours comes as the root of the family."""
    document = json.loads(text)
    kind = getattr(errors, document["kind"], None)
    if not isinstance(kind, type) or not issubclass(kind, KlingMotionError):
        return KlingMotionError(f"{document['kind']}: {document['text']}")
    error = kind.__new__(kind)
    error.args = (document["text"],)
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in document["values"].items()}
    vars(error).update({"task": None, "last_error": None} | values | {"ref": ref})
    for note in document.get("notes", ()):
        error.add_note(note)
    return error


def described_files(files: MotionFiles) -> str:
    """The saved files as a row keeps them: wherever the next run is started."""
    return as_json({name: str(path.absolute()) for name, path in attrs.asdict(files).items() if path is not None})


def files_there(text: str) -> MotionFiles:
    """The saved files that are still there."""
    named = {name: Path(path) for name, path in json.loads(text).items() if name in attrs.fields_dict(MotionFiles)}
    return MotionFiles(**{name: path for name, path in named.items() if path.exists()})
