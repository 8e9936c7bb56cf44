"""The endpoints: what each reads and answers. A new one is a function here and a line in `ROUTES`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from attrs import frozen

from klingmotion.emulator import refusals, replies
from klingmotion.emulator.call import Call
from klingmotion.emulator.exchange import Reply
from klingmotion.emulator.files import serve
from klingmotion.emulator.refusals import Refused
from klingmotion.emulator.submits import submit_motion, submit_video
from klingmotion.emulator.uploads import inspect, upload_type

PREFIX = "/v1/kling"
CONTENT_KINDS = ("video", "image", "audio")
FILE_TYPES = ("MP4", "MP3", "WAV", "PNG")


async def upload_asset(call: Call) -> Reply:
    """POST /assets/ - section 2.6."""
    ledger = call.ledger()
    content_type = call.headers.get("content-type", "")
    kind = upload_type(content_type)
    blob = await call.receive(kind)
    media = inspect(content_type, blob, call.state.rules.longest_upload)
    created = call.state.new_ms(call.now)
    return Reply.json(replies.upload(call.state.assets.add(ledger, blob, media, kind.extension, created)))


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
    call.state.untrack(call.task_id(refusals.scheduler_error("task_id must be a number")), call.now)
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
    invalid = refusals.parameters_invalid()
    kind, name = call.query.get("contentType"), call.query.get("fileName", "")
    order = call.query.get("sort", "desc")
    if (kind is not None and kind not in CONTENT_KINDS) or order not in ("asc", "desc"):
        raise Refused(invalid)
    size = call.query_number("pageSize", 20, 1, 100, invalid) or 20
    start = ((call.query_number("pageNum", 1, 1, 10**9, invalid) or 1) - 1) * size
    assets = list(ledger.assets.values())
    if order == "desc":
        assets.reverse()
    chosen = [asset for asset in assets if (kind is None or asset.kind == kind) and name in asset.file_name]
    entries = [replies.uploaded(asset, ledger.user_id) for asset in chosen[start : start + size]]
    return Reply.json({"uploadAssetsList": entries})


async def delete_uploaded(call: Call) -> Reply:
    """DELETE /assets/uploaded/ - section 2.7: the one endpoint that always wants the email."""
    for name in ("email", "id"):
        if not call.query.get(name):
            raise Refused(refusals.parameter_required(name))
    ledger = call.ledger()
    ids = call.query["id"]
    if not re.fullmatch(r"[0-9]{1,30}(,[0-9]{1,30}){0,9}", ids):
        raise Refused(refusals.id_list_invalid(ids))
    gone = [number for number in ids.split(",") if call.state.assets.remove(ledger, int(number))]
    return Reply.json({"deleted": len(gone), "ids": gone})


async def download_works(call: Call) -> Reply:
    """GET /assets/download - section 2.8: all works here are videos, so MP4 is the one file type they have."""
    ledger = call.ledger()
    ids, types = call.query.get("workIds", ""), call.query.get("fileTypes")
    wanted = set(FILE_TYPES if types is None else types.split(","))
    if not re.fullmatch(r"[0-9]{1,30}(,[0-9]{1,30})*", ids) or "MP4" not in wanted or not wanted <= set(FILE_TYPES):
        raise Refused(refusals.parameters_invalid())
    works = call.state.clean_works(ledger, map(int, ids.split(",")), call.now)
    single = len(works) == len(wanted) == 1
    url = works[0].url("clean.mp4") if single else call.state.works.bundle(works)
    return Reply.json({"cdnUrl": url, "status": "success"})


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
    Route("POST", rf"{_API}/videos/motion-create", submit_video, reads_body=True),
    Route("GET", rf"{_API}/videos/motions", list_motions),
    Route("GET", rf"{_API}/tasks/?", list_tasks),
    Route("DELETE", rf"{_API}/tasks/{_NAME}", delete_task),
    Route("GET", rf"{_API}/scheduler", list_running),
    Route("GET", rf"{_API}/scheduler/available", capacity),
    Route("DELETE", rf"{_API}/scheduler/{_NAME}", untrack_task),
    Route("GET", rf"{_API}/accounts", list_accounts),
    Route("GET", rf"{_API}/accounts/{_NAME}", get_account),
    Route("GET", rf"{_API}/assets/uploaded/", list_uploaded),
    Route("DELETE", rf"{_API}/assets/uploaded/", delete_uploaded),
    Route("GET", rf"{_API}/assets/download", download_works),
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
