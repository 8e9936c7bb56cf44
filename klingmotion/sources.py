"""What a video is asked for with: where its motion and its image come from. No I/O."""

from __future__ import annotations

import os

from attrs import field, frozen

from klingmotion.assets import UploadedAsset
from klingmotion.errors import InvalidRequestError
from klingmotion.media import FileLike
from klingmotion.models import Asset, Motion

#: What a motion can be given as: a work id, a motion, an uploaded video, or the video itself: its URL, path or bytes.
MotionLike = int | FileLike | Motion | Asset | UploadedAsset

#: What an image can be given as: an uploaded image, or the image itself: its URL, path or bytes.
ImageLike = FileLike | Asset | UploadedAsset


@frozen(kw_only=True)
class Source:
    """Where a motion or an image comes from. A file has to be uploaded first."""

    work_id: int | None = None
    url: str | None = None
    file: FileLike | None = field(default=None, repr=False)


def motion_source(motion: MotionLike) -> Source:
    """Where a motion comes from.

    Raises:
        InvalidRequestError: It has nothing by which it could be named.
    """
    if isinstance(motion, int):
        return Source(work_id=motion)
    if isinstance(motion, Motion):
        if motion.work_id is None and not motion.video_url:
            raise InvalidRequestError("this motion has neither a work id nor a video that names it")
        return Source(work_id=motion.work_id, url=motion.video_url or None)
    if isinstance(motion, Asset):
        return Source(url=_link("motion", "video", motion.resource_url))
    if isinstance(motion, UploadedAsset):
        return Source(url=listed_url("motion", "video", motion))
    return _named(motion)


def image_source(image: ImageLike) -> Source:
    """Where an image comes from.

    Raises:
        InvalidRequestError: It has nothing by which it could be named.
    """
    if isinstance(image, Asset):
        return Source(url=_link("image", "image", image.url))
    if isinstance(image, UploadedAsset):
        return Source(url=listed_url("image", "image", image))
    return _named(image)


def listed_url(name: str, kind: str, asset: UploadedAsset) -> str:
    """Where an uploaded asset of a kind is.

    Raises:
        InvalidRequestError: It is of another kind, or has no link; the text calls it by `name`.
    """
    return _link(name, kind, asset.url if asset.content_type in (None, kind) else None)


def _link(name: str, kind: str, url: str | None) -> str:
    if not url:
        raise InvalidRequestError(f"{name} must be an uploaded {kind}; this asset is none, or has no link")
    return url


def _named(given: FileLike) -> Source:
    """A text that begins as a URL is one; all else is a file, of which is seen later whether it is there."""
    if not isinstance(given, str | os.PathLike | bytes):
        raise InvalidRequestError(f"a file is given as a path or as bytes, got {type(given).__name__}")
    if isinstance(given, str) and given.strip().lower().startswith(("http://", "https://")):
        return Source(url=given.strip())
    return Source(file=given)
