"""The bodies of answers, spelled by hand from the HTTP contract: sections 2.1 to 2.11."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from klingmotion.emulator.ledger import Asset, Ledger, Motion
from klingmotion.emulator.rules import Dialect
from klingmotion.emulator.tasks import MOTION_TASK, VIDEO_TASK, StatusTriple, Submission, Task
from klingmotion.emulator.works import Work

Document = dict[str, object]

QUOTA = 10_000
SESSION_SECONDS = 30 * 24 * 3600
SCENES = {MOTION_TASK: "MOTION_EXTRACTION", VIDEO_TASK: "MOTION_VIDEO"}  # the latter invented, as its type is


def upload(asset: Asset) -> Document:
    """The answer to POST /assets/."""
    if asset.kind == "video":
        return {
            "status": 1,
            "message": "",
            "fileName": asset.file_name,
            "resourceUrl": asset.resource_url,
            "coverUrl": asset.cover_url,
        }
    return {"status": 3, "message": "", "fileName": asset.file_name, "url": asset.resource_url}


def submitted(task: Task, ledger: Ledger, made: Work | None) -> Document:
    """The answer to POST /videos/motion-upload and, *presumed*, to POST /videos/motion-create."""
    document: Document = {
        "task": _task(task),
        "works": [] if made is None else [work(task, made)],
        **_triple(task.status),
        "message": "" if task.open else task.outcome.final_message,
        "limitation": {"type": task.submission.type, "remaining": QUOTA - ledger.submitted, "limit": QUOTA},
        "userPoints": {"points": [], "total": 0},
        "userTickets": {"ticket": []},
        "editProject": None,
    }
    _add_error(document, task)
    _omit(document, task.outcome.omit)
    _omit(document, task.outcome.submit_omit)
    return document


def looked_at(task: Task, made: Work | None, now: float) -> Document:
    """The answer to GET /tasks/<id>, and the body of a callback but for the reply ref."""
    document: Document = {
        **_triple(task.status),
        **_eta(task, now),
        "message": "" if task.open else task.outcome.final_message,
        "task": _task(task),
        "works": [] if made is None else [work(task, made)],
    }
    if task.outcome.stamp:
        document["currentTimestamp"] = int(now * 1000)
    _add_error(document, task)
    _omit(document, task.outcome.omit)
    return document


def history_entry(task: Task, made: Work | None, *, full: bool) -> Document:
    """One entry of GET /tasks."""
    works = [] if made is None else [work(task, made)]
    if not full:
        return {"works": works}
    document: Document = {
        "task": _task(task),
        "works": works,
        **_triple(task.status),
        "message": "" if task.open else task.outcome.final_message,
    }
    _add_error(document, task)
    _omit(document, task.outcome.omit)
    return document


def work(task: Task, made: Work) -> Document:
    """One output of a task."""
    media = made.media
    size = {"height": media.height, "width": media.width}
    return {
        "workId": made.work_id,
        "workItemId": 0,
        "taskId": task.id,
        "userId": task.user_id,
        "type": task.submission.type,
        **_triple(task.status),
        "contentType": "video",
        "resource": {
            "resource": made.film_url,
            **size,
            "duration": _milliseconds(media.duration),
            "resourceKey": "",
        },
        "cover": {"resource": made.cover_url, **size, "duration": 0, "resourceKey": ""},
        "starNum": 0,
        "cloneCount": 0,
        "reportNum": 0,
        "createTime": made.created,
        "taskInfo": _task_info(task),
        "selfAttitude": "unknown",
        "selfComment": {"rate": 0, "tags": [], "content": ""},
    }


def motion_entry(motion: Motion, dialect: Dialect, index: int) -> Document:
    """One entry of GET /videos/motions; in the mixed dialect every other one is of 2026."""
    if dialect == "2026" or (dialect == "mixed" and index % 2):
        return _motion_2026(motion)
    return _motion_2025(motion)


def _motion_2025(motion: Motion) -> Document:
    document: Document = {"workName": motion.name, "workId": motion.work_id}
    if motion.task_id is not None:
        document["taskId"] = motion.task_id
    document["official"] = motion.official
    if motion.tag is not None:
        document["tag"] = motion.tag
    document["resource"] = {"resource": motion.film_url}
    document["cover"] = {"resource": motion.cover_url}
    data: Document = {}
    if motion.binary:
        data["output_binary"] = motion.url("binary.zip")
    if motion.bvh:
        data["bvh_binary"] = motion.url("bvh.zip")
    document["extData"] = data
    return document


def _motion_2026(motion: Motion) -> Document:
    return {
        "assetId": f"motion_{abs(motion.work_id)}",
        "assetType": "MOTION",
        "url": motion.source_url or motion.film_url,
        "coverUrl": motion.source_cover or motion.cover_url,
        "duration": _milliseconds(motion.media.duration),
        "width": motion.media.width or 0,
        "height": motion.media.height or 0,
        "hasAudio": False,
        "createTime": motion.created,
    }


def scheduled(task: Task, now: float, *, lone_reply_ref: bool) -> Document:
    """One running task as the scheduler shows it."""
    elapsed = max(0, int(now - task.created / 1000))
    document: Document = {
        "id": task.id,
        "email": task.account,
        "started": iso(task.created / 1000),
        "elapsed": f"{elapsed // 60:02d}:{elapsed % 60:02d}",
    }
    asked = task.submission
    if asked.reply_url is not None:
        document["replyUrl"] = asked.reply_url
    if asked.reply_ref is not None and (lone_reply_ref or asked.reply_url is not None):
        document["replyRef"] = asked.reply_ref
    return document


def free_slots(ledger: Ledger) -> Document:
    """One account's entry in GET /scheduler/available."""
    limit, running = ledger.account.max_jobs, len(ledger.running)
    return {
        "email": ledger.account.email,
        "maxJobs": limit,
        "executing": running,
        "available": max(0, limit - running),
    }


def account(ledger: Ledger, started: float) -> Document:
    """One linked account in GET /accounts."""
    expires = started + SESSION_SECONDS
    document: Document = {
        "email": ledger.account.email,
        "session": {
            "userId": str(ledger.user_id),
            "ExpireTime": int(expires * 1000),
            "ExpireTimeUTC": iso(expires),
        },
        "maxJobs": ledger.account.max_jobs,
        "password": "********",
    }
    if ledger.account.error is not None:
        document["error"] = ledger.account.error
    return document


def account_with_balance(ledger: Ledger, started: float) -> Document:
    """The answer to GET /accounts/<email>."""
    points = ledger.account.points
    order: Document = {
        "orderId": f"order-{ledger.user_id}",
        "type": "monthly",
        "amount": points,
        "balance": points,
        "startTime": int(started * 1000),
        "endTime": int((started + SESSION_SECONDS) * 1000),
    }
    balance: Document = {"points": [order] if points else [], "tickets": [], "nextApplyTime": 0, "total": points}
    return {**account(ledger, started), "balance": balance}


def uploaded(asset: Asset, user_id: int) -> Document:
    """One entry of GET /assets/uploaded/."""
    media = asset.media
    size = {"height": media.height or 1, "width": media.width or 1}
    is_video = asset.kind == "video"
    return {
        "id": str(asset.id),
        "name": asset.file_name,
        "userId": user_id,
        "contentType": asset.kind,
        "resource": {
            "resource": asset.resource_url,
            **size,
            "duration": _milliseconds(media.duration),
            "resourceKey": "",
        },
        "cover": {
            "resource": asset.cover_url if is_video else "",
            "height": size["height"] if is_video else 1,
            "width": size["width"] if is_video else 1,
            "duration": 0,
            "resourceKey": "",
        },
        "createTime": asset.created,
        "updateTime": asset.created,
        "favored": False,
        "extraInfo": "{}",
        "entrance": "upload",
    }


def iso(seconds: float) -> str:
    """A moment as ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _task(task: Task) -> Document:
    document: Document = {
        "id": task.id,
        "userId": task.user_id,
        "type": task.submission.type,
        "scene": _scene(task),
        **_triple(task.status),
        "taskInfo": _task_info(task),
        "favored": False,
        "deleted": False,
        "viewed": task.viewed is not None,
        "createTime": task.created,
        "updateTime": task.updated,
    }
    if task.viewed is not None:
        document["viewTime"] = task.viewed
    return document


def _task_info(task: Task) -> Document:
    return {
        "type": task.submission.type,
        "inputs": _inputs(task.submission),
        "arguments": [{"name": name, "value": value} for name, value in task.submission.arguments],
        "extraArgs": {},
        "callbackPayloads": [],
        "scene": _scene(task),
    }


def _inputs(asked: Submission) -> list[Document]:
    if asked.image_url is None:
        return [_input("input", asked.resource_url, cover=asked.cover_url, fromWorkId=0, fromUploadId="")]
    # Names invented; nulls are what tasks of other types have there.
    motion = _input("motion", asked.resource_url, cover=None, fromWorkId=asked.work_id, fromUploadId=None)
    return [motion, _input("image", asked.image_url, cover=None, fromWorkId=None, fromUploadId=None)]


def _input(name: str, url: str, **more: object) -> Document:
    return {"name": name, "inputType": "URL", "token": None, "blobStorage": None, "url": url, **more}


def _scene(task: Task) -> str:
    return SCENES.get(task.submission.type, "NORMAL")


def _triple(status: StatusTriple) -> Document:
    return {"status": status.number, "status_name": status.name, "status_final": status.final}


def _eta(task: Task, now: float) -> Document:
    kind = task.outcome.eta
    if kind == "absent":
        return {}
    eta: int = 0
    if task.open:
        end = task.expected_end(now)
        eta = {
            "epoch_ms": int(end * 1000),
            "epoch_s": int(end),
            "left_ms": int((end - now) * 1000),
            "left_s": int(end - now),
            "zero": 0,
            "negative": -5000,
            "frozen": task.created + 60_000,
            "years": int((now + 10 * 365 * 86_400) * 1000),
        }[kind]
    return {
        "etaTime": eta,
        "etaTimeOverSla": False,
        "queuingEtaTime": 0,
        "originEtaTime": eta,
        "originQueuingEtaTime": 0,
    }


def _add_error(document: Document, task: Task) -> None:
    if not task.open and task.outcome.error is not None:
        document["error"] = task.outcome.error


def _omit(document: Document, paths: Collection[str]) -> None:
    for path in paths:
        *outer, key = path.split(".")
        inner: object = document
        for name in outer:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner.pop(key, None)


def _milliseconds(seconds: float | None) -> int:
    return round((seconds or 0) * 1000)
