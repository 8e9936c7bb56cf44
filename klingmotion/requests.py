"""One builder per endpoint: arguments in, a request out. A request holds no secret and does no I/O.

Arguments are checked here, before anything can be sent. Paths are relative to the base URL; section numbers are those
of the HTTP contract the package is written against.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlsplit

from attrs import field, frozen

from klingmotion.errors import InvalidRequestError
from klingmotion.models import Json

#: Most jobs at once that one call may ask for.
MAX_JOBS = 50

#: Most entries on one page of the motions list.
MAX_PAGE_SIZE = 100


class Endpoint(StrEnum):
    """What a request is for. Errors and logs name it."""

    UPLOAD_ASSET = "upload of an asset"
    SUBMIT_MOTION = "submit of a motion extraction"
    GET_TASK = "look at a task"
    DELETE_TASK = "delete of a task"
    LIST_MOTIONS = "list of motions"
    LIST_TASKS = "list of tasks"
    LIST_RUNNING = "list of running tasks"
    UNTRACK_TASK = "end of tracking a task"
    CAPACITY = "list of free slots"


@frozen(kw_only=True)
class Request:
    """One HTTP request, without origin and without token."""

    endpoint: Endpoint
    method: str
    path: str
    query: Mapping[str, str] = field(factory=dict)
    json: Mapping[str, Json] | None = None
    content_type: str | None = None
    #: Must not travel on a kept connection that the server may just have closed: a loss there would leave its outcome
    #: open, while a new connection that fails to open leaves no doubt.
    fresh: bool = False
    #: The linked account it speaks for; `None` where it was not said.
    email: str | None = None

    @property
    def work(self) -> str:
        """What failed, for an error text: `the look at a task (GET /tasks/17)`."""
        return f"the {self.endpoint} ({self.method} {self.path})"


# --- Arguments ------------------------------------------------------------------------------------------------------


def checked_url(name: str, value: str) -> str:
    """`value`, if it is an http or https URL with a host."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequestError(f"{name} is required: an http or https URL, got {value!r}")
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or any(sign.isspace() for sign in value.strip()):
        raise InvalidRequestError(f"{name} must be an http or https URL, got {value!r}")
    return value.strip()


def checked_email(value: str | None) -> str | None:
    """`value` trimmed, if it can name a linked account."""
    if value is None:
        return None
    if not isinstance(value, str) or "@" not in value or not value.strip().isprintable():
        raise InvalidRequestError(f"email must be the address of a linked Kling account, got {value!r}")
    return value.strip()


def checked_task_id(value: int | str) -> int:
    """`value` as a task id: a whole number or its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 40:
        return int(value.strip())
    raise InvalidRequestError(f"a task id is a whole number or its digits, got {value!r}")


def _checked_max_jobs(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_JOBS:
        raise InvalidRequestError(f"max_jobs must be a whole number from 1 to {MAX_JOBS}, got {value!r}")
    return value


def _checked_reply_ref(value: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 512:
        raise InvalidRequestError(f"reply_ref must be a printable text of 1 to 512 characters, got {value!r}")
    return value


def _account(email: str | None) -> dict[str, str]:
    return {} if email is None else {"email": email}


# --- Endpoints ------------------------------------------------------------------------------------------------------


def upload_asset(content_type: str, *, email: str | None = None) -> Request:
    """POST /assets/ (section 2.6). The file is the raw body, not a form."""
    return Request(
        endpoint=Endpoint.UPLOAD_ASSET,
        method="POST",
        path="/assets/",
        query=_account(email),
        content_type=content_type,
        email=email,
    )


def submit_motion(
    resource_url: str,
    cover_url: str,
    *,
    reply_ref: str,
    email: str | None = None,
    max_jobs: int | None = None,
    reply_url: str | None = None,
) -> Request:
    """POST /videos/motion-upload (section 2.1)."""
    body: dict[str, Json] = {
        **_account(email),
        "resourceUrl": checked_url("resource_url", resource_url),
        "coverUrl": checked_url("cover_url", cover_url),
        "replyRef": _checked_reply_ref(reply_ref),
    }
    if max_jobs is not None:
        body["maxJobs"] = _checked_max_jobs(max_jobs)
    if reply_url is not None:
        body["replyUrl"] = checked_url("reply_url", reply_url)
    return Request(
        endpoint=Endpoint.SUBMIT_MOTION, method="POST", path="/videos/motion-upload", json=body, fresh=True, email=email
    )


def get_task(task_id: int, *, email: str | None = None) -> Request:
    """GET /tasks/<id> (section 2.2)."""
    return Request(
        endpoint=Endpoint.GET_TASK, method="GET", path=f"/tasks/{task_id}", query=_account(email), email=email
    )


def delete_task(task_id: int, *, email: str | None = None) -> Request:
    """DELETE /tasks/<id> (section 2.4): the task and all its works."""
    return Request(
        endpoint=Endpoint.DELETE_TASK,
        method="DELETE",
        path=f"/tasks/{task_id}",
        query=_account(email),
        email=email,
    )


def list_motions(*, mine: bool, page: int | None, page_size: int, email: str | None = None) -> Request:
    """GET /videos/motions (section 2.3). Only the user's own motions come in pages, and not in every dialect."""
    if isinstance(page_size, bool) or not isinstance(page_size, int) or not 1 <= page_size <= MAX_PAGE_SIZE:
        raise InvalidRequestError(f"page_size must be a whole number from 1 to {MAX_PAGE_SIZE}, got {page_size!r}")
    query = _account(email)
    if mine:
        query["mine"] = "true"
    if mine and page is not None:
        query |= {"pageNum": str(page), "pageSize": str(page_size)}
    return Request(endpoint=Endpoint.LIST_MOTIONS, method="GET", path="/videos/motions", query=query, email=email)


def list_tasks(
    *, created_after: int | None = None, created_before: int | None = None, email: str | None = None
) -> Request:
    """GET /tasks (section 2.5), bounded on one side by an epoch time in milliseconds."""
    bound = {"createdAfter": created_after} if created_before is None else {"createdBefore": created_before}
    query = {name: str(value) for name, value in bound.items() if value is not None}
    return Request(
        endpoint=Endpoint.LIST_TASKS, method="GET", path="/tasks", query=_account(email) | query, email=email
    )


def list_running() -> Request:
    """GET /scheduler (section 2.9): what the API tracks now, for all linked accounts."""
    return Request(endpoint=Endpoint.LIST_RUNNING, method="GET", path="/scheduler")


def capacity() -> Request:
    """GET /scheduler/available (section 2.9): the slots of all linked accounts."""
    return Request(endpoint=Endpoint.CAPACITY, method="GET", path="/scheduler/available")


def untrack_task(task_id: int, *, email: str | None = None) -> Request:
    """DELETE /scheduler/<id> (section 2.9): tracking ends, the work goes on."""
    return Request(endpoint=Endpoint.UNTRACK_TASK, method="DELETE", path=f"/scheduler/{task_id}", email=email)
