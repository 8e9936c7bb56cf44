"""The other job: from a motion and an image to a video."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from attrs import frozen

from klingmotion import forms
from klingmotion.cli import options
from klingmotion.cli.display import Display
from klingmotion.cli.execution import attempt, execute
from klingmotion.cli.extracting import until
from klingmotion.cli.failure import ExitCode, reworded
from klingmotion.cli.files import finish_video, make_ready
from klingmotion.cli.sessions import INVENTED_VIDEO, account, opened
from klingmotion.cli.track import Track
from klingmotion.engine import TIMEOUT
from klingmotion.errors import AssetNotFoundError
from klingmotion.forms import VideoOptions
from klingmotion.media import APPLIED, examine_as
from klingmotion.models import Asset
from klingmotion.refs import TaskRef
from klingmotion.session import MotionSession
from klingmotion.sources import ImageLike, MotionLike, Source, image_source, motion_source
from klingmotion.submitting import new_reply_ref

#: Panels of the help.
_2025, _2026 = "With a motion given by its work id", "With a motion given as a video"

Image = Annotated[str, typer.Option(metavar="FILE|URL", help="Who is to move: an image with one whole person.")]
Motion = Annotated[
    str,
    typer.Option(
        metavar="FILE|URL|ID",
        help="How: a video of 3 to 30 s, or the work id of an extracted or official motion.",
    ),
]
Prompt = Annotated[str | None, typer.Option(metavar="TEXT", help="What is to be seen, in up to 2500 characters.")]
Mode = Annotated[str | None, typer.Option(metavar="std|pro", help="Quality, and cost.")]
ModelName = Annotated[
    str | None, typer.Option(metavar="MODEL", rich_help_panel=_2026, help="kling-v3-0 or kling-v2-6.")
]
KeepAudio = Annotated[
    bool, typer.Option("--keep-audio", metavar="", rich_help_panel=_2026, help="Keep the sound of the motion's video.")
]
Direction = Annotated[
    str | None,
    typer.Option(
        metavar="WAY",
        rich_help_panel=_2026,
        help="Move as in the video (motion_direction), or keep the direction of the image (image_direction).",
    ),
]
Element = Annotated[
    str | None,
    typer.Option(metavar="ID", rich_help_panel=_2026, help="An element (u_...) that keeps the person's looks."),
]
Duration = Annotated[int | None, typer.Option(metavar="5|10", rich_help_panel=_2025, help="Seconds.")]
Character = Annotated[
    int | None, typer.Option(metavar="N", rich_help_panel=_2025, help="Who of several people: 0 to 10, from the left.")
]
Change = Annotated[
    bool,
    typer.Option("--change-direction", metavar="", rich_help_panel=_2025, help="Change the direction of the motion."),
]
Sound = Annotated[
    bool, typer.Option("--sound-effect", metavar="", rich_help_panel=_2025, help="Give the video a sound.")
]
AudioPrompt = Annotated[str | None, typer.Option(metavar="TEXT", rich_help_panel=_2025, help="What the sound is like.")]
MusicPrompt = Annotated[str | None, typer.Option(metavar="TEXT", rich_help_panel=_2025, help="What the music is like.")]
Asmr = Annotated[
    bool, typer.Option("--enable-asmr", metavar="", rich_help_panel=_2025, help="A sound in the manner of ASMR.")
]


@frozen(kw_only=True)
class Order:
    """What `create` was asked for."""

    motion: str
    image: str
    options: VideoOptions
    out: Path
    email: str | None = None
    timeout: float | None = None
    emulated: bool = False


def create(
    image: Image,
    motion: Motion,
    out: options.Out = Path(),
    prompt: Prompt = None,
    mode: Mode = None,
    model_name: ModelName = None,
    keep_audio: KeepAudio = False,
    motion_direction: Direction = None,
    element: Element = None,
    duration: Duration = None,
    character_id: Character = None,
    change_direction: Change = False,
    sound_effect: Sound = False,
    audio_prompt: AudioPrompt = None,
    music_prompt: MusicPrompt = None,
    enable_asmr: Asmr = False,
    email: options.Email = None,
    timeout: options.Timeout = TIMEOUT,
    emulator: options.Emulated = False,
    json: options.Json = False,
) -> None:
    """Make a video in which the person of an image moves as a motion says, and save it; this is paid for.

    No extraction is needed: the motion may be any video of a person. The path of the video is printed on stdout.
    """
    given = {
        "prompt": prompt,
        "mode": mode,
        "model_name": model_name,
        "keep_audio": keep_audio or None,
        "motion_direction": motion_direction,
        "element": element,
        "duration": duration,
        "character_id": character_id,
        "change_direction": change_direction or None,
        "sound_effect": sound_effect or None,
        "audio_prompt": audio_prompt,
        "music_prompt": music_prompt,
        "enable_asmr": enable_asmr or None,
    }
    order = Order(
        motion=motion,
        image=image,
        options=VideoOptions(**given),  # type: ignore[typeddict-item]  # the library checks each, and says what it may be
        out=out,
        email=email,
        timeout=timeout or None,
        emulated=emulator,
    )

    async def work(display: Display) -> ExitCode:
        make_ready(out)
        track = Track(display, Path(image).name, clip=image, out=out, emulated=emulator)
        display.tracks.append(track)
        return await attempt(track, _create(order, track, display))

    execute(work, json=json)


async def _create(order: Order, track: Track, display: Display) -> None:
    now = asyncio.get_running_loop().time
    deadline = None if order.timeout is None else now() + order.timeout
    moving, shown = motion_source(_motion(order.motion)), image_source(order.image)
    forms.check(order.options, has_work_id=moving.work_id is not None, has_url=moving.work_id is None)
    if moving.file is not None:
        await examine_as("video", moving.file, length=APPLIED)
    if shown.file is not None:
        await examine_as("image", shown.file)
    async with opened(order.email, emulated=order.emulated) as session:
        async with until(deadline, "the uploads were not done in time; nothing was submitted"):
            motion = await _uploaded(session, moving, track) or _motion(order.motion)
            image = await _uploaded(session, shown, track) or order.image
        ref = _coming_ref(motion, image, order.email)
        track.submitting(ref)
        with _work_named(moving.work_id):
            video = await session.create_video(
                motion,
                image,
                timeout=None if deadline is None else max(deadline - now(), 0.001),
                on_submitted=track.submitted,
                on_change=track.changed,
                reply_ref=ref.reply_ref,
                **order.options,
            )
        await finish_video(session, video, order.out, track, display)
    if order.emulated:
        display.say(INVENTED_VIDEO)


@contextmanager
def _work_named(work_id: int | None) -> Iterator[None]:
    """Say of a work that Kling does not know what it is: nothing that could be uploaded again."""
    try:
        yield
    except AssetNotFoundError as error:
        if work_id is None:
            raise
        text = (
            f"Kling does not know the work {work_id}, or the image; `klingmotion list` shows the account's motions,"
            " `klingmotion list --official` the others"
        )
        raise reworded(error, AssetNotFoundError, text) from error


def _motion(text: str) -> int | str:
    """A work id, or whatever else names a motion; a file may be called like a number."""
    return int(text) if re.fullmatch("-?[0-9]{1,40}", text) and not Path(text).exists() else text


async def _uploaded(session: MotionSession, source: Source, track: Track) -> Asset | None:
    """What a file has become; `None` if it is none."""
    if source.file is None:
        return None
    asset = await session.upload_asset(source.file, on_progress=partial(track.uploading, file=str(source.file)))
    track.uploaded(asset)
    return asset


def _coming_ref(motion: MotionLike, image: ImageLike, email: str | None) -> TaskRef:
    """How the task of the submit that goes out now is found again, whatever becomes of the submit."""
    return TaskRef(
        email=account(email),
        reply_ref=new_reply_ref(),
        resource_url=motion_source(motion).url,
        image_url=image_source(image).url,
        sent_at=datetime.now(UTC),
    )
