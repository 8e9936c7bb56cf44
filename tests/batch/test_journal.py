"""The journal of a batch: which moves there are, who may make them, and what the file survives (behaviour B1)."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import attrs
import pytest

from klingmotion import JournalError
from klingmotion.batch.database import APPLICATION_ID, MIGRATIONS
from klingmotion.batch.journal import Change, Row, State, TaskTakenError
from klingmotion.batch.report import summary
from klingmotion.batch.sqlite_journal import SqliteJournal
from tests.batch.journals import (
    ANN,
    BEN,
    NOW,
    PLAIN,
    SharedJournal,
    added,
    brought,
    clip,
    every_state,
    moved,
    opened,
    uploaded,
)

T = TypeVar("T")

#: Every move there is, spelled out.
ALLOWED = {
    ("new", "assets"),
    ("new", "failed"),
    ("assets", "submitting"),
    ("assets", "new"),
    ("assets", "failed"),
    ("submitting", "submitted"),
    ("submitting", "assets"),
    ("submitting", "new"),
    ("submitting", "failed"),
    ("submitting", "uncertain"),
    ("submitted", "ready"),
    ("submitted", "failed"),
    ("ready", "ready"),
    ("ready", "done"),
    ("ready", "failed"),
    ("done", "ready"),
    ("failed", "new"),
    ("uncertain", "submitted"),
    ("uncertain", "assets"),
}

# --- Moves ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
async def test_the_moves_of_the_table_are_all_there_are(before: State, after: State) -> None:
    """A row goes where the table says, or stays and `ValueError` is raised."""
    async with opened() as journal:
        row = await brought(journal, before)
        if (before, after) in ALLOWED:
            gone = await journal.step(row, after, NOW)
            assert gone is not None
            assert gone.state is after
        else:
            with pytest.raises(ValueError, match=f"{before} to {after}"):
                await journal.step(row, after, NOW)
            assert await journal.row(row.key) == row


async def test_a_row_leaves_its_lane_where_its_slot_is_free() -> None:
    """The lane is held from the upload to the end of the task, and by nothing else."""
    async with opened() as journal:
        await uploaded(journal, 1)
        row = await journal.claim(ANN, 0, NOW)
        for state, lane in [
            (State.SUBMITTING, 0),
            (State.SUBMITTED, 0),
            (State.READY, None),
            (State.DONE, None),
        ]:
            assert row is not None
            row = await moved(journal, row, state)
            assert row.lane == lane


async def test_a_step_writes_what_it_says_and_leaves_the_rest() -> None:
    """`None` leaves a field as it is, `clear` empties it, an attempt is counted where one begins."""
    when = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
    async with opened() as journal:
        row = await uploaded(journal, 1)
        sent = await moved(journal, row, State.SUBMITTING, submit_at=when, reply_ref="km-1", begins_attempt=True)
        assert (sent.attempt, sent.submit_at, sent.reply_ref) == (1, when, "km-1")
        assert (sent.resource_url, sent.cover_url, sent.account) == (row.resource_url, row.cover_url, ANN)
        back = await moved(journal, sent, State.NEW, clear=("account", "resource_url", "cover_url"), retries=1)
        assert (back.account, back.resource_url, back.cover_url, back.retries) == (None, None, None, 1)
        assert (back.attempt, back.reply_ref) == (1, "km-1")
        assert await journal.row(row.key) == back


async def test_ids_beyond_64_bits_are_kept_to_the_last_digit() -> None:
    """Ids have no upper bound, integers of SQLite do."""
    huge = 2**64 + 1
    async with opened() as journal:
        row = await brought(journal, State.SUBMITTED, task_id=huge, extra_tasks=(huge + 1, 10**40))
        assert (row.task_id, row.extra_tasks) == (huge, (huge + 1, 10**40))
        ready = await moved(journal, row, State.READY, work_id=huge + 2)
        assert (await journal.events(row.key))[-1].task_id == huge
        assert ready.work_id == huge + 2
        assert ready.ref.task_id == huge


async def test_a_task_belongs_to_one_row_only() -> None:
    """Whoever would give it to a second one is refused, and nothing is written."""
    async with opened() as journal:
        await brought(journal, State.SUBMITTED, 1, task_id=17)
        other = await brought(journal, State.SUBMITTING, 2)
        with pytest.raises(TaskTakenError, match="task 17 is another clip's"):
            await journal.step(other, State.SUBMITTED, NOW, Change(task_id=17))
        assert await journal.row(other.key) == other
        assert len(await journal.events(other.key)) == 3


async def test_a_row_that_was_claimed_meanwhile_is_not_released() -> None:
    """Whoever lets go of a row late must not take it from the account that has it by now."""
    async with opened() as journal:
        [row] = await journal.add([clip(1)], NOW)
        first = await journal.claim("a@example.com", -1, NOW)
        assert first is not None
        await journal.release(first, NOW)
        second = await journal.claim("b@example.com", -2, NOW)
        assert second is not None
        await journal.release(first, NOW)
        assert await journal.row(row.key) == second


# --- Claims ---------------------------------------------------------------------------------------------------------


async def test_a_lane_takes_its_own_row_first() -> None:
    """A run that goes on finds in each lane what was there, whatever waits longer."""
    async with opened() as journal:
        await uploaded(journal, 1)
        mine = await uploaded(journal, 2, lane=3)
        assert await journal.claim(ANN, 3, NOW) == mine
        await moved(journal, mine, State.SUBMITTING)
        claimed = await journal.claim(ANN, 3, NOW)
        assert claimed is not None
        assert (claimed.key, claimed.state) == (mine.key, State.SUBMITTING)


async def test_claims_are_made_in_the_order_rows_were_added() -> None:
    """The oldest waits no longer than it must, also after it was given back."""
    async with opened() as journal:
        for number in (5, 1, 4):
            await added(journal, number)
        first = await journal.claim(ANN, -1, NOW)
        assert first is not None
        assert first.key == "key-00005"
        await journal.release(first, NOW + timedelta(hours=1))
        again = [await journal.claim(account, lane, NOW) for account, lane in [(BEN, -1), (ANN, -1), (ANN, -2)]]
        assert [row.key for row in again if row is not None] == ["key-00005", "key-00001", "key-00004"]
        assert await journal.claim(BEN, -2, NOW) is None


async def test_lanes_below_0_take_new_rows_of_nobody() -> None:
    """Uploads are done ahead in lanes of their own; uploaded rows are none of theirs."""
    async with opened() as journal:
        await uploaded(journal, 1)
        await added(journal, 2, source="/clips/2.mp4")
        row = await journal.claim(ANN, -1, NOW)
        assert row is not None
        assert (row.key, row.account, row.lane, row.state) == ("key-00002", ANN, -1, State.NEW)
        assert await journal.claim(BEN, -1, NOW) is None


async def test_lanes_from_0_take_uploaded_rows_of_the_account() -> None:
    """What was uploaded for one account cannot be submitted with another, and new rows have nothing to submit."""
    async with opened() as journal:
        await added(journal, 1)
        await uploaded(journal, 2, BEN)
        await uploaded(journal, 3, ANN, lane=-1)
        row = await journal.claim(ANN, 0, NOW)
        assert row is not None
        assert (row.key, row.lane, row.state) == ("key-00003", 0, State.ASSETS)
        assert await journal.claim(ANN, 1, NOW) is None


async def test_a_row_in_a_slot_is_not_claimed_for_another() -> None:
    """Two lanes never take one row."""
    async with opened() as journal:
        await uploaded(journal, 1)
        assert await journal.claim(ANN, 0, NOW) is not None
        assert await journal.claim(ANN, 1, NOW) is None


@pytest.mark.parametrize("state", [State.NEW, State.ASSETS])
async def test_a_postponed_row_waits_for_the_next_run(tmp_path: Path, state: State) -> None:
    """No lane takes it before the journal is opened again."""
    lane = -1 if state is State.NEW else 0
    async with opened(tmp_path / "run.db") as journal:
        row = await (added(journal, 1) if state is State.NEW else uploaded(journal, 1))
        left = await journal.release(row, NOW, postponed=True, error='{"kind":"X"}')
        assert left is not None
        assert (left.postponed, left.error, left.lane) == (True, '{"kind":"X"}', None)
        assert await journal.claim(ANN, lane, NOW) is None
    async with opened(tmp_path / "run.db") as journal:
        assert await journal.claim(ANN, lane, NOW) is not None


async def test_released_new_rows_are_nobodys_and_uploaded_ones_stay_with_their_account() -> None:
    """What was uploaded is of use to that account alone."""
    async with opened() as journal:
        await added(journal, 1)
        claimed = await journal.claim(ANN, -1, NOW)
        assert claimed is not None
        released = await journal.release(claimed, NOW)
        assert released is not None
        assert (released.account, released.lane) == (None, None)
        row = await uploaded(journal, 2, BEN, lane=-1)
        kept = await journal.release(row, NOW)
        assert kept is not None
        assert (kept.account, kept.lane) == (BEN, None)


async def test_a_row_that_has_moved_on_is_not_released() -> None:
    """Whoever gives back a row that another runner has moved changes nothing and learns where it is."""
    async with opened() as journal:
        await uploaded(journal, 1)
        old = await journal.claim(ANN, 0, NOW)
        assert old is not None
        new = await moved(journal, old, State.SUBMITTING, begins_attempt=True)
        assert await journal.release(old, NOW, postponed=True) == new


# --- Walls ----------------------------------------------------------------------------------------------------------


async def test_the_database_itself_refuses_a_second_row_in_a_lane(tmp_path: Path) -> None:
    """The limit holds also for whoever goes around `claim`."""
    path = tmp_path / "run.db"
    async with opened(path) as journal:
        await uploaded(journal, 1)
        await uploaded(journal, 2)
        await uploaded(journal, 3, BEN)
        assert await journal.claim(ANN, 0, NOW) is not None
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            for state in ("new", "assets", "submitting", "submitted"):
                with pytest.raises(sqlite3.IntegrityError, match="lane"):
                    raw.execute("UPDATE rows SET lane = 0, state = ? WHERE key = 'key-00002'", (state,))
            raw.execute("UPDATE rows SET lane = 1 WHERE key = 'key-00002'")
            raw.execute("UPDATE rows SET lane = 0 WHERE key = 'key-00003'")  # another account's lane 0


async def test_the_database_itself_refuses_two_submits_of_one_video(tmp_path: Path) -> None:
    """Tasks are known by their video, so two submits of one cannot be told apart while both are under way."""
    path, url = tmp_path / "run.db", "https://cdn.example.test/in/shared.mp4"
    async with opened(path) as journal:
        first = await uploaded(journal, 1, resource_url=url)
        second = await uploaded(journal, 2, resource_url=url)
        elsewhere = await uploaded(journal, 3, BEN, resource_url=url)
        first = await moved(journal, first, State.SUBMITTING)
        assert await journal.step(second, State.SUBMITTING, NOW) is None
        assert await journal.row(second.key) == second
        with (
            closing(sqlite3.connect(path, isolation_level=None)) as raw,
            pytest.raises(sqlite3.IntegrityError, match="resource_url"),
        ):
            raw.execute("UPDATE rows SET state = 'submitting' WHERE key = 'key-00002'")
        await moved(journal, elsewhere, State.SUBMITTING)
        await moved(journal, first, State.SUBMITTED, task_id=1)
        await moved(journal, second, State.SUBMITTING)


async def test_two_runners_cannot_both_move_a_row(tmp_path: Path) -> None:
    """A step is for one state and one attempt: the runner that comes second gets nothing and reads again."""
    path = tmp_path / "run.db"
    async with opened(SharedJournal(path)) as one, opened(SharedJournal(path)) as two:
        await uploaded(one, 1)
        seen = await one.claim(ANN, 0, NOW)
        assert seen is not None
        assert await two.claim(ANN, 0, NOW) == seen
        first = await one.step(seen, State.SUBMITTING, NOW, Change(reply_ref="one", begins_attempt=True))
        assert await two.step(seen, State.SUBMITTING, NOW, Change(reply_ref="two", begins_attempt=True)) is None
        assert await two.row(seen.key) == first
        assert first is not None
        assert first.reply_ref == "one"


async def test_a_runner_left_behind_cannot_move_a_later_attempt(tmp_path: Path) -> None:
    """The state may be the same again; the attempt is not."""
    path = tmp_path / "run.db"
    async with opened(SharedJournal(path)) as slow, opened(SharedJournal(path)) as quick:
        row = await uploaded(quick, 1)
        old = await moved(slow, row, State.SUBMITTING, begins_attempt=True)
        back = await moved(quick, old, State.ASSETS)
        new = await moved(quick, back, State.SUBMITTING, begins_attempt=True)
        assert (old.state, old.attempt, new.attempt) == (new.state, 1, 2)
        assert await slow.step(old, State.SUBMITTED, NOW, Change(task_id=17)) is None
        assert await slow.row(row.key) == new


# --- What is kept besides -------------------------------------------------------------------------------------------


async def test_the_history_tells_every_step_and_stays(tmp_path: Path) -> None:
    """It is the bill: each attempt, account and task, and not even SQL takes a line out or alters one."""
    path = tmp_path / "run.db"
    async with opened(path) as journal:
        row = await uploaded(journal, 1)
        row = await moved(journal, row, State.SUBMITTING, begins_attempt=True)
        await moved(journal, row, State.SUBMITTED, task_id=17, note="found")
        told = [(event.state, event.attempt, event.account, event.task_id, event.note, event.at)
                for event in await journal.events(row.key)]  # fmt: skip
        assert told == [
            (State.NEW, 0, None, None, None, NOW),
            (State.ASSETS, 0, ANN, None, None, NOW),
            (State.SUBMITTING, 1, ANN, None, None, NOW),
            (State.SUBMITTED, 1, ANN, 17, "found", NOW),
        ]
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            for sql in ("DELETE FROM events", "UPDATE events SET task_id = NULL"):
                with pytest.raises(sqlite3.IntegrityError):
                    raw.execute(sql)
        assert len(await journal.events(row.key)) == 4


async def test_a_clip_added_again_is_the_same_row() -> None:
    """Its key decides; a second path leads to the same row, and what it has become stays."""
    async with opened() as journal:
        row = await brought(journal, State.DONE, 1)
        assert await added(journal, 1) == row
        assert await added(journal, 1, source="/other/name.mp4", size=7, mtime_ns=8) == row
        assert [(one.source, one.size) for one in await journal.sources(row.key)] == [
            ("/clips/00001.mp4", 1001),
            ("/other/name.mp4", 7),
        ]
        assert len(await journal.events(row.key)) == 6


async def test_a_path_leads_to_the_row_of_what_it_was_last_read_as() -> None:
    """A file that was written over is another clip; the row of the old one stays."""
    async with opened() as journal:
        assert await journal.known("/clips/a.mp4", PLAIN) is None
        old = await added(journal, 1, source="/clips/a.mp4")
        assert await journal.known("/clips/a.mp4", PLAIN) == (old, 1001, 10**18 + 1)
        new = await added(journal, 2, source="/clips/a.mp4")
        assert await journal.known("/clips/a.mp4", PLAIN) == (new, 1002, 10**18 + 2)
        assert await journal.sources(old.key) == []
        assert await journal.row(old.key) == old


async def test_a_path_leads_to_a_row_for_each_set_of_parameters() -> None:
    """One file, extracted twice on purpose: neither row loses its file to the other."""
    async with opened() as journal:
        one = await added(journal, 1, source="/clips/a.mp4")
        two = await added(journal, 2, source="/clips/a.mp4", params='{"salt":"again"}')
        assert (await journal.known("/clips/a.mp4", one.params), await journal.known("/clips/a.mp4", two.params)) == (
            (one, 1001, 10**18 + 1),
            (two, 1002, 10**18 + 2),
        )
        assert [len(await journal.sources(row.key)) for row in (one, two)] == [1, 1]


async def test_rows_are_read_in_their_order_state_by_state_and_in_pieces() -> None:
    """However many there are, they can be gone through without holding all of them."""
    async with opened() as journal:
        rows = await every_state(journal)
        assert await journal.rows() == list(rows.values())
        assert await journal.rows([State.DONE, State.NEW]) == [rows[State.NEW], rows[State.DONE]]
        gone, after = [], ""
        while piece := await journal.rows(after=after, limit=3):
            gone += piece
            after = piece[-1].key
        assert gone == list(rows.values())
        assert await journal.totals() == dict.fromkeys(State, 1)
        assert await journal.row("no such key") is None


async def test_owners_are_rows_with_a_task_announced_in_between() -> None:
    """They are what an unclear submit must not be confused with."""
    early, late = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    async with opened() as journal:
        for number, (account, when, task_id) in enumerate([
            (ANN, NOW, 1), (BEN, NOW, 2), (ANN, early, 3), (ANN, late, 4), (ANN, NOW, None), (ANN, NOW, 6)
        ]):  # fmt: skip
            row = await uploaded(journal, number, account)
            row = await moved(journal, row, State.SUBMITTING, submit_at=when)
            await moved(journal, row, State.SUBMITTED, task_id=task_id)
        found = await journal.owners(ANN, NOW - timedelta(minutes=1), NOW + timedelta(minutes=1))
        assert sorted(row.task_id or 0 for row in found) == [1, 6]


async def test_a_witness_is_the_latest_task_that_did_not_fail() -> None:
    """The account's own if it has one: a list that does not show it is not to be believed."""
    minute = timedelta(minutes=1)
    async with opened() as journal:
        assert await journal.witness(ANN, NOW) is None
        for number, (account, when, state) in enumerate([
            (ANN, NOW - 9 * minute, State.READY),
            (ANN, NOW - 8 * minute, State.SUBMITTED),
            (ANN, NOW - 7 * minute, State.FAILED),
            (ANN, NOW - 6 * minute, State.UNCERTAIN),
            (BEN, NOW - 5 * minute, State.SUBMITTED),
            (ANN, NOW + minute, State.SUBMITTED),
        ]):  # fmt: skip
            row = await uploaded(journal, number, account)
            row = await moved(journal, row, State.SUBMITTING, submit_at=when)
            if state is State.UNCERTAIN:
                await moved(journal, row, state)
                continue
            row = await moved(journal, row, State.SUBMITTED, task_id=number)
            if state is not State.SUBMITTED:
                await moved(journal, row, state)
        found = [await journal.witness(account, NOW) for account in (ANN, BEN, "cid@example.com")]
        assert [row.task_id for row in found if row is not None] == [1, 4, 4]


async def test_bytes_that_were_uploaded_are_found_for_the_account() -> None:
    """Of several uploads the latest; those of other accounts are of no use."""
    async with opened() as journal:
        for number, account, url in [(1, ANN, "old"), (2, ANN, "new"), (3, BEN, "other")]:
            row = await added(journal, number, content_hash="same")
            change = Change(account=account, resource_url=f"https://cdn.example.test/{url}", cover_url="https://c")
            await journal.step(row, State.ASSETS, NOW + timedelta(seconds=number), change)
        found = await journal.uploaded(ANN, "same")
        assert found is not None
        assert found.resource_url == "https://cdn.example.test/new"
        assert await journal.uploaded("cid@example.com", "same") is None
        assert await journal.uploaded(ANN, "another") is None


async def test_facts_are_kept(tmp_path: Path) -> None:
    """What was learned once is known to the next run; a fact can be replaced."""
    async with opened(tmp_path / "run.db") as journal:
        assert await journal.recall("listed") is None
        await journal.remember("listed", "no")
        await journal.remember("listed", "yes")
    async with opened(tmp_path / "run.db") as journal:
        assert await journal.recall("listed") == "yes"


# --- The file -------------------------------------------------------------------------------------------------------


async def test_everything_comes_back_from_the_file(tmp_path: Path) -> None:
    """What was written by one run is what the next one reads."""
    async with opened(tmp_path / "run.db") as journal:
        before = await every_state(journal)
    async with opened(tmp_path / "run.db") as journal:
        assert await journal.rows() == list(before.values())


async def test_an_open_journal_is_read_by_whatever_name_it_has(tmp_path: Path) -> None:
    """Its log lies beside the file, not beside a link to it."""
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(tmp_path / "run.db")
    async with opened(tmp_path / "run.db") as journal:
        await added(journal)
        assert summary(link).states == summary(tmp_path / "run.db").states == {State.NEW: 1}


async def test_a_journal_in_memory_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path nothing is written anywhere."""
    monkeypatch.chdir(tmp_path)
    async with opened() as journal:
        await every_state(journal)
    assert list(tmp_path.iterdir()) == []


async def test_a_journal_of_version_1_is_read_by_this_one(tmp_path: Path) -> None:
    """A file written by the first version, kept as SQL, gives its rows, and goes on."""
    path = tmp_path / "run.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript((Path(__file__).parent / "journal-v1.sql").read_text())
    async with opened(path) as journal:
        rows = {row.state: row for row in await journal.rows()}
        assert set(rows) == set(State)
        done, doubt, lane = rows[State.DONE], rows[State.UNCERTAIN], rows[State.SUBMITTED]
        assert (done.task_id, done.work_id, done.extra_tasks) == (2**64 + 5, 2**64 + 6, (2**64 + 7,))
        assert done.files == '{"bvh":"/motions/walk-5.bvh"}'
        assert (doubt.reply_ref, doubt.submit_at, doubt.attempt) == ("km-7", NOW, 1)
        assert (lane.account, lane.lane) == (ANN, 2)
        assert (await journal.known("/clips/00005.mp4", PLAIN)) == (done, 1005, 10**18 + 5)
        assert [event.state for event in await journal.events(done.key)] == [
            State.NEW, State.ASSETS, State.SUBMITTING, State.SUBMITTED, State.READY, State.DONE
        ]  # fmt: skip
        assert await journal.recall("listed") == "yes"
        again = await journal.claim(ANN, 2, NOW)
        assert again is not None
        assert again.key == lane.key
        await moved(journal, again, State.READY)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def refused(path: Path, match: str) -> None:
    """Opening the file is refused, and neither it nor its place is changed."""
    before = path.read_bytes()

    async def attempt() -> None:
        async with opened(path):
            raise AssertionError(f"{path} was opened")

    with pytest.raises(JournalError, match=match) as caught:
        asyncio.run(attempt())
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert {found.name for found in path.parent.iterdir()} <= {path.name, f"{path.name}.lock"}


def written(path: Path, rows: int = 40) -> bytes:
    """The bytes of a journal with that many rows, closed."""

    async def write() -> None:
        async with opened(path) as journal:
            for number in range(rows):
                await uploaded(journal, number)

    asyncio.run(write())
    return path.read_bytes()


def test_a_journal_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """It may hold what this version does not understand."""
    path = tmp_path / "run.db"
    written(path, 1)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    refused(path, "later klingmotion")


def test_another_database_is_refused(tmp_path: Path) -> None:
    """No tables of ours are put into other people's files."""
    path = tmp_path / "bookmarks.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript("CREATE TABLE rows (key TEXT); INSERT INTO rows VALUES ('theirs');")
    refused(path, "not a journal")


def test_an_empty_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """It has no tables yet, and a mark that is not ours."""
    path = tmp_path / "marked.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA application_id = 42")
        raw.execute("PRAGMA user_version = 1")
    refused(path, "not a journal")


@pytest.mark.parametrize(
    "text", [b"clip,status\nwalk.mp4,done\n" * 100, b"\0" * 4096, b"no"], ids=["csv", "zeros", "short"]
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, text: bytes) -> None:
    """A slip of the hand costs nobody a file."""
    path = tmp_path / "notes.txt"
    path.write_bytes(text)
    refused(path, "damaged or no journal")


def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    """Such as `mktemp` makes."""
    path = tmp_path / "run.db"
    path.touch()
    assert written(path, 1)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_a_journal_that_was_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    """Half a journal says nothing of what was submitted in the other half."""
    path = tmp_path / "run.db"
    whole = written(path)
    path.write_bytes(whole[: int(share * len(whole))])
    refused(path, "damaged")


def test_a_flipped_bit_is_refused_or_read_through_but_never_anything_else(tmp_path: Path) -> None:
    """Wherever it is: `JournalError` and an unchanged file, or a journal that can be read; no other error."""
    path = tmp_path / "run.db"
    whole = bytearray(written(path, 12))
    chance = random.Random(5)
    verdicts = {"refused": 0, "read": 0}

    async def attempt() -> None:
        async with opened(path) as journal:
            for row in await journal.rows():
                await journal.events(row.key)
                await journal.sources(row.key)
            await journal.totals()
            verdicts["read"] += 1

    for position in [*range(0, 100, 4), *(chance.randrange(100, len(whole)) for _ in range(120))]:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << chance.randrange(8)
        for left in tmp_path.glob("run.db-*"):
            left.unlink()
        path.write_bytes(damaged)
        try:
            asyncio.run(attempt())
        except JournalError:
            verdicts["refused"] += 1
            assert path.read_bytes() == damaged, f"byte {position}"
    assert verdicts["refused"] >= 15
    print(verdicts)  # noqa: T201  # shown with -s: how much of the file is under guard


@pytest.mark.parametrize(
    "nonsense",
    ["state = 'lost'", "submit_at = 'noon'", "task_id = 'seventeen'", "extra_tasks = '[1,'", "updated_at = 1e300"],
)
async def test_a_value_that_cannot_have_been_written_is_damage(tmp_path: Path, nonsense: str) -> None:
    """Where the file is whole and a row is not, it is said to be damaged all the same."""
    path = tmp_path / "run.db"
    async with opened(path) as journal:
        await brought(journal, State.SUBMITTED, 1, task_id=17, extra_tasks=(18,))
        await added(journal, 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(f"UPDATE rows SET {nonsense} WHERE key = 'key-00001'")
    async with opened(path) as journal:
        with pytest.raises(JournalError, match="damaged"):
            await journal.row("key-00001")
        assert await journal.row("key-00002") is not None


async def test_a_directory_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    """The error names the file and the reason."""
    with pytest.raises(JournalError, match="No such file"):
        await SqliteJournal(tmp_path / "nowhere" / "run.db").open()
    with pytest.raises(JournalError, match=str(tmp_path)):
        await SqliteJournal(tmp_path).open()


async def test_a_journal_that_is_not_open_says_so(tmp_path: Path) -> None:
    """Before it was opened; and after a failure to open it the lock is free again."""
    journal = SqliteJournal(tmp_path / "run.db")
    with pytest.raises(JournalError, match="not open"):
        await journal.rows()
    (tmp_path / "run.db").write_text("no database, but long enough to be looked at as if it were one" * 20)
    with pytest.raises(JournalError, match="damaged"):
        await journal.open()
    (tmp_path / "run.db").unlink()
    async with opened(tmp_path / "run.db"):
        pass


@pytest.mark.parametrize("where", ["file", "memory"])
async def test_an_open_journal_is_not_opened_twice(tmp_path: Path, where: str) -> None:
    """Two runs that share one object would share its rows; the second is refused and the first goes on."""
    async with opened(tmp_path / "run.db" if where == "file" else None) as journal:
        row = await added(journal)
        with pytest.raises(JournalError, match="in use"):
            await journal.open()
        assert await journal.rows() == [row]


async def test_others_may_read_while_a_run_has_it_open(tmp_path: Path) -> None:
    """A look with any SQLite tool disturbs nobody and sees what is committed."""
    path = tmp_path / "run.db"
    async with opened(path) as journal:
        await uploaded(journal, 1)
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT state FROM rows").fetchall() == [("assets",)]
            row = await journal.claim(ANN, 0, NOW)
            assert row is not None
            await moved(journal, row, State.SUBMITTING)
            assert reader.execute("SELECT state FROM rows").fetchall() == [("assets",)]
            reader.execute("COMMIT")
            assert reader.execute("SELECT state FROM rows").fetchall() == [("submitting",)]
            with pytest.raises(sqlite3.OperationalError):
                reader.execute("DELETE FROM rows")


async def test_every_change_is_on_the_disk_when_it_is_acknowledged(tmp_path: Path) -> None:
    """A power cut loses nothing: each commit is written through."""
    async with opened(tmp_path / "run.db") as journal:
        assert journal._connection is not None
        modes = [
            journal._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
        ]
        assert modes == [2, "wal"]
        with closing(sqlite3.connect(tmp_path / "run.db")) as raw:
            assert raw.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


# --- Threads --------------------------------------------------------------------------------------------------------


class SlowJournal(SqliteJournal):
    """Whose changes wait for a sign, in the journal's own thread."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.begun, self.go = threading.Event(), threading.Event()

    async def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def slowly(connection: sqlite3.Connection) -> T:
            self.begun.set()
            assert self.go.wait(20)
            return work(connection)

        return await super()._change(slowly)


def test_a_cancelled_call_may_have_been_carried_out(tmp_path: Path) -> None:
    """Whoever goes on reads the row again: here it has moved."""

    async def cancel() -> State | None:
        journal = SlowJournal(tmp_path / "run.db")
        journal.go.set()
        async with opened(journal):
            row = await added(journal, 1)
            journal.go.clear()
            journal.begun.clear()
            stepping = asyncio.create_task(journal.step(row, State.ASSETS, NOW))
            await asyncio.to_thread(journal.begun.wait)
            stepping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await stepping
            journal.go.set()
            seen = await journal.row(row.key)
            return None if seen is None else seen.state

    assert asyncio.run(cancel()) is State.ASSETS


def test_closing_waits_for_the_call_that_is_under_way(tmp_path: Path) -> None:
    """Nothing is torn: the change is made, then the file is closed and its lock is free."""

    async def close_early() -> None:
        journal = SlowJournal(tmp_path / "run.db")
        await journal.open()
        adding = asyncio.create_task(journal.add([clip(1)], NOW))
        await asyncio.to_thread(journal.begun.wait)
        closing_it = asyncio.create_task(journal.close())
        await asyncio.sleep(0.01)
        assert not closing_it.done()
        journal.go.set()
        await closing_it
        (row,) = await adding
        async with opened(tmp_path / "run.db") as again:
            assert await again.row(row.key) == row

    asyncio.run(close_early())


def test_many_calls_at_once_are_carried_out_one_after_another(tmp_path: Path) -> None:
    """Fifty lanes claim at the same time; each gets a row of its own."""

    async def claim_all() -> None:
        async with opened(tmp_path / "run.db") as journal:
            await asyncio.gather(*(uploaded(journal, number) for number in range(50)))
            rows = await asyncio.gather(*(journal.claim(ANN, lane, NOW) for lane in range(50)))
            assert len({row.key for row in rows if row is not None}) == 50

    asyncio.run(claim_all())


def test_closing_twice_does_nothing_and_a_closed_journal_can_be_opened_again(tmp_path: Path) -> None:
    """One journal object serves one run after the other."""

    async def close_twice() -> None:
        journal = SqliteJournal(tmp_path / "run.db")
        await journal.close()
        await journal.open()
        row = await added(journal)
        await journal.close()
        await journal.close()
        await journal.open()
        assert await journal.rows() == [row]
        await journal.close()

    asyncio.run(close_twice())


# --- Many rows ------------------------------------------------------------------------------------------------------


async def test_ten_thousand_rows_are_no_burden(tmp_path: Path) -> None:
    """They are added in one call, and what is asked of them again and again is answered by an index."""
    clips = [clip(number) for number in range(10_000)]
    path = tmp_path / "run.db"
    async with opened(path) as journal:
        began = time.perf_counter()
        rows = await journal.add(clips, NOW)
        print(f"\nadded 10,000 rows in {time.perf_counter() - began:.2f} s")  # noqa: T201  # times are shown, not judged
        assert len(rows) == 10_000
        connection = journal._connection
        assert connection is not None
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        began = time.perf_counter()
        new = await journal.claim(ANN, -1, NOW)
        assert new is not None
        await moved(journal, new, State.ASSETS, resource_url="https://v", cover_url="https://c")
        row = await journal.claim(ANN, 0, NOW)
        assert row is not None
        row = await moved(journal, row, State.SUBMITTING, submit_at=NOW, begins_attempt=True)
        row = await moved(journal, row, State.SUBMITTED, task_id=17)
        row = await moved(journal, row, State.READY)
        print(f"six changes in {1000 * (time.perf_counter() - began):.1f} ms")  # noqa: T201  # times are shown, not judged
        await journal.owners(ANN, NOW, NOW)
        await journal.witness(BEN, NOW)
        await journal.uploaded(ANN, row.content_hash)
        await journal.known(row.source, row.params)
        await journal.sources(row.key)
        await journal.rows([State.ASSETS])
        await journal.events(row.key)
        connection.set_trace_callback(None)
        asked = {sql for sql in statements if sql.startswith(("SELECT", "UPDATE"))}
        assert len(asked) > 10
        for sql in asked:
            plan = [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            assert not [step for step in plan if step.startswith("SCAN")], (sql, plan)


async def test_a_claim_costs_the_same_however_many_rows_there_are(tmp_path: Path) -> None:
    """Neither what is over nor what waits is gone through: the database does hardly any work for a claim."""
    async with opened(tmp_path / "run.db") as journal:
        await journal.add([clip(number) for number in range(6_000)], NOW)
        connection = journal._connection
        assert connection is not None
        connection.execute("UPDATE rows SET state = 'done' WHERE number < 2900")
        effort = 0

        def count() -> int:
            nonlocal effort
            effort += 1
            return 0

        connection.set_progress_handler(count, 100)
        assert await journal.claim(ANN, -1, NOW) is not None
        assert await journal.claim(ANN, 0, NOW) is None
        connection.set_progress_handler(None, 0)
        assert effort < 20, "hundreds of steps of the database's machine"


async def test_the_values_of_a_row_are_all_there_are_columns_for(tmp_path: Path) -> None:
    """A field that was added to rows and forgotten in the table would be lost."""
    async with opened(tmp_path / "run.db") as journal:
        await added(journal)
        assert journal._connection is not None
        columns = {column[1] for column in journal._connection.execute("PRAGMA table_info(rows)")} - {"number"}
    assert columns == {field.name for field in attrs.fields(Row)}
