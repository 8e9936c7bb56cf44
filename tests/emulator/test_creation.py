"""Videos out of motions: what POST /videos/motion-create takes in each dialect, and what comes of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from klingmotion.emulator import Account, Emulator, Media, Motion, Outcome, Status
from klingmotion.emulator.artefacts import cover_png
from klingmotion.emulator.media import probe
from klingmotion.emulator.rules import CreateDialect

from .bench import Answer, Bench, bench
from .clips import mp4

SAMPLE = (resources.files("klingmotion") / "samples" / "walk.mp4").read_bytes()
TWO = (Account("a@example.com"), Account("b@example.com"))


async def ask(b: Bench, dialect: str, **fields: object) -> Answer:
    """A body of the dialect of 2025, or of one of 2026."""
    if dialect != "2025":
        return await b.create(None, None, **fields)
    own: dict[str, object] = {"workId": b.emulator.add_motion().work_id, "image": b.picture().resource_url}
    return await b.ask_video(**{**own, **fields})


def told(answer: Answer) -> dict[str, str]:
    """The arguments in the reply."""
    return {entry["name"]: entry["value"] for entry in answer.body["task"]["taskInfo"]["arguments"]}


async def test_an_uploaded_motion_and_an_image_make_a_video() -> None:
    """From uploads to a film that can be fetched: the 2026 way needs no extraction."""
    async with bench() as b:
        film = (await b.upload(SAMPLE, "video/mp4")).body
        image = (await b.upload(cover_png(400, 500, 1), "image/png")).body
        answer = await b.ask_video(motionUrl=film["resourceUrl"], imageUrl=image["url"])
        assert answer.body["status_name"] == "submitted"
        body = await b.end(answer.body["task"]["id"])
        (work,) = body["works"]
        assert (work["contentType"], work["status_name"]) == ("video", "succeed")
        assert (work["resource"]["duration"], work["resource"]["width"]) == (5000, 720)
        served = await b.get(work["resource"]["resource"], token=None)
        assert (served.headers["Content-Type"], served.raw) == ("video/mp4", SAMPLE)
        assert (await b.get(work["cover"]["resource"], token=None)).raw.startswith(b"\x89PNG")
        assert await b.motions() == []


@pytest.mark.parametrize("clip", [b"no film at all", mp4(5.0)[:100]], ids=["text", "torn"])
async def test_a_motion_without_a_film_still_makes_one(clip: bytes) -> None:
    """Where the motion's bytes are no MP4 the result is a film of the emulator's own, and says its true length."""
    async with bench() as b:
        body = await b.created(b.emulator.add_asset(clip, media=Media("video/mp4", 20.0, 1080, 1920)))
        resource = body["works"][0]["resource"]
        served = (await b.get(resource["resource"], token=None)).raw
        assert probe(served) == Media("video/mp4", 5.0, 720, 1280)
        assert (resource["duration"], resource["height"]) == (5000, 1280)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe")
async def test_the_film_plays(tmp_path: Path) -> None:
    """Another tool finds frames in a result, also where the motion was an official one without a film."""
    async with bench() as b:
        official = (await b.get("/videos/motions")).body[0]["workId"]
        answer = await b.ask_video(workId=official, image=b.picture().resource_url)
        body = await b.end(answer.body["task"]["id"])
        film = tmp_path / "video.mp4"
        film.write_bytes((await b.get(body["works"][0]["resource"]["resource"], token=None)).raw)
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames"]
    done = subprocess.run([*command, "-of", "json", str(film)], capture_output=True, text=True, check=True)  # noqa: ASYNC221  # the loop has nothing else to do
    (stream,) = json.loads(done.stdout)["streams"]
    assert (stream["codec_name"], stream["nb_read_frames"]) == ("h264", "125")


async def test_a_motion_is_named_by_its_work_id() -> None:
    """The 2025 way: official templates and own motions; the task tells the id and the URL of the motion's video."""
    async with bench() as b:
        await b.finished()
        own = (await b.motions())[0]
        official = (await b.get("/videos/motions")).body[0]
        image = b.picture()
        for entry in (own, official):
            answer = await b.ask_video(workId=entry["workId"], image=image.resource_url)
            motion, picture = answer.body["task"]["taskInfo"]["inputs"]
            assert (motion["fromWorkId"], motion["url"]) == (entry["workId"], entry["resource"]["resource"])
            assert (picture["fromWorkId"], picture["url"]) == (None, image.resource_url)


async def test_motions_unknown_or_of_others_are_not_found() -> None:
    """404 with VALID.ResourceNotFound: no such motion, a video's work id, another account's motion."""
    async with bench(Emulator(accounts=TWO)) as b:
        image = b.picture("a@example.com").resource_url
        foreign: Motion = b.emulator.add_motion(email="b@example.com")
        video = b.emulator.add_task(image_url=image, email="a@example.com", ended=True)
        for work_id in (4, -4, foreign.work_id, video.work_id):
            answer = await b.ask_video(workId=work_id, image=image, email="a@example.com")
            assert answer.status == 404
            assert "(VALID.ResourceNotFound)" in answer.body["error"]
        answer = await b.ask_video(motionUrl=foreign.film_url, imageUrl=image, email="a@example.com")
        assert answer.status == 404
        own = b.emulator.add_motion(email="a@example.com")
        assert (await b.ask_video(workId=own.work_id, image=image, email="a@example.com")).status == 200


@pytest.mark.parametrize("dialect", ["2025", "2026"])
async def test_the_image_is_an_upload_of_the_account(dialect: str) -> None:
    """404 for a URL never issued, another account's image, and what is no image."""
    async with bench(Emulator(accounts=TWO)) as b:
        motion = b.emulator.add_motion(email="a@example.com")
        asset = b.emulator.add_asset(email="a@example.com")
        for url in (
            "https://cdn.example.test/in/pose.png",
            b.picture("b@example.com").resource_url,
            asset.resource_url,
        ):
            fields: dict[str, object] = {"workId": motion.work_id, "image": url}
            if dialect == "2026":
                fields = {"motionUrl": asset.resource_url, "imageUrl": url}
            answer = await b.ask_video(**fields, email="a@example.com")
            assert answer.status == 404
            assert "(VALID.ResourceNotFound)" in answer.body["error"]


@pytest.mark.parametrize("listing", ["2025", "2026"])
async def test_a_listed_motion_is_taken_by_its_url(listing: str) -> None:
    """`url` and `resource.resource` of GET /videos/motions are good motion URLs, own or official."""
    async with bench(Emulator(dialect=listing)) as b:  # type: ignore[arg-type]  # the table's text
        await b.finished()
        b.emulator.add_motion(source_url="https://cdn.example.test/in/elsewhere.mp4?signed=1")
        entries = [*await b.motions(), *(await b.get("/videos/motions")).body]
        assert len(entries) == 4
        for entry in entries:
            url = entry["url"] if "url" in entry else entry["resource"]["resource"]
            answer = await b.ask_video(motionUrl=f"{url}?grown=1", imageUrl=b.picture().resource_url)
            assert answer.status == 200, entry


async def test_a_deleted_motion_is_taken_no_more() -> None:
    """Neither by its id nor by its URL."""
    async with bench() as b:
        task_id = await b.finished()
        entry = (await b.motions())[0]
        await b.delete(f"/tasks/{task_id}")
        image = b.picture().resource_url
        assert (await b.ask_video(workId=entry["workId"], image=image)).status == 404
        assert (await b.ask_video(motionUrl=entry["resource"]["resource"], imageUrl=image)).status == 404


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(2.9, "MOTION.DURATION_LESS"), (3.0, None), (30.0, None), (30.1, "MOTION.DURATION_MORE_THAN_EXPECTED")],
)
async def test_a_motion_lasts_three_to_thirty_seconds(seconds: float, code: str | None) -> None:
    """A film of another length is refused with a 500 that carries a MOTION code."""
    async with bench() as b:
        answer = await b.create(b.emulator.add_asset(media=Media("video/mp4", seconds, 720, 1280)))
        assert answer.status == (200 if code is None else 500)
        assert code is None or answer.body["error"].endswith(f"({code})")


async def test_a_motion_is_a_video() -> None:
    """An image given as motion is refused as input."""
    async with bench() as b:
        answer = await b.create(b.picture())
        assert answer.status == 500
        assert answer.body["error"].endswith("(VALID.UnsupportedFileType)")


MODEL = {"model_name": "kling-v2-6"}
RANGE = "an integer between 0 and 10"


@pytest.mark.parametrize(
    ("dialect", "fields", "error"),
    [
        ("2025", {"workId": None}, "workId is required"),
        ("2025", {"workId": ""}, "workId is required"),
        ("2025", {"workId": "walk"}, "workId must be an integer"),
        ("2025", {"workId": 1.5}, "workId must be an integer"),
        ("2025", {"workId": True}, "workId must be an integer"),
        ("2025", {"image": None}, "image is required"),
        ("2025", {"duration": 7}, "duration must be one of 5, 10"),
        ("2025", {"duration": True}, "duration must be one of 5, 10"),
        ("2025", {"character_id": 11}, f"character_id must be {RANGE}"),
        ("2025", {"character_id": -1}, f"character_id must be {RANGE}"),
        ("2025", {"change_direction": "yes"}, "change_direction must be a boolean"),
        ("2025", {"sound_effect": 1}, "sound_effect must be a boolean"),
        ("2025", {"enable_asmr": []}, "enable_asmr must be a boolean"),
        ("2025", {"audio_prompt": 1}, "audio_prompt must be a string"),
        ("2025", {"music_prompt": 1}, "music_prompt must be a string"),
        *[
            (dialect, fields, error)
            for dialect in ("2026-01", "2026-03")
            for fields, error in (
                ({"motionUrl": None}, "motionUrl is required"),
                ({"imageUrl": ""}, "imageUrl is required"),
                ({"keepAudio": "on"}, "keepAudio must be a boolean"),
                ({"motionDirection": "left"}, "motionDirection must be one of motion_direction, image_direction"),
            )
        ],
        ("2026-03", {"model_name": "kling-v1"}, "model_name must be one of kling-v3-0, kling-v2-6"),
        ("2026-03", {"element_1": "u_x"}, "element_1 must be u_ and digits"),
        ("2026-03", {"element_1": "u_12", **MODEL}, "element_1 must be used with model_name kling-v3-0 only"),
        *[
            (dialect, fields, error)
            for dialect in ("2025", "2026-01", "2026-03")
            for fields, error in (
                ({"mode": "best"}, "mode must be one of std, pro"),
                ({"prompt": "x" * 2501}, "prompt must be a string of up to 2500 characters"),
                ({"prompt": 5}, "prompt must be a string"),
                ({"maxJobs": 51}, "maxJobs must be an integer between 1 and 50"),
                ({"replyRef": 7}, "replyRef must be a string"),
            )
        ],
    ],
)
@pytest.mark.parametrize("any_dialect", [True, False], ids=["any", "set"])
async def test_a_bad_parameter_is_named(
    dialect: CreateDialect, fields: dict[str, object], error: str, any_dialect: bool
) -> None:
    """400 says which parameter is wrong, and nothing is created; a service that takes all dialects says the same."""
    if any_dialect and dialect == "2026-01":
        dialect = "2026-03"  # to such a service they are one
    async with bench(Emulator(create_dialect="any" if any_dialect else dialect)) as b:
        answer = await ask(b, dialect, **fields)
        assert (answer.status, answer.body) == (400, {"error": f"Parameter {error}"})
        assert b.emulator.books.tasks == []


async def test_a_token_is_needed() -> None:
    """401 as everywhere, and nothing is created."""
    async with bench() as b:
        answer = await b.call("POST", "/videos/motion-create", token="user:2-example", json={})
        assert (answer.status, answer.body) == (401, {"error": "Unauthorized", "code": 401})
        assert b.emulator.books.tasks == []


async def test_a_body_that_is_no_object_is_refused() -> None:
    """Broken JSON, lists and nothing are 400."""
    async with bench() as b:
        for body in (b"{", b"[]", b""):
            assert (await b.call("POST", "/videos/motion-create", data=body)).status == 400


@pytest.mark.parametrize(
    ("service", "body", "missing"),
    [
        ("2025", "2026", "workId"),
        ("2026-01", "2025", "motionUrl"),
        ("2026-03", "2025", "motionUrl"),
    ],
)
async def test_a_service_of_one_dialect_takes_no_other(service: CreateDialect, body: str, missing: str) -> None:
    """A body of another year lacks what this year's needs."""
    async with bench(Emulator(create_dialect=service)) as b:
        answer = await ask(b, body)
        assert (answer.status, answer.body) == (400, {"error": f"Parameter {missing} is required"})


@pytest.mark.parametrize(
    ("dialect", "more", "wanted"),
    [
        ("2025", {}, {"duration": "5", "mode": "std", "change_direction": "false", "enable_asmr": "false"}),
        (
            "2025",
            {"duration": "10", "mode": "pro", "character_id": 10, "sound_effect": True, "audio_prompt": "steps"},
            {"duration": "10", "mode": "pro", "character_id": "10", "sound_effect": "true", "audio_prompt": "steps"},
        ),
        ("2025", {"duration": 10, "music_prompt": "waltz"}, {"duration": "10", "music_prompt": "waltz"}),
        ("2026-01", {}, {"prompt": "", "mode": "std", "keepAudio": "false", "motionDirection": "motion_direction"}),
        ("2026-01", {"keepAudio": True, "prompt": "x" * 2500}, {"keepAudio": "true", "prompt": "x" * 2500}),
        ("2026-03", {}, {"model_name": "kling-v3-0"}),
        ("2026-03", {"model_name": "kling-v2-6"}, {"model_name": "kling-v2-6"}),
        ("2026-03", {"element_1": "u_123456789012345"}, {"element_1": "u_123456789012345"}),
        ("2026-03", {"motionDirection": "image_direction"}, {"motionDirection": "image_direction"}),
    ],
)
async def test_the_task_tells_what_was_asked_for(
    dialect: CreateDialect, more: dict[str, object], wanted: dict[str, str]
) -> None:
    """Options and their defaults stand in `taskInfo.arguments`; those of another dialect do not."""
    async with bench(Emulator(create_dialect=dialect)) as b:
        arguments = told(await ask(b, dialect, **more))
        assert arguments.items() >= wanted.items()
        assert ("model_name" in arguments, "duration" in arguments) == (dialect == "2026-03", dialect == "2025")


async def test_a_video_may_be_asked_for_by_form() -> None:
    """Numbers and yes or no come as text."""
    async with bench() as b:
        work_id, image = b.emulator.add_official_motion("Spin").work_id, b.picture().resource_url
        fields = {"workId": str(work_id), "image": image, "duration": "10", "character_id": "2", "sound_effect": "true"}
        with aiohttp.MultipartWriter("form-data") as parts:
            for name, value in {**fields, "maxJobs": "3", "replyRef": "r"}.items():
                parts.append(value).set_content_disposition("form-data", name=name)
        answer = await b.call("POST", "/videos/motion-create", data=parts)
        assert answer.status == 200
        assert told(answer).items() >= {"duration": "10", "character_id": "2", "sound_effect": "true"}.items()
        assert answer.body["task"]["taskInfo"]["inputs"][0]["fromWorkId"] == work_id
        assert b.emulator.books.posts == {"r": 1}


async def test_both_posts_share_one_limit() -> None:
    """Motions and videos run in the same slots of an account."""
    async with bench(Emulator(accounts=[Account("a@example.com", max_jobs=2)])) as b:
        await b.submitted()
        assert (await b.create()).status == 200
        assert (await b.create()).status == 429
        assert (await b.submit()).status == 429
        assert (await b.create(maxJobs=3)).status == 200
        assert b.emulator.books.open_tasks == {"a@example.com": 3}


async def test_a_video_is_in_every_listing_of_tasks() -> None:
    """History and scheduler show it as they show a motion's task; its type tells it apart."""
    async with bench() as b:
        task_id = (await b.create(replyRef="r")).body["task"]["id"]
        motion_id = await b.submitted()
        entries = (await b.get("/tasks")).body["history"]
        assert [entry["task"]["id"] for entry in entries] == [motion_id, task_id]
        assert len({entry["task"]["type"] for entry in entries}) == 2
        assert [item["id"] for item in (await b.get("/scheduler")).body] == [task_id, motion_id]
        assert (await b.get("/scheduler")).body[0]["replyRef"] == "r"
        assert (await b.get("/scheduler/available")).body["available"][0]["executing"] == 2


async def test_the_books_count_both_posts() -> None:
    """Submits by reply ref, tasks by reply ref and by either of their assets."""
    async with bench() as b:
        motion, image = b.emulator.add_asset(), b.picture()
        await b.create(motion, image, replyRef="v")
        await b.submit(motion, replyRef="m")
        books = b.emulator.books
        assert books.posts == {"v": 1, "m": 1}
        assert (books.count("submit_video"), books.count("submit_motion")) == (1, 1)
        assert [task.image_url for task in books.tasks_for("v")] == [image.resource_url]
        assert [task.reply_ref for task in books.tasks_of(motion.resource_url)] == ["v", "m"]
        assert [task.reply_ref for task in books.tasks_of(image.resource_url)] == ["v"]
        assert [task.type for task in books.tasks] == ["motion_control_video", "motion_control_motion_process"]


async def test_outcomes_are_scripted_for_videos_too() -> None:
    """The next task, or the next one of an image or a motion, ends as scripted."""
    async with bench() as b:
        motion, image = b.emulator.add_asset(), b.picture()
        b.emulator.next_tasks(Outcome(works=False), resource_url=image.resource_url)
        b.emulator.next_tasks(Outcome(end="failed", error="by motion"), resource_url=motion.resource_url)
        b.emulator.next_tasks(Outcome(end="failed", error="next"))
        assert (await b.created(motion, image))["error"] == "by motion"
        assert (await b.created(motion, image))["works"] == []
        assert (await b.created(motion, image))["error"] == "next"
        assert len((await b.created(motion, image))["works"]) == 1


async def test_faults_are_scripted_for_videos_too() -> None:
    """A refused picture, a lost submit: each at the endpoint's own name."""
    async with bench() as b:
        b.emulator.fail("submit_video", Status.picture_not_matched(), Status.account_error(), Status.subscription())
        answer = await b.create()
        assert answer.status == 400
        assert answer.body["error"].endswith("(MOTION.PIC_NOT_MATCHED)")
        assert [(await b.create()).status for _ in range(2)] == [596, 402]
        assert (await b.submit()).status == 200
        assert (await b.create()).status == 200
        assert len(b.emulator.books.tasks) == 2


async def test_a_video_is_called_back() -> None:
    """Progress and end are posted to the reply URL, with the work."""
    received: list[Any] = []

    async def receive(request: web.BaseRequest) -> web.Response:
        received.append(await request.json())
        return web.Response()

    runner = web.ServerRunner(web.Server(receive, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with bench() as b:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/k"
            await b.created(replyUrl=url, replyRef="r")
            while len(received) < 2:
                await b.get("/scheduler")
    finally:
        await runner.cleanup()
    assert [body["status_name"] for body in received] == ["processing", "succeed"]
    assert received[1]["replyRef"] == "r"
    assert received[1]["works"][0]["contentType"] == "video"


async def test_a_video_is_deleted_with_its_task() -> None:
    """After DELETE /tasks/<id> its film is gone."""
    async with bench() as b:
        body = await b.created()
        work = body["works"][0]
        answer = await b.delete(f"/tasks/{body['task']['id']}")
        assert answer.body == {"deleted": 1, "workIds": [work["workId"]]}
        assert (await b.get(work["resource"]["resource"], token=None)).status == 404


async def test_another_process_makes_videos_too() -> None:
    """A seeded task with an image makes a video."""
    async with bench() as b:
        image = b.picture()
        task = b.emulator.add_task(image_url=image.resource_url, reply_ref="r", ended=True)
        body = (await b.look(task.id)).body
        assert body["works"][0]["contentType"] == "video"
        assert body["task"]["type"] == "motion_control_video"
        assert [seen.seeded for seen in b.emulator.books.tasks_of(image.resource_url)] == [True]
        assert await b.motions() == []
