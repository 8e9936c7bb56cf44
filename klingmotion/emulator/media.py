"""What a file is, read from its bytes: media type, duration and picture size.

File names and declared types are never looked at. Only headers are read, so a path to a large film costs a
few small reads: the picture data of MP4 and MOV files is stepped over.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from attrs import frozen


class UnreadableMedia(ValueError):  # noqa: N818 - named for what it says about the file
    """The bytes are no media of a known kind, or are damaged or cut short."""


@frozen
class Media:
    """What a file's content says about it."""

    #: The media type found, such as ``video/mp4``.
    content_type: str
    #: Seconds; ``None`` for pictures and where the file does not say.
    duration: float | None = None
    #: Pixels as shown, turned upright where the file asks for it; ``None`` for sound.
    width: int | None = None
    height: int | None = None


def probe(source: bytes | Path) -> Media:
    """Read the type, duration and size of a file from its content.

    Args:
        source: The bytes themselves, or where they are. A path is read in pieces, never as a whole.

    Raises:
        UnreadableMedia: The content is of no known kind, damaged or cut short.
        OSError: The path cannot be opened or read.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
        return _read(_Source(stream))


class _Source:
    """Random access to a file's bytes; asking beyond the end says so in words."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = stream.seek(0, io.SEEK_END)

    def peek(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes, fewer at the end of the file."""
        if offset >= self.size:
            return b""
        self._stream.seek(offset)
        return self._stream.read(count)

    def take(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes."""
        if offset + count > self.size:
            raise UnreadableMedia(f"the file is cut short: it ends at byte {self.size}")
        return self.peek(offset, count)


def _read(source: _Source) -> Media:
    if source.size == 0:
        raise UnreadableMedia("the file is empty")
    start = _after_id3(source)
    head = source.peek(start, 12)
    for mark, offset, read in _KINDS:
        if head[offset : offset + len(mark)] == mark:
            return read(source, start)
    return _frames(source, start)


def _after_id3(source: _Source) -> int:
    """Where the content starts: music files may carry an ID3 tag in front."""
    head = source.peek(0, 10)
    if not head.startswith(b"ID3"):
        return 0
    size = 0
    for byte in source.take(6, 4):
        size = size << 7 | byte & 0x7F
    return 10 + size


# -- pictures ------------------------------------------------------------------------------------------------


def _png(source: _Source, start: int) -> Media:
    header = source.take(start + 8, 25)
    length, kind, width, height = struct.unpack(">I4sII", header[:16])
    (checksum,) = struct.unpack(">I", header[21:])
    if (length, kind) != (13, b"IHDR") or zlib.crc32(header[4:21]) != checksum:
        raise UnreadableMedia("the PNG header is damaged")
    offset = start + 33
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", source.take(offset, 8))
        offset += 12 + length
    source.take(offset - 4, 4)
    return _picture("image/png", width, height)


def _jpeg(source: _Source, start: int) -> Media:
    offset = start + 2
    while True:
        fill, marker = source.take(offset, 2)
        if fill != 0xFF or marker == 0xD9:
            raise UnreadableMedia("the JPEG holds no frame header where one is due")
        if marker == 0xFF:  # padding before a marker
            offset += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without content
            offset += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            break
        else:
            offset += 2 + int.from_bytes(source.take(offset + 2, 2), "big")
    _, _, height, width = struct.unpack(">HBHH", source.take(offset + 2, 7))
    # Cameras append data of their own after the picture, so the end mark need not be the very last bytes.
    tail = max(offset, source.size - 65_536)
    if b"\xff\xd9" not in source.peek(tail, 65_536):
        raise UnreadableMedia("the JPEG is cut short: it has no end mark")
    return _picture("image/jpeg", width, height)


def _picture(content_type: str, width: int, height: int) -> Media:
    if not width or not height:
        raise UnreadableMedia(f"the picture says it is {width} x {height} pixels")
    return Media(content_type, None, width, height)


# -- MP4 and MOV ---------------------------------------------------------------------------------------------


@frozen
class _Box:
    """One box of an MP4 file: its kind, and where its content starts and ends."""

    kind: str
    start: int
    end: int

    def field(self, source: _Source, offset: int, layout: str) -> tuple[int, ...]:
        """Numbers at an offset of the content."""
        start, count = self.start + offset, struct.calcsize(layout)
        if start + count > self.end:
            raise UnreadableMedia(f"the {self.kind} box is too small")
        return struct.unpack(layout, source.take(start, count))


def _boxes(source: _Source, start: int, end: int) -> Iterator[_Box]:
    while start < end:
        size, kind = struct.unpack(">I4s", source.take(start, 8))
        head = 8
        if size == 1:  # the size did not fit into 32 bits and follows
            (size,), head = struct.unpack(">Q", source.take(start + 8, 8)), 16
        elif size == 0:  # the box runs to the end
            size = end - start
        box = _Box(kind.decode("latin-1"), start + head, start + size)
        if size < head or box.end > end:
            raise UnreadableMedia(f"the {box.kind} box does not fit: the file is cut short or damaged")
        yield box
        start = box.end


def _children(source: _Source, box: _Box) -> dict[str, _Box]:
    """The first box of each kind inside a box."""
    found: dict[str, _Box] = {}
    for child in _boxes(source, box.start, box.end):
        found.setdefault(child.kind, child)
    return found


def _child(source: _Source, box: _Box, kind: str) -> _Box:
    child = _children(source, box).get(kind)
    if child is None:
        raise UnreadableMedia(f"the {box.kind} box holds no {kind} box")
    return child


def _movie(source: _Source, start: int) -> Media:
    top = _children(source, _Box("file", start, source.size))
    if "moov" not in top or "mdat" not in top:
        missing = "mdat" if "moov" in top else "moov"
        raise UnreadableMedia(f"the film is incomplete: it has no {missing} box")
    moov = top["moov"]
    duration = _movie_duration(source, moov)
    boxes = _boxes(source, moov.start, moov.end)
    kinds = {_track_kind(source, box): box for box in boxes if box.kind == "trak"}
    brand = source.take(top["ftyp"].start, 4) if "ftyp" in top else b"qt  "
    if b"vide" in kinds and brand not in (b"M4A ", b"M4B ", b"M4P "):
        content_type = "video/quicktime" if brand == b"qt  " else "video/mp4"
        return Media(content_type, duration, *_shown_size(source, kinds[b"vide"]))
    if b"soun" in kinds:
        return Media("audio/mp4", duration)
    raise UnreadableMedia("the film has neither a picture nor a sound track")


def _movie_duration(source: _Source, moov: _Box) -> float | None:
    header = _child(source, moov, "mvhd")
    (version,) = header.field(source, 0, ">B")
    scale, units = header.field(source, 20, ">IQ") if version == 1 else header.field(source, 12, ">II")
    if scale == 0:
        raise UnreadableMedia("the mvhd box gives a time scale of zero")
    unknown = units == (2**64 - 1 if version == 1 else 2**32 - 1)
    in_fragments = units == 0 and "mvex" in _children(source, moov)
    return None if unknown or in_fragments else units / scale


def _track_kind(source: _Source, track: _Box) -> bytes:
    handler = _child(source, _child(source, track, "mdia"), "hdlr")
    return bytes(handler.field(source, 8, ">4B"))


def _shown_size(source: _Source, track: _Box) -> tuple[int, int]:
    header = _child(source, track, "tkhd")
    (version,) = header.field(source, 0, ">B")
    matrix = 52 if version == 1 else 40
    a, b, _, c, d, *_, width, height = header.field(source, matrix, ">9i2I")  # sizes: 16 bits after the point
    if a == d == 0 and b and c:  # filmed upright by a telephone: a quarter turn is due
        width, height = height, width
    if width < 1 << 16 or height < 1 << 16:
        raise UnreadableMedia("the picture track gives no size")
    return width >> 16, height >> 16


# -- sound ---------------------------------------------------------------------------------------------------


def _wav(source: _Source, start: int) -> Media:
    if source.take(start + 8, 4) != b"WAVE":
        raise UnreadableMedia("the RIFF file holds no WAVE sound")
    offset, rate = start + 12, 0
    while True:
        kind, size = struct.unpack("<4sI", source.take(offset, 8))
        offset += 8
        if kind == b"data":
            break
        if kind == b"fmt ":
            (rate,) = struct.unpack("<I", source.take(offset + 8, 4))
        offset += size + size % 2
    if rate == 0:
        raise UnreadableMedia("the WAVE sound gives no data rate")
    if size == 2**32 - 1:  # written to a pipe: the size was not known, the sound runs to the end
        size = source.size - offset
    source.take(offset + size, 0)
    return Media("audio/wav", size / rate)


def _flac(source: _Source, start: int) -> Media:
    if source.take(start + 4, 1)[0] & 0x7F:
        raise UnreadableMedia("the FLAC sound does not start with its stream information")
    packed = int.from_bytes(source.take(start + 18, 8), "big")
    source.take(start + 26, 16)
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    if rate == 0:
        raise UnreadableMedia("the FLAC sound gives a sample rate of zero")
    return Media("audio/flac", samples / rate if samples else None)


def _ogg(source: _Source, start: int) -> Media:
    segments = source.take(start, 27)[26]
    head = source.take(start + 27 + segments, 19)
    if head.startswith(b"\x01vorbis"):
        rate, skipped = int.from_bytes(head[12:16], "little"), 0
    elif head.startswith(b"OpusHead"):
        rate, skipped = 48_000, int.from_bytes(head[10:12], "little")
    else:
        raise UnreadableMedia("the Ogg file holds neither Vorbis nor Opus sound")
    if rate == 0:
        raise UnreadableMedia("the Vorbis sound gives a sample rate of zero")
    samples = _last_granule(source)
    return Media("audio/ogg", None if samples is None else max(0, samples - skipped) / rate)


def _last_granule(source: _Source) -> int | None:
    """The sample count the last page ends on; a page is at most 65,307 bytes."""
    tail = source.peek(max(0, source.size - 131_072), 131_072)
    end = len(tail)
    while (page := tail.rfind(b"OggS", 0, end)) >= 0:
        granule = int.from_bytes(tail[page + 6 : page + 14], "little", signed=True)
        if page + 27 <= len(tail) and granule >= 0:
            return granule
        end = page
    return None


def _frames(source: _Source, start: int) -> Media:
    if (first := _frame(source.peek(start, 7))) is None:
        raise UnreadableMedia("the content is no picture, video or sound of a known kind")
    content_type, size, seconds = first
    source.take(start, size)  # the first frame must be whole; players skip a cut one at the end
    while (frame := _frame(source.peek(start + size, 7))) is not None:
        size, seconds = size + frame[1], seconds + frame[2]
    return Media(content_type, seconds)


def _frame(head: bytes) -> tuple[str, int, float] | None:
    """Media type, bytes and seconds of the frame of sound that starts here."""
    return _mp3_frame(head) or _adts_frame(head)


_MP3_RATES = (44_100, 48_000, 32_000)
_MP3_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_KBITS_LOW = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def _mp3_frame(head: bytes) -> tuple[str, int, float] | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, kbits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or kbits in (0, 15) or rate == 3:
        return None
    full = version == 3
    hertz = _MP3_RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    samples = 1152 if full else 576
    bits = (_MP3_KBITS if full else _MP3_KBITS_LOW)[kbits - 1] * 1000
    size = samples // 8 * bits // hertz + (head[2] >> 1 & 1)
    return ("audio/mpeg", size, samples / hertz)


_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)


def _adts_frame(head: bytes) -> tuple[str, int, float] | None:
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    rate = head[2] >> 2 & 15
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    if rate >= len(_AAC_RATES) or size < 7:
        return None
    return ("audio/aac", size, ((head[6] & 3) + 1) * 1024 / _AAC_RATES[rate])


_KINDS: tuple[tuple[bytes, int, Callable[[_Source, int], Media]], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, _png),
    (b"\xff\xd8\xff", 0, _jpeg),
    (b"RIFF", 0, _wav),
    (b"fLaC", 0, _flac),
    (b"OggS", 0, _ogg),
    # MP4 and newer MOV files open with ftyp; older MOV files with any of the others.
    *((kind, 4, _movie) for kind in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")),
)
