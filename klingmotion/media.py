"""What can be known of a media file before it is sent: its type by content, its size limit, a video's length."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import BinaryIO, Literal

from attrs import frozen

from klingmotion.errors import InvalidRequestError
from klingmotion.transport import ByteSource, BytesSource, FileSource

#: Bytes an upload may have, by type (HTTP contract, section 2.6).
MEGABYTE = 1_000_000
LIMITS = {
    "image/png": 10 * MEGABYTE,
    "image/jpeg": 10 * MEGABYTE,
    "video/mp4": 100 * MEGABYTE,
    "video/quicktime": 100 * MEGABYTE,
    "audio/wav": 20 * MEGABYTE,
    "audio/wave": 20 * MEGABYTE,
    "audio/mpeg": 20 * MEGABYTE,
    "audio/mp4": 20 * MEGABYTE,
    "audio/flac": 20 * MEGABYTE,
    "audio/aac": 20 * MEGABYTE,
    "audio/ogg": 20 * MEGABYTE,
}


@frozen
class Length:
    """How many seconds of video there may be for one use."""

    shortest: float
    longest: float
    use: str

    def __str__(self) -> str:
        return f"{self.use} {self.shortest:g} to {self.longest:g} s of video"


#: What a motion can be extracted from (section 2.1), what it can be applied from (section 2.11), and either.
EXTRACTED = Length(2.0, 10.0, "a motion is extracted from")
APPLIED = Length(3.0, 30.0, "a motion is applied from")
USABLE = Length(2.0, 30.0, "there is a use for")

#: Seconds by which a container's own figure may be off.
_ROUNDING = 0.05

#: Types whose first bytes may be the same: one container, two names of one type, or a tag that stands before either.
_ALIKE = (
    {"video/mp4", "video/quicktime", "audio/mp4"},
    {"audio/wav", "audio/wave"},
    {"audio/mpeg", "audio/aac", "audio/flac"},
)

_KINDS = "MP4 or QuickTime video, PNG or JPEG image, WAV, MP3, M4A, FLAC, AAC or Ogg audio"
_HEAD = 64

#: Brands of the same container that hold images the API does not take.
_STILL_IMAGES = (b"heic", b"heix", b"mif1", b"msf1", b"avif")


#: A file to upload: a path, or the bytes of the file.
FileLike = str | os.PathLike[str] | bytes


@frozen
class Media:
    """A file that may be uploaded."""

    source: ByteSource
    content_type: str
    #: What errors call it.
    name: str


async def examine(source: FileLike, content_type: str | None = None, *, length: Length = USABLE) -> Media:
    """Check a file before it is uploaded; of a video also whether it is as long as its use wants it to be.

    The disk is read in a thread.

    Raises:
        InvalidRequestError: There is no such file, it is empty, of no usable type, too large, cut short, or a video
            whose length is not allowed; the text says what is. Nothing was sent.
    """
    return await asyncio.to_thread(_examine, source, content_type, length)


async def examine_as(kind: Literal["video", "image"], source: FileLike, *, length: Length = EXTRACTED) -> Media:
    """Check a file that has to be of one kind, as `examine` does; a video for an extraction, unless said otherwise."""
    found = await examine(source, length=length)
    if not found.content_type.startswith(f"{kind}/"):
        raise InvalidRequestError(f"{found.name} is {found.content_type}; a file of type {kind} is needed here")
    return found


def _examine(given: FileLike, content_type: str | None, length: Length) -> Media:
    name, source = _source(given)
    if source.size == 0:
        raise InvalidRequestError(f"{name} is empty")
    try:
        with source.open() as file:
            kind = _checked_type(name, file.read(_HEAD), content_type)
            _check_size(name, source.size, kind)
            if kind.startswith("video/"):
                _check_video(name, file, source.size, length)
    except OSError as error:
        raise InvalidRequestError(f"{name} cannot be read: {error.strerror or error}") from error
    return Media(source, kind, name)


def _source(given: str | os.PathLike[str] | bytes) -> tuple[str, ByteSource]:
    if isinstance(given, bytes):
        return f"the clip of {len(given)} bytes", BytesSource(given)
    if not isinstance(given, str | os.PathLike):
        raise InvalidRequestError(f"a file is given as a path or as bytes, got {type(given).__name__}")
    path = Path(given)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidRequestError(f"{given} cannot be read: {reason}") from error
    if not path.is_file():
        raise InvalidRequestError(f"{given} is not a file")
    return str(path), FileSource(path, status.st_size, status.st_mtime_ns)


# --- Type and size --------------------------------------------------------------------------------------------------


def _checked_type(name: str, head: bytes, content_type: str | None) -> str:
    found = type_of(head)
    if content_type is not None and content_type not in LIMITS:
        raise InvalidRequestError(f"content_type {content_type!r} is not one the API takes: {', '.join(LIMITS)}")
    if found is None and content_type is None:
        raise InvalidRequestError(f"{name} is of no type the API takes, judged by its content: {_KINDS}")
    if found and content_type and found != content_type and not any({found, content_type} <= few for few in _ALIKE):
        raise InvalidRequestError(f"{name} is {found}, judged by its content, and not {content_type}")
    return content_type or found or ""


def type_of(head: bytes) -> str | None:
    """The content type that the first bytes of a file tell, whatever its name."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in _STILL_IMAGES:
            return None
        return "video/quicktime" if brand == b"qt  " else "audio/mp4" if brand in (b"M4A ", b"M4B ") else "video/mp4"
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "video/quicktime"
    signatures = {
        b"\x89PNG\r\n\x1a\n": "image/png",
        b"\xff\xd8\xff": "image/jpeg",
        b"fLaC": "audio/flac",
        b"OggS": "audio/ogg",
        b"ID3": "audio/mpeg",
    }
    for signature, kind in signatures.items():
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # an MPEG frame; layer 0 means ADTS
        return "audio/aac" if head[1] & 0x06 == 0 else "audio/mpeg"
    return None


def _check_size(name: str, size: int, kind: str) -> None:
    if size > LIMITS[kind]:
        raise InvalidRequestError(
            f"{name} has {size / MEGABYTE:.1f} MB; the API takes at most {LIMITS[kind] // MEGABYTE} MB of {kind}"
        )


# --- Videos ---------------------------------------------------------------------------------------------------------


def _check_video(name: str, file: BinaryIO, size: int, length: Length) -> None:
    if not _is_whole(file, size):
        raise InvalidRequestError(
            f"{name} is cut short or damaged: its parts do not add up to its size. Export or copy it again"
        )
    seconds = _duration(name, file)
    if seconds is None:
        return
    if seconds < length.shortest - _ROUNDING:
        raise InvalidRequestError(f"{name} lasts {seconds:.2f} s; {length}")
    if seconds > length.longest + _ROUNDING:
        raise InvalidRequestError(
            f"{name} lasts {seconds:.2f} s; {length}. To keep the first {length.longest:g} s:"
            f" ffmpeg -i {name} -t {length.longest:g} -c:v libx264 -an trimmed.mp4"
        )


#: What the outermost boxes of an MP4 or QuickTime file are called.
_BOXES = frozenset(
    b"ftyp moov mdat free skip wide pnot udta uuid meta moof mfra sidx ssix styp prft emsg pdin PICT junk".split()
)


def _is_whole(file: BinaryIO, size: int) -> bool:
    """Whether the top-level boxes of an MP4 or QuickTime file fill it and one of them describes the video.

    What stands behind all that a video needs, and is no box, is what cameras append for themselves.
    """
    position, seen = 0, set[bytes]()
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4]), header[4:8]
        if {b"moov", b"mdat"} <= seen and kind not in _BOXES:
            return True
        smallest = 8
        if length == 1:
            length, smallest = int.from_bytes(header[8:16]), 16
        elif length == 0:  # to the end of the file
            length = size - position
        seen.add(kind)
        if length < smallest:
            return False
        position += length
    return b"moov" in seen and 0 <= size - position < 8  # a few bytes of padding are common


def _duration(name: str, file: BinaryIO) -> float | None:
    """Seconds, where tinytag (extra `cli`) is installed and the file says it."""
    try:
        import tinytag
    except ImportError:
        return None
    file.seek(0)
    try:
        seconds = tinytag.TinyTag.get(filename=None, file_obj=file, tags=False).duration
    except tinytag.UnsupportedFormatError:  # a container it does not know says nothing about the video in it
        return None
    except (tinytag.TinyTagException, OSError, ValueError, KeyError, IndexError) as error:
        raise InvalidRequestError(f"{name} is not a video that can be read: {error}") from error
    return seconds or None
