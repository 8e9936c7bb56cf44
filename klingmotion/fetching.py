"""One file on its way in: whole or not at all, continued where a transfer was cut."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from klingmotion.calls import Calls
from klingmotion.errors import DownloadError, KlingMotionError
from klingmotion.models import DownloadProgress
from klingmotion.progress import Teller
from klingmotion.transport import Download, bare, cut

T = TypeVar("T")

#: Called with how far a download is.
OnDownload = Callable[[DownloadProgress], object]

#: Bytes received before they are written. Measured: to hold more makes the system take memory back and give it anew.
_WRITE_BEHIND = 1 << 19

#: Seconds a write takes at most where the system just takes the bytes into its memory. Measured: the visit of a thread
#: costs more than such a write, and half of a download was visits.
_AT_ONCE = 0.005

#: Statuses of a file's host that mean the link is dead.
DEAD = (401, 403, 404, 410)

#: The status of an error that is the disk's: fetching again would not help.
DISK = 0


class Fetcher:
    """Fetches files, a few at once. `renewal` says what gives a new link in place of a dead one."""

    def __init__(self, calls: Calls, *, renewal: str) -> None:
        self._calls = calls
        self._renewal = renewal

    async def make(self, directory: Path) -> None:
        """Make the directory that files are saved in, if it is missing.

        Raises:
            DownloadError: It cannot be made.
        """
        self._calls.ensure_usable()
        try:
            await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            text = f"{directory} cannot be made: {error.strerror or error}"
            raise DownloadError(text, status=DISK) from error

    async def save(
        self,
        part: str,
        url: str,
        target: Path,
        told: Teller[DownloadProgress],
        finish: Callable[[BinaryIO], T],
    ) -> T:
        """Fetch a file beside `target`; `finish` checks it in a thread and gives it its name.

        Raises:
            DownloadError: It could not be fetched or saved; the `status` of what the disk refused is `DISK`.
            APIConnectionError: Its host could not be reached, or was silent for too long, time after time.
        """
        try:
            async with self._calls.transfers:
                with temporary(target) as file:
                    await self.transfer(part, url, file, told)
                    return await asyncio.to_thread(_finished, finish, file)
        except KlingMotionError:
            raise  # the line's: that it was silent for too long is an OSError too
        except OSError as error:
            text = f"{target} cannot be saved: {error.strerror or error}"
            raise DownloadError(text, url=url, status=DISK) from error

    async def transfer(self, part: str, url: str, file: BinaryIO, told: Teller[DownloadProgress]) -> None:
        """Fetch into an open file, in several attempts if need be.

        Raises:
            DownloadError: As `save`.
            APIConnectionError: As `save`.
        """
        transfer = _Transfer(self._calls, part, url, file, told, self._renewal)
        await self._calls.retried(transfer.go_on, again=_again)


def _finished(finish: Callable[[BinaryIO], T], file: BinaryIO) -> T:
    file.flush()
    return finish(file)


# --- One transfer ---------------------------------------------------------------------------------------------------


class _Transfer:
    """One file on its way, which may take several attempts."""

    def __init__(
        self, calls: Calls, part: str, url: str, file: BinaryIO, told: Teller[DownloadProgress], renewal: str
    ) -> None:
        self._calls = calls
        self._renewal = renewal
        self._part = part
        self._url = url
        self._file = file
        self._told = told
        self._received = 0
        self._waiting: list[bytes] = []
        self._held = 0
        #: Whether the system takes what is written at once; `None` before the first write, which a thread does.
        self._takes_at_once: bool | None = None
        self._total: int | None = None
        #: The host's mark of this very version of the file; without one a cut transfer starts again.
        self._validator: str | None = None

    async def go_on(self) -> None:
        """Fetch what is missing: from where it was cut if the host can, else from the first byte."""
        if self._calls.closed:  # while it waited for its turn
            raise cut(f"the download of {bare(self._url)}", sent=False)
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
        """Take in all pieces. Threads write several at a time."""
        async for piece in download.pieces:
            self._waiting.append(piece)
            self._held += len(piece)
            self._received += len(piece)
            self._tell()
            if self._takes_at_once or self._held >= _WRITE_BEHIND:
                await self._write()

    async def _write(self) -> None:
        """Write what has come: in a thread, unless all writes so far took no time. The first slow one ends that."""
        waiting, self._waiting, self._held = self._waiting, [], 0
        if not waiting:
            return
        now = self._calls.transport.now
        before = now()
        await self._on_disk(partial(self._file.writelines, waiting), in_thread=not self._takes_at_once)
        if self._takes_at_once is not False:
            self._takes_at_once = now() - before < _AT_ONCE

    async def _on_disk(self, work: Callable[[], object], *, in_thread: bool = True) -> None:
        """What the disk refuses is not the line's trouble: fetching again would not help."""
        try:
            if in_thread:
                await asyncio.to_thread(work)
            else:
                work()
        except OSError as error:
            text = f"{self._file.name} cannot be written: {error.strerror or error}"
            raise DownloadError(text, url=self._url, status=DISK) from error

    async def _place(self, download: Download, offset: int) -> None:
        """Note how long the file is, and put the pen where this answer begins."""
        begins, total = _content_range(download) if download.status == 206 else (0, _length(download))
        if begins not in (0, offset):
            self._validator = None
            raise DownloadError(f"{bare(self._url)} gave another part than was asked for", url=self._url)
        total = self._total if begins and total is None else total
        if begins and (_is_of_another_version(download, self._validator) or self._total not in (None, total)):
            self._validator = None  # from its first byte, then
            raise DownloadError(f"{bare(self._url)} changed while it was fetched", url=self._url)
        self._total = total
        self._validator = _validator(download) or (self._validator if begins else None)
        self._received = begins
        await self._on_disk(partial(self._cut, begins))
        self._tell()

    def _cut(self, size: int) -> None:
        self._file.seek(size)
        self._file.truncate()

    def _tell(self) -> None:
        if self._told.listens:
            self._told.tell(DownloadProgress(part=self._part, received=self._received, total=self._total))

    def _check(self, download: Download) -> None:
        where, status = bare(self._url), download.status
        if status in DEAD:
            raise DownloadError(
                f"the link {where} is dead ({status}). Links do not last: {self._renewal} and download the new one",
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


def _is_of_another_version(download: Download, validator: str | None) -> bool:
    """Whether a part says that it is of another version than `validator` names: not every host heeds If-Range."""
    if validator is None:
        return False
    told = download.headers.get("etag" if validator.startswith('"') else "last-modified")
    return told is not None and told != validator


def _again(error: KlingMotionError) -> bool:
    """A refusal is final, but for those that pass; a cut or a wrong piece is fetched again."""
    status = error.status if isinstance(error, DownloadError) else None
    return status is None or status >= 500 or status in (408, 416, 425, 429)


# --- Files -----------------------------------------------------------------------------------------------------------


@contextmanager
def temporary(target: Path) -> Iterator[BinaryIO]:
    """A file beside `target` that is gone in the end, unless it was kept under the target's name."""
    path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    with path.open("x+b") as file:
        try:
            yield file
        finally:
            path.unlink(missing_ok=True)


def keep(file: BinaryIO, target: Path) -> None:
    """Close a whole file and give it its name: it is on the disk before that, and the name before this returns."""
    file.flush()
    os.fsync(file.fileno())
    file.close()  # Windows renames no open file
    Path(file.name).replace(target)
    if hasattr(os, "O_DIRECTORY"):
        directory = os.open(target.parent, os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
