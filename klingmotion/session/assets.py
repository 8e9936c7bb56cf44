"""What a session does with assets."""

from __future__ import annotations

from klingmotion import media
from klingmotion.media import FileLike
from klingmotion.models import Asset
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
        """Upload a video, image or audio file (contract section 2.6).

        The file is streamed from the disk, and sent again from its first byte where the connection breaks.

        Args:
            source: A path, or the bytes of the file.
            content_type: The type, where its content does not tell.
            on_progress: Called with the bytes handed over so far. If it raises, it is not called again.
            email: The linked account to use.

        Returns:
            For a video, `resource_url` and `cover_url` are what `submit_motion` takes.

        Raises:
            InvalidRequestError: The file is missing, empty, too large, of no usable type, or a video that does not
                last 2 to 10 s (the length is checked where tinytag is installed). Nothing was sent.
            APIResponseError: The answer does not mean success.
        """
        account = self._engine.account(email)
        examined = await media.examine(source, content_type)
        return await upload(self._engine.calls, examined, email=account, on_progress=on_progress)
