"""The files the emulator hands out: BVH, binary and cover of a motion, a film, and films in a ZIP.

The same arguments always give the same bytes.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from klingmotion.emulator.blobs import Blob
from klingmotion.emulator.skeleton import Vector, bvh_text, joint_positions, walk

# The earliest moment a ZIP can name: archives made at different times are the same.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_SMALLEST_SIDE = 300  # pixels; the service takes no smaller picture
_LARGEST_SIDE = 4096  # a film may claim any size, and the cover is drawn in memory

_Colour = tuple[int, int, int]


def bvh_zip(name: str, duration: float, seed: int = 0) -> bytes:
    """A ZIP that holds the motion as ``<name>.bvh``."""
    return _zipped(f"{name}.bvh", bvh_text(duration, seed=seed).encode("ascii"))


def binary_zip(name: str, duration: float, seed: int = 0) -> bytes:
    """A ZIP that holds the motion as ``<name>.bin``, the same motion as in `bvh_zip`.

    What the service itself puts into its binary is not published, so this is a layout of the emulator's own.
    All numbers are little-endian:

    - the four letters ``KLMO``, then a version (uint16, now 1), the number of joints J (uint16), the number
      of frames (uint32) and the seconds per frame (float32);
    - J joints: the index of the parent (int16, -1 for the root), the offset from the parent in centimetres
      (3 float32: x, y, z), the length of the name (uint8) and the name in UTF-8;
    - for each frame: the place of the root in centimetres (3 float32: x, y, z), then J times the rotation in
      degrees (3 float32: about z, x and y; the rotation about y is applied first).
    """
    motion = walk(duration, seed=seed)
    places = {joint.name: index for index, joint in enumerate(motion.joints)}
    parts = [struct.pack("<4sHHIf", b"KLMO", 1, len(motion.joints), len(motion.poses), motion.frame_time)]
    for joint in motion.joints:
        label = joint.name.encode()
        parent = -1 if joint.parent is None else places[joint.parent]
        parts.append(struct.pack("<h3fB", parent, *joint.offset, len(label)) + label)
    for pose in motion.poses:
        parts += [struct.pack("<3f", *vector) for vector in (pose.root, *pose.turns)]
    return _zipped(f"{name}.bin", b"".join(parts))


def _zipped(name: str, content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr(_entry(name, zipfile.ZIP_DEFLATED), content)
    return archive.getvalue()


def _entry(name: str, compression: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.compress_type = compression
    entry.create_system = 3  # else the archive tells which system it was made on
    entry.external_attr = 0o644 << 16
    return entry


def zip_films(path: Path, films: Mapping[str, Blob]) -> None:
    """Write a ZIP of films, by the names they have in it, piece by piece."""
    with zipfile.ZipFile(path, "w") as writer:
        for name, film in films.items():
            entry = _entry(name, zipfile.ZIP_STORED)
            entry.file_size = film.size  # lets the writer choose the large format where it is needed
            with writer.open(entry, "w") as member:
                for piece in film.chunks(0, film.size):
                    member.write(piece)


@cache
def sample_film() -> Blob:
    """A real film of a walking figure, for videos out of a motion that has none."""
    return Blob.of((resources.files("klingmotion") / "samples" / "walk.mp4").read_bytes())


def cover_png(width: int, height: int, seed: int = 0) -> bytes:
    """A picture of the walking figure as PNG, with sides of 300 to 4096 pixels whatever is asked for."""
    width, height = (min(max(side, _SMALLEST_SIDE), _LARGEST_SIDE) for side in (width, height))
    chance = random.Random(seed)
    sky = tuple(chance.randint(180, 215) for _ in range(3))
    rows = [_background(sky, width, row / height) for row in range(height)]
    _draw_figure(rows, width, height, seed)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 6)  # each row starts with its filter: none
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits each of red, green and blue
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _background(sky: tuple[int, ...], width: int, depth: float) -> bytearray:
    """One row: the sky grows lighter towards the ground, the ground darker towards the viewer."""
    light = 1.0 + 0.25 * depth if depth < _HORIZON else 0.95 - 0.3 * (depth - _HORIZON)
    return bytearray(bytes(min(255, round(part * light)) for part in sky) * width)


_HORIZON = 0.8  # of the height, from the top
_NEAR: _Colour = (52, 58, 70)
_FAR: _Colour = (84, 91, 105)

# The limbs as a viewer on the figure's right sees them, the far ones first: from joint to joint, and half
# their thickness at both in centimetres.
_LIMBS = (
    ("LeftArm", "LeftForeArm", 5.5, 4.0),
    ("LeftForeArm", "LeftHand tip", 4.0, 3.0),
    ("LeftUpLeg", "LeftLeg", 9.0, 6.0),
    ("LeftLeg", "LeftFoot", 6.0, 4.0),
    ("LeftFoot", "LeftToe tip", 5.0, 2.5),
    ("Hips", "Chest", 10.0, 10.0),
    ("Chest", "Neck", 10.0, 6.0),
    ("Neck", "Head", 4.5, 4.5),
    ("Head", "Head tip", 7.5, 8.0),
    ("RightUpLeg", "RightLeg", 9.0, 6.0),
    ("RightLeg", "RightFoot", 6.0, 4.0),
    ("RightFoot", "RightToe tip", 5.0, 2.5),
    ("RightArm", "RightForeArm", 5.5, 4.0),
    ("RightForeArm", "RightHand tip", 4.0, 3.0),
)


def _draw_figure(rows: list[bytearray], width: int, height: int, seed: int) -> None:
    motion = walk(1.0, seed=seed)
    pose = motion.poses[0]
    joints = joint_positions(motion.joints, pose)
    scale = min(width / 140.0, height * 0.7 / 180.0)  # pixels in a centimetre
    left, ground = width / 2 - pose.root[2] * scale, height * 0.9
    for start, end, *thickness in _LIMBS:
        colour = _FAR if start.startswith("Left") else _NEAR
        for share in (step / 24 for step in range(25)):
            _, y, z = _between(joints[start], joints[end], share)
            radius = thickness[0] + (thickness[1] - thickness[0]) * share
            _disc(rows, (left + z * scale, ground - y * scale), radius * scale, colour)


def _between(a: Vector, b: Vector, share: float) -> Vector:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share


def _disc(rows: list[bytearray], centre: tuple[float, float], radius: float, colour: _Colour) -> None:
    x, y = centre
    for row in range(max(0, round(y - radius)), min(len(rows), round(y + radius) + 1)):
        reach = max(0.0, radius**2 - (row - y) ** 2) ** 0.5
        first, last = max(0, round(x - reach)), min(len(rows[row]) // 3, round(x + reach))
        rows[row][3 * first : 3 * last] = bytes(colour) * (last - first)
