"""What `probe` reads from a file's bytes, and that damage is always named as such."""

from __future__ import annotations

import importlib.resources
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klingmotion.emulator.media import Media, UnreadableMedia, probe

UPRIGHT = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
QUARTER_TURN = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def wide_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content


def mvhd(units: int, scale: int, version: int = 0) -> bytes:
    times = struct.pack(">QQIQ" if version else ">IIII", 0, 0, scale, units)
    return box(b"mvhd", bytes([version, 0, 0, 0]), times, bytes(80))


def tkhd(width: int, height: int, version: int = 0, matrix: tuple[int, ...] = UPRIGHT) -> bytes:
    times = struct.pack(">QQIIQ" if version else ">IIIII", 0, 0, 1, 0, 0)
    shape = struct.pack(">9iII", *matrix, width << 16, height << 16)
    return box(b"tkhd", bytes([version, 0, 0, 0]), times, bytes(16), shape)


def track(handler: bytes, header: bytes) -> bytes:
    return box(b"trak", header, box(b"mdia", box(b"hdlr", bytes(8), handler, bytes(13))))


FTYP = box(b"ftyp", b"isom", bytes(4), b"isomavc1")
VIDEO = track(b"vide", tkhd(720, 1280))
SOUND = track(b"soun", tkhd(0, 0))
MOOV = box(b"moov", mvhd(5200, 1000), SOUND, VIDEO)
MDAT = box(b"mdat", bytes(200))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">II5B", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", bytes(20)) + chunk(b"IEND", b"")


def jpeg(width: int, height: int, frame: int = 0xC0) -> bytes:
    def segment(marker: int, content: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content

    # The thumbnail inside the first segment has marks of its own, which must not be taken for the picture's.
    thumbnail = b"\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x00\x00\x00\xff\xd9"
    shape = struct.pack(">BHHB", 8, height, width, 1) + bytes(3)
    parts = [
        segment(0xE1, thumbnail),
        b"\xff",
        segment(0xC4, bytes(5)),
        segment(frame, shape),
        segment(0xDA, bytes(6)),
    ]
    return b"\xff\xd8" + b"".join(parts) + b"\x12\x34\xff\x00\x56\xff\xd9"


def wav(seconds: int, size: int | None = None) -> bytes:
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
    sound = bytes(8000 * seconds)
    note = b"LIST\x03\x00\x00\x00abc\x00"  # an odd size is padded
    data = struct.pack("<4sI", b"data", len(sound) if size is None else size) + sound
    return b"RIFF" + struct.pack("<I", len(fmt + note + data) + 4) + b"WAVE" + fmt + note + data


def flac(samples: int, rate: int) -> bytes:
    packed = (rate << 44 | 15 << 36 | samples).to_bytes(8, "big")
    return b"fLaC" + bytes([0x80, 0, 0, 34]) + bytes(10) + packed + bytes(16)


def ogg(first: bytes, granule: int) -> bytes:
    def page(at: int, content: bytes) -> bytes:
        return struct.pack("<4sBBqIIIB", b"OggS", 0, 0, at, 1, 0, 0, 1) + bytes([len(content)]) + content

    return page(0, first) + page(granule, bytes(40)) + page(-1, bytes(9))


VORBIS = ogg(b"\x01vorbis" + struct.pack("<IBI", 0, 1, 44_100) + bytes(14), 3 * 44_100)
OPUS = ogg(b"OpusHead\x01\x01" + struct.pack("<HI", 312, 44_100) + bytes(3), 2 * 48_000 + 312)
# 100 frames of MPEG 1 layer III at 128 kbit/s and 44.1 kHz; 50 of MPEG 2 at 64 kbit/s and 22.05 kHz; 40 of
# AAC at 44.1 kHz.
MP3 = (b"\xff\xfb\x90\x00" + bytes(413)) * 100
MP3_LOW = (b"\xff\xf3\x80\x00" + bytes(204)) * 50
AAC = (b"\xff\xf1\x50\x80\x0c\x9f\xfc" + bytes(93)) * 40
ID3 = b"ID3\x04\x00\x00" + bytes([0, 0, 1, 2]) + bytes(130)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(FTYP + MOOV + MDAT, Media("video/mp4", 5.2, 720, 1280), id="mp4"),
        pytest.param(FTYP + MDAT + MOOV, Media("video/mp4", 5.2, 720, 1280), id="moov at the end"),
        pytest.param(FTYP + wide_box(b"mdat", bytes(50)) + MOOV, Media("video/mp4", 5.2, 720, 1280), id="wide box"),
        pytest.param(
            FTYP + MOOV + struct.pack(">I4s", 0, b"mdat") + bytes(9),
            Media("video/mp4", 5.2, 720, 1280),
            id="open end",
        ),
        pytest.param(
            FTYP + MDAT + box(b"moov", mvhd(2**33, 2**32 - 1, version=1), track(b"vide", tkhd(1080, 1920, version=1))),
            Media("video/mp4", 2**33 / (2**32 - 1), 1080, 1920),
            id="version 1 headers",
        ),
        pytest.param(
            FTYP + box(b"moov", mvhd(2000, 1000), track(b"vide", tkhd(1920, 1080, matrix=QUARTER_TURN))) + MDAT,
            Media("video/mp4", 2.0, 1080, 1920),
            id="filmed upright",
        ),
        pytest.param(
            FTYP + box(b"moov", mvhd(2**32 - 1, 1000), VIDEO) + MDAT,
            Media("video/mp4", None, 720, 1280),
            id="duration unknown",
        ),
        pytest.param(
            FTYP + box(b"moov", mvhd(0, 1000), VIDEO, box(b"mvex")) + MDAT,
            Media("video/mp4", None, 720, 1280),
            id="duration in fragments",
        ),
        pytest.param(box(b"ftyp", b"qt  ", bytes(8)) + MOOV + MDAT, Media("video/quicktime", 5.2, 720, 1280), id="mov"),
        pytest.param(box(b"wide") + MDAT + MOOV, Media("video/quicktime", 5.2, 720, 1280), id="old mov"),
        pytest.param(box(b"ftyp", b"M4A ", bytes(4)) + MOOV + MDAT, Media("audio/mp4", 5.2), id="m4a with a cover"),
        pytest.param(FTYP + box(b"moov", mvhd(900, 300), SOUND) + MDAT, Media("audio/mp4", 3.0), id="sound in mp4"),
        pytest.param(png(640, 480), Media("image/png", None, 640, 480), id="png"),
        pytest.param(jpeg(640, 480), Media("image/jpeg", None, 640, 480), id="jpeg"),
        pytest.param(jpeg(300, 400, frame=0xC2), Media("image/jpeg", None, 300, 400), id="progressive jpeg"),
        pytest.param(jpeg(300, 400) + bytes(900), Media("image/jpeg", None, 300, 400), id="jpeg with more behind"),
        pytest.param(wav(2), Media("audio/wav", 2.0), id="wav"),
        pytest.param(wav(3, size=2**32 - 1), Media("audio/wav", 3.0), id="wav from a pipe"),
        pytest.param(flac(96_000, 48_000), Media("audio/flac", 2.0), id="flac"),
        pytest.param(flac(0, 48_000), Media("audio/flac", None), id="flac of unknown length"),
        pytest.param(VORBIS, Media("audio/ogg", 3.0), id="vorbis"),
        pytest.param(OPUS, Media("audio/ogg", 2.0), id="opus"),
        pytest.param(ID3 + flac(96_000, 48_000), Media("audio/flac", 2.0), id="flac behind a tag"),
    ],
)
def test_type_duration_and_size_come_from_the_content(content: bytes, expected: Media, tmp_path: Path) -> None:
    """Bytes and a path, whatever its name, are read alike."""
    misnamed = tmp_path / "misnamed.txt"
    misnamed.write_bytes(content)
    assert probe(content) == expected
    assert probe(misnamed) == expected


@pytest.mark.parametrize(
    ("content", "content_type", "seconds"),
    [
        pytest.param(MP3, "audio/mpeg", 100 * 1152 / 44_100, id="mp3"),
        pytest.param(ID3 + MP3 + b"TAG" + bytes(125), "audio/mpeg", 100 * 1152 / 44_100, id="mp3 with tags"),
        pytest.param(MP3_LOW, "audio/mpeg", 50 * 576 / 22_050, id="mp3 of low rate"),
        pytest.param(AAC, "audio/aac", 40 * 1024 / 44_100, id="aac"),
    ],
)
def test_sound_without_a_header_lasts_as_long_as_its_frames(content: bytes, content_type: str, seconds: float) -> None:
    """MP3 and AAC streams are measured frame by frame."""
    media = probe(content)
    assert media.content_type == content_type
    assert media.duration == pytest.approx(seconds)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(FTYP + MOOV + MDAT, id="moov first"),
        pytest.param(FTYP + MDAT + MOOV, id="moov last"),
        pytest.param(FTYP + wide_box(b"mdat", bytes(50)) + MOOV, id="wide box"),
        pytest.param(png(640, 480), id="png"),
        pytest.param(jpeg(640, 480), id="jpeg"),
        pytest.param(wav(1), id="wav"),
        pytest.param(flac(96_000, 48_000), id="flac"),
    ],
)
def test_a_file_cut_short_anywhere_is_unreadable(content: bytes) -> None:
    """No cut leaves a file that passes for whole, and none raises anything else."""
    probe(content)
    for end in range(len(content)):
        with pytest.raises(UnreadableMedia):
            probe(content[:end])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the file is empty"),
        (b"<!doctype html><title>no film</title>", "of no known kind|no picture, video or sound"),
        (FTYP + MDAT, "no moov box"),
        (FTYP + MOOV, "no mdat box"),
        (FTYP + box(b"moov", VIDEO) + MDAT, "the moov box holds no mvhd box"),
        (FTYP + box(b"moov", mvhd(5, 0), VIDEO) + MDAT, "time scale of zero"),
        (FTYP + box(b"moov", box(b"mvhd", bytes(12)), VIDEO) + MDAT, "the mvhd box is too small"),
        (FTYP + box(b"moov", mvhd(5, 1)) + MDAT, "neither a picture nor a sound track"),
        (FTYP + box(b"moov", mvhd(5, 1), track(b"vide", tkhd(0, 0))) + MDAT, "no size"),
        (
            FTYP + box(b"moov", mvhd(5, 1), struct.pack(">I4s", 99, b"trak")) + MDAT,
            "the trak box does not fit",
        ),
        (FTYP + struct.pack(">I4s", 7, b"moov") + MDAT, "the moov box does not fit"),
        (png(0, 480), "0 x 480"),
        (png(640, 480).replace(b"\x00\x00\x02\x80", b"\x00\x00\x02\x81"), "PNG header is damaged"),
        (jpeg(0, 480), "0 x 480"),
        (b"\xff\xd8\xff\xd9", "no frame header"),
        (b"RIFF" + bytes(4) + b"AVI LIST", "no WAVE sound"),
        (wav(1, size=8001), "cut short"),
        (flac(1, 0), "sample rate of zero"),
        (ogg(b"\x80theora" + bytes(30), 5), "neither Vorbis nor Opus"),
    ],
)
def test_unreadable_content_says_what_is_wrong(content: bytes, text: str) -> None:
    """The text of the error names the fault."""
    with pytest.raises(UnreadableMedia, match=text):
        probe(content)


WHOLE_FILES = (
    FTYP + MOOV + MDAT,
    png(640, 480),
    jpeg(640, 480),
    wav(0),
    flac(9, 9),
    VORBIS,
    ID3 + MP3[:834],
    AAC[:300],
)


@given(st.sampled_from(WHOLE_FILES), st.data())
def test_damaged_files_are_read_or_called_unreadable(content: bytes, data: st.DataObject) -> None:
    """Bytes overwritten anywhere raise nothing but `UnreadableMedia`."""
    damaged = bytearray(content)
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        damaged[at] = data.draw(st.sampled_from((0, 1, 7, 8, 127, 128, 254, 255)))
    try:
        media = probe(bytes(damaged))
    except UnreadableMedia:
        return
    assert media.content_type.split("/")[0] in {"video", "image", "audio"}


def test_the_picture_data_of_a_large_film_is_stepped_over(tmp_path: Path) -> None:
    """Reading a film of six gigabytes takes next to no memory."""
    film = tmp_path / "long.mp4"
    size = 6 * 2**30
    with film.open("wb") as stream:  # the gap takes no room on the disk
        stream.write(FTYP + struct.pack(">I4sQ", 1, b"mdat", 16 + size))
        stream.seek(size, 1)
        stream.write(MOOV)
    tracemalloc.start()
    try:
        media = probe(film)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert media == Media("video/mp4", 5.2, 720, 1280)
    assert peak < 2**20


def test_a_missing_file_is_no_media_error(tmp_path: Path) -> None:
    """What the disk says passes through."""
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "none.mp4")


def test_the_sample_clip_is_a_film_the_service_takes() -> None:
    """The clip in the package is 5 seconds of 720p with its index in front, and small."""
    clip = importlib.resources.files("klingmotion").joinpath("samples", "walk.mp4").read_bytes()
    assert probe(clip) == Media("video/mp4", 5.0, 720, 1280)
    assert clip.index(b"moov") < clip.index(b"mdat")
    assert b"soun" not in clip[: clip.index(b"mdat")]
    assert len(clip) < 200_000
