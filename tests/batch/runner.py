"""Runs a batch in a process of its own, which may kill itself: `python -m tests.batch.runner ORDERS`.

ORDERS is a JSON object. Each outcome is printed as one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from klingmotion import MotionSession, PollPolicy, RetryPolicy
from klingmotion.batch.journal import NOTHING_ELSE, Change, Row, State
from klingmotion.batch.sqlite_journal import SqliteJournal

T = TypeVar("T")


def die() -> None:
    """As a power cut would: nothing is flushed, nothing is closed."""
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlyJournal(SqliteJournal):
    """Kills the process right before or after its n-th change, or right before a clip comes to a state."""

    def __init__(self, path: Path, *, change: int = 0, after: bool = False, state: str | None = None) -> None:
        super().__init__(path)
        self._left = change
        self._after = after
        self._state = state

    async def step(self, row: Row, state: State, now: datetime, change: Change = NOTHING_ELSE) -> Row | None:
        if state == self._state:
            die()
        return await super().step(row, state, now, change)

    async def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._left -= 1
        due = self._left == 0
        if due and not self._after:
            die()
        changed = await super()._change(work)
        if due:
            die()
        return changed


async def run(orders: dict[str, Any]) -> None:
    journal = DeadlyJournal(Path(orders["journal"]), **orders.get("kill", {}))
    poll = PollPolicy(first=0.05, floor=0.05, ceiling=0.5)
    retry = RetryPolicy(initial=0.02, ceiling=0.2)
    async with MotionSession(orders["token"], base_url=orders["url"], poll=poll, retry=retry) as session:
        async for outcome in session.extract_motions(
            sorted(Path(orders["clips"]).glob("*.mp4")),
            journal=journal,
            out=orders["out"],
            parts=["bvh"],
            accounts=orders["accounts"],
            settle=orders["settle"],
            resubmit_uncertain=orders.get("resubmit_uncertain", False),
        ):
            print(json.dumps({"source": outcome.source, "status": outcome.status, "error": repr(outcome.error)}))  # noqa: T201  # read by the test


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(run(json.loads(sys.argv[1])))
