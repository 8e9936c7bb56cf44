"""What an error means for a clip of a batch: whose trouble it is, and whether it passes."""

from __future__ import annotations

import re
from enum import Enum, auto

from klingmotion.errors import (
    AccountError,
    APIResponseError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    EndpointUnavailableError,
    InsufficientCreditsError,
    InvalidRequestError,
    KlingMotionError,
    PermissionDeniedError,
    SubscriptionError,
    TaskFailedError,
    TaskGoneError,
)
from klingmotion.refusals import is_passing


class Trouble(Enum):
    """Whose trouble an error is."""

    #: The clip's: it cannot succeed as it is.
    CLIP = auto()
    #: The account's or the token's: no clip can succeed there.
    ACCOUNT = auto()
    #: The line's or the service's: it may be over in a while.
    PASSING = auto()
    #: Nobody's for certain: the clip is left as it is, for the next run.
    OPEN = auto()


_OF_ACCOUNT = (
    AuthenticationError,
    SubscriptionError,
    PermissionDeniedError,
    InsufficientCreditsError,
    AccountError,
    EndpointUnavailableError,
)
_OF_CLIP = (TaskFailedError, TaskGoneError, InvalidRequestError, APIStatusError)


def trouble(error: Exception) -> Trouble:
    """Whose trouble an error is."""
    if isinstance(error, _OF_ACCOUNT) or _is_about_account(error):
        return Trouble.ACCOUNT
    if isinstance(error, APIResponseError) and error.path == "$.status":  # an upload that was well received and refused
        return Trouble.CLIP
    if isinstance(error, KlingMotionError) and is_passing(error):
        return Trouble.PASSING
    if isinstance(error, _OF_CLIP):
        return Trouble.CLIP
    return Trouble.OPEN


def _is_about_account(error: Exception) -> bool:
    """Whether a 400 says that the account is not linked, or that none was named: that is no clip's fault."""
    return (
        isinstance(error, BadRequestError)
        and re.search(r"\b(account|email)\b", error.error or "", re.IGNORECASE) is not None
    )
