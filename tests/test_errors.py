"""The error family: one root, documented branches, and nothing lost by pickling or copying."""

from __future__ import annotations

import copy
import inspect
import pickle
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from klingmotion import errors
from klingmotion.errors import (
    AccountError,
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AssetNotFoundError,
    ConfigurationError,
    DownloadError,
    InvalidRequestError,
    KlingMotionError,
    MotionNotListedError,
    NotFoundError,
    RateLimitError,
    SubmitUncertainError,
    TaskError,
    TaskFailedError,
    TaskGoneError,
    TaskTimeoutError,
)
from klingmotion.models import Task
from klingmotion.refs import TaskRef

ALL = [
    found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, BaseException)
]  # fmt: skip

REF = TaskRef(
    task_id=17,
    email="performer@example.com",
    reply_ref="job-7",
    resource_url="https://cdn.example.test/in/walk.mp4",
    sent_at=datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC),
)
TASK = Task(id=17, status=10, status_name="processing", ref=REF, extra={"new": [1, {"deep": None}]})


def example(kind: type[KlingMotionError]) -> KlingMotionError:
    """An error of the given class with every attribute away from its default."""
    if issubclass(kind, APIStatusError):
        error: KlingMotionError = kind(
            "text", status=418, error="said", message="meant", code="CM_EXT.POther", body="{}"
        )
        if isinstance(error, RateLimitError):
            error.retry_after = 7.5
    elif issubclass(kind, TaskError):
        error = kind("text", ref=REF, task=TASK, looks=3, elapsed=4.5, last_error=APITimeoutError("late", sent=False))
    elif issubclass(kind, SubmitUncertainError):
        error = kind("text", ref=REF, absent=True, candidates=(17, 18))
        error.last_error = APIConnectionError("lost")
    elif issubclass(kind, APIConnectionError):
        error = kind("text", sent=False)
    elif issubclass(kind, APIResponseError):
        error = kind("text", status=200, body="<html>", path="$.task.id")
    elif issubclass(kind, DownloadError):
        error = kind("text", url="https://cdn.example.test/out/walk.zip", status=404)
    else:
        error = kind("text")
    error.ref, error.task = REF, TASK
    error.add_note("first note")
    error.add_note("second note")
    return error


def shown(error: object) -> object:
    """All there is to an error, comparable: nested errors are compared by what they show themselves."""
    if not isinstance(error, BaseException):
        return error
    return type(error), error.args, str(error), {name: shown(value) for name, value in vars(error).items()}


def pickled(protocol: int) -> Callable[[KlingMotionError], KlingMotionError]:
    def there_and_back(error: KlingMotionError) -> KlingMotionError:
        found = pickle.loads(pickle.dumps(error, protocol))
        assert isinstance(found, KlingMotionError)
        return found

    return there_and_back


WAYS = [
    *(pytest.param(pickled(number), id=f"pickle-{number}") for number in range(pickle.HIGHEST_PROTOCOL + 1)),
    pytest.param(copy.copy, id="copy"),
    pytest.param(copy.deepcopy, id="deepcopy"),
]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_descends_from_the_root(kind: type[BaseException]) -> None:
    """`except KlingMotionError` catches all of them, and none of them is caught by accident as something else."""
    assert issubclass(kind, KlingMotionError)
    assert kind.__doc__


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ALL)
def test_every_error_survives_pickle_and_copy(
    kind: type[KlingMotionError], way: Callable[[KlingMotionError], KlingMotionError]
) -> None:
    """Class, text, notes and every attribute come back."""
    error = example(kind)
    back = way(error)
    assert back is not error
    assert shown(back) == shown(error)
    assert traceback.format_exception_only(back) == traceback.format_exception_only(error)


@pytest.mark.parametrize("kind", ALL)
def test_a_copied_error_can_be_raised_and_annotated_on_its_own(kind: type[KlingMotionError]) -> None:
    """A copy shares no state with its original: what is set on one does not show on the other."""
    error = example(kind)
    back = copy.deepcopy(error)
    back.add_note("third note")
    back.ref = None
    assert error.__notes__ == ["first note", "second note"]
    assert error.ref == REF
    with pytest.raises(kind):
        raise back


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (ConfigurationError, ValueError),
        (InvalidRequestError, ValueError),
        (APITimeoutError, TimeoutError),
        (APITimeoutError, APIConnectionError),
        (TaskTimeoutError, TimeoutError),
        (TaskTimeoutError, TaskError),
        (TaskFailedError, TaskError),
        (TaskGoneError, TaskError),
        (MotionNotListedError, TaskError),
        (AssetNotFoundError, NotFoundError),
        (NotFoundError, APIStatusError),
        (RateLimitError, APIStatusError),
        (AccountError, APIStatusError),
    ],
)
def test_errors_are_also_what_a_caller_would_guess(kind: type[Exception], parent: type[Exception]) -> None:
    """A timeout is a `TimeoutError`, a bad value a `ValueError`, a missing asset a missing thing."""
    assert issubclass(kind, parent)


@pytest.mark.parametrize("kind", [kind for kind in ALL if not issubclass(kind, APITimeoutError | TaskTimeoutError)])
def test_other_errors_are_no_timeouts(kind: type[Exception]) -> None:
    """`except TimeoutError` and `except OSError` catch the two timeouts only."""
    assert not issubclass(kind, OSError)


def test_task_errors_say_which_task_and_what_was_last_seen() -> None:
    """Id, status and resume reference are attributes, so nobody has to parse a text."""
    error = TaskTimeoutError("text", ref=REF, task=TASK, looks=3, elapsed=4.5)
    assert (error.task_id, error.status, error.status_name) == (17, 10, "processing")
    assert (error.looks, error.elapsed, error.last_error) == (3, 4.5, None)
    unseen = TaskGoneError("text", ref=REF)
    assert (unseen.task_id, unseen.status, unseen.status_name, unseen.task) == (17, None, None, None)


def test_an_uncertain_submit_says_all_that_finds_it_again() -> None:
    """Mark, video, account and time of the submit are attributes, and the reference holds them as text."""
    error = SubmitUncertainError("text", ref=REF)
    assert (error.reply_ref, error.resource_url) == ("job-7", "https://cdn.example.test/in/walk.mp4")
    assert (error.email, error.sent_at) == ("performer@example.com", REF.sent_at)
    assert (error.absent, error.candidates) == (False, ())
    assert TaskRef.parse(str(error.ref)) == REF


def test_the_tree_in_the_documentation_is_the_real_one() -> None:
    """Every class is drawn in the module's docstring, and under its real parent."""
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        name = line.lstrip("│├└─ ").split(" ")[0]
        if name.endswith("Error") and (line[0] in "│├└ " or name == "KlingMotionError"):
            depth = (len(line) - len(line.lstrip("│├└─ "))) // 4
            above[depth:] = [name]
            drawn[name] = above[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in ALL}
