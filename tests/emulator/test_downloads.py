"""Clean files of works: GET /assets/download."""

from __future__ import annotations

import asyncio
import io
import zipfile

import pytest

from klingmotion.emulator import Account, Emulator, Lag
from klingmotion.emulator.uploads import MEGABYTE

from .bench import Bench, bench
from .clips import mp4


async def work_of(b: Bench, clip: bytes | None = None) -> str:
    """The work id of a video just made."""
    motion = None if clip is None else b.emulator.add_asset(clip)
    body = await b.created(motion)
    return str(body["works"][0]["workId"])


async def test_one_work_and_one_file_type_give_the_file_itself() -> None:
    """The clean file has a URL of its own, and needs no token."""
    async with bench() as b:
        clip = mp4(4.0)
        work_id = await work_of(b, clip)
        answer = await b.get("/assets/download", params={"workIds": work_id, "fileTypes": "MP4"})
        assert (answer.status, answer.body["status"]) == (200, "success")
        url = answer.body["cdnUrl"]
        assert url.endswith("/clean.mp4")
        served = await b.get(url, token=None)
        assert (served.headers["Content-Type"], served.raw) == ("video/mp4", clip)


@pytest.mark.parametrize("query", [{}, {"fileTypes": "MP4,PNG"}], ids=["no_type", "two_types"])
async def test_more_than_one_file_is_a_zip(query: dict[str, str]) -> None:
    """A work whose file type is not said, or one of several, comes in a ZIP."""
    async with bench() as b:
        clip = mp4(4.0)
        work_id = await work_of(b, clip)
        url = (await b.get("/assets/download", params={"workIds": work_id, **query})).body["cdnUrl"]
        served = await b.get(url, token=None)
        assert (served.headers["Content-Type"], url.endswith(".zip")) == ("application/zip", True)
        archive = zipfile.ZipFile(io.BytesIO(served.raw))
        assert {name: archive.read(name) for name in archive.namelist()} == {f"{work_id}.mp4": clip}


async def test_works_come_in_one_zip_the_same_for_the_same_works() -> None:
    """Large films too; a work named twice is there once."""
    async with bench() as b:
        clips = [mp4(4.0), mp4(5.0, padding=2 * MEGABYTE)]
        ids = [await work_of(b, clip) for clip in clips]
        query = {"workIds": ",".join([*ids, ids[0]]), "fileTypes": "MP4"}
        urls = {(await b.get("/assets/download", params=query)).body["cdnUrl"] for _ in range(2)}
        (url,) = urls
        served = [(await b.get(url, token=None)).raw for _ in range(2)]
        assert served[0] == served[1]
        archive = zipfile.ZipFile(io.BytesIO(served[0]))
        assert [archive.read(f"{work_id}.mp4") for work_id in ids] == clips


async def test_a_zip_holds_the_works_that_are_left() -> None:
    """A work deleted meanwhile is missing; without any there is no ZIP."""
    async with bench() as b:
        bodies = [await b.created(), await b.created()]
        ids = [str(body["works"][0]["workId"]) for body in bodies]
        url = (await b.get("/assets/download", params={"workIds": ",".join(ids)})).body["cdnUrl"]
        await b.delete(f"/tasks/{bodies[0]['task']['id']}")
        archive = zipfile.ZipFile(io.BytesIO((await b.get(url, token=None)).raw))
        assert archive.namelist() == [f"{ids[1]}.mp4"]
        await b.delete(f"/tasks/{bodies[1]['task']['id']}")
        assert (await b.get(url, token=None)).status == 404
        assert (await b.get(url.replace("/zip/0/", "/zip/7/"), token=None)).status == 404


async def test_the_work_of_an_extraction_can_be_downloaded_too() -> None:
    """Its preview is a video like any other."""
    async with bench() as b:
        task_id = await b.finished(b.emulator.add_asset(b"film"))
        work_id = (await b.look(task_id)).body["works"][0]["workId"]
        url = (await b.get("/assets/download", params={"workIds": work_id, "fileTypes": "MP4"})).body["cdnUrl"]
        assert (await b.get(url, token=None)).raw == b"film"


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"workIds": ""},
        {"workIds": "x"},
        {"workIds": "{own},"},
        {"workIds": "-100000000000001"},
        {"workIds": "4"},
        {"workIds": "{own},4"},
        {"workIds": "{other}"},
        {"workIds": "{own}", "fileTypes": "AVI"},
        {"workIds": "{own}", "fileTypes": ""},
        {"workIds": "{own}", "fileTypes": "MP4,AVI"},
        {"workIds": "{own}", "fileTypes": "PNG"},
    ],
)
async def test_senseless_questions_are_refused(query: dict[str, str]) -> None:
    """No ids, unknown ones, another account's, templates, or file types a video does not have."""
    async with bench(Emulator(accounts=[Account("a@example.com"), Account("b@example.com")])) as b:
        tasks = {}
        for name, email in (("own", "a@example.com"), ("other", "b@example.com")):
            tasks[name] = b.emulator.add_task(image_url=b.picture(email).resource_url, email=email, ended=True).work_id
        filled = {name: value.format(**tasks) for name, value in query.items()}
        answer = await b.get("/assets/download", params={"email": "a@example.com", **filled})
        assert (answer.status, answer.body) == (400, {"error": "Invalid parameters"})


async def test_a_download_may_fail_right_after_completion() -> None:
    """With a lag of two looks the third call gives the file; older works are not held up."""
    async with bench(Emulator(clean_file_delay=Lag(looks=2))) as b:
        query = {"workIds": await work_of(b), "fileTypes": "MP4"}
        statuses = [(await b.get("/assets/download", params=query)).status for _ in range(4)]
        assert statuses == [500, 500, 200, 200]
        newer = await work_of(b)
        assert (await b.get("/assets/download", params=query)).status == 200
        both = {"workIds": f"{query['workIds']},{newer}"}
        assert [(await b.get("/assets/download", params=both)).status for _ in range(2)] == [500, 200]


async def test_a_download_may_fail_for_some_seconds_or_for_ever() -> None:
    """The lag may be one of time; what can be seen by all is there all along."""
    async with bench(Emulator(clean_file_delay=Lag(seconds=20))) as b:
        body = await b.created()
        query = {"workIds": str(body["works"][0]["workId"]), "fileTypes": "MP4"}
        assert (await b.get("/assets/download", params=query)).status == 500
        assert (await b.get(body["works"][0]["resource"]["resource"], token=None)).status == 200
        await asyncio.sleep(20)
        assert (await b.get("/assets/download", params=query)).status == 200
    async with bench(Emulator(clean_file_delay="never")) as b:
        query = {"workIds": await work_of(b), "fileTypes": "MP4"}
        assert [(await b.get("/assets/download", params=query)).status for _ in range(5)] == [500] * 5
