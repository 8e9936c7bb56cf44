"""What became of a clip, and what of it survives the journal (behaviours B3, B5)."""

from __future__ import annotations

import inspect
import json
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest

from klingmotion import MotionFiles, TaskRef, errors
from klingmotion.batch.journal import Row, State
from klingmotion.batch.outcome import described, described_files, files_there, outcome_of, restored
from klingmotion.errors import DownloadError, KlingMotionError, RateLimitError, SubmitUncertainError, TaskFailedError
from klingmotion.models import Task
from tests.test_errors import example

ALL = [found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, KlingMotionError)]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
REF = TaskRef(task_id=2**60 + 1, email="ann@example.com", reply_ref="km-1", resource_url="https://v", sent_at=NOW)

#: Attributes that are no plain values: the reference comes from the row, the rest stays behind.
LEFT = {"ref", "task", "last_error"}


def row(state: State, **known: object) -> Row:
    columns: dict[str, object] = {
        "key": "k", "source": "/clips/a.mp4", "content_hash": "h", "params": "{}", "created_at": NOW, "updated_at": NOW,
        "account": "ann@example.com", "attempt": 1, "reply_ref": "km-1", "resource_url": "https://v", "submit_at": NOW,
    }  # fmt: skip
    return Row(state=state, **columns | known)  # type: ignore[arg-type]  # a table of columns


@pytest.mark.parametrize("kind", ALL)
def test_every_error_survives_the_journal(kind: type[KlingMotionError]) -> None:
    """Class, text, plain attributes and the reference of the task come back; nothing is missing that its class has."""
    error = example(kind)
    back = restored(described(error), REF)
    assert type(back) is kind
    assert str(back) == str(error)
    assert back.ref == REF
    plain = {name: value for name, value in vars(error).items() if name not in LEFT}
    assert {name: vars(back)[name] for name in plain} == plain
    assert [name for name in dir(error) if hasattr(error, name) and not hasattr(back, name)] == []
    assert repr(back)
    assert str(pickle.loads(pickle.dumps(back))) == str(error)


@pytest.mark.parametrize("kind", ALL)
def test_what_says_what_to_do_survives_the_journal_too(kind: type[KlingMotionError]) -> None:
    """Notes are for people, who read them in the next run as well."""
    assert restored(described(example(kind)), REF).__notes__ == ["first note", "second note"]


def test_the_attributes_programs_decide_by_come_back() -> None:
    """A status, a wait, a verdict: each as it was."""
    limit = RateLimitError("full", status=429)
    limit.retry_after = 7.5
    back = restored(described(limit), REF)
    assert isinstance(back, RateLimitError)
    assert (back.status, back.retry_after) == (429, 7.5)
    doubt = restored(described(SubmitUncertainError("?", ref=REF, absent=True, candidates=(17, 18))), REF)
    assert isinstance(doubt, SubmitUncertainError)
    assert (doubt.absent, doubt.candidates, doubt.reply_ref, doubt.sent_at) == (True, (17, 18), "km-1", NOW)
    failed = restored(described(TaskFailedError("no", ref=REF, task=Task(id=1), looks=3, elapsed=4.5)), REF)
    assert isinstance(failed, TaskFailedError)
    assert (failed.task_id, failed.looks, failed.elapsed, failed.status) == (REF.task_id, 3, 4.5, None)


def test_an_error_that_was_none_of_ours_comes_as_the_root_of_the_family() -> None:
    """A bug, or an error of a later version: its kind is in the text."""
    back = restored(described(ZeroDivisionError("division by zero")), REF)
    assert type(back) is KlingMotionError
    assert str(back) == "ZeroDivisionError: division by zero"
    later = restored('{"kind":"QuotaError","text":"used up","values":{}}', REF)
    assert type(later) is KlingMotionError
    assert str(later) == "QuotaError: used up"


@pytest.mark.parametrize("kind", ["annotations", "datetime", "BODY_LIMIT", "_rebuild", "TYPE_CHECKING"])
def test_a_name_that_is_no_error_is_not_called(kind: str) -> None:
    """What the file names is looked up among the errors only."""
    back = restored(json.dumps({"kind": kind, "text": "x", "values": {}}), REF)
    assert type(back) is KlingMotionError


def test_a_task_that_is_not_a_rows_own_is_not_given_to_it() -> None:
    """The reference of an error is that of its row, whatever the error itself pointed to."""
    error = DownloadError("404", url="https://host.example.test/a.zip", status=404)
    error.ref = TaskRef(task_id=1)
    assert restored(described(error), REF).ref == REF


# --- Files ----------------------------------------------------------------------------------------------------------


def test_files_that_are_gone_are_not_named(tmp_path: Path) -> None:
    """What was moved away since is no result of this run; what is there is."""
    there = tmp_path / "walk.bvh"
    there.write_text("HIERARCHY")
    text = described_files(MotionFiles(bvh=there, video=tmp_path / "walk.mp4"))
    assert files_there(text) == MotionFiles(bvh=there)
    there.unlink()
    assert files_there(text) == MotionFiles()


def test_a_kind_of_file_that_a_later_version_saves_is_no_trouble(tmp_path: Path) -> None:
    """An older version reads what it knows."""
    there = tmp_path / "walk.bvh"
    there.touch()
    text = json.dumps({"bvh": str(there), "fbx": str(there)})
    assert files_there(text) == MotionFiles(bvh=there)


# --- Rows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.DONE, "done"),
        (State.FAILED, "failed"),
        (State.UNCERTAIN, "uncertain"),
        (State.NEW, "unfinished"),
        (State.ASSETS, "unfinished"),
        (State.SUBMITTING, "unfinished"),
        (State.SUBMITTED, "unfinished"),
        (State.READY, "unfinished"),
    ],
)
def test_the_state_of_a_row_is_the_status_of_its_outcome(state: State, status: str) -> None:
    """What is not settled goes on in the next run."""
    outcome = outcome_of(row(state), index=3, source="a.mp4", task=None, error=None, earlier=False)
    assert outcome.status == status
    assert outcome.ok == (status == "done")
    assert (outcome.source, outcome.index, outcome.account) == ("a.mp4", 3, "ann@example.com")


def test_an_outcome_has_a_reference_once_there_was_a_submit() -> None:
    """Before that there is nothing to find again."""
    new = outcome_of(row(State.NEW, attempt=0), index=0, source="a.mp4", task=None, error=None, earlier=False)
    sent = outcome_of(row(State.SUBMITTED, task_id=17), index=0, source="a.mp4", task=None, error=None, earlier=False)
    assert new.ref is None
    assert sent.ref == TaskRef(
        task_id=17, email="ann@example.com", reply_ref="km-1", resource_url="https://v", sent_at=NOW
    )


def test_the_error_of_this_run_counts_before_the_one_in_the_journal() -> None:
    """It is the newer one, and whole; a clip that is done has none, whatever went wrong before."""
    noted = row(State.FAILED, error=described(DownloadError("earlier")))
    now = TaskFailedError("now", ref=REF)
    assert outcome_of(noted, index=0, source="a", task=None, error=now, earlier=False).error is now
    earlier = outcome_of(noted, index=0, source="a", task=None, error=None, earlier=True).error
    assert isinstance(earlier, DownloadError)
    done = row(State.DONE, error=noted.error, motion='{"workName":"walk"}')
    outcome = outcome_of(done, index=0, source="a", task=None, error=None, earlier=True)
    assert outcome.error is None
    assert outcome.motion is not None
    assert outcome.motion.name == "walk"
