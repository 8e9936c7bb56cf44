"""What waits in a batch: new clips for any account, uploaded ones for a slot of theirs, and lanes to upload in.

The queues hold tokens, not clips: which clip is next, the journal says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from klingmotion.batch.journal import Row

#: Clips of each account that are being uploaded or wait uploaded for a slot.
AHEAD = 4


class Queues:
    """One token for each clip that waits."""

    def __init__(self, accounts: Iterable[str]) -> None:
        self._new: asyncio.Queue[None] = asyncio.Queue()
        self._uploaded: dict[str, asyncio.Queue[None]] = {account: asyncio.Queue() for account in accounts}
        #: Free lanes to upload in, and those taken by clips that wait uploaded.
        self._lanes: dict[str, asyncio.Queue[int]] = {account: asyncio.Queue() for account in self._uploaded}
        self._taken: dict[str, int] = {}
        for lanes in self._lanes.values():
            for number in range(1, AHEAD + 1):
                lanes.put_nowait(-number)

    def put_new(self) -> None:
        """One more clip for whoever has room."""
        self._new.put_nowait(None)

    async def take_new(self, account: str) -> int:
        """Wait for a lane of the account to upload in, then for a clip; the lane."""
        lane = await self._lanes[account].get()
        await self._new.get()
        return lane

    @property
    def has_new(self) -> bool:
        """Whether a clip waits for an account."""
        return not self._new.empty()

    def put_uploaded(self, account: str) -> None:
        """One more clip for a slot of its account."""
        self._uploaded[account].put_nowait(None)

    async def take_uploaded(self, account: str) -> None:
        """Wait for a clip that wants a slot of the account."""
        await self._uploaded[account].get()

    def has_uploaded(self, account: str) -> bool:
        """Whether a clip waits for a slot of the account."""
        return not self._uploaded[account].empty()

    def keep_lane(self, row: Row, lane: int) -> None:
        """A clip that was uploaded in a lane stays there until it has a slot."""
        self._taken[row.key] = lane

    def leave_lane(self, row: Row) -> None:
        """A clip has a slot, or is no longer uploaded: its lane is free for the next."""
        if (lane := self._taken.pop(row.key, None)) is not None:
            self.free_lane(row.account or "", lane)

    def free_lane(self, account: str, lane: int) -> None:
        """A lane to upload in is free."""
        self._lanes[account].put_nowait(lane)
