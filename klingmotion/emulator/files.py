"""Files of assets and results, and the ranges asked of them."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from email.utils import formatdate, parsedate_to_datetime

from attrs import frozen

from klingmotion.emulator import refusals
from klingmotion.emulator.artefacts import binary_zip, bvh_zip, cover_png, zip_films
from klingmotion.emulator.blobs import MP4_HEAD, Blob, BlobStore
from klingmotion.emulator.exchange import FileBody, Reply
from klingmotion.emulator.ledger import Motion
from klingmotion.emulator.media import Media
from klingmotion.emulator.refusals import Refused
from klingmotion.emulator.state import State

PATH = re.compile(r"/files/(?P<side>in|out|zip)/(?P<number>-?[0-9]{1,30})/(?P<name>[a-z0-9.]+)")
RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
KEPT, VARIANTS = 64, 16

NO_PREVIEW = Blob.of(MP4_HEAD)


@frozen
class StoredFile:
    """A file as it is served."""

    blob: Blob
    content_type: str
    modified: float

    @property
    def etag(self) -> str:
        """Changes with the content."""
        return f'"{self.blob.sha256[:32]}"'


class Shelf:
    """Finds files. Covers and results are made when asked for, and the latest ones are kept.

    Works in one ZIP are written to the store, for they may be large.
    """

    def __init__(self, state: State, blobs: BlobStore) -> None:
        self._state = state
        self._blobs = blobs
        self._bundles: dict[tuple[int, ...], Blob] = {}
        self._made: OrderedDict[Hashable, Blob] = OrderedDict()

    def find(self, path: str) -> StoredFile:
        """The file at a path, or a 404."""
        match = PATH.fullmatch(path)
        found = None
        if match is not None:
            find = {"in": self._uploaded, "out": self._result, "zip": self._bundle}[match["side"]]
            found = find(int(match["number"]), match["name"])
        if found is None:
            raise Refused(refusals.not_found())
        return found

    def _uploaded(self, number: int, name: str) -> StoredFile | None:
        asset = self._state.assets.get(number)
        if asset is None:
            return None
        if name == asset.file_name:
            return StoredFile(asset.blob, asset.media.content_type, asset.created / 1000)
        if name == "cover.png" and asset.kind == "video":
            return StoredFile(self._cover(number, asset.media), "image/png", asset.created / 1000)
        return None

    def _result(self, number: int, name: str) -> StoredFile | None:
        work = self._state.works.get(number)
        if work is None:
            return None
        modified = work.created / 1000
        if work.url(name) == work.film_url or name == "clean.mp4":
            return StoredFile(work.film or NO_PREVIEW, "video/mp4", modified)
        if name == "cover.png":
            return StoredFile(self._cover(number, work.media), "image/png", modified)
        if isinstance(work, Motion) and ((name == "bvh.zip" and work.bvh) or (name == "binary.zip" and work.binary)):
            return StoredFile(self._archive(work, name), "application/zip", modified)
        return None

    def _bundle(self, number: int, name: str) -> StoredFile | None:
        works = self._state.works.bundled(number)
        if not works or name != "works.zip":
            return None
        key = tuple(work.work_id for work in works)
        if key not in self._bundles:
            path = self._blobs.new_path()
            zip_films(path, {f"{work.work_id}.mp4": work.film or NO_PREVIEW for work in works})
            self._bundles[key] = self._blobs.adopt(path)
        return StoredFile(self._bundles[key], "application/zip", max(work.created for work in works) / 1000)

    def _cover(self, number: int, media: Media) -> Blob:
        width, height, seed = media.width or 720, media.height or 1280, _variant(number)
        return self._keep(("cover", width, height, seed), lambda: cover_png(width, height, seed))

    def _archive(self, motion: Motion, name: str) -> Blob:
        make = bvh_zip if name == "bvh.zip" else binary_zip
        duration, seed = motion.media.duration or 5.0, _variant(motion.work_id)
        return self._keep((name, duration, seed), lambda: make("motion", duration, seed))

    def _keep(self, key: Hashable, make: Callable[[], bytes]) -> Blob:
        blob = self._made.get(key)
        if blob is None:
            blob = self._made[key] = Blob.of(make())
            if len(self._made) > KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return blob


def _variant(number: int) -> int:
    # Few different figures walk here, so that thousands of motions cost no more than these.
    return abs(number) // 2 % VARIANTS


def serve(file: StoredFile, headers: Mapping[str, str]) -> Reply:
    """Answer with the whole file, or the one range asked for. `headers` has its names in lower case."""
    size = file.blob.size
    about = {
        "Accept-Ranges": "bytes",
        "ETag": file.etag,
        "Last-Modified": formatdate(int(file.modified), usegmt=True),
    }
    part = _part(headers.get("range", ""), size)
    if part is None or not _still(file, headers.get("if-range")):
        return Reply(body=FileBody(file.blob, 0, size), content_type=file.content_type, headers=about)
    start, stop = part
    if start >= stop:
        return Reply(status=416, headers={**about, "Content-Range": f"bytes */{size}"})
    return Reply(
        status=206,
        body=FileBody(file.blob, start, stop),
        content_type=file.content_type,
        headers={**about, "Content-Range": f"bytes {start}-{stop - 1}/{size}"},
    )


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """Start and end of the range; none if none is asked for or it makes no sense, empty if outside."""
    match = RANGE.fullmatch(wanted.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    start, stop = int(match[1]), int(match[2]) + 1 if match[2] else size
    return None if stop <= start and match[2] else (start, min(stop, size))


def _still(file: StoredFile, condition: str | None) -> bool:
    """Whether the file is still the one an If-Range header names."""
    if condition is None or condition == file.etag:
        return True
    try:
        return int(file.modified) == int(parsedate_to_datetime(condition).timestamp())
    except ValueError:
        return False
