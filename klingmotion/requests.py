"""One builder per endpoint: arguments in, a request out. A request holds no secret and does no I/O.

Arguments are checked here, before anything can be sent. Paths are relative to the base URL; sections and questions
are those of the HTTP contract the package is written against: docs/reference/endpoints.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from attrs import field, frozen

from klingmotion import forms
from klingmotion.errors import InvalidRequestError
from klingmotion.forms import Form, VideoOptions
from klingmotion.models import Json

#: Most jobs at once that one call may ask for.
MAX_JOBS = 50

#: Most entries on one page of the motions list.
MAX_PAGE_SIZE = 100

#: Most uploaded assets one call deletes.
MAX_DELETED = 10

#: What the lists of tasks and of uploaded assets can be limited to.
CONTENT_TYPES = ("video", "image", "audio")


class Endpoint(StrEnum):
    """What a request is for. Errors and logs name it."""

    UPLOAD_ASSET = "upload of an asset"
    LIST_UPLOADED = "list of uploaded assets"
    DELETE_UPLOADED = "delete of uploaded assets"
    DOWNLOAD_WORKS = "link to the clean file of a work"
    SUBMIT_MOTION = "submit of a motion extraction"
    SUBMIT_VIDEO = "submit of a video"
    GET_TASK = "look at a task"
    DELETE_TASK = "delete of a task"
    LIST_MOTIONS = "list of motions"
    LIST_TASKS = "list of tasks"
    LIST_RUNNING = "list of running tasks"
    UNTRACK_TASK = "end of tracking a task"
    CAPACITY = "list of free slots"
    LIST_ACCOUNTS = "list of linked accounts"
    GET_ACCOUNT = "look at a linked account"


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
        raise InvalidRequestError(f"{name} is required: an http or https URL, got {value!r:.80}")
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or any(sign.isspace() for sign in value.strip()):
        raise InvalidRequestError(f"{name} must be an http or https URL, got {value!r:.80}")
    return value.strip()


def checked_email(value: str | None) -> str | None:
    """`value` trimmed, if it can name a linked account."""
    if value is None:
        return None
    if not isinstance(value, str) or "@" not in value or not value.strip().isprintable():
        raise InvalidRequestError(f"email must be the address of a linked Kling account, got {value!r}")
    return value.strip()


def checked_task_id(value: int) -> int:
    """`value`, if it is a task id: a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InvalidRequestError(f"a task is named by what a call gave of it, its reference or its id, got {value!r:.80}")


def checked_asset_id(value: int | str) -> int:
    """`value` as the id of an uploaded asset: a whole number above 0 or its digits."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 40:
        return int(value.strip())
    raise InvalidRequestError(f"the id of an uploaded asset is a whole number or its digits, got {value!r}")


def _checked_work_id(value: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value != 0:
        return value
    raise InvalidRequestError(f"a work id is a whole number, below 0 for official motions, got {value!r}")


def _checked_page_size(value: int, most: int = MAX_PAGE_SIZE) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidRequestError(f"page_size must be a whole number from 1 to {most}, got {value!r}")
    return value


def _checked_content_type(value: str) -> str:
    if value not in CONTENT_TYPES:
        raise InvalidRequestError(f"content_type must be {' or '.join(map(repr, CONTENT_TYPES))}, got {value!r}")
    return value


def _checked_max_jobs(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_JOBS:
        raise InvalidRequestError(f"max_jobs must be a whole number from 1 to {MAX_JOBS}, got {value!r}")
    return value


def _checked_reply_ref(value: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > 512:
        raise InvalidRequestError(f"reply_ref must be a printable text of 1 to 512 characters, got {value!r}")
    return value


#: No parameters: one for all requests, for every sleeping wait holds one.
_NONE: Mapping[str, str] = MappingProxyType({})


def _account(email: str | None) -> Mapping[str, str]:
    return _NONE if email is None else {"email": email}


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


def checked_submit(*, max_jobs: int | None, reply_url: str | None, reply_ref: str | None) -> None:
    """Refuse what no submit can carry, before anything is uploaded for it."""
    if max_jobs is not None:
        _checked_max_jobs(max_jobs)
    if reply_url is not None:
        checked_url("reply_url", reply_url)
    if reply_ref is not None:
        _checked_reply_ref(reply_ref)


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


def submit_video(
    image_url: str,
    options: VideoOptions,
    *,
    work_id: int | None = None,
    motion_url: str | None = None,
    reply_ref: str,
    reply_url: str | None = None,
    email: str | None = None,
) -> Request:
    """POST /videos/motion-create (section 2.11), in the form that what is given calls for."""
    form = forms.form_of(options, has_work_id=work_id is not None, has_url=motion_url is not None)
    body: dict[str, Json] = {**_account(email)}
    image = checked_url("image", image_url)
    if form is Form.OCTOBER_2025:
        body |= {"workId": _checked_work_id(work_id or 0), "image": image}
    else:
        body |= {"imageUrl": image, "motionUrl": checked_url("motion", motion_url or "")}
    body |= forms.fields(options)
    if reply_url is not None:
        body["replyUrl"] = checked_url("reply_url", reply_url)
    body["replyRef"] = _checked_reply_ref(reply_ref)
    return Request(
        endpoint=Endpoint.SUBMIT_VIDEO, method="POST", path="/videos/motion-create", json=body, fresh=True, email=email
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
        fresh=True,
        path=f"/tasks/{task_id}",
        query=_account(email),
        email=email,
    )


def list_motions(*, mine: bool, page: int | None, page_size: int, email: str | None = None) -> Request:
    """GET /videos/motions (section 2.3). Only the user's own motions come in pages, and not in every dialect."""
    _checked_page_size(page_size)
    query = {**_account(email)}
    if mine:
        query["mine"] = "true"
    if mine and page is not None:
        query |= {"pageNum": str(page), "pageSize": str(page_size)}
    return Request(endpoint=Endpoint.LIST_MOTIONS, method="GET", path="/videos/motions", query=query, email=email)


def list_tasks(
    *,
    created_after: int | None = None,
    created_before: int | None = None,
    content_type: str | None = None,
    email: str | None = None,
) -> Request:
    """GET /tasks (section 2.5), bounded on one side by an epoch time in milliseconds."""
    bound = {"createdAfter": created_after} if created_before is None else {"createdBefore": created_before}
    query = {name: str(value) for name, value in bound.items() if value is not None}
    if content_type is not None:
        query["contentType"] = _checked_content_type(content_type)
    return Request(
        endpoint=Endpoint.LIST_TASKS, method="GET", path="/tasks", query={**_account(email), **query}, email=email
    )


def list_running() -> Request:
    """GET /scheduler (section 2.9): what the API tracks now, for all linked accounts."""
    return Request(endpoint=Endpoint.LIST_RUNNING, method="GET", path="/scheduler")


def capacity() -> Request:
    """GET /scheduler/available (section 2.9): the slots of all linked accounts."""
    return Request(endpoint=Endpoint.CAPACITY, method="GET", path="/scheduler/available")


def untrack_task(task_id: int, *, email: str | None = None) -> Request:
    """DELETE /scheduler/<id> (section 2.9): tracking ends, the work goes on."""
    return Request(
        endpoint=Endpoint.UNTRACK_TASK, method="DELETE", fresh=True, path=f"/scheduler/{task_id}", email=email
    )


def list_uploaded(
    *,
    page: int = 1,
    page_size: int = 20,
    content_type: str | None = None,
    name: str | None = None,
    oldest_first: bool = False,
    email: str | None = None,
) -> Request:
    """GET /assets/uploaded/ (section 2.7). What the API does by itself is not said, so that earlier servers follow."""
    query = {**_account(email), "pageNum": str(page), "pageSize": str(_checked_page_size(page_size))}
    if content_type is not None:
        query["contentType"] = _checked_content_type(content_type)
    if name is not None:
        query["fileName"] = name
    if oldest_first:
        query["sort"] = "asc"
    return Request(endpoint=Endpoint.LIST_UPLOADED, method="GET", path="/assets/uploaded/", query=query, email=email)


def delete_uploaded(asset_ids: Sequence[int], *, email: str | None) -> Request:
    """DELETE /assets/uploaded/ (section 2.7). Here the account has to be named, even if it is the only one."""
    if email is None:
        raise InvalidRequestError("email is required to delete uploaded assets: pass email= or set $USEAPI_EMAIL")
    if not 1 <= len(asset_ids) <= MAX_DELETED:
        raise InvalidRequestError(f"1 to {MAX_DELETED} assets are deleted at once, got {len(asset_ids)}")
    query = {**_account(email), "id": ",".join(map(str, asset_ids))}
    return Request(
        endpoint=Endpoint.DELETE_UPLOADED,
        method="DELETE",
        fresh=True,
        path="/assets/uploaded/",
        query=query,
        email=email,
    )


def download_works(work_ids: Sequence[int], *, file_type: str, email: str | None = None) -> Request:
    """GET /assets/download (section 2.8): a file for one work, a ZIP for several."""
    query = {**_account(email), "workIds": ",".join(map(str, work_ids)), "fileTypes": file_type}
    return Request(endpoint=Endpoint.DOWNLOAD_WORKS, method="GET", path="/assets/download", query=query, email=email)


def list_accounts() -> Request:
    """GET /accounts (section 2.10)."""
    return Request(endpoint=Endpoint.LIST_ACCOUNTS, method="GET", path="/accounts")


def get_account(email: str) -> Request:
    """GET /accounts/<email> (section 2.10)."""
    return Request(endpoint=Endpoint.GET_ACCOUNT, method="GET", path=f"/accounts/{quote(email, safe='')}", email=email)
