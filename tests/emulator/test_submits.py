"""Uploads and submits: what is taken, what is refused, and how."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from klingmotion.emulator import Account, Emulator, Media, RetryAfter
from klingmotion.emulator.artefacts import cover_png
from klingmotion.emulator.uploads import MEGABYTE

from .bench import bench
from .clips import mp4, wav

TWO = (Account("a@example.com"), Account("b+c@example.com", max_jobs=1))
CODES = {"too_short": "MOTION.DURATION_LESS", "too_long": "MOTION.DURATION_MORE_THAN_EXPECTED"}


async def test_an_uploaded_video_can_be_submitted_and_fetched_again() -> None:
    """The URLs of an upload are good for a submit, and serve the very bytes and a cover."""
    clip = mp4(5.0)
    async with bench() as b:
        upload = (await b.upload(clip, "video/mp4")).body
        fields = {"resourceUrl": upload["resourceUrl"], "coverUrl": upload["coverUrl"]}
        answer = await b.call("POST", "/videos/motion-upload", json=fields)
        assert answer.status == 200
        assert answer.body["task"]["taskInfo"]["inputs"][0]["url"] == upload["resourceUrl"]
        assert (await b.get(upload["resourceUrl"], token=None)).raw == clip
        cover = await b.get(upload["coverUrl"], token=None)
        assert cover.headers["Content-Type"] == "image/png"
        assert cover.raw.startswith(b"\x89PNG")


@pytest.mark.parametrize("form", ["multipart", "urlencoded"])
async def test_a_submit_may_come_as_a_form(form: str) -> None:
    """Form fields are read as JSON is; numbers come as text."""
    async with bench() as b:
        asset = b.emulator.add_asset()
        fields = {
            "resourceUrl": asset.resource_url,
            "coverUrl": asset.cover_url,
            "maxJobs": "3",
            "replyRef": "r",
        }
        data: aiohttp.FormData | dict[str, str] = fields
        if form == "multipart":
            with aiohttp.MultipartWriter("form-data") as parts:
                for name, value in fields.items():
                    parts.append(value).set_content_disposition("form-data", name=name)
            answer = await b.call("POST", "/videos/motion-upload", data=parts)
        else:
            answer = await b.call("POST", "/videos/motion-upload", data=data)
        assert answer.status == 200
        assert b.emulator.books.posts == {"r": 1}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"resourceUrl": None}, "Parameter resourceUrl is required"),
        ({"resourceUrl": ""}, "Parameter resourceUrl is required"),
        ({"coverUrl": None}, "Parameter coverUrl is required"),
        ({"coverUrl": 7}, "Parameter coverUrl must be a string"),
        ({"maxJobs": 0}, "Parameter maxJobs must be an integer between 1 and 50"),
        ({"maxJobs": 51}, "Parameter maxJobs must be an integer between 1 and 50"),
        ({"maxJobs": True}, "Parameter maxJobs must be an integer between 1 and 50"),
        ({"maxJobs": "many"}, "Parameter maxJobs must be an integer between 1 and 50"),
        ({"email": "stranger@example.com"}, "Unable to find configuration for account stranger@example.com"),
    ],
)
async def test_a_bad_parameter_is_named(fields: dict[str, object], error: str) -> None:
    """400 says which parameter is wrong, and nothing is created."""
    async with bench() as b:
        answer = await b.submit(b.emulator.add_asset(), **fields)
        assert (answer.status, answer.body) == (400, {"error": error})
        assert b.emulator.books.tasks == []


async def test_a_body_that_is_no_object_is_refused() -> None:
    """Broken JSON and lists are 400."""
    async with bench() as b:
        for body in (b"{", b"[]", b""):
            answer = await b.call("POST", "/videos/motion-upload", data=body)
            assert answer.status == 400


@pytest.mark.parametrize("missing", ["resourceUrl", "coverUrl"])
async def test_an_asset_never_issued_is_unknown(missing: str) -> None:
    """404 with VALID.ResourceNotFound for either URL."""
    async with bench() as b:
        answer = await b.submit(None, **{missing: "https://cdn.example.test/in/walk.mp4"})
        assert answer.status == 404
        assert "(VALID.ResourceNotFound)" in answer.body["error"]


async def test_an_asset_belongs_to_its_account() -> None:
    """Another account's asset is unknown to this one."""
    async with bench(Emulator(accounts=TWO)) as b:
        asset = b.emulator.add_asset(email="a@example.com")
        assert (await b.submit(asset, email="b+c@example.com")).status == 404
        assert (await b.submit(asset, email="a@example.com")).status == 200


async def test_a_task_belongs_to_its_account() -> None:
    """Another account's task is missing to this one."""
    async with bench(Emulator(accounts=TWO)) as b:
        task_id = await b.submitted(email="b+c@example.com")
        assert (await b.look(task_id, params={"email": "b+c@example.com"})).status == 200
        assert (await b.look(task_id, params={"email": "a@example.com"})).status == 404


async def test_the_email_is_needed_with_several_accounts() -> None:
    """Without `email` every call on an account is 400 once there are two."""
    async with bench(Emulator(accounts=TWO)) as b:
        asset = b.emulator.add_asset(email="a@example.com")
        answers = [
            await b.submit(asset),
            await b.upload(mp4(5.0), "video/mp4"),
            await b.look(1),
            await b.delete("/tasks/1"),
            await b.get("/tasks"),
            await b.get("/videos/motions"),
            await b.get("/assets/uploaded/"),
        ]
        assert [(a.status, a.body) for a in answers] == [(400, {"error": "Parameter email is required"})] * 7
        assert (await b.get("/scheduler/available")).status == 200


async def test_the_account_limit_holds_until_a_task_ends() -> None:
    """Over `maxJobs` a submit is 429 and creates nothing; a finished task makes room."""
    async with bench(Emulator(accounts=[Account("a@example.com", max_jobs=2)])) as b:
        first = await b.submitted()
        await b.submitted()
        assert (await b.submit()).status == 429
        assert len(b.emulator.books.tasks) == 2
        while not (await b.look(first)).body["status_final"]:
            pass
        assert (await b.submit()).status == 200
        assert b.emulator.books.open_tasks == {"a@example.com": 2}


async def test_a_call_may_bring_its_own_limit() -> None:
    """`maxJobs` in the body overrides the account's for this call."""
    async with bench() as b:
        await b.submitted()
        assert (await b.submit(maxJobs=1)).status == 429
        assert (await b.submit(maxJobs=2)).status == 200
        b.emulator.set_max_jobs(2)
        assert (await b.submit()).status == 429
        assert (await b.submit(maxJobs=3)).status == 200


@pytest.mark.parametrize("form", ["seconds", "date", "body", "none"])
async def test_a_429_names_the_wait_in_the_form_asked_for(form: str) -> None:
    """Header seconds, header date by the service's own clock, body, or nothing."""
    retry_after = RetryAfter(30, form)  # type: ignore[arg-type]  # the table's text
    emulator = Emulator(accounts=[Account("a@example.com", max_jobs=1)], retry_after=retry_after, clock_skew=500)
    async with bench(emulator) as b:
        await b.submitted()
        answer = await b.submit()
        header = answer.headers.get("Retry-After")
        assert ("retryAfter" in answer.body) == (form == "body")
        if form == "seconds":
            assert header == "30"
        elif form == "date":
            assert parsedate_to_datetime(str(header)).timestamp() == pytest.approx(emulator.now() + 30, abs=1)
            assert parsedate_to_datetime(answer.headers["Date"]).timestamp() == pytest.approx(emulator.now(), abs=1)
        else:
            assert header is None


@pytest.mark.parametrize(
    ("seconds", "case"),
    [(1.9, "too_short"), (2.0, None), (10.0, None), (10.1, "too_long")],
)
async def test_motion_upload_takes_two_to_ten_seconds(seconds: float, case: str | None) -> None:
    """A clip of another length is refused with a 500 that carries a MOTION code."""
    async with bench() as b:
        upload = (await b.upload(mp4(seconds), "video/mp4")).body
        fields = {"resourceUrl": upload["resourceUrl"], "coverUrl": upload["coverUrl"]}
        answer = await b.call("POST", "/videos/motion-upload", json=fields)
        if case is None:
            assert answer.status == 200
        else:
            assert answer.status == 500
            assert answer.body["error"].endswith(f"({CODES[case]})")


async def test_motion_upload_takes_videos_only() -> None:
    """An image's URL is refused as input, and taken as cover."""
    async with bench() as b:
        image = b.emulator.add_asset(media=Media("image/png", None, 400, 400), extension="png")
        assert (await b.submit(image)).status == 500
        assert (await b.submit(b.emulator.add_asset(), coverUrl=image.resource_url)).status == 200


@pytest.mark.parametrize(
    ("data", "content_type", "error"),
    [
        (mp4(5.0), "text/plain", "Content-Type text/plain is not supported"),
        (mp4(5.0), "image/png", "File is video/mp4, Content-Type says image/png"),
        (b"no video at all", "video/mp4", "File is not readable as video/mp4"),
        (mp4(5.0)[:200], "video/mp4", "File is not readable as video/mp4"),
        (b"", "video/mp4", "File is empty"),
        (mp4(30.1), "video/mp4", "File duration exceeds 30 seconds"),
        (wav(30.1), "audio/wav", "File duration exceeds 30 seconds"),
        (mp4(5.0, padding=100 * MEGABYTE), "video/mp4", "File size exceeds 100 MB"),
        (wav(5.0) + bytes(20 * MEGABYTE), "audio/wav", "File size exceeds 20 MB"),
    ],
    ids=["type", "other", "text", "torn", "empty", "long", "long_sound", "large", "large_sound"],
)
async def test_an_upload_is_what_it_says_and_within_its_limits(data: bytes, content_type: str, error: str) -> None:
    """Type by header and by content, size and duration are really checked."""
    async with bench() as b:
        answer = await b.upload(data, content_type)
        assert answer.status == 400
        assert answer.body["error"].startswith(error)
        assert (await b.get("/assets/uploaded/")).body == {"uploadAssetsList": []}


async def test_uploads_may_end_at_the_ten_seconds_of_2025() -> None:
    """By the page of 2025 no upload is longer than motion-upload takes; since then motion-create takes more."""
    async with bench(Emulator(longest_upload=10.0)) as b:
        assert (await b.upload(mp4(10.0), "video/mp4")).status == 200
        answer = await b.upload(mp4(10.1), "video/mp4")
        assert (answer.status, answer.body) == (400, {"error": "File duration exceeds 10 seconds"})


async def test_an_image_has_sides_of_300_pixels() -> None:
    """A smaller picture is refused."""
    async with bench() as b:
        assert (await b.upload(cover_png(300, 300, 0), "image/png; charset=binary")).status == 200
        small = b"\x89PNG\r\n\x1a\n" + cover_png(300, 300, 0)[8:]
        small = _resized(small, 299)
        answer = await b.upload(small, "image/png")
        assert answer.body == {"error": "Image sides must be at least 300 pixels"}


def _resized(png: bytes, width: int) -> bytes:
    import struct
    import zlib

    header = b"IHDR" + struct.pack(">I", width) + png[20:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


async def test_a_large_upload_lies_on_disk_and_is_gone_after_the_stop() -> None:
    """Many megabytes do not stay in memory, come back whole, and leave no file behind."""
    clip = mp4(5.0, padding=5 * MEGABYTE)
    async with bench() as b:
        upload = (await b.upload(clip, "video/quicktime")).body
        asset = b.emulator._state.assets.at(upload["resourceUrl"])
        assert asset is not None
        path = asset.blob.source
        assert not isinstance(path, bytes)
        assert path.exists()
        assert (await b.get(upload["resourceUrl"])).raw == clip
    assert not path.parent.exists()


async def test_equal_files_share_a_url_only_if_asked() -> None:
    """Every upload is another asset, unless the service is told to de-duplicate."""
    for deduplicate, distinct in ((False, 2), (True, 1)):
        async with bench(Emulator(deduplicate=deduplicate)) as b:
            urls = {(await b.upload(mp4(5.0), "video/mp4")).body["resourceUrl"] for _ in range(2)}
            assert len(urls) == distinct


async def test_a_token_is_needed_everywhere_but_for_files() -> None:
    """401 with the documented body, whatever is wrong with the token; files ask for none and note it."""
    async with bench() as b:
        asset = b.emulator.add_asset(b"data")
        for token in (None, "user:2-example", "example", ""):
            answer = await b.get("/scheduler", token=token)
            assert (answer.status, answer.body) == (401, {"error": "Unauthorized", "code": 401})
        assert (await b.get(asset.resource_url, token=None)).status == 200
        assert b.emulator.books.tokens_to_files == 0
        await b.get(asset.resource_url)
        assert b.emulator.books.tokens_to_files == 1


async def test_paths_without_their_slash_are_not_there() -> None:
    """POST /assets and unknown paths are 404; GET /tasks answers either way."""
    async with bench() as b:
        assert (await b.call("POST", "/assets", data=b"x")).status == 404
        assert (await b.get("/nothing")).status == 404
        assert (await b.get("/tasks/")).body == (await b.get("/tasks")).body == {"history": []}


async def test_the_books_tell_what_was_seen() -> None:
    """Requests are kept with endpoint, query, headers, body, account, fault and time."""
    async with bench() as b:
        await b.get("/tasks", params={"pageSize": "5"}, headers={"X-Mark": "1"})
        await asyncio.sleep(3)
        await b.submitted(replyRef="job-7")
        first, second = b.emulator.books.requests
        assert (first.endpoint, first.method, first.path) == ("list_tasks", "GET", "/v1/kling/tasks")
        assert (first.query, first.headers["x-mark"], first.sent_token) == ({"pageSize": "5"}, "1", True)
        assert (first.account, first.answered, first.fault) == ("performer@example.com", 200, None)
        assert second.body is not None
        assert second.body["replyRef"] == "job-7"
        assert second.at - first.at == pytest.approx(3, abs=0.1)
        assert b.emulator.books.count("submit_motion") == 1
        assert b.emulator.books.count() == 2
        assert [task.resource_url for task in b.emulator.books.tasks_for("job-7")] == [second.body["resourceUrl"]]
