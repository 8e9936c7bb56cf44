"""One reader per endpoint: a response in, a value out or an error raised. No I/O."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from attrs import field, frozen

from klingmotion import wire
from klingmotion.accounts import Account
from klingmotion.assets import AssetDeletion, UploadedAsset
from klingmotion.converter import structure, structure_in_part
from klingmotion.errors import BODY_LIMIT, APIResponseError
from klingmotion.links import same_file
from klingmotion.models import Asset, Capacity, Deletion, Json, Motion, RunningTask, Task
from klingmotion.refs import TaskRef
from klingmotion.refusals import glimpse, status_error
from klingmotion.requests import Request
from klingmotion.responses import Response, parse

T = TypeVar("T")

#: An upload's `status` that means success: 3 for an image, 1 for a video (section 2.6).
_UPLOADED = (1, 3)

#: What an answer may repeat of how an account logs in, masked or not: it is not kept.
_SECRETS = ("password", "passToken", "did")


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
    if response.status != 200:  # spares the last look of every wait a call
        check(request, response, now)
    try:
        return reader(_json(response))
    except APIResponseError as error:
        error.status, error.body = response.status, response.text
        error.args = (f"{request.work}: {error}",)
        raise
    except RecursionError:
        pass  # raised out here, for its traceback is as deep as what it could not read
    raise APIResponseError(
        f"{request.work}: the answer is nested too deeply", status=response.status, body=response.text
    )


def _json(response: Response) -> Json:
    try:
        return parse(response.body)
    except (ValueError, RecursionError):
        raise APIResponseError(f"the answer ({response.status}) is not JSON but {glimpse(response)!r}") from None


def task(ref: TaskRef) -> Callable[[Json], Task]:
    """Reader of GET /tasks/<id>."""
    return partial(wire.task, ref=ref)


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
        try:
            return wire.task(reply, ref)
        except APIResponseError:
            found = wire.task_in_part(reply, ref)  # it is paid for: better known by its id than looked for
            if found is None:
                raise
            return found

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
    """One entry, or what can be read of it: a wrong value hides neither the others nor whose it is."""
    try:
        return structure(item, RunningTask)
    except APIResponseError:
        return structure_in_part(item, RunningTask) if isinstance(item, dict) else RunningTask()


def capacity(body: Json) -> tuple[Capacity, ...]:
    """Reader of GET /scheduler/available: the slots of each account."""
    items = _array(_mapping(body).get("available"), "$.available")
    return tuple(structure(item, Capacity, f"$.available[{index}]") for index, item in enumerate(items))


def accounts(body: Json) -> tuple[Account, ...]:
    """Reader of GET /accounts: an object keyed by email."""
    found = []
    for email, item in _mapping(body).items():
        if item is not None:
            path = f"$.{email}"
            entry = _mapping(item, path)
            found.append(_account({**entry, "email": entry.get("email") or email}, path))
    return tuple(found)


def account(body: Json) -> Account:
    """Reader of GET /accounts/<email>."""
    return _account(_mapping(body))


def _account(item: dict[str, Json], path: str = "$") -> Account:
    return structure({name: value for name, value in item.items() if name not in _SECRETS}, Account, path)


def uploaded(body: Json) -> tuple[UploadedAsset, ...]:
    """Reader of GET /assets/uploaded/."""
    items = _array(_mapping(body).get("uploadAssetsList"), "$.uploadAssetsList")
    return tuple(structure(item, UploadedAsset, f"$.uploadAssetsList[{index}]") for index, item in enumerate(items))


def asset_deletion(body: Json) -> AssetDeletion:
    """Reader of DELETE /assets/uploaded/."""
    return structure(_mapping(body), AssetDeletion)


def clean_url(body: Json) -> str:
    """Reader of GET /assets/download: where the clean file is."""
    reply = _mapping(body)
    url, status = reply.get("cdnUrl"), reply.get("status")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        said = reply.get("error") or reply.get("message") or status or "nothing"
        raise APIResponseError(f"the answer holds no link to a clean file; the server says: {said}", path="$.cdnUrl")
    return url


#: What a work tells of its task.
_OF_A_WORK = ("type", "taskInfo", "createTime")


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
    """The task of an entry. What the entry does not tell of it, its first work may."""
    works = _array(entry.get("works") or [], f"{path}.works")
    work = _mapping(works[0], f"{path}.works[0]") if works else {}
    task = _mapping(entry.get("task") or {}, f"{path}.task")
    told = {name: value for level in (entry, task) for name, value in level.items() if value is not None}
    task_id = told.get("id", work.get("taskId"))
    if task_id is None:
        return None  # an entry without works shows no id (section 2.5): there is nothing to recognise it by
    if work.get("taskId") in (None, task_id):
        names = _OF_A_WORK if told.get("id") is not None else (*_OF_A_WORK, "status", "status_name", "status_final")
        task = {**task, **{name: work.get(name) for name in names if told.get(name) is None}}
    return wire.task({**entry, "task": {**task, "id": task_id}}, TaskRef(), path)


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


def match(entry: Json, task: Task, path: str = "$") -> Match | None:
    """How an entry of the motions list relates to a task: by task id, by work id, or by the uploaded video's URL.

    Only an entry that matches is read whole, so a malformed stranger on the same page does no harm (sections 2.3, 7).

    Raises:
        APIResponseError: The entry is the task's and a type in it is wrong.
    """
    if not isinstance(entry, dict) or entry.get("official") is True:
        return None
    works = {work.work_id for work in task.works if work.work_id is not None}
    if _same_id(entry.get("taskId"), task.id):
        return Match(0, wire.motion(entry, path))
    if any(_same_id(entry.get("workId"), work) for work in works):
        return Match(1, wire.motion(entry, path))
    if entry.get("assetId") is not None and _is_file(entry.get("url"), task.ref.resource_url):
        return Match(2, wire.motion(entry, path))
    return None


def _is_file(found: Json, wanted: str | None) -> bool:
    return isinstance(found, str) and same_file(found, wanted)


def _same_id(found: Json, wanted: int) -> bool:
    return not isinstance(found, bool) and isinstance(found, int | str) and str(found) == str(wanted)
