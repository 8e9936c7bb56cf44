"""The rows of a journal in SQL: what each transaction does with them, on a connection it is given."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from klingmotion.batch.database import LANES
from klingmotion.batch.journal import IN_LANE, Change, Clip, Event, Row, State

_COLUMNS = (
    "key, source, content_hash, params, state, account, lane, attempt, resource_url, cover_url, submit_at, reply_ref,"
    " task_id, work_id, motion, files, extra_tasks, error, retries, postponed, created_at, updated_at"
)

#: Fields of a change that are columns of the same name.
_WRITTEN = (
    "account", "lane", "resource_url", "cover_url", "submit_at", "reply_ref", "task_id", "work_id", "motion", "files",
    "extra_tasks", "error", "retries",
)  # fmt: skip

#: Ids have no upper bound, and integers of SQLite do: they are kept as digits.
_IDS = ("task_id", "work_id")


def add(connection: sqlite3.Connection, clip: Clip, now: float) -> Row:
    connection.execute(
        "INSERT INTO sources (source, params, key, size, mtime_ns) VALUES (?, ?, ?, ?, ?) ON CONFLICT (source, params)"
        " DO UPDATE SET key = excluded.key, size = excluded.size, mtime_ns = excluded.mtime_ns",
        (clip.source, clip.params, clip.key, clip.size, clip.mtime_ns),
    )
    fresh = connection.execute(
        "INSERT INTO rows (key, source, content_hash, params, state, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
        (clip.key, clip.source, clip.content_hash, clip.params, State.NEW, now, now),
    )
    row = find(connection, clip.key)
    assert row is not None  # noqa: S101  # just added, or there before
    if fresh.rowcount:
        _note(connection, row, now, None)
    return row


def claim(connection: sqlite3.Connection, account: str, lane: int, now: float) -> Row | None:
    own = select(connection, f"account = ? AND lane = ? AND state IN ({LANES})", (account, lane))
    if (mine := next(own, None)) is not None:
        return mine
    waiting = (
        select(connection, "state = 'new' AND account IS NULL AND NOT postponed ORDER BY number LIMIT 1")
        if lane < 0
        else select(
            connection,
            "state = 'assets' AND account = ? AND (lane IS NULL OR lane < 0) AND NOT postponed ORDER BY number LIMIT 1",
            (account,),
        )
    )
    row = next(waiting, None)
    if row is None:
        return None
    connection.execute(
        "UPDATE rows SET account = ?, lane = ?, updated_at = ? WHERE key = ?", (account, lane, now, row.key)
    )
    return find(connection, row.key)


def step(connection: sqlite3.Connection, row: Row, state: State, now: float, change: Change) -> Row | None:
    written = {name: value for name in _WRITTEN if (value := getattr(change, name)) is not None}
    written |= dict.fromkeys(change.clear)
    if isinstance(when := written.get("submit_at"), datetime):
        written["submit_at"] = epoch(when)
    if change.extra_tasks is not None:
        written["extra_tasks"] = json.dumps(change.extra_tasks)
    written |= {name: str(written[name]) for name in _IDS if written.get(name) is not None}
    if state not in IN_LANE:
        written["lane"] = None
    written |= {"state": state, "attempt": row.attempt + change.begins_attempt, "updated_at": now}
    is_free = (
        " AND NOT EXISTS (SELECT 1 FROM rows o WHERE o.state = 'submitting' AND o.account = rows.account"
        " AND o.resource_url = rows.resource_url)"
        if state is State.SUBMITTING
        else ""
    )
    fields = ", ".join(f"{name} = ?" for name in written)
    statement = f"UPDATE rows SET {fields} WHERE key = ? AND state = ? AND attempt = ?{is_free}"
    moved = connection.execute(statement, (*written.values(), row.key, row.state, row.attempt))
    if not moved.rowcount:
        return None
    found = find(connection, row.key)
    assert found is not None  # noqa: S101  # just updated
    _note(connection, found, now, change.note)
    return found


def _note(connection: sqlite3.Connection, row: Row, now: float, note: str | None) -> None:
    connection.execute(
        "INSERT INTO events (at, key, state, attempt, account, task_id, note) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (now, row.key, row.state, row.attempt, row.account, row.task_id and str(row.task_id), note),
    )


def release(connection: sqlite3.Connection, row: Row, now: float, *, postponed: bool, error: str | None) -> Row | None:
    """Take a row out of its lane, if it still is as given and nobody has claimed it meanwhile."""
    connection.execute(
        "UPDATE rows SET lane = NULL, account = CASE state WHEN 'new' THEN NULL ELSE account END,"
        " error = coalesce(?, error), postponed = ?, updated_at = ?"
        " WHERE key = ? AND state = ? AND attempt = ? AND account IS ? AND lane IS ?",
        (error, postponed, now, row.key, row.state, row.attempt, row.account, row.lane),
    )
    return find(connection, row.key)


def keep_fact(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute(
        "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
    )


# --- Reading --------------------------------------------------------------------------------------------------------


def read(
    connection: sqlite3.Connection, states: Collection[State] = (), *, after: str = "", limit: int = 1000
) -> list[Row]:
    """Rows in the order they were added."""
    wanted = tuple(states or State)
    marks = ", ".join("?" * len(wanted))
    where = f"number > coalesce((SELECT number FROM rows WHERE key = ?), 0) AND state IN ({marks})"
    return list(select(connection, f"{where} ORDER BY number LIMIT ?", (after, *wanted, limit)))


def read_events(connection: sqlite3.Connection, key: str) -> list[Event]:
    """The history of one row."""
    found = connection.execute(
        "SELECT at, key, state, attempt, account, task_id, note FROM events WHERE key = ? ORDER BY number", (key,)
    )
    with _checked():
        return [
            Event(
                at=_moment(at),
                key=key,
                state=State(state),
                attempt=attempt,
                account=account,
                task_id=task_id and int(task_id),
                note=note,
            )
            for at, key, state, attempt, account, task_id, note in found
        ]


def read_totals(connection: sqlite3.Connection) -> dict[State, int]:
    """How many rows are in each state."""
    found = connection.execute("SELECT state, count(*) FROM rows GROUP BY state").fetchall()
    with _checked():
        return {State(state): count for state, count in found}


def find(connection: sqlite3.Connection, key: str) -> Row | None:
    return next(select(connection, "key = ?", (key,)), None)


def select(connection: sqlite3.Connection, where: str, values: Sequence[object] = ()) -> Iterator[Row]:
    for found in connection.execute(f"SELECT {_COLUMNS} FROM rows WHERE {where}", values):
        known = dict(zip(_COLUMNS.split(", "), found, strict=True))
        with _checked():
            row = _row(known)
        yield row


@contextmanager
def _checked() -> Iterator[None]:
    """Take a value that was never written for what it is: damage that the database itself does not see."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        raise sqlite3.DatabaseError(f"it holds what was never written: {error}") from error


def _row(known: dict[str, Any]) -> Row:
    return Row(
        **known
        | {
            "state": State(known["state"]),
            "extra_tasks": tuple(json.loads(known["extra_tasks"] or "[]")),
            **{name: known[name] and int(known[name]) for name in _IDS},
            "submit_at": None if known["submit_at"] is None else _moment(known["submit_at"]),
            "postponed": bool(known["postponed"]),
            "created_at": _moment(known["created_at"]),
            "updated_at": _moment(known["updated_at"]),
        }
    )


def epoch(moment: datetime) -> float:
    return moment.timestamp()


def _moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
