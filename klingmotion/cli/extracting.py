"""The main job: from clips to motions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from attrs import frozen

from klingmotion.cli import options
from klingmotion.cli.display import Display
from klingmotion.cli.execution import attempt, execute
from klingmotion.cli.failure import ExitCode
from klingmotion.cli.files import make_ready, save, show_file
from klingmotion.cli.sessions import INVENTED, account, opened
from klingmotion.cli.track import Track
from klingmotion.downloads import Part
from klingmotion.engine import TIMEOUT
from klingmotion.errors import APITimeoutError
from klingmotion.media import examine_as
from klingmotion.models import Asset
from klingmotion.refs import TaskRef
from klingmotion.session import MotionSession
from klingmotion.submitting import new_reply_ref

#: Clips under way at once; the account's own limit on jobs may be lower.
AT_ONCE: Final = 4

_SAMPLE: Final = "walk.mp4"

Clips = Annotated[
    list[Path], typer.Argument(metavar="CLIP", help="Videos of 2 to 10 s with one clearly visible person.")
]
Cover = Annotated[
    Path | None, typer.Option(metavar="FILE", help="An image to use as cover; else the first frame of each clip.")
]


@frozen(kw_only=True)
class Order:
    """What `extract` was asked for."""

    clips: list[Path]
    out: Path
    parts: tuple[Part, ...] | None = None
    email: str | None = None
    timeout: float | None = None
    cover: Path | None = None
    emulated: bool = False


def demo(out: options.Out = Path("klingmotion-demo"), json: options.Json = False) -> None:
    """Run the main job on a sample clip against the local emulator: no token, no cost.

    The clip is uploaded and submitted, the task waited for, and the motion's files are saved. The path of the BVH file
    is printed on stdout.
    """
    from importlib import resources  # slow to load, and no other command needs it

    async def work(display: Display) -> ExitCode:
        with resources.as_file(resources.files("klingmotion") / "samples" / _SAMPLE) as clip:
            code = await extract_all(Order(clips=[clip], out=out, timeout=60.0, emulated=True), display)
        if code is ExitCode.DONE:
            display.say("Next, a clip of your own: klingmotion extract clip.mp4 --emulator")
        return code

    execute(work, json=json)


def extract(
    clips: Clips,
    out: options.Out = Path(),
    parts: options.Parts = None,
    cover: Cover = None,
    email: options.Email = None,
    timeout: options.Timeout = TIMEOUT,
    emulator: options.Emulated = False,
    json: options.Json = False,
) -> None:
    """Extract the motion of each clip and save its files; each clip submitted is paid for.

    Four clips are under way at once. A clip that fails stops no other; the exit code is that of the first in the row
    that failed. The path of each BVH file is printed on stdout as soon as it is there.
    """
    order = Order(
        clips=clips,
        out=out,
        parts=options.chosen(parts),
        email=email,
        timeout=timeout or None,
        cover=cover,
        emulated=emulator,
    )
    execute(lambda display: extract_all(order, display), json=json)


async def extract_all(order: Order, display: Display) -> ExitCode:
    """Carry out the order."""
    make_ready(order.out)
    tracks = [
        Track(display, name, clip=str(clip), out=order.out, parts=order.parts, emulated=order.emulated)
        for clip, name in zip(order.clips, _names(order.clips), strict=True)
    ]
    display.tracks += tracks
    async with opened(order.email, emulated=order.emulated) as session:
        cover = await _cover(session, order, display)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(clip: Path, track: Track) -> ExitCode:
            async with gate:
                return await attempt(track, _extract(session, order, clip, cover, track, display))

        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(one(*pair)) for pair in zip(order.clips, tracks, strict=True)]
    codes = [job.result() for job in jobs]
    if order.emulated and ExitCode.DONE in codes:
        display.say(INVENTED)
    return next((code for code in codes if code is not ExitCode.DONE), ExitCode.DONE)


async def _extract(
    session: MotionSession, order: Order, clip: Path, cover: Asset | None, track: Track, display: Display
) -> None:
    now = asyncio.get_running_loop().time
    deadline = None if order.timeout is None else now() + order.timeout
    async with until(deadline, f"the upload of {track.name} was not done in time; nothing was submitted"):
        asset = await upload(session, clip, track)
    ref = coming_ref(asset, order.email)
    track.submitting(ref)
    motion = await session.extract_motion(
        asset,
        cover=cover,
        timeout=None if deadline is None else max(deadline - now(), 0.001),
        on_submitted=track.submitted,
        on_change=track.changed,
        reply_ref=ref.reply_ref,
    )
    track.done(motion, await save(session, motion, order.out, order.parts, track))
    show_file(track, display)


async def upload(session: MotionSession, clip: Path, track: Track) -> Asset:
    """Upload a clip and follow it."""
    await examine_as("video", clip)
    asset = await session.upload_asset(clip, on_progress=track.uploading)
    track.uploaded(asset)
    return asset


def coming_ref(asset: Asset, email: str | None) -> TaskRef:
    """How the task of a submit that goes out now is found again, whatever becomes of the submit."""
    return TaskRef(
        email=account(email), reply_ref=new_reply_ref(), resource_url=asset.resource_url, sent_at=datetime.now(UTC)
    )


async def _cover(session: MotionSession, order: Order, display: Display) -> Asset | None:
    if order.cover is None:
        return None
    await examine_as("image", order.cover)
    track = Track(display, order.cover.name, clip=str(order.cover))
    track.begin()
    display.tracks.append(track)
    asset = await session.upload_asset(order.cover, on_progress=track.uploading)
    track.uploaded(asset)
    track.over()
    return asset


@asynccontextmanager
async def until(deadline: float | None, otherwise: str) -> AsyncIterator[None]:
    """Give up what goes on inside at the deadline; `otherwise` says so."""
    limit = asyncio.timeout_at(deadline)
    try:
        async with limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise APITimeoutError(otherwise, sent=False) from None
        raise


def _names(clips: list[Path]) -> list[str]:
    """File names, or paths where these are not enough to tell clips apart."""
    count = Counter(clip.name for clip in clips)
    return [clip.name if clip.name and count[clip.name] == 1 else str(clip) for clip in clips]
