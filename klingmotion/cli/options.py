"""The options and arguments that several commands share, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from klingmotion.downloads import PARTS, Part
from klingmotion.errors import InvalidRequestError
from klingmotion.refs import TaskRef
from klingmotion.retry import LONGEST


def _listed(values: list[str] | None) -> list[str] | None:
    """The names in a row of values, each of which may hold several between commas."""
    names = [name.strip() for value in values or [] for name in value.split(",")]
    for name in names:
        if name not in PARTS:
            raise typer.BadParameter(f"{name!r} is no part of a motion: take some of {', '.join(PARTS)}")
    return names or None


def seconds(text: str) -> float:
    """A number of seconds, as it is given."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= LONGEST:
        raise typer.BadParameter(f"{text!r} is no number of seconds; give one such as 90")
    return number


Email = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="The linked Kling account to use; else $USEAPI_EMAIL.")
]
Emulated = Annotated[
    bool, typer.Option("--emulator", metavar="", help="Use the local emulator: no token, no cost, an invented result.")
]
Json = Annotated[
    bool, typer.Option("--json", metavar="", help="Print one JSON object per step on stdout, errors included.")
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where to save the files; made if it is missing.")]
Parts = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PART,..",
        callback=_listed,
        help=f"Save these parts only: {', '.join(PARTS)}. May be repeated.",
    ),
]
Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", parser=seconds, help="How long to wait at most; 0 for no limit.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.")]
ContentType = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Only what is video, image or audio.")]
TaskText = Annotated[str, typer.Argument(metavar="TASK", help="A task id, or the reference that `submit` printed.")]


def chosen(names: list[str] | None) -> tuple[Part, ...] | None:
    """The parts that `--parts` names; all there are if it is not given."""
    return tuple(part for part in PARTS if part in names) if names else None


def task_id(ref: TaskRef) -> int:
    """The id in a reference, for commands that can do nothing without."""
    if ref.task_id is None:
        raise InvalidRequestError("this reference has no task id yet; `klingmotion wait` looks for the task first")
    return ref.task_id
