"""How an emulator behaves: accounts, pace, delays, dialect. Values only."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen, validators

Dialect = Literal["2025", "2026", "mixed"]
CreateDialect = Literal["2025", "2026-01", "2026-03", "any"]
History = Literal["full", "works", "none"]
RetryAfterForm = Literal["seconds", "date", "body", "none"]


@frozen
class Account:
    """A linked Kling account and the number of jobs it runs at once.

    Attributes:
        points: what its balance shows, in hundredths of a credit; no task takes any.
        error: why its session is broken: whatever names the account is then answered with 596.
    """

    email: str
    max_jobs: int = field(default=5, validator=[validators.ge(1), validators.le(50)])
    points: int = field(default=0, validator=validators.ge(0), kw_only=True)
    error: str | None = field(default=None, kw_only=True)


@frozen
class ByLooks:
    """A task stays in each state for so many looks (GET /tasks/<id>); nothing else moves it.

    It moves as soon as the last of those looks is answered, so by default the fourth look is final.
    """

    submitted: int = field(default=1, validator=validators.ge(0))
    processing: int = field(default=2, validator=validators.ge(0))


@frozen
class ByTime:
    """A task stays in each state for so many seconds of the event loop's clock."""

    submitted: float = field(default=2.0, validator=validators.ge(0))
    processing: float = field(default=6.0, validator=validators.ge(0))


Progress = ByLooks | ByTime


@frozen(kw_only=True)
class Lag:
    """How long a new thing is missing from a listing: so many looks at the listing, and so many seconds.

    Of a listing in pages only the first page counts as a look.
    """

    looks: int = field(default=0, validator=validators.ge(0))
    seconds: float = field(default=0.0, validator=validators.ge(0))
    never: bool = False


NO_LAG = Lag()
NEVER = Lag(never=True)


def lag(value: Lag | Literal["never"]) -> Lag:
    """`value`, with the word "never" spelled out."""
    return NEVER if value == "never" else value


@frozen
class RetryAfter:
    """What a 429 at the account's limit says about waiting: header seconds, header date, body, or nothing."""

    seconds: float = 10.0
    form: RetryAfterForm = "none"


@frozen(kw_only=True)
class Rules:
    """All that can be set about the emulated service; `Emulator` explains each."""

    progress: Progress = ByLooks()
    dialect: Dialect = "2025"
    create_dialect: CreateDialect = "any"
    listing_delay: Lag = NO_LAG
    history: History = "full"
    history_delay: Lag = NO_LAG
    scheduler_delay: Lag = NO_LAG
    clean_file_delay: Lag = NO_LAG
    lone_reply_ref: bool = True
    page_limit: int = 100
    retry_after: RetryAfter = RetryAfter()
    longest_upload: float = 30.0
    deduplicate: bool = False
    callbacks: Literal["progress", "final"] = "progress"
