"""One reader per endpoint: a response in, a value out or an error raised. No I/O.

The table of section 5 of the HTTP contract lives here: which status means which error, and how a 500 is told apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from attrs import field, frozen

from klingmotion import wire
from klingmotion.converter import structure
from klingmotion.errors import (
    BODY_LIMIT,
    AccountError,
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    AssetNotFoundError,
    AuthenticationError,
    BadRequestError,
    GoneError,
    InsufficientCreditsError,
    InternalServerError,
    KlingMotionError,
    ModerationError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RejectedInputError,
    SubscriptionError,
)
from klingmotion.models import Asset, Deletion, Json, Motion, RunningTask, Task
from klingmotion.refs import TaskRef
from klingmotion.requests import Request

T = TypeVar("T")

#: An upload's `status` that means success: 3 for an image, 1 for a video (section 2.6).
_UPLOADED = (1, 3)

_CODE = re.compile(r"\(([A-Z][A-Z0-9_]*\.[A-Za-z0-9_]+)\)\s*$")

#: Error class and what to do next, by status.
_BY_STATUS: dict[int, tuple[type[APIStatusError], str]] = {
    400: (BadRequestError, "check the arguments; with several linked accounts `email` is required"),
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


@frozen(kw_only=True)
class Response:
    """A whole HTTP response. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body for an error: decoded as well as possible, cut at `BODY_LIMIT` characters."""
        return self.body[: 4 * BODY_LIMIT].decode("utf-8", "replace")[:BODY_LIMIT]


# --- Errors ---------------------------------------------------------------------------------------------------------


def _json_or_none(response: Response) -> Json:
    try:
        return _parse(response.body)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _parse(body: bytes) -> Json:
    value: Json = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    return value


def _texts(response: Response) -> tuple[str | None, str | None, str | None]:
    """`error`, `message` and `code` of an error body of any documented envelope (section 5.1)."""
    body = _json_or_none(response)
    if not isinstance(body, dict):
        return None, None, None
    error, message = body.get("error"), body.get("message")
    if isinstance(error, dict):  # other services of the platform nest it
        error = error.get("message")
    texts = [text[:BODY_LIMIT] if isinstance(text, str) else None for text in (error, message)]
    found = (_CODE.search(text) for text in texts if text)
    code = next((match[1] for match in found if match), None)
    return texts[0], texts[1], code


def _class_of(status: int, error: str | None, code: str | None) -> tuple[type[APIStatusError], str]:
    if status == 404 and code is not None and code.endswith(".ResourceNotFound"):
        return AssetNotFoundError, "Kling does not know the asset; upload it again with upload_asset"
    if status == 500 and error:  # `message` alone never decides: it says "busy" where moderation is meant
        if (code or "").startswith("CM_EXT.") or "community guidelines" in error.lower():
            return ModerationError, "the same input will be refused again"
        if code:
            return RejectedInputError, "change the input as the text says; the same will be refused again"
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return InternalServerError, "nothing certain is known; it may be a passing fault"
    return APIStatusError, "the answer has no documented meaning here"


def status_error(request: Request, response: Response, now: datetime) -> APIStatusError:
    """The error an answer other than 2xx stands for. `now` is the wall clock, for a Retry-After that is a date."""
    error, message, code = _texts(response)
    kind, advice = _class_of(response.status, error, code)
    said = (error or message or _glimpse(response))[:500]
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


def _glimpse(response: Response) -> str:
    """What to say of a body that is not JSON."""
    text = " ".join(response.text.split())
    if text.startswith("<"):
        return "a web page"
    return text[:200] or "an empty body"


def retry_after(response: Response, now: datetime) -> float | None:
    """Seconds a 429 asks to wait: the longest of header seconds, header date and body `retryAfter` (section 6).

    A point in time is measured from the server's own `Date`, where it sends one: the two clocks may be minutes apart.
    """
    now = _http_date(response.headers.get("date", "")) or now
    header = response.headers.get("retry-after", "").strip()
    body = _json_or_none(response)
    asked = body.get("retryAfter") if isinstance(body, dict) else None
    hints = [_seconds(header), _until(_http_date(header), now)]
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


# --- Answers --------------------------------------------------------------------------------------------------------


def check(request: Request, response: Response, now: datetime) -> None:
    """Raise what an answer other than 2xx stands for.

    Raises:
        APIStatusError: The server says no.
        APIResponseError: The server points elsewhere; a redirect is followed only by a GET and within the API's origin.
    """
    if response.status < 200:
        raise APIResponseError(f"{request.work} got an answer that is none ({response.status})", status=response.status)
    if 300 <= response.status < 400:
        raise APIResponseError(
            f"{request.work} was redirected ({response.status}) where the token must not go; check base_url",
            status=response.status,
            body=response.text,
        )
    if not 200 <= response.status < 300:
        raise status_error(request, response, now)


def read(request: Request, response: Response, now: datetime, reader: Callable[[Json], T]) -> T:
    """What `reader` makes of the JSON of a good answer.

    Raises:
        APIStatusError: The server says no.
        APIResponseError: The body is not JSON, or not what the reader was promised.
    """
    check(request, response, now)
    try:
        return reader(_json(response))
    except APIResponseError as error:
        error.status, error.body = response.status, response.text
        error.args = (f"{request.work}: {error}",)
        raise


def _json(response: Response) -> Json:
    try:
        return _parse(response.body)
    except (ValueError, RecursionError):
        raise APIResponseError(f"the answer ({response.status}) is not JSON but {_glimpse(response)!r}") from None


def task(ref: TaskRef) -> Callable[[Json], Task]:
    """Reader of GET /tasks/<id>."""
    return lambda body: wire.task(_mapping(body), ref)


@frozen
class NoTask:
    """A well-formed answer to a submit that holds no task id."""

    said: str
    body: str = field(eq=False)


def submitted(ref: TaskRef) -> Callable[[Json], Task | NoTask]:
    """Reader of a submit's answer: the task, or what a well-formed answer without a task id says instead."""

    def reader(body: Json) -> Task | NoTask:
        reply = _mapping(body)
        inner = reply.get("task")
        if reply.get("id") is None and (inner is None or (isinstance(inner, dict) and inner.get("id") is None)):
            said = reply.get("error") or reply.get("message") or reply.get("status_name")
            return NoTask(str(said) if said else "nothing", json.dumps(reply)[:BODY_LIMIT])
        return wire.task(reply, ref)

    return reader


def asset(body: Json) -> Asset:
    """Reader of an upload's answer. A 200 whose `status` does not mean success is an error with the server's text."""
    read = structure(_mapping(body), Asset)
    if read.status is not None and read.status not in _UPLOADED:
        said = read.message or "no text"
        raise APIResponseError(f"the upload was not successful: status {read.status}, {said}", path="$.status")
    if not (read.resource_url or read.url):
        said = f"; the server says: {read.message}" if read.message else ""
        raise APIResponseError(f"the upload's answer holds no URL{said}", path="$.resourceUrl")
    return read


def entries(body: Json) -> list[Json]:
    """Reader of GET /videos/motions: a bare array, each entry still raw."""
    return _array(body, "$")


def deletion(body: Json) -> Deletion:
    """Reader of DELETE /tasks/<id>."""
    return structure(_mapping(body), Deletion)


def running(body: Json) -> tuple[RunningTask, ...]:
    """Reader of GET /scheduler: a bare array."""
    return tuple(_running_task(item) for item in _array(body, "$"))


def _running_task(item: Json) -> RunningTask:
    """One entry; a malformed one is nobody's, and must not hide the others."""
    try:
        return structure(item, RunningTask)
    except APIResponseError:
        return RunningTask()


@frozen
class HistoryPage:
    """A page of GET /tasks."""

    tasks: tuple[Task, ...]
    #: Entries that show no id or are malformed: any task may be behind them.
    nameless: int = 0


def history(body: Json) -> HistoryPage:
    """Reader of GET /tasks: what can be known of each entry, which may hold a task, only works, or no id at all."""
    items = _array(_mapping(body).get("history"), "$.history")
    found = [_named(item, f"$.history[{index}]") for index, item in enumerate(items)]
    tasks = tuple(task for task in found if task is not None)
    return HistoryPage(tasks, len(found) - len(tasks))


def _named(item: Json, path: str) -> Task | None:
    try:
        return _history_task(_mapping(item, path), path)
    except APIResponseError:
        return None


def _history_task(entry: dict[str, Json], path: str) -> Task | None:
    works = _array(entry.get("works") or [], f"{path}.works")
    work = _mapping(works[0], f"{path}.works[0]") if works else {}
    if entry.get("task") is None and entry.get("id") is None:
        if work.get("taskId") is None:
            return None  # an entry without works shows no id (section 2.5): there is nothing to recognise it by
        known = {
            name: work.get(name) for name in ("type", "taskInfo", "createTime", "status", "status_name", "status_final")
        }
        entry = {**entry, "task": {**known, "id": work["taskId"]}}
    return wire.task(entry, TaskRef(), path)


def _mapping(body: Json, path: str = "$") -> dict[str, Json]:
    if not isinstance(body, dict):
        raise APIResponseError(f"the answer is not what was promised: {path}: expected an object", path=path)
    return body


def _array(body: Json, path: str) -> list[Json]:
    if not isinstance(body, list):
        raise APIResponseError(f"the answer is not what was promised: {path}: expected an array", path=path)
    return body


# --- Which motion is the task's -------------------------------------------------------------------------------------


@frozen
class Match:
    """An entry that may be the motion of a task. A smaller `rank` is stronger evidence."""

    rank: int
    motion: Motion


def match(entry: Json, task: Task) -> Match | None:
    """How an entry of the motions list relates to a task: by task id, by work id, or by the uploaded video's URL.

    Only an entry that matches is read whole, so a malformed stranger on the same page does no harm (sections 2.3, 7).

    Raises:
        APIResponseError: The entry is the task's and a type in it is wrong.
    """
    if not isinstance(entry, dict) or entry.get("official") is True:
        return None
    works = {work.work_id for work in task.works if work.work_id is not None}
    if _same_id(entry.get("taskId"), task.id):
        return Match(0, wire.motion(entry))
    if any(_same_id(entry.get("workId"), work) for work in works):
        return Match(1, wire.motion(entry))
    if entry.get("assetId") is not None and _same_file(entry.get("url"), task.ref.resource_url):
        return Match(2, wire.motion(entry))
    return None


def _same_id(found: Json, wanted: int) -> bool:
    return not isinstance(found, bool) and isinstance(found, int | str) and str(found) == str(wanted)


def _same_file(found: Json, wanted: str | None) -> bool:
    """Whether two URLs name one file: signatures in the query differ from listing to listing."""
    return isinstance(found, str) and wanted is not None and found.split("?")[0] == wanted.split("?")[0]
