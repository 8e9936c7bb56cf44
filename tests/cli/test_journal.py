"""`klingmotion journal`: what it shows and exports, and that it only reads."""

from __future__ import annotations

import csv
import io
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from klingmotion import TaskRef
from klingmotion.batch.journal import State
from klingmotion.batch.report import history, summary
from klingmotion.emulator import Outcome, StallBefore, Status, ThreadedEmulator
from tests.cli.shell import objects, once, run, running
from tests.emulator.clips import mp4


@pytest.fixture
def journal(emulator: ThreadedEmulator, tmp_path: Path) -> Path:
    """A journal of three clips that are done and one that failed."""
    for number in range(4):
        (tmp_path / f"{number}.mp4").write_bytes(mp4(5.0, padding=number))
    emulator.fail("submit_motion", Status.moderation())
    emulator.next_tasks(*[Outcome(at_submit=True)] * 3)
    path = tmp_path / "run #1?.db"
    done = run("batch", tmp_path, "--journal", path, "--out", tmp_path / "out", emulator=emulator)
    assert done.returncode == 4, done.stderr
    return path


def files(folder: Path) -> dict[str, bytes]:
    """What lies in a directory."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_show_counts_clips_submits_and_failures(journal: Path) -> None:
    """By state, and by kind with the first reason in the words of the command line."""
    done = run("journal", "show", journal)
    assert (done.returncode, done.stderr) == (0, "")
    head, *rest = done.stdout.splitlines()
    assert head.startswith(f"{journal}: 4 clips, last changed 20")
    assert rest[:2] == ["  3 done", "  1 failed"]
    assert "4 submits begun, 3 tasks known" in rest
    assert rest[rest.index("failed, by kind:") + 1] == "  1 ModerationError"


def test_show_in_json_is_one_object(journal: Path) -> None:
    """With the same numbers."""
    [found] = objects(run("journal", "show", journal, "--json").stdout)
    assert found["states"] == {"done": 3, "failed": 1}
    assert found["accounts"] == [{"account": None, "states": {"done": 3, "failed": 1}, "submits": 4, "tasks": 3}]
    assert (found["submits"], found["tasks"], found["extra_tasks"]) == (4, 3, 0)
    assert (found["failures"], found["oldest_open"], found["emulated"]) == ({"ModerationError": 1}, None, False)


def test_export_has_a_line_for_each_clip(journal: Path, emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """With what finds its task again, its files and its error; without secrets."""
    done = run("journal", "export", journal)
    assert (done.returncode, done.stderr) == (0, "")
    assert emulator.token not in done.stdout
    found = objects(done.stdout)
    assert [document["source"] for document in found] == [str(tmp_path / f"{number}.mp4") for number in range(4)]
    good = [document for document in found if document["state"] == "done"]
    assert {document["task_id"] for document in good} == {task.task_id for task in emulator.books.tasks}
    for document in good:
        assert TaskRef.parse(str(document["ref"])).task_id == document["task_id"]
        assert isinstance(document["files"], dict)
        assert Path(document["files"]["bvh"]).exists()
    [bad] = [document for document in found if document["state"] == "failed"]
    assert isinstance(bad["error"], dict)
    assert (bad["error"]["kind"], bad["files"], bad["submits"]) == ("ModerationError", None, 1)


def test_export_as_csv_is_a_table(journal: Path) -> None:
    """One line of names, and one for each clip; each file has a column."""
    rows = list(csv.DictReader(io.StringIO(run("journal", "export", journal, "--csv").stdout)))
    assert len(rows) == 4
    assert sorted(row["state"] for row in rows) == ["done", "done", "done", "failed"]
    assert [row["error"] for row in rows if row["state"] == "failed"] == ["ModerationError"]
    assert all(Path(row["bvh"]).exists() for row in rows if row["state"] == "done")


def test_the_history_has_every_step_of_each_clip(journal: Path) -> None:
    """In order, for the bill; as CSV as well."""
    found = objects(run("journal", "export", journal, "--events").stdout)
    steps = [document["state"] for document in found if document["source"] == found[-1]["source"]]
    assert steps == ["new", "assets", "submitting", "submitted", "ready", "done"]
    assert sum(document["state"] == "submitting" for document in found) == 4
    rows = list(csv.DictReader(io.StringIO(run("journal", "export", journal, "--events", "--csv").stdout)))
    assert [row["state"] for row in rows] == [document["state"] for document in found]


def test_nothing_is_written(journal: Path) -> None:
    """Not to the journal, and nothing beside it."""
    before = files(journal.parent)
    for arguments in (["show"], ["export"], ["export", "--events"]):
        assert run("journal", *arguments, journal).returncode == 0
    assert files(journal.parent) == before


def test_a_journal_in_use_is_read(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """By state of now; the batch goes on undisturbed."""
    (tmp_path / "clip.mp4").write_bytes(mp4(5.0))
    emulator.next_tasks(Outcome(at_submit=True))
    emulator.fail("file", StallBefore(1.5), times=4)
    path = tmp_path / "run.db"
    with running("batch", tmp_path, "--journal", path, "--out", tmp_path / "out", emulator=emulator) as command:
        once(emulator, lambda books: books.count("file") > 0)
        shown = run("journal", "show", path)
        [entry] = objects(run("journal", "export", path).stdout)
        out, talk = command.process.communicate(timeout=30)
    assert "  1 ready" in shown.stdout
    assert "open for longest:" in shown.stdout
    assert (entry["state"], entry["files"]) == ("ready", None)
    assert command.process.returncode == 0, talk
    assert Path(out.strip()).exists()


def test_a_journal_of_a_run_that_was_killed_is_read(emulator: ThreadedEmulator, tmp_path: Path) -> None:
    """What was durable is there, although nobody closed it."""
    (tmp_path / "clip.mp4").write_bytes(mp4(5.0))
    path = tmp_path / "run.db"
    with running("batch", tmp_path, "--journal", path, "--out", tmp_path / "out", emulator=emulator) as command:
        once(emulator, lambda books: books.count("get_task") + len(books.tasks) > 0)
        command.process.kill()
        command.process.wait()
    assert summary(path).states.keys() <= {State.SUBMITTING, State.SUBMITTED}
    assert summary(path).submits == 1
    assert [step["state"] for step in history(path)][:3] == ["new", "assets", "submitting"]


def test_tasks_that_came_besides_are_counted(journal: Path) -> None:
    """They were paid for, too."""
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE rows SET extra_tasks = '[7, 8]', account = 'a@example.com' WHERE number = 4")
    done = run("journal", "show", journal)
    assert "4 submits begun, 5 tasks known, 2 of them besides the one that is used" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["a@example.com", "1", "0", "0", "0", "1", "3"] in lines


@pytest.mark.parametrize("arguments", [["show"], ["export"], ["export", "--events"]], ids=" ".join)
def test_what_is_no_journal_is_refused(journal: Path, tmp_path: Path, arguments: list[str]) -> None:
    """Empty, no database, another database, of a later version, damaged: each with a reason of its own."""
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("no database, but long enough for a header" * 100)
    with closing(sqlite3.connect(tmp_path / "other.db")) as other, other:
        other.execute("CREATE TABLE rows (number)")
    with closing(sqlite3.connect(shutil.copy(journal, tmp_path / "later.db"))) as later, later:
        later.execute("PRAGMA user_version = 99")
    damaged = bytearray(journal.read_bytes())
    damaged[4096:12288] = bytes(8192)
    (tmp_path / "damaged.db").write_bytes(damaged)
    before = files(tmp_path)
    for name, reason in {
        "empty.db": "is empty, and no journal",
        "text.db": "is damaged or no journal",
        "other.db": "is a database, but not a journal of klingmotion",
        "later.db": "was written by a later klingmotion",
        "damaged.db": "is damaged or no journal",
    }.items():
        done = run("journal", *arguments, tmp_path / name)
        assert (done.returncode, done.stdout) == (1, ""), name
        assert reason in done.stderr
        assert done.stderr.startswith("error: ")
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.db", "there is no journal"),
        (".", "is a directory; name the journal's file"),
        ("none/run.db", "there is no directory"),
    ],
)
def test_where_no_journal_can_be_is_2(tmp_path: Path, name: str, reason: str) -> None:
    """As `batch` says it."""
    done = run("journal", "show", tmp_path / name)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr


@pytest.mark.parametrize(
    "arguments", [["show", "x", "--csv"], ["show", "x", "--events"], ["export", "x", "--csv", "--json"], ["list", "x"]]
)
def test_what_does_not_go_together_is_2(arguments: list[str]) -> None:
    """Refused before the file is looked at."""
    done = run("journal", *arguments)
    assert done.returncode == 2
    assert "Value error" not in done.stderr
