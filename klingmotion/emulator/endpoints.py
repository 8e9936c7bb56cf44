"""The endpoints: what each reads and answers. A new one is a function here and a line in `ROUTES`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from attrs import frozen

from klingmotion.emulator import refusals, replies
from klingmotion.emulator.blobs import Blob
from klingmotion.emulator.exchange import Reply
from klingmotion.emulator.files import Shelf, serve
from klingmotion.emulator.ledger import Ledger
from klingmotion.emulator.refusals import Refused
from klingmotion.emulator.state import State
from klingmotion.emulator.tasks import Submission, Task
from klingmotion.emulator.uploads import UploadType, inspect, upload_type

PREFIX = "/v1/kling"
CONTENT_KINDS = ("video", "image", "audio")


class Service(Protocol):
    """What endpoints work on."""

    state: State
    shelf: Shelf
    started: float

    def now(self) -> float:
        """The wall clock, in seconds since the epoch."""

    def task_created(self, task: Task, *, seeded: bool = False) -> None:
        """Enter a new task in the books."""


@frozen(kw_only=True)
class Call:
    """A request as an endpoint reads it. `receive` takes in a raw body, as large as its type allows."""

    service: Service
    path: str
    name: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, object] | None
    receive: Callable[[UploadType], Awaitable[Blob]]
    note_account: Callable[[str], None]

    @property
    def now(self) -> float:
        """The service's wall clock."""
        return self.service.now()

    @property
    def state(self) -> State:
        """The state worked on."""
        return self.service.state

    def ledger(self) -> Ledger:
        """The account the request names, in its body or else its query."""
        email = self.text("email") if self.body is not None else self.query.get("email")
        ledger = self.state.ledger(email)
        self.note_account(ledger.account.email)
        return ledger

    def text(self, name: str) -> str | None:
        """A text in the body."""
        value = (self.body or {}).get(name)
        if value is None or isinstance(value, str):
            return value
        raise Refused(refusals.parameter_invalid(name, "a string"))

    def required(self, name: str) -> str:
        """A text that must be in the body."""
        value = self.text(name)
        if not value:
            raise Refused(refusals.parameter_required(name))
        return value

    def number(self, name: str, low: int, high: int) -> int | None:
        """An integer in the body; in a form it comes as text."""
        value = (self.body or {}).get(name)
        if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):
            value = int(value)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Refused(refusals.parameter_invalid(name, f"an integer between {low} and {high}"))
        return value

    def query_number(self, name: str, default: int | None, low: int, high: int) -> int | None:
        """An integer in the query."""
        text = self.query.get(name)
        if text is None:
            return default
        if not re.fullmatch("[0-9]{1,20}", text) or not low <= int(text) <= high:
            raise Refused(refusals.parameter_invalid(name, f"an integer between {low} and {high}"))
        return int(text)

    def task_id(self) -> int:
        """The id in the path."""
        if not re.fullmatch("[0-9]{1,30}", self.name):
            raise Refused(refusals.task_id_invalid())
        return int(self.name)


async def upload_asset(call: Call) -> Reply:
    """POST /assets/ - section 2.6."""
    ledger = call.ledger()
    content_type = call.headers.get("content-type", "")
    kind = upload_type(content_type)
    blob = await call.receive(kind)
    media = inspect(content_type, blob, call.state.rules.longest_upload)
    created = call.state.new_ms(call.now)
    return Reply.json(replies.upload(call.state.assets.add(ledger, blob, media, kind.extension, created)))


async def submit_motion(call: Call) -> Reply:
    """POST /videos/motion-upload - section 2.1."""
    if call.body is None:
        raise Refused(refusals.bad_request("Request body must be JSON or a form"))
    ledger = call.ledger()
    submission = Submission(
        resource_url=call.required("resourceUrl"),
        cover_url=call.required("coverUrl"),
        reply_url=call.text("replyUrl"),
        reply_ref=call.text("replyRef"),
    )
    task = call.state.submit(ledger, submission, call.number("maxJobs", 1, 50), call.now)
    call.service.task_created(task)
    reply = Reply.json(replies.submitted(task, ledger, call.state.works.get(task.work_id)))
    call.state.begin(task, call.now)
    return reply


async def get_task(call: Call) -> Reply:
    """GET /tasks/<id> - section 2.2."""
    task = call.state.look(call.ledger(), call.task_id(), call.now)
    reply = Reply.json(replies.looked_at(task, call.state.works.get(task.work_id), call.now))
    call.state.looked(task, call.now)
    return reply


async def list_tasks(call: Call) -> Reply:
    """GET /tasks - section 2.5."""
    ledger = call.ledger()
    rules = call.state.rules
    latest = 10**15
    before = call.query_number("createdBefore", None, 0, latest)
    after = call.query_number("createdAfter", None, 0, latest)
    if before is not None and after is not None:
        raise Refused(refusals.bad_request("Parameters createdBefore and createdAfter are mutually exclusive"))
    kind = call.query.get("contentType", "video")
    if kind not in CONTENT_KINDS:
        raise Refused(refusals.parameter_invalid("contentType", f"one of {', '.join(CONTENT_KINDS)}"))
    limit = min(call.query_number("pageSize", 20, 1, 10**6) or 20, rules.page_limit)
    call.state.settle(call.now)
    if rules.history == "none" or kind != "video":
        return Reply.json({"history": []})
    tasks = ledger.history(before=before, after=after, limit=limit, now=call.now)
    works = call.state.works
    full = rules.history == "full"
    return Reply.json({"history": [replies.history_entry(task, works.get(task.work_id), full=full) for task in tasks]})


async def delete_task(call: Call) -> Reply:
    """DELETE /tasks/<id> - section 2.4."""
    task_id = call.task_id()
    work_ids = call.state.delete(call.ledger(), task_id, call.now)
    return Reply.json({"deleted": len(work_ids), "workIds": work_ids})


async def list_motions(call: Call) -> Reply:
    """GET /videos/motions - section 2.3."""
    ledger = call.ledger()
    state, dialect = call.state, call.state.rules.dialect
    state.settle(call.now)
    skip: int = 0
    limit: int | None = None
    if dialect != "2026":
        limit = call.query_number("pageSize", 40, 1, 100) or 40
        skip = ((call.query_number("pageNum", 1, 1, 10**9) or 1) - 1) * limit
    if call.query.get("mine") == "true":
        motions = ledger.listed(skip=skip, limit=limit, now=call.now)
    else:
        motions, skip = state.works.officials, 0
    return Reply.json([replies.motion_entry(motion, dialect, skip + index) for index, motion in enumerate(motions)])


async def list_running(call: Call) -> Reply:
    """GET /scheduler - section 2.9."""
    return Reply.json(_running(call, look=True))


async def capacity(call: Call) -> Reply:
    """GET /scheduler/available - section 2.9."""
    executing = _running(call, look=False)
    available = [replies.free_slots(ledger) for ledger in call.state.ledgers.values()]
    return Reply.json({"executing": executing, "available": available})


def _running(call: Call, *, look: bool) -> list[replies.Document]:
    lone = call.state.rules.lone_reply_ref
    return [replies.scheduled(task, call.now, lone_reply_ref=lone) for task in call.state.running(call.now, look=look)]


async def untrack_task(call: Call) -> Reply:
    """DELETE /scheduler/<id> - section 2.9: the success has no described body, so it has none."""
    call.state.untrack(call.task_id(), call.now)
    return Reply()


async def list_accounts(call: Call) -> Reply:
    """GET /accounts - section 2.10."""
    ledgers = call.state.ledgers
    if not ledgers:
        raise Refused(refusals.no_accounts())
    return Reply.json({email: replies.account(ledger, call.service.started) for email, ledger in ledgers.items()})


async def get_account(call: Call) -> Reply:
    """GET /accounts/<email> - section 2.10."""
    ledger = call.state.ledgers.get(call.name)
    if ledger is None:
        raise Refused(refusals.account_not_configured(call.name))
    return Reply.json(replies.account_with_balance(ledger, call.service.started))


async def list_uploaded(call: Call) -> Reply:
    """GET /assets/uploaded/ - section 2.7."""
    ledger = call.ledger()
    kind, name = call.query.get("contentType"), call.query.get("fileName", "")
    order = call.query.get("sort", "desc")
    if (kind is not None and kind not in CONTENT_KINDS) or order not in ("asc", "desc"):
        raise Refused(refusals.parameters_invalid())
    size = call.query_number("pageSize", 20, 1, 100) or 20
    start = ((call.query_number("pageNum", 1, 1, 10**9) or 1) - 1) * size
    assets = list(ledger.assets.values())
    if order == "desc":
        assets.reverse()
    chosen = [asset for asset in assets if (kind is None or asset.kind == kind) and name in asset.file_name]
    entries = [replies.uploaded(asset, ledger.user_id) for asset in chosen[start : start + size]]
    return Reply.json({"uploadAssetsList": entries})


async def get_file(call: Call) -> Reply:
    """GET and HEAD below /files/: uploaded files and results, for which no token is needed."""
    return serve(call.service.shelf.find(call.path), call.headers)


async def nothing_here(call: Call) -> Reply:
    """Any other path, with or without a slash too many."""
    del call
    raise Refused(refusals.not_found())


@frozen
class Route:
    """A method and a path, and who answers."""

    method: str
    pattern: str
    answer: Callable[[Call], Awaitable[Reply]]
    reads_body: bool = False
    needs_token: bool = True

    @property
    def endpoint(self) -> str:
        """The name faults and books know it by."""
        return "file" if self.answer is get_file else self.answer.__name__


_API = re.escape(PREFIX)
_NAME = "(?P<name>[^/]+)"

ROUTES = (
    Route("GET", rf"{_API}/tasks/{_NAME}", get_task),
    Route("POST", rf"{_API}/assets/", upload_asset),
    Route("POST", rf"{_API}/videos/motion-upload", submit_motion, reads_body=True),
    Route("GET", rf"{_API}/videos/motions", list_motions),
    Route("GET", rf"{_API}/tasks/?", list_tasks),
    Route("DELETE", rf"{_API}/tasks/{_NAME}", delete_task),
    Route("GET", rf"{_API}/scheduler", list_running),
    Route("GET", rf"{_API}/scheduler/available", capacity),
    Route("DELETE", rf"{_API}/scheduler/{_NAME}", untrack_task),
    Route("GET", rf"{_API}/accounts", list_accounts),
    Route("GET", rf"{_API}/accounts/{_NAME}", get_account),
    Route("GET", rf"{_API}/assets/uploaded/", list_uploaded),
    Route("GET", "/files/.*", get_file, needs_token=False),
    Route("HEAD", "/files/.*", get_file, needs_token=False),
)
NOWHERE = Route("", "", nothing_here)

ENDPOINTS = frozenset(route.endpoint for route in ROUTES)


def route_for(method: str, path: str) -> tuple[Route, str]:
    """The route a request takes, and the name in its path."""
    for route in ROUTES:
        if route.method == method and (match := re.fullmatch(route.pattern, path)):
            return route, match.groupdict().get("name") or ""
    return NOWHERE, ""
