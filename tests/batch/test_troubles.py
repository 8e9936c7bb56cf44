"""Whose trouble an error is: that decides what becomes of the clip and of the others (behaviours B3, B5)."""

from __future__ import annotations

import inspect

import pytest

from klingmotion import errors
from klingmotion.batch.troubles import Trouble, trouble
from klingmotion.errors import APIResponseError, APIStatusError, BadRequestError, KlingMotionError
from tests.test_errors import example

EXPECTED = {
    "KlingMotionError": Trouble.OPEN,
    "ConfigurationError": Trouble.OPEN,
    "InvalidRequestError": Trouble.CLIP,
    "APIConnectionError": Trouble.PASSING,
    "APITimeoutError": Trouble.PASSING,
    "APIStatusError": Trouble.CLIP,
    "BadRequestError": Trouble.CLIP,
    "AuthenticationError": Trouble.ACCOUNT,
    "SubscriptionError": Trouble.ACCOUNT,
    "PermissionDeniedError": Trouble.ACCOUNT,
    "NotFoundError": Trouble.CLIP,
    "AssetNotFoundError": Trouble.CLIP,
    "GoneError": Trouble.CLIP,
    "EndpointUnavailableError": Trouble.ACCOUNT,
    "InsufficientCreditsError": Trouble.ACCOUNT,
    "ModerationError": Trouble.CLIP,
    "RejectedInputError": Trouble.CLIP,
    "PersonNotFoundError": Trouble.CLIP,
    "RateLimitError": Trouble.PASSING,
    "AccountError": Trouble.ACCOUNT,
    "InternalServerError": Trouble.PASSING,
    "APIResponseError": Trouble.PASSING,
    "SubmitUncertainError": Trouble.OPEN,
    "TaskError": Trouble.OPEN,
    "TaskFailedError": Trouble.CLIP,
    "TaskGoneError": Trouble.CLIP,
    "TaskTimeoutError": Trouble.OPEN,
    "MotionNotListedError": Trouble.OPEN,
    "DownloadError": Trouble.OPEN,
    "JournalError": Trouble.OPEN,
}

ALL = [found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, KlingMotionError)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_somebodys_trouble(kind: type[KlingMotionError]) -> None:
    """A new class of errors has to say whose."""
    error = example(kind)
    if type(error) is APIResponseError:
        error.path = "$.task.id"
    assert trouble(error) is EXPECTED[kind.__name__]


def test_an_upload_that_was_received_and_refused_is_the_clips_trouble() -> None:
    """Its answer is well formed and says no: the same clip is refused again."""
    assert trouble(APIResponseError("no", status=200, path="$.status")) is Trouble.CLIP
    assert trouble(APIResponseError("what", status=200, path="$.coverUrl")) is Trouble.PASSING


@pytest.mark.parametrize("text", ["Unable to find configuration for account x@y.z", "Parameter email is required"])
def test_a_400_about_the_account_is_no_clips_trouble(text: str) -> None:
    """A slip in the name of the account must not cost a clip."""
    assert trouble(BadRequestError(f"400: {text}", status=400, error=text)) is Trouble.ACCOUNT
    assert trouble(BadRequestError("400", status=400, error="Parameter coverUrl is required")) is Trouble.CLIP


def test_a_408_passes() -> None:
    """The server was slow to read, not unwilling."""
    assert trouble(APIStatusError("late", status=408)) is Trouble.PASSING


@pytest.mark.parametrize("error", [RuntimeError("a bug"), OSError(28, "No space left"), KeyError("x")])
def test_what_is_none_of_these_is_left_open(error: Exception) -> None:
    """A bug, a full disk: the clip waits for the next run."""
    assert trouble(error) is Trouble.OPEN
