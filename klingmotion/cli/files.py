"""The files of a motion or video: saved, told of one by one, and given as the answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryFile

from attrs import asdict

from klingmotion.cli.display import Display
from klingmotion.cli.streams import printable
from klingmotion.cli.track import Track
from klingmotion.downloads import PARTS, Part
from klingmotion.errors import InvalidRequestError
from klingmotion.models import Motion, MotionFiles
from klingmotion.session import MotionSession
from klingmotion.videos import Video


def make_ready(out: Path) -> None:
    """Make the directory of the results, and see that it takes files, before anything is sent or paid for.

    Raises:
        InvalidRequestError: It is a file, cannot be made, or takes none.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except FileExistsError:
        raise InvalidRequestError(f"{out} is a file, not a directory; name another --out. Nothing was sent") from None
    except OSError as error:
        reason = error.strerror or error
        raise InvalidRequestError(
            f"no files can be saved in {out}: {reason}; name another --out. Nothing was sent"
        ) from error


async def save(
    session: MotionSession, motion: Motion, out: Path, parts: tuple[Part, ...] | None, track: Track
) -> MotionFiles:
    """Save a motion's files: all there are, or the parts that are named.

    Every part is a download of its own, so that it is told of as soon as it is there, whatever becomes of the others.

    Raises:
        DownloadError: One could not be saved; notes say which were.
    """
    wanted = parts or linked(motion)
    if not wanted:
        return await session.download_motion(motion, out)  # it knows best how to refuse
    track.downloading(motion, wanted)

    async def one(part: Part) -> MotionFiles:
        files = await session.download_motion(motion, out, parts=(part,), on_progress=track.received)
        track.saved(files)
        return files

    saved = MotionFiles()
    failures: dict[Part, BaseException] = {}
    outcomes = await asyncio.gather(*map(one, wanted), return_exceptions=True)
    for part, outcome in zip(wanted, outcomes, strict=True):
        if isinstance(outcome, MotionFiles):
            saved = saved.with_those_of(outcome)
        else:
            failures[part] = outcome
    if failures:
        raise _first(failures, saved)
    return saved


def _first(failures: dict[Part, BaseException], saved: MotionFiles) -> BaseException:
    """The first failure, with notes on what became of the other parts."""
    error, *_ = failures.values()
    if others := list(failures)[1:]:
        error.add_note(f"not saved either: {', '.join(others)}")
    if names := [path.name for path in asdict(saved).values() if path is not None]:
        error.add_note(f"saved all the same: {', '.join(names)}")
    return error


def linked(motion: Motion) -> tuple[Part, ...]:
    """The parts that a motion has."""
    links = {"bvh": motion.bvh_url, "binary": motion.binary_url, "video": motion.video_url, "cover": motion.cover_url}
    return tuple(part for part in PARTS if links[part])


async def finish_video(session: MotionSession, video: Video, out: Path | None, track: Track, display: Display) -> None:
    """Save a video and give its path as the answer; without a directory, the link to it."""
    if out is None:
        track.video_done(video)
        display.answer(printable(video.url or ""))
        return
    track.downloading(video, ("video",))
    file = await session.download_video(video, out, on_progress=track.received)
    track.video_saved(file)
    track.video_done(video, file)
    display.answer(str(file.path))


def show_file(track: Track, display: Display) -> None:
    """The answer: the BVH file, or what there is instead."""
    paths = [] if track.files is None else [path for path in asdict(track.files).values() if path is not None]
    for path in paths[:1]:
        display.answer(str(path))
