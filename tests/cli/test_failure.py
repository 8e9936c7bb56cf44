"""The one place where an error becomes a message and an exit code."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import klingmotion
from klingmotion import (
    AccountError,
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AssetNotFoundError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    DownloadError,
    EndpointUnavailableError,
    GoneError,
    InsufficientCreditsError,
    InternalServerError,
    InvalidRequestError,
    JournalError,
    Json,
    KlingMotionError,
    ModerationError,
    MotionNotListedError,
    NotFoundError,
    PermissionDeniedError,
    PersonNotFoundError,
    RateLimitError,
    RejectedInputError,
    SubmitUncertainError,
    SubscriptionError,
    TaskError,
    TaskFailedError,
    TaskGoneError,
    TaskRef,
    TaskTimeoutError,
)
from klingmotion.cli import streams
from klingmotion.cli.failure import Failure, exit_code, resume_command, spoken
from klingmotion.cli.track import Event, Stage, Track

REF = TaskRef(task_id=17, resource_url="https://cdn.example.test/it's a walk.mp4")

CODES: dict[type[KlingMotionError], int] = {
    KlingMotionError: 1,
    APIConnectionError: 1,
    APIResponseError: 1,
    APIStatusError: 1,
    InternalServerError: 1,
    RateLimitError: 1,
    DownloadError: 1,
    JournalError: 1,
    TaskError: 1,
    ConfigurationError: 2,
    InvalidRequestError: 2,
    BadRequestError: 2,
    AuthenticationError: 3,
    SubscriptionError: 3,
    PermissionDeniedError: 3,
    InsufficientCreditsError: 3,
    AccountError: 3,
    AssetNotFoundError: 4,
    ModerationError: 4,
    RejectedInputError: 4,
    PersonNotFoundError: 4,
    EndpointUnavailableError: 4,
    TaskFailedError: 5,
    TaskGoneError: 5,
    MotionNotListedError: 5,
    NotFoundError: 5,
    GoneError: 5,
    TaskTimeoutError: 6,
    APITimeoutError: 6,
    SubmitUncertainError: 7,
}


def _made(kind: type[KlingMotionError]) -> KlingMotionError:
    if issubclass(kind, APIStatusError):
        return kind("text", status=400)
    if issubclass(kind, TaskError | SubmitUncertainError):
        return kind("text", ref=REF)
    return kind("text")


def _family(root: type[KlingMotionError]) -> Iterator[type[KlingMotionError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _family(kind)


class _Listener:
    def __init__(self) -> None:
        self.heard: list[Event] = []

    def show(self, track: Track, event: Event) -> None:
        assert track.stage.is_last
        self.heard.append(event)


@pytest.mark.parametrize(("kind", "code"), CODES.items(), ids=lambda value: getattr(value, "__name__", str(value)))
def test_each_error_has_its_exit_code(kind: type[KlingMotionError], code: int) -> None:
    """The table of exit codes, row by row."""
    assert exit_code(_made(kind)) == code


def test_no_public_error_is_without_a_row() -> None:
    """An error that joins the family has to be given an exit code here."""
    public = {kind for kind in _family(KlingMotionError) if kind.__name__ in klingmotion.__all__}
    assert public == CODES.keys()


def test_a_token_that_is_missing_is_trouble_with_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all that can be wrong with the configuration, the token has the account's exit code."""
    monkeypatch.delenv("USEAPI_TOKEN", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        klingmotion.MotionSession()
    assert exit_code(caught.value) == 3
    monkeypatch.setenv("USEAPI_TOKEN", "user:1-example")
    with pytest.raises(ConfigurationError) as caught:
        klingmotion.MotionSession(base_url="nowhere")
    assert exit_code(caught.value) == 2


def test_a_failure_repeats_text_and_notes_of_the_error() -> None:
    """What the error says, and what was noted on its way, both reach the user."""
    error = DownloadError("the link is dead")
    error.add_note("list it again")
    failure = Failure.of(error, resume="klingmotion wait 17")
    assert failure.lines == ("the link is dead", "list it again", "to resume:", "  klingmotion wait 17")
    assert failure.fields["notes"] == ["list it again"]


def test_the_command_that_resumes_survives_the_shell() -> None:
    """Pasted into a shell it is the same reference again, quotes and all."""
    words = shlex.split(resume_command(REF))
    assert words[:2] == ["klingmotion", "wait"]
    assert TaskRef.parse(words[2]) == REF


def test_the_reference_that_says_more_is_kept() -> None:
    """An error that knows the id alone does not hide the account that the command knows."""
    error = DownloadError("the link is dead")
    error.ref = TaskRef(task_id=17)
    ref = TaskRef(task_id=17, email="performer@example.com")
    failure = Track(_Listener(), "walk.mp4", ref=ref).failed(error)
    assert failure.ref == ref
    assert failure.resume == resume_command(ref)


def test_a_reference_that_names_no_task_is_left_out() -> None:
    """Nothing could be found by it."""
    empty = MotionNotListedError("no motion in the list has the id 17", ref=TaskRef())
    for failure in (Failure.of(empty), Failure.of(empty, ref=TaskRef(email="performer@example.com"))):
        assert (failure.fields["ref"], failure.fields["task_id"]) == (None, None)
    assert Failure.of(empty, ref=REF).ref == REF


def test_numbers_that_json_does_not_have_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    """A server may send 1e999 in a field nobody knows; whoever reads the output must be able to."""
    nested: dict[str, Json] = {"a": float("inf"), "b": [1, {"c": float("nan")}, -float("inf"), 1.5, True, "x", None]}
    streams.answer_json({"event": "motion", **nested})
    written = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert written == {"event": "motion", "a": None, "b": [1, {"c": None}, None, 1.5, True, "x", None]}


@pytest.mark.parametrize("kind", [TaskFailedError, TaskGoneError])
def test_what_is_over_is_not_resumed(kind: type[TaskError]) -> None:
    """A failed task keeps its reference, but there is nothing to wait for."""
    failure = Track(_Listener(), "walk.mp4").failed(kind("it is over", ref=REF))
    assert (failure.ref, failure.resume) == (REF, None)


def test_a_bug_is_a_short_message_with_a_hint() -> None:
    """What nobody expected has exit code 1 and says how to see more."""
    failure = Failure.of(ZeroDivisionError("by zero"))
    assert failure.exit_code == 1
    assert "ZeroDivisionError: by zero" in failure.message
    assert "--debug" in failure.message


@pytest.mark.parametrize(
    ("stage", "ref", "said"),
    [
        (Stage.QUEUED, None, "nothing was submitted"),
        (Stage.UPLOADING, None, "nothing was submitted"),
        (Stage.SUBMITTING, TaskRef(reply_ref="km-1"), "unknown whether it was accepted"),
        (Stage.WAITING, REF, "task 17 goes on"),
        (Stage.LISTING, REF, "task 17 goes on"),
        (Stage.DOWNLOADING, REF, "task 17 is done"),
        (Stage.DELETING, REF, "unknown whether it was deleted"),
        (Stage.UNTRACKING, REF, "unknown whether it is still tracked"),
    ],
)
def test_an_interruption_says_what_is_left_behind(stage: Stage, ref: TaskRef | None, said: str) -> None:
    """Each stage leaves something else behind."""
    listener = _Listener()
    track = Track(listener, "walk.mp4", ref=ref)
    track.stage = stage
    track.interrupted()
    [event] = listener.heard
    assert said in event.words[0]
    assert event.fields["exit_code"] == 130
    ends = stage in (Stage.DELETING, Stage.UNTRACKING)
    assert ("to resume:" in event.words) == (ref is not None and not ends)


# --- texts ----------------------------------------------------------------------------------------------------------

#: What an error's text says to a programmer only: a method of the session, or an argument by name.
_PROGRAMMERS = re.compile(
    r"\b(?:" + "|".join(name for name, _ in inspect.getmembers(klingmotion.MotionSession) if name[0] != "_") + r")\("
    r"|\b(?:token|email|error\.\w+|ref)=(?![\w{])|\berror\.ref\b|`email`|\bupload_asset\b"
)


def _texts() -> list[str]:
    """Every text in the library's own sources that no docstring is, with `X` for what is filled in."""
    sources = [path for path in Path(klingmotion.__file__).parent.glob("*.py") if path.name != "__init__.py"]
    found: list[str] = []
    for tree in (ast.parse(path.read_text(encoding="utf-8")) for path in sources):
        filled = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
        inside = {id(part) for whole in filled for part in ast.walk(whole)}
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        plain = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in inside | told)
        found += (node.value for node in plain if isinstance(node.value, str))
        found += (
            "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in f.values) for f in filled
        )
    return found


def test_no_text_of_the_library_talks_python_on_the_command_line() -> None:
    """Whatever error there is, its text names commands and options, or nothing."""
    telling = [text.replace("X(error.ref)", "wait_for_video(error.ref)") for text in _texts() if " " in text]
    telling = [text.replace("X(ref)", "wait_for_video(ref)") for text in telling]
    telling = [text for text in telling if _PROGRAMMERS.search(text)]
    assert len(telling) > 7
    assert [text for text in telling if _PROGRAMMERS.search(spoken(text))] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "not final (last seen: never). The task goes on; wait_for_motion(error.ref) resumes",
            "not final (last seen: never). The task goes on",
        ),
        ("task 17 has succeeded; wait_for_motion(error.ref) lists its motion again", "task 17 has succeeded"),
        (
            "raised by a hook for task 17, which goes on; to resume: wait_for_motion('{\"task_id\": 17}')",
            "raised by a hook for task 17, which goes on",
        ),
        (
            "dead (403). Links do not last: list the motion again with motions() or wait_for_motion(task_id)",
            "dead (403). Links do not last",
        ),
        ("no API token: pass token= or set $USEAPI_TOKEN", "no API token: set $USEAPI_TOKEN"),
        ("or of another account (check email=). A task", "or of another account (check --email). A task"),
        ("name those to use with accounts=[...]", "name those to use with --account"),
        ("paid for again: run with retry_failed=True", "paid for again: run with --retry-failed"),
        ("https://cdn.example.test/a.b;c: 3.5 s, 17", "https://cdn.example.test/a.b;c: 3.5 s, 17"),
    ],
)
def test_an_error_is_told_in_the_words_of_the_command_line(text: str, said: str) -> None:
    """A clause that names a call is left out: the command that resumes is printed anyway."""
    error = TaskTimeoutError(text, ref=REF)
    error.add_note(text)
    failure = Failure.of(error)
    assert (failure.message, failure.notes) == (said, (said,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not final (never). The task goes on; wait_for_motion(error.ref) resumes", "not final (never)"),
        ("raised for task 17, which goes on; to resume: wait_for_motion('{}')", "raised for task 17"),
    ],
)
def test_a_task_of_the_commands_own_emulator_does_not_go_on(text: str, said: str) -> None:
    """Nor is there a command that resumes it."""
    track = Track(_Listener(), "walk.mp4", ref=REF, emulated=True)
    failure = track.failed(TaskTimeoutError(text, ref=REF))
    assert (failure.message, failure.resume) == (said, None)
