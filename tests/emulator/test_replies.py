"""Every reply the emulator gives has the shape of a sample, key for key; every sample has its reply."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from klingmotion.emulator import RateLimited, Status

from .bench import bench
from .cases import CASES, EMULATORS

SAMPLES = Path(__file__).parent.parent / "samples"

# Keys whose values differ from run to run; all other numbers, texts and flags are as in the sample.
VARYING = {
    *("id", "ids", "taskId", "workId", "workIds", "userId", "assetId", "name", "workName", "fileName"),
    *("createTime", "updateTime", "viewTime", "etaTime", "originEtaTime", "currentTimestamp"),
    *("started", "elapsed", "startTime", "endTime", "ExpireTime", "ExpireTimeUTC", "retryAfter"),
}


def differences(actual: Any, sample: Any, path: str = "$") -> Iterator[str]:
    """Where two documents differ in keys, in JSON types, or in values that do not vary."""
    if type(actual) is not type(sample):
        yield f"{path}: {actual!r} is no {type(sample).__name__}"
    elif isinstance(sample, dict):
        if actual.keys() != sample.keys():
            yield f"{path}: keys {sorted(actual.keys() ^ sample.keys())}"
        for name in actual.keys() & sample.keys():
            yield from differences(actual[name], sample[name], f"{path}.{name}")
    elif isinstance(sample, list):
        if len(actual) != len(sample):
            yield f"{path}: {len(actual)} entries, not {len(sample)}"
        for index, (one, other) in enumerate(zip(actual, sample, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")
    elif not _alike(actual, sample, path.rpartition(".")[2].partition("[")[0]):
        yield f"{path}: {actual!r}, not {sample!r}"


def _alike(actual: Any, sample: Any, key: str) -> bool:
    if isinstance(sample, str) and sample.startswith("https://"):
        return str(actual).startswith("http://127.0.0.1:")
    if key == "error":
        return _without_ids(actual) == _without_ids(sample)
    return key in VARYING or actual == sample


def _without_ids(text: str) -> str:
    return " ".join("<id>" if word.isdigit() and len(word) > 9 else word for word in text.split())


def test_every_sample_has_its_case_and_every_case_its_sample() -> None:
    """Supporting a new reply is adding a file and the call that brings it forth."""
    assert sorted(CASES) == sorted(path.stem for path in SAMPLES.glob("*.json"))


@pytest.mark.parametrize("name", sorted(CASES))
async def test_the_reply_is_like_its_sample(name: str) -> None:
    """Same keys, same JSON types, same fixed values; and the status the sample's name says."""
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    async with bench(EMULATORS[name]()) as b:
        answer = await CASES[name](b)
    part = name.split("-")[1]
    assert answer.status == (int(part) if part.isdigit() else 200)
    assert list(differences(answer.body, sample)) == []


def test_differences_are_found() -> None:
    """The comparison itself tells keys, types, lengths and values apart."""
    sample = {"id": 1, "status": 5, "works": [{"name": "n"}], "url": "https://a"}
    same = {"id": 2, "status": 5, "works": [{"name": "m"}], "url": "http://127.0.0.1:1/x"}
    assert list(differences(same, sample)) == []
    changes: list[dict[str, object]] = [
        {"id": "1"},
        {"status": 6},
        {"works": []},
        {"works": [{}]},
        {"url": "x"},
        {"more": 1},
    ]
    for change in changes:
        assert len(list(differences({**same, **change}, sample))) == 1


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (Status.bad_request(), 400, "Parameter resourceUrl is required"),
        (Status.unauthorized(), 401, "Unauthorized"),
        (Status.not_found(), 404, "Not Found"),
        (Status.asset_unknown(), 404, "VALID.ResourceNotFound"),
        (Status.rejected(), 500, "MOTION.RESOLUTION_TOO_SMALL"),
        (Status.picture_not_matched(), 400, "(MOTION.PIC_NOT_MATCHED)"),
    ],
)
async def test_documented_errors_are_at_hand(fault: Status, status: int, text: str) -> None:
    """The error bodies of the contract can be scripted at any endpoint by name."""
    async with bench() as b:
        b.emulator.fail("get_task", fault)
        answer = await b.look(1)
        assert answer.status == status
        assert text in answer.body["error"]


async def test_a_scripted_429_comes_in_every_form() -> None:
    """`RateLimited` speaks as the limit itself does."""
    async with bench() as b:
        b.emulator.fail("capacity", RateLimited(5, "seconds"), RateLimited(5, "date"), RateLimited(5, "body"))
        answers = [await b.get("/scheduler/available") for _ in range(3)]
        assert [answer.status for answer in answers] == [429, 429, 429]
        assert [answer.headers.get("Retry-After") is not None for answer in answers] == [True, True, False]
        assert ["retryAfter" in answer.body for answer in answers] == [False, False, True]
