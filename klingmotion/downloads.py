"""Downloads of motions: which files there are, what they are called, and whether they are what they should be."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, Literal, get_args

from klingmotion import archive
from klingmotion.calls import Calls
from klingmotion.errors import DownloadError, InvalidRequestError, KlingMotionError
from klingmotion.fetching import Fetcher, OnDownload, keep, temporary
from klingmotion.models import DownloadProgress, Motion, MotionFiles
from klingmotion.progress import Teller
from klingmotion.refs import TaskRef
from klingmotion.transport import bare

#: What a motion can have.
Part = Literal["bvh", "binary", "video", "cover"]
PARTS: tuple[Part, ...] = get_args(Part)

#: How JSON and web pages begin, after some space at most.
_HEAD = 64
_TEXTS = (b"{", b"[", b"<")


class Downloads:
    """Saves the files of motions, a few at once."""

    def __init__(self, calls: Calls) -> None:
        self._fetcher = Fetcher(calls, renewal="list the motion again with motions() or wait_for_motion(task_id)")

    async def save(
        self,
        motion: Motion,
        directory: Path,
        *,
        parts: Collection[Part] | None,
        on_progress: OnDownload | None,
        email: str | None = None,
    ) -> MotionFiles:
        """Save parts of a motion into `directory`, which is made if it is missing.

        All parts are tried; the first failure is raised after the others have been saved. `email` is the account of the
        motion, for the way back.
        """
        links = _links(motion, parts)
        await self._fetcher.make(directory)
        told = Teller(on_progress)
        stem = _stem(motion)
        saving = [self._save(part, url, directory, stem, told) for part, url in links.items()]
        saved = MotionFiles()
        failure: BaseException | None = None
        for outcome in await asyncio.gather(*saving, return_exceptions=True):
            if isinstance(outcome, MotionFiles):
                saved = saved.with_those_of(outcome)
            elif failure is None:
                failure = outcome
            else:
                failure.add_note(f"another part: {outcome}")
        if failure is not None:
            if isinstance(failure, KlingMotionError) and motion.task_id is not None:
                failure.ref = TaskRef(task_id=motion.task_id, email=email)
            raise failure
        return saved

    async def clear(self, motion: Motion, directory: Path) -> None:
        """Remove what a process that was killed while saving the motion left behind: never a whole file."""

        def remove() -> None:
            for path in directory.glob(f".{_stem(motion)}[.-]*.part"):
                path.unlink(missing_ok=True)

        await asyncio.to_thread(remove)

    async def _save(
        self, part: Part, url: str, directory: Path, stem: str, told: Teller[DownloadProgress]
    ) -> MotionFiles:
        targets = {
            "bvh": directory / f"{stem}-bvh.zip",
            "binary": directory / f"{stem}-binary.zip",
            "video": directory / f"{stem}.mp4",
            "cover": directory / f"{stem}-cover{suffix(url)}",
        }
        target, bvh = targets[part], directory / f"{stem}.bvh"
        return await self._fetcher.save(part, url, target, told, lambda file: _finish(part, url, file, target, bvh))


def _finish(part: Part, url: str, file: BinaryIO, target: Path, bvh: Path) -> MotionFiles:
    """Check a fetched file and give it its name; a BVH archive is unpacked too."""
    fetched = Path(file.name)
    if part in ("video", "cover"):
        _refuse_text(part, file, url)
        keep(file, target)
        return MotionFiles(video=target) if part == "video" else MotionFiles(cover=target)
    if part == "binary":
        archive.check(fetched, url)
        keep(file, target)
        return MotionFiles(binary=target)
    if archive.is_bvh(fetched):  # not packed at all
        keep(file, bvh)
        return MotionFiles(bvh=bvh)
    archive.check(fetched, url)
    with temporary(bvh) as unpacked:
        archive.unpack_bvh(fetched, unpacked, url)
        keep(unpacked, bvh)
    keep(file, target)
    return MotionFiles(bvh=bvh, bvh_archive=target)


def _refuse_text(part: Part, file: BinaryIO, url: str) -> None:
    """Refuse a text: a host may answer with an error and status 200."""
    file.seek(0)
    if file.read(_HEAD).lstrip().startswith(_TEXTS):
        raise DownloadError(f"{bare(url)} gave no {part}; list the motion again and download the new link", url=url)


# --- Names ------------------------------------------------------------------------------------------------


def _links(motion: Motion, parts: Collection[Part] | None) -> dict[Part, str]:
    """The links of the wanted parts: all there are, or exactly the ones named."""
    found: dict[Part, str | None] = {
        "bvh": motion.bvh_url,
        "binary": motion.binary_url,
        "video": motion.video_url,
        "cover": motion.cover_url,
    }
    parts = checked_parts(parts)
    links = {part: url for part, url in found.items() if url and (parts is None or part in parts)}
    missing = [part for part in parts or () if part not in links]
    if missing or not links:
        what = " and no ".join(missing) or "file to download"
        raise DownloadError(f"this motion has no {what}; only motions of the October 2025 form have BVH files")
    return links


def checked_parts(parts: Collection[Part] | None) -> Collection[Part] | None:
    """What to save, if it can be.

    Raises:
        InvalidRequestError: It is nothing a motion can have.
    """
    if parts is not None and (isinstance(parts, str) or not set(parts) <= set(PARTS) or not parts):
        raise InvalidRequestError(f"parts must be some of {', '.join(PARTS)}, got {parts!r}")
    return parts


def _stem(motion: Motion) -> str:
    """A file name of ours, from what names the motion: safe anywhere, and another for each task's motion."""
    number = motion.task_id or motion.work_id or motion.asset_id or _mark(motion)
    name = re.sub(r"\.(mp4|mov)$", "", motion.name or "motion", flags=re.IGNORECASE)
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{name}-{number}").strip("-._")
    return words[-100:].strip("-._") or "motion"


def _mark(motion: Motion) -> str:
    """What tells motions without an id apart: some letters from where their files are."""
    links = (motion.bvh_url, motion.binary_url, motion.video_url, motion.cover_url)
    return hashlib.sha256(" ".join(bare(url) for url in links if url).encode(errors="replace")).hexdigest()[:8]


def suffix(url: str) -> str:
    """The ending of a cover image; the service hosts JPEG and PNG."""
    ending = Path(url.split("?", maxsplit=1)[0]).suffix.lower()
    return ending if ending in (".png", ".jpg", ".jpeg", ".webp") else ".jpg"
