"""Uploaded files of all accounts, found by id and by the URLs issued for them."""

from __future__ import annotations

from itertools import count

from klingmotion.emulator import refusals
from klingmotion.emulator.blobs import Blob
from klingmotion.emulator.ledger import Asset, Ledger
from klingmotion.emulator.media import Media
from klingmotion.emulator.refusals import Refused


class Assets:
    """All assets; every upload makes one, unless equal content is to share one."""

    def __init__(self, *, deduplicate: bool) -> None:
        self.origin = ""
        self._deduplicate = deduplicate
        self._ids = count(700_000_000_000_000_001, 2)
        self._by_id: dict[int, Asset] = {}
        self._by_path: dict[str, Asset] = {}
        self._by_content: dict[tuple[str, str], Asset] = {}

    def add(self, ledger: Ledger, blob: Blob, media: Media, extension: str, created: int) -> Asset:
        """Enter a file already found good."""
        content = (ledger.account.email, blob.sha256)
        if self._deduplicate and content in self._by_content:
            return self._by_content[content]
        number = next(self._ids)
        asset = Asset(
            id=number,
            account=ledger.account.email,
            file_name=f"{blob.sha256[:8]}.{extension}",
            blob=blob,
            media=media,
            origin=self.origin,
            created=created,
        )
        ledger.assets[number] = self._by_id[number] = self._by_content[content] = asset
        self._by_path[asset.path] = self._by_path[asset.cover_path] = asset
        return asset

    def get(self, number: int) -> Asset | None:
        """The asset with this id."""
        return self._by_id.get(number)

    def at(self, url: str) -> Asset | None:
        """The asset a URL was issued for, whatever query string it has grown."""
        bare = url.partition("?")[0]
        return self._by_path.get(bare[len(self.origin) :]) if bare.startswith(self.origin) else None

    def of(self, ledger: Ledger, url: str) -> Asset:
        """The account's own asset at a URL, or a 404."""
        asset = self.at(url)
        if asset is None or asset.account != ledger.account.email:
            raise Refused(refusals.asset_unknown())
        return asset

    def remove(self, ledger: Ledger, number: int) -> bool:
        """Delete the account's own asset; false if it has none with this id."""
        asset = ledger.assets.pop(number, None)
        if asset is None:
            return False
        del self._by_id[number]
        for path in {asset.path, asset.cover_path}:
            del self._by_path[path]
        content = (asset.account, asset.blob.sha256)
        if self._by_content.get(content) is asset:
            del self._by_content[content]
        return True
