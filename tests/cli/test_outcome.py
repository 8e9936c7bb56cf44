"""The one place where an error becomes a message and an exit code."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

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
    GoneError,
    InsufficientCreditsError,
    InternalServerError,
    InvalidRequestError,
    KlingMotionError,
    ModerationError,
    MotionNotListedError,
    NotFoundError,
    PermissionDeniedError,
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
from klingmotion.cli.outcome import Outcome, exit_code, resume_command
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


def test_an_outcome_repeats_text_and_notes_of_the_error() -> None:
    """What the error says, and what was noted on its way, both reach the user."""
    error = DownloadError("the link is dead")
    error.add_note("list it again")
    outcome = Outcome.of(error, resume="klingmotion wait 17")
    assert outcome.lines == ("the link is dead", "list it again", "to resume:", "  klingmotion wait 17")
    assert outcome.fields["notes"] == ["list it again"]


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
    outcome = Track(_Listener(), "walk.mp4", ref=ref).failed(error)
    assert outcome.ref == ref
    assert outcome.resume == resume_command(ref)


@pytest.mark.parametrize("kind", [TaskFailedError, TaskGoneError])
def test_what_is_over_is_not_resumed(kind: type[TaskError]) -> None:
    """A failed task keeps its reference, but there is nothing to wait for."""
    outcome = Track(_Listener(), "walk.mp4").failed(kind("it is over", ref=REF))
    assert (outcome.ref, outcome.resume) == (REF, None)


def test_a_bug_is_a_short_message_with_a_hint() -> None:
    """What nobody expected has exit code 1 and says how to see more."""
    outcome = Outcome.of(ZeroDivisionError("by zero"))
    assert outcome.exit_code == 1
    assert "ZeroDivisionError: by zero" in outcome.message
    assert "--debug" in outcome.message


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
    assert ("to resume:" in event.words) == (ref is not None)
