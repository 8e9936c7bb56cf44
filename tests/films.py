"""Small films, built box by box: what the client's check of a video looks at, and nothing else."""

from __future__ import annotations

import struct

FRAMES = bytes(range(256))


def box(kind: bytes, *parts: bytes) -> bytes:
    """One box of an MP4 or QuickTime file."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def wide_box(kind: bytes, content: bytes) -> bytes:
    """A box whose length takes 64 bits."""
    return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content


def moov(seconds: float, scale: int = 1000) -> bytes:
    """The box that describes a film: one video track of the given length."""
    length = struct.pack(">II", scale, round(seconds * scale))
    header = box(b"mvhd", bytes(12), length, bytes(80))
    media = box(b"mdia", box(b"mdhd", bytes(12), length, bytes(4)), box(b"hdlr", bytes(8), b"vide", bytes(13)))
    return box(b"moov", header, box(b"trak", box(b"tkhd", bytes(84)), media))


def film(seconds: float, *, brand: bytes = b"isom", moov_last: bool = False, scale: int = 1000) -> bytes:
    """A whole file of the given length."""
    parts = [moov(seconds, scale), box(b"mdat", FRAMES)]
    if moov_last:
        parts.reverse()
    return box(b"ftyp", brand, bytes(4), b"isommp42") + b"".join(parts)
