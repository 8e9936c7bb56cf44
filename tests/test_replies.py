"""What each answer of the server means: which error, how long to wait, and which motion is the task's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from klingmotion import replies, requests
from klingmotion.errors import (
    BODY_LIMIT,
    AccountError,
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AssetNotFoundError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    DownloadError,
    GoneError,
    InsufficientCreditsError,
    InternalServerError,
    InvalidRequestError,
    KlingMotionError,
    ModerationError,
    NotFoundError,
    PermissionDeniedError,
    PersonNotFoundError,
    RateLimitError,
    RejectedInputError,
    SubscriptionError,
)
from klingmotion.models import Json, RunningTask, Task, Work
from klingmotion.refs import TaskRef
from klingmotion.refusals import is_passing, is_unclear, retry_after, status_error
from klingmotion.replies import Match, match
from klingmotion.responses import Response

#: A loaded machine is no finding.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NOW = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
LOOK = requests.get_task(17)
VIDEO = "https://cdn.example.test/in/walk.mp4"
HTML = b"<html><head><title>522</title></head>\n<body>  Connection timed out </body></html>"

GUIDELINES = "The content you uploaded appears to violate the community guidelines."


def answer(status: int, body: Json | bytes = b"", **headers: str) -> Response:
    """A response; underscores in header names stand for dashes."""
    return Response(
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )


def error_of(status: int, body: Json | bytes = b"") -> APIStatusError:
    return status_error(LOOK, answer(status, body), NOW)


# --- Status and error -----------------------------------------------------------------------------------------------

MEANINGS: list[tuple[int, Json | bytes, type[APIStatusError]]] = [
    (400, {"error": "Parameter resourceUrl is required"}, BadRequestError),
    (400, {"error": "No person found (MOTION.PIC_NOT_MATCHED)"}, PersonNotFoundError),
    (400, {"error": "MOTION.PIC_NOT_MATCHED"}, PersonNotFoundError),
    (400, {"error": "No person found", "code": "MOTION.PIC_NOT_MATCHED"}, PersonNotFoundError),
    (401, {"error": "Unauthorized", "code": 401}, AuthenticationError),
    (401, {"error": "Unauthorized"}, AuthenticationError),
    (402, {"error": "Subscription required", "code": 402}, SubscriptionError),
    (402, {"error": "Account has no subscription or subscription expired"}, SubscriptionError),
    (403, {"error": "Forbidden"}, PermissionDeniedError),
    (404, {"error": "Not found (VALID.ResourceNotFound)", "message": "Not Found"}, AssetNotFoundError),
    (404, {"error": "No works found for task 17"}, NotFoundError),
    (404, {"error": "Unable to locate running task_id 17"}, NotFoundError),
    (404, b"", NotFoundError),
    (405, b"", APIStatusError),
    (408, {"error": "Timeout"}, APIStatusError),
    (410, {"error": "Job has expired", "code": 410}, GoneError),
    (412, {"error": "Not enough credits: requested 2, available 1", "code": 412}, InsufficientCreditsError),
    (418, b"", APIStatusError),
    (422, {"error": "Prompt refused"}, RejectedInputError),
    (429, b"", RateLimitError),
    (429, {"error": "All configured accounts are at capacity (maxJobs)"}, RateLimitError),
    (500, b"", InternalServerError),
    (500, HTML, InternalServerError),
    (502, HTML, InternalServerError),
    (503, b"", InternalServerError),
    (504, b"", InternalServerError),
    (522, HTML, InternalServerError),
    (596, {"error": "Account performer@example.com in error state: login", "code": 596}, AccountError),
]


@pytest.mark.parametrize(("status", "body", "kind"), MEANINGS)
def test_each_status_has_its_error(status: int, body: Json | bytes, kind: type[APIStatusError]) -> None:
    """The table of the HTTP contract, section 5.2; the body decides only where the table says so."""
    error = error_of(status, body)
    assert type(error) is kind
    assert error.status == status
    assert f"was answered with {status}: " in str(error)
    assert str(error).startswith("the look at a task (GET /tasks/17)")


SERVER_ERRORS: list[tuple[Json | bytes, type[APIStatusError]]] = [
    ({"error": f"{GUIDELINES} (CM_EXT.POther)", "message": "Service busy (CM_EXT.POther)"}, ModerationError),
    ({"error": "Refused (CM_EXT.Copyright)"}, ModerationError),
    ({"error": f"{GUIDELINES.upper()}"}, ModerationError),
    ({"error": GUIDELINES, "message": "Service busy"}, ModerationError),
    ({"error": "The video is too long. (MOTION.DURATION_MORE_THAN_EXPECTED)"}, RejectedInputError),
    ({"error": "Too short (MOTION.DURATION_LESS)", "message": "Busy (MOTION.DURATION_LESS)"}, RejectedInputError),
    ({"error": "Unsupported (VALID.UnsupportedFileType) "}, RejectedInputError),
    ({"error": {"message": "Refused (CM_EXT.POther)", "code": 500}}, ModerationError),
    # No code and no word on guidelines: a fault.
    ({"error": "Internal Server Error"}, InternalServerError),
    ({"error": "Busy (try later)"}, InternalServerError),
    ({"error": "(CM_EXT.POther) came up"}, InternalServerError),
    ({"error": "lower case (cm_ext.POther)"}, InternalServerError),
    # `message` alone never decides.
    ({"message": "Service busy (CM_EXT.POther)"}, InternalServerError),
    ({"message": GUIDELINES}, InternalServerError),
    ({"error": "", "message": "Service busy (CM_EXT.POther)"}, InternalServerError),
    ({"error": None, "message": "Service busy (MOTION.DURATION_LESS)"}, InternalServerError),
    ({"error": "Internal Server Error", "message": GUIDELINES}, InternalServerError),
    ({"error": 500, "message": "Service busy (CM_EXT.POther)"}, InternalServerError),
    # Not the documented envelope.
    ([f"{GUIDELINES} (CM_EXT.POther)"], InternalServerError),
    (f"{GUIDELINES} (CM_EXT.POther)", InternalServerError),
    (b'{"error": "Refused (CM_EXT.POther)"', InternalServerError),
    (HTML, InternalServerError),
    (b"", InternalServerError),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind"), SERVER_ERRORS)
def test_a_500_is_told_apart_by_code_and_text(body: Json | bytes, kind: type[APIStatusError]) -> None:
    """Moderation, unusable input, or a fault that says nothing (contract section 5.3)."""
    assert type(error_of(500, body)) is kind


@pytest.mark.parametrize("status", [502, 503, 504, 522, 400])
def test_only_a_500_is_told_apart(status: int) -> None:
    """The same text behind another status does not make it moderation."""
    assert not isinstance(error_of(status, {"error": f"{GUIDELINES} (CM_EXT.POther)"}), ModerationError)


def test_raw_texts_and_code_are_kept() -> None:
    """What the server said can be read word for word, even where the class says it already."""
    body: dict[str, Json] = {"error": f"{GUIDELINES} (CM_EXT.POther)", "message": "Service busy (CM_EXT.POther)"}
    error = error_of(500, body)
    assert (error.error, error.message, error.code) == (body["error"], body["message"], "CM_EXT.POther")
    assert json.loads(error.body) == body
    assert str(body["error"]) in str(error)


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({"error": "e (A.b)", "message": "m (C.d)"}, ("e (A.b)", "m (C.d)", "A.b")),
        ({"error": "e", "message": "m (C.d)"}, ("e", "m (C.d)", "C.d")),
        ({"message": "m (C.d)"}, (None, "m (C.d)", "C.d")),
        ({"error": {"message": "inner (A.b)", "code": 5}}, ("inner (A.b)", None, "A.b")),
        ({"error": {"code": 5}}, (None, None, None)),
        ({"error": ["e"], "message": {"m": 1}}, (None, None, None)),
        ({"error": "", "message": ""}, ("", "", None)),
        ([], (None, None, None)),
        (None, (None, None, None)),
        (HTML, (None, None, None)),
    ],
)
def test_every_documented_envelope_is_read(
    body: Json | bytes, texts: tuple[str | None, str | None, str | None]
) -> None:
    """The code at the end of `error` comes before the one of `message` (contract section 5.1)."""
    error = error_of(400, body)
    assert (error.error, error.message, error.code) == texts


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "an empty body"),
        (b" \n ", "an empty body"),
        (HTML, "a web page"),
        (b"upstream\n  timed out", "upstream timed out"),
        ({"message": "only this"}, "only this"),
        (b"\xff\xfe broken", "\ufffd\ufffd broken"),
        ({"other": 1}, '{"other": 1}'),
    ],
)
def test_an_error_always_says_something(body: Json | bytes, said: str) -> None:
    """HTML, an empty body and bytes that are no text still give a readable line."""
    error = error_of(503, body)
    assert f"503: {said} - " in str(error)
    assert "\n" not in str(error)


def test_what_an_error_keeps_of_a_body_is_bounded() -> None:
    """A page of megabytes does not end up in logs."""
    error = error_of(503, b"x" * 10_000_000)
    assert error.body == "x" * BODY_LIMIT
    assert len(str(error)) < 500
    wide = error_of(503, ("\U0001f57a" * 20_000).encode())
    assert wide.body == "\U0001f57a" * BODY_LIMIT
    with pytest.raises(APIResponseError) as caught:
        replies.read(LOOK, answer(200, b"x" * 10_000_000), NOW, replies.deletion)
    assert caught.value.body == "x" * BODY_LIMIT
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["error", "message"])
def test_a_text_of_megabytes_is_bounded_too(name: str) -> None:
    """The server's own text can be as large as a page."""
    error = error_of(400, {name: "x" * 1_000_000})
    assert len(str(error)) <= 2 * BODY_LIMIT


@pytest.mark.parametrize(("status", "body", "kind"), MEANINGS)
def test_every_error_says_what_to_do_next(status: int, body: Json | bytes, kind: type[APIStatusError]) -> None:
    """After the server's words comes a dash and advice."""
    advice = str(error_of(status, body)).rsplit(" - ", 1)
    assert len(advice) == 2
    assert len(advice[1]) > 10
    if kind is AuthenticationError:
        assert "$USEAPI_TOKEN" in advice[1]


# --- Retry-After ----------------------------------------------------------------------------------------------------

NO_BODY: dict[str, Json] = {}


def http_date(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")


def test_the_longest_of_two_headers_counts() -> None:
    """S4: seconds and a date can only come in two lines."""
    for first, second, expected in [("1", "4", 4), ("4", "1", 4), ("3", http_date(30), 30), ("soon", "2", 2)]:
        headers = CIMultiDict([("Retry-After", first), ("retry-after", second)])
        assert retry_after(Response(status=429, headers=headers, body=b""), NOW) == expected


WAITS: list[tuple[str | None, Json | bytes, float | None]] = [
    (None, NO_BODY, None),
    ("3", NO_BODY, 3),
    (" 3 ", NO_BODY, 3),
    ("0", NO_BODY, 0),
    ("2.5", NO_BODY, 2.5),
    ("1000000000", NO_BODY, 10**9),
    (http_date(30), NO_BODY, 30),
    (http_date(-30), NO_BODY, 0),
    ("Thursday, 09-Oct-25 08:53:50 GMT", NO_BODY, 30),
    ("Thu Oct  9 08:53:50 2025", NO_BODY, 30),
    ("Thu, 09 Oct 2025 10:53:50 +0200", NO_BODY, 30),
    (None, {"retryAfter": "2025-10-09T08:53:30.500Z"}, 10.5),
    (None, {"retryAfter": "2025-10-09T08:53:30"}, 10),
    (None, {"retryAfter": "2025-10-09T10:53:30+02:00"}, 10),
    (None, {"retryAfter": "2020-01-01T00:00:00Z"}, 0),
    (None, {"retryAfter": 7}, 7),
    (None, {"retryAfter": 7.25}, 7.25),
    (None, {"retryAfter": "7"}, 7),
    (None, {"retryAfter": 10**9}, 10**9),
    # The larger wins.
    ("3", {"retryAfter": "2025-10-09T08:53:30Z"}, 10),
    ("30", {"retryAfter": "2025-10-09T08:53:30Z"}, 30),
    ("3", {"retryAfter": 7}, 7),
    (http_date(-30), {"retryAfter": 7}, 7),
    (http_date(60), {"retryAfter": 7}, 60),
    # Garbage is no hint.
    ("", NO_BODY, None),
    ("soon", NO_BODY, None),
    ("-5", NO_BODY, None),
    ("1e9", NO_BODY, None),
    ("inf", NO_BODY, None),
    ("nan", NO_BODY, None),
    ("9" * 400, NO_BODY, None),
    ("Thu, 99 Oct 2025 08:53:50 GMT", NO_BODY, None),
    ("Thu, 09 Oct 99999 08:53:50 GMT", NO_BODY, None),
    ("soon", {"retryAfter": 7}, 7),
    ("3", {"retryAfter": "soon"}, 3),
    (None, {"retryAfter": -7}, None),
    (None, {"retryAfter": True}, None),
    (None, {"retryAfter": None}, None),
    (None, {"retryAfter": [7]}, None),
    (None, {"retryAfter": {"seconds": 7}}, None),
    (None, {"retryAfter": ""}, None),
    (None, {"retryAfter": 10**400}, None),
    (None, b'{"retryAfter": 1e999}', None),
    (None, [7], None),
    ("3", HTML, 3),
    ("3", b"", 3),
]


@pytest.mark.parametrize(("header", "body", "expected"), WAITS)
def test_how_long_a_429_asks_to_wait(header: str | None, body: Json | bytes, expected: float | None) -> None:
    """Header seconds, header date and body `retryAfter`; the longest counts, garbage does not (contract section 6)."""
    response = answer(429, body, **({} if header is None else {"retry_after": header}))
    assert retry_after(response, NOW) == expected
    error = status_error(LOOK, response, NOW)
    assert isinstance(error, RateLimitError)
    assert error.retry_after == expected


@pytest.mark.parametrize(
    ("date", "hint", "expected"),
    [
        (http_date(600), http_date(630), 30),
        (http_date(-600), http_date(-570), 30),
        (http_date(600), http_date(590), 0),
        (http_date(600), "30", 30),
        ("yesterday", http_date(30), 30),
        ("", http_date(30), 30),
    ],
)
def test_a_point_in_time_is_measured_by_the_servers_clock(date: str, hint: str, expected: float) -> None:
    """Where the server says what time it is, its clock and ours may be minutes apart."""
    assert retry_after(answer(429, NO_BODY, retry_after=hint, date=date), NOW) == expected


def test_a_body_hint_is_measured_by_the_servers_clock_too() -> None:
    """The same for `retryAfter`."""
    body: dict[str, Json] = {"retryAfter": (NOW + timedelta(seconds=630)).isoformat()}
    assert retry_after(answer(429, body, date=http_date(600)), NOW) == 30


@UNHURRIED
@given(header=st.text(max_size=40), body=st.text(max_size=40))
@example(header="", body="\x1f7")
@example(header="Thu, 09 Oct 0001 00:00:00 +2359", body="0001-01-01T00:00:00+23:59")
@example(header="Fri, 31 Dec 9999 23:59:59 -2359", body="9999-12-31T23:59:59-23:59")
@example(header="20251009", body="20251009")
def test_no_hint_can_break_the_reading(header: str, body: str) -> None:
    """Any text in either place gives a number of seconds, 0 or more, or none."""
    found = retry_after(answer(429, {"retryAfter": body}, retry_after=header), NOW)
    assert found is None or 0 <= found < float("inf")


# --- Again? ---------------------------------------------------------------------------------------------------------


def status_of(status: int, body: Json | bytes = b"") -> KlingMotionError:
    return error_of(status, body)


#: An error, whether a GET that failed so is asked again, and whether a submit that failed so may have been accepted.
AGAIN: list[tuple[KlingMotionError, bool, bool]] = [
    (APIConnectionError("reset"), True, True),
    (APIConnectionError("refused", sent=False), True, False),
    (APITimeoutError("late"), True, True),
    (APITimeoutError("no connection", sent=False), True, False),
    (APIResponseError("HTML"), True, True),
    (status_of(408), True, True),
    (status_of(429), True, False),
    (status_of(500), True, True),
    (status_of(500, {"error": "Internal Server Error"}), True, True),
    (status_of(500, {"message": "Service busy (CM_EXT.POther)"}), True, True),
    (status_of(500, {"error": f"{GUIDELINES} (CM_EXT.POther)"}), False, False),
    (status_of(500, {"error": "Too long (MOTION.DURATION_MORE_THAN_EXPECTED)"}), False, False),
    (status_of(502, HTML), True, True),
    (status_of(503), True, True),
    (status_of(504), True, True),
    (status_of(522, HTML), True, True),
    (status_of(400), False, False),
    (status_of(401), False, False),
    (status_of(402), False, False),
    (status_of(403), False, False),
    (status_of(404), False, False),
    (status_of(404, {"error": "(VALID.ResourceNotFound)"}), False, False),
    (status_of(405), False, False),
    (status_of(410), False, False),
    (status_of(412), False, False),
    (status_of(422), False, False),
    (status_of(596), False, False),
    (ConfigurationError("closed"), False, False),
    (InvalidRequestError("bad"), False, False),
    (DownloadError("cut"), False, False),
]


@pytest.mark.parametrize(("error", "passing", "unclear"), AGAIN, ids=lambda part: f"{part!r:.60}")
def test_which_failures_pass_and_which_leave_a_submit_unclear(
    error: KlingMotionError, passing: bool, unclear: bool
) -> None:
    """The last two columns of the table in contract section 5.2."""
    assert (is_passing(error), is_unclear(error)) == (passing, unclear)


def test_a_clear_failure_of_a_submit_that_passes_was_never_accepted() -> None:
    """Only what certainly did nothing is both worth another try and safe to send again."""
    assert {type(error) for error, passing, unclear in AGAIN if passing and not unclear} == {
        APIConnectionError,
        APITimeoutError,
        RateLimitError,
    }


# --- Good answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_a_good_answer(status: int) -> None:
    """The body is read, not the number."""
    assert replies.read(LOOK, answer(status, {"deleted": 2}), NOW, replies.deletion).deleted == 2


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308])
def test_a_redirect_that_reaches_a_reader_is_refused(status: int) -> None:
    """The token is not taken elsewhere, and the text points at the setting to check."""
    with pytest.raises(APIResponseError, match=rf"redirected \({status}\).*base_url") as caught:
        replies.read(LOOK, answer(status, b"moved"), NOW, replies.deletion)
    assert (caught.value.status, caught.value.body) == (status, "moved")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "an empty body"),
        (b"  \n", "an empty body"),
        (HTML, "a web page"),
        (b'{"deleted": 1', '{"deleted": 1'),
        (b"NaN", "NaN"),
        (b"\xff\xff", "\ufffd\ufffd"),
        (b"[" * 100_000, "[[["),
        (b"9" * 10_000, "999"),
    ],
)
def test_a_good_status_without_json_is_an_error_of_its_own(body: bytes, words: str) -> None:
    """An edge server's page behind a 200 is not a result; the error says what came and what was asked."""
    with pytest.raises(APIResponseError, match=r"the answer \(200\) is not JSON") as caught:
        replies.read(LOOK, answer(200, body), NOW, replies.deletion)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 400
    assert str(caught.value).startswith("the look at a task (GET /tasks/17): ")
    assert caught.value.status == 200
    assert caught.value.__cause__ is None


def test_an_answer_nested_deeper_than_its_reader_can_go_is_no_crash() -> None:
    """Rule 8: newer Pythons parse deeper than they can follow."""

    def deeper(body: Json) -> Json:
        return deeper([body])

    with pytest.raises(APIResponseError, match="nested too deeply") as caught:
        replies.read(LOOK, answer(200, {"a": 1}), NOW, deeper)
    assert (caught.value.status, caught.value.body) == (200, '{"a": 1}')
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"status": 0, "message": "Unsupported codec"}, "status 0, Unsupported codec"),
        ({"status": 2, "message": "", "resourceUrl": VIDEO, "coverUrl": VIDEO}, "status 2, no text"),
        ({"status": -1, "url": VIDEO}, "status -1, no text"),
        ({"status": 1, "message": "stored"}, "holds no URL; the server says: stored"),
        ({"status": 3, "url": "", "resourceUrl": ""}, "holds no URL"),
        ({}, "holds no URL"),
        ({"error": "no"}, "holds no URL"),
    ],
)
def test_an_upload_whose_200_says_no_is_an_error(body: dict[str, Json], words: str) -> None:
    """A `status` other than success, or no URL to go on with (contract section 2.6)."""
    with pytest.raises(APIResponseError) as caught:
        replies.asset(body)
    assert words in str(caught.value)
    assert caught.value.path in ("$.status", "$.resourceUrl")


@pytest.mark.parametrize("status", [1, 3, None])
def test_an_upload_that_went_well_is_an_asset(status: int | None) -> None:
    """1 is success for a video, 3 for an image; a missing status with a URL is success as well."""
    assert replies.asset({"status": status, "resourceUrl": VIDEO}).resource_url == VIDEO
    assert replies.asset({"status": status, "url": VIDEO}).url == VIDEO


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"status": 7, "status_name": "failed", "message": "Sensitive words"}, "Sensitive words"),
        ({"task": {"status": 5}, "status_name": "submitted"}, "submitted"),
        ({"task": {"id": None}, "error": "no slot", "message": "busy"}, "no slot"),
        ({"task": None}, "nothing"),
        ({}, "nothing"),
    ],
)
def test_a_submit_answered_without_an_id_says_what_the_server_said(body: dict[str, Json], said: str) -> None:
    """It was answered, so it is not sent again; there is nothing to wait for (contract section 8, question 11)."""
    answer = replies.submitted(TaskRef(reply_ref="job-7"))(body)
    assert isinstance(answer, replies.NoTask)
    assert answer.said == said


def test_a_submit_answered_with_an_id_is_a_task() -> None:
    """The task's reference keeps what the submit carried."""
    ref = TaskRef(reply_ref="job-7", resource_url=VIDEO, email="performer@example.com", sent_at=NOW)
    found = replies.submitted(ref)({"task": {"id": 17}, "status_name": "submitted"})
    assert isinstance(found, Task)
    assert found.ref == attrs.evolve(ref, task_id=17)


@pytest.mark.parametrize(
    "wrong",
    [
        {"userPoints": []},
        {"status": "5"},
        {"works": {}},
        {"task": {"id": 17, "createTime": "2025-10-09"}},
        {"task": {"id": "17", "taskInfo": {"inputs": [{"url": 1}]}}},
        {"task": [], "id": 17},
        {"id": "17", "task": {"id": 17, "favored": 1}},
    ],
    ids=str,
)
def test_a_submit_whose_answer_is_wrong_in_a_part_is_known_by_its_id(wrong: dict[str, Json]) -> None:
    """It is paid for: what else the answer says can be looked at later."""
    ref = TaskRef(reply_ref="job-7", resource_url=VIDEO)
    body: dict[str, Json] = {"task": {"id": 17, "type": "t"}, "status_name": "submitted", **wrong}
    found = replies.submitted(ref)(body)
    assert isinstance(found, Task)
    assert (found.id, found.status_name, found.ref) == (17, "submitted", attrs.evolve(ref, task_id=17))


def test_half_a_status_ends_nothing() -> None:
    """Whether it is over, and how, the next look tells."""
    found = replies.submitted(TaskRef())({"task": {"id": 17}, "status_final": True, "status_name": 5})
    assert isinstance(found, Task)
    assert not found.is_final


@pytest.mark.parametrize(
    "body", [{"task": {"id": True}}, {"task": {"id": 17, "favored": 1}, "id": 18}, {"task": {"id": "x"}}], ids=str
)
def test_an_answer_that_names_no_task_for_certain_names_none(body: dict[str, Json]) -> None:
    """Then the task has to be looked for."""
    with pytest.raises(APIResponseError):
        replies.submitted(TaskRef())(body)


@pytest.mark.parametrize("wrong", [{"elapsed": 42}, {"started": 1}, {"replyUrl": False}, {"email": 5}], ids=str)
def test_a_running_task_is_known_by_its_mark_whatever_else_is_wrong(wrong: dict[str, Json]) -> None:
    """The mark is the best proof there is."""
    (found,) = replies.running([{"id": 17, "replyRef": "job-7", **wrong}])
    assert (found.id, found.reply_ref) == (17, "job-7")
    assert replies.running([{"id": [], "replyRef": 1}, 5]) == (RunningTask(), RunningTask())


WORK: dict[str, Json] = {
    "workId": 302,
    "taskId": 17,
    "type": "motion_control_motion_process",
    "status": 99,
    "status_name": "succeed",
    "status_final": True,
    "createTime": 1_760_000_000_000,
    "taskInfo": {"inputs": [{"url": VIDEO}]},
}


def test_a_history_entry_with_a_task_is_that_task() -> None:
    """The fullest form: read like the answer to a look."""
    entry: Json = {"task": {"id": 17, "type": "t"}, "works": [WORK], "status_name": "processing"}
    (found,) = replies.history({"history": [entry]}).tasks
    assert (found.id, found.type, found.status_name, found.works[0].work_id) == (17, "t", "processing", 302)


@pytest.mark.parametrize("inner", [{}, {"id": None}, {"id": WORK["taskId"], "taskInfo": None}])
def test_what_a_history_entry_lacks_its_first_work_tells(inner: dict[str, Json]) -> None:
    """Its id, and what it was made of; a work of another task says nothing of it."""
    (found,) = replies.history({"history": [{"task": inner, "works": [WORK]}]}).tasks
    assert (found.id, found.ref.resource_url) == (WORK["taskId"], VIDEO)
    (found,) = replies.history({"history": [{"id": None, "task": inner or None, "works": [WORK]}]}).tasks
    assert found.id == WORK["taskId"]
    (found,) = replies.history({"history": [{"task": {"id": 5}, "works": [WORK]}]}).tasks
    assert (found.id, found.info) == (5, None)


def test_a_history_entry_of_works_is_known_by_its_first_work() -> None:
    """The documented form (contract section 2.5): id, type, video, time and status come from the work."""
    (found,) = replies.history({"history": [{"works": [WORK]}]}).tasks
    assert (found.id, found.type, found.is_final) == (17, "motion_control_motion_process", True)
    assert (found.created_at, found.ref) == (NOW, TaskRef(task_id=17, resource_url=VIDEO))
    assert found.works[0].work_id == 302


@pytest.mark.parametrize("entry", [{}, {"works": []}, {"works": None}, {"works": [{"workId": 302}]}, {"task": None}])
def test_a_history_entry_without_an_id_is_passed_over(entry: dict[str, Json]) -> None:
    """There is nothing to recognise it by, and it does no harm to the others."""
    found = replies.history({"history": [entry, {"works": [WORK]}]})
    assert [task.id for task in found.tasks] == [17]
    assert found.nameless == 1


# --- Which motion is the task's -------------------------------------------------------------------------------------

DONE = Task(
    id=17,
    works=(Work(work_id=302), Work()),
    ref=TaskRef(task_id=17, resource_url=f"{VIDEO}?signature=1"),
)

MATCHES: list[tuple[Json, int | None]] = [
    ({"taskId": 17, "workId": 1}, 0),
    ({"taskId": "17"}, 0),
    ({"workId": 302}, 1),
    ({"workId": "302", "taskId": 18}, 1),
    ({"assetId": "motion_1", "url": VIDEO}, 2),
    ({"assetId": "motion_1", "url": f"{VIDEO}?signature=2"}, 2),
    ({"assetId": "motion_1", "url": VIDEO, "taskId": 17}, 0),
    ({"taskId": 17, "official": False}, 0),
    ({"taskId": 17, "official": None}, 0),
    # Not its own.
    ({"taskId": 17, "official": True}, None),
    ({"workId": 302, "official": True}, None),
    ({"assetId": "motion_1", "url": VIDEO, "official": True}, None),
    ({"taskId": 18, "workId": 301}, None),
    ({"taskId": 170}, None),
    ({"taskId": True}, None),
    ({"taskId": 17.0}, None),
    ({"taskId": [17]}, None),
    ({"url": VIDEO}, None),
    ({"resource": {"resource": VIDEO}, "workId": 1}, None),
    ({"assetId": "motion_1", "url": "https://cdn.example.test/in/run.mp4"}, None),
    ({"assetId": "motion_1", "url": f"{VIDEO}/more"}, None),
    ({"assetId": "motion_1", "url": None}, None),
    ({"assetId": "motion_1"}, None),
    ({}, None),
    ([], None),
    (None, None),
    (17, None),
    ("17", None),
]


@pytest.mark.parametrize(("entry", "rank"), MATCHES, ids=lambda part: f"{part}"[:70])
def test_an_entry_is_the_tasks_by_task_id_work_id_or_video(entry: Json, rank: int | None) -> None:
    """In this order of strength, ids as numbers or digits, URLs without their signature; official ones never."""
    found = match(entry, DONE)
    assert (None if found is None else found.rank) == rank


@pytest.mark.parametrize(
    "entry",
    [
        {"taskId": 18, "workName": 5, "resource": "x", "extData": []},
        {"taskId": {"deep": [1]}, "workId": "w", "createTime": "now"},
        {"assetId": 5, "url": 7, "duration": "long"},
        {"official": "true", "workId": []},
    ],
)
def test_a_malformed_stranger_on_the_page_does_no_harm(entry: dict[str, Json]) -> None:
    """Only an entry that is the task's own is read whole."""
    assert match(entry, DONE) is None


def test_a_malformed_entry_of_its_own_is_refused() -> None:
    """Half a motion is not given as a result."""
    with pytest.raises(APIResponseError) as caught:
        match({"taskId": 17, "workName": 5}, DONE)
    assert caught.value.path == "$.workName"


def test_a_task_of_unknown_video_matches_by_ids_only() -> None:
    """Without a URL of its own no upload can be its motion."""
    unknown = Task(id=17, ref=TaskRef(task_id=17))
    assert match({"assetId": "motion_1", "url": VIDEO}, unknown) is None
    assert match({"workId": 302}, unknown) is None
    assert match({"taskId": 17}, unknown) is not None


ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from([17, "17", VIDEO])
)
NAMES = ["taskId", "workId", "assetId", "url", "official", "workName", "resource"]


@UNHURRIED
@given(entry=st.dictionaries(st.sampled_from(NAMES), ANYTHING))
def test_no_entry_can_break_the_search(entry: dict[str, Any]) -> None:
    """Any entry is a match, none, or a refusal with a path."""
    found: object
    try:
        found = match(entry, DONE)
    except APIResponseError as refusal:
        found = refusal.path
    assert found is None or (found.rank in (0, 1, 2) if isinstance(found, Match) else str(found).startswith("$."))
