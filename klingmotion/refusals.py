"""What an answer that says no means: which status is which error, and what may be tried again. No I/O.

The table of section 5 of the HTTP contract lives here, with how a 500 is told apart.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from klingmotion.errors import (
    BODY_LIMIT,
    AccountError,
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    AssetNotFoundError,
    AuthenticationError,
    BadRequestError,
    EndpointUnavailableError,
    GoneError,
    InsufficientCreditsError,
    InternalServerError,
    KlingMotionError,
    ModerationError,
    NotFoundError,
    PermissionDeniedError,
    PersonNotFoundError,
    RateLimitError,
    RejectedInputError,
    SubscriptionError,
)
from klingmotion.models import Json
from klingmotion.requests import Endpoint, Request
from klingmotion.responses import Response, parse

_NAME = r"[A-Z][A-Z0-9_]*\.[A-Za-z0-9_]+"

#: A code of Kling's: in parentheses at the end of a text, or all there is to it.
_CODE = re.compile(rf"\(({_NAME})\)\s*$|^\s*({_NAME})\s*$")

#: Submits, and the other way to what each of them is for, should the API no longer offer it.
_OTHER_WAYS = {
    Endpoint.SUBMIT_MOTION: (
        "the API no longer offers the extraction of motions. The other way is create_video(motion=..., image=...): it"
        " takes the video of the motion itself, needs no extraction, and gives a video instead of a BVH"
    ),
    Endpoint.SUBMIT_VIDEO: (
        "the API no longer offers videos of a motion. The other way is extract_motion(...): it gives the motion itself"
        " as a BVH, for a 3D program"
    ),
}

#: What the text of a 404 is about where it is not the path that is missing.
_EXPLAINED = re.compile(r"account|asset|configur|email|resource", re.IGNORECASE)

#: Error class and what to do next, by status.
_BY_STATUS: dict[int, tuple[type[APIStatusError], str]] = {
    400: (
        BadRequestError,
        "check the arguments; with several linked accounts `email` is required, and has to be that of a linked one",
    ),
    401: (AuthenticationError, "check the token in $USEAPI_TOKEN"),
    402: (SubscriptionError, "renew the useapi.net subscription"),
    403: (PermissionDeniedError, "check that `email` names the account it belongs to"),
    404: (NotFoundError, "it may be deleted, or belong to another linked account"),
    410: (GoneError, "it has expired"),
    422: (RejectedInputError, "change the input as the text says; the same will be refused again"),
    412: (InsufficientCreditsError, "add credits to the Kling account"),
    429: (RateLimitError, "wait, or use an account with free slots"),
    596: (AccountError, "link the Kling account again at useapi.net"),
}


def _json_or_none(response: Response) -> Json:
    try:
        return parse(response.body)
    except (ValueError, RecursionError):
        return None


def _texts(response: Response) -> tuple[str | None, str | None, str | None]:
    """`error`, `message` and `code` of an error body of any documented envelope (section 5.1)."""
    body = _json_or_none(response)
    if not isinstance(body, dict):
        return None, None, None
    error, message = body.get("error"), body.get("message")
    if isinstance(error, dict):  # other services of the platform nest it
        error = error.get("message")
    texts = [text[:BODY_LIMIT] if isinstance(text, str) else None for text in (error, message, body.get("code"))]
    found = (_CODE.search(text) for text in texts if text)
    code = next((match[1] or match[2] for match in found if match), None)
    return texts[0], texts[1], code


Meaning = tuple[type[APIStatusError], str]


def _class_of(endpoint: Endpoint, status: int, error: str | None, code: str | None) -> Meaning:
    """Error class and what to do next."""
    special = _of_endpoint(endpoint, status, error, code) or _of_text(status, error, code)
    if special is not None:
        return special
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return InternalServerError, "nothing certain is known; it may be a passing fault"
    return APIStatusError, "the answer has no documented meaning here"


def _of_endpoint(endpoint: Endpoint, status: int, error: str | None, code: str | None) -> Meaning | None:
    """What means something of its own at one endpoint."""
    if endpoint is Endpoint.DELETE_TASK and status == 404 and "works" in (error or "").lower():
        return NotFoundError, "a task has no works before its end: wait for that, or end its tracking with untrack_task"
    if endpoint in _OTHER_WAYS and status in (404, 405, 410) and code is None and not _EXPLAINED.search(error or ""):
        return EndpointUnavailableError, _OTHER_WAYS[endpoint]
    return None


def _of_text(status: int, error: str | None, code: str | None) -> Meaning | None:
    """What code and text tell more of than the status."""
    if status == 404 and code is not None and code.endswith(".ResourceNotFound"):
        return AssetNotFoundError, "Kling does not know the asset; upload it again with upload_asset"
    if code is not None and code.endswith(".PIC_NOT_MATCHED"):
        return PersonNotFoundError, "give an image that shows the whole person clearly"
    if status == 500 and error:  # `message` alone never decides: it says "busy" where moderation is meant
        if (code or "").startswith("CM_EXT.") or "community guidelines" in error.lower():
            return ModerationError, "the same input will be refused again"
        if code:
            return RejectedInputError, "change the input as the text says; the same will be refused again"
    return None


def status_error(request: Request, response: Response, now: datetime) -> APIStatusError:
    """The error an answer other than 2xx stands for. `now` is the wall clock, for a Retry-After that is a date."""
    error, message, code = _texts(response)
    kind, advice = _class_of(request.endpoint, response.status, error, code)
    said = (error or message or glimpse(response))[:500]
    failure = kind(
        f"{request.work} was answered with {response.status}: {said} - {advice}",
        status=response.status,
        error=error,
        message=message,
        code=code,
        body=response.text,
    )
    if isinstance(failure, RateLimitError):
        failure.retry_after = retry_after(response, now)
    return failure


def retry_after(response: Response, now: datetime) -> float | None:
    """Seconds a 429 asks to wait: the longest of header seconds, header date and body `retryAfter` (section 6).

    A point in time is measured from the server's own `Date`, where it sends one: the two clocks may be minutes apart.
    """
    now = _http_date(response.headers.get("date", "")) or now
    headers = [value.strip() for value in response.all_of("retry-after")]
    body = _json_or_none(response)
    asked = body.get("retryAfter") if isinstance(body, dict) else None
    hints = [hint for header in headers for hint in (_seconds(header), _until(_http_date(header), now))]
    if isinstance(asked, str):
        hints += [_seconds(asked), _until(_iso_date(asked), now)]
    elif isinstance(asked, int | float) and not isinstance(asked, bool):
        hints.append(_seconds(str(asked)))
    return max((hint for hint in hints if hint is not None), default=None)


def _seconds(text: str) -> float | None:
    text = text.strip()
    return float(text) if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text) else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso_date(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _until(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def is_passing(error: KlingMotionError) -> bool:
    """Whether a GET that failed like this may well succeed when asked again (section 5.2)."""
    passing = (APIConnectionError, APIResponseError, RateLimitError, InternalServerError)
    return isinstance(error, passing) or (isinstance(error, APIStatusError) and error.status == 408)


def is_unclear(error: KlingMotionError) -> bool:
    """Whether a submit that failed like this may have been accepted all the same.

    It cannot have been if the connection never opened or the server said 429, and it was refused if the answer has a
    meaning of its own. Everything else, an unreadable 200 included, leaves the question open.
    """
    if isinstance(error, APIConnectionError):
        return error.sent
    return is_passing(error) and not isinstance(error, RateLimitError)


def glimpse(response: Response) -> str:
    """What to say of a body that is not JSON."""
    text = " ".join(response.text.split())
    if text.startswith("<"):
        return "a web page"
    return text[:200] or "an empty body"
