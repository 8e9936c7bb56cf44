"""What the lists show: motions in every dialect, history, scheduler, accounts, uploads; and when."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from klingmotion.emulator import Account, ByLooks, Emulator, Lag, Media, Outcome

from .bench import bench


async def test_the_2025_list_has_newest_first_in_pages() -> None:
    """Pages of the October 2025 list hold what `pageSize` says, and end with a short or empty one."""
    async with bench() as b:
        made = [b.emulator.add_motion(f"m{number}").work_id for number in range(5)]
        pages = [await b.motions(pageNum=str(page), pageSize="2") for page in (1, 2, 3, 4)]
        listed = [[entry["workId"] for entry in page] for page in pages]
        assert listed == [[made[4], made[3]], [made[2], made[1]], [made[0]], []]


@pytest.mark.parametrize("query", [{"pageNum": "0"}, {"pageSize": "0"}, {"pageSize": "101"}, {"pageNum": "x"}])
async def test_the_2025_list_refuses_senseless_pages(query: dict[str, str]) -> None:
    """Page numbers start at 1 and sizes end at 100."""
    async with bench() as b:
        assert (await b.get("/videos/motions", params={"mine": "true", **query})).status == 400


async def test_the_2026_list_knows_no_pages_and_no_task_ids() -> None:
    """The January 2026 list is whole whatever page is asked for, and links by URL only."""
    async with bench(Emulator(dialect="2026")) as b:
        asset = b.emulator.add_asset()
        await b.finished(asset)
        b.emulator.add_motion()
        first, second = await b.motions(pageNum="2", pageSize="1"), await b.motions()
        assert first == second
        assert len(first) == 2
        assert "taskId" not in first[1]
        assert first[0]["url"] != asset.resource_url
        assert first[1]["url"] == asset.resource_url


async def test_a_mixed_list_holds_both_shapes() -> None:
    """Entries of both dialects stand in one array, also across pages."""
    async with bench(Emulator(dialect="mixed")) as b:
        for _ in range(4):
            b.emulator.add_motion()
        entries = [entry for page in "1234" for entry in await b.motions(pageNum=page, pageSize="1")]
        assert ["workId" in entry for entry in entries] == [True, False, True, False]


async def test_official_templates_have_negative_ids() -> None:
    """Without `mine=true` the templates are listed, and nobody's motions."""
    async with bench() as b:
        await b.finished()
        b.emulator.add_official_motion("Dance", tag="Music")
        entries = (await b.get("/videos/motions")).body
        assert all(entry["official"] and entry["workId"] < 0 for entry in entries)
        assert (entries[-1]["workName"], entries[-1]["tag"]) == ("Dance", "Music")


async def test_a_motion_is_listed_after_the_looks_its_lag_asks_for() -> None:
    """With a lag of two looks the third one shows it; a second page is no look."""
    async with bench(Emulator(listing_delay=Lag(looks=2))) as b:
        await b.finished()
        assert [len(await b.motions(pageNum=page)) for page in "1221"] == [0, 0, 0, 0]
        assert len(await b.motions()) == 1


async def test_a_motion_is_listed_after_the_seconds_its_lag_asks_for() -> None:
    """A lag in seconds ends by the clock, however often one looks."""
    async with bench(Emulator(listing_delay=Lag(seconds=30))) as b:
        await b.finished()
        await asyncio.sleep(29)
        assert await b.motions() == []
        await asyncio.sleep(1.5)
        assert len(await b.motions()) == 1


async def test_a_motion_may_never_be_listed() -> None:
    """For all tasks, or for one."""
    async with bench(Emulator(listing_delay="never")) as b:
        await b.finished()
        assert await b.motions() == await b.motions() == []
    async with bench() as b:
        b.emulator.next_tasks(Outcome(listed=False))
        await b.finished()
        task_id = await b.finished()
        assert [entry["taskId"] for entry in await b.motions()] == [task_id]


async def test_a_motion_may_lack_its_links() -> None:
    """`extData` holds the links there are, and their files are there or not accordingly."""
    async with bench() as b:
        b.emulator.next_tasks(Outcome(bvh=False))
        await b.finished()
        links = (await b.motions())[0]["extData"]
        assert links.keys() == {"output_binary"}
        assert (await b.get(links["output_binary"], token=None)).status == 200
        assert (await b.get(links["output_binary"].replace("binary.zip", "bvh.zip"), token=None)).status == 404


async def test_the_history_pages_by_time() -> None:
    """`createdBefore` and `createdAfter` are strict, newest first, and never both."""
    async with bench(Emulator(accounts=[Account("a@example.com", max_jobs=50)])) as b:
        made = [await b.submitted() for _ in range(5)]
        listed = (await b.get("/tasks", params={"pageSize": "2"})).body["history"]
        assert [entry["task"]["id"] for entry in listed] == [made[4], made[3]]
        oldest = str(listed[-1]["task"]["createTime"])
        earlier = (await b.get("/tasks", params={"createdBefore": oldest})).body["history"]
        assert [entry["task"]["id"] for entry in earlier] == [made[2], made[1], made[0]]
        later = (await b.get("/tasks", params={"createdAfter": oldest})).body["history"]
        assert [entry["task"]["id"] for entry in later] == [made[4]]
        both = await b.get("/tasks", params={"createdAfter": oldest, "createdBefore": oldest})
        assert both.status == 400


async def test_the_history_has_a_page_limit_of_its_own() -> None:
    """The service may give fewer entries than asked for."""
    async with bench(Emulator(page_limit=3)) as b:
        for _ in range(4):
            b.emulator.add_task()
        assert len((await b.get("/tasks", params={"pageSize": "50"})).body["history"]) == 3


async def test_the_history_may_show_works_only_or_nothing() -> None:
    """Entries may come without a task, and motion tasks may not be listed at all."""
    async with bench(Emulator(history="works")) as b:
        await b.submitted()
        assert (await b.get("/tasks")).body == {"history": [{"works": []}]}
    async with bench(Emulator(history="none")) as b:
        await b.submitted()
        assert (await b.get("/tasks")).body == {"history": []}


async def test_the_history_is_about_videos() -> None:
    """Motion tasks are found under `video`, not under other contents; others are refused."""
    async with bench() as b:
        await b.submitted()
        sizes = {
            kind: len((await b.get("/tasks", params={"contentType": kind})).body["history"])
            for kind in ("video", "image", "audio")
        }
        assert sizes == {"video": 1, "image": 0, "audio": 0}
        assert (await b.get("/tasks", params={"contentType": "text"})).status == 400


async def test_new_tasks_may_be_late_in_both_listings() -> None:
    """A lag in looks hides a new task from the history and the scheduler, each by its own count."""
    emulator = Emulator(history_delay=Lag(looks=1), scheduler_delay=Lag(looks=2), progress=ByLooks(9, 9))
    async with bench(emulator) as b:
        await b.submitted()
        history = [len((await b.get("/tasks")).body["history"]) for _ in range(3)]
        running = [len((await b.get("/scheduler")).body) for _ in range(4)]
        assert (history, running) == ([0, 1, 1], [0, 0, 1, 1])
        assert (await b.get("/scheduler/available")).body["available"][0]["executing"] == 1


async def test_the_scheduler_shows_what_runs_in_all_accounts() -> None:
    """Running tasks of every account, with age and reply ref; capacity beside them."""
    emulator = Emulator(accounts=[Account("a@example.com", 2), Account("b@example.com", 3)])
    async with bench(emulator) as b:
        first = await b.submitted(email="a@example.com", replyRef="r1")
        await asyncio.sleep(75.1)
        second = await b.submitted(email="b@example.com", replyUrl="http://127.0.0.1:9/", replyRef="r2")
        running = (await b.get("/scheduler")).body
        assert [(item["id"], item["elapsed"]) for item in running] == [(first, "01:15"), (second, "00:00")]
        assert [item["replyRef"] for item in running] == ["r1", "r2"]
        assert datetime.fromisoformat(running[0]["started"]).tzinfo is not None
        capacity = (await b.get("/scheduler/available")).body
        assert capacity["executing"] == running
        assert [(item["maxJobs"], item["available"]) for item in capacity["available"]] == [(2, 1), (3, 2)]


async def test_the_scheduler_may_hide_a_lone_reply_ref() -> None:
    """A reply ref without a reply URL may not be shown."""
    async with bench(Emulator(lone_reply_ref=False)) as b:
        await b.submitted(replyRef="r1")
        assert "replyRef" not in (await b.get("/scheduler")).body[0]


async def test_untracking_frees_the_slot_and_leaves_the_task() -> None:
    """DELETE /scheduler/<id> stops the tracking only; a second one is 404."""
    async with bench() as b:
        task_id = await b.submitted()
        answer = await b.delete(f"/scheduler/{task_id}")
        assert (answer.status, answer.raw) == (200, b"")
        assert (await b.get("/scheduler")).body == []
        assert (await b.look(task_id)).status == 200
        again = await b.delete(f"/scheduler/{task_id}")
        assert again.body == {"error": f"Unable to locate running task_id {task_id}"}
        senseless = await b.delete("/scheduler/abc")
        assert senseless.status == 400
        assert senseless.body["error"].startswith("Error ")


async def test_deleting_takes_the_task_its_motion_and_its_files() -> None:
    """After DELETE /tasks/<id> nothing of it answers any more."""
    async with bench() as b:
        task_id = await b.finished()
        entry = (await b.motions())[0]
        answer = await b.delete(f"/tasks/{task_id}")
        assert answer.body == {"deleted": 1, "workIds": [entry["workId"]]}
        assert await b.motions() == []
        assert (await b.look(task_id)).status == 404
        assert (await b.get(entry["extData"]["bvh_binary"], token=None)).status == 404
        assert (await b.delete(f"/tasks/{task_id}")).status == 404


async def test_a_task_without_works_cannot_be_deleted() -> None:
    """A running or failed task is 404 to DELETE, and stays."""
    async with bench() as b:
        b.emulator.next_tasks(Outcome(), Outcome(end="failed"))
        running, failed = await b.submitted(), await b.finished()
        for task_id in (running, failed, 4):
            answer = await b.delete(f"/tasks/{task_id}")
            assert (answer.status, answer.body) == (404, {"error": f"No works found for task {task_id}"})
        assert (await b.look(running)).status == 200
        assert (await b.delete("/tasks/abc")).body == {"error": "Invalid task_id parameter"}


async def test_a_motion_made_elsewhere_can_be_deleted() -> None:
    """A motion listed without a task of ours goes by its task id too."""
    async with bench() as b:
        motion = b.emulator.add_motion()
        assert (await b.delete(f"/tasks/{motion.task_id}")).body["workIds"] == [motion.work_id]
        assert await b.motions() == []


async def test_accounts_are_listed_by_email() -> None:
    """GET /accounts is an object by email; one account is found by its email, percent-encoded."""
    async with bench(Emulator(accounts=[Account("a+b@example.com", max_jobs=7)])) as b:
        assert (await b.get("/accounts")).body["a+b@example.com"]["maxJobs"] == 7
        assert (await b.get("/accounts/a%2Bb%40example.com")).body["balance"]["points"] == []
        assert (await b.get("/accounts/c%40example.com")).status == 404
    async with bench(Emulator(accounts=[])) as b:
        assert (await b.get("/accounts")).status == 404


async def test_an_account_shows_its_points() -> None:
    """The balance has one order when there are points, and none otherwise."""
    async with bench(Emulator(accounts=[Account("a@example.com", points=66_000)])) as b:
        balance = (await b.get("/accounts/a%40example.com")).body["balance"]
        assert (balance["total"], [order["balance"] for order in balance["points"]]) == (66_000, [66_000])
        assert "balance" not in (await b.get("/accounts")).body["a@example.com"]


async def test_a_broken_account_says_so_and_does_nothing() -> None:
    """Its entry has the reason; whatever names it is 596, and other accounts work on."""
    emulator = Emulator(accounts=[Account("a@example.com", error="login failed"), Account("b@example.com")])
    async with bench(emulator) as b:
        accounts = (await b.get("/accounts")).body
        assert accounts["a@example.com"]["error"] == "login failed"
        assert "error" not in accounts["b@example.com"]
        answer = await b.submit(email="a@example.com")
        assert answer.status == 596
        assert answer.body["error"] == "Account a@example.com in error state: login failed"
        assert (await b.get("/tasks", params={"email": "a@example.com"})).status == 596
        assert (await b.submit(email="b@example.com")).status == 200


async def test_uploads_are_listed_and_filtered() -> None:
    """Kind, name, order and page choose among the uploaded files."""
    async with bench() as b:
        video = b.emulator.add_asset(b"one")
        image = b.emulator.add_asset(b"two", media=Media("image/png", None, 400, 500), extension="png")

        async def ids(**query: str) -> list[str]:
            listed = (await b.get("/assets/uploaded/", params=query)).body["uploadAssetsList"]
            return [entry["id"] for entry in listed]

        assert await ids() == [str(image.id), str(video.id)]
        assert await ids(sort="asc", pageSize="1") == [str(video.id)]
        assert await ids(pageNum="2", pageSize="1") == [str(video.id)]
        assert await ids(contentType="image") == await ids(fileName=".png") == [str(image.id)]


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "up"},
        {"contentType": "text"},
        {"pageNum": "0"},
        {"pageSize": "0"},
        {"pageSize": "101"},
        {"pageNum": "x"},
    ],
)
async def test_senseless_questions_for_uploads_are_refused(query: dict[str, str]) -> None:
    """Whatever is wrong, the answer is the documented one."""
    async with bench() as b:
        answer = await b.get("/assets/uploaded/", params=query)
        assert (answer.status, answer.body) == (400, {"error": "Invalid parameters"})


async def test_deleted_uploads_are_gone_everywhere() -> None:
    """Listing, file and submit know them no more; what is not there, or another's, is not counted."""
    emulator = Emulator(accounts=[Account("a@example.com"), Account("b@example.com")])
    async with bench(emulator) as b:
        first, second, third = (b.emulator.add_asset(email="a@example.com") for _ in range(3))
        other = b.emulator.add_asset(email="b@example.com")
        query = {"email": "a@example.com", "id": f"{first.id},{other.id},700000000000000999,{third.id}"}
        answer = await b.delete("/assets/uploaded/", params=query)
        assert (answer.status, answer.body) == (200, {"deleted": 2, "ids": [str(first.id), str(third.id)]})
        left = (await b.get("/assets/uploaded/", params={"email": "a@example.com"})).body["uploadAssetsList"]
        assert [entry["id"] for entry in left] == [str(second.id)]
        assert (await b.get(first.resource_url, token=None)).status == 404
        assert (await b.get(first.cover_url, token=None)).status == 404
        assert (await b.submit(first, email="a@example.com")).status == 404
        assert (await b.submit(other, email="b@example.com")).status == 200
        assert (await b.delete("/assets/uploaded/", params=query)).body == {"deleted": 0, "ids": []}


async def test_a_deleted_upload_can_be_uploaded_again() -> None:
    """A service that de-duplicates does not hand out the URL of a file that is gone."""
    async with bench(Emulator(deduplicate=True)) as b:
        first = b.emulator.add_asset(b"one")
        await b.delete("/assets/uploaded/", params={"email": "performer@example.com", "id": str(first.id)})
        again = b.emulator.add_asset(b"one")
        assert again.resource_url != first.resource_url
        assert (await b.get(again.resource_url, token=None)).raw == b"one"


async def test_a_task_outlives_the_upload_it_came_from() -> None:
    """Kling has what it needs: a motion still shows the video of a file deleted meanwhile."""
    async with bench() as b:
        asset = b.emulator.add_asset(b"film")
        task_id = await b.submitted(asset)
        await b.delete("/assets/uploaded/", params={"email": "performer@example.com", "id": str(asset.id)})
        body = await b.end(task_id)
        assert (await b.get(body["works"][0]["resource"]["resource"], token=None)).raw == b"film"


@pytest.mark.parametrize("ids", ["", "x", "1,", "1, 2", "-1", ",".join("12345678901")])
async def test_a_deletion_of_uploads_names_up_to_ten_ids_and_the_email(ids: str) -> None:
    """The ids are digits between commas; the email is needed although there is one account only."""
    async with bench() as b:
        answer = await b.delete("/assets/uploaded/", params={"email": "performer@example.com", "id": ids})
        rule = "must be a numeric string or a comma-separated list of up to 10 numeric strings"
        wanted = f"Parameter id ({ids}) {rule}" if ids else "Parameter id is required"
        assert (answer.status, answer.body) == (400, {"error": wanted})
        asset = b.emulator.add_asset()
        answer = await b.delete("/assets/uploaded/", params={"id": str(asset.id)})
        assert (answer.status, answer.body) == (400, {"error": "Parameter email is required"})
        assert len((await b.get("/assets/uploaded/")).body["uploadAssetsList"]) == 1


async def test_another_process_leaves_tasks_of_its_own() -> None:
    """Seeded tasks are listed with their age, ended or running, and are marked in the books."""
    async with bench(Emulator(clock_skew=-300)) as b:
        asset = b.emulator.add_asset()
        old = b.emulator.add_task(asset.resource_url, created_ago=3600, ended=True)
        other = b.emulator.add_task(type="m2v_img2video")
        listed = (await b.get("/tasks")).body["history"]
        assert [entry["task"]["id"] for entry in listed] == [other.id, old.id]
        assert [entry["task"]["type"] for entry in listed] == [
            "m2v_img2video",
            "motion_control_motion_process",
        ]
        age = b.emulator.now() * 1000 - listed[1]["task"]["createTime"]
        assert age == pytest.approx(3_600_000, abs=1000)
        assert [task.seeded for task in b.emulator.books.tasks] == [True, True]
        assert [entry["taskId"] for entry in await b.motions()] == [old.id]
        b.emulator.end_task(other.id)
        b.emulator.vanish_task(old.id)
        assert (await b.look(other.id)).body["status_final"] is True
        assert (await b.look(old.id)).status == 404
