"""What a journal file says, for whoever only wants to read it. Nothing is written, and a run that uses it goes on."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import attrs
from attrs import frozen

from klingmotion.batch import records
from klingmotion.batch.database import check, connect, explained
from klingmotion.batch.journal import SETTLED, Event, Row, State
from klingmotion.batch.outcome import restored
from klingmotion.errors import JournalError, KlingMotionError
from klingmotion.models import Json, MotionFiles

#: Rows read at once.
_PAGE = 1000

#: The files of a motion, by their names.
FILES = tuple(attrs.fields_dict(MotionFiles))

#: The fact that a journal's tasks were those of an emulator that ended with its run.
EMULATED = "emulated"


@frozen(kw_only=True)
class Share:
    """What one account has to do with it."""

    #: The account; `None` for clips that are nobody's yet, empty for the one account of a session that names none.
    account: str | None
    states: Mapping[State, int]
    #: Submits begun, and tasks known to have come of them.
    submits: int
    tasks: int


@frozen(kw_only=True)
class Summary:
    """The whole of a journal in numbers."""

    states: Mapping[State, int]
    shares: tuple[Share, ...]
    #: Submits begun: at least as many as were paid for.
    submits: int
    #: Tasks known to have been made, those included that came besides the one that is used.
    tasks: int
    extra_tasks: int
    #: Why clips failed: an error of each, as the journal keeps it.
    failures: tuple[KlingMotionError, ...]
    #: The clip that has been under way for longest.
    oldest_open: Row | None
    changed_at: datetime | None
    #: Whether its tasks were those of an emulator that is gone.
    emulated: bool

    @property
    def clips(self) -> int:
        """How many there are."""
        return sum(self.states.values())


def summary(path: Path) -> Summary:
    """Count what is in a journal.

    Raises:
        JournalError: It is missing, damaged, of a later version or no journal.
    """
    with _reading(path) as connection:
        rows = list(_rows(connection))
        emulated = _is_emulated(connection)
        states = records.read_totals(connection)
    accounts = sorted({row.account for row in rows}, key=lambda account: (account is None, account))
    shares = tuple(_share(account, [row for row in rows if row.account == account]) for account in accounts)
    under_way = [row for row in rows if row.state not in SETTLED]
    return Summary(
        states={state: states[state] for state in State if state in states},
        shares=shares,
        submits=sum(share.submits for share in shares),
        tasks=sum(share.tasks for share in shares),
        extra_tasks=sum(len(row.extra_tasks) for row in rows),
        failures=tuple(error for row in rows if row.state is State.FAILED and (error := _error(row)) is not None),
        oldest_open=min(under_way, key=lambda row: row.created_at, default=None),
        changed_at=max((row.updated_at for row in rows), default=None),
        emulated=emulated,
    )


def is_emulated(path: Path) -> bool:
    """Whether the tasks of a journal were those of an emulator that is gone.

    Raises:
        JournalError: See `summary`.
    """
    with _reading(path) as connection:
        return _is_emulated(connection)


def _share(account: str | None, rows: list[Row]) -> Share:
    return Share(
        account=account,
        states=Counter(row.state for row in rows),
        submits=sum(row.attempt for row in rows),
        tasks=sum((row.task_id is not None) + len(row.extra_tasks) for row in rows),
    )


def entries(path: Path) -> Iterator[dict[str, Json]]:
    """Each clip of a journal, in the order they were added.

    Raises:
        JournalError: See `summary`.
    """
    with _reading(path) as connection:
        for row in _rows(connection):
            yield _entry(row)


def history(path: Path) -> Iterator[dict[str, Json]]:
    """Every step of each clip, clip by clip.

    Raises:
        JournalError: See `summary`.
    """
    with _reading(path) as connection:
        for row in _rows(connection):
            for event in records.read_events(connection, row.key):
                yield _step(row, event)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise JournalError(f"there is no journal {path}")
    # Without a log beside it nobody writes, and a run that begins now writes to its log first. Reading the file as one
    # that never changes leaves nothing behind, and needs no right to write where it lies.
    real = path.resolve()  # where the log is, whatever the journal is called here
    log = real.with_name(f"{real.name}-wal")
    still = "" if log.exists() and log.stat().st_size else "&immutable=1"
    with explained(path), closing(connect(f"{path.absolute().as_uri()}?mode=ro{still}", uri=True)) as connection:
        if not check(connection, path):
            raise JournalError(f"{path} is empty, and no journal")
        connection.execute("BEGIN")  # all that is read is of one instant
        yield connection


def _rows(connection: sqlite3.Connection) -> Iterator[Row]:
    after = ""
    while rows := records.read(connection, after=after, limit=_PAGE):
        yield from rows
        after = rows[-1].key


def _is_emulated(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM facts WHERE name = ?", (EMULATED,)).fetchone() is not None


def _error(row: Row) -> KlingMotionError | None:
    return None if row.error is None else restored(row.error, row.ref)


def _entry(row: Row) -> dict[str, Json]:
    saved = None if row.files is None else json.loads(row.files)
    error = _error(row)
    return {
        "source": row.source,
        "state": row.state.value,
        "account": row.email,
        "submits": row.attempt,
        "task_id": row.task_id,
        "work_id": row.work_id,
        "extra_tasks": list(row.extra_tasks),
        "ref": str(row.ref) if row.attempt else None,
        "files": None if saved is None else {name: saved.get(name) for name in FILES},
        "error": None if error is None else {"kind": type(error).__name__, "message": str(error)},
        "added_at": row.created_at.isoformat(),
        "submitted_at": None if row.submit_at is None else row.submit_at.isoformat(),
        "changed_at": row.updated_at.isoformat(),
    }


def _step(row: Row, event: Event) -> dict[str, Json]:
    return {
        "at": event.at.isoformat(),
        "source": row.source,
        "state": event.state.value,
        "submits": event.attempt,
        "account": event.account or None,
        "task_id": event.task_id,
        "note": event.note,
    }
