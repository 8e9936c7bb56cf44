"""Commands about one task: submit, wait, delete."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from attrs import evolve

from klingmotion.cli import options
from klingmotion.cli.display import Display, Lines
from klingmotion.cli.execution import attempt, execute
from klingmotion.cli.extracting import coming_ref, upload
from klingmotion.cli.failure import ExitCode, Failure, resume_command
from klingmotion.cli.files import finish_video, make_ready, save, show_file
from klingmotion.cli.sessions import account, opened
from klingmotion.cli.streams import printable
from klingmotion.cli.track import Event, Stage, Track
from klingmotion.downloads import Part
from klingmotion.engine import TIMEOUT
from klingmotion.errors import InvalidRequestError
from klingmotion.models import Json, Motion
from klingmotion.refs import TaskRef
from klingmotion.videos import Video, makes_video

Clip = Annotated[Path, typer.Argument(metavar="CLIP", help="A video of 2 to 10 s with one clearly visible person.")]
ReplyUrl = Annotated[str | None, typer.Option(metavar="URL", help="Where the API posts progress and result to.")]
WaitOut = Annotated[Path | None, typer.Option(metavar="DIR", help="Save the files there.")]


def submit(clip: Clip, email: options.Email = None, reply_url: ReplyUrl = None, json: options.Json = False) -> None:
    """Upload a clip and submit it, without waiting; this is paid for.

    A reference to the task is printed on stdout: `wait` takes it, now or later, here or elsewhere.
    """

    async def work(display: Display) -> ExitCode:
        track = Track(display, clip.name or str(clip), clip=str(clip))
        display.tracks.append(track)
        return await attempt(track, _submit(clip, email, reply_url, track, display))

    execute(work, json=json)


async def _submit(clip: Path, email: str | None, reply_url: str | None, track: Track, display: Display) -> None:
    async with opened(email) as session:
        asset = await upload(session, clip, track)
        ref = coming_ref(asset, email)
        track.submitting(ref)
        task = await session.submit_motion(asset, reply_url=reply_url, reply_ref=ref.reply_ref)
        track.submitted(task)
        track.over()
    display.say(f"Task {task.id} goes on without us. To wait for it:")
    display.say(f"  {resume_command(task.ref)}")
    display.answer(str(task.ref))


def wait(
    task: options.TaskText,
    out: WaitOut = None,
    parts: options.Parts = None,
    email: options.Email = None,
    timeout: options.Timeout = TIMEOUT,
    json: options.Json = False,
) -> None:
    """Wait for a task and give its motion or its video; with --out, save the files.

    Also finds out what became of a submit that was interrupted or left unclear: give the reference printed then. On
    stdout comes the path of the BVH or video file, or without --out the link to it. --parts are those of a motion.
    """
    chosen = options.chosen(parts)
    if chosen and out is None:
        raise typer.BadParameter("saves nothing without --out", param_hint="'--parts'")

    async def work(display: Display) -> ExitCode:
        ref = TaskRef.parse(task)
        ref = evolve(ref, email=email or ref.email or account(None))
        if out is not None:
            make_ready(out)
        name = "submit" if ref.task_id is None else f"task {ref.task_id}"
        track = Track(display, name, ref=ref, out=out, parts=chosen)
        display.tracks.append(track)
        return await attempt(track, _wait(ref, out, chosen, timeout or None, track, display))

    execute(work, json=json)


async def _wait(
    ref: TaskRef,
    out: Path | None,
    parts: tuple[Part, ...] | None,
    timeout: float | None,
    track: Track,
    display: Display,
) -> None:
    now = asyncio.get_running_loop().time
    deadline = None if timeout is None else now() + timeout
    async with opened(ref.email) as session:
        track.waiting()
        task = await session.wait_for_task(ref, timeout=timeout, on_change=track.changed)
        if makes_video(task):
            await finish_video(session, Video(task=task), out, track, display)
            return
        left = None if deadline is None else max(deadline - now(), 0.001)
        motion = await session.wait_for_motion(task, timeout=left)
        if out is None:
            track.done(motion)
            display.answer(_link(motion))
            return
        track.done(motion, await save(session, motion, out, parts, track))
    show_file(track, display)


def _link(motion: Motion) -> str:
    """What best stands for a motion on one line."""
    links = (motion.bvh_url, motion.binary_url, motion.video_url, motion.name)
    return printable(next((link for link in links if link), ""))


def delete(
    task: options.TaskText, yes: options.Yes = False, email: options.Email = None, json: options.Json = False
) -> None:
    """Delete a task with its works and its motion, for good.

    Asks first; where nobody can answer, --yes is needed.
    """
    if not yes:
        confirm(f"Delete task {printable(task)} with its works and its motion, for good?")

    async def work(display: Display) -> ExitCode:
        ref = TaskRef.parse(task)
        number = options.task_id(ref)
        track = Track(display, f"task {number}", ref=ref)
        track.stage = Stage.DELETING
        display.tracks.append(track)
        display.busy(track, f"deleting task {number}")
        return await attempt(track, _delete(ref, email, track, display))

    execute(work, json=json)


def confirm(question: str) -> None:
    """Ask whether to delete something; ends the command if not."""
    if not sys.stdin.isatty():
        error = InvalidRequestError("nobody is there to ask: pass --yes to delete for good. Nothing was deleted")
        Lines().fail(Failure.of(error))
        raise typer.Exit(ExitCode.USAGE)
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        Lines().say("")  # the prompt's line ends here
        Lines().say("Interrupted; nothing was deleted.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if not agreed:
        Lines().say("Nothing was deleted.")
        raise typer.Exit(ExitCode.OTHER)


async def _delete(ref: TaskRef, email: str | None, track: Track, display: Display) -> None:
    async with opened(email) as session:
        deletion = await session.delete_task(ref, email=email)
    fields: dict[str, Json] = {"task_id": ref.task_id, "deleted": deletion.deleted}
    track.note(Event("deleted", (), {**fields, "work_ids": list(deletion.work_ids)}))
    track.over()
    works = ", ".join(map(str, deletion.work_ids)) or "none"
    display.answer(f"deleted task {ref.task_id}; works deleted: {works}")
