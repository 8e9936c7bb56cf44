"""What reading an answer costs, beside `json.loads` of the same bytes, and beside constructors that check nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, get_args, get_origin, get_type_hints

import attrs

from klingmotion import Response, Task, TaskRef, replies, requests
from klingmotion.fields import wire_name
from klingmotion.glance import glance
from tests.benchmarks import bodies
from tests.benchmarks.clients import OURS
from tests.benchmarks.lab import Lab, Rows
from tests.benchmarks.server import ROOT

_REFERENCE = "json.loads"

#: What the readers are measured against: the classes' own constructors, as a reader without strictness would call them.
UNCHECKED = "generated constructors, nothing checked"
_SAMPLE = "tests/samples/get_task-succeed.json"

#: Readings in a row, a few milliseconds of them.
_REPEATS = 200


def _bodies() -> dict[str, bytes]:
    """A finished task with its work, as the documentation shows it, and one that is not final."""
    finished = json.loads((ROOT / _SAMPLE).read_text(encoding="utf-8"))
    return {
        "finished": json.dumps(finished, separators=(",", ":")).encode(),
        "unfinished": json.dumps(bodies.kling(final=False), separators=(",", ":")).encode(),
    }


def _reader(body: bytes) -> Callable[[], object]:
    """Reading an answer as a look does: a glance, and where that does not settle it, all of it."""
    task_id = json.loads(body)["task"]["id"]
    response = Response(status=200, headers={}, body=body)
    request, read = requests.get_task(task_id), replies.task(TaskRef(task_id=task_id))
    now = datetime.now(UTC)
    return lambda: glance(body) or replies.read(request, response, now, read)


def _unchecked(body: bytes) -> Callable[[], object]:
    """The same classes filled by generated code that looks at no type, keeps no `extra` and leaves times numbers."""
    fill = _filler(Task)

    def read() -> object:
        reply = json.loads(body)
        return fill({**reply, **reply["task"]})

    return read


def _filler(cls: type) -> Callable[[Any], Any]:
    names: dict[str, Any] = {"cls": cls}
    hints, arguments = get_type_hints(cls), []
    for field in attrs.fields(cls):
        if field.name in ("extra", "ref"):
            continue
        value = f"get({wire_name(cls, field.name)!r})"
        inner = next((kind for kind in get_args(hints[field.name]) if attrs.has(kind)), None)
        if inner is not None:
            names[f"of_{field.name}"] = _filler(inner)
            many = get_origin(hints[field.name]) is tuple
            each = f"of_{field.name}(part)"
            value = f"tuple([{each} for part in {value} or ()])" if many else f"(part := {value}) and {each}"
        arguments.append(f"{field.name}={value}")
    source = f"def fill(value):\n get = value.get\n return cls({', '.join(arguments)})"
    exec(source, names)
    filler: Callable[[Any], Any] = names["fill"]
    return filler


def measure(lab: Lab) -> dict[str, Rows]:
    """Microseconds of CPU and ratios, by body."""
    return {kind: _measure(lab, kind, body) for kind, body in _bodies().items()}


def _measure(lab: Lab, kind: str, body: bytes) -> Rows:
    lab.say(f"  decode of a task, {kind}, {len(body):,} bytes")
    works: dict[str, Callable[[], object]] = {_REFERENCE: partial(json.loads, body), OURS: _reader(body)}
    if kind == "finished":
        works[UNCHECKED] = _unchecked(body)
    rounds = 9 if lab.quick else 99  # short ones: all must meet the same moments of a machine that others use too

    def once(name: str) -> dict[str, float]:
        work = works[name]
        work()
        before = time.process_time()
        for _ in range(_REPEATS):
            work()
        return {"us": (time.process_time() - before) / _REPEATS * 1e6}

    return lab.interleaved(list(works), once, of="us", reference=_REFERENCE, rounds=rounds)
