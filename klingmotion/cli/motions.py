"""Commands about motions: list, download."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from klingmotion.cli import options
from klingmotion.cli.display import Display
from klingmotion.cli.execution import attempt, execute
from klingmotion.cli.failure import ExitCode
from klingmotion.cli.files import linked, make_ready, save, show_file
from klingmotion.cli.rows import Row, length, listing, show_rows
from klingmotion.cli.sessions import account, opened
from klingmotion.cli.track import Event, Track
from klingmotion.downloads import Part
from klingmotion.errors import MotionNotListedError
from klingmotion.models import Motion
from klingmotion.refs import TaskRef
from klingmotion.session import MotionSession
from klingmotion.wire import spell

Official = Annotated[bool, typer.Option("--official", metavar="", help="The service's own templates instead of yours.")]
MotionId = Annotated[
    str, typer.Argument(metavar="TASK_OR_WORK_ID", help="A task or work id, as `list` shows it, or a task reference.")
]


def list_motions(official: Official = False, email: options.Email = None, json: options.Json = False) -> None:
    """List the account's motions.

    On a terminal as a table; else one line each, with task id, work id, asset id, name and BVH link between tabs.
    """

    async def work(display: Display) -> ExitCode:
        track = listing(Track(display, "list"), display, "listing the motions")
        return await attempt(track, _list(email, official, track, display))

    execute(work, json=json)


async def _list(email: str | None, official: bool, track: Track, display: Display) -> None:
    async with opened(email) as session:
        rows = (_row(motion) async for motion in session.motions(mine=not official))
        await show_rows(rows, track, display, otherwise="There is no motion.")


def download(
    motion: MotionId,
    parts: options.Parts = None,
    out: options.Out = Path(),
    email: options.Email = None,
    json: options.Json = False,
) -> None:
    """Save the files of a motion that is in the list.

    The path of the BVH file is printed on stdout; if it is not among the parts, that of the first one that is.
    """
    chosen = options.chosen(parts)

    async def work(display: Display) -> ExitCode:
        number = _number(motion)
        make_ready(out)
        track = listing(Track(display, f"motion {number}", out=out, parts=chosen), display, "listing the motions")
        return await attempt(track, _download(number, out, email, chosen, track, display))

    execute(work, json=json)


async def _download(
    number: int, out: Path, email: str | None, parts: tuple[Part, ...] | None, track: Track, display: Display
) -> None:
    async with opened(email) as session:
        motion = await _find(session, number)
        if motion.task_id is not None:
            track.ref = TaskRef(task_id=motion.task_id, email=account(email))
        track.done(motion, await save(session, motion, out, parts, track))
    show_file(track, display)


async def _find(session: MotionSession, number: int) -> Motion:
    """The motion with this task id or work id; negative work ids are those of the official templates."""
    async for motion in session.motions(mine=number > 0):
        if number in (motion.task_id, motion.work_id):
            return motion
    raise MotionNotListedError(
        f"no motion in the list has the task id or work id {number}; `klingmotion list` shows what is there, and"
        f" `klingmotion wait {number}` waits for a task that still runs",
        ref=TaskRef(),
    )


def _number(text: str) -> int:
    if re.fullmatch("-[0-9]{1,40}", text.strip()):
        return int(text)
    return options.task_id(TaskRef.parse(text))


def _row(motion: Motion) -> Row:
    return Row(
        event=Event("motion", (), {"task_id": motion.task_id, "work_id": motion.work_id, "motion": spell(motion)}),
        columns=(motion.task_id, motion.work_id, motion.asset_id, motion.name, motion.bvh_url),
        cells={
            "task": motion.task_id,
            "work": motion.work_id,
            "asset": motion.asset_id,
            "name": motion.name,
            "tag": motion.tag,
            "length": length(motion.duration),
            "files": " ".join(linked(motion)),
        },
    )
