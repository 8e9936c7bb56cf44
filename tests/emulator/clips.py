"""The smallest files that are what they say: an MP4 without frames, a silent WAV."""

from __future__ import annotations

import io
import struct
import wave


def mp4(duration: float, *, width: int = 720, height: int = 1280, padding: int = 0) -> bytes:
    """A video of so many seconds; `padding` makes the file larger."""
    units = round(duration * 1000)
    matrix = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    movie = struct.pack(">IIIII", 0, 0, 0, 1000, units) + bytes(80)
    track = struct.pack(">IIIIII", 7, 0, 0, 1, 0, units) + bytes(16) + matrix
    track += struct.pack(">II", width << 16, height << 16)
    handler = struct.pack(">II4s", 0, 0, b"vide") + bytes(12) + b"\0"
    tracks = _box(b"trak", _box(b"tkhd", track) + _box(b"mdia", _box(b"hdlr", handler)))
    return (
        _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
        + _box(b"moov", _box(b"mvhd", movie) + tracks)
        + _box(b"mdat", bytes(padding))
    )


def wav(duration: float) -> bytes:
    """Silence of so many seconds."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(bytes(round(8000 * duration)))
    return file.getvalue()


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
