"""Files in and out: uploads of assets, downloads of motions."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from klingmotion import archive, replies, requests
from klingmotion.calls import Calls, logger
from klingmotion.errors import APIResponseError, DownloadError, KlingMotionError
from klingmotion.media import Media
from klingmotion.models import Asset, Motion, MotionFiles, UploadProgress
from klingmotion.replies import is_passing
from klingmotion.transport import Download, bare

#: Statuses of a file's host that mean the link is dead.
_DEAD = (401, 403, 404, 410)


class Files:
    """Moves files between the disk and the service."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    # --- in ---------------------------------------------------------------------------------------------------------

    async def upload(
        self,
        media: Media,
        *,
        email: str | None,
        on_progress: Callable[[UploadProgress], None] | None,
        deadline: float | None = None,
    ) -> Asset:
        """Upload a file, as often as the retry policy allows: a duplicate asset does no harm.

        Raises:
            APIResponseError: The answer does not mean success.
            KlingMotionError: It could not be uploaded.
        """
        request = requests.upload_asset(media.content_type, email=email)
        attempt = 0

        async def once() -> Asset:
            nonlocal attempt
            attempt += 1
            told = _Told(on_progress, media.source.size, attempt)
            response = await self._calls.answer(
                request,
                lambda timeout: self._calls.transport.upload(
                    request,
                    media.source,
                    on_sent=told.sent,
                    timeout=timeout if deadline is not None else None,
                ),
                deadline=deadline,
                limit=float("inf"),
            )
            return replies.read(request, response, self._calls.transport.utcnow(), replies.asset)

        return await self._calls.retried(once, again=_upload_again, deadline=deadline)

    # --- out --------------------------------------------------------------------------------------------------------

    async def download(self, motion: Motion, directory: Path) -> MotionFiles:
        """Save what a motion has into `directory`, which is made if it is missing."""
        stem = _stem(motion)
        try:
            await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise DownloadError(f"{directory} cannot be made: {error.strerror or error}") from error
        wanted = {
            "bvh": (motion.bvh_url, f"{stem}.bvh"),
            "binary": (motion.binary_url, f"{stem}-binary.zip"),
            "video": (motion.video_url, f"{stem}.mp4"),
            "cover": (motion.cover_url, f"{stem}-cover{_suffix(motion.cover_url)}"),
        }
        if not any(url for url, _ in wanted.values()):
            raise DownloadError(
                "this motion has no file to download; only motions of the October 2025 form have BVH files"
            )
        saved = {}
        for part, (url, name) in wanted.items():
            if url:
                saved[part] = await self._save(part, url, directory / name)
        return MotionFiles(**saved)

    async def _save(self, part: str, url: str, target: Path) -> Path:
        try:
            with _temporary(target) as fetched:
                await self._calls.retried(lambda: self._fetch(url, fetched), again=_download_again)
                if part == "bvh":
                    with _temporary(target) as unpacked:
                        await asyncio.to_thread(archive.unpack_bvh, Path(fetched.name), unpacked, url)
                        await asyncio.to_thread(_keep, unpacked, target)
                    return target
                if part == "binary":
                    await asyncio.to_thread(archive.check, Path(fetched.name), url)
                await asyncio.to_thread(_keep, fetched, target)
        except OSError as error:
            raise DownloadError(f"{target} cannot be saved: {error.strerror or error}", url=url) from error
        return target

    async def _fetch(self, url: str, file: BinaryIO) -> None:
        """Fetch a file once, from its beginning."""
        file.seek(0)
        file.truncate()
        async with self._calls.transport.download(url) as download:
            _check(download, url)
            async for piece in _counted(download, url):
                await asyncio.to_thread(file.write, piece)
        file.flush()


def _upload_again(error: KlingMotionError) -> bool:
    """An upload's answer that says no in its `status` is final; the rest may pass."""
    return is_passing(error) and not (isinstance(error, APIResponseError) and error.path == "$.status")


def _download_again(error: KlingMotionError) -> bool:
    dead = isinstance(error, DownloadError) and error.status is not None and error.status < 500 and error.status != 429
    return not dead


class _Told:
    """Tells a callback how far an upload is. A callback that raises is left out from then on."""

    def __init__(self, on_progress: Callable[[UploadProgress], None] | None, total: int, attempt: int) -> None:
        self._on_progress = on_progress
        self._total = total
        self._attempt = attempt
        self.sent(0)

    def sent(self, count: int) -> None:
        """Tell it."""
        if self._on_progress is None:
            return
        try:
            self._on_progress(UploadProgress(sent=count, total=self._total, attempt=self._attempt))
        except Exception:  # noqa: BLE001  # a broken progress bar must not break a paid job
            logger.exception("on_progress raised; it is not called again")
            self._on_progress = None


def _stem(motion: Motion) -> str:
    """A file name of ours, from what names the motion: safe anywhere, and different for different motions."""
    number = motion.task_id or motion.work_id or motion.asset_id or "motion"
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{motion.name or 'motion'}-{number}").strip("-._")
    return words[-100:].strip("-._") or "motion"


def _suffix(url: str | None) -> str:
    """The ending of a cover image; the service hosts JPEG and PNG."""
    ending = Path((url or "").split("?")[0]).suffix.lower()
    return ending if ending in (".png", ".jpg", ".jpeg", ".webp") else ".jpg"


def _check(download: Download, url: str) -> None:
    if download.status in _DEAD:
        raise DownloadError(
            f"the link {bare(url)} is dead ({download.status}). Links do not last: list the motion again with"
            " motions() or wait_for_motion(task_id) and download the new one",
            url=url,
            status=download.status,
        )
    if download.status != 200:
        raise DownloadError(f"{bare(url)} was answered with {download.status}", url=url, status=download.status)
    if "text/html" in download.headers.get("content-type", ""):
        raise DownloadError(f"{bare(url)} gave a web page instead of a file", url=url)


async def _counted(download: Download, url: str) -> AsyncIterator[bytes]:
    """The pieces of a download, which have to add up to what was announced."""
    got = 0
    async for piece in download.pieces:
        got += len(piece)
        yield piece
    announced = download.headers.get("content-length")
    if announced is not None and "content-encoding" not in download.headers and int(announced) != got:
        raise DownloadError(f"{bare(url)} gave {got} bytes of {announced}", url=url)
    if got == 0:
        raise DownloadError(f"{bare(url)} is empty", url=url)


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
    """Give a whole file its name. It is on the disk before the name is."""
    file.flush()
    os.fsync(file.fileno())
    Path(file.name).replace(target)
