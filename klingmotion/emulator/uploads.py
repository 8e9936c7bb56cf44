"""What POST /assets/ takes: the HTTP contract, section 2.6. Types are checked by header and by content."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from klingmotion.emulator import refusals
from klingmotion.emulator.blobs import Blob
from klingmotion.emulator.media import Media, UnreadableMedia, probe
from klingmotion.emulator.refusals import Refused

MEGABYTE = 1024 * 1024
SHORTEST_SIDE = 300
SLACK = 0.05
"""Seconds a clip may overrun: encoders round the last frame or sound packet up."""


@frozen
class UploadType:
    """A media type that can be uploaded."""

    extension: str
    largest: int
    longest: float | None = None


_IMAGE_SIZE, _VIDEO_SIZE, _AUDIO_SIZE, _AUDIO_SECONDS = 10 * MEGABYTE, 100 * MEGABYTE, 20 * MEGABYTE, 30.0

TYPES: Mapping[str, UploadType] = {
    "image/png": UploadType("png", _IMAGE_SIZE),
    "image/jpeg": UploadType("jpg", _IMAGE_SIZE),
    "video/mp4": UploadType("mp4", _VIDEO_SIZE),
    "video/quicktime": UploadType("mov", _VIDEO_SIZE),
    "audio/wav": UploadType("wav", _AUDIO_SIZE, _AUDIO_SECONDS),
    "audio/wave": UploadType("wav", _AUDIO_SIZE, _AUDIO_SECONDS),
    "audio/mpeg": UploadType("mp3", _AUDIO_SIZE, _AUDIO_SECONDS),
    "audio/mp4": UploadType("m4a", _AUDIO_SIZE, _AUDIO_SECONDS),
    "audio/flac": UploadType("flac", _AUDIO_SIZE, _AUDIO_SECONDS),
    "audio/aac": UploadType("aac", _AUDIO_SIZE, _AUDIO_SECONDS),
    "audio/ogg": UploadType("ogg", _AUDIO_SIZE, _AUDIO_SECONDS),
}


def upload_type(content_type: str) -> UploadType:
    """The type a Content-Type header names, or a 400."""
    found = TYPES.get(_bare(content_type))
    if found is None:
        raise Refused(refusals.content_type_unsupported(content_type, list(TYPES)))
    return found


def check_size(kind: UploadType, size: int) -> None:
    """Refuse a body larger than its type allows, or empty."""
    if size > kind.largest:
        raise Refused(refusals.bad_request(f"File size exceeds {kind.largest // MEGABYTE} MB"))
    if size == 0:
        raise Refused(refusals.bad_request("File is empty"))


def inspect(content_type: str, blob: Blob, longest_video: float) -> Media:
    """Read the content and refuse it if it is not what the header says, or too long, or too small."""
    kind = upload_type(content_type)
    check_size(kind, blob.size)
    try:
        media = probe(blob.source)
    except UnreadableMedia as error:
        raise Refused(refusals.bad_request(f"File is not readable as {_bare(content_type)}")) from error
    if _family(media.content_type) != _family(_bare(content_type)):
        raise Refused(refusals.bad_request(f"File is {media.content_type}, Content-Type says {_bare(content_type)}"))
    longest = longest_video if _family(media.content_type) == "video" else kind.longest
    if longest is not None and media.duration is not None and media.duration > longest + SLACK:
        raise Refused(refusals.bad_request(f"File duration exceeds {longest:g} seconds"))
    if _family(media.content_type) == "image" and min(media.width or 0, media.height or 0) < SHORTEST_SIDE:
        raise Refused(refusals.bad_request(f"Image sides must be at least {SHORTEST_SIDE} pixels"))
    return media


def _bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _family(content_type: str) -> str:
    return content_type.partition("/")[0]
