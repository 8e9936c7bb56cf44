"""Downloads of motions: whole files or none, continued where a transfer was cut."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, get_args

from klingmotion import archive
from klingmotion.calls import Calls
from klingmotion.errors import DownloadError, InvalidRequestError, KlingMotionError
from klingmotion.models import DownloadProgress, Motion, MotionFiles
from klingmotion.progress import Teller
from klingmotion.refs import TaskRef
from klingmotion.transport import Download, bare

#: What a motion can have.
Part = Literal["bvh", "binary", "video", "cover"]
PARTS: tuple[Part, ...] = get_args(Part)

OnDownload = Callable[[DownloadProgress], object]

#: Bytes received before they are written.
_WRITE_BEHIND = 1 << 20

#: Statuses of a file's host that mean the link is dead.
_DEAD = (401, 403, 404, 410)


class Downloads:
    """Saves the files of motions, a few at once."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def save(
        self, motion: Motion, directory: Path, *, parts: Collection[Part] | None, on_progress: OnDownload | None
    ) -> MotionFiles:
        """Save parts of a motion into `directory`, which is made if it is missing.

        All parts are tried; the first failure is raised after the others have been saved.
        """
        self._calls.ensure_usable()
        links = _links(motion, parts)
        try:
            await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise DownloadError(f"{directory} cannot be made: {error.strerror or error}") from error
        told = Teller(on_progress)
        stem = _stem(motion)
        saving = [self._save(part, url, directory, stem, told) for part, url in links.items()]
        saved = MotionFiles()
        failure: BaseException | None = None
        for outcome in await asyncio.gather(*saving, return_exceptions=True):
            if isinstance(outcome, MotionFiles):
                saved = saved.with_those_of(outcome)
            else:
                failure = failure or outcome
        if failure is not None:
            if isinstance(failure, KlingMotionError) and motion.task_id is not None:
                failure.ref = TaskRef(task_id=motion.task_id)
            raise failure
        return saved

    async def _save(
        self, part: Part, url: str, directory: Path, stem: str, told: Teller[DownloadProgress]
    ) -> MotionFiles:
        targets = {
            "bvh": directory / f"{stem}-bvh.zip",
            "binary": directory / f"{stem}-binary.zip",
            "video": directory / f"{stem}.mp4",
            "cover": directory / f"{stem}-cover{_suffix(url)}",
        }
        target = targets[part]
        try:
            async with self._calls.transfers:
                with _temporary(target) as file:
                    transfer = _Transfer(self._calls, part, url, file, told)
                    await self._calls.retried(transfer.go_on, again=_again)
                    return await asyncio.to_thread(_finish, part, url, file, target, directory / f"{stem}.bvh")
        except OSError as error:
            raise DownloadError(f"{target} cannot be saved: {error.strerror or error}", url=url) from error


def _finish(part: Part, url: str, file: BinaryIO, target: Path, bvh: Path) -> MotionFiles:
    """Check a fetched file and give it its name; a BVH archive is unpacked too."""
    file.flush()
    fetched = Path(file.name)
    if part in ("video", "cover"):
        _keep(file, target)
        return MotionFiles(video=target) if part == "video" else MotionFiles(cover=target)
    if part == "binary":
        archive.check(fetched, url)
        _keep(file, target)
        return MotionFiles(binary=target)
    if archive.is_bvh(fetched):  # not packed at all
        _keep(file, bvh)
        return MotionFiles(bvh=bvh)
    archive.check(fetched, url)
    with _temporary(bvh) as unpacked:
        archive.unpack_bvh(fetched, unpacked, url)
        _keep(unpacked, bvh)
    _keep(file, target)
    return MotionFiles(bvh=bvh, bvh_archive=target)


# --- One transfer ---------------------------------------------------------------------------------------------------


class _Transfer:
    """One file on its way, which may take several attempts."""

    def __init__(self, calls: Calls, part: Part, url: str, file: BinaryIO, told: Teller[DownloadProgress]) -> None:
        self._calls = calls
        self._part = part
        self._url = url
        self._file = file
        self._told = told
        self._received = 0
        self._waiting: list[bytes] = []
        self._total: int | None = None
        #: The host's mark of this very version of the file; without one a cut transfer starts again.
        self._validator: str | None = None

    async def go_on(self) -> None:
        """Fetch what is missing: from where it was cut if the host can, else from the first byte."""
        offset = self._received if self._validator else 0
        async with self._calls.transport.download(self._url, offset=offset, validator=self._validator) as download:
            self._check(download)
            await self._place(download, offset)
            try:
                await self._receive(download)
            except Exception:
                await self._write()  # what came before a cut need not come again
                raise
        await self._write()
        if self._total is not None and self._received != self._total:
            raise DownloadError(f"{bare(self._url)} gave {self._received} bytes of {self._total}", url=self._url)
        if self._received == 0:
            raise DownloadError(f"{bare(self._url)} is empty", url=self._url)

    async def _receive(self, download: Download) -> None:
        """Take in all pieces; the disk gets several at a time, for a visit of a thread costs as much as a piece."""
        async for piece in download.pieces:
            self._waiting.append(piece)
            self._received += len(piece)
            self._tell()
            if sum(map(len, self._waiting)) >= _WRITE_BEHIND:
                await self._write()

    async def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            await asyncio.to_thread(self._file.writelines, waiting)
        except OSError as error:  # the disk's, not the line's: fetching again would not help
            text = f"{self._file.name} cannot be written: {error.strerror or error}"
            raise DownloadError(text, url=self._url, status=0) from error

    async def _place(self, download: Download, offset: int) -> None:
        """Note how long the file is, and put the pen where this answer begins."""
        begins, total = _content_range(download) if download.status == 206 else (0, _length(download))
        if begins not in (0, offset):
            self._validator = None
            raise DownloadError(f"{bare(self._url)} gave another part than was asked for", url=self._url)
        self._total = total
        self._validator = _validator(download)
        self._received = begins
        await asyncio.to_thread(self._cut, begins)
        self._tell()

    def _cut(self, size: int) -> None:
        self._file.seek(size)
        self._file.truncate()

    def _tell(self) -> None:
        self._told.tell(DownloadProgress(part=self._part, received=self._received, total=self._total))

    def _check(self, download: Download) -> None:
        where, status = bare(self._url), download.status
        if status in _DEAD:
            raise DownloadError(
                f"the link {where} is dead ({status}). Links do not last: list the motion again with motions() or"
                " wait_for_motion(task_id) and download the new one",
                url=self._url,
                status=status,
            )
        if status == 416:  # the file has become shorter: what is here is of an older version
            self._validator = None
        if status not in (200, 206):
            raise DownloadError(f"{where} was answered with {status}", url=self._url, status=status)
        if "text/html" in download.headers.get("content-type", ""):
            raise DownloadError(f"{where} gave a web page instead of a file", url=self._url)


def _length(download: Download) -> int | None:
    """The announced length, unless it is that of a packed form."""
    announced = download.headers.get("content-length", "")
    return int(announced) if announced.isdigit() and "content-encoding" not in download.headers else None


def _content_range(download: Download) -> tuple[int, int | None]:
    match = re.fullmatch(r"bytes (\d{1,18})-\d+/(\d{1,18}|\*)", download.headers.get("content-range", "").strip())
    if match is None:
        return -1, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _validator(download: Download) -> str | None:
    """What makes a Range request safe: a strong ETag, else a date (RFC 9110, section 13.1.5)."""
    if download.headers.get("accept-ranges", "bytes") == "none" or "content-encoding" in download.headers:
        return None
    etag = download.headers.get("etag", "")
    return etag if etag and not etag.startswith("W/") else download.headers.get("last-modified")


def _again(error: KlingMotionError) -> bool:
    """A refusal is final, but for those that pass; a cut or a wrong piece is fetched again."""
    status = error.status if isinstance(error, DownloadError) else None
    return status is None or status >= 500 or status in (408, 416, 425, 429)


# --- Names and files ------------------------------------------------------------------------------------------------


def _links(motion: Motion, parts: Collection[Part] | None) -> dict[Part, str]:
    """The links of the wanted parts: all there are, or exactly the ones named."""
    found: dict[Part, str | None] = {
        "bvh": motion.bvh_url,
        "binary": motion.binary_url,
        "video": motion.video_url,
        "cover": motion.cover_url,
    }
    if parts is not None and (isinstance(parts, str) or not set(parts) <= set(PARTS) or not parts):
        raise InvalidRequestError(f"parts must be some of {', '.join(PARTS)}, got {parts!r}")
    links = {part: url for part, url in found.items() if url and (parts is None or part in parts)}
    missing = [part for part in parts or () if part not in links]
    if missing or not links:
        what = " and no ".join(missing) or "file to download"
        raise DownloadError(f"this motion has no {what}; only motions of the October 2025 form have BVH files")
    return links


def _stem(motion: Motion) -> str:
    """A file name of ours, from what names the motion: safe anywhere, and different for different motions."""
    number = motion.task_id or motion.work_id or motion.asset_id or "motion"
    name = re.sub(r"\.(mp4|mov)$", "", motion.name or "motion", flags=re.IGNORECASE)
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{name}-{number}").strip("-._")
    return words[-100:].strip("-._") or "motion"


def _suffix(url: str) -> str:
    """The ending of a cover image; the service hosts JPEG and PNG."""
    ending = Path(url.split("?", maxsplit=1)[0]).suffix.lower()
    return ending if ending in (".png", ".jpg", ".jpeg", ".webp") else ".jpg"


@contextmanager
def _temporary(target: Path) -> Iterator[BinaryIO]:
    """A file beside `target` that is gone in the end, unless it was kept under the target's name."""
    path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    with path.open("x+b") as file:
        try:
            yield file
        finally:
            path.unlink(missing_ok=True)


def _keep(file: BinaryIO, target: Path) -> None:
    """Give a whole file its name. It is on the disk before the name is, and the name before this returns."""
    file.flush()
    os.fsync(file.fileno())
    Path(file.name).replace(target)
    if hasattr(os, "O_DIRECTORY"):
        directory = os.open(target.parent, os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
