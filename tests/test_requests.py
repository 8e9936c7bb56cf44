"""What is sent: one builder per endpoint, and the arguments it refuses before anything goes out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from klingmotion import requests
from klingmotion.errors import InvalidRequestError
from klingmotion.requests import Endpoint, Request, checked_email, checked_task_id, checked_url

VIDEO = "https://cdn.example.test/in/walk.mp4"
COVER = "https://cdn.example.test/in/walk.jpg"
EMAIL = "performer+1@example.com"
FAR = 2**53 + 1


def submit(**changes: object) -> Request:
    known: dict[str, object] = {"resource_url": VIDEO, "cover_url": COVER, "reply_ref": "job-7", **changes}
    return requests.submit_motion(**known)  # type: ignore[arg-type]  # wrong types are what is tested


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
    ],
    ids=lambda built: built.endpoint,
)
def test_the_account_is_named_once_and_in_the_right_place(built: Request) -> None:
    """In the body of a POST with a JSON body, in the query of everything else; and known to whoever sends it."""
    in_body = (built.json or {}).get("email")
    in_query = built.query.get("email")
    assert (in_body, in_query) == ((EMAIL, None) if built.json is not None else (None, EMAIL))
    assert built.email == EMAIL


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


NO_URLS = [
    "", "  ", 17, b"https://example.test/", "walk.mp4", "/tmp/walk.mp4", "ftp://example.test/a", "https://",
    "https:///a.mp4", "https://exa mple.test/a", "https://example.test/a b", "https://example.test/a\nb", "https://[::1",
    "file:///tmp/a.mp4", "javascript:alert(1)",
]  # fmt: skip

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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (17, 17),
        ("17", 17),
        (" 17\n", 17),
        (FAR, FAR),
        (str(10**30), 10**30),
        (0, 0),
        pytest.param("\x1f17", 17),
    ],
)
def test_a_task_id_is_a_number_or_its_digits(value: int | str, expected: int) -> None:
    """Ids beyond 2**53 lose no digit."""
    assert checked_task_id(value) == expected


@pytest.mark.parametrize(
    "value",
    [True, False, None, 1.0, "", "abc", "1.5", "17/../4", "0x11", "1_7", "\u0661\u0667", "\xb2", "1" * 40, b"17"],
    ids=repr,
)
def test_what_is_no_task_id_is_refused(value: object) -> None:
    """Nothing but digits gets into a path."""
    with pytest.raises(InvalidRequestError, match="a task id is a whole number or its digits, got"):
        checked_task_id(value)  # type: ignore[arg-type]  # wrong types are what is tested


@pytest.mark.parametrize(
    "build",
    [requests.get_task, requests.delete_task, requests.untrack_task],
    ids=lambda build: build.__name__,
)
def test_ids_in_paths_are_plain_digits(build: Callable[[int], Request]) -> None:
    """No separator, no exponent, however large."""
    assert build(10**20).path.endswith("/100000000000000000000")
