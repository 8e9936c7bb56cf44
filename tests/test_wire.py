"""What every field of an answer becomes, what is refused and where, and that nothing else can happen."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from klingmotion import readers, replies, requests, wire
from klingmotion.accounts import Account, AccountSession, Balance
from klingmotion.assets import AssetDeletion, UploadedAsset
from klingmotion.converter import careful_hook, make_converter, structure
from klingmotion.errors import APIResponseError, APIStatusError
from klingmotion.fields import EXTRA
from klingmotion.models import (
    Asset,
    Capacity,
    Deletion,
    Json,
    Limitation,
    MediaFile,
    Motion,
    PointGrant,
    RunningTask,
    Task,
    TaskArgument,
    TaskInfo,
    TaskInput,
    Ticket,
    UserPoints,
    UserTickets,
    Work,
    WorkComment,
)
from klingmotion.refs import TaskRef
from klingmotion.requests import Request
from klingmotion.responses import Response

#: A loaded machine is no finding.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))
NOW = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
VIDEO = "https://cdn.example.test/in/walk.mp4"
COVER = "https://cdn.example.test/in/walk.jpg"
FAR = 2**53 + 1  # an id that a float could not hold


def moment(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def reach(value: Any, path: str) -> Any:
    """The part of a value or of JSON at a dotted path; digits index."""
    for step in filter(None, path.split(".")):
        if step.isdigit():
            value = value[int(step)]
        else:
            value = value[step] if isinstance(value, Mapping) else getattr(value, step)
    return value


def changed(reply: Any, path: str, value: Any) -> Any:
    """The JSON with one part replaced or added."""
    reply = copy.deepcopy(reply)
    *way, last = path.split(".")
    owner = reach(reply, ".".join(way))
    owner[int(last) if last.isdigit() else last] = value
    return reply


def without(reply: Any, *paths: str) -> Any:
    """The JSON with some parts left out."""
    reply = copy.deepcopy(reply)
    for path in paths:
        *way, last = path.split(".")
        del reach(reply, ".".join(way))[last]
    return reply


def parts(value: Any, path: str = "") -> Iterator[str]:
    """The paths of everything inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inside:
        yield f"{path}.{name}".lstrip(".")
        yield from parts(part, f"{path}.{name}")


def unshared(reply: dict[str, Json]) -> dict[str, Json]:
    """The JSON with no object in two places, so that a change is one change."""
    found: dict[str, Json] = json.loads(json.dumps(reply))
    return found


def bare_task(**known: Json) -> Task:
    """Read a reply whose `task` has an id and what is given; the rest is at the top level."""
    inner = known.pop("task", {})
    assert isinstance(inner, dict)
    return wire.task({"task": {"id": 17, **inner}, **known}, TaskRef())


def history(body: Json) -> tuple[Task, ...]:
    """The tasks of a page."""
    return replies.history(body).tasks


# --- Replies --------------------------------------------------------------------------------------------------------

INFO: dict[str, Json] = {
    "type": "motion_control_motion_process",
    "scene": "MOTION_EXTRACTION",
    "inputs": [
        {
            "name": "input",
            "inputType": "URL",
            "token": "t-1",
            "blobStorage": {"bucket": 1},
            "url": VIDEO,
            "cover": COVER,
            "fromWorkId": 302,
            "fromUploadId": "700000000000000001",
        }
    ],
    "arguments": [{"name": "motionType", "value": "video2motion"}, {"name": "biz", "value": "klingai"}],
    "extraArgs": {"depth": {"of": [1]}},
    "callbackPayloads": ["a", {"b": None}],
}
MEDIA: dict[str, Json] = {"resource": VIDEO, "width": 720, "height": 1280, "duration": 5041, "resourceKey": "k-1"}
GRANT: dict[str, Json] = {
    "orderId": "o-1",
    "type": "daily",
    "amount": 66_000,
    "balance": 65_500.5,
    "startTime": 176_000_000,
    "endTime": 176_100_000,
}

#: A task reply that has every documented field (contract sections 2.1 and 2.2), none of them at its default.
FULL: dict[str, Json] = unshared(
    {
        "task": {
            "id": FAR,
            "userId": 40_001,
            "type": "motion_control_motion_process",
            "scene": "MOTION_EXTRACTION",
            "status": 99,
            "status_name": "succeed",
            "status_final": True,
            "taskInfo": INFO,
            "favored": True,
            "deleted": True,
            "viewed": True,
            "createTime": 1_760_000_000_000,
            "updateTime": 1_760_000_090_001,
            "viewTime": 1_760_000_095_999,
        },
        "works": [
            {
                "workId": FAR + 2,
                "workItemId": 3,
                "taskId": FAR,
                "userId": 40_001,
                "type": "motion_control_motion_process",
                "status": 99,
                "status_name": "succeed",
                "status_final": True,
                "contentType": "video",
                "resource": MEDIA,
                "cover": {**MEDIA, "resource": COVER, "duration": 1},
                "starNum": 1,
                "cloneCount": 2,
                "reportNum": 3,
                "favored": True,
                "deleted": True,
                "viewed": True,
                "createTime": 1_760_000_090_000,
                "taskInfo": INFO,
                "selfAttitude": "unknown",
                "selfComment": {"rate": 4.5, "tags": ["good", 1], "content": "well done"},
            }
        ],
        "status": 99,
        "status_name": "succeed",
        "status_final": True,
        "message": "success",
        "error": "none",
        "limitation": {"type": "motion_control_motion_process", "remaining": 9_999, "limit": 10_000},
        "userPoints": {"points": [GRANT], "total": 66_000},
        "userTickets": {"ticket": [{**GRANT, "packageType": "trial"}]},
        "editProject": {"id": "p-1"},
        "etaTime": 1_760_000_120_000,
        "queuingEtaTime": 1,
        "originEtaTime": 2.5,
        "originQueuingEtaTime": 3,
        "currentTimestamp": 1_760_000_060_000,
        "etaTimeOverSla": True,
    }
)

OCTOBER: dict[str, Json] = {
    "workName": "Walk cycle",
    "workId": FAR + 2,
    "taskId": FAR,
    "official": False,
    "tag": "Everyday",
    "resource": {"resource": "https://cdn.example.test/out/walk.mp4"},
    "cover": {"resource": "https://cdn.example.test/out/walk.jpg"},
    "extData": {
        "output_binary": "https://cdn.example.test/out/binary.zip",
        "bvh_binary": "https://cdn.example.test/out/bvh.zip",
    },
}
JANUARY: dict[str, Json] = {
    "assetId": "motion_50017",
    "assetType": "MOTION",
    "url": VIDEO,
    "coverUrl": COVER,
    "duration": 5_200,
    "width": 720,
    "height": 1_280,
    "hasAudio": False,
    "createTime": 1_760_000_000_000,
}
UPLOADED: dict[str, Json] = {
    "status": 1, "message": "done", "fileName": "a1.mp4", "resourceUrl": VIDEO, "coverUrl": COVER, "url": COVER,
}  # fmt: skip
FREE: dict[str, Json] = {"email": "performer@example.com", "maxJobs": 5, "executing": 1, "available": 4}
RUNNING: dict[str, Json] = {
    "id": FAR,
    "email": "performer@example.com",
    "started": "2025-10-09T08:53:20.000Z",
    "elapsed": "00:42",
    "replyUrl": "https://hooks.example.test/k",
    "replyRef": "job-7",
}
DELETED: dict[str, Json] = {"deleted": 1, "workIds": [FAR, str(FAR + 1)]}
LINKED: dict[str, Json] = {
    "email": "performer@example.com",
    "session": {"userId": "40001", "ExpireTime": 1_762_592_000_000, "ExpireTimeUTC": "2025-11-08T08:53:20.000Z"},
    "maxJobs": 5,
    "error": "login failed",
    "authMode": "password",
    "balance": {
        "points": [GRANT],
        "tickets": [{**GRANT, "packageType": "trial"}],
        "nextApplyTime": 1_762_592_000_000,
        "total": 66_000,
    },
}
STORED: dict[str, Json] = unshared(
    {
        "id": "700000000000000001",
        "name": "walk.mp4",
        "userId": 40_001,
        "contentType": "video",
        "resource": MEDIA,
        "cover": {**MEDIA, "resource": COVER, "duration": 1},
        "createTime": 1_760_000_000_000,
        "updateTime": 1_760_000_000_001,
        "favored": True,
        "extraInfo": "{}",
        "entrance": "upload",
    }
)
UNSTORED: dict[str, Json] = {"deleted": 1, "ids": ["700000000000000001", FAR]}
CLEAN: dict[str, Json] = {"cdnUrl": "https://cdn.example.test/out/clean.mp4", "status": "success"}
HISTORY: dict[str, Json] = unshared({"history": [FULL, {"works": FULL["works"]}, {"works": []}]})

#: Reads a whole answer, as a session would, from a real reply of each kind.
Reader = Callable[[Json], object]
READERS: dict[str, tuple[Json, Reader]] = {
    "task": (FULL, replies.task(TaskRef(task_id=FAR))),
    "submit": (FULL, replies.submitted(TaskRef(reply_ref="job-7"))),
    "history": (HISTORY, history),
    "motions": ([OCTOBER, JANUARY], lambda body: [wire.motion(entry) for entry in replies.entries(body)]),
    "asset": (UPLOADED, replies.asset),
    "running": ([RUNNING], replies.running),
    "capacity": ({"executing": [RUNNING], "available": [FREE]}, replies.capacity),
    "deletion": (DELETED, replies.deletion),
    "accounts": ({"performer@example": LINKED}, replies.accounts),
    "account": (LINKED, replies.account),
    "uploaded": ({"uploadAssetsList": [STORED]}, replies.uploaded),
    "asset deletion": (UNSTORED, replies.asset_deletion),
    "clean file": (CLEAN, replies.clean_url),
}

# --- Samples --------------------------------------------------------------------------------------------------------

BY_STATUS = {
    400: "BadRequestError", 401: "AuthenticationError", 402: "SubscriptionError", 403: "PermissionDeniedError",
    404: "NotFoundError", 410: "GoneError", 412: "InsufficientCreditsError", 422: "RejectedInputError",
    429: "RateLimitError", 500: "InternalServerError", 596: "AccountError",
}  # fmt: skip
BY_CASE = {
    "submit_motion-404-asset_unknown": "AssetNotFoundError",
    "submit_motion-500-moderation": "ModerationError",
    "submit_motion-500-too_long": "RejectedInputError",
    "submit_motion-500-too_short": "RejectedInputError",
    "submit_video-400-picture_not_matched": "PersonNotFoundError",
    "submit_video-404-asset_unknown": "AssetNotFoundError",
}
BY_ENDPOINT: dict[str, tuple[Request, Reader, type]] = {
    "submit_motion": (
        requests.submit_motion(VIDEO, COVER, reply_ref="job-7"),
        replies.submitted(TaskRef(reply_ref="job-7")),
        Task,
    ),
    "get_task": (requests.get_task(FAR), replies.task(TaskRef(task_id=FAR)), Task),
    "callback": (requests.get_task(FAR), replies.task(TaskRef(task_id=FAR)), Task),
    "list_motions": (
        requests.list_motions(mine=True, page=1, page_size=40),
        lambda body: tuple(wire.motion(entry) for entry in replies.entries(body)),
        tuple,
    ),
    "list_tasks": (requests.list_tasks(), history, tuple),
    "list_running": (requests.list_running(), replies.running, tuple),
    "upload_asset": (requests.upload_asset("video/mp4"), replies.asset, Asset),
    "delete_task": (requests.delete_task(FAR), replies.deletion, Deletion),
    "capacity": (requests.capacity(), replies.capacity, tuple),
    "submit_video": (
        requests.submit_video(COVER, {}, motion_url=VIDEO, reply_ref="job-7"),
        replies.submitted(TaskRef(reply_ref="job-7")),
        Task,
    ),
    "download_works": (requests.download_works((FAR,), file_type="MP4"), replies.clean_url, str),
    "list_uploaded": (requests.list_uploaded(), replies.uploaded, tuple),
    "delete_uploaded": (
        requests.delete_uploaded((FAR,), email="performer@example.com"),
        replies.asset_deletion,
        AssetDeletion,
    ),
    "list_accounts": (requests.list_accounts(), replies.accounts, tuple),
    "get_account": (requests.get_account("performer@example.com"), replies.account, Account),
}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_read(sample: Path) -> None:
    """Each recorded answer becomes the value or the error that its name promises."""
    endpoint, *case = sample.stem.split("-", 2)
    status = int(case[0]) if case[0].isdigit() else 200
    request, reader, kind = BY_ENDPOINT.get(endpoint, (requests.list_running(), lambda body: body, object))
    response = Response(status=status, headers={}, body=sample.read_bytes())
    if status == 200:
        assert endpoint in BY_ENDPOINT, f"{sample.name} has no reader here: give it one"
        found = replies.read(request, response, NOW, reader)
        assert isinstance(found, replies.NoTask if sample.stem == "submit_motion-no_id" else kind)
        return
    with pytest.raises(APIStatusError) as caught:
        replies.read(request, response, NOW, reader)
    assert type(caught.value).__name__ == BY_CASE.get(sample.stem, BY_STATUS[status])
    assert caught.value.error is not None
    assert json.dumps(caught.value.error) in caught.value.body


def test_every_reader_has_a_sample() -> None:
    """The samples cover each endpoint the client reads, with a good and a bad answer."""
    names = [path.stem.split("-", 2) for path in SAMPLES]
    assert {endpoint for endpoint, *case in names if not case[0].isdigit()} >= BY_ENDPOINT.keys()
    assert {case[0] for _, *case in names if case[0].isdigit()} <= {str(status) for status in BY_STATUS}


# --- Fields ---------------------------------------------------------------------------------------------------------

FIELDS: list[tuple[str, object]] = [
    ("id", FAR),
    ("user_id", 40_001),
    ("type", "motion_control_motion_process"),
    ("scene", "MOTION_EXTRACTION"),
    ("status", 99),
    ("status_name", "succeed"),
    ("is_final", True),
    ("succeeded", True),
    ("message", "success"),
    ("error", "none"),
    ("favored", True),
    ("deleted", True),
    ("viewed", True),
    ("created_at", datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)),
    ("updated_at", datetime(2025, 10, 9, 8, 54, 50, 1_000, tzinfo=UTC)),
    ("viewed_at", datetime(2025, 10, 9, 8, 54, 55, 999_000, tzinfo=UTC)),
    ("info.type", "motion_control_motion_process"),
    ("info.scene", "MOTION_EXTRACTION"),
    ("info.inputs.0.name", "input"),
    ("info.inputs.0.input_type", "URL"),
    ("info.inputs.0.token", "t-1"),
    ("info.inputs.0.blob_storage", {"bucket": 1}),
    ("info.inputs.0.url", VIDEO),
    ("info.inputs.0.cover", COVER),
    ("info.inputs.0.from_work_id", 302),
    ("info.inputs.0.from_upload_id", "700000000000000001"),
    ("info.arguments.0.name", "motionType"),
    ("info.arguments.1.value", "klingai"),
    ("info.extra_args", {"depth": {"of": [1]}}),
    ("info.callback_payloads", ("a", {"b": None})),
    ("works.0.work_id", FAR + 2),
    ("works.0.work_item_id", 3),
    ("works.0.task_id", FAR),
    ("works.0.user_id", 40_001),
    ("works.0.type", "motion_control_motion_process"),
    ("works.0.status", 99),
    ("works.0.status_name", "succeed"),
    ("works.0.status_final", True),
    ("works.0.content_type", "video"),
    ("works.0.resource.url", VIDEO),
    ("works.0.resource.width", 720),
    ("works.0.resource.height", 1_280),
    ("works.0.resource.duration", 5.041),
    ("works.0.resource.resource_key", "k-1"),
    ("works.0.cover.url", COVER),
    ("works.0.star_num", 1),
    ("works.0.clone_count", 2),
    ("works.0.report_num", 3),
    ("works.0.favored", True),
    ("works.0.deleted", True),
    ("works.0.viewed", True),
    ("works.0.created_at", moment(1_760_000_090_000)),
    ("works.0.info.inputs.0.url", VIDEO),
    ("works.0.self_attitude", "unknown"),
    ("works.0.self_comment.rate", 4.5),
    ("works.0.self_comment.tags", ("good", 1)),
    ("works.0.self_comment.content", "well done"),
    ("limitation.type", "motion_control_motion_process"),
    ("limitation.remaining", 9_999),
    ("limitation.limit", 10_000),
    ("user_points.total", 66_000),
    ("user_points.points.0.order_id", "o-1"),
    ("user_points.points.0.type", "daily"),
    ("user_points.points.0.amount", 66_000),
    ("user_points.points.0.balance", 65_500.5),
    ("user_points.points.0.start_time", 176_000_000),
    ("user_points.points.0.end_time", 176_100_000),
    ("user_tickets.ticket.0.order_id", "o-1"),
    ("user_tickets.ticket.0.type", "daily"),
    ("user_tickets.ticket.0.amount", 66_000),
    ("user_tickets.ticket.0.balance", 65_500.5),
    ("user_tickets.ticket.0.start_time", 176_000_000),
    ("user_tickets.ticket.0.end_time", 176_100_000),
    ("user_tickets.ticket.0.package_type", "trial"),
    ("edit_project", {"id": "p-1"}),
    ("eta_time", 1_760_000_120_000),
    ("queuing_eta_time", 1),
    ("origin_eta_time", 2.5),
    ("origin_queuing_eta_time", 3),
    ("current_timestamp", 1_760_000_060_000),
    ("eta_time_over_sla", True),
    ("ref.task_id", FAR),
    ("ref.resource_url", VIDEO),
]


@pytest.mark.parametrize(("path", "expected"), FIELDS, ids=[path for path, _ in FIELDS])
def test_every_field_of_a_task_reply_is_reachable(path: str, expected: object) -> None:
    """Snake case, times aware, durations in seconds, ids whole, numbers as they came."""
    found = reach(wire.task(FULL, TaskRef()), path)
    assert found == expected
    assert type(found) is type(expected)


def unset(value: Any, path: str = "$") -> Iterator[str]:
    """Attributes of a value, and of the values inside it, that are at their default."""
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from unset(item, f"{path}[{index}]")
    if not attrs.has(type(value)) or isinstance(value, TaskRef):
        return
    for attribute in attrs.fields(type(value)):
        part = getattr(value, attribute.name)
        if attribute.name != "extra" and part in (None, (), {}, False):
            yield f"{path}.{attribute.name}"
        yield from unset(part, f"{path}.{attribute.name}")


def test_no_attribute_is_without_a_field_on_the_wire() -> None:
    """A reply with every documented field fills every attribute and leaves nothing over."""
    found = wire.task(FULL, TaskRef())
    assert list(unset(found)) == []
    assert found.extra == {}


def test_a_reference_keeps_what_it_knew() -> None:
    """Account, mark and time of the submit stay with the task; its id and video come from the reply."""
    ref = TaskRef(email="performer@example.com", reply_ref="job-7", sent_at=NOW)
    assert wire.task(FULL, ref).ref == attrs.evolve(ref, task_id=FAR, resource_url=VIDEO)
    other = TaskRef(task_id=FAR, resource_url="https://cdn.example.test/in/run.mp4")
    assert wire.task(FULL, other).ref == other


@pytest.mark.parametrize("wire_id", [FAR, str(FAR), 10**30, str(10**30), -100_000_000_000_004, "-100000000000004", 0])
def test_ids_are_unbounded_and_may_come_as_digits(wire_id: int | str) -> None:
    """No id loses a digit, whichever way it is spelled (contract section 1)."""
    found = wire.task(
        {"task": {"id": wire_id, "userId": wire_id}, "works": [{"workId": wire_id, "taskId": wire_id}]}, TaskRef()
    )
    work = found.works[0]
    assert (found.id, found.user_id, work.work_id, work.task_id) == (int(wire_id),) * 4
    motion = wire.motion({"workId": wire_id, "taskId": wire_id})
    assert (motion.work_id, motion.task_id) == (int(wire_id),) * 2
    assert replies.deletion({"deleted": 1, "workIds": [wire_id]}).work_ids == (int(wire_id),)
    assert replies.running([{"id": wire_id}])[0].id == int(wire_id)


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        (1_760_000_000_000.0, NOW),
        (253_402_300_799_999, datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_times_are_aware(milliseconds: float, expected: datetime) -> None:
    """Epoch milliseconds, before 1970 too, become datetimes in UTC."""
    found = bare_task(task={"createTime": milliseconds}).created_at
    assert found == expected
    assert found is not None
    assert found.utcoffset() == timedelta(0)


# --- Two levels of a task reply -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(
            {
                "status": 99,
                "status_name": "succeed",
                "status_final": True,
                "task": {"status": 10, "status_name": "processing", "status_final": False},
            },
            (99, "succeed", True),
            id="the top level wins",
        ),
        pytest.param(
            {
                "status": 10,
                "status_name": "processing",
                "status_final": False,
                "task": {"status": 99, "status_name": "succeed", "status_final": True},
            },
            (10, "processing", False),
            id="the top level wins with a no, too",
        ),
        pytest.param(
            {"task": {"status": 10, "status_name": "processing", "status_final": False}},
            (10, "processing", False),
            id="the task's where the top level has none",
        ),
        pytest.param(
            {
                "status": None,
                "status_name": None,
                "status_final": None,
                "task": {"status": 50, "status_name": "failed", "status_final": True},
            },
            (50, "failed", True),
            id="null is none",
        ),
        pytest.param(
            {"status_name": "succeed", "task": {"status": 99, "status_final": True}},
            (99, "succeed", True),
            id="what one level lacks the other has",
        ),
        pytest.param(
            {
                "works": [
                    {"status": 99, "status_name": "succeed", "status_final": True},
                    {"status": 5, "status_name": "submitted"},
                ]
            },
            (99, "succeed", True),
            id="the first work's as a last resort",
        ),
        pytest.param(
            {"status": 10, "works": [{"status": 99, "status_name": "succeed", "status_final": True}]},
            (10, None, False),
            id="a work never adds to what the task says",
        ),
        pytest.param({"works": []}, (None, None, False), id="nothing known is not final"),
    ],
)
def test_the_status_is_taken_from_the_level_that_has_it(
    reply: dict[str, Json], expected: tuple[int | None, str | None, bool]
) -> None:
    """Top level, then `task`, then the first work (contract section 3)."""
    found = bare_task(**reply)
    assert (found.status, found.status_name, found.is_final) == expected


@pytest.mark.parametrize("name", ["succeed", "failed"])
def test_final_names_without_the_flag_are_final(name: str) -> None:
    """`succeed` and `failed` count as final where the flag is missing or null, and only there."""
    assert bare_task(status_name=name).is_final
    assert bare_task(status_name=name, status_final=None).is_final
    assert bare_task(task={"status_name": name}).is_final
    assert bare_task(works=[{"status_name": name}]).is_final
    assert not bare_task(status_name=name, status_final=False).is_final
    assert not bare_task(status_name=name, task={"status_final": False}).is_final


@pytest.mark.parametrize("name", ["submitted", "processing", "rendering", "Succeed", "done", "", None])
def test_other_names_without_the_flag_are_not_final(name: str | None) -> None:
    """A name this version has never heard of means "not yet", and is kept."""
    found = bare_task(status_name=name, status=1234)
    assert (found.is_final, found.status_name, found.status) == (False, name, 1234)


@pytest.mark.parametrize(
    ("name", "final", "succeeded"),
    [
        ("succeed", True, True),
        ("failed", True, False),
        ("rendering", True, False),
        (None, True, False),
        ("succeed", False, False),
    ],
)
def test_only_a_final_succeed_is_success(name: str | None, final: bool, succeeded: bool) -> None:
    """A final status of any other name is a failure."""
    assert bare_task(status_name=name, status_final=final).succeeded is succeeded


def test_what_the_task_object_is_made_of_is_the_tasks() -> None:
    """Id, type, times and marks of the `task` object win over namesakes at the top level."""
    outer: dict[str, Json] = {"id": 1, "type": "envelope", "createTime": 1, "viewed": True, "scene": "outer"}
    inner: dict[str, Json] = {"id": 17, "type": "kind", "createTime": 2, "viewed": False, "scene": None}
    found = wire.task({**outer, "task": inner}, TaskRef())
    assert (found.id, found.type, found.created_at, found.viewed) == (17, "kind", moment(2), False)
    assert found.scene == "outer"


def test_a_flat_reply_is_read_as_well() -> None:
    """A reply without a `task` object is one level, not an error."""
    flat = {name: part for name, part in FULL.items() if name != "task"} | reach(FULL, "task")
    assert wire.task(flat, TaskRef()) == wire.task(FULL, TaskRef())


def test_an_id_that_is_missing_is_the_one_that_was_asked_for() -> None:
    """A reply to a look needs no id; a reply to a submit does."""
    reply: dict[str, Json] = {"status_name": "processing", "message": "busy"}
    assert wire.task(reply, TaskRef(task_id=17)).id == 17
    with pytest.raises(APIResponseError, match=r"no task id; the server says: busy") as caught:
        wire.task(reply, TaskRef())
    assert caught.value.path == "$.task.id"


def test_a_reply_about_another_task_is_refused() -> None:
    """A mixed-up answer must not end the wrong wait."""
    with pytest.raises(APIResponseError, match="asked for task 18, the answer is about task 17") as caught:
        wire.task({"task": {"id": 17}}, TaskRef(task_id=18))
    assert caught.value.path == "$.task.id"


# --- Motions --------------------------------------------------------------------------------------------------------


def test_an_entry_of_october_2025_has_ids_and_links() -> None:
    """Name, ids, tag, preview, cover and both archives; what the shape lacks is `None`."""
    assert wire.motion(OCTOBER) == Motion(
        name="Walk cycle",
        work_id=FAR + 2,
        task_id=FAR,
        official=False,
        tag="Everyday",
        video_url="https://cdn.example.test/out/walk.mp4",
        cover_url="https://cdn.example.test/out/walk.jpg",
        bvh_url="https://cdn.example.test/out/bvh.zip",
        binary_url="https://cdn.example.test/out/binary.zip",
    )


def test_an_entry_of_january_2026_has_sizes_and_times() -> None:
    """Asset, video, cover, length in seconds and time; no ids, no links to motion data."""
    assert wire.motion(JANUARY) == Motion(
        asset_id="motion_50017",
        asset_type="MOTION",
        video_url=VIDEO,
        cover_url=COVER,
        duration=5.2,
        width=720,
        height=1280,
        has_audio=False,
        created_at=NOW,
    )


def test_an_entry_may_be_of_both_shapes() -> None:
    """What either has is there; the October links win, because they are results and the others are uploads."""
    found = wire.motion({**JANUARY, **OCTOBER})
    october, january = wire.motion(OCTOBER), wire.motion(JANUARY)
    for attribute in attrs.fields(Motion):
        if attribute.name != "extra":
            wanted = getattr(october, attribute.name)
            wanted = getattr(january, attribute.name) if wanted is None else wanted
            assert getattr(found, attribute.name) == wanted, attribute.name


def test_a_preview_brings_its_own_size() -> None:
    """Length and size inside `resource` serve where the entry has none."""
    found = wire.motion({"resource": {"resource": VIDEO, "duration": 2_500, "width": 3, "height": 4}})
    assert (found.video_url, found.duration, found.width, found.height) == (VIDEO, 2.5, 3, 4)
    own = wire.motion({"resource": {"duration": 1, "width": 1, "height": 1}, "duration": 0, "width": 0, "height": 0})
    assert (own.duration, own.width, own.height) == (0.0, 0, 0)


def test_an_entry_of_no_known_shape_is_kept_raw() -> None:
    """A third dialect is not an error (contract section 7)."""
    entry: dict[str, Json] = {"motionId": "m-1", "files": [{"bvh": VIDEO}]}
    assert wire.motion(entry) == Motion(extra=entry)


# --- Accounts and assets ---------------------------------------------------------------------------------------------


def test_a_linked_account_has_its_session_and_its_balance() -> None:
    """Ids whole, the end of the session as a time, points and tickets as everywhere."""
    found = replies.account(LINKED)
    assert list(unset(found)) == []
    assert (found.email, found.max_jobs, found.error) == ("performer@example.com", 5, "login failed")
    assert found.session is not None
    assert (found.session.user_id, found.session.expires_at) == (40_001, datetime(2025, 11, 8, 8, 53, 20, tzinfo=UTC))
    assert found.balance is not None
    assert (found.balance.total, found.balance.points[0].balance, found.balance.tickets[0].package_type) == (
        66_000,
        65_500.5,
        "trial",
    )


@pytest.mark.parametrize("text", [None, "", "soon", "1762592000"])
def test_an_end_of_a_session_that_cannot_be_read_is_none(text: str | None) -> None:
    """It is for people; nothing depends on it."""
    assert AccountSession(expire_time_utc=text).expires_at is None


def test_what_an_account_logs_in_with_is_not_kept() -> None:
    """Masked or not, in one account and in the list of all."""
    secrets: dict[str, Json] = {"password": "hunter2", "passToken": "hunter2", "did": "hunter2"}
    one = replies.account({**LINKED, **secrets})
    (other,) = replies.accounts({"performer@example.com": {**LINKED, **secrets}})
    assert one == other == replies.account(LINKED)
    assert "hunter2" not in repr((one, other)) + json.dumps(wire.spell(one))


def test_an_account_of_the_list_is_named_by_its_key() -> None:
    """An entry that does not repeat the address has it all the same."""
    assert replies.accounts({"a@example.com": {}, "b@example.com": None}) == (Account(email="a@example.com"),)


def test_an_uploaded_asset_shows_its_links() -> None:
    """The id whole, though it comes as digits; an empty cover is none."""
    (found,) = replies.uploaded({"uploadAssetsList": [STORED]})
    assert list(unset(found)) == []
    assert (found.id, found.url, found.cover_url) == (700_000_000_000_000_001, VIDEO, COVER)
    assert found.resource is not None
    assert found.resource.duration == 5.041
    (image,) = replies.uploaded({"uploadAssetsList": [changed(STORED, "cover.resource", "")]})
    assert image.cover_url is None
    assert (UploadedAsset().url, UploadedAsset().cover_url) == (None, None)


def test_deleted_assets_are_numbers() -> None:
    """Though they come as digits."""
    assert replies.asset_deletion(UNSTORED) == AssetDeletion(deleted=1, asset_ids=(700_000_000_000_000_001, FAR))


# --- What is unknown ------------------------------------------------------------------------------------------------

NEW: Json = {"a": [1, None, {"b": "c"}]}

TASK_OBJECTS = [
    ("task", "extra"),
    ("", "extra"),
    ("task.taskInfo", "info.extra"),
    ("task.taskInfo.inputs.0", "info.inputs.0.extra"),
    ("task.taskInfo.arguments.1", "info.arguments.1.extra"),
    ("works.0", "works.0.extra"),
    ("works.0.resource", "works.0.resource.extra"),
    ("works.0.cover", "works.0.cover.extra"),
    ("works.0.taskInfo", "works.0.info.extra"),
    ("works.0.taskInfo.inputs.0", "works.0.info.inputs.0.extra"),
    ("works.0.selfComment", "works.0.self_comment.extra"),
    ("limitation", "limitation.extra"),
    ("userPoints", "user_points.extra"),
    ("userPoints.points.0", "user_points.points.0.extra"),
    ("userTickets", "user_tickets.extra"),
    ("userTickets.ticket.0", "user_tickets.ticket.0.extra"),
]


@pytest.mark.parametrize(("place", "attribute"), TASK_OBJECTS)
def test_unknown_fields_of_a_task_reply_survive(place: str, attribute: str) -> None:
    """At every level, under their wire name, and nowhere else."""
    reply = changed(FULL, f"{place}.brandNew".lstrip("."), NEW)
    found = wire.task(reply, TaskRef())
    assert reach(found, attribute) == {"brandNew": NEW}
    assert wire.task(wire.spell(found), TaskRef()) == found


@pytest.mark.parametrize("place", ["resource", "cover", "extData"])
def test_unknown_fields_inside_a_motion_survive_with_their_place(place: str) -> None:
    """A motion has one level, so what was deeper keeps the name of the object it was in."""
    found = wire.motion(changed(OCTOBER, f"{place}.brandNew", NEW))
    assert found.extra == {place: {"brandNew": NEW}}
    assert wire.motion(wire.spell(found)) == found


@pytest.mark.parametrize(
    ("reply", "reader"),
    [
        (JANUARY, wire.motion),
        (UPLOADED, replies.asset),
        (DELETED, replies.deletion),
        (RUNNING, lambda item: replies.running([item])[0]),
        (LINKED, replies.account),
        (STORED, lambda item: replies.uploaded({"uploadAssetsList": [item]})[0]),
        (UNSTORED, replies.asset_deletion),
    ],
    ids=["motion", "asset", "deletion", "running", "account", "uploaded", "asset deletion"],
)
def test_unknown_fields_of_other_answers_survive(
    reply: dict[str, Json], reader: Callable[[dict[str, Json]], Any]
) -> None:
    """Every value keeps what this version does not know."""
    assert reader(reply).extra == {}
    assert reader({**reply, "brandNew": NEW}).extra == {"brandNew": NEW}


def test_unknown_namesakes_at_both_levels_survive() -> None:
    """A new field that both levels of a reply have loses neither value."""
    found = bare_task(task={"brandNew": "inner"}, brandNew="outer")
    assert "inner" in str(found.extra)
    assert "outer" in str(found.extra)


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [("resource", "resourceKey", "k-1"), ("cover", "width", 720), ("cover", "resourceKey", "k-2")],
)
def test_known_fields_without_a_place_in_a_motion_survive(place: str, name: str, value: Json) -> None:
    """Nothing the server says of a motion's preview and cover is lost."""
    assert wire.motion(changed(OCTOBER, f"{place}.{name}", value)).extra == {place: {name: value}}


# --- What is refused ------------------------------------------------------------------------------------------------

REFUSED_TASKS: list[tuple[str, Json, str, str]] = [
    ("task", [], "$.task", "expected an object, got an array"),
    ("task", "17", "$.task", "expected an object, got a string"),
    ("task.id", "abc", "$.task.id", "expected a whole number, got a string"),
    ("task.id", "1" * 40, "$.task.id", "expected a whole number, got a string"),
    ("task.id", "", "$.task.id", "expected a whole number, got a string"),
    ("task.id", "٣", "$.task.id", "expected a whole number, got a string"),  # a digit, but not ASCII
    ("task.id", True, "$.task.id", "expected a whole number, got a boolean"),
    ("task.id", 17.0, "$.task.id", "expected a whole number, got 17.0"),
    ("task.id", [17], "$.task.id", "expected a whole number, got an array"),
    ("task.id", {}, "$.task.id", "expected a whole number, got an object"),
    ("task.userId", False, "$.task.userId", "expected a whole number, got a boolean"),
    ("task.type", 5, "$.task.type", "expected a string, got a number"),
    ("task.favored", 1, "$.task.favored", "expected a boolean, got a number"),
    ("task.favored", "true", "$.task.favored", "expected a boolean, got a string"),
    ("task.createTime", "2025-10-09", "$.task.createTime", "expected a number, got a string"),
    ("task.createTime", True, "$.task.createTime", "expected a number, got a boolean"),
    ("task.createTime", 10**30, "$.task.createTime", "out of range"),
    ("task.createTime", -(10**400), "$.task.createTime", "out of range"),
    ("task.createTime", 1e300, "$.task.createTime", "out of range"),
    ("task.createTime", float("inf"), "$.task.createTime", "expected a number"),
    ("task.createTime", float("nan"), "$.task.createTime", "expected a number"),
    ("task.taskInfo", [], "$.task.taskInfo", "expected an object, got an array"),
    ("task.taskInfo.inputs", {}, "$.task.taskInfo.inputs", "expected an array, got an object"),
    ("task.taskInfo.inputs.0", None, "$.task.taskInfo.inputs[0]", "expected an object, got null"),
    ("task.taskInfo.inputs.0.url", 1, "$.task.taskInfo.inputs[0].url", "expected a string, got a number"),
    ("task.taskInfo.inputs.0.fromWorkId", 0.5, "$.task.taskInfo.inputs[0].fromWorkId", "whole number, got 0.5"),
    ("task.taskInfo.arguments.1", "x", "$.task.taskInfo.arguments[1]", "expected an object, got a string"),
    ("task.taskInfo.arguments.1.value", 3, "$.task.taskInfo.arguments[1].value", "expected a string, got a number"),
    ("task.taskInfo.extraArgs", [], "$.task.taskInfo.extraArgs", "expected an object, got an array"),
    ("task.taskInfo.callbackPayloads", {}, "$.task.taskInfo.callbackPayloads", "expected an array, got an object"),
    ("status", "99", "$.status", "expected a whole number, got a string"),
    ("status", 99.5, "$.status", "expected a whole number, got 99.5"),
    ("status_name", 99, "$.status_name", "expected a string, got a number"),
    ("status_final", "false", "$.status_final", "expected a boolean, got a string"),
    ("status_final", 1, "$.status_final", "expected a boolean, got a number"),
    ("message", ["no"], "$.message", "expected a string, got an array"),
    ("error", {"message": "no"}, "$.error", "expected a string, got an object"),
    ("works", {}, "$.works", "expected an array, got an object"),
    ("works", "[]", "$.works", "expected an array, got a string"),
    ("works.0", 3, "$.works[0]", "expected an object, got a number"),
    ("works.0.workId", "w-1", "$.works[0].workId", "expected a whole number, got a string"),
    ("works.0.resource", VIDEO, "$.works[0].resource", "expected an object, got a string"),
    ("works.0.resource.resource", 7, "$.works[0].resource.resource", "expected a string, got a number"),
    ("works.0.resource.duration", "5041", "$.works[0].resource.duration", "expected a number, got a string"),
    ("works.0.resource.duration", 10**400, "$.works[0].resource.duration", "out of range"),
    ("works.0.taskInfo.inputs.0.url", [], "$.works[0].taskInfo.inputs[0].url", "expected a string, got an array"),
    ("works.0.selfComment.tags", "good", "$.works[0].selfComment.tags", "expected an array, got a string"),
    ("limitation", 5, "$.limitation", "expected an object, got a number"),
    ("limitation.remaining", "5", "$.limitation.remaining", "expected a whole number, got a string"),
    ("userPoints.points.0.amount", True, "$.userPoints.points[0].amount", "expected a number, got a boolean"),
    ("userPoints.total", "66000", "$.userPoints.total", "expected a number, got a string"),
    ("userTickets.ticket.0.packageType", 1, "$.userTickets.ticket[0].packageType", "expected a string, got a number"),
    ("etaTime", "soon", "$.etaTime", "expected a number, got a string"),
    ("etaTimeOverSla", 0, "$.etaTimeOverSla", "expected a boolean, got a number"),
]


@pytest.mark.parametrize(("place", "value", "path", "words"), REFUSED_TASKS)
def test_a_wrong_type_in_a_task_reply_is_refused_with_its_path(place: str, value: Json, path: str, words: str) -> None:
    """The error says where, what was expected and what was there; guessing would be worse."""
    with pytest.raises(APIResponseError) as caught:
        wire.task(changed(FULL, place, value), TaskRef())
    assert caught.value.path == path
    assert f" {path}: " in str(caught.value)
    assert words in str(caught.value)


REFUSED: list[tuple[str, str, Json, str, str]] = [
    ("motions", "", {}, "$", "expected an array"),
    ("motions", "0.workId", "w", "$.workId", "expected a whole number"),
    ("motions", "0.official", "true", "$.official", "expected a boolean"),
    ("motions", "0.resource", VIDEO, "$.resource", "expected an object"),
    ("motions", "0.resource.resource", 1, "$.resource.resource", "expected a string"),
    ("motions", "0.extData.bvh_binary", 1, "$.extData.bvh_binary", "expected a string"),
    ("motions", "1.duration", "5200", "$.duration", "expected a number"),
    ("motions", "1.hasAudio", 0, "$.hasAudio", "expected a boolean"),
    ("motions", "1.assetId", 50017, "$.assetId", "expected a string"),
    ("asset", "", [], "$", "expected an object"),
    ("asset", "status", "1", "$.status", "expected a whole number"),
    ("asset", "resourceUrl", 1, "$.resourceUrl", "expected a string"),
    ("running", "", {}, "$", "expected an array"),
    ("deletion", "", [], "$", "expected an object"),
    ("deletion", "deleted", True, "$.deleted", "expected a whole number"),
    ("deletion", "workIds", 5, "$.workIds", "expected an array"),
    ("deletion", "workIds.0", 5.5, "$.workIds", "expected a whole number"),
    ("accounts", "", [], "$", "expected an object"),
    ("accounts", "performer@example", 5, "$.performer@example", "expected an object"),
    ("accounts", "performer@example.maxJobs", "5", "$.performer@example.maxJobs", "expected a whole number"),
    ("account", "session.ExpireTimeUTC", 5, "$.session.ExpireTimeUTC", "expected a string"),
    ("account", "balance.points.0.amount", "5", "$.balance.points[0].amount", "expected a number"),
    ("uploaded", "uploadAssetsList", {}, "$.uploadAssetsList", "expected an array"),
    ("uploaded", "uploadAssetsList.0.id", "x", "$.uploadAssetsList[0].id", "expected a whole number"),
    ("uploaded", "uploadAssetsList.0.cover", "x", "$.uploadAssetsList[0].cover", "expected an object"),
    ("asset deletion", "ids", 5, "$.ids", "expected an array"),
    ("asset deletion", "ids.0", "x", "$.ids", "expected a whole number"),
    ("clean file", "", [], "$", "expected an object"),
    ("clean file", "cdnUrl", 5, "$.cdnUrl", "no link to a clean file; the server says: success"),
    ("clean file", "cdnUrl", "", "$.cdnUrl", "no link to a clean file"),
    ("clean file", "cdnUrl", "file:///etc/passwd", "$.cdnUrl", "no link to a clean file"),
    ("history", "", [], "$", "expected an object"),
    ("history", "history", {}, "$.history", "expected an array"),
    ("task", "", [], "$", "expected an object"),
    ("submit", "", "ok", "$", "expected an object"),
    ("submit", "task", [], "$.task", "expected an object"),
    ("submit", "task.id", "x", "$.task.id", "expected a whole number"),
]


@pytest.mark.parametrize(("kind", "place", "value", "path", "words"), REFUSED)
def test_a_wrong_type_in_any_answer_is_refused_with_its_path(
    kind: str, place: str, value: Json, path: str, words: str
) -> None:
    """Every reader refuses alike."""
    reply, reader = READERS[kind]
    with pytest.raises(APIResponseError) as caught:
        reader(changed(reply, place, value) if place else value)
    assert caught.value.path == path
    assert words in str(caught.value)


def test_a_wrong_status_of_the_first_work_is_refused_where_it_is() -> None:
    """Where the status is taken from the first work, so is the path."""
    with pytest.raises(APIResponseError) as caught:
        bare_task(works=[{"status": "99"}])
    assert caught.value.path == "$.works[0].status"


@pytest.mark.parametrize("kind", READERS)
def test_any_field_may_be_null(kind: str) -> None:
    """Null is the same as missing, in every field of every answer; only members of arrays have to be there."""
    reply, reader = READERS[kind]
    free = ("blobStorage.", "extraArgs.", "callbackPayloads.", "editProject.")  # any JSON: null is a value there
    optional = [
        path
        for path in parts(reply)
        if not path.rsplit(".", 1)[-1].isdigit() and not any(name in path for name in free)
    ]
    assert optional
    for path in optional:
        if path == "history":  # the one name without which there is no answer
            continue
        nothing = changed(reply, path, None)
        missing = without(reply, path)
        assert outcome(reader, nothing) == outcome(reader, missing), path


def outcome(reader: Reader, reply: Json) -> object:
    """What a reader makes of a reply: a value, or the text of a refusal."""
    try:
        return reader(reply)
    except APIResponseError as error:
        return str(error)


# --- Nothing else can happen ----------------------------------------------------------------------------------------

#: JSON texts that Python would rather not read.
NASTY = [
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 5000, "-" + "9" * 4000, "1" * 4299,
    "[" * 5000 + "]" * 5000,
    '{"a":' * 3000 + "1" + "}" * 3000, "[" * 400 + "]" * 400, '"\\ud800"', '"\\u0000"', "0.1e-400", "-0", "-0.0", "1E5",
    '{"\\u0000extra": 1}', '{"task": {"task": 1}}',
]  # fmt: skip

JSON_VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["succeed", "failed", "17", "-17", VIDEO, "true", "null"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=4) | st.sampled_from(["id", "task", "status", "resource", "url", "works"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
JSON_TEXTS = st.sampled_from(NASTY) | JSON_VALUES.map(json.dumps)

PLACES = {
    kind: [*parts(reply), *(["0.brandNew"] if kind == "motions" else [] if kind == "running" else ["brandNew"])]
    for kind, (reply, _) in READERS.items()
}  # fmt: skip


@pytest.mark.parametrize("kind", READERS)
@UNHURRIED
@given(data=st.data())
def test_any_json_anywhere_gives_a_value_or_a_refusal(kind: str, data: st.DataObject) -> None:
    """Whatever one or two fields of an answer hold, reading gives a usable value or `APIResponseError`."""
    reply, reader = READERS[kind]
    texts = {}
    for number in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(PLACES[kind]))
        texts[f"<{number}>"] = data.draw(JSON_TEXTS)
        try:
            reply = changed(reply, place, f"<{number}>")
        except (TypeError, IndexError, KeyError, AttributeError):  # the first change took away the place of the second
            continue
    body = json.dumps(reply)
    for mark, text in texts.items():
        body = body.replace(json.dumps(mark), text)
    assert_readable(kind, reader, body)


@pytest.mark.parametrize("kind", READERS)
@UNHURRIED
@given(text=JSON_TEXTS)
@example(text="")
@example(text="[[]]")
@example(text='{"history": [{"works": [{"taskId": 17}]}]}')
def test_any_json_instead_of_an_answer_gives_a_value_or_a_refusal(kind: str, text: str) -> None:
    """The same for a whole body."""
    assert_readable(kind, READERS[kind][1], text)


#: What some readers give; all others give one of the other values.
VALUES = {"motions": (list,), "submit": (Task, replies.NoTask)}


def assert_readable(kind: str, reader: Reader, body: str) -> None:
    request = requests.list_running()
    response = Response(status=200, headers={}, body=body.encode())
    try:
        found = replies.read(request, response, NOW, reader)
    except APIResponseError as refusal:
        found = refusal
    if isinstance(found, APIResponseError):
        assert found.path is None or found.path.startswith("$")
        assert (found.status, found.body) == (200, response.text)
        assert str(found).startswith(request.work)
        return
    assert isinstance(found, VALUES.get(kind, (Task, tuple, Asset, Deletion, Account, AssetDeletion, str)))
    if not isinstance(found, list):
        assert isinstance(hash(found), int)  # values serve as keys, whatever is in them


# --- Spelling -------------------------------------------------------------------------------------------------------

TEXTS = st.none() | st.text(max_size=12)
URLS = st.none() | st.text(min_size=1, max_size=12)
FLAGS = st.none() | st.booleans()
WHOLE = st.none() | st.integers()
NUMBERS = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.none() | st.integers(-62_135_596_800_000, 253_402_300_799_999).map(moment)
SECONDS = st.none() | st.integers(0, 10**9).map(lambda milliseconds: milliseconds / 1000)
EXTRAS = st.dictionaries(st.text(max_size=5).map("new{}".format), JSON_VALUES, max_size=2)


def values(kind: type, **special: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of a model: every attribute by its declared type, but for those given."""
    by_type = {"str | None": TEXTS, "bool | None": FLAGS, "int | None": WHOLE, "int | float | None": NUMBERS,
               "datetime | None": TIMES, "float | None": SECONDS, "Mapping[str, Json]": EXTRAS, "Json": JSON_VALUES,
               "tuple[Json, ...]": st.lists(JSON_VALUES, max_size=2).map(tuple)}  # fmt: skip
    known = {attribute.name: by_type.get(str(attribute.type)) for attribute in attrs.fields(kind)} | special
    return st.builds(kind, **{name: found for name, found in known.items() if found is not None})


def several(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=2).map(tuple)


INFOS = st.none() | values(TaskInfo, inputs=several(values(TaskInput)), arguments=several(values(TaskArgument)))
FILES = st.none() | values(MediaFile)
WORKS = values(Work, resource=FILES, cover=FILES, info=INFOS, self_comment=st.none() | values(WorkComment))
TASKS = values(
    Task,
    id=st.integers(),
    is_final=st.booleans(),
    info=INFOS,
    works=several(WORKS),
    limitation=st.none() | values(Limitation),
    user_points=st.none() | values(UserPoints, points=several(values(PointGrant))),
    user_tickets=st.none() | values(UserTickets, ticket=several(values(Ticket))),
    ref=st.just(TaskRef()),
    extra=st.dictionaries(
        st.text(max_size=5).map("new{}".format), JSON_VALUES.filter(lambda value: value is not None), max_size=2
    ),
).map(
    lambda found: attrs.evolve(
        found, ref=TaskRef(task_id=found.id, resource_url=next(iter(wire.input_urls(found.info)), None))
    )
)
MOTIONS = values(
    Motion,
    video_url=URLS,
    cover_url=URLS,
    bvh_url=URLS,
    binary_url=URLS,
    extra=st.builds(
        lambda own, nested: {**own, **{name: part for name, part in nested.items() if part}},
        EXTRAS,
        st.dictionaries(st.sampled_from(["resource", "cover", "extData"]), EXTRAS),
    ),
)


def what_comes_of(read: Callable[[], object]) -> object:
    """What comes of reading: a value, or a refusal with its text and path."""
    try:
        return read()
    except APIResponseError as refusal:
        return type(refusal), str(refusal), refusal.path


def exactly(value: object) -> str:
    """A value with the types of its parts and all of what it keeps: `1 == True`, and what is unknown has no repr."""
    if attrs.has(type(value)):
        inside = ((field.name, exactly(getattr(value, field.name))) for field in attrs.fields(type(value)))  # type: ignore[arg-type]  # it has
        return f"{type(value)}{dict(inside)}"
    if isinstance(value, Mapping):
        return f"{sorted((name, exactly(part)) for name, part in value.items())}"
    if isinstance(value, tuple | list):
        return f"{type(value)}{[exactly(part) for part in value]}"
    return repr(value)


#: JSON that is nearly right for some field.
ODD_VALUES: st.SearchStrategy[Any] = JSON_VALUES | st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        10**400,
        2.0,
        1e300,
        "",
        "17",
        "-17",
        "1_0",
        [],
        {},
        [None],
        [17, "17"],
        [{}],
        [[]],
        {"a": 1},
    ]
)

#: What reads without any of the readers.
CAREFUL = make_converter(careful_hook)

#: The classes that are read by themselves, and JSON with all their fields.
CLASSES: dict[type, Json] = {
    Task: {**{name: part for name, part in FULL.items() if name != "task"}, **reach(FULL, "task")},
    Work: reach(FULL, "works.0"),
    UserTickets: FULL["userTickets"],
    Asset: UPLOADED,
    RunningTask: RUNNING,
    Capacity: FREE,
    Deletion: DELETED,
    Account: LINKED,
    UploadedAsset: STORED,
    AssetDeletion: UNSTORED,
}


@pytest.mark.parametrize("kind", [Work, RunningTask, Capacity, Deletion], ids=lambda kind: kind.__name__)
def test_what_is_no_object_is_refused_also_after_an_empty_one(kind: type) -> None:
    """An empty array or text has as many names as an empty object."""
    for _ in range(3):
        structure({}, kind)
        wrongs: list[Json] = [[], "", 5, None]
        for wrong in wrongs:
            with pytest.raises(APIResponseError):
                structure(wrong, kind)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@UNHURRIED
@given(data=st.data())
def test_the_quick_way_and_the_careful_way_agree(kind: type, data: st.DataObject) -> None:
    """Whatever fields hold or lack: the same value, down to the types of its parts, or the same refusal."""
    document = copy.deepcopy(CLASSES[kind])
    for place in data.draw(st.lists(st.sampled_from(list(parts(document))), max_size=3)):
        with contextlib.suppress(TypeError, IndexError, KeyError, AttributeError):  # an earlier change took it away
            owner, last = reach(document, place.rpartition(".")[0]), place.rpartition(".")[2]
            owner[int(last) if last.isdigit() else last] = copy.deepcopy(data.draw(ODD_VALUES))
            if isinstance(owner, dict) and data.draw(st.booleans()):
                owner[data.draw(st.sampled_from(["", "brandNew", "extra", "ref", EXTRA]))] = owner.pop(last)
    quick = what_comes_of(lambda: structure(document, kind))
    careful = what_comes_of(lambda: structure(document, kind, converter=CAREFUL))
    assert exactly(quick) == exactly(careful)


@st.composite
def varied(draw: st.DrawFn) -> Any:
    """The full reply with a few things missing, added, moved or replaced."""
    document: Any = copy.deepcopy(FULL)
    names = sorted({*document, *document["task"], "brandNew", "ref", EXTRA})
    for name in draw(st.lists(st.sampled_from(names), max_size=4)):
        level = document if name == "task" or draw(st.booleans()) else document.get("task")
        if not isinstance(level, dict):
            break
        if draw(st.booleans()):
            level.pop(name, None)
        else:
            level[name] = copy.deepcopy(draw(ODD_VALUES))
    return document


@UNHURRIED
@given(first=varied(), then=varied())
def test_what_a_reader_sees_first_does_not_change_what_it_reads_then(first: Any, then: Any) -> None:
    """It is made for what it sees first; for all else it must come to the same, or say that it is not sure."""
    reader = readers.Reader(Task, wire._levels)
    for document in (first, then, first):
        try:
            quick = reader.read(document["task"], document)
        except (KeyError, *readers.DOUBTS):
            continue
        flat = wire._flat_task(document, TaskRef(), "$")
        assert exactly(quick) == exactly(attrs.evolve(flat, ref=quick.ref))


@pytest.mark.parametrize("name", ["succeed", "failed"])
def test_a_reader_that_sees_no_flag_first_is_not_sure_of_any(name: str) -> None:
    """`status_final` missing from the very first answer of a process means what it means later."""
    reader = readers.Reader(Task, wire._levels)
    bare = {"task": {"id": 17}, "status": 99, "status_name": name}
    for _ in range(2):
        with pytest.raises(readers.DOUBTS):
            reader.read(bare["task"], bare)


@UNHURRIED
@given(data=st.data())
def test_a_reply_read_in_one_go_is_read_as_when_it_is_flattened_first(data: st.DataObject) -> None:
    """Whatever stands on which of its levels."""
    document = data.draw(varied())
    ref = TaskRef(email="performer@example.com")
    flat = what_comes_of(lambda: wire._flat_task(document, ref, "$"))
    one_go = what_comes_of(lambda: wire.task(document, ref))
    assert exactly(attrs.evolve(one_go, ref=TaskRef()) if isinstance(one_go, Task) else one_go) == exactly(flat)


@UNHURRIED
@given(
    milliseconds=st.integers(-(2**70), 2**70) | st.integers(0, 2**42) | st.integers(2**42 - 9, 2**42 + 9) | st.floats()
)
def test_every_time_is_exact(milliseconds: float) -> None:
    """To the microsecond, at any distance; one that no datetime can hold is refused."""
    try:
        expected: object = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except (OverflowError, ValueError):
        expected = None
    found = what_comes_of(lambda: structure({"createTime": milliseconds}, Work).created_at)
    assert (None if isinstance(found, tuple) else found) == expected


def test_what_was_read_is_a_value_like_any_other() -> None:
    """Frozen, hashable, of exactly its class, and equal to what its constructor makes, through pickle and copy too."""
    task = wire.task(FULL, TaskRef(resource_url=VIDEO, sent_at=NOW, reply_ref="job-7"))
    made = attrs.evolve(task, message=task.message)
    assert type(task) is type(made) is Task
    assert type(task.works[0].resource) is MediaFile
    assert type(task.ref) is TaskRef
    assert task == made == pickle.loads(pickle.dumps(task)) == copy.deepcopy(task)
    assert hash(task) == hash(made)
    assert repr(task) == repr(made)
    for value in (task, task.ref, task.works[0], task.info):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            value.type = "other"  # type: ignore[misc, union-attr]  # that is what is refused
    assert task.works[0].extra is not task.extra


def test_a_reference_keeps_all_it_knows_when_its_task_is_read() -> None:
    """Whatever fields references have or will have."""
    ref = TaskRef(email="performer@example.com", reply_ref="job-7", resource_url=VIDEO, image_url=COVER, sent_at=NOW)
    assert wire.task(FULL, ref).ref == attrs.evolve(ref, task_id=FAR)
    assert all(getattr(wire.task(FULL, ref).ref, field.name) is not None for field in attrs.fields(TaskRef))


@UNHURRIED
@given(task=TASKS)
def test_a_task_that_is_spelled_and_read_is_the_same(task: Task) -> None:
    """Known and unknown fields keep their values through JSON text and back."""
    spelled = json.loads(json.dumps(wire.spell(task)))
    assert wire.task(spelled, TaskRef()) == task


@UNHURRIED
@given(motion=MOTIONS)
def test_a_motion_that_is_spelled_and_read_is_the_same(motion: Motion) -> None:
    """The same for motions of either shape, or both."""
    assert wire.motion(json.loads(json.dumps(wire.spell(motion)))) == motion


@UNHURRIED
@given(asset=values(Asset, resource_url=st.just(VIDEO), status=st.sampled_from([None, 1, 3])))
def test_an_asset_that_is_spelled_and_read_is_the_same(asset: Asset) -> None:
    """The same for uploads that went well."""
    assert replies.asset(json.loads(json.dumps(wire.spell(asset)))) == asset


@UNHURRIED
@given(
    deletion=values(Deletion, deleted=st.integers(), work_ids=several(st.integers())),
    running=values(RunningTask),
    free=values(Capacity),
    account=values(
        Account,
        session=st.none() | values(AccountSession),
        balance=st.none() | values(Balance, points=several(values(PointGrant)), tickets=several(values(Ticket))),
    ),
    stored=values(UploadedAsset, resource=FILES, cover=FILES),
    unstored=values(AssetDeletion, deleted=st.integers(), asset_ids=several(st.integers())),
)
def test_small_answers_that_are_spelled_and_read_are_the_same(
    deletion: Deletion,
    running: RunningTask,
    free: Capacity,
    account: Account,
    stored: UploadedAsset,
    unstored: AssetDeletion,
) -> None:
    """The same for deletions, running tasks, slots, accounts and uploaded assets."""
    assert replies.account(json.loads(json.dumps(wire.spell(account)))) == account
    assert replies.uploaded({"uploadAssetsList": [json.loads(json.dumps(wire.spell(stored)))]}) == (stored,)
    assert replies.asset_deletion(json.loads(json.dumps(wire.spell(unstored)))) == unstored
    assert replies.deletion(json.loads(json.dumps(wire.spell(deletion)))) == deletion
    assert replies.running([json.loads(json.dumps(wire.spell(running)))]) == (running,)
    assert replies.capacity({"available": [json.loads(json.dumps(wire.spell(free)))]}) == (free,)


def test_an_unknown_null_survives() -> None:
    """A field this version does not know is kept even where it holds nothing."""
    task = Task(id=17, extra={"brandNew": None}, ref=TaskRef(task_id=17))
    assert wire.task(wire.spell(task), TaskRef()) == task


def test_a_spelled_task_reads_like_the_api() -> None:
    """The full reply comes back word for word, but for the copy of the status inside its `task` object."""
    spelled = wire.spell(wire.task(FULL, TaskRef()))
    assert spelled == without(FULL, "task.status", "task.status_name", "task.status_final")


def test_values_are_frozen_hashable_and_pickle() -> None:
    """A task can be a key, cross a process border, and is never changed under its holder."""
    task = wire.task(FULL, TaskRef())
    assert pickle.loads(pickle.dumps(task)) == task
    assert hash(task) == hash(wire.task(FULL, TaskRef()))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        task.status = 5  # type: ignore[misc]  # what must not work


def test_a_malformed_entry_of_a_list_hides_no_other() -> None:
    """It is nobody's: a list of running or of all tasks is searched for one task among many."""
    assert [task.id for task in replies.running([{"id": "x"}, None, {"id": 17}])] == [None, None, 17]
    page = replies.history({"history": [{"task": {"id": True}}, 3, {"works": []}, {"task": {"id": 17}}]})
    assert [task.id for task in page.tasks] == [17]
    assert page.nameless == 3


@pytest.mark.parametrize("place", ["resource", "cover", "extData"])
def test_what_is_nested_deeper_than_python_calls_go_is_kept_as_it_came(place: str) -> None:
    """Rule 8: parts of a motion that this version does not know may be anything."""
    depths: dict[str, Json] = {}
    for _ in range(5_000):
        depths = {"a": depths}
    read = wire.motion({"workName": "deep", place: {"unknown": depths}})
    assert read.name == "deep"
    assert isinstance(read.extra[place], dict)
    spelled = wire.spell(read)[place]
    assert isinstance(spelled, dict)
    assert spelled["unknown"] is depths
