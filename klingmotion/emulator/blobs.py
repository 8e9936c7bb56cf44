"""Bytes the emulator holds: small ones in memory, large ones in a temporary directory, equal ones once."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

IN_MEMORY = 1024 * 1024
CHUNK = 64 * 1024

MP4_HEAD = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"
"""The first box of an MP4, for videos that are talked of and not there."""


@frozen(eq=False)
class Blob:
    """Immutable bytes, wherever they lie."""

    source: bytes | Path
    size: int
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> Blob:
        """A blob of bytes in memory."""
        return cls(data, len(data), hashlib.sha256(data).hexdigest())

    def chunks(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`, piece by piece."""
        if isinstance(self.source, bytes):
            for at in range(start, stop, CHUNK):
                yield self.source[at : min(at + CHUNK, stop)]
            return
        with self.source.open("rb") as file:
            file.seek(start)
            while start < stop and (piece := file.read(min(CHUNK, stop - start))):
                start += len(piece)
                yield piece


class BlobStore:
    """Keeps blobs by content until closed."""

    def __init__(self) -> None:
        self._blobs: dict[str, Blob] = {}
        self._directory: Path | None = None
        self._written = 0

    def writer(self) -> BlobWriter:
        """A place to put bytes whose number is not known yet."""
        return BlobWriter(self)

    def put(self, data: bytes) -> Blob:
        """Keep bytes that are all there."""
        return self.keep(Blob.of(data))

    def keep(self, blob: Blob) -> Blob:
        """The one kept blob with this content."""
        kept = self._blobs.setdefault(blob.sha256, blob)
        if kept is not blob and isinstance(blob.source, Path):
            blob.source.unlink()
        return kept

    def adopt(self, path: Path) -> Blob:
        """Keep a finished file that was written to a path of the store's."""
        with path.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        return self.keep(Blob(path, path.stat().st_size, checksum))

    def new_path(self) -> Path:
        """A path for a new file in the store's own directory."""
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="klingmotion-emulator-"))
        self._written += 1
        return self._directory / f"{self._written}.blob"

    def close(self) -> None:
        """Forget everything and remove the directory."""
        self._blobs.clear()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None


class BlobWriter:
    """Takes bytes piece by piece; moves to disk when they become many."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._hash = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._hash.update(piece)
        self.size += len(piece)
        if self._file is not None:
            self._file.write(piece)
            return
        self._pieces.append(piece)
        if self.size > IN_MEMORY:
            self._path = self._store.new_path()
            self._file = self._path.open("wb")
            self._file.writelines(self._pieces)
            self._pieces.clear()

    def finish(self) -> Blob:
        """Keep what was written."""
        source: bytes | Path = b"".join(self._pieces)
        if self._file is not None and self._path is not None:
            self._file.close()
            source = self._path
        return self._store.keep(Blob(source, self.size, self._hash.hexdigest()))

    def discard(self) -> None:
        """Throw away what was written; harmless after `finish`."""
        if self._file is not None and not self._file.closed and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
