"""The files the emulator hands out open, hold what they say, and never differ."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest

from klingmotion.emulator.artefacts import binary_zip, bvh_zip, cover_png
from klingmotion.emulator.media import Media, probe
from klingmotion.emulator.skeleton import bvh_text, walk


def only_member(archive: bytes) -> tuple[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as reader:
        assert reader.testzip() is None
        (name,) = reader.namelist()
        return name, reader.read(name)


def test_the_bvh_archive_holds_the_motion_under_its_name() -> None:
    """One member, named after the motion, with the text of the walk."""
    name, content = only_member(bvh_zip("dance", 2.0, seed=4))
    assert name == "dance.bvh"
    assert content.decode() == bvh_text(2.0, seed=4)


def test_the_binary_archive_holds_the_same_motion_in_the_documented_layout() -> None:
    """Read as documented, the binary gives the joints and poses of the walk, to the last byte."""
    name, content = only_member(binary_zip("dance", 1.5, seed=4))
    motion = walk(1.5, seed=4)
    stream = io.BytesIO(content)

    def take(layout: str) -> tuple[int | float | bytes, ...]:
        return struct.unpack("<" + layout, stream.read(struct.calcsize("<" + layout)))

    assert name == "dance.bin"
    assert take("4sHHI") == (b"KLMO", 1, 21, 45)
    assert take("f") == pytest.approx((1 / 30,))
    names = [joint.name for joint in motion.joints]
    for joint in motion.joints:
        parent, *offset = take("h3f")
        assert parent == (-1 if joint.parent is None else names.index(joint.parent))
        assert offset == pytest.approx(list(joint.offset), abs=1e-4)
        (length,) = stream.read(1)
        assert stream.read(length).decode() == joint.name
    for pose in motion.poses:
        assert take("3f") == pytest.approx(pose.root, abs=1e-4)
        for turn in pose.turns:
            assert take("3f") == pytest.approx(turn, abs=1e-4)
    assert stream.read() == b""


@pytest.mark.parametrize("name", ["dance", "2026-01-06 Tänzer", "a.b"])
def test_any_name_survives_the_archive(name: str) -> None:
    """Names beyond ASCII come back as they were."""
    assert only_member(bvh_zip(name, 0.5, seed=0))[0] == f"{name}.bvh"
    assert only_member(binary_zip(name, 0.5, seed=0))[0] == f"{name}.bin"


def pixels(picture: bytes) -> list[list[bytes]]:
    """Rows of pixels of an unfiltered PNG with a single data chunk."""
    width, height = struct.unpack(">II", picture[16:24])
    start = picture.index(b"IDAT")
    (length,) = struct.unpack(">I", picture[start - 4 : start])
    raw = zlib.decompress(picture[start + 4 : start + 4 + length])
    assert len(raw) == height * (1 + 3 * width)
    rows = [raw[at : at + 1 + 3 * width] for at in range(0, len(raw), 1 + 3 * width)]
    assert all(row[0] == 0 for row in rows)
    return [[row[at : at + 3] for at in range(1, len(row), 3)] for row in rows]


@pytest.mark.parametrize(
    ("asked", "drawn"),
    [
        ((720, 1280), (720, 1280)),
        ((1280, 720), (1280, 720)),
        ((1, 299), (300, 300)),
        ((0, 65_535), (300, 4096)),
    ],
)
def test_the_cover_has_the_size_asked_for_within_bounds(asked: tuple[int, int], drawn: tuple[int, int]) -> None:
    """The cover is a picture the service itself would take."""
    assert probe(cover_png(*asked, seed=1)) == Media("image/png", None, *drawn)


@pytest.mark.parametrize(("width", "height"), [(360, 640), (640, 360), (2000, 300), (300, 2000)])
def test_the_cover_shows_a_figure_before_a_background(width: int, height: int) -> None:
    """The dark figure stands whole in the picture, clear of its edges."""
    rows = pixels(cover_png(width, height, seed=2))
    dark = [(x, y) for y, row in enumerate(rows) for x, pixel in enumerate(row) if max(pixel) < 110]
    columns, lines = [x for x, _ in dark], [y for _, y in dark]
    assert len(dark) > 500
    assert 0 < min(columns) < width / 2 < max(columns) < width - 1
    assert 0 < min(lines) < max(lines) < height - 1
    assert len({pixel for row in rows for pixel in row}) > 20


def test_the_same_arguments_give_the_same_bytes_and_other_seeds_others() -> None:
    """No file depends on when or where it was made."""
    for make in (bvh_zip, binary_zip):
        assert make("walk", 1.0, 5) == make("walk", 1.0, 5)
        assert make("walk", 1.0, 5) != make("walk", 1.0, 6)
    assert cover_png(320, 480, 5) == cover_png(320, 480, 5)
    assert cover_png(320, 480, 5) != cover_png(320, 480, 6)
    with zipfile.ZipFile(io.BytesIO(bvh_zip("walk", 1.0, 5))) as reader:
        assert reader.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)
