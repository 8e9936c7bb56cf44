"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Email = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="The linked Kling account to use; else $USEAPI_EMAIL.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per step on stdout, errors included.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where to save the files; made if it is missing.")]
Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for the motion at most; 0 for no limit.")
]
TaskText = Annotated[str, typer.Argument(metavar="TASK", help="A task id, or the reference that `submit` printed.")]
