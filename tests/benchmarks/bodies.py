"""What the fake server says, in each client's own dialect: every status body has the same size and the same load."""

from __future__ import annotations

import json

from attrs import frozen

#: Bytes of the body of one look.
SIZE = 1450

#: Stands for the job's id in a body; ids are as long as it, so that lengths are known beforehand.
ID = b"301000000000000"

#: Stands for where the server listens: as wide as any port.
ORIGIN = b"http://127.0.0.1:00000"

_INPUTS = {
    "type": "motion_control_motion_process",
    "inputs": [
        {
            "name": "input",
            "inputType": "URL",
            "token": None,
            "blobStorage": None,
            "url": "https://cdn.example.test/in/walk.mp4",
            "cover": "https://cdn.example.test/in/walk.jpg",
            "fromWorkId": 0,
            "fromUploadId": "",
        }
    ],
    "arguments": [
        {"name": "prompt", "value": ""},
        {"name": "motionType", "value": "video2motion"},
        {"name": "biz", "value": "klingai"},
    ],
    "extraArgs": {},
    "callbackPayloads": [],
    "scene": "MOTION_EXTRACTION",
}

_HEAD = (
    b"HTTP/1.1 %s\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\nCache-Control: no-store\r\nVary: Accept-Encoding\r\n"
    b"Access-Control-Allow-Origin: *\r\nETag: W/5aa-0123456789abcdef\r\nServer: edge\r\nX-Request-Id: 7c0ffee\r\n"
    b"Strict-Transport-Security: max-age=15552000\r\n%s\r\n"
)


@frozen
class Dialect:
    """The answers of one kind of server, whole HTTP responses with `ID` in the place of the id."""

    submitted: bytes
    pending: bytes
    final: bytes
    #: What a GET of the result gives, where a client asks for that after the last look.
    result: bytes


def answer(body: object, *, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    """A whole HTTP response."""
    content = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    return _HEAD % (status, len(content), headers) + content


def kling(*, final: bool, eta: float | None = None) -> dict[str, object]:
    """The reply to a look at an extraction."""
    status = {"status": 99 if final else 10, "status_name": "succeed" if final else "processing", "status_final": final}
    reply: dict[str, object] = {
        **status,
        "etaTime": 0 if eta is None else eta,
        "etaTimeOverSla": False,
        "queuingEtaTime": 0,
        "originEtaTime": 0,
        "originQueuingEtaTime": 0,
        "message": "success" if final else "",
        "task": {
            "id": int(ID),
            "userId": 40001,
            "type": "motion_control_motion_process",
            "scene": "MOTION_EXTRACTION",
            **status,
            "taskInfo": _INPUTS,
            "favored": False,
            "deleted": False,
            "viewed": False,
            "createTime": 1760000000000,
            "updateTime": 1760000090000,
            "viewTime": 0,
        },
        "works": [],
        "limitation": {"type": "motion_control", "remaining": 9, "limit": 10},
    }
    room = SIZE - len(json.dumps(reply, separators=(",", ":"))) - len(',"userPoints":{"note":""}')
    return reply | {"userPoints": {"note": "x" * room}}


def _peer(**own: object) -> dict[str, object]:
    """A peer's reply: its own fields, and as much else as Kling's has."""
    load: dict[str, object] = {**own, "details": _INPUTS}
    room = SIZE - len(json.dumps(load, separators=(",", ":"))) - len(',"note":""')
    return load | {"note": "x" * room}


def _dialect(submitted: object, pending: object, final: object, result: object | None = None) -> Dialect:
    bodies = (submitted, pending, final, final if result is None else result)
    return Dialect(*(answer(body) for body in bodies))


def dialects(origin: bytes) -> dict[bytes, Dialect]:
    """The answers by the first step of the path; `origin` is where the server listens."""
    job, base = ID.decode(), origin.decode()
    kinds = {
        b"kling": _dialect(kling(final=False), kling(final=False), kling(final=True)),
        b"runwayml": _dialect({"id": job}, _runway("RUNNING"), _runway("SUCCEEDED", output=[])),
        b"fal": _dialect(_fal(base, "IN_QUEUE"), _fal(base, "IN_PROGRESS"), _fal(base, "COMPLETED"), {"video": {}}),
        b"replicate": _dialect(_replicate(base, "starting"), _replicate(base, "processing"), _replicate(base)),
        b"openai": _dialect(_openai("queued", 0), _openai("in_progress", 40), _openai("completed", 100)),
        b"google": _dialect(_google(done=False), _google(done=False), _google(done=True)),
        b"speechmatics": _dialect(
            {"id": job}, {"job": _speech("running")}, {"job": _speech("done")}, {"content": "text"}
        ),
        b"tripo3d": _dialect(_tripo("queued", 0), _tripo("running", 40), _tripo("success", 100)),
        b"azure": Dialect(
            answer(
                _peer(id=job, status="NotStarted"),
                status=b"202 Accepted",
                headers=b"Operation-Location: %s/azure/operations/%s\r\n" % (origin, ID),
            ),
            answer(_peer(id=job, status="Running")),
            answer(_peer(id=job, status="Succeeded")),
            answer(_peer(id=job)),
        ),
    }
    return {**kinds, b"shared": kinds[b"kling"]}


def _runway(status: str, **more: object) -> dict[str, object]:
    cost = {"cost": {"credits": 5}} if more else {"estimatedCost": {"credits": 5}}
    return _peer(id=ID.decode(), status=status, createdAt="2026-11-22T12:00:00.000Z", progress=0.4, **cost, **more)


def _fal(base: str, status: str) -> dict[str, object]:
    here = f"{base}/fal/owner/app/requests/{ID.decode()}"
    return _peer(
        status=status,
        request_id=ID.decode(),
        response_url=here,
        status_url=f"{here}/status",
        cancel_url=f"{here}/cancel",
        queue_position=0,
        logs=None,
        metrics={},
    )


def _replicate(base: str, status: str = "succeeded") -> dict[str, object]:
    here = f"{base}/replicate/v1/predictions/{ID.decode()}"
    return _peer(
        id=ID.decode(),
        model="owner/model",
        version="1",
        status=status,
        input={},
        output=None,
        logs="",
        error=None,
        metrics={},
        created_at="2026-11-22T12:00:00.000Z",
        started_at=None,
        completed_at=None,
        urls={"get": here, "cancel": f"{here}/cancel"},
    )


def _openai(status: str, progress: int) -> dict[str, object]:
    return _peer(
        id=ID.decode(),
        object="video",
        created_at=1760000000,
        model="sora-2",
        progress=progress,
        seconds="4",
        size="720x1280",
        status=status,
    )


def _google(*, done: bool) -> dict[str, object]:
    return _peer(name=f"models/veo/operations/{ID.decode()}", done=done, metadata={})


def _speech(status: str) -> dict[str, object]:
    return _peer(id=ID.decode(), status=status, created_at="2026-11-22T12:00:00.000Z", data_name="a.wav", duration=5)


def _tripo(status: str, progress: int) -> dict[str, object]:
    task = _peer(
        task_id=ID.decode(), type="image_to_model", status=status, progress=progress, create_time=1, input={}, output={}
    )
    return {"code": 0, "data": task}
