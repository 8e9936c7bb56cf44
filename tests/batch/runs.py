"""Batches run over an emulator in virtual time, and what is asked about them afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import define

from klingmotion import MotionSession
from klingmotion.batch.batch import Batch
from klingmotion.batch.journal import NOTHING_ELSE, Change, Row, State
from klingmotion.batch.outcome import Outcome
from klingmotion.batch.sqlite_journal import SqliteJournal
from klingmotion.emulator import Account, ByTime, Emulator
from tests.batch.journals import opened
from tests.emulator.clips import mp4
from tests.stage import virtual_session

#: Seconds a task takes unless said otherwise.
TASK = 20.0


class WatchedJournal(SqliteJournal):
    """Calls `before(row, state)` before every step: for what should happen to one clip at one point."""

    def __init__(self, path: Path, before: Callable[[Row, State], None]) -> None:
        super().__init__(path)
        self._before = before

    async def step(self, row: Row, state: State, now: datetime, change: Change = NOTHING_ELSE) -> Row | None:
        self._before(row, state)
        return await super().step(row, state, now, change)


@define
class Bench:
    """An emulator, a session, clips and a journal."""

    emulator: Emulator
    session: MotionSession
    directory: Path

    @property
    def journal(self) -> Path:
        return self.directory / "run.db"

    @property
    def out(self) -> Path:
        return self.directory / "out"

    def clips(self, count: int = 10, *, first: int = 0) -> list[Path]:
        """Clips on disk, each with content of its own."""
        paths = [self.directory / f"{number:03}.mp4" for number in range(first, first + count)]
        for number, path in enumerate(paths, start=first):
            path.write_bytes(mp4(5.0, padding=number + 1))
        return paths

    def batch(self, videos: Iterable[Path] | AsyncIterable[Path] = (), **options: Any) -> Batch:
        return self.session.extract_motions(videos, **{"journal": self.journal} | options)

    async def run(self, videos: Iterable[Path] = (), **options: Any) -> list[Outcome]:
        """Run a batch to its end; its outcomes as they came. Virtual time stands still unless somebody waits."""
        await asyncio.sleep(1)
        return [outcome async for outcome in self.batch(videos, **options)]

    def watched(self, before: Callable[[Row, State], None]) -> WatchedJournal:
        return WatchedJournal(self.journal, before)

    async def rows(self) -> list[Row]:
        """What the journal holds, when no run has it open."""
        async with opened(self.journal) as journal:
            return await journal.rows()

    def answers(self, endpoint: str = "submit_motion") -> Counter[int | None]:
        """How often an endpoint gave which status."""
        return Counter(request.answered for request in self.emulator.books.seen(endpoint))

    def tasks_by_content(self) -> Counter[str]:
        """How many tasks were made of each clip, whatever URL it was uploaded to; those made by hand are left out."""
        made = [task for task in self.emulator.books.tasks if not task.seeded]
        assets = [self.emulator._state.assets.at(task.resource_url) for task in made]
        return Counter(asset.blob.sha256 for asset in assets if asset is not None)

    def assert_once_each(self, clips: int) -> None:
        """One task for each clip, and the token nowhere."""
        assert sorted(self.tasks_by_content().values()) == [1] * clips
        assert self.emulator.token.encode() not in self.journal.read_bytes()


@asynccontextmanager
async def bench(directory: Path, *, limit: int = 3, **options: Any) -> AsyncIterator[Bench]:
    """A started emulator with one account of that limit, unless accounts are given, and a session in virtual time."""
    known: dict[str, Any] = {
        "accounts": [Account("ann@example.com", limit)],
        "progress": ByTime(TASK / 4, TASK * 3 / 4),
    }
    async with Emulator(**known | options) as emulator, virtual_session(emulator) as session:
        yield Bench(emulator, session, directory)


def statuses(outcomes: Iterable[Outcome]) -> Counter[str]:
    return Counter(outcome.status for outcome in outcomes)
