"""What a batch remembers of each clip, and which steps it may take. No I/O.

Every step of a clip is written down before it is taken, so that a batch can be killed at any instant and go on: what
was being done then is done again if that is free, and looked for if it was paid for.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from attrs import field, frozen

from klingmotion.models import Json
from klingmotion.refs import TaskRef


class State(StrEnum):
    """Where a clip is. The comment says what is durable once it is there."""

    NEW = "new"  # the clip is known by its content
    ASSETS = "assets"  # it is uploaded: both URLs
    SUBMITTING = "submitting"  # the submit is about to be sent, or was: attempt, time and reply ref
    SUBMITTED = "submitted"  # the task's id
    READY = "ready"  # the motion: nothing of the service is needed any more but its files
    DONE = "done"  # the files are saved
    FAILED = "failed"  # it cannot succeed as it is: the error
    UNCERTAIN = "uncertain"  # it is unknown whether a submit was accepted


#: The only moves there are.
MOVES: Mapping[State, frozenset[State]] = {
    State.NEW: frozenset({State.ASSETS, State.FAILED}),
    State.ASSETS: frozenset({State.SUBMITTING, State.NEW, State.FAILED}),
    # Back: to assets where nothing was accepted, to new where the asset is gone or the account can do no more.
    State.SUBMITTING: frozenset({State.SUBMITTED, State.ASSETS, State.NEW, State.FAILED, State.UNCERTAIN}),
    State.SUBMITTED: frozenset({State.READY, State.FAILED}),
    State.READY: frozenset({State.READY, State.DONE, State.FAILED}),
    State.DONE: frozenset({State.READY}),  # only if files are wanted that were not before
    State.FAILED: frozenset({State.NEW}),  # only if the user says so
    State.UNCERTAIN: frozenset({State.SUBMITTED, State.ASSETS}),  # found after all, or to be sent again
}

#: What is in a lane if it has one. No two of them can be in the same lane of an account: that is the limit.
IN_LANE = (State.NEW, State.ASSETS, State.SUBMITTING, State.SUBMITTED)

#: After these there is nothing to do, unless the user asks for more.
SETTLED = (State.DONE, State.FAILED, State.UNCERTAIN)

#: The account of a session that names none: an index needs a value.
UNNAMED = ""


class TaskTakenError(Exception):
    """A task cannot be a row's: it is another's."""


@frozen(kw_only=True)
class Clip:
    """A clip to be added."""

    key: str
    #: Its path, absolute.
    source: str
    content_hash: str
    #: What its result depends on besides the content, as JSON.
    params: str
    #: Size and time of the file when it was read: while they are the same, it is not read again.
    size: int
    mtime_ns: int


@frozen(kw_only=True)
class Row:
    """A clip as the journal has it."""

    key: str
    source: str
    content_hash: str
    params: str
    state: State
    #: The linked account it was claimed for; `None` if it is nobody's yet.
    account: str | None = None
    #: The slot it is in, 0 and up; below 0 where it was only uploaded ahead; `None` outside any.
    lane: int | None = None
    #: Submits begun. Every change names the attempt it belongs to, so that a runner left behind changes nothing.
    attempt: int = 0
    resource_url: str | None = None
    cover_url: str | None = None
    #: When the last submit was announced; aware.
    submit_at: datetime | None = None
    reply_ref: str | None = None
    task_id: int | None = None
    work_id: int | None = None
    #: The motion, as JSON in the API's names.
    motion: str | None = None
    #: The files saved, as JSON.
    files: str | None = None
    #: Tasks that were made for this clip besides `task_id`.
    extra_tasks: tuple[int, ...] = ()
    #: The last error, as JSON.
    error: str | None = None
    #: How often it was uploaded anew because its asset was gone.
    retries: int = 0
    #: Left to the next run: no lane takes it in this one.
    postponed: bool = False
    created_at: datetime
    updated_at: datetime

    @property
    def email(self) -> str | None:
        """The account as requests name it."""
        return self.account or None

    @property
    def ref(self) -> TaskRef:
        """The reference of its task, or of the submit that may have made one."""
        return TaskRef(
            task_id=self.task_id,
            email=self.email,
            reply_ref=self.reply_ref,
            resource_url=self.resource_url,
            sent_at=self.submit_at,
        )


@frozen(kw_only=True)
class Event:
    """A line of the history of a clip: for the bill, nothing is ever taken out."""

    at: datetime
    key: str
    state: State
    attempt: int
    account: str | None
    task_id: int | None
    note: str | None


@frozen(kw_only=True)
class Change:
    """What a step writes besides the state. `None` leaves a field as it is; `clear` empties fields."""

    account: str | None = None
    lane: int | None = None
    resource_url: str | None = None
    cover_url: str | None = None
    submit_at: datetime | None = None
    reply_ref: str | None = None
    task_id: int | None = None
    work_id: int | None = None
    motion: str | None = None
    files: str | None = None
    extra_tasks: tuple[int, ...] | None = None
    error: str | None = None
    retries: int | None = None
    clear: tuple[str, ...] = field(default=())
    #: A new attempt begins.
    begins_attempt: bool = False
    #: For the history.
    note: str | None = None


#: Nothing but the state.
NOTHING_ELSE = Change()

#: What an upload leaves behind.
UPLOADED = ("resource_url", "cover_url")


class Journal(Protocol):
    """Where rows live. Each method is one transaction, durable when it returns.

    A call that is cancelled may have been carried out all the same: whoever goes on reads the row again.
    """

    async def open(self) -> None:
        """Open it for one runner.

        Raises:
            JournalError: It is in use, damaged, of a later version or no journal at all. Nothing was changed.
        """

    async def close(self) -> None:
        """Close it; a second close does nothing."""

    async def add(self, clips: Sequence[Clip], now: datetime) -> list[Row]:
        """Add clips, or find those that are there already, by their key."""

    async def known(self, source: str, params: str) -> tuple[Row, int, int] | None:
        """The row a path led to when it was last read for `params`, with the size and time the file had then."""

    async def sources(self, key: str) -> list[Clip]:
        """Every path that led to a row."""

    async def claim(self, account: str, lane: int, now: datetime) -> Row | None:
        """Put into a lane what belongs there: its own row, else the oldest that waits.

        A lane of 0 and up takes uploaded rows of the account, one below 0 takes new rows of nobody.
        """

    async def step(self, row: Row, state: State, now: datetime, change: Change = NOTHING_ELSE) -> Row | None:
        """Move a row, if it still is as given: same state, same attempt.

        `None` if it is not, or if another row with the same video is being submitted: read it again.

        Raises:
            TaskTakenError: The task that the change names is another row's.
            ValueError: There is no such move.
        """

    async def release(
        self, row: Row, now: datetime, *, postponed: bool = False, error: str | None = None
    ) -> Row | None:
        """Take a row out of its lane as it is; if `postponed`, no lane takes it before the journal is reopened."""

    async def row(self, key: str) -> Row | None:
        """One row."""

    async def rows(self, states: Collection[State] = (), *, after: str = "", limit: int = 1000) -> list[Row]:
        """Rows in the order they were added, those in some states only; `after` is the key of the row before."""

    async def owners(self, account: str, since: datetime, until: datetime) -> list[Row]:
        """Rows of an account whose last submit was announced between two times and that have a task."""

    async def witness(self, account: str, until: datetime) -> Row | None:
        """The latest row submitted up to a time whose task did not fail, the account's if it has one."""

    async def uploaded(self, account: str, content_hash: str) -> Row | None:
        """The latest row of an account for which these very bytes were uploaded."""

    async def events(self, key: str) -> list[Event]:
        """The history of one row."""

    async def totals(self) -> dict[State, int]:
        """How many rows are in each state."""

    async def remember(self, name: str, value: str) -> None:
        """Keep a fact that belongs to no row."""

    async def recall(self, name: str) -> str | None:
        """Such a fact."""


def as_json(document: Json) -> str:
    """JSON as rows keep it."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
