"""What is told of an answer without decoding it, and what is left to decoding."""

from __future__ import annotations

import json

import pytest

from klingmotion.glance import glance

RUNNING: dict[str, object] = {"status": 10, "status_name": "processing", "status_final": False}


def spelled(document: object) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "document",
    [
        RUNNING,
        {**RUNNING, "task": {"id": 17, **RUNNING}, "works": []},
        {"task": RUNNING},
        {**RUNNING, "status_final": None},
        {"status_name": "processing"},
        {**RUNNING, "etaTime": 0},
        {**RUNNING, "message": "\u00e9 \\ \n"},
    ],
)
def test_a_task_that_is_not_final_is_told(document: dict[str, object]) -> None:
    """At whatever level its status stands, as long as all of it agrees."""
    seen = glance(spelled(document))
    assert seen is not None
    assert seen.status_name == "processing"
    assert seen.left is None


@pytest.mark.parametrize(
    "body",
    [
        spelled({**RUNNING, "status_final": True}),
        spelled({**RUNNING, "task": {"status_final": True}}),
        spelled({**RUNNING, "status_name": "succeed"}),
        spelled({**RUNNING, "works": [{"status_name": "failed"}]}),
        spelled({**RUNNING, "task": {"status": 5, "status_name": "submitted", "status_final": False}}),
        spelled({**RUNNING, "task": {"status": 99}}),
        spelled({**RUNNING, "status_final": "false"}),
        spelled({**RUNNING, "status_final": 0}),
        spelled({**RUNNING, "status": "10"}),
        spelled({**RUNNING, "etaTime": "soon"}),
        spelled({**RUNNING, "etaTime": 1.5}),
        spelled({"status": 10}),
        spelled({}),
        spelled([RUNNING]),
        spelled(RUNNING)[:-1],
        spelled({"task": RUNNING})[:-1],
        b'{"status_name": "a, b"}',
        b'{"status_name": "\\u0073ucceed"}',
        spelled({**RUNNING, "status_final": True}).replace(b"_final", b"\\u005ffinal"),
        spelled({**RUNNING, "done": True}).replace(b"done", b"\\u0073tatus_final"),
        spelled({**RUNNING, "message": "?"}).replace(b"?", b"\xff"),
        b"",
        b"<html></html>",
    ],
)
def test_whatever_is_not_that_simple_is_left_to_decoding(body: bytes) -> None:
    """An end, a contradiction, a wrong type, an answer that is cut or none."""
    assert glance(body) is None


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ({"etaTime": 50}, 50),
        ({"etaTime": 1_760_000_060_000, "currentTimestamp": 1_760_000_010_000}, 50_000),
        ({"etaTime": -3}, None),
        ({"etaTime": 10, "currentTimestamp": 20}, None),
    ],
)
def test_what_is_left_is_told_in_a_unit_of_its_own(told: dict[str, int], left: float | None) -> None:
    """As `Eta` wants it."""
    seen = glance(spelled({**RUNNING, **told}))
    assert seen is not None
    assert seen.left == left
