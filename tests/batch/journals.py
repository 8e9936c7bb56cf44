"""Journals, and rows brought to where a test wants them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from klingmotion.batch.journal import Change, Clip, Row, State
from klingmotion.batch.sqlite_journal import SqliteJournal

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLAIN = '{"salt":""}'
ANN, BEN = "ann@example.com", "ben@example.com"

#: Ways that lead to each state, one step after the other.
WAYS: dict[State, tuple[State, ...]] = {
    State.NEW: (),
    State.ASSETS: (State.ASSETS,),
    State.SUBMITTING: (State.ASSETS, State.SUBMITTING),
    State.SUBMITTED: (State.ASSETS, State.SUBMITTING, State.SUBMITTED),
    State.READY: (State.ASSETS, State.SUBMITTING, State.SUBMITTED, State.READY),
    State.DONE: (State.ASSETS, State.SUBMITTING, State.SUBMITTED, State.READY, State.DONE),
    State.FAILED: (State.FAILED,),
    State.UNCERTAIN: (State.ASSETS, State.SUBMITTING, State.UNCERTAIN),
}


class SharedJournal(SqliteJournal):
    """A journal without its lock: as if the file system did not keep what it promises."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock = None


@asynccontextmanager
async def opened(journal: SqliteJournal | Path | None = None) -> AsyncIterator[SqliteJournal]:
    """An open journal: the given one, one in a file, or one in memory."""
    used = journal if isinstance(journal, SqliteJournal) else SqliteJournal(journal)
    await used.open()
    try:
        yield used
    finally:
        await used.close()


def clip(number: int, **changes: Any) -> Clip:
    known: dict[str, Any] = {
        "key": f"key-{number:05}",
        "source": f"/clips/{number:05}.mp4",
        "content_hash": f"hash-{number:05}",
        "params": PLAIN,
        "size": 1000 + number,
        "mtime_ns": 10**18 + number,
    }
    return Clip(**known | changes)


async def added(journal: SqliteJournal, number: int = 0, **changes: Any) -> Row:
    (row,) = await journal.add([clip(number, **changes)], NOW)
    return row


async def moved(journal: SqliteJournal, row: Row, state: State, **change: Any) -> Row:
    """The row after a step that must succeed."""
    after = await journal.step(row, state, NOW, Change(**change))
    assert after is not None
    return after


async def uploaded(journal: SqliteJournal, number: int, account: str = ANN, **change: Any) -> Row:
    """A new row, claimed by an account and uploaded there, in no lane."""
    row = await added(journal, number)
    url = f"https://cdn.example.test/in/{account}/{number:05}.mp4"
    known = {"account": account, "resource_url": url, "cover_url": f"{url}.png"}
    return await moved(journal, row, State.ASSETS, **known | change)


async def brought(journal: SqliteJournal, state: State, number: int = 0, **last: Any) -> Row:
    """A row in the given state; `last` is what its last step writes besides."""
    row = await added(journal, number)
    for step in WAYS[state]:
        row = await moved(journal, row, step, **(last if step is WAYS[state][-1] else {}))
    return row


async def every_state(journal: SqliteJournal) -> dict[State, Row]:
    """One row in each state."""
    return {state: await brought(journal, state, number) for number, state in enumerate(State)}
