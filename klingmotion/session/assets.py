"""What a session does with assets."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Literal

from klingmotion import inventory, media, replies, requests
from klingmotion.assets import AssetDeletion, UploadedAsset
from klingmotion.media import FileLike
from klingmotion.models import Asset
from klingmotion.requests import checked_asset_id
from klingmotion.session.core import SessionCore
from klingmotion.uploads import OnUpload, upload


class AssetMethods(SessionCore):
    """Uploaded files."""

    async def upload_asset(
        self,
        source: FileLike,
        *,
        content_type: str | None = None,
        on_progress: OnUpload | None = None,
        email: str | None = None,
    ) -> Asset:
        """Upload a video, image or audio file (POST /assets/).

        The file is streamed from the disk, and sent again from its first byte where the connection breaks.

        Args:
            source: A path, or the bytes of the file.
            content_type: The type, where its content does not tell; one that contradicts the content is refused.
            on_progress: Called with the bytes handed over so far. If it raises, it is not called again.
            email: The linked account to use.

        Returns:
            For a video, `resource_url` and `cover_url` are what `submit_motion` takes.

        Raises:
            InvalidRequestError: The file is missing, empty, too large, of no usable type, or a video that does not
                last 2 to 30 s (the length is checked where tinytag is installed). Nothing was sent. For an extraction
                it may not last longer than 10 s, for `submit_video` not less than 3 s.
            APIResponseError: The answer does not mean success.
        """
        account = self._engine.account(email)
        examined = await media.examine(source, content_type)
        return await upload(self._engine.calls, examined, email=account, on_progress=on_progress)

    def uploaded_assets(
        self,
        *,
        content_type: Literal["video", "image", "audio"] | None = None,
        name: str | None = None,
        oldest_first: bool = False,
        page_size: int = 20,
        email: str | None = None,
    ) -> AsyncGenerator[UploadedAsset, None]:
        """The account's uploaded assets (GET /assets/uploaded/).

        Args:
            content_type: Those of one kind only.
            name: Those whose names hold this.
            oldest_first: In the order of their upload; else the newest first.
            page_size: Entries asked for at once, 1 to 100.
            email: The linked account to use.
        """
        wanted = inventory.AssetFilter(
            content_type=content_type,
            name=name,
            oldest_first=oldest_first,
            page_size=page_size,
            email=self._engine.account(email),
        )
        return inventory.uploaded_assets(self._engine.calls, wanted)

    async def delete_asset(self, *assets: UploadedAsset | int | str, email: str | None = None) -> AssetDeletion:
        """Delete uploaded assets, for good (DELETE /assets/uploaded/): 1 to 10 at once, by themselves or by their ids.

        What is gone already is no error: the answer tells what was deleted.

        Raises:
            InvalidRequestError: Neither the call nor the session names the account. Here the API wants it in any case.
        """
        ids = [checked_asset_id(asset.id or "" if isinstance(asset, UploadedAsset) else asset) for asset in assets]
        request = requests.delete_uploaded(ids, email=self._engine.account(email))
        return await self._engine.calls.repeat(request, replies.asset_deletion)
