"""The SQLite file of a journal: how it is opened, checked and brought up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from klingmotion.batch.journal import IN_LANE
from klingmotion.errors import JournalError

#: What every journal file carries in its header, so that another database is not taken for one.
APPLICATION_ID = 0x4B4D4A31

#: The states in a lane, as SQL.
LANES = ", ".join(f"'{state}'" for state in IN_LANE)

#: What each version adds to the one before. The version of a file is how many of them it has had.
MIGRATIONS = (
    f"""
    CREATE TABLE rows (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        source TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        params TEXT NOT NULL,
        state TEXT NOT NULL,
        account TEXT,
        lane INTEGER,
        attempt INTEGER NOT NULL DEFAULT 0,
        resource_url TEXT,
        cover_url TEXT,
        submit_at REAL,
        reply_ref TEXT,
        task_id TEXT UNIQUE,
        work_id TEXT,
        motion TEXT,
        files TEXT,
        extra_tasks TEXT,
        error TEXT,
        retries INTEGER NOT NULL DEFAULT 0,
        postponed INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    );
    CREATE INDEX rows_by_state ON rows (state, account);
    CREATE INDEX rows_by_content ON rows (account, content_hash);
    CREATE INDEX rows_by_submit ON rows (account, submit_at);
    CREATE UNIQUE INDEX one_row_in_a_lane ON rows (account, lane) WHERE lane IS NOT NULL AND state IN ({LANES});
    CREATE UNIQUE INDEX one_submit_of_a_video ON rows (account, resource_url) WHERE state = 'submitting';
    CREATE TABLE sources (
        source TEXT NOT NULL,
        params TEXT NOT NULL,
        key TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        PRIMARY KEY (source, params)
    ) WITHOUT ROWID;
    CREATE INDEX sources_by_key ON sources (key);
    CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        key TEXT NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        account TEXT,
        task_id TEXT,
        note TEXT
    );
    CREATE INDEX events_by_key ON events (key);
    CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never taken out'); END;
    CREATE TRIGGER events_hold BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
)


def connect(place: str, *, uri: bool = False) -> sqlite3.Connection:
    """A connection that leaves transactions to us and may be used in any thread, one at a time."""
    connection = sqlite3.connect(place, isolation_level=None, check_same_thread=False, timeout=5.0, uri=uri)
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def check(connection: sqlite3.Connection, path: Path | None) -> int:
    """The version of a file that may be used; 0 of an empty one.

    Raises:
        JournalError: It is damaged, of a later version, or no journal.
    """
    [(version,)], [(application,)] = (
        connection.execute(f"PRAGMA {name}").fetchall() for name in ("user_version", "application_id")
    )
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if (application, version, tables) == (0, 0, 0):
        return 0
    if application != APPLICATION_ID:
        raise JournalError(f"{path} is a database, but not a journal of klingmotion; name another file")
    if version > len(MIGRATIONS):
        raise JournalError(
            f"{path} was written by a later klingmotion (journal version {version}, known up to {len(MIGRATIONS)});"
            " update klingmotion to go on with it"
        )
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
    return int(version)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        marked = f"{script} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
        connection.executescript(f"BEGIN IMMEDIATE; {marked} COMMIT;")


@contextmanager
def explained(path: Path | None) -> Iterator[None]:
    """Say what a failure of the file means and what to do."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.OperationalError as error:
        raise JournalError(f"the journal {path} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise JournalError(
            f"{path} is damaged or no journal ({error}). Nothing was overwritten: keep it, and restore a copy or name"
            " another file"
        ) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
