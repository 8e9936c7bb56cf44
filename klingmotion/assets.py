"""The uploaded assets of an account, as the API lists and deletes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import frozen

from klingmotion.models import Json, MediaFile, unknown_fields


@frozen(kw_only=True)
class UploadedAsset:
    """An asset in the list of those that were uploaded."""

    #: What `delete_asset` takes.
    id: int | None = None
    name: str | None = None
    user_id: int | None = None
    #: `video`, `image` or `audio`.
    content_type: str | None = None
    resource: MediaFile | None = None
    cover: MediaFile | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    favored: bool | None = None
    extra_info: str | None = None
    entrance: str | None = None
    extra: Mapping[str, Json] = unknown_fields()

    @property
    def url(self) -> str | None:
        """Where the file is: what a submit takes."""
        return self.resource.url or None if self.resource is not None else None

    @property
    def cover_url(self) -> str | None:
        """Of a video, its first frame."""
        return self.cover.url or None if self.cover is not None else None


@frozen(kw_only=True)
class AssetDeletion:
    """What a delete of uploaded assets removed."""

    #: How many assets were deleted.
    deleted: int = 0
    #: Which.
    asset_ids: tuple[int, ...] = ()
    extra: Mapping[str, Json] = unknown_fields()
