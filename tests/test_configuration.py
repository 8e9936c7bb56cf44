"""Token, account and base URL: where they come from, what is refused, and that the token shows nowhere."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import klingmotion
from klingmotion import MotionSession, RetryPolicy
from klingmotion.aiohttp_transport import AiohttpTransport
from klingmotion.configuration import BASE_URL, checked_base_url, token_trouble
from klingmotion.errors import ConfigurationError, KlingMotionError
from klingmotion.secret import Secret

TOKEN = "user:1-example"
#: The part of the token that must not show: the shape alone is in the texts of errors.
CANARY = "1-example"
PACKAGE = Path(klingmotion.__file__).parent
VARIABLES = ("USEAPI_TOKEN", "USEAPI_EMAIL", "KLINGMOTION_BASE_URL")

WHOLE = [TOKEN, f"{TOKEN}\n", f" {TOKEN}\r\n", f"\t{TOKEN} ", "user:123456-aB9_.-~/+="]

MISSING: list[object] = [None, "", " ", "\n", 17, TOKEN.encode(), [TOKEN]]
UNPRINTABLE = [
    "user:1 -example", "user:1-exam ple", "user:1-example\x00", "user:1-exam\nple", "user:1-example\x7f",
    "user:1-ex\xe4mple", "user:1-example\u200b", "user:\u0661-example", "user:1-example\x1b[0m", "user:1\u2011example",
]  # fmt: skip
MISSHAPEN = [
    "1-example", "example", "User:1-example", "user:example", "user:-example", "user:1example", "user:1-", "user:",
    "user1-example", "user:x-example", "user:1_example", "user%3A1-example", "Bearer-user:1-example",
    "user:user:1-example", "'user:1-example'",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the person who runs the tests plays a part."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def transport_of(session: MotionSession) -> AiohttpTransport:
    transport = session._engine.calls.transport
    assert isinstance(transport, AiohttpTransport)
    return transport


def token_of(session: MotionSession) -> str:
    return transport_of(session)._token.reveal()


# --- The token ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", WHOLE, ids=repr)
def test_a_whole_token_is_taken_without_the_space_around_it(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given or from the environment: a line break at its end is a slip of copying."""
    assert token_trouble(token) is None
    assert token_of(MotionSession(token)) == token.strip()
    monkeypatch.setenv("USEAPI_TOKEN", token)
    assert token_trouble(None) is None
    assert token_of(MotionSession()) == token.strip()


def test_a_given_token_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearer place wins, also when it is wrong."""
    monkeypatch.setenv("USEAPI_TOKEN", "user:2-other")
    assert token_of(MotionSession(TOKEN)) == TOKEN
    with pytest.raises(ConfigurationError, match="no API token"):
        MotionSession("")


@pytest.mark.parametrize(
    ("token", "words"),
    [
        *((token, "no API token: pass token= or set $USEAPI_TOKEN") for token in MISSING),
        *((token, "holds a space, a control character or a letter outside ASCII") for token in UNPRINTABLE),
        *((token, "has not the shape user:<number>-<letters>") for token in MISSHAPEN),
    ],
    ids=lambda part: f"{part!r}"[:40],
)
def test_what_is_no_token_is_refused_in_words_that_help(token: object, words: str) -> None:
    """The text says what is wrong and what a token looks like, and repeats nothing of what was given."""
    with pytest.raises(ConfigurationError) as caught:
        MotionSession(token)  # type: ignore[arg-type]  # wrong types are what is tested
    assert words in str(caught.value)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize("token", [*UNPRINTABLE, *MISSHAPEN], ids=repr)
def test_a_token_in_the_environment_is_checked_alike(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its origin makes no difference."""
    if "\x00" in token:
        token = token.replace("\x00", "\x01")  # no variable can hold a NUL
    monkeypatch.setenv("USEAPI_TOKEN", token)
    with pytest.raises(ConfigurationError, match="API token"):
        MotionSession()


def test_with_a_transport_of_ones_own_no_token_is_needed() -> None:
    """It brings its own way in."""
    transport = AiohttpTransport(BASE_URL, Secret(TOKEN))
    assert MotionSession(transport=transport)._engine.calls.transport is transport


# --- Base URL and account -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "variable", "expected"),
    [
        (None, None, "https://api.useapi.net/v1/kling"),
        (None, "", "https://api.useapi.net/v1/kling"),
        ("", None, "https://api.useapi.net/v1/kling"),
        (None, "http://127.0.0.1:8080/v1/kling/", "http://127.0.0.1:8080/v1/kling"),
        ("http://[::1]:9/k", "http://127.0.0.1:8080", "http://[::1]:9/k"),
        (" https://proxy.example.test/kling// ", None, "https://proxy.example.test/kling"),
    ],
)
def test_where_the_api_is(
    given: str | None, variable: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As given, else `$KLINGMOTION_BASE_URL`, else the real one; without a slash at its end."""
    if variable is not None:
        monkeypatch.setenv("KLINGMOTION_BASE_URL", variable)
    assert checked_base_url(given) == expected
    assert expected in repr(transport_of(MotionSession(TOKEN, base_url=given)))


NO_BASE = [
    "api.useapi.net", "ftp://api.useapi.net", "https://", "https://api.useapi.net/v1?x=1", "https://h/#f", "https://u:p@h/",
    "https://a b/", "//api.useapi.net", "  ", "https://[::1", "http://h:99999/x", "http://h:port", "http://a..b/x",
    f"http://{'a' * 64}.test/",
]  # fmt: skip


@pytest.mark.parametrize("url", NO_BASE)
def test_a_base_url_is_an_origin_and_a_path(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """User, query and fragment have no place in it; what is wrong is the configuration."""
    with pytest.raises(ConfigurationError, match="base_url"):
        MotionSession(TOKEN, base_url=url)
    monkeypatch.setenv("KLINGMOTION_BASE_URL", url)
    with pytest.raises(ConfigurationError, match="base_url"):
        MotionSession(TOKEN)


@pytest.mark.parametrize(
    ("given", "variable", "expected"),
    [
        (None, None, None),
        (None, "", None),
        (None, " performer@example.com\n", "performer@example.com"),
        ("other@example.com", "performer@example.com", "other@example.com"),
    ],
)
def test_which_account_is_used(
    given: str | None, variable: str | None, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As given, else `$USEAPI_EMAIL`, else the only one there is."""
    if variable is not None:
        monkeypatch.setenv("USEAPI_EMAIL", variable)
    assert MotionSession(TOKEN, email=given)._engine.account(None) == expected


def test_a_malformed_account_is_a_mistake_of_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every other option of a session."""
    monkeypatch.setenv("USEAPI_EMAIL", "performer")
    with pytest.raises(ConfigurationError, match="email"):
        MotionSession(TOKEN)


# --- Nothing shows the token ----------------------------------------------------------------------------------------


def shown_by(error: BaseException) -> str:
    """Text, notes, attributes, causes and the local variables of every frame of ours."""
    parts = [repr(error), str(error), repr(vars(error)), repr(pickle.dumps(error))]
    seen: BaseException | None = error
    while seen is not None:
        frames = traceback.TracebackException.from_exception(seen, capture_locals=True).stack
        parts += [
            f"{frame.filename}:{frame.lineno} {frame.locals}"
            for frame in frames
            if Path(frame.filename).is_relative_to(PACKAGE)
        ]
        parts.append(str(seen))
        seen = seen.__cause__ or seen.__context__
    return "\n".join(parts)


def from_environment(monkeypatch: pytest.MonkeyPatch, token: str) -> MotionSession:
    monkeypatch.setenv("USEAPI_TOKEN", token)
    return MotionSession()


FAILURES: dict[str, Callable[[pytest.MonkeyPatch], object]] = {
    **{
        f"token {number}": lambda _, token=token: MotionSession(token)  # type: ignore[misc]  # bound early
        for number, token in enumerate([*UNPRINTABLE, *MISSHAPEN])
    },
    **{
        f"variable {number}": lambda patch, token=token: from_environment(patch, token)  # type: ignore[misc]  # as above
        for number, token in enumerate([*UNPRINTABLE[3:], *MISSHAPEN])
    },
    "bytes": lambda _: MotionSession(TOKEN.encode()),  # type: ignore[arg-type]  # a wrong type
    "good token, bad URL": lambda _: MotionSession(TOKEN, base_url="ftp://host"),
    "good token, bad URL part": lambda _: MotionSession(TOKEN, base_url="https://host/?q"),
    "good token, bad account": lambda _: MotionSession(TOKEN, email="performer"),
    "good token, wrong type": lambda _: MotionSession(TOKEN, email=17),  # type: ignore[arg-type]  # a wrong type
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_refusal_shows_the_token(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in its text, its pickle, its causes, nor in the local variables a crash reporter would collect."""
    with pytest.raises(KlingMotionError) as caught:
        FAILURES[name](monkeypatch)
    shown = shown_by(caught.value)
    assert str(PACKAGE) in shown
    assert "example" not in shown.replace("example.com", "")


@pytest.mark.parametrize("url", [f"https://{TOKEN}@api.useapi.net", f"https://api.useapi.net/?token={TOKEN}", TOKEN])
def test_a_token_in_the_wrong_place_is_not_repeated(url: str) -> None:
    """A token pasted into the base URL is refused without showing it."""
    with pytest.raises(ConfigurationError) as caught:
        MotionSession(TOKEN, base_url=url)
    assert CANARY not in str(caught.value)


def test_nothing_that_holds_the_token_shows_it() -> None:
    """Not by `repr`, `str`, formatting or as part of a container."""
    session = MotionSession(TOKEN)
    for holder in (
        session,
        transport_of(session),
        transport_of(session)._token,
        vars(session),
        vars(session._engine),
        vars(session._engine.calls),
    ):
        assert CANARY not in f"{holder!r} {holder!s} {[holder]}"
    assert CANARY not in repr(vars(transport_of(session)))


def test_a_secret_is_not_copied_out_by_accident() -> None:
    """It has no dictionary to dump; only `reveal` gives it."""
    secret = Secret(TOKEN)
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == TOKEN
    assert CANARY not in f"{secret} {secret!r} {secret:}"
    assert CANARY not in repr(copy.copy(secret))


SIGNS = f"{TOKEN}/with&all+signs=in-it"


@pytest.mark.parametrize(
    "spelled",
    [
        SIGNS,
        SIGNS.replace("/", "\\/"),
        SIGNS.replace("&", "\\u0026"),
        SIGNS.replace(":", "\\u003a").replace("-", "\\u002D").replace("/", "\\\\/"),
        SIGNS.replace("+", "\\\\u002b"),
        quote(SIGNS, safe=""),
        quote(SIGNS, safe="/-").replace("%3A", "%3a"),
        quote(quote(SIGNS)),
    ],
)
def test_a_secret_is_found_however_it_is_spelled(spelled: str) -> None:
    """In JSON, in a URL, in a text within a text."""
    around = b'{"error": "bad token %b (\\"x\\")"}'
    assert Secret(SIGNS).taken_out_of(around % spelled.encode()) == around % b"***"


@pytest.mark.parametrize(
    "content", [b'{"a\\/b": "user:1-example"}', b"\\" * 100_000 + b"example", b"%3a%25" * 50_000 + b"example"]
)
def test_what_a_secret_is_not_in_stays_as_it_is(content: bytes) -> None:
    """Whatever is escaped in it, and in a time that grows with its length only."""
    assert Secret(SIGNS).taken_out_of(content) == content


@pytest.mark.parametrize("wrong", [{"retry": 5}, {"poll": 5}, {"poll": RetryPolicy()}, {"http": 5}], ids=repr)
def test_what_is_no_policy_is_refused_when_the_session_is_made(wrong: dict[str, Any]) -> None:
    """Not after the first task is paid for."""
    with pytest.raises(ConfigurationError):
        MotionSession("user:1-example", **wrong)
