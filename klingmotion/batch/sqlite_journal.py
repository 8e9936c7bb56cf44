"""The journal in an SQLite file: one connection, in one thread, every change one transaction on the disk."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from klingmotion.batch import records
from klingmotion.batch.database import check, connect, explained, migrate, transaction
from klingmotion.batch.journal import MOVES, NOTHING_ELSE, Change, Clip, Event, Row, State, TaskTakenError
from klingmotion.batch.lock import Lock
from klingmotion.errors import JournalError

T = TypeVar("T")


class SqliteJournal:
    """A journal file. `path=None` keeps it in memory, for a batch that need not be resumed."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = None if path is None else Lock(path)
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    # --- Life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open it for one runner; made if there is none yet."""
        if self._thread is not None:
            raise JournalError(f"{self._path or 'this journal'} is in use by another run of this process")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="klingmotion-journal")
        try:
            await self._call(self._open)
        except Exception:
            await self.close()
            raise

    async def close(self) -> None:
        """Close it; what was begun is finished first. It can be opened again."""
        if self._thread is None:
            return
        thread, self._thread = self._thread, None
        closing = asyncio.get_running_loop().run_in_executor(thread, self._close)
        try:
            await asyncio.shield(closing)
        finally:
            try:
                if not closing.done():  # cancelled: whoever opens it next must not find it in use
                    await asyncio.wait([closing])
                    closing.exception()  # there is nobody any more to be told of it
            finally:
                thread.shutdown(wait=False)

    def _open(self) -> None:
        if self._lock is not None:
            self._lock.take()
        try:
            self._connection = self._connected()
        except BaseException:
            self._close()
            raise

    def _connected(self) -> sqlite3.Connection:
        place = ":memory:" if self._path is None else str(self._path)
        with explained(self._path):
            connection = connect(place)
            try:
                version = check(connection, self._path)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                migrate(connection, version)
                connection.execute("UPDATE rows SET postponed = 0 WHERE postponed")
            except BaseException:
                connection.close()
                raise
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            self._lock.give_up()

    async def _call(self, work: Callable[[], T]) -> T:
        """Run `work` in the thread that has the connection."""
        if self._thread is None:
            raise JournalError("this journal is not open")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` as one transaction."""

        def transact() -> T:
            with explained(self._path), transaction(self._ready()) as connection:
                return work(connection)

        return await self._call(transact)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def read() -> T:
            with explained(self._path):
                return work(self._ready())

        return await self._call(read)

    def _ready(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError("this journal is not open")
        return self._connection

    # --- Changes ----------------------------------------------------------------------------------------------------

    async def add(self, clips: Sequence[Clip], now: datetime) -> list[Row]:
        """Add clips, or find those that are there already."""
        return await self._change(
            lambda connection: [records.add(connection, clip, records.epoch(now)) for clip in clips]
        )

    async def claim(self, account: str, lane: int, now: datetime) -> Row | None:
        """Put into a lane what belongs there."""
        return await self._change(lambda connection: records.claim(connection, account, lane, records.epoch(now)))

    async def step(self, row: Row, state: State, now: datetime, change: Change = NOTHING_ELSE) -> Row | None:
        """Move a row, if it still is as given."""
        if state not in MOVES[row.state]:
            raise ValueError(f"a clip cannot go from {row.state} to {state}")
        try:
            return await self._change(
                lambda connection: records.step(connection, row, state, records.epoch(now), change)
            )
        except sqlite3.IntegrityError as error:
            raise TaskTakenError(f"{row.source}: task {change.task_id} is another clip's ({error})") from error

    async def release(
        self, row: Row, now: datetime, *, postponed: bool = False, error: str | None = None
    ) -> Row | None:
        """Take a row out of its lane as it is."""
        return await self._change(
            lambda connection: records.release(connection, row, records.epoch(now), postponed=postponed, error=error)
        )

    async def remember(self, name: str, value: str) -> None:
        """Keep a fact."""
        await self._change(lambda connection: records.keep_fact(connection, name, value))

    # --- Reading ----------------------------------------------------------------------------------------------------

    async def known(self, source: str, params: str) -> tuple[Row, int, int] | None:
        """The row a path led to when it was last read for the same parameters."""

        def look(connection: sqlite3.Connection) -> tuple[Row, int, int] | None:
            query = "SELECT key, size, mtime_ns FROM sources WHERE source = ? AND params = ?"
            found = connection.execute(query, (source, params)).fetchone()
            row = records.find(connection, found[0]) if found else None
            return (row, found[1], found[2]) if row else None

        return await self._read(look)

    async def sources(self, key: str) -> list[Clip]:
        """Every path that led to a row."""

        def look(connection: sqlite3.Connection) -> list[Clip]:
            found = connection.execute(
                "SELECT s.source, s.size, s.mtime_ns, r.content_hash, r.params FROM sources s JOIN rows r USING (key)"
                " WHERE s.key = ? ORDER BY s.source",
                (key,),
            )
            return [
                Clip(key=key, source=source, size=size, mtime_ns=mtime, content_hash=digest, params=params)
                for source, size, mtime, digest, params in found
            ]

        return await self._read(look)

    async def row(self, key: str) -> Row | None:
        """One row."""
        return await self._read(lambda connection: records.find(connection, key))

    async def rows(self, states: Collection[State] = (), *, after: str = "", limit: int = 1000) -> list[Row]:
        """Rows in the order they were added."""
        return await self._read(lambda connection: records.read(connection, states, after=after, limit=limit))

    async def owners(self, account: str, since: datetime, until: datetime) -> list[Row]:
        """Rows of an account that have a task and were announced between two times."""
        where = "account = ? AND submit_at BETWEEN ? AND ? AND task_id IS NOT NULL"
        bounds = (account, records.epoch(since), records.epoch(until))
        return await self._read(lambda connection: list(records.select(connection, where, bounds)))

    async def witness(self, account: str, until: datetime) -> Row | None:
        """The latest row submitted up to a time whose task did not fail."""
        done = "submit_at <= ? AND task_id IS NOT NULL AND state IN ('submitted', 'ready', 'done')"
        latest = "ORDER BY submit_at DESC LIMIT 1"
        bounds = (account, records.epoch(until))

        def look(connection: sqlite3.Connection) -> Row | None:
            own = records.select(connection, f"account = ? AND {done} {latest}", bounds)
            others = records.select(connection, f"account <> ? AND {done} {latest}", bounds)
            return next(itertools.chain(own, others), None)

        return await self._read(look)

    async def uploaded(self, account: str, content_hash: str) -> Row | None:
        """The latest row for which these bytes were uploaded."""
        where = "account = ? AND content_hash = ? AND resource_url IS NOT NULL ORDER BY updated_at DESC LIMIT 1"
        return await self._read(
            lambda connection: next(records.select(connection, where, (account, content_hash)), None)
        )

    async def events(self, key: str) -> list[Event]:
        """The history of one row."""
        return await self._read(lambda connection: records.read_events(connection, key))

    async def totals(self) -> dict[State, int]:
        """How many rows are in each state."""
        return await self._read(records.read_totals)

    async def recall(self, name: str) -> str | None:
        """A fact."""

        def look(connection: sqlite3.Connection) -> str | None:
            found = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
            return found[0] if found else None

        return await self._read(look)
