"""What is sent: one builder per endpoint, and the arguments it refuses before anything goes out."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from klingmotion import requests
from klingmotion.errors import InvalidRequestError
from klingmotion.refs import TaskRef
from klingmotion.requests import Endpoint, Request, checked_asset_id, checked_email, checked_task_id, checked_url

VIDEO = "https://cdn.example.test/in/walk.mp4"
COVER = "https://cdn.example.test/in/walk.jpg"
IMAGE = "https://cdn.example.test/in/pose.png"
EMAIL = "performer+1@example.com"
FAR = 2**53 + 1


NO_URLS = [
    "", "  ", 17, b"https://example.test/", "walk.mp4", "/tmp/walk.mp4", "ftp://example.test/a", "https://",
    "https:///a.mp4", "https://exa mple.test/a", "https://example.test/a b", "https://example.test/a\nb", "https://[::1",
    "file:///tmp/a.mp4", "javascript:alert(1)",
]  # fmt: skip


def submit(**changes: object) -> Request:
    known: dict[str, object] = {"resource_url": VIDEO, "cover_url": COVER, "reply_ref": "job-7", **changes}
    return requests.submit_motion(**known)  # type: ignore[arg-type]  # wrong types are what is tested


def video(**changes: object) -> Request:
    known: dict[str, object] = {"image_url": IMAGE, "options": {}, "reply_ref": "job-7", **changes}
    return requests.submit_video(**known)  # type: ignore[arg-type]  # wrong types are what is tested


#: What is built, and its endpoint, method, path, query, body and content type.
BUILT: dict[str, tuple[Request, tuple[object, ...]]] = {
    "upload": (
        requests.upload_asset("video/mp4"),
        (Endpoint.UPLOAD_ASSET, "POST", "/assets/", {}, None, "video/mp4"),
    ),
    "upload for an account": (
        requests.upload_asset("image/png", email=EMAIL),
        (Endpoint.UPLOAD_ASSET, "POST", "/assets/", {"email": EMAIL}, None, "image/png"),
    ),
    "submit": (
        submit(),
        (
            Endpoint.SUBMIT_MOTION,
            "POST",
            "/videos/motion-upload",
            {},
            {"resourceUrl": VIDEO, "coverUrl": COVER, "replyRef": "job-7"},
            None,
        ),
    ),
    "submit with everything": (
        submit(email=EMAIL, max_jobs=50, reply_url="https://hooks.example.test/k"),
        (
            Endpoint.SUBMIT_MOTION,
            "POST",
            "/videos/motion-upload",
            {},
            {
                "email": EMAIL,
                "resourceUrl": VIDEO,
                "coverUrl": COVER,
                "replyRef": "job-7",
                "maxJobs": 50,
                "replyUrl": "https://hooks.example.test/k",
            },
            None,
        ),
    ),
    "look": (requests.get_task(FAR), (Endpoint.GET_TASK, "GET", f"/tasks/{FAR}", {}, None, None)),
    "look for an account": (
        requests.get_task(17, email=EMAIL),
        (Endpoint.GET_TASK, "GET", "/tasks/17", {"email": EMAIL}, None, None),
    ),
    "delete": (
        requests.delete_task(17, email=EMAIL),
        (Endpoint.DELETE_TASK, "DELETE", "/tasks/17", {"email": EMAIL}, None, None),
    ),
    "own motions": (
        requests.list_motions(mine=True, page=2, page_size=100, email=EMAIL),
        (
            Endpoint.LIST_MOTIONS,
            "GET",
            "/videos/motions",
            {"email": EMAIL, "mine": "true", "pageNum": "2", "pageSize": "100"},
            None,
            None,
        ),
    ),
    "own motions without pages": (
        requests.list_motions(mine=True, page=None, page_size=40),
        (Endpoint.LIST_MOTIONS, "GET", "/videos/motions", {"mine": "true"}, None, None),
    ),
    "official motions have no pages": (
        requests.list_motions(mine=False, page=1, page_size=40),
        (Endpoint.LIST_MOTIONS, "GET", "/videos/motions", {}, None, None),
    ),
    "tasks": (requests.list_tasks(), (Endpoint.LIST_TASKS, "GET", "/tasks", {}, None, None)),
    "tasks after": (
        requests.list_tasks(created_after=1_760_000_000_000, email=EMAIL),
        (Endpoint.LIST_TASKS, "GET", "/tasks", {"email": EMAIL, "createdAfter": "1760000000000"}, None, None),
    ),
    "tasks before": (
        requests.list_tasks(created_before=1_760_000_000_000),
        (Endpoint.LIST_TASKS, "GET", "/tasks", {"createdBefore": "1760000000000"}, None, None),
    ),
    "tasks take one bound, never both": (
        requests.list_tasks(created_before=2, created_after=1),
        (Endpoint.LIST_TASKS, "GET", "/tasks", {"createdBefore": "2"}, None, None),
    ),
    "running": (requests.list_running(), (Endpoint.LIST_RUNNING, "GET", "/scheduler", {}, None, None)),
    "untrack": (requests.untrack_task(17), (Endpoint.UNTRACK_TASK, "DELETE", "/scheduler/17", {}, None, None)),
    "slots": (requests.capacity(), (Endpoint.CAPACITY, "GET", "/scheduler/available", {}, None, None)),
    "video": (
        video(motion_url=VIDEO),
        (
            Endpoint.SUBMIT_VIDEO,
            "POST",
            "/videos/motion-create",
            {},
            {"imageUrl": IMAGE, "motionUrl": VIDEO, "replyRef": "job-7"},
            None,
        ),
    ),
    "tasks of one kind": (
        requests.list_tasks(created_before=2, content_type="video"),
        (Endpoint.LIST_TASKS, "GET", "/tasks", {"createdBefore": "2", "contentType": "video"}, None, None),
    ),
    "uploaded assets": (
        requests.list_uploaded(),
        (Endpoint.LIST_UPLOADED, "GET", "/assets/uploaded/", {"pageNum": "1", "pageSize": "20"}, None, None),
    ),
    "uploaded assets with everything": (
        requests.list_uploaded(page=2, page_size=100, content_type="image", name="me", oldest_first=True, email=EMAIL),
        (
            Endpoint.LIST_UPLOADED,
            "GET",
            "/assets/uploaded/",
            {
                "email": EMAIL,
                "pageNum": "2",
                "pageSize": "100",
                "contentType": "image",
                "fileName": "me",
                "sort": "asc",
            },
            None,
            None,
        ),
    ),
    "delete of assets": (
        requests.delete_uploaded((FAR, 18), email=EMAIL),
        (
            Endpoint.DELETE_UPLOADED,
            "DELETE",
            "/assets/uploaded/",
            {"email": EMAIL, "id": f"{FAR},18"},
            None,
            None,
        ),
    ),
    "clean file": (
        requests.download_works((FAR,), file_type="MP4", email=EMAIL),
        (
            Endpoint.DOWNLOAD_WORKS,
            "GET",
            "/assets/download",
            {"email": EMAIL, "workIds": str(FAR), "fileTypes": "MP4"},
            None,
            None,
        ),
    ),
    "accounts": (requests.list_accounts(), (Endpoint.LIST_ACCOUNTS, "GET", "/accounts", {}, None, None)),
    "account": (
        requests.get_account(EMAIL),
        (Endpoint.GET_ACCOUNT, "GET", "/accounts/performer%2B1%40example.com", {}, None, None),
    ),
}


@pytest.mark.parametrize("name", BUILT)
def test_each_builder_spells_its_endpoint(name: str) -> None:
    """Method, path, query, body and content type are those of the HTTP contract, sections 1 and 2."""
    built, expected = BUILT[name]
    assert (built.endpoint, built.method, built.path, built.query, built.json, built.content_type) == expected


@pytest.mark.parametrize(
    "built",
    [
        requests.upload_asset("video/mp4", email=EMAIL),
        submit(email=EMAIL),
        requests.get_task(17, email=EMAIL),
        requests.delete_task(17, email=EMAIL),
        requests.list_motions(mine=True, page=1, page_size=40, email=EMAIL),
        requests.list_tasks(email=EMAIL),
        video(motion_url=VIDEO, email=EMAIL),
        requests.list_uploaded(email=EMAIL),
        requests.delete_uploaded([1], email=EMAIL),
        requests.download_works([1], file_type="MP4", email=EMAIL),
    ],
    ids=lambda built: built.endpoint,
)
def test_the_account_is_named_once_and_in_the_right_place(built: Request) -> None:
    """In the body of a POST with a JSON body, in the query of everything else; and known to whoever sends it."""
    in_body = (built.json or {}).get("email")
    in_query = built.query.get("email")
    assert (in_body, in_query) == ((EMAIL, None) if built.json is not None else (None, EMAIL))
    assert built.email == EMAIL


def test_every_endpoint_is_spelled_above() -> None:
    """A new one needs its request written by hand."""
    assert {built.endpoint for built, _ in BUILT.values()} == set(Endpoint)


#: One request body for each published form of motion-create, written by hand, with all the form has.
DIALECTS: dict[str, tuple[dict[str, object], str]] = {
    "October 2025": (
        {
            "work_id": -123456,
            "options": {
                "prompt": "Person dancing energetically",
                "duration": 10,
                "mode": "pro",
                "character_id": 0,
                "change_direction": False,
                "sound_effect": True,
                "audio_prompt": "upbeat music",
                "music_prompt": "electronic dance music",
                "enable_asmr": False,
            },
        },
        """
        {"email": "performer+1@example.com", "workId": -123456, "image": "https://cdn.example.test/in/pose.png",
         "prompt": "Person dancing energetically", "duration": "10", "mode": "pro", "character_id": 0,
         "change_direction": false, "sound_effect": true, "audio_prompt": "upbeat music",
         "music_prompt": "electronic dance music", "enable_asmr": false,
         "replyUrl": "https://hooks.example.test/k", "replyRef": "job-7"}
        """,
    ),
    "January 2026": (
        {
            "motion_url": VIDEO,
            "options": {
                "prompt": "Person dancing energetically",
                "keep_audio": True,
                "motion_direction": "image_direction",
                "mode": "std",
            },
        },
        """
        {"email": "performer+1@example.com", "imageUrl": "https://cdn.example.test/in/pose.png",
         "motionUrl": "https://cdn.example.test/in/walk.mp4", "prompt": "Person dancing energetically",
         "keepAudio": true, "motionDirection": "image_direction", "mode": "std",
         "replyUrl": "https://hooks.example.test/k", "replyRef": "job-7"}
        """,
    ),
    "March 2026": (
        {
            "motion_url": VIDEO,
            "options": {
                "model_name": "kling-v3-0",
                "prompt": "Person dancing energetically",
                "keep_audio": False,
                "motion_direction": "motion_direction",
                "mode": "std",
                "element": "u_123456789012345",
            },
        },
        """
        {"email": "performer+1@example.com", "model_name": "kling-v3-0",
         "imageUrl": "https://cdn.example.test/in/pose.png", "motionUrl": "https://cdn.example.test/in/walk.mp4",
         "prompt": "Person dancing energetically", "keepAudio": false, "motionDirection": "motion_direction",
         "mode": "std", "element_1": "u_123456789012345",
         "replyUrl": "https://hooks.example.test/k", "replyRef": "job-7"}
        """,
    ),
}


@pytest.mark.parametrize("form", DIALECTS)
def test_each_form_of_motion_create_is_spelled_as_published(form: str) -> None:
    """Equal to a body written by hand: names, types and all, and nothing more."""
    given, written = DIALECTS[form]
    built = video(**given, email=EMAIL, reply_url="https://hooks.example.test/k")
    assert json.loads(json.dumps(built.json)) == json.loads(written)


def test_a_submit_travels_on_a_connection_of_its_own_and_bears_a_mark() -> None:
    """So that its outcome is never left open without need, and can be found out."""
    for built in (submit(), video(motion_url=VIDEO), video(work_id=17)):
        assert built.fresh
        assert (built.json or {})["replyRef"] == "job-7"


@pytest.mark.parametrize("value", [0, True, "17", 1.5, None], ids=repr)
def test_a_work_id_is_a_whole_number(value: object) -> None:
    """Negative ones are those of the official motions."""
    if value is not None:
        with pytest.raises(InvalidRequestError, match="a work id is a whole number"):
            video(work_id=value)
    assert (video(work_id=-(10**20)).json or {})["workId"] == -(10**20)


@pytest.mark.parametrize("value", [value for value in NO_URLS if value != ""], ids=repr)
def test_motion_and_image_of_a_video_are_urls(value: object) -> None:
    """The text names which is none."""
    with pytest.raises(InvalidRequestError, match="motion "):
        video(motion_url=value)
    with pytest.raises(InvalidRequestError, match="image "):
        video(motion_url=VIDEO, image_url=value)


@pytest.mark.parametrize("count", [0, 11])
def test_one_to_ten_assets_are_deleted_at_once(count: int) -> None:
    """As many as the API takes."""
    with pytest.raises(InvalidRequestError, match=f"1 to 10 assets are deleted at once, got {count}"):
        requests.delete_uploaded(range(1, count + 1), email=EMAIL)


def test_a_delete_of_assets_names_the_account() -> None:
    """It is the one call in which the API wants it even of the only account."""
    with pytest.raises(InvalidRequestError, match="email is required"):
        requests.delete_uploaded([1], email=None)


@pytest.mark.parametrize("value", ["text", "", "Video", 5, ["video"]], ids=repr)
def test_lists_are_limited_to_known_kinds(value: object) -> None:
    """The text says which there are."""
    for build in (requests.list_tasks, requests.list_uploaded):
        with pytest.raises(InvalidRequestError, match="content_type must be 'video' or 'image' or 'audio', got"):
            build(content_type=value)  # type: ignore[arg-type]  # wrong types are what is tested


@pytest.mark.parametrize("value", [0, -1, True, None, "", "abc", "1.5", "1,2", b"17", 1.0], ids=repr)
def test_what_is_no_asset_id_is_refused(value: object) -> None:
    """Nothing but digits gets into the list of ids."""
    with pytest.raises(InvalidRequestError, match="the id of an uploaded asset is a whole number or its digits, got"):
        checked_asset_id(value)  # type: ignore[arg-type]  # wrong types are what is tested
    assert checked_asset_id(" 700000000000000001 ") == 700_000_000_000_000_001


def test_a_list_of_running_tasks_is_asked_for_all_accounts_at_once() -> None:
    """GET /scheduler takes no parameter."""
    assert requests.list_running().email is None


def test_what_failed_is_named_in_words_and_in_http() -> None:
    """An error text starts from the work a request was for."""
    assert requests.get_task(17).work == "the look at a task (GET /tasks/17)"


def test_texts_are_sent_trimmed() -> None:
    """White space around a URL is a slip of copying."""
    body = submit(resource_url=f" {VIDEO}\n", cover_url=f"{COVER} ", reply_url="\thttps://hooks.example.test/k ").json
    assert body is not None
    assert (body["resourceUrl"], body["coverUrl"]) == (VIDEO, COVER)
    assert body["replyUrl"] == "https://hooks.example.test/k"
    assert checked_email(f" {EMAIL} ") == EMAIL


NO_COUNTS: list[object] = [0, -1, True, False, "3", 1.5, 3.0, [], float("nan"), 10**9]


@pytest.mark.parametrize("value", NO_URLS, ids=repr)
@pytest.mark.parametrize("name", ["resource_url", "cover_url", "reply_url"])
def test_what_is_no_url_is_refused(name: str, value: object) -> None:
    """The text names the argument, what it may be and what it was."""
    with pytest.raises(InvalidRequestError) as caught:
        submit(**{name: value})
    assert name in str(caught.value)
    assert "http or https URL" in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("name", ["resource_url", "cover_url"])
def test_video_and_cover_are_required(name: str) -> None:
    """What an upload of another kind leaves `None` is refused with the name of the argument."""
    with pytest.raises(InvalidRequestError, match=f"{name} is required: an http or https URL, got None"):
        submit(**{name: None})


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/a.mp4",
        "https://[::1]/a.mp4",
        "HTTPS://EXAMPLE.test/a?b=c&d=%20#e",
        "https://bücher.example/ä.mp4",
    ],
)
def test_any_host_serves_as_a_url(url: str) -> None:
    """Hosts are not whitelisted: the service itself uses several (contract, section 8, question 24)."""
    assert checked_url("resource_url", url) == url


@pytest.mark.parametrize("value", [*NO_COUNTS, 51], ids=repr)
def test_max_jobs_is_a_whole_number_from_1_to_50(value: object) -> None:
    """Zero, 51, `True`, a text and a fraction are refused, and the text says what is allowed."""
    with pytest.raises(InvalidRequestError, match=r"max_jobs must be a whole number from 1 to 50, got") as caught:
        submit(max_jobs=value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", [1, 3, 50])
def test_allowed_max_jobs_are_sent(value: int) -> None:
    """Both ends of the range are in it."""
    assert (submit(max_jobs=value).json or {})["maxJobs"] == value


@pytest.mark.parametrize("value", [*NO_COUNTS, None, 101], ids=repr)
def test_a_page_has_1_to_100_entries(value: object) -> None:
    """A wrong page size is refused with the range, on official lists too."""
    for mine in (True, False):
        with pytest.raises(InvalidRequestError, match=r"page_size must be a whole number from 1 to 100, got"):
            requests.list_motions(mine=mine, page=1, page_size=value)  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("value", [1, 40, 100])
def test_allowed_page_sizes_are_sent(value: int) -> None:
    """Both ends of the range are in it."""
    assert requests.list_motions(mine=True, page=1, page_size=value).query["pageSize"] == str(value)


@pytest.mark.parametrize("value", ["", "  ", "a\nb", "a\x00b", "x" * 513, None, 7, b"job"], ids=repr)
def test_a_reply_ref_is_a_short_printable_text(value: object) -> None:
    """The text says how long and of what kind."""
    with pytest.raises(InvalidRequestError, match="reply_ref must be a printable text of 1 to 512 characters"):
        submit(reply_ref=value)


@pytest.mark.parametrize("value", ["j", "job 7", "x" * 512, '{"id": "ä"}'])
def test_a_reply_ref_is_sent_as_given(value: str) -> None:
    """It comes back with callbacks, so it is not touched."""
    assert (submit(reply_ref=value).json or {})["replyRef"] == value


@pytest.mark.parametrize("value", ["", " ", "performer", "a\n@b", "a@b\x00", 17, b"a@b", True], ids=repr)
def test_an_account_is_named_by_an_address(value: object) -> None:
    """Anything else is refused before the server picks some other account."""
    with pytest.raises(InvalidRequestError, match="email must be the address of a linked Kling account, got") as caught:
        checked_email(value)  # type: ignore[arg-type]  # wrong types are what is tested
    assert repr(value) in str(caught.value)


def test_no_account_is_no_mistake() -> None:
    """With one linked account the API picks it by itself."""
    assert checked_email(None) is None


@pytest.mark.parametrize("value", [17, FAR, 10**30, 0])
def test_a_task_id_is_a_whole_number(value: int) -> None:
    """Ids beyond 2**53 lose no digit."""
    assert checked_task_id(value) == value


@pytest.mark.parametrize("value", [True, False, None, 1.0, b"17", [17]], ids=repr)
def test_what_is_no_task_id_is_refused(value: object) -> None:
    """Nothing but digits gets into a path."""
    with pytest.raises(InvalidRequestError, match="a task is named by what a call gave of it, its reference or its id"):
        checked_task_id(value)  # type: ignore[arg-type]  # wrong types are what is tested


@pytest.mark.parametrize(
    ("text", "expected"), [("17", 17), (" 17\n", 17), (str(FAR), FAR), (str(10**30), 10**30), ("\x1f17", 17)]
)
def test_the_digits_of_a_task_id_are_a_reference(text: str, expected: int) -> None:
    """As typed or pasted."""
    assert TaskRef.parse(text) == TaskRef(task_id=expected)


@pytest.mark.parametrize(
    "text", ["", "abc", "1.5", "17/../4", "0x11", "1_7", "\u0661\u0667", "\xb2", "1" * 40], ids=repr
)
def test_a_text_that_is_neither_digits_nor_a_reference_is_refused(text: str) -> None:
    """Nothing but digits gets into a path."""
    with pytest.raises(InvalidRequestError, match="not a task id or task reference"):
        TaskRef.parse(text)


@pytest.mark.parametrize("check", [checked_task_id, lambda value: checked_url("reply_url", value)])
def test_what_is_refused_is_quoted_in_short(check: Callable[[object], object]) -> None:
    """The bytes of a whole film are an easy slip, and no text to read or to log."""
    with pytest.raises(InvalidRequestError) as caught:
        check(bytes(10**6))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "build",
    [requests.get_task, requests.delete_task, requests.untrack_task],
    ids=lambda build: build.__name__,
)
def test_ids_in_paths_are_plain_digits(build: Callable[[int], Request]) -> None:
    """No separator, no exponent, however large."""
    assert build(10**20).path.endswith("/100000000000000000000")
